"""Databases for tests: a service's schema is migrated once into a template, and copied per test."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from kursi_chassis.db.migrate import migrate
from kursi_chassis.testing.servers import PostgresServer


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """One database, seen by the role that migrates, the role that runs, and the superuser."""

    name: str
    owner: str
    app: str
    superuser: str


class DatabaseFactory:
    """Makes migrated databases with the roles of production: `<service>_owner` and `<service>_app`."""

    @classmethod
    @contextmanager
    def of(cls, server: PostgresServer) -> Iterator[DatabaseFactory]:
        """The factory, while the block runs."""
        with (
            psycopg.connect(server.url(), autocommit=True) as admin,
            psycopg.connect(server.url(), autocommit=True) as cleaner,
            ThreadPoolExecutor(max_workers=1) as aside,
        ):
            factory = cls(server, admin, cleaner, aside)
            yield factory
            factory.finish()

    def __init__(
        self,
        server: PostgresServer,
        admin: psycopg.Connection,
        cleaner: psycopg.Connection,
        aside: ThreadPoolExecutor,
    ) -> None:
        """Both are the superuser's, in autocommit: a new one for each database would cost as much as half of it."""
        self._server = server
        self._admin = admin
        self._cleaner = cleaner
        self._aside = aside
        self._dropped: deque[Future[object]] = deque()
        self._templates: set[str] = set()
        self._numbers = itertools.count(1)

    def create(self, service: str, prepare: Callable[[str], None] | None = None) -> DatabaseUrls:
        """A fresh database of `service`, in some 50 ms after the first.

        `prepare` gets the owner's URL of the template and brings about the schema; without it the migrations
        in `kursi_<service>.migrations` are applied.
        """
        template = f"template_{service}"
        if template not in self._templates:
            self._make_template(service, template, prepare)
        name = f"{service}_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {service}_owner")
        return self._urls(service, name)

    @contextmanager
    def borrow(self, service: str, prepare: Callable[[str], None] | None = None) -> Iterator[DatabaseUrls]:
        """The same, dropped at the end."""
        urls = self.create(service, prepare)
        yield urls
        self.drop(urls)

    def drop(self, urls: DatabaseUrls) -> None:
        """Have it dropped, whoever is still connected.

        On the side: PostgreSQL waits a tenth of a second for a session that has just been closed, which is as long as half
        a test takes.
        """
        while self._dropped and self._dropped[0].done():
            self._dropped.popleft().result()
        statement = f"DROP DATABASE IF EXISTS {urls.name} WITH (FORCE)"
        self._dropped.append(self._aside.submit(self._cleaner.execute, statement.encode()))

    def finish(self) -> None:
        """Wait for what is on its way. Raises: psycopg.Error when a database could not be dropped."""
        while self._dropped:
            self._dropped.popleft().result()

    def _make_template(self, service: str, template: str, prepare: Callable[[str], None] | None) -> None:
        for role in (f"{service}_owner", f"{service}_app"):
            self._ensure_role(role)
        self._execute(f"CREATE DATABASE {template} OWNER {service}_owner")
        owner_url = self._urls(service, template).owner
        if prepare is None:
            migrate(owner_url, f"kursi_{service}.migrations")
        else:
            prepare(owner_url)
        self._templates.add(template)

    def _execute(self, statement: str) -> None:
        self._admin.execute(statement.encode())

    def _ensure_role(self, role: str) -> None:
        try:
            self._execute(f"CREATE ROLE {role} LOGIN")
        except psycopg.errors.DuplicateObject:
            return

    def _urls(self, service: str, name: str) -> DatabaseUrls:
        return DatabaseUrls(
            name=name,
            owner=self._server.url(name, f"{service}_owner"),
            app=self._server.url(name, f"{service}_app"),
            superuser=self._server.url(name),
        )
