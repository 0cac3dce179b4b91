"""A room, a chair, a machine: anything besides people that can be in one use at a time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kursi_catalog.domain.kept import KeptInSalon

KIND = re.compile(r"[a-z0-9-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource(KeptInSalon):
    kind: str
    names: Mapping[str, str]
