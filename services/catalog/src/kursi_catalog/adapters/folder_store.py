"""Objects as files below a folder: for one machine."""

import asyncio
import os
from pathlib import Path

from kursi_chassis.ids import new_id


class FolderStore:
    """Keys are paths below the folder. The use cases make them, so they never lead out of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, content: bytes, _content_type: str) -> None:
        await asyncio.to_thread(self._put, key, content)

    async def get(self, key: str) -> bytes | None:
        return await asyncio.to_thread(self._get, key)

    async def delete(self, key: str) -> None:
        await asyncio.to_thread((self._folder / key).unlink, missing_ok=True)

    def _put(self, key: str, content: bytes) -> None:
        """The whole file or none: it gets its name once it is on the disk."""
        path = self._folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{new_id()}")
        with fresh.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)

    def _get(self, key: str) -> bytes | None:
        try:
            return (self._folder / key).read_bytes()
        except FileNotFoundError:
            return None
