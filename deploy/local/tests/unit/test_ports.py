import socket

import pytest
from kursi_local.ports import PortBook


@pytest.fixture
def book(home):
    """Opens port books, each kept in a file of its own name."""
    opened: list[PortBook] = []

    def open_book(name: str, usual: dict[str, int]) -> PortBook:
        opened.append(PortBook(home / name, usual))
        return opened[-1]

    yield open_book
    for one in opened:
        one.release()


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.covers("K2")
def test_another_port_is_taken_when_the_usual_one_is_busy(book, taken_port):
    port = book("ours", {"web": taken_port}).port("web")
    assert port != taken_port
    assert 1024 < port < 32768


@pytest.mark.covers("K2")
def test_the_port_of_the_last_start_is_taken_again(book):
    first = book("ours", {})
    port = first.port("web")
    first.release()
    assert book("ours", {}).port("web") == port


@pytest.mark.covers("K2")
def test_two_platforms_never_pick_the_same_free_port(book):
    usual = book("scout", {}).port("web")
    assert book("theirs", {"web": usual}).port("web") != usual
