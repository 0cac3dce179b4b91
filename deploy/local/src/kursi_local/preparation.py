"""What must have happened before a process starts for the first time: cluster, databases, schema, files."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from kursi_local import logs
from kursi_local.blueprint import Blueprint
from kursi_local.child import run_once
from kursi_local.postgres import Administrator, PostgresFailed, create_cluster
from kursi_local.schema import newest_revision
from kursi_local.table import ProcessSpec, ServiceSpec


class NotPrepared(RuntimeError):
    """A step before the start failed; the text quotes what it said."""


class Preparation:
    """Prepares the processes of one platform; steps that several need are done once."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        self._databases = asyncio.Lock()
        self._have_databases = False
        self._schemas = {service.name: asyncio.Lock() for service in blueprint.table.services}
        self._at_head: set[str] = set()

    async def prepare(self, process: ProcessSpec) -> None:
        """Everything for this process; what it waits for (``after``) is ready by now.

        Raises:
            NotPrepared: a step failed.
        """
        try:
            if process.name == "postgres":
                await asyncio.to_thread(self._make_cluster)
            if process.service:
                await self._make_databases()
                await self._bring_to_head(process.service)
        except PostgresFailed as failure:
            raise NotPrepared(f"{process.name}: {failure}") from failure
        if process.prepare:
            command = self._blueprint.resolver.texts(process.prepare)
            await self._must_succeed(process.name, command, self._blueprint.environment(process))

    def _make_cluster(self) -> None:
        self._blueprint.place.furnish()
        create_cluster(self._blueprint.place, self._blueprint.superuser_password)

    async def _make_databases(self) -> None:
        async with self._databases:
            if not self._have_databases and self._blueprint.table.has("postgres"):
                roles = [self._blueprint.roles(service.name) for service in self._blueprint.table.services]
                await self._administrator.create_databases(roles)
            self._have_databases = True

    async def _bring_to_head(self, name: str) -> None:
        service = next(one for one in self._blueprint.table.services if one.name == name)
        async with self._schemas[name]:
            if service.migrate and name not in self._at_head and not await self._is_at_head(service):
                environment = self._blueprint.migration_environment(service)
                command = self._blueprint.resolver.texts(service.migrate)
                await self._must_succeed(f"{name}-migrate", command, environment)
            self._at_head.add(name)

    async def _is_at_head(self, service: ServiceSpec) -> bool:
        newest = newest_revision(f"kursi_{service.name}")
        return newest is not None and await self._administrator.revision(service.name) == newest

    async def _must_succeed(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        log = self._blueprint.log(name)
        status = await run_once(command, log, environment=environment)
        if status != 0:
            raise NotPrepared(f"{' '.join(command[:4])} ended with {status}:\n{logs.ending(log)}")

    @property
    def _administrator(self) -> Administrator:
        ports = self._blueprint.ports
        return Administrator(
            self._blueprint.place, ports.port("postgres"), self._blueprint.superuser_password
        )
