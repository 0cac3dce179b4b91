"""Where tests keep what is gone after them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - used like a temporary folder, with names of our own inside
_ENOUGH_BYTES = 2 << 30
"""Three times what two test workers and the platform of the stories were seen to fill."""


def quick_folder() -> Path:
    """A new folder that others may pass, in memory where there is enough of it.

    A database is a thousand files: on a disk, the kernel spends more on making and removing those of the tests than
    PostgreSQL spends on the tests. A container whose `/dev/shm` is small gets a folder among the temporary ones.
    """
    _sweep(_MEMORY)
    is_roomy = os.access(_MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH_BYTES
    folder = Path(tempfile.mkdtemp(prefix=f"kursi-{os.getpid()}-", dir=_MEMORY if is_roomy else None))
    folder.chmod(0o711)  # PostgreSQL runs as nobody under root
    return folder


def _sweep(memory: Path) -> None:
    """Remove what runs left that were killed: nobody wipes a memory that stays."""
    for left in memory.glob("kursi-*-*"):
        if not Path("/proc", left.name.split("-")[1]).exists():
            shutil.rmtree(left, ignore_errors=True)
