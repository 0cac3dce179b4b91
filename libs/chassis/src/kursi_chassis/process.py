"""A process: which roles it plays, and how it ends.

    # kursi_booking/__main__.py
    main(BookingSettings, build, roles=("serve", "relay", "consume"), commands={"migrate": migrate_database})

    # kursi_booking/main.py
    @asynccontextmanager
    async def build(settings: BookingSettings, roles: frozenset[str]) -> AsyncIterator[Mapping[str, Role]]:
        async with AsyncExitStack() as stack:
            ...
            yield {"serve": server.run, "relay": relay.run, "consume": consumer.run}

The end, in order: SIGTERM or SIGINT (or a role that ends or fails) sets the event; the roles drain and
return, all at once; whoever has not returned within the limit is cancelled; `build` closes what it opened. A
second signal cancels at once. The exit code is 1 when a role failed or had to be cancelled.
"""

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import NoReturn, TypeVar

from kursi_chassis.dependencies import missing_dependency
from kursi_chassis.errors import Unavailable
from kursi_chassis.logging import configure_logging, get_logger
from kursi_chassis.metrics import serve_metrics
from kursi_chassis.roles import Role
from kursi_chassis.settings import ServiceSettings, SettingsWrong, read_settings
from kursi_chassis.telemetry import record_traces

S = TypeVar("S", bound=ServiceSettings)

Build = Callable[[S, frozenset[str]], AbstractAsyncContextManager[Mapping[str, Role]]]

ALL_ROLES = "run"
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SLACK_SECONDS = 5.0
_SECONDS_BETWEEN_CANCELLATIONS = 1.0

log = get_logger()


def main(
    settings_class: type[S],
    build: Build[S],
    *,
    roles: Sequence[str],
    commands: Mapping[str, Callable[[S], None]] | None = None,
    arguments: Sequence[str] | None = None,
) -> NoReturn:
    """Run `python -m kursi_x ROLE…` and leave with its exit code.

    `roles` are the long-lived ones, `run` stands for all of them; `commands` do one thing and end (`migrate`)
    and are given alone. Settings are read from the environment here and nowhere else.
    """
    wanted = _parse(roles, commands or {}, arguments)
    try:
        settings = read_settings(settings_class)
    except SettingsWrong as error:
        sys.exit(str(error))
    configure_logging(settings.service, settings.log_level, settings.log_format)
    if commands and wanted[0] in commands:
        commands[wanted[0]](settings)
        sys.exit(0)
    chosen = frozenset(roles if ALL_ROLES in wanted else wanted)
    with (
        serve_metrics(settings.metrics_address),
        record_traces(settings.service, settings.otlp_endpoint, settings.trace_sampling_ratio),
    ):
        sys.exit(asyncio.run(_run(settings, build, chosen)))


async def run_roles(
    roles: Mapping[str, Role], *, stopping: asyncio.Event, stop_within_seconds: float
) -> bool:
    """Play the roles until `stopping` is set or one of them ends; then have all of them end.

    Returns whether they ended well: none failed, none had to be cancelled `stop_within_seconds` after the
    event was set. Takes no longer than that and what roles need to be cancelled.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_play(name, role, stopping), name=name) for name, role in roles.items()]
        await stopping.wait()
        log.info("process_stopping", roles=sorted(roles))
        _, late = await asyncio.wait(tasks, timeout=stop_within_seconds)
        for task in late:
            log.error("role_cancelled", role=task.get_name(), after_seconds=stop_within_seconds)
        await _cancel(late)
    return not late and all(task.result() for task in tasks)


async def _run(settings: S, build: Build[S], chosen: frozenset[str]) -> int:
    stopping = asyncio.Event()
    with _stopped_by_signals(stopping):
        try:
            async with build(settings, chosen) as built:
                _spare_the_collector()
                log.info("process_started", roles=sorted(chosen))
                ended_well = await run_roles(
                    {name: built[name] for name in sorted(chosen)},
                    stopping=stopping,
                    stop_within_seconds=settings.drain_seconds + settings.stop_seconds + _SLACK_SECONDS,
                )
        except Unavailable as error:
            # Nothing is wrong here: whoever starts processes starts it again.
            missing, kind = missing_dependency(error), type(error.__cause__ or error).__name__
            log.error("process_without_dependency", dependency=missing, error=kind)  # noqa: TRY400 -- a traceback says no more
            return 1
    log.info("process_stopped", ended_well=ended_well)
    return 0 if ended_well else 1


def _spare_the_collector() -> None:
    """Leave what is there now, modules and descriptors mostly, out of every later garbage collection.

    It lives until the end anyway. Walking it took pauses of 50 ms and more, which a caller sees.
    """
    gc.collect()
    gc.freeze()


@contextmanager
def _stopped_by_signals(stopping: asyncio.Event) -> Iterator[None]:
    """While the block runs, the first SIGTERM or SIGINT sets the event and a second one cancels the block."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal(number: signal.Signals) -> None:
        log.info("signal_received", signal=number.name)
        if stopping.is_set() and task is not None:
            task.cancel()
        stopping.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def _cancel(tasks: Collection[asyncio.Task[bool]]) -> None:
    """Cancel until they have ended: before Python 3.12 `asyncio.wait_for`, with which libraries wait, may forget it."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=_SECONDS_BETWEEN_CANCELLATIONS)


async def _play(name: str, role: Role, stopping: asyncio.Event) -> bool:
    """One role; its end is the beginning of everybody's. Whether it ended well."""
    try:
        await role(stopping)
    except Exception:  # logged here once; the others still drain, then the process fails
        log.exception("role_failed", role=name)
        return False
    finally:
        stopping.set()
    return True


def _parse(
    roles: Sequence[str], commands: Mapping[str, object], arguments: Sequence[str] | None
) -> list[str]:
    parser = argparse.ArgumentParser(description="Play one or more roles of the service.")
    choices = [*roles, ALL_ROLES, *commands]
    parser.add_argument("roles", nargs="+", choices=choices, metavar="ROLE", help=", ".join(choices))
    wanted: list[str] = parser.parse_args(arguments).roles
    if len(wanted) > 1 and any(name in commands for name in wanted):
        parser.error("a command is given alone")
    return wanted
