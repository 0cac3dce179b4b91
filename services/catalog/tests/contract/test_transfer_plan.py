"""What a file does to things that are there already: by whose key, under which revision, and beside which rows that are wrong."""

import json
from datetime import timedelta

import pytest
from catalogue_files import HAND_MADE, bring, counts, export, named
from kursi.catalog.v1 import catalog_pb2 as cat
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import transfer_service_pb2 as pb


@pytest.fixture
def world(shared_world):
    return shared_world


async def service_of(world, salon):
    (service,) = (await world.call("ListServices", api.ListServicesRequest(salon_id=salon.id))).services
    return service


@pytest.mark.covers("C10")
async def test_what_a_file_changed_is_not_overwritten_by_who_read_it_before(world):
    salon = await world.salon()
    await bring(world, salon, HAND_MADE, pb.CSV)
    read = await service_of(world, salon)
    world.clock.advance(timedelta(minutes=1))
    await bring(world, salon, "type,key,price\nservice,cut,99\n", pb.CSV)
    changed = await service_of(world, salon)
    assert changed.update_time.seconds - read.update_time.seconds == 60
    late = api.UpdateServiceRequest(
        salon_id=salon.id, service=cat.Service(id=read.id, category="nails", etag=read.etag)
    )
    assert (await world.refusal("UpdateService", late, world.token(salon.id))).reason == "STALE_ETAG"


@pytest.mark.covers("C10")
async def test_a_full_salon_takes_changes_of_what_it_has(world, monkeypatch):
    monkeypatch.setattr("kursi_catalog.usecases.import_plan.MOST_OF_A_KIND", 2)
    salon = await world.salon()
    rows = "type,key,kind\nresource,a,{0}\nresource,b,{0}\n"
    assert counts(await bring(world, salon, rows.format("chair"), pb.CSV)) == (2, 0, 0)
    assert counts(await bring(world, salon, rows.format("room"), pb.CSV)) == (0, 2, 0)


@pytest.mark.covers("C10")
async def test_somebody_archived_whom_a_file_names_performs_once(world):
    salon = await world.salon()
    sara, noura = await world.staff(salon), await world.staff(salon)
    service = await world.service(
        salon, performers=[cat.Performer(staff_id=sara.id), cat.Performer(staff_id=noura.id)]
    )
    archive = api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=sara.id)
    await world.call("ArchiveStaffMember", archive, world.token(salon.id))
    both = f"type,key,performers\nservice,{service.id},{noura.id}|{sara.id}\n"
    report = await bring(world, salon, both, pb.CSV)
    assert (named(report), counts(report)) == ([], (0, 1, 0))
    kept = await service_of(world, salon)
    assert [one.staff_id for one in kept.performers] == [noura.id, sara.id]


@pytest.mark.covers("C10")
async def test_of_two_add_ons_with_one_name_the_first_is_the_one_that_was_there(world, make):
    salon = await world.salon()
    await world.service(salon, add_ons=[cat.AddOn(names={"en": "Mask"}, price=make.sar(500))])
    before = await service_of(world, salon)
    document = json.loads(await export(world, salon))
    (row,) = document["services"]
    row["addOns"].append({**row["addOns"][0], "price": {"currencyCode": "SAR", "amountMinor": "900"}})
    report = await bring(world, salon, json.dumps(document))
    assert (named(report), counts(report)) == ([], (0, 1, 0))
    first, second = (await service_of(world, salon)).add_ons
    assert first == before.add_ons[0]
    assert (second.price.amount_minor, second.id != first.id) == (900, True)


@pytest.mark.covers("C10")
async def test_a_wrong_row_of_somebody_is_named_once_and_not_with_all_that_they_do(world):
    salon = await world.salon()
    content = HAND_MADE.replace("displayNames.ar;kind", "color;kind").replace("سارة", "red")
    report = await bring(world, salon, content, pb.CSV)
    assert (report.applied, named(report)) == (False, [(2, "staff", "sara", "color", "MALFORMED")])


@pytest.mark.covers("C10")
async def test_bad_rows_of_two_lists_are_two_although_both_are_the_first(world):
    salon = await world.salon()
    wrong = {"staff": [{"key": "a", "color": "red"}], "resources": [{"key": "b", "kind": "A chair"}]}
    report = await bring(world, salon, json.dumps(wrong))
    assert (report.bad_rows, len(report.problems)) == (2, 2)


@pytest.mark.covers("C10")
async def test_a_table_is_divided_as_its_head_is_whatever_its_texts_hold(world):
    salon = await world.salon()
    name = ", ".join(["Cut", "wash", "dry", "colour", "care"] * 4)
    report = await bring(
        world, salon, f"type;key;names.en;price;duration\nservice;all;{name};90;60\n", pb.CSV
    )
    assert counts(report) == (1, 0, 0)
    assert (await service_of(world, salon)).names["en"] == name


@pytest.mark.covers("C10")
async def test_rows_of_one_schedule_agree_how_often_it_counts(world):
    salon = await world.salon()
    content = """type,key,staff,displayNames.en,day,start,end,effectiveFrom,everyWeeks
staff,a,,Sara,,,,,
shift,,a,,MONDAY,09:00,17:00,2026-05-04,1
shift,,a,,TUESDAY,09:00,17:00,2026-05-04,2
"""
    report = await bring(world, salon, content, pb.CSV)
    assert named(report) == [(4, "shift", "a", "effectiveUntil", "CONTRADICTS")]


@pytest.mark.covers("C10")
async def test_the_shifts_of_somebody_archived_are_in_no_file(world, make):
    salon = await world.salon()
    member, owner = await world.staff(salon), world.token(salon.id)
    shifts = cat.Availability(schedules=[cat.WeeklySchedule(shifts=make.every_day())])
    request = api.ReplaceAvailabilityRequest(salon_id=salon.id, staff_id=member.id, availability=shifts)
    await world.call("ReplaceAvailability", request, owner)
    archive = api.ArchiveStaffMemberRequest(salon_id=salon.id, staff_id=member.id)
    await world.call("ArchiveStaffMember", archive, owner)
    assert member.id.encode() not in await export(world, salon)
