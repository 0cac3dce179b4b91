"""Customers whom a salon books by phone number, and whose they are once the person comes."""

import asyncio
from datetime import timedelta

import grpc
import pytest
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi.identity.v1 import identity_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.ids import new_id
from kursi_chassis.testing.rpc import bearer

PHONE = "+966512345679"


async def ensure(identity, salon_id: object, phone: str = "0512345679", **fields: object) -> str:
    request = pb2.EnsureGuestRequest(salon_id=str(salon_id), phone_number=phone, **fields)
    token = await identity.service_token("booking")
    return (await identity.internal.EnsureGuest(request, metadata=bearer(token))).customer_id


async def contact_of(identity, customer_id: str) -> pb2.Contact:
    request = pb2.BatchGetContactsRequest(user_ids=[customer_id])
    token = await identity.service_token("messaging")
    (contact,) = (await identity.internal.BatchGetContacts(request, metadata=bearer(token))).contacts
    return contact


async def joined(identity) -> list[events_pb2.GuestEvent]:
    return [events_pb2.GuestEvent.FromString(payload) for payload in await identity.events("guest.joined")]


@pytest.mark.covers("B18")
async def test_a_number_without_an_account_is_one_guest_of_each_salon_and_can_be_reached(identity):
    salon, other = new_id(), new_id()
    guest = await ensure(identity, salon, language_code="ar")
    assert await ensure(identity, salon, "+966 51 234 5679") == guest
    assert await ensure(identity, other) != guest
    assert await contact_of(identity, guest) == pb2.Contact(
        user_id=guest, phone_number=PHONE, language_code="ar"
    )


@pytest.mark.covers("B18")
@pytest.mark.parametrize(
    ("territory", "phone_number"),
    [("DE", "+4915123456789"), ("AE", "+971501234567"), ("SA", PHONE), ("", PHONE), ("AQ", PHONE)],
)
async def test_a_number_is_read_as_people_write_it_in_the_country_of_the_salon(
    identity, territory, phone_number
):
    """Antarctica has no numbers of its own: there it is the platform's country, as without one."""
    written = {"DE": "0151 23456789", "AE": "050 123 4567"}.get(territory, "051 234 5679")
    guest = await ensure(identity, new_id(), written, territory_code=territory)
    assert (await contact_of(identity, guest)).phone_number == phone_number


@pytest.mark.covers("B18")
async def test_a_number_that_is_verified_already_is_its_account(identity):
    pair = await identity.log_in(PHONE)
    assert await ensure(identity, new_id()) == pair.user.id
    assert await identity.count("guests") == 0


@pytest.mark.covers("B18")
async def test_the_guests_of_a_number_are_joined_to_the_account_that_verifies_it(identity):
    salons = [new_id(), new_id()]
    guests = [await ensure(identity, salon) for salon in salons]
    pair = await identity.log_in(PHONE, profile=identity_pb2.User(display_name="Sara", language_code="en"))
    assert [(event.guest_id, event.salon_id, event.user_id) for event in await joined(identity)] == [
        (guest, str(salon), pair.user.id) for guest, salon in zip(guests, salons, strict=True)
    ]
    found = await contact_of(identity, guests[0])
    assert (found.user_id, found.display_name, found.language_code) == (guests[0], "Sara", "en")
    await identity.log_in_again(PHONE)
    assert len(await joined(identity)) == 2
    assert await ensure(identity, salons[0]) == pair.user.id


@pytest.mark.covers("B18")
async def test_adding_the_number_to_another_account_joins_its_guests(identity):
    guest = await ensure(identity, new_id())
    ticket = await identity.request_code(email="sara@example.com")
    pair = await identity.verify(ticket.request_id, identity.last_code())
    ticket = await identity.request_code(PHONE, token=pair.access_token, purpose=pb2.RequestOtpRequest.VERIFY)
    await identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    assert [(event.guest_id, event.user_id) for event in await joined(identity)] == [(guest, pair.user.id)]


@pytest.mark.covers("B18")
async def test_a_number_that_its_account_gave_up_is_a_guest_anew(identity):
    salon = new_id()
    former = await ensure(identity, salon)
    pair = await identity.log_in(PHONE)
    moving = {"token": pair.access_token, "purpose": pb2.RequestOtpRequest.VERIFY}
    ticket = await identity.request_code("+966512345680", **moving)
    await identity.verify(ticket.request_id, identity.last_code(), token=pair.access_token)
    guest = await ensure(identity, salon)
    assert guest not in (former, pair.user.id)
    assert (await contact_of(identity, guest)).phone_number == PHONE
    assert (await contact_of(identity, former)).phone_number == "+966512345680"


@pytest.mark.covers("B18")
async def test_a_number_that_is_booked_while_it_is_verified_ends_at_its_account(identity):
    for attempt in range(5):
        phone, salon = f"+96651322000{attempt}", new_id()
        ticket = await identity.request_code(phone)
        login, customer = await asyncio.gather(
            identity.verify(ticket.request_id, identity.last_code()), ensure(identity, salon, phone)
        )
        ends = {event.guest_id: event.user_id for event in await joined(identity)}
        assert ends.get(customer, customer) == login.user.id


@pytest.mark.covers("B18")
async def test_many_who_book_one_number_at_once_make_one_guest(identity):
    salon = new_id()
    assert len(set(await asyncio.gather(*(ensure(identity, salon) for _ in range(10))))) == 1


async def held_for_a_moment(database):
    """Has the pool open a connection more: with the few that it begins with, little is at the same instant."""
    async with database.autocommit() as connection:
        await connection.execute("SELECT pg_sleep(0.2)")


@pytest.mark.covers("B18")
async def test_the_limit_of_a_salon_holds_for_many_new_numbers_at_once(start_identity):
    async with start_identity(guests_per_day=3) as identity:
        salon = new_id()
        await asyncio.gather(*(held_for_a_moment(identity.database) for _ in range(8)))
        calls = [ensure(identity, salon, f"+9665132200{number}") for number in range(10, 30)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert sum(not isinstance(answer, BaseException) for answer in answers) == 3
        assert await identity.count("guests") == 3


@pytest.mark.covers("B18")
async def test_a_salon_names_so_many_new_numbers_a_day_and_no_more(start_identity, refusal_of):
    async with start_identity(guests_per_day=2) as identity:
        salon = new_id()
        phones = ["+966513220001", "+966513220002", "+966513220003"]
        first = await ensure(identity, salon, phones[0])
        identity.clock.advance(timedelta(hours=1))
        await ensure(identity, salon, phones[1])
        refused = await refusal_of(ensure(identity, salon, phones[2]))
        assert (refused.code, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "GUEST_LIMIT")
        assert refused.retry_after == timedelta(hours=23)
        assert await ensure(identity, salon, phones[0]) == first
        assert await ensure(identity, new_id(), phones[2])
        identity.clock.advance(timedelta(hours=23))
        assert await ensure(identity, salon, phones[2])


@pytest.mark.parametrize(
    ("phone", "reason"),
    [("0112345678", "PHONE_NUMBER_NOT_MOBILE"), ("12", "PHONE_NUMBER_MALFORMED"), ("", "REQUIRED")],
)
async def test_a_number_that_cannot_be_reached_is_refused(identity, refusal_of, phone, reason):
    refused = await refusal_of(ensure(identity, new_id(), phone))
    assert refused.violations == {"phoneNumber": reason}
    assert await identity.count("guests") == 0
