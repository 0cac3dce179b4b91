"""Pictures on their way into the store and out of it: at once, too many of them, and when something breaks halfway."""

import asyncio
from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from kursi_catalog.adapters.folder_store import FolderStore
from kursi_catalog.adapters.photo_studio import PhotoStudio
from kursi_catalog.domain.errors import SalonFull, SalonNotFound
from kursi_catalog.domain.photo import SIDES, Developed, Subject
from kursi_catalog.usecases.once import RequestKey
from kursi_catalog.usecases.photos import Photos
from kursi_chassis.caller import Caller, Role
from kursi_chassis.errors import Unavailable
from kursi_chassis.ids import new_id
from photographing import give_photos, leftovers, listed, picture, upload, upload_request

PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


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

    def __init__(self, folder, steps, error=Unavailable):
        super().__init__(folder)
        self.steps, self.error = steps, error

    async def put(self, key, content, content_type):
        self._step()
        await super().put(key, content, content_type)

    async def delete(self, key):
        self._step()
        await super().delete(key)

    def _step(self):
        if self.steps == 0:
            raise self.error
        self.steps -= 1


class Owner:
    """The salon's owner, at the use cases themselves."""

    hour = timedelta(hours=1)

    def _caller(self, salon):
        return Caller(kind="user", user_id=new_id(), salons={UUID(salon.id): Role.OWNER})

    async def upload(self, photos, salon, content, caller=None):
        key = RequestKey("UploadPhoto", "", b"")
        subject, caller = Subject(UUID(salon.id)), caller or self._caller(salon)
        return await photos.upload(caller, subject, content, key=key, render=lambda _: b"")

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
@pytest.mark.parametrize("error", [Unavailable, PermissionError], ids=lambda error: error.__name__)
@pytest.mark.parametrize("steps", [0, 2])
async def test_what_a_deletion_leaves_is_swept_however_often_the_sweep_breaks(
    world, settings, stored, photos_over, owner, steps, error
):
    salon = await world.salon()
    photo = await upload(world, salon)
    fragile = Fragile(settings.photo_folder, steps, error)
    await owner.delete(photos_over(fragile), salon, photo)
    assert (await listed(world, salon), await leftovers(world)) == ([], [photo.id])
    with pytest.raises(error):
        await photos_over(fragile).sweep()
    assert await photos_over(FolderStore(settings.photo_folder)).sweep() == 1
    assert (stored(), await leftovers(world)) == ([], [])


class Slow(FolderStore):
    """A folder that takes so long for each of the four pictures of a photo."""

    def __init__(self, folder, clock, wait):
        super().__init__(folder)
        self.clock, self.wait = clock, wait

    async def put(self, key, content, content_type):
        await super().put(key, content, content_type)
        self.clock.advance(self.wait)


@pytest.mark.covers("C8")
@pytest.mark.parametrize("minutes", [8, 15])
async def test_an_upload_that_comes_when_it_is_swept_is_no_photo_without_pictures(
    world, settings, stored, photos_over, owner, minutes
):
    """The store takes more than half an hour, or a whole one; meanwhile the sweep may begin."""
    salon = await world.salon()
    slow = Slow(settings.photo_folder, world.clock, timedelta(minutes=minutes))
    with pytest.raises(Unavailable):
        await owner.upload(photos_over(slow), salon, picture())
    assert await listed(world, salon) == []
    world.clock.advance(owner.hour)
    assert await photos_over(FolderStore(settings.photo_folder)).sweep() == 1
    assert stored() == []


@pytest.mark.covers("C8")
async def test_an_upload_of_less_than_half_an_hour_is_a_photo_for_good(
    world, settings, stored, photos_over, owner
):
    salon = await world.salon()
    slow = Slow(settings.photo_folder, world.clock, timedelta(minutes=7))
    await owner.upload(photos_over(slow), salon, picture())
    world.clock.advance(owner.hour)
    assert await photos_over(FolderStore(settings.photo_folder)).sweep() == 0
    assert (len(await listed(world, salon)), len(stored())) == (1, len(SIDES))


class Locked:
    """A studio that nobody may come to."""

    async def develop(self, content):
        raise AssertionError


@pytest.mark.covers("C8")
async def test_what_can_be_refused_is_refused_before_a_picture_costs_anything(
    world, settings, photos_over, owner
):
    salon, draft = await world.salon(), await world.salon(live=False)
    await give_photos(world, salon, 30)
    photos = photos_over(FolderStore(settings.photo_folder), Locked())
    with pytest.raises(SalonFull):
        await owner.upload(photos, salon, picture())
    with pytest.raises(SalonNotFound):
        await owner.upload(photos, draft, picture(), caller=Caller(kind="user", user_id=new_id(), salons={}))
    assert await leftovers(world) == []
