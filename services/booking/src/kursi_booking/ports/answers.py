"""Requests that may be repeated, and their first answers."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that may be repeated: by whom, what, under which key (empty: none), and its hash."""

    caller: str
    method: str
    request_id: str
    fingerprint: bytes

    @property
    def without_key(self) -> "KeyedRequest":
        """The same for what is only a part of it: the answer to the whole is kept, none of its own."""
        return KeyedRequest(self.caller, self.method, "", b"")


class AlreadyAnswered(Exception):
    """The request is a repetition; what the first one was answered is kept."""


class FirstAnswers(Protocol):
    """What requests were answered that may be repeated."""

    async def first_answer(self, request: KeyedRequest) -> bytes | None:
        """The kept answer of a request, if there is one. Raises: RequestIdReused."""
        ...


class KeyedWork(Protocol):
    """One transaction of a request that may be repeated."""

    async def kept_answer(self, request: KeyedRequest) -> bytes | None:
        """The first answer to this request, or None: then this transaction does the work. Call it first."""
        ...

    async def keep_answer(self, request: KeyedRequest, answer: bytes) -> None:
        """Remember the answer, when the request has a key."""
        ...
