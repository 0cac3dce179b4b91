"""From a message that may go out to what its provider is given, or to why it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from kursi_messaging.dispatch.claiming import Due
from kursi_messaging.dispatch.rules import DispatchRules
from kursi_messaging.domain.booking import Facts
from kursi_messaging.domain.masking import masked_email, masked_phone
from kursi_messaging.domain.people import language_of, zone_of
from kursi_messaging.domain.words import Audience, Channel, Event, SkipReason, Status
from kursi_messaging.ports import Contact, Outgoing, Sender
from kursi_messaging.rendering import Rendered, TemplateFailed, TemplateKey, render
from kursi_messaging.store.claims import Handed

_NOBODY = Contact("", "", "", "", "")

Senders = Mapping[Channel, Sender | None]
"""Who delivers on which channel; None where the platform does not offer it."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A message and who delivers it."""

    due: Due
    sender: Sender
    outgoing: Outgoing
    handed: Handed


@dataclass(frozen=True, slots=True)
class Stopped:
    """A message that does not go out: SKIPPED with a reason, or FAILED with a code that somebody can mend."""

    due: Due
    status: Status
    reason: str


class Composer:
    """Writes messages: pure, apart from which senders it knows."""

    def __init__(self, senders: Senders, rules: DispatchRules) -> None:
        self._senders = senders
        self._rules = rules

    def compose(self, due: Due, contacts: Mapping[UUID, Contact]) -> Ready | Stopped:
        """The message to `due`'s recipient."""
        channel = Channel(due.row.channel)
        contact = contacts.get(due.row.recipient_id, _NOBODY)
        to = contact.email if channel is Channel.EMAIL else contact.phone_number
        if not to:
            missing = SkipReason.NO_EMAIL if channel is Channel.EMAIL else SkipReason.NO_PHONE
            return Stopped(due, Status.SKIPPED, missing)
        sender = self._senders[channel]
        if sender is None:
            return Stopped(due, Status.SKIPPED, SkipReason.NO_SENDER)
        if not sender.serves(channel):
            return Stopped(due, Status.FAILED, "no_sender")
        try:
            text = self._write(due, contact, contacts)
        except TemplateFailed as error:
            return Stopped(due, Status.FAILED, error.code)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            # A currency that nobody knows yet, an instant beyond the calendar: one message, not the dispatcher, fails.
            return Stopped(due, Status.FAILED, "facts_unreadable")
        return _ready(due, sender, to, text)

    def _write(self, due: Due, contact: Contact, contacts: Mapping[UUID, Contact]) -> Rendered:
        row, view = due.row, due.view
        key = TemplateKey(Event(row.event), Audience(row.audience), Channel(row.channel))
        language = language_of(contact.language, due.salon_language, self._rules.default_language)
        zone = zone_of(
            contact.time_zone, due.person_zone, view.time_zone if view else "", self._rules.default_zone
        )
        return render(_facts(due, contact, contacts), key, language, zone)


def customer_of(due: Due) -> UUID | None:
    """Whose name the message tells its recipient, when that is somebody else.

    Nobody's for a visit that was booked by phone number: whoever typed the number may not know whose it is.
    """
    if due.row.audience != Audience.STAFF_MEMBER or due.facts.get("walk_in"):
        return None
    if due.view is not None:
        return due.view.customer_id
    customer = due.facts.get("customer_id")
    return UUID(customer) if isinstance(customer, str) else None


def _facts(due: Due, contact: Contact, contacts: Mapping[UUID, Contact]) -> Facts:
    facts = {**due.facts, "recipient_name": contact.display_name}
    customer = customer_of(due)
    if customer is None:
        return facts
    return {**facts, "customer_name": contacts.get(customer, _NOBODY).display_name}


def _ready(due: Due, sender: Sender, to: str, text: Rendered) -> Ready:
    channel = Channel(due.row.channel)
    return Ready(
        due=due,
        sender=sender,
        outgoing=Outgoing(
            notification_id=due.row.id,
            channel=channel,
            to=to,
            subject=text.subject,
            body=text.body,
            html_body=text.html_body,
            language=text.language,
        ),
        handed=Handed(
            id=due.row.id,
            seen_revision=due.view.last_revision if due.view else None,
            seen_visits=due.seen_visits,
            provider=sender.name,
            masked_recipient=masked_email(to) if channel is Channel.EMAIL else masked_phone(to),
            language=text.language,
            template=text.template,
            subject=text.subject,
            body=text.body,
            html_body=text.html_body,
        ),
    )
