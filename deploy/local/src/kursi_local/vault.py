"""Secrets of a platform: made once at random, kept in the data folder, readable by their owner only."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

from kursi_local.folder import read_json, write_json

_BYTES = 32


class Vault:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept = {name: value for name, value in read_json(path).items() if isinstance(value, str)}

    def secret(self, name: str) -> str:
        """A password or token of 256 bits, safe in URLs, shell words and SQL literals."""
        return self._keep(name, secrets.token_urlsafe(_BYTES))

    def key(self, name: str) -> str:
        """A key of 32 bytes in standard base64."""
        return self._keep(f"{name}.key", base64.b64encode(secrets.token_bytes(_BYTES)).decode())

    def _keep(self, name: str, fresh: str) -> str:
        if name not in self._kept:
            self._kept[name] = fresh
            write_json(self._path, self._kept)
        return self._kept[name]
