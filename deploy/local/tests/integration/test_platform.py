"""The promises of the launcher, each with real processes: its own, PostgreSQL, NATS and small stand-ins."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from kursi_local.journal import Entry, Journal
from kursi_local.lineage import Kin, family, kin_of
from kursi_local.patience import TookTooLong, until
from kursi_local.platform import Platform
from kursi_local.testing import started_platform

QUICK = ("--any-ports", "--no-fsync")


def kursi(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kursi_local", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def started(home):
    """Starts a platform with the given table in ``home/<name>``; used as a context manager."""

    def start(table, name="data", options=QUICK):
        return started_platform(home / name, table, None, options, 100)

    return start


def gone(kins: list[Kin], seconds: float = 60) -> None:
    until(lambda: not any(kin.alive for kin in kins), seconds, "the end of all")


def shop(platform: Platform) -> psycopg.Connection:
    return psycopg.connect(platform.database_url("shop", "owner"), autocommit=True)


@pytest.mark.covers("K2")
def test_term_stops_everything_and_leaves_no_orphan(started, table, postgres, nats, stubborn):
    with started(table(postgres, nats, stubborn)) as platform:
        everybody = family(platform.journal.launcher.pid)
        assert len(everybody) > 6
        platform.stop()
        assert not [kin for kin in everybody if kin.alive]


@pytest.mark.covers("K2")
def test_a_second_ctrl_c_waits_for_nobody(started, table, stubborn):
    patient = stubborn.replace("stop_seconds = 0.5", "stop_seconds = 600")
    with started(table(patient)) as platform:
        launcher = platform.journal.launcher
        os.kill(launcher.pid, signal.SIGINT)
        until(lambda: platform.journal.phase == "stopping", 60, "the beginning of the stop")
        with pytest.raises(TookTooLong):
            gone([launcher], 0.3)
        os.kill(launcher.pid, signal.SIGINT)
        gone([launcher])


@pytest.mark.covers("K2")
def test_after_kill_9_of_the_launcher_the_next_start_finds_the_same_data(started, table, postgres, nats):
    both = table(postgres, nats)
    with started(both) as platform:
        with shop(platform) as connection:
            connection.execute("CREATE TABLE visit AS SELECT 7 AS number")
        everybody = family(platform.journal.launcher.pid)
        os.kill(everybody[0].pid, signal.SIGKILL)
        gone(everybody)
    with started(both) as platform, shop(platform) as connection:
        assert connection.execute("SELECT number FROM visit").fetchall() == [(7,)]


@pytest.mark.covers("K2")
def test_what_a_killed_launcher_left_behind_is_ended_by_the_next_start(started, table, stubborn):
    with started(table(stubborn)) as platform:
        survivor = platform.entry("stubborn").kin
        os.kill(platform.journal.launcher.pid, signal.SIGKILL)
    assert survivor.alive
    with started(table(stubborn)) as platform:
        assert not survivor.alive
        assert platform.entry("stubborn").kin != survivor


@pytest.mark.covers("K2")
def test_a_stranger_that_got_the_pid_of_a_dead_child_is_left_alone(home):
    with subprocess.Popen(["sleep", "1000"]) as stranger:
        mistaken = Kin(stranger.pid, "the birth of another process")
        Journal(processes={"sleeper": Entry("sleeper", "ready", mistaken)}).write(home / "state.json")
        assert Journal.read(home / "state.json").clean_up() == []
        assert stranger.poll() is None
        rightly = kin_of(stranger.pid)
        Journal(processes={"sleeper": Entry("sleeper", "ready", rightly)}).write(home / "state.json")
        assert Journal.read(home / "state.json").clean_up() == ["sleeper"]


@pytest.mark.covers("K2")
def test_a_busy_port_is_avoided_and_the_other_one_remembered(started, table, nats):
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        busy = somebody.getsockname()[1]
        usual = table(f"[ports]\nnats = {busy}\n", nats)
        with started(usual, options=()) as platform:
            port = platform.port("nats")
            assert port != busy
    with started(usual, options=()) as platform:
        assert platform.port("nats") == port


@pytest.mark.covers("K2")
def test_two_platforms_side_by_side_do_not_meet(started, table, nats):
    same = table("[ports]\nnats = 24777\nnats-monitor = 24778\n", nats)
    with started(same, "left", options=()) as left:
        with started(same, "right", options=()) as right:
            assert set(left.journal.ports.values()).isdisjoint(right.journal.ports.values())
        assert left.entry("nats").kin.alive
        left.wait_ready()


@pytest.mark.covers("K2")
def test_a_second_start_on_the_same_folder_is_refused_and_harms_nobody(started, table, sleeper):
    with started(table(sleeper)) as platform:
        before = platform.entry("sleeper").kin
        second = kursi("up", "--data", str(platform.data), "--table", str(table(sleeper)))
        assert second.returncode == 1
        assert f"already running in {platform.data}" in second.stderr
        assert platform.entry("sleeper").kin == before
        assert before.alive


@pytest.mark.covers("K2")
def test_a_folder_may_have_any_name(started, table, postgres, nats, stubborn):
    with started(table(postgres, nats, stubborn), "صالون المدينة {x} $1 '") as platform:
        platform.wait_ready(0.1)


def test_a_folder_that_cannot_be_made_is_told_in_one_line(table, sleeper):
    answer = kursi("up", "--data", "/proc/kursi", "--table", str(table(sleeper)))
    assert answer.returncode == 1
    assert answer.stderr.startswith("kursi: /proc/kursi: ")
    assert answer.stderr.count("\n") == 1


@pytest.mark.covers("K2")
def test_everything_is_in_one_folder_and_reset_removes_it(started, table, postgres, nats, home):
    with started(table(postgres, nats)) as platform:
        assert kursi("reset", "--data", str(platform.data)).returncode == 1
    assert {path.name for path in home.iterdir()} == {"data", "data.out", "table.toml"}
    assert kursi("reset", "--data", str(platform.data)).returncode == 0
    assert not platform.data.exists()


@pytest.mark.covers("K2")
def test_postgres_killed_under_load_comes_back_with_what_was_committed(started, table, postgres):
    with started(table(postgres)) as platform:
        with shop(platform) as connection:
            connection.execute("CREATE TABLE visit AS SELECT 7 AS number")
        platform.kill("postgres")
        platform.wait_ready()
        assert platform.entry("postgres").restarts >= 1
        with shop(platform) as connection:
            assert connection.execute("SELECT number FROM visit").fetchall() == [(7,)]


@pytest.mark.covers("K2")
def test_on_a_full_disk_what_dies_is_started_again_and_the_stop_is_in_order(started, table):
    script = "trap 'echo goodbye; exit' TERM; echo born; while true; do sleep 0.1; done"
    with started(table(f'[[process]]\nname = "till"\ncommand = ["sh", "-c", "{script}"]\n')) as platform:
        log = platform.log("till")
        until(lambda: "born" in log.read_text(), 60, "the first till")
        (platform.data / "state.new").symlink_to("/dev/full")
        platform.kill("till")
        until(lambda: log.read_text().count("born") == 2, 60, "the second till")
        platform.stop()
    assert log.read_text().splitlines()[-1] == "goodbye"
    assert "state.json   cannot be written: No space left" in platform.data.with_name("data.out").read_text()


def test_a_start_on_a_full_disk_says_where_there_is_no_space(table, sleeper, home):
    data = home / "data"
    data.mkdir()
    (data / "this-folder-belongs-to-kursi").touch()
    (data / "state.new").symlink_to("/dev/full")
    answer = kursi("up", "--data", str(data), "--table", str(table(sleeper)))
    assert (answer.returncode, answer.stderr) == (1, f"kursi: {data}: No space left on device\n")


@pytest.mark.covers("K2")
def test_as_root_data_below_a_closed_folder_move_to_one_that_works(started, table, postgres, home):
    if os.geteuid() != 0:
        pytest.skip("only root's PostgreSQL runs as somebody else")
    (home / "closed").mkdir(mode=0o700)
    with started(table(postgres), "closed/data") as platform:
        cluster = platform.journal.cluster
        assert not cluster.startswith(str(home))
        assert str(Path(cluster).parent) in (home / "closed" / "data.out").read_text()
        platform.wait_ready()
    assert kursi("reset", "--data", str(home / "closed" / "data")).returncode == 0
    assert not Path(cluster).exists()


def test_a_process_that_cannot_start_ends_the_start_with_its_own_words(table, home):
    broken = table(
        '[[process]]\nname = "broken"\nready = "tcp:broken"\ncommand = ["sh", "-c", "echo no licence; exit 9"]\n'
    )
    answer = kursi("up", "--data", str(home / "data"), "--table", str(broken))
    assert answer.returncode == 1
    assert "no licence" in answer.stderr


def test_status_and_stop_say_what_runs_where(started, table, sleeper):
    with started(table(sleeper)) as platform:
        status = json.loads(kursi("status", "--json", "--data", str(platform.data)).stdout)
        assert status["phase"] == "ready"
        assert [(row["name"], row["state"]) for row in status["processes"]] == [("sleeper", "ready")]
        assert kursi("stop", "--data", str(platform.data)).stdout == "stopped\n"
    assert "no platform is running" in kursi("status", "--data", str(platform.data)).stderr
    assert "no platform was running" in kursi("stop", "--data", str(platform.data)).stdout


def test_who_asks_for_what_is_not_there_hears_what_is(started, table, postgres, home):
    with started(table(postgres)) as platform:
        assert (
            "no service shopp; there are shop\n"
            in kursi("psql", "--data", str(platform.data), "shopp").stderr
        )
        assert "no log of tills; there are " in kursi("logs", "--data", str(platform.data), "tills").stderr
    assert (
        kursi("logs", "--data", str(home / "none"), "till").stderr
        == "kursi: no log of till; there are none\n"
    )


def test_a_paused_process_answers_nothing_until_it_is_resumed(started, table, nats):
    with started(table(nats)) as platform:
        platform.pause("nats")
        address = ("127.0.0.1", platform.port("nats"))
        with socket.create_connection(address, timeout=0.2) as silent, pytest.raises(TimeoutError):
            silent.recv(1)
        platform.resume("nats")
        with socket.create_connection(address, timeout=30) as talking:
            assert talking.recv(4) == b"INFO"


def test_a_restarted_process_is_ready_again_when_the_call_returns(started, table, nats):
    with started(table(nats)) as platform:
        before = platform.entry("nats").kin
        platform.restart("nats")
        assert platform.entry("nats").kin != before
        platform.wait_ready(0.1)
