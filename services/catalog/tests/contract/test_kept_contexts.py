"""What booking asks again is told again without being worked out, unless something has changed."""

from datetime import timedelta
from uuid import UUID

import pytest
from kursi_catalog.api.kept_contexts import KeptContexts
from kursi_catalog.main import platform_policy
from kursi_catalog.queries.context import Question
from kursi_catalog.usecases.finding import Finding
from working_salon import SUNDAY, a_working_salon, anew, ask, local, question


@pytest.mark.covers("C11")
async def test_nothing_is_worked_out_twice_for_one_version(world, make, settings, statements):
    salon, _, _ = await a_working_salon(world, make)
    with statements(world.database) as first:
        told = await ask(world, question(salon))
    with statements(world.database) as second:
        assert await ask(world, question(salon)) == told
    assert (len(first), len(second)) == (5, 1)
    assert (
        await ask(world, question(salon, days=2))
        == await anew(world, settings, question(salon, days=2))
        != told
    )


async def test_a_rating_is_told_at_once_although_no_version_was_made(world, make, settings):
    salon, _, _ = await a_working_salon(world, make)
    before = await ask(world, question(salon))
    await world.execute("UPDATE salons SET review_count = 1, rating_sum = 4 WHERE id = %s", salon.id)
    after = await ask(world, question(salon))
    assert (after.version, after.salon.rating.count) == (before.version, 1)
    assert after == await anew(world, settings, question(salon))


async def test_an_answer_is_kept_for_ten_minutes(world, make):
    """A database that was restored has another truth under the same version."""
    salon, _, member = await a_working_salon(world, make)
    before = await ask(world, question(salon))
    await world.execute("UPDATE staff_members SET color = '#112233' WHERE id = %s", member.id)
    world.clock.advance(timedelta(minutes=9, seconds=59))
    assert await ask(world, question(salon)) == before
    world.clock.advance(timedelta(seconds=1))
    assert (await ask(world, question(salon))).workers[0].staff_member.color == "#112233"


async def test_the_oldest_answers_go_when_they_hold_too_much(world, make, settings, statements):
    salon, _, _ = await a_working_salon(world, make)
    days = [
        Question(
            UUID(salon.id), frozenset(), frozenset(), local(SUNDAY, 24 * day), local(SUNDAY, 24 * day + 24)
        )
        for day in range(3)
    ]
    finding = Finding(world.database, platform_policy(settings), world.clock)
    room_for_two = 2 * len(await KeptContexts(finding, world.clock).answer(days[0]))
    kept = KeptContexts(finding, world.clock, room_for_two)
    for _ in range(3):
        await kept.answer(days[0])
        await kept.answer(days[1])
    with statements(world.database) as again:
        await kept.answer(days[0])
    await kept.answer(days[2])
    with statements(world.database) as forgotten:
        await kept.answer(days[0])
    assert (len(again), len(forgotten)) == (1, 5)
