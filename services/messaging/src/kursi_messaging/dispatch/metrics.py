"""What operators ask about messages on their way."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS = Counter(
    "kursi_messaging_attempts_total",
    "Messages handed to a provider, by channel, provider and outcome.",
    ("channel", "provider", "outcome"),
)
HANDED_OVER_SECONDS = Histogram(
    "kursi_messaging_provider_seconds",
    "How long a provider took for one message.",
    ("provider",),
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
LATENESS_SECONDS = Histogram(
    "kursi_messaging_lateness_seconds",
    "How long after it was due a message was claimed, by event.",
    ("event",),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900),
)
KEPT_BACK = Counter(
    "kursi_messaging_kept_back_total",
    "Messages that were claimed and not handed over, by what became of them and why.",
    ("status", "reason"),
)
IN_FLIGHT = Gauge("kursi_messaging_in_flight", "Messages that this process holds.")
LEASES_LOST = Counter(
    "kursi_messaging_leases_lost_total",
    "Messages whose lease ran out, by what was found out about them.",
    ("finding",),
)
POSSIBLE_DUPLICATES = Counter(
    "kursi_messaging_possible_duplicates_total",
    "Messages sent once more although they may have been sent.",
    ("channel", "provider"),
)
FENCED = Counter(
    "kursi_messaging_fenced_total", "Outcomes that came after the lease was lost: recorded, without effect."
)
