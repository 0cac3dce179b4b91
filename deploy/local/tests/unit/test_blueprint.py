import json
import shlex

import pytest
from kursi_local.blueprint import Blueprint
from kursi_local.folder import DataFolder
from kursi_local.ports import PortBook
from kursi_local.postgres import Place
from kursi_local.table import DEFAULT_TABLE, Table
from kursi_local.vault import Vault


@pytest.fixture
def blueprint(home):
    folder = DataFolder(home / "data")
    folder.create()
    ports = PortBook(folder.ports, {})
    yield Blueprint(
        Table.read(DEFAULT_TABLE), folder, ports, Vault(folder.secrets), Place.choose(folder.path)
    )
    ports.release()


def process(blueprint: Blueprint, name: str):
    return next(one for one in blueprint.table.processes if one.name == name)


def test_a_service_finds_its_database_its_peers_and_its_own_address(blueprint):
    environment = blueprint.environment(process(blueprint, "booking"))
    ports = blueprint.ports.ports
    assert environment["KURSI_BOOKING_DATABASE_URL"].endswith(f"@127.0.0.1:{ports['postgres']}/booking")
    assert environment["KURSI_BOOKING_GRPC_ADDRESS"] == f"127.0.0.1:{ports['booking.grpc']}"
    assert environment["KURSI_BOOKING_CATALOG_ADDRESS"] == f"127.0.0.1:{ports['catalog.grpc']}"
    assert environment["KURSI_BOOKING_NATS_URL"] == f"nats://127.0.0.1:{ports['nats']}"


def test_only_a_migration_learns_the_owners_password(blueprint):
    service = next(one for one in blueprint.table.services if one.name == "booking")
    owner_password = blueprint.roles("booking").owner_password
    assert owner_password in blueprint.migration_environment(service)["KURSI_BOOKING_DATABASE_OWNER_URL"]
    assert owner_password not in str(blueprint.environment(process(blueprint, "booking")))


def test_a_service_sees_no_secret_of_another(blueprint):
    environment = blueprint.environment(process(blueprint, "booking"))
    assert blueprint.vault.secret("payment.client") not in str(environment)


def test_identity_knows_every_client_by_the_secret_that_the_client_has(blueprint):
    clients = json.loads(
        blueprint.environment(process(blueprint, "identity"))["KURSI_IDENTITY_SERVICE_CLIENT_SECRETS"]
    )
    booking = blueprint.environment(process(blueprint, "booking"))
    assert clients["booking"] == booking["KURSI_BOOKING_CLIENT_SECRET"]


def test_what_the_caller_sets_for_a_service_wins_and_reaches_no_other(blueprint, monkeypatch):
    monkeypatch.setenv("KURSI_BOOKING_LOG_LEVEL", "debug")
    assert blueprint.environment(process(blueprint, "booking"))["KURSI_BOOKING_LOG_LEVEL"] == "debug"
    assert "KURSI_BOOKING_LOG_LEVEL" not in blueprint.environment(process(blueprint, "payment"))


def test_every_command_of_the_platform_can_be_filled_in(blueprint):
    commands = [shlex.join(blueprint.order(one).command) for one in blueprint.table.processes]
    assert not [command for command in commands if "{" in command]
