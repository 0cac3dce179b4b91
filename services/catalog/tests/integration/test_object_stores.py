"""What every object store does alike: a folder, and a server that speaks S3."""

import asyncio
import os

import botocore.session
import pytest
from kursi_catalog.adapters.folder_store import FolderStore
from kursi_catalog.adapters.s3_store import Bucket, S3Store
from kursi_chassis.errors import Unavailable
from kursi_chassis.testing.servers import free_port
from moto.server import ThreadedMotoServer
from pydantic import SecretStr

KEYS = {"access_key": "someone", "secret_key": SecretStr("a secret of the test")}


@pytest.fixture(scope="module")
def s3():
    """Where a server that speaks S3 listens, with an empty bucket."""
    server = ThreadedMotoServer("127.0.0.1", free_port(), verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    client = botocore.session.get_session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=endpoint,
        aws_access_key_id="someone",
        aws_secret_access_key="x",
    )
    client.create_bucket(Bucket="photos")
    yield endpoint
    server.stop()


@pytest.fixture(params=["folder", "s3"])
def store(request, tmp_path):
    if request.param == "folder":
        return FolderStore(tmp_path / "not there yet")
    return S3Store(Bucket("photos", "us-east-1", request.getfixturevalue("s3"), **KEYS))


@pytest.mark.covers("C8")
async def test_what_is_put_is_there_byte_for_byte(store):
    content = bytes(range(256)) * 4000
    await store.put("photos/one/large.webp", content, "image/webp")
    await store.put("photos/one/small.webp", b"small", "image/webp")
    assert await store.get("photos/one/large.webp") == content
    assert await store.get("photos/one/small.webp") == b"small"


@pytest.mark.covers("C8")
async def test_the_last_one_that_is_put_counts(store):
    await store.put("photos/two/large.webp", b"first", "image/webp")
    await store.put("photos/two/large.webp", b"second", "image/webp")
    assert await store.get("photos/two/large.webp") == b"second"


@pytest.mark.covers("C8")
async def test_what_is_deleted_is_gone_and_can_be_deleted_again(store):
    await store.put("photos/three/large.webp", b"it", "image/webp")
    for _ in range(2):
        await store.delete("photos/three/large.webp")
    assert await store.get("photos/three/large.webp") is None
    await store.delete("photos/never/large.webp")


@pytest.mark.covers("C8")
async def test_what_was_there_is_shown_until_the_new_one_is_on_the_disk(tmp_path, monkeypatch):
    store, path = FolderStore(tmp_path), tmp_path / "photos/five/large.webp"
    await store.put("photos/five/large.webp", b"old", "image/webp")
    shown = []
    monkeypatch.setattr(os, "fsync", lambda _: shown.append(path.read_bytes()))
    await store.put("photos/five/large.webp", b"new", "image/webp")
    assert (shown, path.read_bytes()) == ([b"old"], b"new")


async def test_whoever_reads_a_folder_while_others_write_gets_a_whole_one(tmp_path):
    """S3 promises it; the server that stands in for S3 here does not, and fails when several write one key."""
    store = FolderStore(tmp_path)
    contents = [bytes([number]) * 100_000 for number in range(8)]
    await store.put("photos/four/large.webp", contents[0], "image/webp")
    found, *_ = await asyncio.gather(
        store.get("photos/four/large.webp"),
        *(store.put("photos/four/large.webp", content, "image/webp") for content in contents),
    )
    assert found in contents


async def test_a_store_that_does_not_answer_is_unavailable():
    away = S3Store(Bucket("photos", "us-east-1", f"http://127.0.0.1:{free_port()}", **KEYS))
    for call in (away.get("k"), away.put("k", b"", "image/webp"), away.delete("k")):
        with pytest.raises(Unavailable):
            await call


async def test_a_bucket_that_is_not_there_is_unavailable_not_empty(s3):
    nowhere = S3Store(Bucket("nowhere", "us-east-1", s3, **KEYS))
    with pytest.raises(Unavailable):
        await nowhere.get("photos/one/large.webp")
