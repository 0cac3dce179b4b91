"""What must always be true, asked of the databases of a running platform: each query finds what breaks a rule."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
import psycopg
from psycopg import sql

from kursi_local.platform import Platform

SERVICES = ("identity", "catalog", "booking", "payment", "messaging")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; its query returns the rows that break it."""

    name: str
    service: str
    query: str


_PUBLISHED_ONCE = "SELECT event_id FROM outbox GROUP BY event_id HAVING count(*) > 1"
_NOTHING_DEAD = "SELECT id, consumer, error_class FROM dead_letters WHERE state = 'dead'"

RULES = (
    Rule(
        "nobody and nothing is taken twice at the same time",
        "booking",
        """SELECT a.id, b.id FROM claims a JOIN claims b ON a.resource_id = b.resource_id AND a.id < b.id
           AND a.during && b.during WHERE a.state <> 'released' AND b.state <> 'released'""",
    ),
    Rule(
        "a booking that occupies its time has claims, and one that does not has none; seats are in their session's time",
        "booking",
        """SELECT id, state FROM bookings WHERE
           (session_id IS NULL AND state IN ('held', 'pending', 'confirmed', 'checked_in')) <> EXISTS
           (SELECT FROM claims WHERE booking_id = bookings.id AND state <> 'released')""",
    ),
    Rule(
        "the taken seats of a session are those of its bookings, and no more than it has",
        "booking",
        """SELECT id, taken FROM sessions WHERE taken > capacity OR taken <> (SELECT coalesce(sum(seats), 0) FROM bookings
           WHERE session_id = sessions.id AND state NOT IN ('cancelled', 'expired'))""",
    ),
    Rule(
        "a session that takes place keeps its people and things busy, and one that was called off nobody",
        "booking",
        """SELECT id, state FROM sessions WHERE (state = 'scheduled') <> EXISTS
           (SELECT FROM claims WHERE session_id = sessions.id AND state <> 'released')""",
    ),
    Rule(
        "a customer has as many open bookings as are counted",
        "booking",
        """SELECT salon_id, customer_id, active FROM customer_counters AS counter WHERE active <> (SELECT count(*)
           FROM bookings AS b WHERE (b.salon_id, b.customer_id) = (counter.salon_id, counter.customer_id)
           AND state IN ('held', 'pending', 'confirmed', 'checked_in'))""",
    ),
    Rule(
        "every revision of a booking has one line of history",
        "booking",
        """SELECT id FROM bookings WHERE revision <>
           (SELECT count(*) FROM booking_history WHERE booking_id = bookings.id)""",
    ),
    Rule(
        "an offer of a waiting list that is open keeps its time, and one that is not keeps none",
        "booking",
        """SELECT id, state FROM waitlist_offers WHERE (state = 'open') <> EXISTS
           (SELECT FROM claims WHERE offer_id = waitlist_offers.id AND state <> 'released')""",
    ),
    Rule(
        "who is offered something has an open offer, and nobody else has",
        "booking",
        """SELECT id, state FROM waitlist_entries WHERE (state = 'offered') <> EXISTS
           (SELECT FROM waitlist_offers WHERE entry_id = waitlist_entries.id AND state = 'open')""",
    ),
    Rule(
        "an accepted offer is a booking, and no other is",
        "booking",
        """SELECT id, state FROM waitlist_entries WHERE (state = 'booked') <> EXISTS
           (SELECT FROM waitlist_offers WHERE entry_id = waitlist_entries.id AND state = 'accepted')""",
    ),
    Rule(
        "every revision of an entry of a waiting list has one line of history",
        "booking",
        """SELECT id FROM waitlist_entries WHERE revision <>
           (SELECT count(*) FROM waitlist_history WHERE entry_id = waitlist_entries.id)""",
    ),
    Rule(
        "a booking tells of one change at most once",
        "booking",
        """SELECT aggregate_id, revision, subject FROM outbox
           GROUP BY aggregate_id, revision, subject HAVING count(*) > 1""",
    ),
    Rule(
        "the money of a payment is what moved for it",
        "payment",
        """SELECT id FROM payments WHERE refunded_minor <> (SELECT coalesce(sum(amount_minor), 0) FROM movements
           WHERE payment_id = payments.id AND kind = 'refund' AND progress = 'succeeded')
           OR NOT (0 <= refunded_minor AND refunded_minor <= captured_minor AND captured_minor <= amount_minor)""",
    ),
    Rule(
        "one message at most about one event to one person on one channel",
        "messaging",
        """SELECT booking_id, recipient_id, event, channel, occurrence FROM notifications
           GROUP BY booking_id, recipient_id, audience, event, channel, occurrence, salon_id HAVING count(*) > 1""",
    ),
    Rule(
        "a message that was sent has an attempt that was accepted",
        "messaging",
        """SELECT id FROM notifications WHERE status IN ('sent', 'delivered') AND NOT EXISTS
           (SELECT FROM attempts WHERE notification_id = notifications.id AND outcome = 'accepted')""",
    ),
    Rule(
        "a salon's number and sum of ratings are those of its published reviews",
        "catalog",
        """SELECT id, review_count, rating_sum FROM salons LEFT JOIN
           (SELECT salon_id, count(*) AS number, sum(rating) AS total FROM reviews WHERE state = 'published'
            GROUP BY salon_id) counted ON salon_id = id
           WHERE (review_count, rating_sum) <> (coalesce(number, 0), coalesce(total, 0))""",
    ),
    *(Rule("an event has one id", service, _PUBLISHED_ONCE) for service in SERVICES),
    *(
        Rule("no event was given up", service, _NOTHING_DEAD)
        for service in ("booking", "payment", "messaging")
    ),
)


def broken(platform: Platform) -> list[str]:
    """The rules that do not hold right now, each with the first rows that show it."""
    found = []
    for rule in RULES:
        rows = ask(platform, rule.service, rule.query)
        if rows:
            found.append(f"{rule.service}: not so: {rule.name}: {rows[:3]}")
    return found


def ask(platform: Platform, service: str, query: str, *parameters: object) -> list[tuple[object, ...]]:
    """Rows of a service's database, read as its owner."""
    with psycopg.connect(platform.database_url(service, "owner")) as connection:
        return connection.execute(query.encode(), parameters or None).fetchall()


def row_counts(platform: Platform) -> dict[str, int]:
    """How many rows every table of every service has, `alembic_version` apart."""
    return {name: count for service in SERVICES for name, count in _row_counts(platform, service).items()}


def _row_counts(platform: Platform, service: str) -> dict[str, int]:
    with psycopg.connect(platform.database_url(service, "owner")) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        counting = [
            sql.SQL("SELECT {}, count(*) FROM {}").format(f"{service}.{table}", sql.Identifier(table))
            for (table,) in tables
        ]
        rows = connection.execute(sql.SQL(" UNION ALL ").join(counting)).fetchall()
    return {str(name): int(count) for name, count in rows}


def unpublished(platform: Platform) -> int:
    """Events that are committed and not told yet."""
    query = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
    return sum(int(str(ask(platform, service, query)[0][0])) for service in SERVICES)


# Of text messages the provider reports the end; what is due soon would be sent in the middle of what comes next.
_UNSENT = """SELECT id, channel, status FROM notifications WHERE status = 'sending'
    OR status IN ('pending', 'scheduled', 'deferred') AND due_at < now() + interval '5 minutes'
    OR status = 'sent' AND channel <> 'email'"""


def unfinished(platform: Platform) -> list[str]:
    """What the services still have to do of their own accord: events to tell and to read, messages to send.

    Empty when nothing moves until somebody asks for something or a planned message is due, five minutes on at the soonest.
    """
    events = unpublished(platform)
    return [
        *([f"{events} events are not published"] if events else []),
        *_unread(platform),
        *(f"message {row} is under way" for row in ask(platform, "messaging", _UNSENT)),
    ]


def _unread(platform: Platform) -> list[str]:
    """Consumers with events that they have not read, or not acknowledged."""
    told = httpx.get(f"{platform.url('nats-monitor')}/jsz", params={"consumers": "true"}, timeout=5)
    return [
        f"{consumer['name']} has {waiting} events to read"
        for account in told.raise_for_status().json().get("account_details", [])
        for stream in account.get("stream_detail", [])
        for consumer in stream.get("consumer_detail", [])
        if (waiting := consumer["num_pending"] + consumer["num_ack_pending"])
    ]
