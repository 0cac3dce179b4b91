"""`kursi.catalog.v1.PhotoService`."""

from uuid import UUID

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from kursi.catalog.v1 import photo_service_pb2 as pb
from kursi_chassis.caller import current_caller
from kursi_chassis.grpc.chain import Context
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.validation import Violations

from kursi_catalog.api.reading import request_key
from kursi_catalog.domain.photo import MOST_BYTES, MOST_OF_A_SUBJECT, SIDES, Photo, Subject
from kursi_catalog.usecases.photos import Photos

PHOTOS = "kursi.catalog.v1.PhotoService"
_CACHEABLE = "public, max-age=86400"
"""A day: what an id stands for never changes, but a deleted photo should be gone from everywhere by tomorrow."""


class PhotoServicer:
    def __init__(self, photos: Photos) -> None:
        self._photos = photos

    async def UploadPhoto(self, request: pb.UploadPhotoRequest, _context: Context) -> pb.Photo:
        with Violations() as check:
            subject = _subject(check, request.salon_id, request.service_id, request.staff_id)
            if not request.image.data:
                check.add("image", "REQUIRED")
            elif len(request.image.data) > MOST_BYTES:
                check.add("image", "TOO_LARGE", max=MOST_BYTES)
        answer = await self._photos.upload(
            current_caller(),
            subject,
            request.image.data,
            key=request_key(request, request.request_id),
            render=lambda photo: _photo(photo).SerializeToString(deterministic=True),
        )
        return pb.Photo.FromString(answer)

    async def ListPhotos(self, request: pb.ListPhotosRequest, _context: Context) -> pb.ListPhotosResponse:
        with Violations() as check:
            subject = _subject(check, request.salon_id, request.service_id, request.staff_id)
        found = await self._photos.page(current_caller(), subject)
        return pb.ListPhotosResponse(photos=map(_photo, found))

    async def GetPhoto(self, request: pb.GetPhotoRequest, _context: Context) -> pb.Photo:
        salon_id, photo_id = _ids(request.salon_id, request.photo_id)
        return _photo(await self._photos.get(current_caller(), salon_id, photo_id))

    async def DeletePhoto(self, request: pb.DeletePhotoRequest, _context: Context) -> Empty:
        salon_id, photo_id = _ids(request.salon_id, request.photo_id)
        await self._photos.delete(current_caller(), salon_id, photo_id)
        return Empty()

    async def ReorderPhotos(
        self, request: pb.ReorderPhotosRequest, _context: Context
    ) -> pb.ListPhotosResponse:
        with Violations() as check:
            subject = _subject(check, request.salon_id, request.service_id, request.staff_id)
            photo_ids = check.ids("photo_ids", request.photo_ids, MOST_OF_A_SUBJECT)
        found = await self._photos.reorder(current_caller(), subject, photo_ids)
        return pb.ListPhotosResponse(photos=map(_photo, found))

    async def GetPhotoImage(self, request: pb.GetPhotoImageRequest, context: Context) -> HttpBody:
        with Violations() as check:
            photo_id = check.id("photo_id", request.photo_id)
            size = check.choice("size", request.size, SIDES)
        content, is_public = await self._photos.picture(current_caller(), photo_id, size)
        if is_public:
            await context.send_initial_metadata((("cache-control", _CACHEABLE),))
        return HttpBody(content_type="image/webp", data=content)


def _ids(salon_id: str, photo_id: str) -> tuple[UUID, UUID]:
    with Violations() as check:
        return check.id("salon_id", salon_id), check.id("photo_id", photo_id)


def _subject(check: Violations, salon_id: str, service_id: str, staff_id: str) -> Subject:
    subject = Subject(
        check.id("salon_id", salon_id),
        check.optional_id("service_id", service_id),
        check.optional_id("staff_id", staff_id),
    )
    if service_id and staff_id:
        check.add("staff_id", "ONE_SUBJECT")
    return subject


def _photo(it: Photo) -> pb.Photo:
    return pb.Photo(
        id=str(it.id), salon_id=str(it.subject.salon_id), service_id=str(it.subject.service_id or ""),
        staff_id=str(it.subject.staff_id or ""), width=it.width, height=it.height,
        paths={size: f"/v1/photos/{it.id}/{size}" for size in SIDES}, create_time=timestamp(it.create_time),
    )  # fmt: skip
