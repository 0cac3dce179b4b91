"""The one folder that keeps everything of a platform, and the lock that makes it belong to one launcher."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import IO

_MARKER = "this-folder-belongs-to-kursi"


class FolderInUse(RuntimeError):
    """Another launcher runs on this data folder."""


class NotOurFolder(RuntimeError):
    """The folder holds something else than a platform's data."""


class DataFolder:
    """Paths inside a data folder. Others may pass through it (PostgreSQL's user must), but not list it."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.state = self.path / "state.json"
        self.ports = self.path / "ports.json"
        self.secrets = self.path / "secrets.json"
        self.gateway = self.path / "gateway"
        self.nats = self.path / "nats"
        self._lock: IO[str] | None = None

    @property
    def exists(self) -> bool:
        return (self.path / _MARKER).exists()

    def create(self) -> None:
        """Make the folder and what every start needs in it.

        Raises:
            NotOurFolder: the folder has content, but not from a platform.
        """
        self._refuse_foreign()
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o711)
        (self.path / _MARKER).touch()
        for inner in (self.logs, self.gateway, self.nats):
            inner.mkdir(mode=0o700, exist_ok=True)

    def lock(self) -> None:
        """Own the folder until this process ends, however it ends: the kernel releases the lock.

        Raises:
            FolderInUse: somebody else owns it.
        """
        handle = (self.path / "lock").open("a")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            handle.close()
            where = f"a platform is already running in {self.path}"
            raise FolderInUse(
                f"{where} (`make status` says where it listens, `make stop` ends it)"
            ) from taken
        self._lock = handle

    def unlock(self) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None

    def remove(self) -> None:
        """Delete the folder with everything in it; the caller holds the lock.

        Raises:
            NotOurFolder: the folder has content, but not from a platform.
        """
        self._refuse_foreign()
        shutil.rmtree(self.path, ignore_errors=False)

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.exists and any(self.path.iterdir()):
            raise NotOurFolder(f"{self.path} has content that no platform put there")


def read_json(path: Path) -> dict[str, object]:
    """The object in the file; empty when there is no file yet."""
    try:
        loaded = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return loaded if isinstance(loaded, dict) else {}


def write_json(path: Path, content: object) -> None:
    """Replace the file in one step, readable by its owner only."""
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(content, handle, indent=1)
    fresh.replace(path)
