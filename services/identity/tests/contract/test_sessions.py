"""A person's devices, and how fast the end of one is known everywhere."""

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from uuid import UUID

import grpc
import psycopg
import pytest
from kursi.identity.events.v1 import identity_events_pb2 as events_pb2
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_chassis.caller import Role
from kursi_chassis.clock import SystemClock
from kursi_chassis.events.relay import Relay
from kursi_chassis.events.streams import STREAMS
from kursi_chassis.ids import new_id
from kursi_chassis.revocation_feed import RevocationFeed
from kursi_chassis.testing.eventually import eventually, on_this_machine
from kursi_chassis.testing.rpc import bearer, refused
from kursi_identity.store import sessions

OTHER_PHONE = "+966512345679"


async def devices(identity, token: str):
    return (await identity.public.ListSessions(pb2.ListSessionsRequest(), metadata=bearer(token))).sessions


async def revoke(identity, token: str, session_id: str):
    request = pb2.RevokeSessionRequest(session_id=session_id)
    return await identity.public.RevokeSession(request, metadata=bearer(token))


@pytest.mark.covers("I9")
async def test_a_person_sees_their_devices_newest_first(identity):
    await identity.log_in(device_label="Sara's phone")
    identity.clock.advance(timedelta(minutes=2))
    tablet = await identity.log_in(device_label="Tablet")
    await identity.log_in(OTHER_PHONE, device_label="Somebody else's")
    listed = await devices(identity, tablet.access_token)
    assert [(device.device_label, device.current) for device in listed] == [
        ("Tablet", True),
        ("Sara's phone", False),
    ]
    assert listed[0].expire_time.seconds - listed[0].create_time.seconds == 90 * 86_400


@pytest.mark.covers("I9")
async def test_a_revoked_session_is_refused_at_once(identity, refusal_of):
    phone = await identity.log_in()
    tablet = await identity.log_in_again()
    (session,) = [device for device in await devices(identity, tablet.access_token) if not device.current]
    await revoke(identity, tablet.access_token, session.id)
    assert (await refusal_of(identity.refresh(phone.refresh_token))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refusal_of(identity.me(phone.access_token))).reason == "TOKEN_REVOKED"
    await identity.me(tablet.access_token)
    assert len(await devices(identity, tablet.access_token)) == 1


@pytest.mark.covers("I9")
async def test_a_revocation_is_told_and_written_down(identity):
    pair = await identity.log_in()
    (session,) = await devices(identity, pair.access_token)
    await revoke(identity, pair.access_token, session.id)
    (payload,) = await identity.events("session.revoked")
    event = events_pb2.SessionEvent.FromString(payload)
    assert (event.session_id, event.user_id) == (session.id, pair.user.id)
    rows = await identity.rows("SELECT actor, target_id FROM audit WHERE action = 'session_revoked'")
    assert rows == [(f"user:{pair.user.id}", session.id)]


@pytest.mark.covers("I9")
async def test_all_sessions_end_together(identity, refusal_of):
    phone = await identity.log_in()
    tablet = await identity.log_in_again()
    request = pb2.RevokeAllSessionsRequest()
    await identity.public.RevokeAllSessions(request, metadata=bearer(tablet.access_token))
    for pair in (phone, tablet):
        assert (await refusal_of(identity.refresh(pair.refresh_token))).reason == "REFRESH_TOKEN_INVALID"
        assert (await refusal_of(identity.me(pair.access_token))).reason == "TOKEN_REVOKED"


@pytest.mark.covers("I9")
async def test_sessions_that_two_calls_end_at_once_are_told_of_once(identity):
    user_id = (await identity.log_in()).user.id
    await identity.log_in_again()
    connect = partial(psycopg.AsyncConnection.connect, identity.urls.superuser)
    async with await connect() as first, await connect() as second:
        now = identity.clock.now()
        assert len(await sessions.revoke_all(first, UUID(user_id), now)) == 2
        later = asyncio.create_task(sessions.revoke_all(second, UUID(user_id), now))
        waiting = (
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        await eventually(lambda: identity.rows(waiting))
        await first.commit()
        assert await later == []


@pytest.mark.covers("I9")
async def test_nobody_ends_a_session_of_somebody_else(identity, refusal_of):
    victim, stranger = await identity.log_in(), await identity.log_in(OTHER_PHONE)
    (session,) = await devices(identity, victim.access_token)
    refused = await refusal_of(revoke(identity, stranger.access_token, session.id))
    assert (refused.code, refused.reason) == (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
    await identity.me(victim.access_token)


async def test_a_session_that_ended_is_not_found(identity, refusal_of):
    pair = await identity.log_in()
    assert (
        await refusal_of(revoke(identity, pair.access_token, str(new_id())))
    ).reason == "SESSION_NOT_FOUND"


async def test_a_malformed_session_id_is_refused(identity, refusal_of):
    pair = await identity.log_in()
    refused = await refusal_of(revoke(identity, pair.access_token, "17"))
    assert refused.violations == {"sessionId": "NOT_AN_ID"}


async def test_the_oldest_of_fifty_one_sessions_gives_way_however_busy_it_is(start_identity, refusal_of):
    async with start_identity(
        otp_cooldown_seconds=0, otp_per_destination=100, otp_per_address=100
    ) as identity:
        first = await identity.log_in()
        for _ in range(49):
            identity.clock.advance(timedelta(seconds=1))
            await identity.log_in()
        identity.clock.advance(timedelta(seconds=1))
        first = await identity.refresh(first.refresh_token)
        newest = await identity.log_in()
        assert len(await devices(identity, newest.access_token)) == 50
        assert (await refusal_of(identity.refresh(first.refresh_token))).reason == "REFRESH_TOKEN_INVALID"


@asynccontextmanager
async def told(identity, other, nats_client):
    """Identity's events flow, and `other` follows them."""
    stopping = asyncio.Event()
    relay = Relay(identity.database, nats_client, STREAMS["identity"])
    feed = RevocationFeed(nats_client, other.revocations, other.clock)
    tasks = [asyncio.create_task(relay.run(stopping)), asyncio.create_task(feed.run(stopping))]
    try:
        yield
    finally:
        stopping.set()
        await asyncio.gather(*tasks)


async def refusal_reason(other, token: str) -> str:
    try:
        await other.me(token)
    except grpc.aio.AioRpcError as error:
        return refused(error).reason
    return ""


@pytest.mark.covers("I9")
async def test_another_server_refuses_a_revoked_session_within_five_seconds(
    start_identity, start_replica, nats_client
):
    async with (
        start_identity(SystemClock()) as identity,
        start_replica(identity) as other,
        told(identity, other, nats_client),
    ):
        # Two people are tried, as nobody knows what else this machine does.
        assert await soon_refused(identity, other) or await soon_refused(identity, other, phone=OTHER_PHONE)


async def soon_refused(identity, other, **who):
    pair = await identity.log_in(**who)
    await other.me(pair.access_token)
    (session,) = await devices(identity, pair.access_token)
    started = time.monotonic()
    await revoke(identity, pair.access_token, session.id)
    assert await eventually(lambda: refusal_reason(other, pair.access_token)) == "TOKEN_REVOKED"
    return time.monotonic() - started < on_this_machine(5)


@pytest.mark.covers("I9")
async def test_another_server_refuses_a_token_whose_membership_was_revoked_or_weakened(
    start_identity, start_replica, nats_client
):
    async with (
        start_identity(SystemClock()) as identity,
        start_replica(identity) as other,
        told(identity, other, nats_client),
    ):
        salon_id = new_id()
        owner, manager = await identity.log_in(), await identity.log_in(OTHER_PHONE)
        await identity.member_of(salon_id, owner.access_token, Role.OWNER)
        member = await identity.member_of(salon_id, manager.access_token, Role.MANAGER)
        owner, manager = (
            await identity.refresh(owner.refresh_token),
            await identity.refresh(manager.refresh_token),
        )
        await other.me(manager.access_token)
        await identity.public.UpdateMember(
            pb2.UpdateMemberRequest(salon_id=str(salon_id), member_id=member.id, role=1),
            metadata=bearer(owner.access_token),
        )
        assert await eventually(lambda: refusal_reason(other, manager.access_token)) == "TOKEN_REVOKED"


@pytest.mark.covers("I9")
async def test_a_server_that_starts_later_hears_of_earlier_revocations(
    start_identity, start_replica, nats_client
):
    async with start_identity(SystemClock()) as identity, start_replica(identity) as other:
        pair = await identity.log_in()
        (session,) = await devices(identity, pair.access_token)
        await revoke(identity, pair.access_token, session.id)
        assert await refusal_reason(other, pair.access_token) == ""
        async with told(identity, other, nats_client):
            assert await eventually(lambda: refusal_reason(other, pair.access_token)) == "TOKEN_REVOKED"
