"""The audit trail and the events: one of each for every change, in the change's own transaction."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import grpc
import psycopg
import pytest
from kursi.catalog.events.v1 import catalog_events_pb2 as events
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi.catalog.v1 import review_service_pb2
from kursi_catalog.store.edits import Change, changed_event
from kursi_chassis.grpc.times import timestamp
from kursi_chassis.ids import new_id

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


async def trail(world, salon, **page):
    request = api.ListAuditEntriesRequest(salon_id=salon.id, **page)
    return await world.call("ListAuditEntries", request, world.token(salon.id))


async def told(world):
    """The events that wait for the relay: (what, which, version)."""
    rows = await world.rows("SELECT subject, payload, revision FROM outbox ORDER BY id")
    messages = [(row, events.CatalogChangedEvent.FromString(row["payload"])) for row in rows]
    assert all(row["revision"] == message.version for row, message in messages)
    return [
        (row["subject"].removeprefix("kursi.catalog.v1."), message.resource_id, message.version)
        for row, message in messages
    ]


@pytest.mark.covers("C9")
async def test_a_change_is_in_the_trail_with_before_and_after(world):
    salon, user_id = await world.salon(city="Riyadh"), new_id()
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city="Jeddah"))
    await world.call("UpdateSalon", patch, world.token(salon.id, user_id=user_id))
    entry = (await trail(world, salon)).entries[0]
    assert (entry.actor, entry.action, entry.target_type, entry.target_id) == (
        f"user:{user_id}", "salon.updated", "salon", salon.id,
    )  # fmt: skip
    assert (json.loads(entry.before_json), json.loads(entry.after_json)) == (
        {"city": "Riyadh"}, {"city": "Jeddah"},
    )  # fmt: skip


@pytest.mark.covers("C9")
async def test_each_line_says_who_from_where_and_in_which_request(world, make):
    """Of what changes the salon, and of what does not."""
    salon, user_id = await world.salon(), new_id()
    owner = world.token(salon.id, user_id=user_id)
    whence = {"x_request_id": "a-request", "x_envoy_external_address": "192.0.2.7"}
    patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city="Jeddah"))
    await world.call("UpdateSalon", patch, owner, **whence)
    booking_id = world.booking.visit(salon.id, user_id)
    review = review_service_pb2.CreateReviewRequest(salon_id=salon.id, booking_id=booking_id, rating=5)
    await world.call("CreateReview", review, world.mint.user(user_id), **whence)
    found = await world.rows("SELECT action, actor, address, request_id FROM audit ORDER BY id DESC LIMIT 2")
    assert [tuple(row.values()) for row in found] == [
        (action, f"user:{user_id}", "192.0.2.7", "a-request") for action in ("review.posted", "salon.updated")
    ]


async def every_change(world, make, salon):
    """One change of each kind, through the contract; what each should say of itself."""
    owner, ids = world.token(salon.id), {"salon_id": salon.id}
    service, member = await world.service(salon), await world.staff(salon)
    resource = await world.resource(salon)
    staff = {**ids, "staff_id": member.id}
    span = {"start_time": timestamp(NOON), "end_time": timestamp(NOON + timedelta(hours=1))}
    steps = [
        ("UpdateService", api.UpdateServiceRequest(**ids, service=pb.Service(id=service.id, category="x"))),
        ("ArchiveService", api.ArchiveServiceRequest(**ids, service_id=service.id)),
        ("RestoreService", api.RestoreServiceRequest(**ids, service_id=service.id)),
        ("ArchiveStaffMember", api.ArchiveStaffMemberRequest(**staff)),
        ("ArchiveResource", api.ArchiveResourceRequest(**ids, resource_id=resource.id)),
        (
            "ReplaceOpeningHours",
            api.ReplaceOpeningHoursRequest(**ids, opening_hours=pb.OpeningHours(ranges=make.every_day())),
        ),
        ("ReplaceAvailability", api.ReplaceAvailabilityRequest(**staff, availability=pb.Availability())),
        (
            "UpdatePolicy",
            api.UpdatePolicyRequest(
                **ids, service_id=service.id, policy=pb.Policy(maximum_active_bookings=2)
            ),
        ),
        ("ArchiveSalon", api.ArchiveSalonRequest(**ids)),
        ("RestoreSalon", api.RestoreSalonRequest(**ids)),
    ]
    time_off = await world.call(
        "CreateTimeOff", api.CreateTimeOffRequest(**staff, time_off=pb.TimeOff(**span)), owner
    )
    closure = await world.call(
        "CreateClosure", api.CreateClosureRequest(**ids, closure=pb.Closure(**span)), owner
    )
    await world.call("DeleteTimeOff", api.DeleteTimeOffRequest(**staff, time_off_id=time_off.id), owner)
    await world.call("DeleteClosure", api.DeleteClosureRequest(**ids, closure_id=closure.id), owner)
    for method, request in steps:
        await world.call(method, request, owner)
    return [
        ("salon.created", "salon", salon.id),
        ("service.created", "service", service.id),
        ("staff_member.created", "staff", member.id),
        ("resource.created", "salon", salon.id),
        ("time_off.created", "schedule", member.id),
        ("closure.created", "schedule", salon.id),
        ("time_off.deleted", "schedule", member.id),
        ("closure.deleted", "schedule", salon.id),
        ("service.updated", "service", service.id),
        ("service.archived", "service", service.id),
        ("service.restored", "service", service.id),
        ("staff_member.archived", "staff", member.id),
        ("resource.archived", "salon", salon.id),
        ("opening_hours.replaced", "schedule", salon.id),
        ("availability.replaced", "schedule", member.id),
        ("policy.updated", "policy", salon.id),
        ("salon.archived", "salon", salon.id),
        ("salon.restored", "salon", salon.id),
    ]


@pytest.mark.covers("C9")
async def test_every_change_leaves_one_line_and_one_event(world, make):
    salon = await world.salon(live=False)
    expected = await every_change(world, make, salon)
    entries = (await trail(world, salon, page_size=100)).entries
    assert [entry.action for entry in reversed(entries)] == [action for action, _, _ in expected]
    assert await told(world) == [
        (f"{topic}.changed", resource_id, version)
        for version, (_, topic, resource_id) in enumerate(expected, start=1)
    ]
    assert {entry.before_json for entry in entries if entry.action.endswith("created")} == {""}
    assert {entry.after_json for entry in entries if entry.action.endswith("deleted")} == {""}


@pytest.mark.covers("C9")
async def test_the_trail_comes_newest_first_in_pages(world):
    salon = await world.salon()
    for _ in range(3):
        await world.resource(salon)
    first = await trail(world, salon, page_size=3)
    await world.resource(salon)
    rest = await trail(world, salon, page_size=3, page_token=first.next_page_token)
    ids = [entry.id for entry in [*first.entries, *rest.entries]]
    assert (len(ids), ids) == (5, sorted(ids, reverse=True))
    assert rest.entries[-1].action == "salon.created"


@pytest.mark.covers("C9")
@pytest.mark.usefixtures("brief_waits")
async def test_a_change_that_cannot_be_told_does_not_happen(world):
    """Trail, event and change are one transaction: without the outbox there is no change."""
    salon = await world.salon()
    lines = len((await trail(world, salon)).entries)
    async with world.database.transaction() as blocker:
        await blocker.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
        patch = api.UpdateSalonRequest(salon=pb.Salon(id=salon.id, city="Jeddah"))
        refusal = await world.refusal("UpdateSalon", patch, world.token(salon.id))
        assert refusal.code == grpc.StatusCode.UNAVAILABLE
    assert await world.call("GetSalon", api.GetSalonRequest(salon_id=salon.id)) == salon
    assert len((await trail(world, salon)).entries) == lines


async def test_the_running_service_cannot_rewrite_the_trail(world):
    await world.salon()
    for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'nobody'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with world.database.transaction() as connection:
                await connection.execute(statement)


GOLDEN = Path(__file__).parents[4] / "protos" / "testdata" / "events" / "catalog"


@pytest.mark.parametrize("topic", ["salon", "service", "staff", "schedule", "policy"])
def test_the_event_is_the_one_that_consumers_are_tested_with(topic):
    salon_id = UUID("01890000-0000-7000-8000-000000000001")
    thing_id = UUID("01890000-0000-7000-8000-000000000002")
    resource_id = salon_id if topic in ("salon", "policy") else thing_id
    change = Change(
        action="", target_type="", target_id=thing_id, before=None, after=None,
        topic=topic, resource_id=resource_id,
    )  # fmt: skip
    event = changed_event(salon_id, change, 7, NOON)
    assert (event.subject, event.aggregate_id, event.revision) == (event.type, salon_id, 7)
    assert event.payload == (GOLDEN / f"{event.type}.binpb").read_bytes()
