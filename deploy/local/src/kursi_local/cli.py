"""``python -m kursi_local``: start, look at and stop the platform of a data folder."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kursi_local.console import Console
from kursi_local.folder import DataFolder, FolderInUse, NotOurFolder, write_json
from kursi_local.journal import Journal
from kursi_local.launcher import DidNotStart, Launcher, Options, StopRequested
from kursi_local.memory import mebibytes
from kursi_local.patience import TookTooLong
from kursi_local.platform import NotRunning, Platform
from kursi_local.ports import NoPortLeft
from kursi_local.postgres import Place
from kursi_local.table import DEFAULT_TABLE, TableError

if TYPE_CHECKING:
    from kursi_local.visit import Visit

_EXPECTED = (FolderInUse, NotOurFolder, DidNotStart, NotRunning, TookTooLong, TableError, NoPortLeft)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    given = _parser().parse_args(arguments)
    try:
        status = int(given.command(given))
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has enough (`status | head`). The interpreter flushes once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except _EXPECTED as failure:
        print(f"kursi: {failure}", file=sys.stderr)
        return 1
    except OSError as failure:  # a folder that cannot be written, a disk that is full
        where = failure.filename or given.data.absolute()  # a write that fails names no file
        print(f"kursi: {where}: {failure.strerror or failure}", file=sys.stderr)
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kursi_local", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--data", type=Path, default=Path(".kursi"), help="the folder that keeps everything")
    commands = parser.add_subparsers(required=True)
    _add_starting(commands, common)

    codes = commands.add_parser("codes", parents=[common], help="the newest one-time codes")
    codes.set_defaults(command=_codes)

    status = commands.add_parser("status", parents=[common], help="what runs, where, with how much memory")
    status.add_argument("--json", action="store_true")
    status.set_defaults(command=_status)

    commands.add_parser("stop", parents=[common], help="stop the platform").set_defaults(command=_stop)

    logs = commands.add_parser("logs", parents=[common], help="show a process's log")
    logs.add_argument("name")
    logs.add_argument("--follow", "-f", action="store_true")
    logs.set_defaults(command=_logs)

    psql = commands.add_parser("psql", parents=[common], help="open a service's database as its owner")
    psql.add_argument("service")
    psql.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to psql")
    psql.set_defaults(command=_psql)

    reset = commands.add_parser("reset", parents=[common], help="delete the data folder")
    reset.set_defaults(command=_reset)
    return parser


def _add_starting(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser
) -> None:
    starting = argparse.ArgumentParser(add_help=False)
    _add_start_options(starting)
    up = commands.add_parser(
        "up", parents=[common, starting], help="start the platform and stay until Ctrl-C"
    )
    up.set_defaults(command=_up)
    run = commands.add_parser(
        "run",
        parents=[common, starting],
        help="the same with demonstration data and the main job played once",
    )
    run.add_argument("--no-story", action="store_true", help="demonstration data only")
    run.set_defaults(command=_run)


def _add_start_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--table", type=Path, default=DEFAULT_TABLE, help="another process table (TOML)")
    parser.add_argument(
        "--ready-file", type=Path, help="written once everything is ready, removed at the end"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object per line instead of text")
    parser.add_argument("--any-ports", action="store_true", help="leave the usual ports to somebody else")
    parser.add_argument(
        "--no-fsync", action="store_true", help="faster PostgreSQL that a power cut may corrupt"
    )
    parser.add_argument("--start-seconds", type=float, default=120, help="give up when it takes longer")


def _up(given: argparse.Namespace) -> int:
    console = Console(as_json=given.json)
    asyncio.run(_stay_up(_launcher(given, console), console, given.ready_file))
    return 0


def _run(given: argparse.Namespace) -> int:
    from kursi_local.visit import Visit  # brings an HTTP client, for which `up` need not wait

    console = Console(as_json=given.json)
    visit = Visit(Platform(given.data), with_story=not given.no_story)
    asyncio.run(_stay_up(_launcher(given, console), console, given.ready_file, visit))
    return 0 if visit.went_well else 1


def _codes(given: argparse.Namespace) -> int:
    from kursi_local.client import Api  # as above

    with Api.of(Platform(given.data)) as api:
        for who, code in api.outside.newest_codes().items():
            print(f"{who:<32} {code}")
    return 0


def _launcher(given: argparse.Namespace, console: Console) -> Launcher:
    options = Options(
        data=given.data,
        table=given.table,
        usual_ports=not given.any_ports,
        fsync=not given.no_fsync,
        start_seconds=given.start_seconds,
    )
    return Launcher(options, console.tell)


async def _stay_up(
    launcher: Launcher, console: Console, ready_file: Path | None, visit: Visit | None = None
) -> None:
    loop = asyncio.get_running_loop()
    for how in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if how is not signal.SIGHUP or signal.getsignal(how) is not signal.SIG_IGN:  # nohup means it
            loop.add_signal_handler(how, launcher.request_stop)
    try:
        async with launcher.running() as journal:
            _announce(console, journal)
            if visit:
                await visit.until_over(launcher.stopping)
            if ready_file:
                write_json(ready_file, {"ports": journal.ports, "seconds": console.seconds})
            await launcher.stopping.wait()
    except StopRequested:
        pass
    finally:
        if ready_file:
            _forget(ready_file)
    console.say("stopped")


def _forget(ready_file: Path) -> None:
    ready_file.unlink(missing_ok=True)


def _announce(console: Console, journal: Journal) -> None:
    gateway = journal.ports.get("gateway")
    where = f": http://127.0.0.1:{gateway}" if gateway else ""
    console.say(f"ready after {console.seconds:.1f} s{where} (Ctrl-C stops it)", ports=journal.ports)


def _status(given: argparse.Namespace) -> int:
    platform = Platform(given.data)
    journal = platform.journal
    rows = [
        {
            "name": entry.name,
            "state": entry.state,
            "pid": entry.kin.pid if entry.kin else None,
            "restarts": entry.restarts,
            "mebibytes": mebibytes(entry.kin.pid) if entry.kin else 0,
        }
        for entry in journal.processes.values()
    ]
    if given.json:
        print(json.dumps({"phase": journal.phase, "ports": journal.ports, "processes": rows}))
        return 0
    print(f"{platform.data}: {journal.phase}, {sum(int(str(row['mebibytes'])) for row in rows)} MiB")
    for row in rows:
        print("{name:<12} {state:<12} pid {pid!s:<8} {restarts:>3} restarts {mebibytes:>6} MiB".format(**row))
    for name, port in journal.ports.items():
        print(f"{name:<20} 127.0.0.1:{port}")
    return 0


def _stop(given: argparse.Namespace) -> int:
    print("stopped" if Platform(given.data).stop() else f"no platform was running in {given.data.resolve()}")
    for name in Journal.read(DataFolder(given.data).state).clean_up():
        print(f"stopped {name}, left behind by a launcher that was killed")
    return 0


def _logs(given: argparse.Namespace) -> int:
    log = Platform(given.data).log(given.name)
    if not log.exists():
        raise NotRunning(_missing(f"log of {given.name}", (path.stem for path in log.parent.glob("*.log"))))
    with log.open(errors="replace") as lines:
        shutil.copyfileobj(lines, sys.stdout)
        while given.follow:
            sys.stdout.write(lines.readline())
            sys.stdout.flush()
            time.sleep(0.1)
    return 0


def _missing(what: str, there: Iterable[str]) -> str:
    return f"no {what}; there are {', '.join(sorted(there)) or 'none'}"


def _psql(given: argparse.Namespace) -> int:
    platform = Platform(given.data)
    if given.service not in platform.journal.services:
        raise NotRunning(_missing(f"service {given.service}", platform.journal.services))
    url = platform.database_url(given.service, "owner")
    psql = Place.choose(DataFolder(given.data).path).tool("psql")
    return subprocess.run([psql, *given.rest], env=os.environ | _libpq(url), check=False).returncode


def _libpq(url: str) -> dict[str, str]:
    """The URL as environment, because a password on a command line is for everybody to read."""
    parts = urlsplit(url)
    return {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port),
        "PGUSER": parts.username or "",
        "PGPASSWORD": parts.password or "",
        "PGDATABASE": parts.path.lstrip("/"),
    }


def _reset(given: argparse.Namespace) -> int:
    folder = DataFolder(given.data)
    if not folder.exists:
        raise NotOurFolder(f"there is no platform in {folder.path}")
    folder.lock()
    Journal.read(folder.state).clean_up()
    moved = Place.choose(folder.path).moved_to
    if moved:
        shutil.rmtree(moved, ignore_errors=True)
    folder.remove()
    return 0
