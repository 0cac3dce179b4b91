"""What nobody looks at any more is forgotten, and nothing else."""

import asyncio
from datetime import timedelta

import jwt
from kursi.identity.v1 import identity_service_pb2 as pb2
from kursi_identity.jobs.housekeeping import housekeeping
from kursi_identity.main import rotate_keys
from kursi_identity.store import sessions


async def run(identity, name: str) -> None:
    (job,) = [
        job for job in housekeeping(identity.database, identity.clock, identity.keys) if job.name == name
    ]
    await job.run()


async def test_code_requests_are_forgotten_after_two_days(identity):
    await identity.request_code()
    identity.clock.advance(timedelta(days=1))
    await identity.request_code()
    identity.clock.advance(timedelta(days=1, seconds=1))
    await run(identity, "prune_otp_requests")
    assert await identity.count("otp_requests") == 1


async def test_sessions_are_forgotten_a_week_after_their_end(identity):
    await identity.log_in()
    identity.clock.advance(timedelta(days=97, seconds=1))
    await identity.log_in()
    await run(identity, "prune_sessions")
    assert await identity.count("sessions") == 1
    assert await identity.count("refresh_tokens") == 1


async def test_a_session_that_was_logged_out_is_forgotten_a_week_after_that(identity):
    pair = await identity.log_in()
    await identity.log_in("+966512345679")
    await identity.public.RevokeToken(pb2.RevokeTokenRequest(refresh_token=pair.refresh_token))
    identity.clock.advance(timedelta(days=7) - timedelta(seconds=1))
    await run(identity, "prune_sessions")
    assert await identity.count("sessions") == 2
    identity.clock.advance(timedelta(seconds=2))
    await run(identity, "prune_sessions")
    assert (await identity.count("sessions"), await identity.count("refresh_tokens")) == (1, 1)


async def test_a_session_with_more_refresh_tokens_than_one_statement_has_time_for_is_forgotten_bit_by_bit(
    identity,
):
    """A busy one makes a hundred a day, somebody who plays with it as many as the gateway lets through."""
    await identity.log_in()
    async with identity.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO refresh_tokens (token_hash, session_id, created_at, expires_at) "
            "SELECT sha256(convert_to(number::text, 'utf8')), id, created_at, expires_at "
            "FROM sessions, generate_series(1, 5000) AS number"
        )
    identity.clock.advance(timedelta(days=97, seconds=1))

    async with identity.database.transaction() as connection:
        assert await sessions.prune(connection, identity.clock.now() - timedelta(days=7)) == 5000
    assert (await identity.count("sessions"), await identity.count("refresh_tokens")) == (1, 1)
    await run(identity, "prune_sessions")
    assert (await identity.count("sessions"), await identity.count("refresh_tokens")) == (0, 0)


async def test_refresh_tokens_are_forgotten_once_they_have_expired_though_their_session_lives(identity):
    pair = await identity.log_in()
    for _ in range(3):
        identity.clock.advance(timedelta(days=20))
        pair = await identity.refresh(pair.refresh_token)
    await run(identity, "prune_refresh_tokens")
    assert await identity.count("refresh_tokens") == 2
    assert await identity.count("sessions", "revoked_at IS NULL") == 1
    await identity.refresh(pair.refresh_token)


async def test_an_operator_has_the_next_key_sign_and_old_tokens_count_until_they_expire(identity):
    pair = await identity.log_in()
    await asyncio.to_thread(rotate_keys, identity.settings)
    assert await identity.audited("signing_key_rotated") == 2
    identity.clock.advance(timedelta(seconds=31))
    renewed = await identity.refresh(pair.refresh_token)
    kids = {jwt.get_unverified_header(token)["kid"] for token in (pair.access_token, renewed.access_token)}
    assert len(kids) == 2
    assert await identity.me(pair.access_token) == await identity.me(renewed.access_token)


async def test_wrong_client_secrets_are_forgotten_after_an_hour(identity, refusal_of):
    request = pb2.IssueServiceTokenRequest(client_id="booking", client_secret="a guess")
    await refusal_of(identity.internal.IssueServiceToken(request))
    identity.clock.advance(timedelta(minutes=59))
    await run(identity, "prune_wrong_client_secrets")
    assert await identity.count("wrong_client_secrets") == 1
    identity.clock.advance(timedelta(minutes=2))
    await run(identity, "prune_wrong_client_secrets")
    assert await identity.count("wrong_client_secrets") == 0
