"""What an operator asks about payments, counted."""

from prometheus_client import Counter

FLAGGED = Counter(
    "kursi_payment_flagged_total", "Payments whose provider says what we cannot explain, by what.", ("what",)
)
PROVIDER_ANSWERS = Counter(
    "kursi_payment_provider_answers_total",
    "Answers of the provider, by request and kind.",
    ("request", "kind"),
)
WEBHOOKS = Counter("kursi_payment_webhooks_total", "Notices of providers, by outcome.", ("outcome",))
LOOKS = Counter(
    "kursi_payment_looks_total", "Comparisons of a payment with its provider, by outcome.", ("outcome",)
)
REFUND_SHORTFALL = Counter(
    "kursi_payment_refund_shortfall_total",
    "Bookings whose refund is more than what is left of their payments.",
)
