"""Services, staff members and resources."""

from datetime import timedelta

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import refused


@pytest.fixture
def world(shared_world):
    return shared_world


@pytest.mark.covers("C3")
async def test_a_service_is_kept_as_it_was_asked_for(world, make):
    salon = await world.salon()
    sara, mona = await world.staff(salon), await world.staff(salon)
    wanted = make.service(
        descriptions={"en": "With wash"},
        duration=make.minutes(90),
        buffer_before=make.minutes(5),
        buffer_after=make.minutes(10),
        segments=[
            pb.Segment(duration=make.minutes(30), needs_staff=True, resource_kinds=["chair"]),
            pb.Segment(duration=make.minutes(40), resource_kinds=["chair"]),
            pb.Segment(duration=make.minutes(20), needs_staff=True),
        ],
        add_ons=[pb.AddOn(names={"en": "Mask"}, duration=make.minutes(15), price=make.sar(2000))],
        performers=[pb.Performer(staff_id=mona.id, price=make.sar(20000)), pb.Performer(staff_id=sara.id)],
        place=pb.Service.ONLINE,
        meeting_link="https://meet.example/rose",
    )
    made = await world.service(
        salon, **{field.name: getattr(wanted, field.name) for field, _ in wanted.ListFields()}
    )
    get = api.GetServiceRequest(salon_id=salon.id, service_id=made.id)
    assert await world.call("GetService", get) == made
    assert made.add_ons[0].id != ""
    for name in ("names", "duration", "segments", "performers", "place", "meeting_link", "price", "active"):
        assert getattr(made, name) == getattr(wanted, name)
    assert (made.buffer_before, made.buffer_after) == (make.minutes(5), make.minutes(10))


@pytest.mark.covers("C3")
async def test_each_performer_has_their_own_price_and_time(world, make):
    salon = await world.salon()
    sara = await world.staff(salon)
    own = pb.Performer(staff_id=sara.id, price=make.sar(9900), duration=make.minutes(30))
    assert list((await world.service(salon, performers=[own])).performers) == [own]


@pytest.mark.covers("C3")
async def test_a_performer_may_ask_for_nothing(world, make):
    salon = await world.salon()
    free = pb.Performer(staff_id=(await world.staff(salon)).id, price=make.sar(0))
    made = await world.service(salon, performers=[free])
    get = api.GetServiceRequest(salon_id=salon.id, service_id=made.id)
    assert list((await world.call("GetService", get)).performers) == [free]


@pytest.mark.covers("C3")
async def test_an_update_replaces_the_lists_it_names(world, make):
    salon = await world.salon()
    sara, mona = await world.staff(salon), await world.staff(salon)
    mask = pb.AddOn(names={"en": "Mask"}, price=make.sar(2000))
    wash = pb.AddOn(names={"en": "Wash"}, price=make.sar(1000))
    service = await world.service(salon, performers=[pb.Performer(staff_id=sara.id)], add_ons=[mask, wash])
    kept = service.add_ons[1]
    patch = pb.Service(id=service.id, performers=[pb.Performer(staff_id=mona.id)], add_ons=[kept])
    changed = await world.call(
        "UpdateService", api.UpdateServiceRequest(salon_id=salon.id, service=patch), world.token(salon.id)
    )
    assert [performer.staff_id for performer in changed.performers] == [mona.id]
    assert list(changed.add_ons) == [kept]
    assert changed.names == service.names
    get = api.GetStaffMemberRequest(salon_id=salon.id, staff_id=sara.id)
    assert list((await world.call("GetStaffMember", get)).service_ids) == []


@pytest.mark.covers("C3", "C4")
async def test_what_is_switched_off_needs_no_mask_and_what_is_not_named_stays_on(world):
    salon = await world.salon()
    staff, service = await world.staff(salon), await world.service(salon)
    off = pb.Service(id=service.id, active=False)
    changed = await world.call(
        "UpdateService", api.UpdateServiceRequest(salon_id=salon.id, service=off), world.token(salon.id)
    )
    assert (service.active, changed.active, changed.names) == (True, False, service.names)
    away = pb.StaffMember(id=staff.id, bookable_online=False)
    request = api.UpdateStaffMemberRequest(salon_id=salon.id, staff_member=away)
    assert not (await world.call("UpdateStaffMember", request, world.token(salon.id))).bookable_online
    renamed = pb.StaffMember(id=staff.id, display_names={"en": "Mona"}, bookable_online=True)
    request = api.UpdateStaffMemberRequest(salon_id=salon.id, staff_member=renamed)
    assert (await world.call("UpdateStaffMember", request, world.token(salon.id))).bookable_online
    other = pb.StaffMember(id=staff.id, color="#112233")
    request = api.UpdateStaffMemberRequest(salon_id=salon.id, staff_member=other)
    assert (await world.call("UpdateStaffMember", request, world.token(salon.id))).bookable_online


async def test_new_segments_make_a_new_duration(world, make):
    salon = await world.salon()
    half, third = (pb.Segment(duration=make.minutes(time), needs_staff=True) for time in (30, 20))
    service = await world.service(salon, duration=None, segments=[half])
    assert service.duration == make.minutes(30)
    patch = pb.Service(id=service.id, segments=[third])
    request = api.UpdateServiceRequest(salon_id=salon.id, service=patch)
    assert (await world.call("UpdateService", request, world.token(salon.id))).duration == make.minutes(20)
    cleared = api.UpdateServiceRequest(
        salon_id=salon.id, service=pb.Service(id=service.id), update_mask=FieldMask(paths=["segments"])
    )
    assert (await world.call("UpdateService", cleared, world.token(salon.id))).duration == make.minutes(20)


@pytest.mark.covers("C4")
async def test_a_staff_member_is_kept_as_asked_for(world, make):
    salon, user_id = await world.salon(), make.id()
    world.identity.users.add(user_id)
    wanted = {"user_id": user_id, "bios": {"en": "Colourist"}, "color": "#A1B2C3", "bookable_online": False}
    made = await world.staff(salon, **wanted)
    service = await world.service(salon, performers=[pb.Performer(staff_id=made.id)])
    get = api.GetStaffMemberRequest(salon_id=salon.id, staff_id=made.id)
    read = await world.call("GetStaffMember", get, world.token(salon.id, Role.STAFF))
    assert {name: getattr(read, name) for name in wanted} == wanted
    assert read.display_names == make.staff_member().display_names
    assert list(read.service_ids) == [service.id]


@pytest.mark.covers("C4")
async def test_customers_do_not_learn_whose_account_it_is(world, make):
    salon, user_id = await world.salon(), make.id()
    world.identity.users.add(user_id)
    made = await world.staff(salon, user_id=user_id)
    get = api.GetStaffMemberRequest(salon_id=salon.id, staff_id=made.id)
    listing = api.ListStaffMembersRequest(salon_id=salon.id)
    assert made.user_id == user_id
    assert (await world.call("GetStaffMember", get, world.token())).user_id == ""
    assert (await world.call("ListStaffMembers", listing)).staff_members[0].user_id == ""
    assert (await world.call("GetStaffMember", get, world.mint.service("booking"))).user_id == user_id


class Thing:
    """How the methods of one kind are called."""

    def __init__(self, name, field, id_field, change, make_one):
        self.name, self.field, self.id_field, self.change, self.make_one = (
            name, field, id_field, change, make_one,
        )  # fmt: skip

    def request(self, verb, salon, **more):
        return getattr(api, f"{verb}{self.name}Request")(salon_id=salon.id, **more)

    def by_id(self, verb, salon, thing_id, **more):
        return self.request(verb, salon, **{self.id_field: thing_id}, **more)

    def update(self, salon, thing, **more):
        changed = type(thing)(id=thing.id, **self.change, **more)
        return self.request("Update", salon, **{self.field: changed})

    def new(self, salon, make, **more):
        builder = {"service": make.service, "staff_member": make.staff_member}.get(
            self.field, lambda: pb.Resource(kind="chair")
        )
        return self.request("Create", salon, **{self.field: builder()}, **more)


SERVICE = Thing("Service", "service", "service_id", {"category": "nails"}, "service")
STAFF = Thing("StaffMember", "staff_member", "staff_id", {"color": "#112233"}, "staff")
RESOURCE = Thing("Resource", "resource", "resource_id", {"kind": "room"}, "resource")
THINGS = pytest.mark.parametrize("kind", [SERVICE, STAFF, RESOURCE], ids=lambda kind: kind.field)


@THINGS
async def test_a_lost_update_of_a_thing_is_refused(world, kind):
    salon = await world.salon()
    thing, owner = await getattr(world, kind.make_one)(salon), world.token(salon.id)
    update = kind.update(salon, thing, etag=thing.etag)
    changed = await world.call(f"Update{kind.name}", update, owner)
    assert changed.etag == '"2"'
    refusal = await world.refusal(f"Update{kind.name}", update, owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")


@THINGS
async def test_writing_what_is_there_already_changes_nothing(world, kind):
    salon = await world.salon()
    thing, owner = await getattr(world, kind.make_one)(salon), world.token(salon.id)
    first = await world.call(f"Update{kind.name}", kind.update(salon, thing), owner)
    versions = await world.rows("SELECT version FROM salons")
    assert await world.call(f"Update{kind.name}", kind.update(salon, thing), owner) == first
    assert await world.rows("SELECT version FROM salons") == versions


@THINGS
async def test_things_are_put_away_and_brought_back(world, kind):
    salon = await world.salon()
    thing, owner = await getattr(world, kind.make_one)(salon), world.token(salon.id)
    get = kind.by_id("Get", salon, thing.id)
    listing = getattr(api, f"List{kind.name}sRequest")(salon_id=salon.id)
    archived = await world.call(f"Archive{kind.name}", kind.by_id("Archive", salon, thing.id), owner)
    assert archived.HasField("archive_time")
    world.clock.advance(timedelta(minutes=1))
    again = kind.by_id("Archive", salon, thing.id, etag=thing.etag)
    assert await world.call(f"Archive{kind.name}", again, owner) == archived
    assert not (await world.call(f"List{kind.name}s", listing, owner)).ListFields()
    listing.show_archived = True
    assert (await world.call(f"List{kind.name}s", listing, owner)).ListFields()
    assert await world.call(f"Get{kind.name}", get, owner) == archived
    restored = await world.call(f"Restore{kind.name}", kind.by_id("Restore", salon, thing.id), owner)
    assert not restored.HasField("archive_time")
    stale = kind.by_id("Archive", salon, thing.id, etag='"1"')
    assert (await world.refusal(f"Archive{kind.name}", stale, owner)).reason == "STALE_ETAG"


@pytest.mark.parametrize("kind", [SERVICE, STAFF], ids=lambda kind: kind.field)
async def test_what_was_put_away_is_not_there_for_strangers(world, kind):
    salon = await world.salon()
    thing, owner = await getattr(world, kind.make_one)(salon), world.token(salon.id)
    await world.call(f"Archive{kind.name}", kind.by_id("Archive", salon, thing.id), owner)
    refusal = await world.refusal(f"Get{kind.name}", kind.by_id("Get", salon, thing.id), world.token())
    assert refusal.code == grpc.StatusCode.NOT_FOUND
    listing = getattr(api, f"List{kind.name}sRequest")(salon_id=salon.id, show_archived=True)
    assert not (await world.call(f"List{kind.name}s", listing)).ListFields()


@THINGS
async def test_a_thing_of_another_salon_is_not_there(world, kind, make):
    salon, other = await world.salon(), await world.salon()
    thing = await getattr(world, kind.make_one)(other)
    owner = world.token(salon.id)
    reason = {"service": "SERVICE_NOT_FOUND", "staff_member": "STAFF_NOT_FOUND"}.get(
        kind.field, "RESOURCE_NOT_FOUND"
    )
    for verb in ("Get", "Archive", "Restore"):
        for thing_id in (thing.id, make.id()):
            refusal = await world.refusal(f"{verb}{kind.name}", kind.by_id(verb, salon, thing_id), owner)
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, reason)
    refusal = await world.refusal(f"Update{kind.name}", kind.update(salon, thing), owner)
    assert refusal.reason == reason


@THINGS
async def test_the_same_key_makes_one_thing(world, kind, make):
    salon = await world.salon()
    owner = world.token(salon.id, user_id=new_id())
    request = kind.new(salon, make, request_id="once")
    first = await world.call(f"Create{kind.name}", request, owner)
    await world.call(f"Update{kind.name}", kind.update(salon, first), owner)
    assert await world.call(f"Create{kind.name}", request, owner) == first
    getattr(request, kind.field).MergeFrom(type(first)(**kind.change))
    refusal = await world.refusal(f"Create{kind.name}", request, owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")
    listing = getattr(api, f"List{kind.name}sRequest")(salon_id=salon.id)
    ((_, rows),) = (await world.call(f"List{kind.name}s", listing, owner)).ListFields()
    assert len(rows) == 1


@THINGS
async def test_pages_neither_repeat_nor_skip_while_things_are_added(world, kind):
    salon = await world.salon()
    add, owner = getattr(world, kind.make_one), world.token(salon.id)
    wanted = [(await add(salon)).id for _ in range(5)]
    listing = getattr(api, f"List{kind.name}sRequest")(salon_id=salon.id, page_size=2)
    seen = []
    for _ in range(3):
        page = await world.call(f"List{kind.name}s", listing, owner)
        seen += [row.id for row in page.ListFields()[0][1]]
        listing.page_token = page.next_page_token
        await add(salon)
    assert seen[:5] == wanted
    assert len(set(seen)) == len(seen)
    other = getattr(api, f"List{kind.name}sRequest")(
        salon_id=(await world.salon()).id, page_token=listing.page_token
    )
    refusal = await world.refusal(f"List{kind.name}s", other, world.token(other.salon_id))
    assert refusal.violations == {"pageToken": "MALFORMED"}


@THINGS
async def test_a_salon_has_500_of_a_kind_at_most(world, kind, monkeypatch):
    monkeypatch.setattr("kursi_catalog.usecases.collection.MOST_OF_A_KIND", 2)
    salon = await world.salon()
    add = getattr(world, kind.make_one)
    first, _ = await add(salon), await add(salon)
    await world.call(f"Archive{kind.name}", kind.by_id("Archive", salon, first.id), world.token(salon.id))
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await add(salon)
    assert refused(error.value).reason == "SALON_FULL"
