"""Fixtures that every package's tests share come from the chassis; and who does what when two workers share the tests."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

pytest_plugins = ["kursi_chassis.testing.plugin"]

ROOT = Path(__file__).parent
STORIES = "tests/e2e/"


class StoriesTogether(LoadFileScheduling):
    """File by file in the order of the collection; all stories go to one worker, because they share a platform."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return STORIES if file.startswith(STORIES) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> StoriesTogether | None:
    if config.option.dist != "loadfile":
        return None
    config.option.loadscopereorder = False  # by number of tests, which is not how long they take
    return StoriesTogether(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long in few tests: at the end it would keep one worker busy while the other has nothing left."""
    sizes = Counter(item.path for item in items)

    def place(item: pytest.Item) -> tuple[int, int, str]:
        path = item.path.relative_to(ROOT).as_posix()
        if path.startswith(STORIES):
            return (0, 0, "")
        if path.startswith("tests/"):
            return (1, 0, path)
        return (2 if "/integration/" in path else 3, -sizes[item.path], path)

    items.sort(key=place)
