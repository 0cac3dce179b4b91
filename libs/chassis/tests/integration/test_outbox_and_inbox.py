"""The tables at both ends of an event's way, and the answers kept for repeated requests."""

# ruff: noqa: PT012 - what is refused is a whole transaction

import asyncio

import psycopg
import pytest
from kursi_chassis import idempotency
from kursi_chassis.events import inbox, outbox
from kursi_chassis.events.envelope import MAX_PAYLOAD_BYTES, Poison, read
from kursi_chassis.idempotency import Replies, RequestIdReused, RequestInProgress, fingerprint
from kursi_chassis.ids import new_id
from kursi_chassis.testing.eventually import eventually


async def all_of(database, query, *parameters):
    async with database.snapshot() as connection:
        return await (await connection.execute(query, parameters)).fetchall()


@pytest.mark.covers("X1")
async def test_a_transaction_that_does_not_commit_publishes_nothing(database, an_event):
    with pytest.raises(KeyError):
        async with database.transaction() as connection:
            await outbox.append(connection, an_event(), an_event())
            raise KeyError

    assert await all_of(database, "SELECT 1 FROM outbox") == []


async def test_events_stand_in_the_outbox_in_the_order_they_were_given(database, an_event):
    events = [an_event(revision=revision) for revision in range(1, 30)]
    async with database.transaction() as connection:
        await outbox.append(connection, *events)

    rows = await all_of(database, "SELECT event_id, revision FROM outbox ORDER BY id")
    assert rows == [(event.event_id, event.revision) for event in events]


async def test_an_event_survives_the_way_through_headers(database, an_event):
    event = an_event(payload=b"\x00\xff")
    async with database.transaction() as connection:
        await outbox.append(connection, event)
    ((subject, headers, payload),) = await all_of(database, "SELECT subject, headers, payload FROM outbox")

    came = read(subject=subject, headers=headers, payload=payload, stream_seq=1, deliveries=1)

    assert (came.event_id, came.type, came.aggregate_id) == (event.event_id, event.type, event.aggregate_id)
    assert (came.revision, came.occurred_at, came.payload) == (event.revision, event.occurred_at, b"\x00\xff")
    assert headers["ce-source"] == "/kursi/test"
    assert headers["ce-time"] == "2026-03-01T09:30:00Z"


async def test_one_statement_can_change_a_thing_and_tell_it(database, an_event):
    event = an_event()
    async with database.autocommit() as connection:
        await connection.execute(
            "WITH changed AS (INSERT INTO notes (id, word) VALUES (%(id)s, 'x') RETURNING id) "
            + outbox.INSERT_EVENTS
            + " WHERE EXISTS (SELECT FROM changed)",
            {"id": new_id(), **outbox.parameters(event)},
        )

    assert await all_of(database, "SELECT event_id FROM outbox") == [(event.event_id,)]


def test_an_event_too_large_to_publish_is_refused_before_it_is_written(an_event):
    with pytest.raises(ValueError, match="limit"):
        an_event(payload=bytes(MAX_PAYLOAD_BYTES + 1))


@pytest.mark.parametrize("missing", ["ce-id", "ce-type", "ce-time", "kursi-aggregate", "kursi-revision"])
def test_an_event_without_its_headers_is_poison(an_event, missing):
    event = an_event()
    headers = {name: value for name, value in event.wire_headers().items() if name != missing}

    with pytest.raises(Poison):
        read(subject=event.subject, headers=headers, payload=b"", stream_seq=1, deliveries=1)


async def test_only_what_was_published_long_ago_is_pruned(database, an_event):
    async with database.transaction() as connection:
        await outbox.append(connection, an_event(revision=1), an_event(revision=2), an_event(revision=3))
        await connection.execute(
            "UPDATE outbox SET stream_seq = 1, published_at = now() - interval '8 days' WHERE revision = 1"
        )
        await connection.execute(
            "UPDATE outbox SET stream_seq = 2, published_at = now() - interval '6 days' WHERE revision = 2"
        )
        await connection.execute(
            "UPDATE outbox SET created_at = now() - interval '30 days' WHERE revision = 3"
        )
    async with database.transaction() as connection:
        assert await outbox.prune(connection) == 1

    assert await all_of(database, "SELECT revision FROM outbox ORDER BY id") == [(2,), (3,)]


async def test_the_inbox_gives_an_event_to_each_consumer_once(database):
    known, new = new_id(), new_id()
    async with database.transaction() as connection:
        assert await inbox.claim(connection, "a", [known]) == {known}
    async with database.transaction() as connection:
        assert await inbox.claim(connection, "a", [new, known, new]) == {new}
        assert await inbox.claim(connection, "b", [known]) == {known}


@pytest.mark.covers("X9")
async def test_a_twin_waits_for_the_first_and_then_finds_nothing_new(database):
    event_ids = [new_id() for _ in range(5)]
    async with database.transaction() as first:
        await inbox.claim(first, "a", event_ids)
        twin = asyncio.create_task(claim_in_own_transaction(database, event_ids[::-1]))
        await eventually(lambda: waiting_for_a_lock(database))

    assert await twin == set()


async def test_a_twin_takes_over_when_the_first_rolls_back(database):
    event_ids = [new_id() for _ in range(5)]
    with pytest.raises(KeyError):
        async with database.transaction() as first:
            await inbox.claim(first, "a", event_ids)
            twin = asyncio.create_task(claim_in_own_transaction(database, event_ids))
            await eventually(lambda: waiting_for_a_lock(database))
            raise KeyError

    assert await twin == set(event_ids)


async def test_many_twins_claim_each_event_once_without_deadlocks(database):
    event_ids = [new_id() for _ in range(100)]
    shuffled = [event_ids[turn:] + event_ids[:turn] for turn in range(0, 100, 5)]

    claimed = await asyncio.gather(*(claim_in_own_transaction(database, ids) for ids in shuffled))

    assert sorted(event_id for ids in claimed for event_id in ids) == event_ids


async def claim_in_own_transaction(database, event_ids):
    async with database.transaction() as connection:
        return await inbox.claim(connection, "a", event_ids)


async def waiting_for_a_lock(database):
    return await all_of(
        database,
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    )


class Counting:
    """A use case that counts how often it really works."""

    def __init__(self, database) -> None:
        self.database = database
        self.runs = 0

    async def __call__(
        self, body: bytes = b"body", request_id: str = "r1", caller: str = "user:1", method: str = "Do"
    ) -> bytes:
        async with self.database.transaction() as connection:
            replies = Replies(connection)
            kept = await replies.claim(caller, method, request_id, fingerprint(body))
            if kept is not None:
                return kept
            self.runs += 1
            answer = f"answer {self.runs}".encode()
            await connection.execute("INSERT INTO effects (event_id) VALUES (%s)", [new_id()])
            await replies.keep(caller, method, request_id, answer)
            return answer


async def test_fifty_identical_calls_work_once_and_answer_alike(database):
    do = Counting(database)

    answers = await asyncio.gather(*(do() for _ in range(50)))

    assert set(answers) == {b"answer 1"}
    assert len(await all_of(database, "SELECT 1 FROM effects")) == 1


async def test_the_same_request_id_for_another_request_is_refused(database):
    do = Counting(database)
    await do(b"one")

    with pytest.raises(RequestIdReused):
        await do(b"two")


async def test_a_request_id_is_its_callers_and_its_methods_own(database):
    do = Counting(database)
    for _ in range(2):
        assert await do() == b"answer 1"
        assert await do(caller="user:2") == b"answer 2"
        assert await do(method="Undo") == b"answer 3"


async def test_a_request_without_an_id_is_done_each_time(database):
    do = Counting(database)
    assert [await do(request_id=""), await do(request_id="")] == [b"answer 1", b"answer 2"]


async def test_an_error_is_not_remembered(database):
    with pytest.raises(KeyError):
        async with database.transaction() as connection:
            await Replies(connection).claim("user:1", "Do", "r1", fingerprint(b"body"))
            raise KeyError

    assert await Counting(database)() == b"answer 1"


async def test_a_twin_that_waits_too_long_is_told_that_the_first_is_at_work(database):
    async with database.transaction() as first:
        await Replies(first).claim("user:1", "Do", "r1", fingerprint(b"body"))
        with pytest.raises(RequestInProgress):
            async with database.transaction() as connection:
                await connection.execute("SET LOCAL lock_timeout = '50ms'")
                await Replies(connection).claim("user:1", "Do", "r1", fingerprint(b"body"))


async def test_one_statement_can_keep_its_answer_and_a_repetition_takes_it_back(database):
    reply = idempotency.parameters("user:1", "Do", "r1", fingerprint(b"body"), b"answer")

    async def do():
        async with database.autocommit() as connection:
            await connection.execute(
                "WITH changed AS (INSERT INTO effects (event_id) VALUES (%(id)s) RETURNING 1) "
                + idempotency.INSERT_REPLY
                + " WHERE EXISTS (SELECT FROM changed)",
                {"id": new_id(), **reply},
            )

    await do()
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        await do()

    assert refused.value.diag.constraint_name == "replies_pkey"
    assert len(await all_of(database, "SELECT 1 FROM effects")) == 1
    async with database.snapshot() as connection:
        assert await Replies(connection).find("user:1", "Do", "r1", fingerprint(b"body")) == b"answer"


async def test_old_answers_are_pruned(database):
    await Counting(database)()
    async with database.transaction() as connection:
        assert await idempotency.prune(connection) == 0
        await connection.execute("UPDATE replies SET created_at = now() - interval '25 hours'")
    async with database.transaction() as connection:
        assert await idempotency.prune(connection) == 1
