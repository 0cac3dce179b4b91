"""The metrics of publishing and consuming events."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter("kursi_outbox_published_total", "Events acknowledged by the stream", ["stream"])
PUBLISH_FAILED = Counter(
    "kursi_outbox_publish_failed_total", "Publish attempts without an acknowledgement", ["stream", "error"]
)
REPUBLISHED = Counter("kursi_outbox_republished_total", "Events that the stream had lost", ["stream"])
OUTBOX_DELAY = Histogram(
    "kursi_outbox_delay_seconds", "From the event's transaction to its acknowledgement", ["stream"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)  # fmt: skip
RELAY_LEADER = Gauge("kursi_relay_leader", "1 in the process that publishes", ["stream"])

HANDLED = Counter("kursi_events_handled_total", "Events handled and acknowledged", ["consumer"])
REDELIVERED = Counter("kursi_events_redelivered_total", "Deliveries after the first", ["consumer"])
POSTPONED = Counter("kursi_events_postponed_total", "Events given back for later", ["consumer", "reason"])
DEAD = Counter("kursi_events_dead_total", "Events put into dead_letters", ["consumer", "error"])
SET_ASIDE = Counter(
    "kursi_events_set_aside_total",
    "Events kept to be tried again once others can be read",
    ["consumer", "error"],
)
IGNORED = Counter(
    "kursi_events_ignored_total", "Events of a type the consumer does not know", ["consumer", "type"]
)
CONSUMER_HEALTHY = Gauge(
    "kursi_consumer_healthy", "0 from too much poison in a row until an event is read", ["consumer"]
)
