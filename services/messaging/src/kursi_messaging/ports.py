"""What messaging needs from the outside, in its own words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from kursi_messaging.domain.outcome import Accepted, Outcome
from kursi_messaging.domain.words import Channel, Status


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as a provider is given it. `to` is a number in E.164 or an address of a mailbox."""

    notification_id: UUID
    channel: Channel
    to: str
    subject: str
    body: str
    html_body: str
    language: str


@dataclass(frozen=True, slots=True)
class Question:
    """Which message a provider is asked about: this text to this address, given since then."""

    channel: Channel
    to: str
    body: str
    since: datetime


class NoAnswer(Exception):
    """The provider does not say whether it has a message: ask again later."""


class Sender(Protocol):
    """Hands messages to a provider."""

    @property
    def name(self) -> str:
        """The provider, as it is recorded."""
        ...

    def serves(self, channel: Channel) -> bool:
        """Whether it has all that it needs for the channel; without, nothing may be handed to it."""
        ...

    async def send(self, message: Outgoing) -> Outcome:
        """Hand a message over, once. Never raises for what a network does; takes a provider's time-out at most."""
        ...

    async def find(self, question: Question, known: Collection[str]) -> Accepted | None:
        """The message in question, unless its id is among those `known`; None when the provider has none, or
        keeps no list that could be asked for.

        Raises:
            NoAnswer: the provider does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Contact:
    """How to reach a person; empty where unknown."""

    phone_number: str
    email: str
    display_name: str
    language: str
    time_zone: str


class Contacts(Protocol):
    """Knows how to reach people."""

    async def find(self, user_ids: Collection[UUID]) -> Mapping[UUID, Contact]:
        """Those of these people that exist.

        Raises:
            Unavailable: nobody answers.
        """
        ...


class ReportRefused(Exception):
    """The report is not signed as its provider would."""


class ReportMalformed(Exception):
    """The report is genuine, or nobody can tell, and says nothing that could be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReport:
    """A delivery report, byte for byte. `headers` are in lower case; `notification_id` is what its address says."""

    provider: str
    notification_id: str
    body: bytes
    content_type: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says. `reported_status` is the provider's own word."""

    provider: str
    notification_id: UUID | None
    external_id: str
    status: Status
    reported_status: str
    error_code: str


class ReportSource(Protocol):
    """A provider that can be asked what became of a message."""

    async def find(self, question: Question, known: Collection[str]) -> Accepted | None:
        """As a sender's."""
        ...

    async def report_on(self, notification_id: UUID, external_id: str) -> Report | None:
        """What it would report of its message now; None when it does not know it.

        Raises:
            NoAnswer: the provider does not answer.
        """
        ...


class ReportReader(Protocol):
    """Knows how one provider reports."""

    def read(self, incoming: IncomingReport) -> Report:
        """What the report says.

        Raises:
            ReportRefused: somebody else may have written it.
            ReportMalformed: it cannot be understood.
        """
        ...
