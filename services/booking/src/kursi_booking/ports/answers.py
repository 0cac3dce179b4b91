"""Requests that may be repeated, and their first answers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request that may be repeated: by whom, what, under which key (empty: none), and its hash."""

    caller: str
    method: str
    request_id: str
    fingerprint: bytes


class AlreadyAnswered(Exception):
    """The request is a repetition; `answer` is what the first one was answered."""

    def __init__(self, answer: bytes) -> None:
        super().__init__()
        self.answer = answer
