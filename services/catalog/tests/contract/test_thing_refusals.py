"""Services, staff members and resources that are refused, field by field."""

import pytest
from kursi.catalog.v1 import catalog_pb2 as pb
from kursi.catalog.v1 import catalog_service_pb2 as api


@pytest.fixture
def world(shared_world):
    return shared_world


def bad_services(make):
    some = make.id()
    return {
        "no name": ({"names": {}}, {"service.names": "REQUIRED"}),
        "no price": ({"price": None}, {"service.price": "REQUIRED"}),
        "other currency": ({"price": make.sar(1, "AED")}, {"service.price.currencyCode": "OTHER_CURRENCY"}),
        "negative price": ({"price": make.sar(-1)}, {"service.price.amountMinor": "NEGATIVE"}),
        "price beyond all sense": (
            {"price": make.sar(2**63 - 1)},
            {"service.price.amountMinor": "OUT_OF_RANGE"},
        ),
        "no duration": ({"duration": None}, {"service.duration": "REQUIRED"}),
        "no time at all": ({"duration": make.minutes(0)}, {"service.duration": "OUT_OF_RANGE"}),
        "a day and more": ({"duration": make.minutes(1441)}, {"service.duration": "OUT_OF_RANGE"}),
        "half a minute": ({"duration": make.minutes(1.5)}, {"service.duration": "NOT_WHOLE_MINUTES"}),
        "long buffer": ({"buffer_after": make.minutes(241)}, {"service.bufferAfter": "OUT_OF_RANGE"}),
        "wrong sum": (
            {"segments": [pb.Segment(duration=make.minutes(44), needs_staff=True)]},
            {"service.duration": "NOT_SUM_OF_SEGMENTS"},
        ),
        "long sum": (
            {"duration": None, "segments": [pb.Segment(duration=make.minutes(800), needs_staff=True)] * 2},
            {"service.segments": "OUT_OF_RANGE"},
        ),
        "many segments": (
            {"segments": [pb.Segment(duration=make.minutes(5))] * 9},
            {"service.segments": "TOO_MANY"},
        ),
        "nothing and nobody busy": (
            {"segments": [pb.Segment(duration=make.minutes(20)), pb.Segment(duration=make.minutes(25))]},
            {"service.segments": "KEEPS_NOTHING_BUSY"},
        ),
        "odd kind": (
            {"segments": [pb.Segment(duration=make.minutes(45), resource_kinds=["Big Chair"])]},
            {"service.segments[0].resourceKinds[0]": "MALFORMED"},
        ),
        "stranger": (
            {"performers": [pb.Performer(staff_id=some)]},
            {"service.performers[0].staffId": "UNKNOWN_STAFF"},
        ),
        "twice": (
            {"performers": [pb.Performer(staff_id=some)] * 2},
            {"service.performers[1].staffId": "DUPLICATE"},
        ),
        "own time in segments": (
            {
                "segments": [
                    pb.Segment(duration=make.minutes(20), needs_staff=True),
                    pb.Segment(duration=make.minutes(25)),
                ],
                "performers": [pb.Performer(staff_id=some, duration=make.minutes(30))],
            },
            {"service.performers[0].duration": "NEEDS_ONE_SEGMENT"},
        ),
        "several people, own time": (
            {
                "segments": [pb.Segment(duration=make.minutes(45), needs_staff=True, staff_count=2)],
                "performers": [pb.Performer(staff_id=some, duration=make.minutes(30))],
            },
            {"service.performers[0].duration": "NEEDS_ONE_PERFORMER"},
        ),
        "several of nobody": (
            {"segments": [pb.Segment(duration=make.minutes(45), resource_kinds=["chair"], staff_count=2)]},
            {"service.segments[0].staffCount": "NEEDS_STAFF"},
        ),
        "too many people": (
            {"segments": [pb.Segment(duration=make.minutes(45), needs_staff=True, staff_count=6)]},
            {"service.segments[0].staffCount": "OUT_OF_RANGE"},
        ),
        "performer's currency": (
            {"performers": [pb.Performer(staff_id=some, price=make.sar(1, "AED"))]},
            {"service.performers[0].price.currencyCode": "OTHER_CURRENCY"},
        ),
        "add-on without price": (
            {"add_ons": [pb.AddOn(names={"en": "Mask"})]},
            {"service.addOns[0].price": "REQUIRED"},
        ),
        "add-on from elsewhere": (
            {"add_ons": [pb.AddOn(id=some, names={"en": "Mask"}, price=make.sar(1))]},
            {"service.addOns[0].id": "UNKNOWN_ADD_ON"},
        ),
        "plain link": ({"meeting_link": "http://meet.example"}, {"service.meetingLink": "NOT_HTTPS"}),
        "long category": ({"category": "x" * 41}, {"service.category": "TOO_LONG"}),
    }


@pytest.mark.covers("C3")
async def test_bad_services_are_refused_by_field(world, make):
    salon = await world.salon()
    found = {}
    cases = bad_services(make)
    for name, (changes, _) in cases.items():
        request = api.CreateServiceRequest(salon_id=salon.id, service=make.service(**changes))
        refusal = await world.refusal("CreateService", request, world.token(salon.id))
        found[name] = refusal.violations
    assert found == {name: violations for name, (_, violations) in cases.items()}
    assert await world.rows("SELECT 1 FROM services WHERE salon_id = %s", salon.id) == []


async def test_a_performer_is_staff_of_the_same_salon(world, make):
    salon, other = await world.salon(), await world.salon()
    stranger = await world.staff(other)
    service = make.service(performers=[pb.Performer(staff_id=stranger.id)])
    request = api.CreateServiceRequest(salon_id=salon.id, service=service)
    refusal = await world.refusal("CreateService", request, world.token(salon.id))
    assert refusal.violations == {"service.performers[0].staffId": "UNKNOWN_STAFF"}


@pytest.mark.covers("C4")
async def test_a_linked_account_must_exist(world, make):
    salon = await world.salon()
    request = api.CreateStaffMemberRequest(
        salon_id=salon.id, staff_member=make.staff_member(user_id=make.id())
    )
    refusal = await world.refusal("CreateStaffMember", request, world.token(salon.id))
    assert refusal.violations == {"staffMember.userId": "UNKNOWN_USER"}
    member = await world.staff(salon)
    patch = api.UpdateStaffMemberRequest(
        salon_id=salon.id, staff_member=pb.StaffMember(id=member.id, user_id=make.id())
    )
    refusal = await world.refusal("UpdateStaffMember", patch, world.token(salon.id))
    assert refusal.violations == {"staffMember.userId": "UNKNOWN_USER"}


async def test_bad_staff_and_resources_are_refused_by_field(world, make):
    salon = await world.salon()
    owner = world.token(salon.id)
    member = pb.StaffMember(color="red", user_id="7", bios={"en": "x" * 2001})
    refusal = await world.refusal(
        "CreateStaffMember", api.CreateStaffMemberRequest(salon_id=salon.id, staff_member=member), owner
    )
    assert refusal.violations == {
        "staffMember.displayNames": "REQUIRED",
        "staffMember.color": "MALFORMED",
        "staffMember.userId": "NOT_AN_ID",
        "staffMember.bios[en]": "TOO_LONG",
    }
    resource = pb.Resource(kind="Big Chair")
    refusal = await world.refusal(
        "CreateResource", api.CreateResourceRequest(salon_id=salon.id, resource=resource), owner
    )
    assert refusal.violations == {"resource.kind": "MALFORMED"}
