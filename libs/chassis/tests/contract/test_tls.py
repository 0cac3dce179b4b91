"""Mutual TLS as settings turn it on: who cannot show a certificate of the same authority is not answered."""

from contextlib import asynccontextmanager

import grpc
import pytest
from kursi_chassis.grpc.client import DependencyUnavailable, connect
from kursi_chassis.grpc.server import GrpcServer
from kursi_chassis.grpc.tls import TlsFiles
from kursi_chassis.testing.certificates import Authority
from kursi_chassis.testing.rpc import rpc_settings

PARLOUR = "chassis.test.v1.Parlour"


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("theirs"), "theirs")


@asynccontextmanager
async def listening(parlour, mint, tls: TlsFiles):
    """A server with these files as settings name them; yields its address."""
    settings = rpc_settings(tls_ca_file=tls.ca, tls_certificate_file=tls.certificate, tls_key_file=tls.key)
    server = GrpcServer(settings, [(parlour, PARLOUR)], mint.verifier())
    port = await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop()


@pytest.fixture
async def address(parlour, mint, ours):
    async with listening(parlour, mint, ours.issue("booking")) as address:
        yield address


async def ask(contract, address: str, tls: TlsFiles | None) -> str:
    async with connect(address, dependency="parlour", tls=tls, default_deadline_seconds=10) as channel:
        return (await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest(text="hello"))).text


@pytest.mark.covers("I14")
async def test_two_services_of_one_authority_talk(contract, address, ours):
    assert await ask(contract, address, ours.issue("messaging")) == "hello"


@pytest.mark.covers("I14")
async def test_a_client_with_the_certificate_of_another_authority_is_not_answered(
    contract, address, parlour, ours, theirs
):
    stranger = theirs.issue("messaging")
    with pytest.raises(DependencyUnavailable):
        await ask(contract, address, TlsFiles(ours.file, stranger.certificate, stranger.key))
    assert parlour.seen == []


@pytest.mark.covers("I14")
async def test_a_client_without_a_certificate_is_not_answered(contract, address, parlour, ours):
    only_checks = grpc.ssl_channel_credentials(ours.file.read_bytes())
    async with grpc.aio.secure_channel(address, only_checks) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await contract.stubs.ParlourStub(channel).Open(contract.pb2.EchoRequest(), timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert parlour.seen == []


@pytest.mark.covers("I14")
async def test_a_client_without_encryption_is_not_answered(contract, address, parlour):
    with pytest.raises(DependencyUnavailable):
        await ask(contract, address, None)
    assert parlour.seen == []


@pytest.mark.covers("I14")
async def test_a_server_of_another_authority_gets_no_call(contract, parlour, mint, ours, theirs):
    async with listening(parlour, mint, theirs.issue("booking")) as address:
        with pytest.raises(DependencyUnavailable):
            await ask(contract, address, ours.issue("messaging"))
    assert parlour.seen == []


@pytest.mark.parametrize("left_out", ["tls_ca_file", "tls_certificate_file", "tls_key_file"])
def test_some_of_the_files_are_not_enough(left_out, ours):
    files = ours.issue("booking")
    named = {"tls_ca_file": files.ca, "tls_certificate_file": files.certificate, "tls_key_file": files.key}
    with pytest.raises(ValueError, match="belong together"):
        TlsFiles.from_settings(rpc_settings(**{**named, left_out: None}))
