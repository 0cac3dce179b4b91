"""How photos are added, listed, shown and deleted in the tests."""

from io import BytesIO

from google.api.httpbody_pb2 import HttpBody
from kursi.catalog.v1 import photo_service_pb2 as pb
from PIL import Image


def picture(color="red", size=(300, 200)):
    out = BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def upload_request(salon, content=None, **changes):
    image = HttpBody(content_type="text/plain", data=picture() if content is None else content)
    return pb.UploadPhotoRequest(salon_id=salon.id, image=image, **changes)


async def upload(world, salon, content=None, **changes):
    return await world.call("UploadPhoto", upload_request(salon, content, **changes), world.token(salon.id))


async def listed(world, salon, token=None, **subject):
    answer = await world.call("ListPhotos", pb.ListPhotosRequest(salon_id=salon.id, **subject), token)
    return [photo.id for photo in answer.photos]


async def delete(world, salon, photo):
    request = pb.DeletePhotoRequest(salon_id=salon.id, photo_id=photo.id)
    return await world.call("DeletePhoto", request, world.token(salon.id))


async def shown(world, photo, size="large", token=None):
    request = pb.GetPhotoImageRequest(photo_id=photo.id, size=size)
    return await world.call("GetPhotoImage", request, token)


async def leftovers(world):
    return [str(row["photo_id"]) for row in await world.rows("SELECT photo_id FROM photo_leftovers")]


async def give_photos(world, salon, number):
    await world.execute(
        "INSERT INTO photos (id, salon_id, position, width, height, create_time) "
        "SELECT uuidv7(), %s, number, 1, 1, now() FROM generate_series(1, %s) number",
        salon.id, number,
    )  # fmt: skip
