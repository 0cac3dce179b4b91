"""What became of handing a message to a provider, as far as we can know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from kursi_messaging.domain.words import Event


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has the message. `external_id` is its own name for it, empty when it gives none."""

    external_id: str = ""
    delivery_status: str = ""
    response: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider did not take it and never will, unless somebody changes something."""

    code: str
    response: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Retryable:
    """The provider did not take it now. `after` is how long it asked to be left alone, if it did."""

    code: str
    after: timedelta | None = None
    response: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Nobody knows: the request left us and no usable answer came back."""

    code: str
    response: Mapping[str, object] = field(default_factory=dict)


Outcome = Accepted | Refused | Retryable | Ambiguous

WORDS: Final[Mapping[type[Outcome], str]] = MappingProxyType({
    Accepted: "accepted",
    Refused: "refused",
    Retryable: "retryable",
    Ambiguous: "ambiguous",
})  # fmt: skip
"""How the record of an attempt spells them."""

UNKNOWN_OUTCOME: Final = "outcome_unknown"
"""The error code of a message that may have been sent and is not sent again."""


def prefers_duplicate(event: Event) -> bool:
    """Whether a message that may have been sent goes out once more.

    Somebody who is told twice that a visit was cancelled is annoyed; somebody who is not told stands before a
    closed door. What a salon writes by hand is not worth an annoyance: a person decides about that.
    """
    return event is not Event.MANUAL
