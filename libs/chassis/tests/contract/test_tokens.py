"""Keys, their rotation, and what is taken back."""

import asyncio
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from kursi_chassis.caller import Role
from kursi_chassis.grpc.service_tokens import IssuedToken, NoServiceToken, ServiceTokens
from kursi_chassis.grpc.tokens import KeysUnavailable, TokenInvalid, TokenRevoked, TokenVerifier, parse_keys
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually
from kursi_chassis.testing.rpc import AUDIENCE, INTERNAL_AUDIENCE, ISSUER, TokenMint

USER, SALON, SESSION = new_id(), new_id(), new_id()


class Keys:
    """The key set of whichever mint signs now, counting how often it was asked for."""

    def __init__(self, mint: TokenMint) -> None:
        self.mint, self.asked, self.down = mint, 0, False

    async def fetch(self) -> bytes:
        self.asked += 1
        if self.down:
            raise ConnectionError
        return await self.mint.keys()


@pytest.fixture
def keys(mint):
    return Keys(mint)


@pytest.fixture
def verifier(keys, fixed_clock):
    return TokenVerifier(
        keys.fetch, issuer=ISSUER, audience=AUDIENCE, internal_audience=INTERNAL_AUDIENCE, clock=fixed_clock
    )


async def test_a_token_says_who_and_what(verifier, mint):
    identity = await verifier.verify(
        mint.user(USER, salons={SALON: Role.STAFF}, sid=str(SESSION), locale="ar", auth_time=5)
    )
    assert (identity.user_id, identity.session_id, identity.auth_time) == (USER, SESSION, 5)
    assert identity.salons == {SALON: Role.STAFF}


async def test_a_new_key_is_learned_at_once_and_the_old_one_stops_counting(verifier, keys, mint, fixed_clock):
    old = mint.user()
    await verifier.verify(old)
    keys.mint = TokenMint(fixed_clock, kid="next")
    fixed_clock.advance(timedelta(seconds=6))
    await verifier.verify(keys.mint.user())
    with pytest.raises(TokenInvalid):
        await verifier.verify(old)


async def test_a_new_key_is_learned_though_the_clock_was_set_back_since_the_last_one(
    verifier, keys, mint, fixed_clock
):
    await verifier.verify(mint.user())
    fixed_clock.advance(timedelta(hours=-1))
    keys.mint = TokenMint(fixed_clock, kid="next")
    await verifier.verify(keys.mint.user())


async def test_made_up_key_ids_cannot_make_us_ask_more_than_every_five_seconds(
    verifier, keys, mint, fixed_clock
):
    await verifier.verify(mint.user())
    fixed_clock.advance(timedelta(seconds=6))
    for number in range(20):
        with pytest.raises(TokenInvalid):
            await verifier.verify(TokenMint(fixed_clock, kid=f"made-up-{number}").user())
    assert keys.asked == 2


async def test_without_any_key_nobody_is_called_a_stranger(verifier, keys, mint):
    keys.down = True
    for _ in range(2):
        with pytest.raises(KeysUnavailable):
            await verifier.verify(mint.user())


async def test_the_first_keys_are_asked_for_until_there_are_some(verifier, keys, mint):
    keys.down = True
    keeping = asyncio.create_task(verifier.keep_fresh())
    await eventually(lambda: keys.asked)
    keys.down = False
    await eventually(lambda: keys.asked == 2)
    keys.down = True
    await verifier.verify(mint.user())
    keeping.cancel()


async def test_tokens_of_known_keys_count_while_identity_is_away(verifier, keys, mint):
    await verifier.verify(mint.user())
    keys.down = True
    await verifier.verify(mint.user())


async def test_a_revoked_session_is_refused_although_its_token_was_seen_before(verifier, mint, fixed_clock):
    token = mint.user(sid=str(SESSION))
    await verifier.verify(token)
    verifier.revocations.revoke_session(SESSION, fixed_clock.now())
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    await verifier.verify(mint.user(sid=str(new_id())))


def test_keys_of_other_kinds_do_not_spoil_a_key_set():
    usual = ec.generate_private_key(ec.SECP256R1()).public_key()
    longer = ec.generate_private_key(ec.SECP384R1()).public_key()
    good, other = (json.loads(ECAlgorithm.to_jwk(key)) for key in (usual, longer))
    rsa = {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "rsa"}
    keys = [{**good, "kid": "good"}, {**other, "kid": "longer"}, rsa, good]
    assert parse_keys(json.dumps({"keys": keys}).encode()).keys() == {"good"}


async def test_long_tokens_are_verified_but_not_remembered(verifier, mint):
    token = mint.user(USER, salons={new_id(): Role.STAFF for _ in range(60)})
    assert (await verifier.verify(token)).user_id == USER
    assert token not in verifier._kept


async def test_a_revoked_membership_counts_for_older_tokens_only(verifier, mint, fixed_clock):
    token = mint.user(USER, salons={SALON: Role.STAFF})
    elsewhere = mint.user(USER, salons={new_id(): Role.STAFF})
    fixed_clock.advance(timedelta(seconds=1))
    verifier.revocations.revoke_membership(USER, SALON, fixed_clock.now())
    with pytest.raises(TokenRevoked):
        await verifier.verify(token)
    await verifier.verify(elsewhere)
    fixed_clock.advance(timedelta(seconds=1))
    await verifier.verify(mint.user(USER, salons={SALON: Role.MANAGER}))


async def test_a_weakened_membership_refuses_only_tokens_that_claim_more(verifier, mint, fixed_clock):
    manager, staff = (mint.user(USER, salons={SALON: role}) for role in (Role.MANAGER, Role.STAFF))
    fixed_clock.advance(timedelta(seconds=1))
    verifier.revocations.revoke_membership(USER, SALON, fixed_clock.now(), Role.STAFF)
    await verifier.verify(staff)
    with pytest.raises(TokenRevoked):
        await verifier.verify(manager)


async def test_older_news_of_a_membership_does_not_overrule_newer_ones(verifier, mint, fixed_clock):
    token = mint.user(USER, salons={SALON: Role.STAFF})
    fixed_clock.advance(timedelta(seconds=1))
    earlier, later = fixed_clock.now(), fixed_clock.now() + timedelta(seconds=1)
    verifier.revocations.revoke_membership(USER, SALON, later, Role.STAFF)
    verifier.revocations.revoke_membership(USER, SALON, earlier)
    await verifier.verify(token)


async def test_revocations_are_remembered_as_long_as_one_of_their_tokens_lives(verifier, mint, fixed_clock):
    session = mint.user(sid=str(SESSION))
    member = mint.user(USER, salons={SALON: Role.STAFF})
    fixed_clock.advance(timedelta(seconds=1))
    verifier.revocations.revoke_session(SESSION, fixed_clock.now())
    verifier.revocations.revoke_membership(USER, SALON, fixed_clock.now())
    fixed_clock.advance(timedelta(minutes=15))  # tokens have five seconds more than they say
    verifier.revocations.revoke_session(new_id(), fixed_clock.now())
    for token in (session, member):
        with pytest.raises(TokenRevoked):
            await verifier.verify(token)


async def test_revocations_are_forgotten_once_their_tokens_are_dead(verifier, fixed_clock):
    verifier.revocations.revoke_session(SESSION, fixed_clock.now())
    verifier.revocations.revoke_membership(USER, SALON, fixed_clock.now())
    fixed_clock.advance(timedelta(minutes=16))
    verifier.revocations.revoke_session(new_id(), fixed_clock.now())
    assert (len(verifier.revocations._sessions), len(verifier.revocations._since)) == (1, 0)


async def test_a_services_token_is_renewed_in_time_and_outlives_a_failure(fixed_clock):
    issued, down = [], False

    async def issue():
        if down:
            raise ConnectionError
        issued.append(IssuedToken(f"token-{len(issued)}", fixed_clock.now() + timedelta(minutes=10)))
        return issued[-1]

    tokens = ServiceTokens(issue, fixed_clock)
    assert [await tokens.get(), await tokens.get()] == ["token-0", "token-0"]
    fixed_clock.advance(timedelta(minutes=7))
    assert await tokens.get() == "token-1"
    down = True
    fixed_clock.advance(timedelta(minutes=9))
    assert await tokens.get() == "token-1"
    fixed_clock.advance(timedelta(minutes=2))
    with pytest.raises(NoServiceToken):
        await tokens.get()


async def test_a_services_token_is_there_before_it_is_needed(fixed_clock):
    asked = []

    async def issue():
        asked.append(len(asked))
        if len(asked) == 1:
            raise ConnectionError
        return IssuedToken(f"token-{len(asked)}", fixed_clock.now() + timedelta(minutes=10))

    tokens = ServiceTokens(issue, fixed_clock)
    keeping = asyncio.create_task(tokens.keep_fresh())
    await eventually(lambda: asked)
    fixed_clock.advance(timedelta(seconds=1))
    await eventually(lambda: len(asked) == 2)
    keeping.cancel()

    assert (await tokens.get(), len(asked)) == ("token-2", 2)


async def test_while_a_token_is_renewed_others_go_on_with_the_old_one(fixed_clock):
    asked, answer, issued = asyncio.Event(), asyncio.Event(), []

    async def issue():
        issued.append(IssuedToken(f"token-{len(issued)}", fixed_clock.now() + timedelta(minutes=10)))
        if len(issued) > 1:
            asked.set()
            await answer.wait()
        return issued[-1]

    tokens = ServiceTokens(issue, fixed_clock)
    await tokens.get()
    fixed_clock.advance(timedelta(minutes=7))
    renewing = asyncio.create_task(tokens.get())
    await asked.wait()
    async with asyncio.timeout(30):
        assert await tokens.get() == "token-0"
    answer.set()
    assert [await renewing, await tokens.get()] == ["token-1"] * 2
