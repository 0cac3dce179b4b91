"""R7: a warm start of the whole platform, held against PostgreSQL, NATS and Envoy each started alone."""

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from kursi_chassis.testing.servers import NatsServer, PostgresServer, free_port
from kursi_gateway.binary import envoy_binary
from kursi_gateway.contract import upstreams
from kursi_gateway.envoy import write
from kursi_gateway.settings import Address, GatewaySettings
from kursi_local.memory import mebibytes
from kursi_local.patience import until
from kursi_local.platform import Platform
from kursi_local.table import DEFAULT_TABLE
from kursi_local.testing import started_platform

from bench.report import Figure

START_SECONDS = 120.0


async def measure(made: Path | None = None) -> Figure:
    """One cold start to make the data, unless a platform has `made` some already, then a warm one; the bare servers in
    the same run.
    """
    return await asyncio.to_thread(_measure, made)


def _measure(made: Path | None) -> Figure:
    base = Path(tempfile.mkdtemp(prefix="kursi-bench-"))
    base.chmod(0o711)  # PostgreSQL's user must be able to walk through
    data = made or base / "data"
    try:
        cold = {} if made else {"cold_s": round(_start(data)[0], 1)}
        warm, resident = _start(data)
        bare = {"postgres": _postgres(base), "nats": _nats(base), "envoy": _envoy(base)}
    finally:
        shutil.rmtree(base, ignore_errors=True)
    limit = sum(bare.values())
    return Figure(
        id="R7",
        job="warm start of the whole platform",
        measured=f"{warm:.1f} s",
        limit=f"bare servers {limit:.1f} s",
        ratio=warm / limit,
        goal="≤ 2",
        met=warm / limit <= 2,
        details={
            **cold,
            "resident_mib": resident,
            **{f"{name}_s": round(seconds, 2) for name, seconds in bare.items()},
        },
    )


def _start(data: Path) -> tuple[float, int]:
    """Seconds until the platform was ready, and MiB that it holds then."""
    began = time.perf_counter()
    with started_platform(data, DEFAULT_TABLE, None, ("--any-ports",), START_SECONDS) as platform:
        return time.perf_counter() - began, _resident(platform)


def _resident(platform: Platform) -> int:
    return sum(mebibytes(entry.kin.pid) for entry in platform.journal.processes.values() if entry.kin)


def _postgres(base: Path) -> float:
    server = PostgresServer(base / "postgres", free_port())
    server.start()
    server.stop()
    began = time.perf_counter()
    server.start()
    seconds = time.perf_counter() - began
    server.stop()
    return seconds


def _nats(base: Path) -> float:
    server = NatsServer(base / "nats", free_port())
    began = time.perf_counter()
    server.start()
    seconds = time.perf_counter() - began
    server.stop()
    return seconds


def _envoy(base: Path) -> float:
    listen = Address("127.0.0.1", free_port())
    nobody: dict[str, tuple[Address, ...]] = {
        name: (Address("127.0.0.1", free_port()),) for name in upstreams()
    }
    settings = GatewaySettings(
        output=base / "gateway",
        listen=listen,
        admin=Address("127.0.0.1", free_port()),
        upstreams=nobody,
        token_issuer="http://bench",
        access_log="/dev/null",
    )
    bootstrap = write(settings)
    began = time.perf_counter()
    process = subprocess.Popen(
        [
            envoy_binary(),
            "-c",
            str(bootstrap),
            "--disable-hot-restart",
            "--concurrency",
            "2",
            "--log-level",
            "critical",
        ]
    )
    try:
        until(_answers(f"http://127.0.0.1:{listen.port}/healthz"), START_SECONDS, "Envoy")
        return time.perf_counter() - began
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> Callable[[], bool]:
    def look() -> bool:
        try:
            return httpx.get(url).status_code == 200
        except httpx.TransportError:
            return False

    return look
