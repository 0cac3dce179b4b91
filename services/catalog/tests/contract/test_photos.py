"""Photos through the contract: who adds, sees, orders and deletes them, and what is left in the store."""

import asyncio
from datetime import timedelta
from io import BytesIO
from uuid import UUID

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import photo_service_pb2 as pb
from kursi_catalog.adapters.folder_store import FolderStore
from kursi_catalog.adapters.photo_studio import PhotoStudio
from kursi_catalog.domain.errors import SalonFull
from kursi_catalog.domain.photo import MOST_BYTES, SIDES, Developed, Subject
from kursi_catalog.usecases.once import RequestKey
from kursi_catalog.usecases.photos import Photos
from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import Unavailable
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer
from PIL import Image

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


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


@pytest.fixture
def stored(settings):
    """Names of the objects in the store."""
    return lambda: sorted(
        str(path.relative_to(settings.photo_folder))
        for path in settings.photo_folder.rglob("*")
        if path.is_file()
    )


async def leftovers(world):
    return [str(row["photo_id"]) for row in await world.rows("SELECT photo_id FROM photo_leftovers")]


@pytest.mark.covers("C8")
async def test_a_photo_is_shown_in_four_sizes_and_is_kept_with_nothing_left_over(world, stored):
    salon = await world.salon()
    photo = await upload(world, salon)
    assert (photo.width, photo.height, set(photo.paths)) == (300, 200, set(SIDES))
    assert stored() == sorted(f"photos/{photo.id}/{size}.webp" for size in SIDES)
    for size, side in SIDES.items():
        answer = await shown(world, photo, size)
        assert answer.content_type == "image/webp"
        assert max(Image.open(BytesIO(answer.data)).size) == min(side, 300)
    assert await listed(world, salon) == [photo.id]
    assert await leftovers(world) == []


@pytest.mark.covers("C8")
async def test_photos_of_the_salon_its_services_and_its_staff_are_apart(world):
    salon = await world.salon()
    service, member = await world.service(salon), await world.staff(salon)
    own = await upload(world, salon)
    of_service = await upload(world, salon, service_id=service.id)
    of_member = await upload(world, salon, staff_id=member.id)
    assert await listed(world, salon) == [own.id]
    assert await listed(world, salon, service_id=service.id) == [of_service.id]
    assert await listed(world, salon, staff_id=member.id) == [of_member.id]
    stranger = await world.salon()
    foreign = upload_request(stranger, service_id=service.id)
    assert (
        await world.refusal("UploadPhoto", foreign, world.token(stranger.id))
    ).reason == "SERVICE_NOT_FOUND"
    both = upload_request(salon, service_id=service.id, staff_id=member.id)
    assert (await world.refusal("UploadPhoto", both, world.token(salon.id))).violations == {
        "staffId": "ONE_SUBJECT"
    }


@pytest.mark.covers("C8")
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "REQUIRED"),
        (b"GIF89a", "NOT_A_PHOTO"),
        (b"\xff" * MOST_BYTES, "NOT_A_PHOTO"),
        (b"\xff" * (MOST_BYTES + 1), "TOO_LARGE"),
    ],
    ids=["empty", "other", "ten megabytes", "large"],
)
async def test_a_refused_picture_leaves_nothing_behind(world, stored, content, reason):
    salon = await world.salon()
    refusal = await world.refusal("UploadPhoto", upload_request(salon, content), world.token(salon.id))
    assert refusal.violations == {"image": reason}
    assert (stored(), await leftovers(world), await listed(world, salon)) == ([], [], [])


@pytest.mark.covers("C8")
async def test_only_methods_that_say_so_take_large_requests(world):
    salon = await world.salon()
    too_large = upload_request(salon, b"\xff" * (11 * 1024 * 1024))
    refusal = await world.refusal("UploadPhoto", too_large, world.token(salon.id))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE")
    other = pb.ListPhotosRequest(salon_id="x" * (5 * 1024 * 1024))
    refusal = await world.refusal("ListPhotos", other)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "BODY_TOO_LARGE")


@pytest.mark.covers("C8")
async def test_managers_order_photos_and_name_each_of_them(world):
    salon = await world.salon()
    first, second, third = [
        (await upload(world, salon, picture(color))).id for color in ("red", "blue", "green")
    ]
    token = world.token(salon.id, Role.MANAGER)
    wanted = [third, first, second]
    for _ in range(2):
        request = pb.ReorderPhotosRequest(salon_id=salon.id, photo_ids=wanted)
        answer = await world.call("ReorderPhotos", request, token)
        assert [photo.id for photo in answer.photos] == wanted == await listed(world, salon)
    for wrong in ([first, second], [first, second, second], [first, second, third, salon.id]):
        request = pb.ReorderPhotosRequest(salon_id=salon.id, photo_ids=wrong)
        refusal = await world.refusal("ReorderPhotos", request, token)
        assert set(refusal.violations.values()) <= {"NOT_ALL_PHOTOS", "DUPLICATE"}
    assert await listed(world, salon) == wanted
    assert (await upload(world, salon)).id == (await listed(world, salon))[-1]


@pytest.mark.covers("C8")
async def test_a_deleted_photo_is_gone_from_lists_and_store(world, stored):
    salon = await world.salon()
    kept, gone = await upload(world, salon), await upload(world, salon)
    await delete(world, salon, gone)
    assert await listed(world, salon) == [kept.id]
    assert all(gone.id not in name for name in stored())
    request = pb.GetPhotoImageRequest(photo_id=gone.id, size="large")
    assert (await world.refusal("GetPhotoImage", request)).reason == "PHOTO_NOT_FOUND"
    again = pb.DeletePhotoRequest(salon_id=salon.id, photo_id=gone.id)
    assert (await world.refusal("DeletePhoto", again, world.token(salon.id))).reason == "PHOTO_NOT_FOUND"
    other = await world.salon()
    foreign = pb.DeletePhotoRequest(salon_id=other.id, photo_id=kept.id)
    assert (await world.refusal("DeletePhoto", foreign, world.token(other.id))).reason == "PHOTO_NOT_FOUND"


@pytest.mark.covers("C8")
async def test_photos_of_a_draft_are_for_its_members_and_for_no_cache(world):
    salon = await world.salon(live=False)
    photo = await upload(world, salon)
    request = pb.GetPhotoImageRequest(photo_id=photo.id, size="small")
    assert (await world.refusal("GetPhotoImage", request)).reason == "PHOTO_NOT_FOUND"
    assert (
        await world.refusal("ListPhotos", pb.ListPhotosRequest(salon_id=salon.id))
    ).reason == "SALON_NOT_FOUND"
    one = pb.GetPhotoRequest(salon_id=salon.id, photo_id=photo.id)
    assert (await world.refusal("GetPhoto", one)).reason == "SALON_NOT_FOUND"
    assert await world.call("GetPhoto", one, world.token(salon.id)) == photo
    call = world.methods["GetPhotoImage"](request, metadata=bearer(world.token(salon.id)))
    assert "cache-control" not in dict(await call.initial_metadata())
    live = await upload(world, await world.salon())
    call = world.methods["GetPhotoImage"](pb.GetPhotoImageRequest(photo_id=live.id, size="small"))
    assert dict(await call.initial_metadata())["cache-control"] == "public, max-age=86400"


async def test_a_size_that_there_is_not_is_refused(world):
    photo = await upload(world, await world.salon())
    request = pb.GetPhotoImageRequest(photo_id=photo.id, size="huge")
    assert (await world.refusal("GetPhotoImage", request)).violations == {"size": "UNKNOWN_VALUE"}


@pytest.mark.covers("C8")
async def test_a_repeated_upload_is_one_photo(world):
    salon = await world.salon()
    request = upload_request(salon, request_id="once")
    answers = await asyncio.gather(
        *(world.call("UploadPhoto", request, world.token(salon.id, user_id=salon.id)) for _ in range(3))
    )
    assert {answer.id for answer in answers} == {answers[0].id}
    assert await listed(world, salon) == [answers[0].id]


@pytest.mark.covers("C8", "C9")
async def test_photos_leave_lines_in_the_trail_and_the_booking_context_as_it_is(world):
    salon = await world.salon()
    (before,) = await world.rows("SELECT version FROM salons WHERE id = %s", salon.id)
    first, second = await upload(world, salon), await upload(world, salon)
    request = pb.ReorderPhotosRequest(salon_id=salon.id, photo_ids=[second.id, first.id])
    for _ in range(2):
        await world.call("ReorderPhotos", request, world.token(salon.id))
    await delete(world, salon, first)
    rows = await world.rows("SELECT action FROM audit WHERE target_type LIKE 'photo%%' ORDER BY id")
    assert [row["action"] for row in rows] == [
        "photo.added",
        "photo.added",
        "photos.reordered",
        "photo.deleted",
    ]
    assert await world.rows("SELECT version FROM salons WHERE id = %s", salon.id) == [before]


async def test_an_archived_salon_gets_no_photos(world):
    salon = await world.salon()
    owner = world.token(salon.id)
    await world.call("ArchiveSalon", api.ArchiveSalonRequest(salon_id=salon.id), owner)
    refusal = await world.refusal("UploadPhoto", upload_request(salon), owner)
    assert (refusal.code, refusal.reason) == (PRECONDITION, "SALON_ARCHIVED")


async def give_photos(world, salon, number):
    await world.execute(
        "INSERT INTO photos (id, salon_id, position, width, height, create_time) "
        "SELECT uuidv7(), %s, number, 1, 1, now() FROM generate_series(1, %s) number",
        salon.id, number,
    )  # fmt: skip


@pytest.mark.covers("C8")
async def test_a_salon_has_three_hundred_photos_at_most_whatever_they_show(world):
    salon = await world.salon()
    service = await world.service(salon)
    await give_photos(world, salon, 299)
    await upload(world, salon, service_id=service.id)
    one_more = upload_request(salon, service_id=service.id)
    refusal = await world.refusal("UploadPhoto", one_more, world.token(salon.id))
    assert (refusal.code, refusal.reason) == (PRECONDITION, "SALON_FULL")


class Together:
    """A studio that is done with so many pictures at the same instant, when all of them were let in."""

    def __init__(self, number):
        self._all = asyncio.Barrier(number)

    async def develop(self, content):
        await self._all.wait()
        return Developed(1, 1, dict.fromkeys(SIDES, content))


@pytest.mark.covers("C8")
async def test_of_many_uploads_at_once_no_more_than_thirty_are_kept(world, settings, photos_over, owner):
    salon = await world.salon()
    await give_photos(world, salon, 28)
    photos = photos_over(FolderStore(settings.photo_folder), Together(4))
    uploads = (owner.upload(photos, salon, b"webp") for _ in range(4))
    answers = await asyncio.gather(*uploads, return_exceptions=True)
    assert sorted(map(type, answers), key=str) == [bytes, bytes, SalonFull, SalonFull]
    assert len(await listed(world, salon)) == 30


class Fragile(FolderStore):
    """A folder that breaks after so many steps."""

    def __init__(self, folder, steps):
        super().__init__(folder)
        self.steps = steps

    async def put(self, key, content, content_type):
        self._step()
        await super().put(key, content, content_type)

    async def delete(self, key):
        self._step()
        await super().delete(key)

    def _step(self):
        if self.steps == 0:
            raise Unavailable
        self.steps -= 1


class Owner:
    """The salon's owner, at the use cases themselves."""

    hour = timedelta(hours=1)

    def _caller(self, salon):
        return Caller(kind="user", user_id=new_id(), salons={UUID(salon.id): Role.OWNER})

    async def upload(self, photos, salon, content):
        key = RequestKey("UploadPhoto", "", b"")
        subject = Subject(UUID(salon.id))
        return await photos.upload(self._caller(salon), subject, content, key=key, render=lambda _: b"")

    async def delete(self, photos, salon, photo):
        await photos.delete(self._caller(salon), UUID(salon.id), UUID(photo.id))


@pytest.fixture
def owner():
    return Owner()


@pytest.fixture
def photos_over(world):
    return lambda store, studio=None: Photos(world.database, world.clock, store, studio or PhotoStudio())


@pytest.mark.covers("C8")
@pytest.mark.parametrize("steps", [0, 1, 3])
async def test_an_upload_that_breaks_halfway_is_no_photo_and_is_swept(
    world, settings, stored, photos_over, owner, steps
):
    salon = await world.salon()
    fragile = Fragile(settings.photo_folder, steps)
    with pytest.raises(Unavailable):
        await owner.upload(photos_over(fragile), salon, picture())
    assert (len(stored()), await listed(world, salon), len(await leftovers(world))) == (steps, [], 1)
    sweeping = photos_over(FolderStore(settings.photo_folder))
    assert await sweeping.sweep() == 0, "it could still be at work"
    world.clock.advance(owner.hour)
    assert await sweeping.sweep() == 1
    assert (stored(), await leftovers(world)) == ([], [])


@pytest.mark.covers("C8")
@pytest.mark.parametrize("steps", [0, 2])
async def test_what_a_deletion_leaves_is_swept_however_often_the_sweep_breaks(
    world, settings, stored, photos_over, owner, steps
):
    salon = await world.salon()
    photo = await upload(world, salon)
    fragile = Fragile(settings.photo_folder, steps)
    await owner.delete(photos_over(fragile), salon, photo)
    assert (await listed(world, salon), await leftovers(world)) == ([], [photo.id])
    with pytest.raises(Unavailable):
        await photos_over(fragile).sweep()
    assert await photos_over(FolderStore(settings.photo_folder)).sweep() == 1
    assert (stored(), await leftovers(world)) == ([], [])


@pytest.mark.covers("C8")
async def test_an_upload_that_comes_when_it_is_swept_is_no_photo_without_pictures(
    world, settings, stored, photos_over, owner
):
    """The store takes an hour; meanwhile the sweep may begin."""

    class Slow(FolderStore):
        async def put(self, key, content, content_type):
            await super().put(key, content, content_type)
            world.clock.advance(owner.hour / 4)

    salon = await world.salon()
    with pytest.raises(Unavailable):
        await owner.upload(photos_over(Slow(settings.photo_folder)), salon, picture())
    assert await listed(world, salon) == []
    assert await photos_over(FolderStore(settings.photo_folder)).sweep() == 1
    assert stored() == []
