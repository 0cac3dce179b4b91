"""The gateway and the services show each other certificates; nobody is spoken to without the right one."""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.testing.certificates import Authority
from kursi_gateway.contract import upstreams
from kursi_gateway.settings import UpstreamTls

SALON = "/v1/salons/01926f3a-7b1c-7e55-9a52-2f6c1d0e8a11"


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


@pytest.fixture
def service(upstream) -> Iterator:
    """`service(files)`: a server that talks only to who shows a certificate of its authority."""
    started = []

    def start(files: TlsFiles):
        server = type(upstream)(upstream.keys, tls=files)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def shown(files: TlsFiles) -> UpstreamTls:
    """The files as the gateway's settings name them."""
    return UpstreamTls(files.ca, files.certificate, files.key)


async def is_alive(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).status_code == 200
    except httpx.TransportError:
        return False


def stranger(ours: Authority, theirs: Authority) -> TlsFiles:
    """Trusts our authority, and shows a certificate of another one."""
    shows = theirs.issue("stranger")
    return TlsFiles(ours.file, shows.certificate, shows.key)


@pytest.mark.covers("I14")
async def test_only_who_shows_that_it_is_the_service_is_asked(run_gateway, service, ours, theirs):
    salons = service(ours.issue("catalog"))
    others = [service(stranger(ours, theirs)), service(ours.issue("elsewhere", address="127.0.0.2"))]
    ports = [replica.port for replica in (salons, *others)]
    gateway = await run_gateway(ports, upstream_tls=shown(ours.issue("gateway")))

    answers = [await gateway.client.get(SALON) for _ in range(10)]

    assert {answer.status_code for answer in answers} == {200}
    assert len([seen for seen in salons.seen if seen.method.endswith("/GetSalon")]) == len(answers)
    assert [other.seen for other in others] == [[], []]


@pytest.mark.covers("I14")
@pytest.mark.parametrize("shows", ["nothing", "another authority's"])
async def test_a_gateway_without_a_certificate_of_the_authority_is_not_answered(
    run_gateway, service, ours, theirs, shows
):
    salons = service(ours.issue("catalog"))
    tls = None if shows == "nothing" else shown(stranger(ours, theirs))
    gateway = await run_gateway([salons.port], upstream_tls=tls, is_up=is_alive)
    answer = await gateway.client.get(SALON)
    assert (answer.status_code, answer.json()["reason"]) == (503, "SERVICE_UNAVAILABLE")
    assert salons.seen == []


def test_some_of_the_files_are_not_enough(tmp_path):
    command = [
        sys.executable,
        "-m",
        "kursi_gateway",
        "render",
        "--output",
        str(tmp_path),
        "--issuer",
        "https://a",
    ]
    places = [
        "--listen",
        "127.0.0.1:80",
        "--admin",
        "127.0.0.1:81",
        "--tls-ca",
        "ca.pem",
        "--tls-key",
        "key.pem",
    ]
    services = [f"--upstream={name}=127.0.0.1:7000" for name in upstreams()]
    ended = subprocess.run([*command, *places, *services], capture_output=True, text=True, check=False)
    assert (ended.returncode, "belong together" in ended.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []
