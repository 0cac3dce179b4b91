"""A second booking service on a copy of the database as it is: what the first one had been like without what came later."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import psycopg
from kursi_local.platform import Platform
from kursi_local.ports import HOST, PortBook

READY_SECONDS = 60.0
COPY = """
ALTER DATABASE booking ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'booking';
CREATE DATABASE booking_twin TEMPLATE booking;
ALTER DATABASE booking ALLOW_CONNECTIONS true;
"""


@contextmanager
def twin_of_booking(platform: Platform, superuser_url: str) -> Iterator[str]:
    """Copy the database, which interrupts the service for a moment; the address of another one on the copy."""
    with psycopg.connect(superuser_url, dbname="postgres", autocommit=True) as connection:
        for statement in COPY.strip().splitlines():
            connection.execute(statement.encode())
    ports = PortBook(platform.data / "twin-ports.json", {})
    address = f"{HOST}:{ports.port('grpc')}"
    log = platform.log("booking").with_name("booking-twin.log")
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "kursi_booking", "serve"],
            env=_environment(platform)
            | {
                "KURSI_BOOKING_DATABASE_URL": f"{platform.database_url('booking')}_twin",
                "KURSI_BOOKING_GRPC_ADDRESS": address,
                "KURSI_BOOKING_METRICS_ADDRESS": f"{HOST}:{ports.port('metrics')}",
            },
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:
            with grpc.insecure_channel(address) as channel:
                grpc.channel_ready_future(channel).result(READY_SECONDS)
            yield address
        finally:
            process.terminate()
            ports.release()


def _environment(platform: Platform) -> dict[str, str]:
    kin = platform.entry("booking").kin
    assert kin is not None  # the platform is up
    raw = Path(f"/proc/{kin.pid}/environ").read_bytes().split(b"\0")
    return dict(os.fsdecode(entry).split("=", 1) for entry in raw if b"=" in entry)
