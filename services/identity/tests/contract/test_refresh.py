"""Refresh tokens: spent at each use, forgiving to two tabs, merciless to a thief."""

import asyncio
import hashlib
from datetime import timedelta

import grpc
import pytest
from kursi.identity.v1 import identity_service_pb2 as pb2

GRACE = timedelta(seconds=10)
MOMENT = timedelta(milliseconds=1)


@pytest.mark.covers("I8")
async def test_a_refresh_gives_a_new_pair_for_the_same_session(identity):
    first = await identity.log_in()
    second = await identity.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    assert second.user == first.user
    assert not second.registered
    assert await identity.count("sessions") == 1
    await identity.me(second.access_token)


@pytest.mark.covers("I8")
async def test_a_refresh_token_has_256_bits_and_is_stored_only_as_its_hash(identity):
    token = (await identity.log_in()).refresh_token
    assert len(token) == 43
    stored = await identity.rows("SELECT token_hash FROM refresh_tokens")
    assert [bytes(row[0]) for row in stored] == [hashlib.sha256(token.encode()).digest()]


@pytest.mark.covers("I8")
async def test_two_tabs_that_refresh_at_once_both_go_on_working(identity):
    token = (await identity.log_in()).refresh_token
    tabs = await asyncio.gather(identity.refresh(token), identity.refresh(token))
    for _ in range(3):
        identity.clock.advance(timedelta(minutes=14))
        tabs = [await identity.refresh(tab.refresh_token) for tab in tabs]
        for tab in tabs:
            await identity.me(tab.access_token)
    assert await identity.audited("refresh_token_reused") == 0


@pytest.mark.covers("I8")
async def test_a_late_twin_within_the_grace_gets_a_pair_too(identity):
    token = (await identity.log_in()).refresh_token
    await identity.refresh(token)
    identity.clock.advance(GRACE)
    late = await identity.refresh(token)
    identity.clock.advance(timedelta(hours=1))
    assert (await identity.refresh(late.refresh_token)).access_token


@pytest.mark.covers("I8")
async def test_using_a_spent_token_again_does_not_stretch_the_grace(identity, refusal_of):
    token = (await identity.log_in()).refresh_token
    await identity.refresh(token)
    identity.clock.advance(GRACE)
    await identity.refresh(token)
    identity.clock.advance(MOMENT)
    assert (await refusal_of(identity.refresh(token))).reason == "REFRESH_TOKEN_REUSED"


@pytest.mark.covers("I8")
async def test_reuse_after_the_grace_revokes_the_family_and_is_written_down(identity, refusal_of):
    stolen = (await identity.log_in()).refresh_token
    owner = await identity.refresh(stolen)
    identity.clock.advance(GRACE + MOMENT)
    refused = await refusal_of(identity.refresh(stolen))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_REUSED")
    for spent in (owner.refresh_token, stolen):  # nobody fills the audit trail with a session that has ended
        assert (await refusal_of(identity.refresh(spent))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refusal_of(identity.me(owner.access_token))).reason == "TOKEN_REVOKED"
    assert await identity.audited("refresh_token_reused") == 1
    assert len(await identity.events("session.revoked")) == 1


@pytest.mark.covers("I8")
async def test_reuse_ends_only_the_session_that_it_happened_in(identity, refusal_of):
    stolen = (await identity.log_in()).refresh_token
    elsewhere = await identity.log_in_again()
    await identity.refresh(stolen)
    identity.clock.advance(GRACE + MOMENT)
    await refusal_of(identity.refresh(stolen))
    await identity.refresh(elsewhere.refresh_token)


@pytest.mark.covers("I8")
async def test_a_refresh_token_waits_thirty_days_for_its_use(identity, refusal_of):
    pair = await identity.log_in()
    identity.clock.advance(timedelta(days=30) - MOMENT)
    pair = await identity.refresh(pair.refresh_token)
    identity.clock.advance(timedelta(days=30))
    assert (await refusal_of(identity.refresh(pair.refresh_token))).reason == "REFRESH_TOKEN_INVALID"


@pytest.mark.covers("I8")
async def test_a_session_ends_after_ninety_days_however_busy_it_is(identity, refusal_of):
    start = identity.clock.now()
    pair = await identity.log_in()
    for _ in range(4):
        identity.clock.advance(timedelta(days=20))
        pair = await identity.refresh(pair.refresh_token)
    assert pair.refresh_token_expires_at.ToDatetime(start.tzinfo) == start + timedelta(days=90)
    identity.clock.advance(timedelta(days=10))
    assert (await refusal_of(identity.refresh(pair.refresh_token))).reason == "REFRESH_TOKEN_INVALID"


@pytest.mark.covers("I8")
async def test_no_access_token_outlives_its_session(identity, refusal_of):
    end = identity.clock.now() + timedelta(days=90)
    pair = await identity.log_in()
    for span in (timedelta(days=29), timedelta(days=29), timedelta(days=29), timedelta(days=3, minutes=-5)):
        identity.clock.advance(span)
        pair = await identity.refresh(pair.refresh_token)
    assert pair.access_token_expires_at.ToDatetime(end.tzinfo) == end
    identity.clock.advance(
        timedelta(minutes=5, seconds=5)
    )  # the clocks of servers may differ by five seconds
    assert (await refusal_of(identity.me(pair.access_token))).reason == "TOKEN_INVALID"


@pytest.mark.parametrize("token", ["nothing of ours", "x" * 100_000])
async def test_an_unknown_refresh_token_is_refused(identity, refusal_of, token):
    refused = await refusal_of(identity.refresh(token))
    assert (refused.code, refused.reason) == (grpc.StatusCode.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID")


async def test_logging_out_ends_the_session(identity, refusal_of):
    pair = await identity.log_in()
    await identity.public.RevokeToken(pb2.RevokeTokenRequest(refresh_token=pair.refresh_token))
    assert (await refusal_of(identity.refresh(pair.refresh_token))).reason == "REFRESH_TOKEN_INVALID"
    assert (await refusal_of(identity.me(pair.access_token))).reason == "TOKEN_REVOKED"
    await identity.public.RevokeToken(pb2.RevokeTokenRequest(refresh_token=pair.refresh_token))
    assert len(await identity.events("session.revoked")) == 1


async def test_logging_out_with_an_unknown_token_is_answered_alike(identity):
    await identity.public.RevokeToken(pb2.RevokeTokenRequest(refresh_token="nothing of ours"))


@pytest.mark.covers("I8")
async def test_a_refresh_and_a_revocation_at_once_leave_no_living_token(identity, refusal_of):
    pair = await identity.log_in()
    results = await asyncio.gather(
        *(identity.refresh(pair.refresh_token) for _ in range(5)),
        identity.public.RevokeToken(pb2.RevokeTokenRequest(refresh_token=pair.refresh_token)),
        return_exceptions=True,
    )
    survivors = [result for result in results if isinstance(result, pb2.TokenPair)]
    for survivor in [pair, *survivors]:
        assert (await refusal_of(identity.refresh(survivor.refresh_token))).reason == "REFRESH_TOKEN_INVALID"
