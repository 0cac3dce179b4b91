import asyncio
import os
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from kursi_local.lineage import family
from kursi_local.probe import build_probe
from kursi_local.supervisor import BackOff, Keeper, Order, State

BRISK = BackOff(first_seconds=0.05, ceiling_seconds=0.4, stable_seconds=5)


@pytest.fixture
async def keep(home):
    """Keeps a shell command alive; whatever still runs at the end of the test is killed."""
    running: list[tuple[Keeper, asyncio.Task[None]]] = []

    def start(
        script: str, *, back_off: BackOff = BRISK, stop_seconds: float = 30, probe=None, nice=0
    ) -> Keeper:
        command, log = ("sh", "-c", script), home / "child.log"
        order = Order("child", command, {}, log, probe, stop_seconds=stop_seconds, nice=nice)
        keeper = Keeper(order, lambda: None, back_off)
        running.append((keeper, asyncio.create_task(keeper.run())))
        return keeper

    yield start
    for keeper, task in running:
        keeper.kill()
        await asyncio.wait_for(task, 60)


async def until(condition, seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited happens in other processes
            await asyncio.sleep(0.01)


def test_pauses_double_up_to_the_ceiling():
    assert [BackOff(0.1, 1.0).pause(failures) for failures in (1, 2, 3, 4, 5, 100)] == [
        0.1, 0.2, 0.4, 0.8, 1.0, 1.0,
    ]  # fmt: skip


@pytest.mark.covers("K2")
async def test_what_dies_is_started_again_later_and_later(keep, home):
    keeper = keep(f"date +%s.%N >> {home}/births; exit 3")
    await until(lambda: keeper.restarts >= 4)
    births = [float(line) for line in (home / "births").read_text().split()]
    gaps = [later - earlier for earlier, later in pairwise(births)]
    assert all(gap >= pause for gap, pause in zip(gaps, (0.05, 0.1, 0.2), strict=False))
    assert len(gaps) >= 3
    assert keeper.exit_status == 3


@pytest.mark.covers("K2")
async def test_a_process_that_lived_long_enough_starts_again_at_once(keep):
    keeper = keep("sleep 0.2", back_off=BackOff(0.01, 10, stable_seconds=0.1))
    await until(lambda: keeper.restarts >= 4)
    assert keeper.failures == 1


@pytest.mark.covers("K2")
async def test_a_killed_process_comes_back_with_another_pid(keep):
    keeper = keep("sleep 1000")
    await until(keeper.ready.is_set)
    first = keeper.kin
    os.kill(first.pid, signal.SIGKILL)
    await until(lambda: keeper.kin not in (first, None))
    assert keeper.exit_status == -signal.SIGKILL


@pytest.mark.covers("K2")
async def test_a_process_that_ignores_the_stop_is_killed_with_its_children(keep):
    keeper = keep("trap '' TERM; sleep 1000 & sleep 1000", stop_seconds=0.2)
    await until(lambda: keeper.kin and len(family(keeper.kin.pid)) == 3)
    all_of_them = family(keeper.kin.pid)
    keeper.stop()
    await until(lambda: keeper.state is State.STOPPED)
    await until(lambda: not any(kin.alive for kin in all_of_them))


@pytest.mark.covers("K2")
async def test_a_frozen_process_can_be_stopped(keep):
    keeper = keep("sleep 1000")
    await until(keeper.ready.is_set)
    os.kill(keeper.kin.pid, signal.SIGSTOP)
    keeper.stop()
    await until(lambda: keeper.state is State.STOPPED, 60)
    assert keeper.exit_status == -signal.SIGTERM  # it was not killed after the time that it has for it


@pytest.mark.covers("K2")
async def test_deaths_are_noticed_while_a_probe_is_under_way(keep, unused_port):
    """A probe that is refused at the very moment of the death must not keep the keeper busy for ever."""
    keeper = keep(
        "exit 1", back_off=BackOff(0.001, 0.001), probe=build_probe("tcp:any", lambda _: unused_port)
    )
    await until(lambda: keeper.restarts >= 100, 60)


async def test_a_nice_process_lets_others_go_first(keep):
    keepers = [keep("sleep 1000", nice=7) for _ in range(3)]
    await until(lambda: all(keeper.ready.is_set() for keeper in keepers))
    await until(lambda: [niceness(keeper.kin.pid) for keeper in keepers] == [{7}] * 3)


async def test_a_nice_process_starts_as_quickly_as_others(keep):
    seen = []

    async def probe():
        seen.append(niceness(keeper.kin.pid))
        return len(seen) == 5

    keeper = keep("sleep 1000", nice=7, probe=probe)
    await until(lambda: keeper.ready.is_set() and niceness(keeper.kin.pid) == {7})
    assert not any(7 in while_starting for while_starting in seen)


def niceness(pid: int) -> set[int]:
    """Of the process, and of its session where the kernel groups by sessions."""
    group = Path(f"/proc/{pid}/autogroup")
    of_session = {int(group.read_text().split()[-1])} if group.exists() else set()
    return {os.getpriority(os.PRIO_PROCESS, pid)} | of_session
