from datetime import timedelta

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api
from kursi_catalog.domain.policy import FIELDS
from kursi_catalog.main import platform_policy
from kursi_chassis.grpc.times import duration

PLATFORM, SALON, SERVICE = (
    pb.EffectivePolicy.PLATFORM, pb.EffectivePolicy.SALON, pb.EffectivePolicy.SERVICE,
)  # fmt: skip


@pytest.fixture
def world(shared_world):
    return shared_world


def update(salon, service=None, mask=(), etag="", **values):
    return api.UpdatePolicyRequest(
        salon_id=salon.id,
        service_id=service.id if service else "",
        policy=pb.Policy(**values),
        update_mask=FieldMask(paths=mask),
        etag=etag,
    )


def get(salon, service=None):
    return api.GetPolicyRequest(salon_id=salon.id, service_id=service.id if service else "")


def hours(number):
    return duration(timedelta(hours=number))


@pytest.mark.covers("C6")
async def test_a_salon_that_decides_nothing_has_the_platforms_policy(world, settings):
    salon = await world.salon()
    answer = await world.call("GetPolicy", get(salon))
    assert answer.policy.slot_step == duration(settings.policy_slot_step)
    assert answer.policy.maximum_ahead == duration(settings.policy_maximum_ahead)
    assert answer.policy.prepayment == pb.Policy.NONE
    assert answer.policy.automatic_confirmation is True
    fields = pb.Policy.DESCRIPTOR.fields
    assert dict(answer.sources) == {field.json_name: PLATFORM for field in fields}
    unset = [field.name for field, _ in answer.policy.ListFields()]
    assert {field.name for field in fields} - set(unset) <= {"texts", "prepayment"}


@pytest.mark.covers("C6")
def test_each_setting_of_the_platform_is_the_rule_of_its_name(settings):
    """With values that differ from each other: two that are mixed up would show."""
    given = {
        "slot_step": timedelta(minutes=5), "minimum_notice": timedelta(hours=1), "maximum_ahead": timedelta(days=9),
        "cancellation_window": timedelta(hours=2), "reschedule_window": timedelta(hours=3),
        "hold": timedelta(minutes=7), "automatic_confirmation": False, "prepayment": "deposit",
        "deposit_basis_points": 1, "late_cancellation_fee_basis_points": 2, "no_show_fee_basis_points": 3,
        "maximum_active_bookings": 4, "start_mode": "gap_free", "maximum_bookings_per_day": 6,
        "maximum_bookings_per_staff_day": 8, "latest_start": "20:00", "waitlist_offer": timedelta(minutes=11),
    }  # fmt: skip
    changed = settings.model_copy(update={f"policy_{name}": value for name, value in given.items()})
    policy = platform_policy(changed)
    assert {name: getattr(policy, name) for name in FIELDS} == {**given, "texts": {}}


@pytest.mark.covers("C6")
async def test_the_most_specific_level_wins_value_by_value(world):
    salon = await world.salon()
    service, owner = await world.service(salon), world.token(salon.id)
    await world.call(
        "UpdatePolicy",
        update(salon, hold=hours(1), cancellation_window=hours(48), texts={"en": "Be nice"}),
        owner,
    )
    await world.call(
        "UpdatePolicy",
        update(salon, service, cancellation_window=hours(0), automatic_confirmation=False),
        owner,
    )
    answer = await world.call("GetPolicy", get(salon, service))
    assert answer.policy.hold == hours(1)
    assert answer.policy.cancellation_window == hours(0)
    assert answer.policy.automatic_confirmation is False
    assert answer.policy.texts == {"en": "Be nice"}
    names = ("hold", "cancellationWindow", "automaticConfirmation", "texts", "slotStep")
    assert [answer.sources[name] for name in names] == [SALON, SERVICE, SERVICE, SALON, PLATFORM]
    salons_own = await world.call("GetPolicy", get(salon))
    assert salons_own.policy.cancellation_window == hours(48)


@pytest.mark.covers("C6")
async def test_a_masked_field_without_a_value_falls_back(world):
    salon = await world.salon()
    owner = world.token(salon.id)
    await world.call("UpdatePolicy", update(salon, hold=hours(1), deposit_basis_points=5000), owner)
    answer = await world.call("UpdatePolicy", update(salon, mask=["hold"]), owner)
    assert (answer.sources["hold"], answer.sources["depositBasisPoints"]) == (PLATFORM, SALON)


async def test_a_lost_update_of_a_policy_is_refused_level_by_level(world):
    salon = await world.salon()
    service, owner = await world.service(salon), world.token(salon.id)
    before = await world.call("GetPolicy", get(salon))
    await world.call("UpdatePolicy", update(salon, hold=hours(1), etag=before.etag), owner)
    refusal = await world.refusal("UpdatePolicy", update(salon, hold=hours(2), etag=before.etag), owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    await world.call("UpdatePolicy", update(salon, service, hold=hours(2), etag='"0"'), owner)


@pytest.mark.parametrize("of_service", [False, True], ids=["salon", "service"])
async def test_a_second_lost_update_of_a_policy_is_refused_too(world, of_service):
    salon = await world.salon()
    service, owner = await world.service(salon) if of_service else None, world.token(salon.id)
    first = await world.call("UpdatePolicy", update(salon, service, hold=hours(1)), owner)
    await world.call("UpdatePolicy", update(salon, service, hold=hours(2), etag=first.etag), owner)
    refusal = await world.refusal(
        "UpdatePolicy", update(salon, service, hold=hours(1), etag=first.etag), owner
    )
    assert refusal.reason == "STALE_ETAG"


@pytest.mark.covers("C9")
async def test_the_line_about_a_policy_names_its_level_and_the_same_rules_again_leave_none(world):
    salon = await world.salon()
    service, owner = await world.service(salon), world.token(salon.id)
    asked = [update(salon, hold=hours(1)), update(salon, service, hold=hours(2))]
    first = [await world.call("UpdatePolicy", request, owner) for request in asked]
    assert [await world.call("UpdatePolicy", request, owner) for request in asked] == first
    found = await world.rows(
        "SELECT target_type, target_id FROM audit WHERE salon_id = %s AND action = 'policy.updated' ORDER BY id",
        salon.id,
    )
    assert [tuple(row.values()) for row in found] == [
        ("salon_policy", salon.id), ("service_policy", service.id),
    ]  # fmt: skip


async def test_a_policy_belongs_to_a_service_of_the_salon(world):
    salon, other = await world.salon(), await world.salon()
    stranger = await world.service(other)
    owner = world.token(salon.id)
    assert (await world.refusal("GetPolicy", get(salon, stranger))).reason == "SERVICE_NOT_FOUND"
    refusal = await world.refusal("UpdatePolicy", update(salon, stranger, hold=hours(1)), owner)
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "SERVICE_NOT_FOUND")


@pytest.mark.covers("C6")
async def test_the_policy_of_an_archived_service_is_for_members_only(world):
    salon = await world.salon()
    service, owner = await world.service(salon), world.token(salon.id)
    archive = api.ArchiveServiceRequest(salon_id=salon.id, service_id=service.id)
    await world.call("ArchiveService", archive, owner)
    assert (
        await world.refusal("GetPolicy", get(salon, service), world.token())
    ).reason == "SERVICE_NOT_FOUND"
    assert (await world.call("GetPolicy", get(salon, service), owner)).sources["hold"] == PLATFORM


BAD_VALUES = {
    "slot_step": [duration(timedelta(minutes=4)), hours(5)],
    "minimum_notice": [hours(30 * 24 + 1)],
    "maximum_ahead": [hours(23), hours(401 * 24)],
    "cancellation_window": [hours(30 * 24 + 1)],
    "reschedule_window": [hours(30 * 24 + 1)],
    "hold": [duration(timedelta(minutes=1)), hours(3)],
    "deposit_basis_points": [-1, 10_001],
    "late_cancellation_fee_basis_points": [-1, 10_001],
    "no_show_fee_basis_points": [-1, 10_001],
    "maximum_active_bookings": [0, 101],
    "maximum_bookings_per_day": [-1, 10_001],
    "maximum_bookings_per_staff_day": [-1, 1_001],
    "waitlist_offer": [duration(timedelta(seconds=59)), hours(25)],
}


async def test_values_stay_within_their_bounds(world):
    salon = await world.salon()
    names = pb.Policy.DESCRIPTOR.fields_by_name
    for name, values in BAD_VALUES.items():
        for value in values:
            refusal = await world.refusal(
                "UpdatePolicy", update(salon, **{name: value}), world.token(salon.id)
            )
            assert refusal.violations == {f"policy.{names[name].json_name}": "OUT_OF_RANGE"}
    odd = update(salon, prepayment=9, hold=duration(timedelta(minutes=5, milliseconds=1)))
    refusal = await world.refusal("UpdatePolicy", odd, world.token(salon.id))
    assert refusal.violations == {"policy.prepayment": "UNKNOWN_VALUE", "policy.hold": "NOT_WHOLE_SECONDS"}


async def test_starts_are_whole_minutes_apart(world):
    salon = await world.salon()
    odd = update(salon, slot_step=duration(timedelta(minutes=15, seconds=1)))
    refusal = await world.refusal("UpdatePolicy", odd, world.token(salon.id))
    assert refusal.violations == {"policy.slotStep": "NOT_WHOLE_MINUTES"}
    assert (await world.call("GetPolicy", get(salon))).sources["slotStep"] == PLATFORM


@pytest.mark.covers("C6")
async def test_a_service_lifts_what_its_salon_limits(world):
    salon = await world.salon()
    service, owner = await world.service(salon), world.token(salon.id)
    await world.call(
        "UpdatePolicy",
        update(
            salon,
            start_mode=pb.Policy.GAP_FREE,
            maximum_bookings_per_day=8,
            maximum_bookings_per_staff_day=3,
            latest_start="15:00",
            waitlist_offer=hours(2),
        ),
        owner,
    )
    await world.call(
        "UpdatePolicy",
        update(salon, service, maximum_bookings_per_day=0, latest_start="24:00", start_mode=pb.Policy.GRID),
        owner,
    )
    answer = await world.call("GetPolicy", get(salon, service))
    in_force = answer.policy
    assert (in_force.start_mode, in_force.latest_start) == (pb.Policy.GRID, "24:00")
    assert (in_force.maximum_bookings_per_day, in_force.maximum_bookings_per_staff_day) == (0, 3)
    assert in_force.waitlist_offer == hours(2)
    names = ("startMode", "latestStart", "maximumBookingsPerDay", "maximumBookingsPerStaffDay")
    assert [answer.sources[name] for name in names] == [SERVICE, SERVICE, SERVICE, SALON]


@pytest.mark.parametrize("latest", ["24:01", "9:00", "noon", "25:00", "12:60"])
async def test_the_latest_start_is_a_time_of_day(world, latest):
    salon = await world.salon()
    refusal = await world.refusal("UpdatePolicy", update(salon, latest_start=latest), world.token(salon.id))
    assert refusal.violations == {"policy.latestStart": "NOT_A_TIME"}


async def test_starts_are_laid_out_in_known_ways_only(world):
    salon = await world.salon()
    refusal = await world.refusal("UpdatePolicy", update(salon, start_mode=7), world.token(salon.id))
    assert refusal.violations == {"policy.startMode": "UNKNOWN_VALUE"}
