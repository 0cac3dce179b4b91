"""Where the files of tests go."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from kursi_chassis.testing import folders


@pytest.fixture
def made(monkeypatch):
    """A folder made by a machine with this memory, of which so much is enough."""

    def make(memory: Path, enough: int) -> Path:
        monkeypatch.setattr(folders, "_MEMORY", memory)
        monkeypatch.setattr(folders, "_ENOUGH_BYTES", enough)
        folder = folders.quick_folder()
        shutil.rmtree(folder)
        return folder

    return make


def test_files_go_to_memory_that_is_large_enough(made, tmp_path):
    assert made(tmp_path, 1).parent == tmp_path


@pytest.mark.parametrize(("memory", "enough"), [(".", 1 << 62), ("missing", 1)], ids=["too small", "none"])
def test_files_go_to_the_disk_of_a_machine_without_such_memory(made, tmp_path, memory, enough):
    assert made(tmp_path / memory, enough).parent == Path(tempfile.gettempdir())


def test_what_a_killed_run_left_in_memory_goes_and_what_others_use_stays(made, tmp_path):
    nobody, somebody = (tmp_path / f"kursi-{pid}-files" for pid in (1 << 30, os.getpid()))
    for folder in (nobody, somebody):
        (folder / "postgres").mkdir(parents=True)
    made(tmp_path, 1)
    assert not nobody.exists()
    assert somebody.exists()
