import pytest
from kursi_gateway.binary import DISCREET
from kursi_local.table import DEFAULT_TABLE, Resolver, Table, TableError


def resolver() -> Resolver:
    return Resolver({"host": lambda: "127.0.0.1"}, {"port": lambda name: f"port-of-{name}"})


def test_placeholders_are_filled_in_and_doubled_braces_stay():
    assert resolver().text('{{"a": "{host}:{port:web.grpc}"}}') == '{"a": "127.0.0.1:port-of-web.grpc"}'


def test_a_placeholder_nobody_knows_is_refused():
    with pytest.raises(TableError, match="unknown placeholder"):
        resolver().text("{hots}")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[process]]\nname = "a"\ncommand = ["a"]\nredy = "tcp:a"', "unknown keys redy"),
        ('[[process]]\nname = "a"\ncommand = ["a"]\nafter = ["b"]', "a waits for b"),
        ('[[process]]\nname = "a"\ncommand = ["a"]\nservice = "b"', "service b"),
        ('[[process]]\nname = "a"\ncommand = []\n[[process]]\nname = "a"\ncommand = []', "twice"),
        ('[[process]]\nname = "a"\ncommand = []\nnice = 20', "nice must be"),
        ('[[process]]\nname = "a"\ncommand = []\nnice = "very"', "nice must be"),
    ],
)
def test_a_table_that_cannot_work_is_refused(table, text, complaint):
    with pytest.raises(TableError, match=complaint):
        Table.read(table(text))


def test_the_platform_has_its_five_services_and_three_servers():
    names = {process.name for process in Table.read(DEFAULT_TABLE).processes}
    assert names >= {"postgres", "nats", "gateway", "identity", "catalog", "booking", "payment", "messaging"}


def test_whoever_sends_messages_lets_those_go_first_who_answer_people():
    nice = {process.name for process in Table.read(DEFAULT_TABLE).processes if process.nice}
    assert nice == {"messaging", "simulators"}


def test_the_gateway_logs_no_address_and_no_path_of_whoever_sends_too_much():
    (gateway,) = (process for process in Table.read(DEFAULT_TABLE).processes if process.name == "gateway")
    assert " ".join(DISCREET) in " ".join(gateway.command)
