from datetime import timedelta
from uuid import UUID

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type import latlng_pb2
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_chassis.caller import Role
from kursi_chassis.ids import new_id


@pytest.mark.covers("C1")
async def test_a_new_salon_is_a_draft_with_what_was_asked_for(world, make):
    wanted = make.salon(
        descriptions={"en": "Since 1999.\nCash only."},
        address="Olaya Street 1",
        location=latlng_pb2.LatLng(latitude=24.7, longitude=46.7),
        phone_number="+966 11 222 3333",
        serves=pb.Salon.WOMEN,
        amenities=["parking"],
    )
    made = await world.call("CreateSalon", api.CreateSalonRequest(salon=wanted), world.token())
    read = await world.call("GetSalon", api.GetSalonRequest(salon_id=made.id), world.token(made.id))
    assert read == made
    assert (made.status, made.slug, made.etag) == (pb.Salon.DRAFT, "rose", '"1"')
    assert made.names == wanted.names
    assert made.location == wanted.location
    assert (made.serves, list(made.amenities)) == (pb.Salon.WOMEN, ["parking"])


async def test_the_caller_becomes_the_owner(world, make):
    user_id = new_id()
    request = api.CreateSalonRequest(salon=make.salon())
    made = await world.call("CreateSalon", request, world.token(user_id=user_id))
    assert world.identity.grants == [(made.id, str(user_id), "OWNER")]


@pytest.mark.covers("C1")
async def test_an_update_changes_the_fields_of_its_mask_only(world):
    salon = await world.salon(city="Riyadh", address="Old Street 1")
    changed = await world.call(
        "UpdateSalon",
        api.UpdateSalonRequest(
            salon=pb.Salon(id=salon.id, city="Jeddah"), update_mask=FieldMask(paths=["city", "address"])
        ),
        world.token(salon.id),
    )
    assert (changed.city, changed.address, changed.names) == ("Jeddah", "", salon.names)


@pytest.mark.covers("C1")
async def test_a_lost_update_is_refused(world):
    salon = await world.salon()
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city="Jeddah", etag=salon.etag))
    await world.call("UpdateSalon", patch, world.token(salon.id))
    patch.salon.city = "Dammam"
    refusal = await world.refusal("UpdateSalon", patch, world.token(salon.id))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert (await world.call("GetSalon", api.GetSalonRequest(salon_id=salon.id))).city == "Jeddah"


@pytest.mark.covers("C1")
async def test_writing_into_a_salon_what_is_there_already_changes_nothing(world):
    salon = await world.salon()
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city="Jeddah"))
    first = await world.call("UpdateSalon", patch, world.token(salon.id))
    versions = await world.rows("SELECT version FROM salons")
    world.clock.advance(timedelta(minutes=1))
    assert await world.call("UpdateSalon", patch, world.token(salon.id)) == first
    assert await world.rows("SELECT version FROM salons") == versions


@pytest.mark.covers("C1")
async def test_archiving_hides_a_salon_until_it_is_restored(world):
    salon = await world.salon()
    owner, get = world.token(salon.id), api.GetSalonRequest(salon_id=salon.id)
    archived = await world.call("ArchiveSalon", api.ArchiveSalonRequest(salon_id=salon.id), owner)
    assert archived.HasField("archive_time")
    assert (await world.refusal("GetSalon", get)).reason == "SALON_NOT_FOUND"
    assert (await world.call("GetSalon", get, owner)).etag == archived.etag
    await world.call("RestoreSalon", api.RestoreSalonRequest(salon_id=salon.id), owner)
    assert not (await world.call("GetSalon", get)).HasField("archive_time")


async def test_archiving_and_restoring_twice_change_nothing(world):
    salon = await world.salon()
    owner, request = world.token(salon.id), api.ArchiveSalonRequest(salon_id=salon.id, etag=salon.etag)
    first = await world.call("ArchiveSalon", request, owner)
    world.clock.advance(timedelta(minutes=1))
    assert await world.call("ArchiveSalon", request, owner) == first
    restored = await world.call("RestoreSalon", api.RestoreSalonRequest(salon_id=salon.id), owner)
    assert await world.call("RestoreSalon", api.RestoreSalonRequest(salon_id=salon.id), owner) == restored


async def test_an_archived_salon_is_not_changed(world, make):
    salon = await world.salon()
    owner = world.token(salon.id)
    await world.call("ArchiveSalon", api.ArchiveSalonRequest(salon_id=salon.id), owner)
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city="Jeddah"))
    refusal = await world.refusal("UpdateSalon", patch, owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SALON_ARCHIVED")
    add = api.CreateServiceRequest(salon_id=salon.id, service=make.service())
    assert (await world.refusal("CreateService", add, owner)).reason == "SALON_ARCHIVED"


@pytest.mark.covers("C1")
async def test_a_short_name_belongs_to_one_salon(world, make):
    await world.salon(slug="the-rose")
    other = await world.salon(slug="other-rose")
    owners = list(world.identity.grants)
    create = api.CreateSalonRequest(salon=make.salon(slug="the-rose"))
    refusal = await world.refusal("CreateSalon", create, world.token())
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "SLUG_TAKEN")
    assert world.identity.grants == owners, "nobody owns a salon that cannot be"
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=other.id, slug="the-rose"))
    assert (await world.refusal("UpdateSalon", patch, world.token(other.id))).reason == "SLUG_TAKEN"


async def test_a_short_name_is_made_from_the_name_and_told_apart(world):
    first = await world.salon(names={"en": "Rose & Co."})
    second = await world.salon(names={"en": "Rose & Co."})
    arabic = await world.salon(names={"ar": "روز"})
    assert first.slug == "rose-co"
    assert second.slug == f"rose-co-{UUID(second.id).hex[-8:]}"
    assert arabic.slug == "salon"


async def test_the_currency_stays_once_there_are_services(world):
    salon = await world.salon()
    owner = world.token(salon.id)
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, currency_code="AED"))
    assert (await world.call("UpdateSalon", patch, owner)).currency_code == "AED"
    patch.salon.currency_code = "SAR"
    await world.call("UpdateSalon", patch, owner)
    await world.service(salon)
    patch.salon.currency_code = "AED"
    refusal = await world.refusal("UpdateSalon", patch, owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "CURRENCY_IN_USE")


async def test_only_the_platform_suspends_and_lifts(world):
    salon = await world.salon()
    owner, admin = world.token(salon.id), world.token(is_admin=True)
    suspend = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, status=pb.Salon.SUSPENDED))
    live = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, status=pb.Salon.LIVE))
    refusal = await world.refusal("UpdateSalon", suspend, owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ADMIN_REQUIRED")
    assert (await world.call("UpdateSalon", suspend, admin)).status == pb.Salon.SUSPENDED
    assert (await world.refusal("UpdateSalon", live, owner)).reason == "ADMIN_REQUIRED"
    assert (await world.call("UpdateSalon", live, admin)).status == pb.Salon.LIVE


async def test_the_same_key_opens_one_salon(world, make):
    request, token = api.CreateSalonRequest(salon=make.salon()), world.token(user_id=new_id())
    first = await world.call("CreateSalon", request, token, idempotency_key="once")
    again = await world.call("CreateSalon", request, token, idempotency_key="once")
    assert first == again
    assert len(await world.rows("SELECT 1 FROM salons")) == 1
    request.salon.city = "Jeddah"
    refusal = await world.refusal("CreateSalon", request, token, idempotency_key="once")
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


async def test_a_salon_is_not_opened_while_identity_is_away(world, make):
    request = api.CreateSalonRequest(salon=make.salon())
    world.identity.is_down = True
    refusal = await world.refusal("CreateSalon", request, world.token())
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE")
    assert await world.rows("SELECT 1 FROM salons") == []


@pytest.mark.usefixtures("brief_waits")
async def test_a_crash_between_owner_and_salon_is_healed_by_the_retry(world, make):
    """The insert fails after identity has written the owner down, as if the process had died there."""
    user_id = new_id()
    request = api.CreateSalonRequest(salon=make.salon(), request_id="once")
    async with world.database.transaction() as blocker:
        await blocker.execute("LOCK TABLE salons IN EXCLUSIVE MODE")
        await world.refusal("CreateSalon", request, world.token(user_id=user_id))
    dangling = world.identity.grants[0][0]
    assert await world.rows("SELECT 1 FROM salons") == []
    made = await world.call("CreateSalon", request, world.token(user_id=user_id))
    assert made.id == dangling
    assert world.identity.grants == [(made.id, str(user_id), "OWNER")]


@pytest.mark.usefixtures("brief_waits")
async def test_the_key_of_somebody_else_opens_a_salon_of_ones_own(world, make):
    """Also while the first one's salon is not there yet: nobody becomes an owner of it by guessing its key."""
    request = api.CreateSalonRequest(salon=make.salon(), request_id="once")
    async with world.database.transaction() as blocker:
        await blocker.execute("LOCK TABLE salons IN EXCLUSIVE MODE")
        await world.refusal("CreateSalon", request, world.token(user_id=new_id()))
    made = await world.call("CreateSalon", request, world.token(user_id=new_id()))
    assert made.id not in {salon_id for salon_id, *_ in world.identity.grants[:1]}


async def test_an_old_key_does_not_bring_ownership_back(world, make):
    """After its answer was forgotten a key opens another salon; it grants nothing in the first one."""
    user_id = new_id()
    request = api.CreateSalonRequest(salon=make.salon(), request_id="once")
    first = await world.call("CreateSalon", request, world.token(user_id=user_id))
    world.identity.grants.clear()
    await world.call("CreateSalon", request, world.token(user_id=user_id))
    assert world.identity.grants == []
    async with world.database.transaction() as connection:
        await connection.execute("DELETE FROM replies")
    second = await world.call("CreateSalon", request, world.token(user_id=user_id))
    assert second.id != first.id
    assert [grant[0] for grant in world.identity.grants] == [second.id]


async def test_my_salons_come_by_name_in_pages(world):
    names = ["Zaman", "Amber", "Rose"]
    made = [await world.salon(live=False, names={"en": name}) for name in names]
    await world.salon(names={"en": "Somebody else's"})
    mine = {UUID(salon.id): Role.STAFF for salon in made}
    token = world.mint.user(salons=mine, sid="00000000-0000-7000-8000-000000000001", sub=str(new_id()))
    first = await world.call("ListSalons", api.ListSalonsRequest(page_size=2), token)
    rest = await world.call(
        "ListSalons", api.ListSalonsRequest(page_size=2, page_token=first.next_page_token), token
    )
    assert [salon.names["en"] for salon in [*first.salons, *rest.salons]] == ["Amber", "Rose", "Zaman"]
    assert rest.next_page_token == ""


async def test_my_salons_come_by_their_english_name_where_they_have_none_in_my_language(world):
    for_all = {"en": "Zaman", "de": "Atelier"}
    made = [await world.salon(live=False, names=names) for names in (for_all, {"en": "Mona"})]
    mine = {UUID(salon.id): Role.STAFF for salon in made}
    token = world.mint.user(salons=mine)
    found = await world.call("ListSalons", api.ListSalonsRequest(), token)
    assert [salon.names["en"] for salon in found.salons] == ["Mona", "Zaman"]
    arabic = await world.call("ListSalons", api.ListSalonsRequest(), token, accept_language="ar")
    assert [salon.names["en"] for salon in arabic.salons] == ["Mona", "Zaman"]


HIDDEN = {
    "draft": [],
    "suspended": [pb.Salon(status=pb.Salon.LIVE), pb.Salon(status=pb.Salon.SUSPENDED)],
}


@pytest.mark.parametrize("state", ["draft", "suspended", "archived"])
async def test_a_hidden_salon_is_not_there_for_strangers(world, state):
    salon = await world.salon(live=state == "archived")
    service, member = await world.service(salon), await world.staff(salon)
    admin = world.token(is_admin=True)
    for step in HIDDEN.get(state, []):
        step.id = salon.id
        await world.call("UpdateSalon", api.UpdateSalonRequest(salon=step), admin)
    if state == "archived":
        await world.call("ArchiveSalon", api.ArchiveSalonRequest(salon_id=salon.id), admin)
    questions = [
        ("GetSalon", api.GetSalonRequest(salon_id=salon.id)),
        ("GetService", api.GetServiceRequest(salon_id=salon.id, service_id=service.id)),
        ("ListServices", api.ListServicesRequest(salon_id=salon.id)),
        ("GetStaffMember", api.GetStaffMemberRequest(salon_id=salon.id, staff_id=member.id)),
        ("ListStaffMembers", api.ListStaffMembersRequest(salon_id=salon.id)),
        ("GetOpeningHours", api.GetOpeningHoursRequest(salon_id=salon.id)),
        ("ListClosures", api.ListClosuresRequest(salon_id=salon.id)),
        ("GetPolicy", api.GetPolicyRequest(salon_id=salon.id)),
    ]
    for method, request in questions:
        for token in (None, world.token()):
            refusal = await world.refusal(method, request, token)
            assert (method, refusal.code, refusal.reason) == (
                method, grpc.StatusCode.NOT_FOUND, "SALON_NOT_FOUND",
            )  # fmt: skip
        await world.call(method, request, world.token(salon.id, Role.STAFF))
        await world.call(method, request, admin)


BAD_SALONS = {
    "no name": ({"names": {}}, {"salon.names": "REQUIRED"}),
    "no zone": ({"time_zone": ""}, {"salon.timeZone": "REQUIRED"}),
    "no currency": ({"currency_code": ""}, {"salon.currencyCode": "REQUIRED"}),
    "long name": ({"names": {"en": "x" * 121}}, {"salon.names[en]": "TOO_LONG"}),
    "no language": ({"names": {"English": "Rose"}}, {"salon.names[English]": "NOT_A_LANGUAGE"}),
    "many languages": (
        {"names": {f"a{chr(97 + n)}": "Rose" for n in range(11)}},
        {"salon.names": "TOO_MANY"},
    ),
    "upper-case slug": ({"slug": "Rose"}, {"salon.slug": "MALFORMED"}),
    "short slug": ({"slug": "ro"}, {"salon.slug": "MALFORMED"}),
    "unknown zone": ({"time_zone": "Mars/Olympus"}, {"salon.timeZone": "NOT_A_TIME_ZONE"}),
    "unknown currency": ({"currency_code": "XXX"}, {"salon.currencyCode": "NOT_A_CURRENCY"}),
    "unknown country": ({"territory_code": "XX"}, {"salon.territoryCode": "NOT_A_COUNTRY"}),
    "off the map": (
        {"location": latlng_pb2.LatLng(latitude=91, longitude=181)},
        {"salon.location.latitude": "OUT_OF_RANGE", "salon.location.longitude": "OUT_OF_RANGE"},
    ),
    "not a number": ({"phone_number": "call me"}, {"salon.phoneNumber": "MALFORMED"}),
    "amenities": ({"amenities": ["x" * 41]}, {"salon.amenities[0]": "TOO_LONG"}),
    "many amenities": ({"amenities": ["x"] * 31}, {"salon.amenities": "TOO_MANY"}),
    "unknown enum": ({"serves": 99}, {"salon.serves": "UNKNOWN_VALUE"}),
    "born live": ({"status": pb.Salon.LIVE}, {"salon.status": "STARTS_AS_DRAFT"}),
    "bidi": ({"city": "\u202eRiyadh"}, {"salon.city": "BIDI_OVERRIDE"}),
}


async def test_bad_salons_are_refused_by_field(world, make):
    found = {}
    for name, (changes, _) in BAD_SALONS.items():
        request = api.CreateSalonRequest(salon=make.salon(**changes))
        found[name] = (await world.refusal("CreateSalon", request, world.token())).violations
    assert found == {name: violations for name, (_, violations) in BAD_SALONS.items()}
    assert world.identity.grants == []


async def test_a_mask_names_whole_fields_that_exist(world):
    salon = await world.salon()
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id))
    for path in ("nonsense", "location.latitude"):
        patch.update_mask.paths[:] = [path]
        refusal = await world.refusal("UpdateSalon", patch, world.token(salon.id))
        assert refusal.violations == {"updateMask": "UNKNOWN_FIELD"}
