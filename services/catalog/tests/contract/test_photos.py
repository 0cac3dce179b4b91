"""Photos through the contract: who adds, sees, orders and deletes them, and what is left in the store."""

import asyncio
from io import BytesIO

import grpc
import pytest
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import photo_service_pb2 as pb
from kursi_catalog.domain.photo import MOST_BYTES, SIDES
from kursi_chassis.caller import Role
from kursi_chassis.testing.rpc import bearer
from photographing import delete, leftovers, listed, picture, shown, upload, upload_request
from PIL import Image

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


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
async def test_a_new_photo_is_the_last_one_also_after_others_are_gone(world):
    salon = await world.salon()
    first, second, third = [await upload(world, salon) for _ in range(3)]
    order = pb.ReorderPhotosRequest(salon_id=salon.id, photo_ids=[second.id, third.id, first.id])
    await world.call("ReorderPhotos", order, world.token(salon.id))
    await delete(world, salon, second)
    await delete(world, salon, third)
    fourth = await upload(world, salon)
    fifth = await upload(world, salon)
    assert await listed(world, salon) == [first.id, fourth.id, fifth.id]


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


@pytest.mark.covers("C8", "C9")
async def test_the_line_about_an_order_names_whose_photos_they_are(world):
    salon = await world.salon()
    service, member = await world.service(salon), await world.staff(salon)
    for subject in ({"service_id": service.id}, {"staff_id": member.id}, {}):
        photos = [(await upload(world, salon, **subject)).id for _ in range(2)]
        order = pb.ReorderPhotosRequest(salon_id=salon.id, photo_ids=photos[::-1], **subject)
        await world.call("ReorderPhotos", order, world.token(salon.id))
    lines = await world.rows("SELECT target_id FROM audit WHERE action = 'photos.reordered' ORDER BY id")
    assert [line["target_id"] for line in lines] == [service.id, member.id, salon.id]
