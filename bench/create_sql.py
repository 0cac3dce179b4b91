"""CreateBooking's own statement as a pgbench script: the same SQL, with values that PostgreSQL makes up itself."""

import re
from base64 import b64encode

from kursi.booking.events.v1.booking_events_pb2 import BookingEvent
from kursi_booking.store.create import CREATE

PARAMETER = re.compile(r"\$(\d+)")
NAMES = """'{"en": "Bench", "ar": "بنش"}'::jsonb"""
POLICY = """'{"cancellation_window_seconds": 86400, "reschedule_window_seconds": 86400, "hold_seconds": 900,
"auto_confirm": true, "prepayment": "none", "deposit_basis_points": 0, "late_cancellation_basis_points": 0,
"no_show_basis_points": 0, "text": {}}'::jsonb""".replace("\n", " ")
START = "('2027-01-01'::timestamptz + :slot::int * interval '30 minutes')"
END = "('2027-01-01'::timestamptz + (:slot::int + 1) * interval '30 minutes')"
# As large as a real answer and a real event; that nothing happened which anybody must be told keeps consumers calm.
PAYLOAD = "decode(repeat('ab', 420), 'hex')"
EVENT = b64encode(BookingEvent(type=BookingEvent.UPDATED, reason="bench " * 70).SerializeToString()).decode()


def uuid_of(kind: str, number: str = ":booking") -> str:
    """An id that every mention in the statement agrees on."""
    return f"md5('{kind}' || {number}::bigint)::uuid"


ITEMS = (
    f"jsonb_build_array(jsonb_build_object('position', 0, 'id', {uuid_of('i')}, 'service_id', {uuid_of('v', '1')}, "
    f"'service_names', {NAMES}, 'staff_id', {uuid_of('r', ':staff')}, 'staff_names', {NAMES}, 'add_on_ids', '[]'::jsonb, "
    f"'start_at', extract(epoch FROM {START})::bigint, 'end_at', extract(epoch FROM {END})::bigint, 'price_minor', 10000))"
)
HEADERS = (
    f"jsonb_build_object('ce-id', {uuid_of('e')}, 'ce-type', 'kursi.booking.v1.updated', 'ce-source', '/kursi/booking', "
    f"'ce-time', '2027-01-01T00:00:00Z', 'kursi-aggregate', {uuid_of('b')}, 'kursi-revision', '1')"
)
VALUES = {
    "id": uuid_of("b"), "salon_id": uuid_of("s", "1"), "customer_id": uuid_of("c"), "state": "'confirmed'",
    "payment_state": "'not_required'", "revision": "1::bigint", "start_at": START, "end_at": END, "hold_expire_at": "NULL",
    "salon_names": NAMES, "time_zone": "'Asia/Riyadh'", "territory_code": "'SA'", "currency_code": "'SAR'",
    "total_minor": "10000::bigint", "paid_minor": "0::bigint", "fee_minor": "0::bigint", "refund_due_minor": "0::bigint",
    "payments": "'{}'", "policy": POLICY, "channel": "'customer'", "note": "''", "cancellation_reason": "''",
    "created_at": "now()", "updated_at": "now()", "active_limit": "100", "claim_state": "'confirmed'", "lock_keys": "'{}'",
    "claim_resources": f"ARRAY[{uuid_of('r', ':staff')}]", "claim_starts": f"ARRAY[{START}]", "claim_ends": f"ARRAY[{END}]",
    "guest_name": "NULL", "series_id": "NULL", "session_id": "NULL", "seats": "1::bigint",
    "items": ITEMS,
    "action": "'created'", "actor": "'user-bench'", "at": "now()", "from_state": "NULL", "to_state": "'confirmed'",
    "reason": "''", "from_start": "NULL", "to_start": "NULL",
    "outbox_events": f"jsonb_build_array(jsonb_build_object('event_id', {uuid_of('e')}, 'subject', "
    f"'kursi.booking.v1.bench.bench.updated', 'aggregate_id', {uuid_of('b')}, 'revision', 1, 'headers', {HEADERS}, "
    f"'payload', '{EVENT}'))",
    "reply_caller": "'user-bench'", "reply_method": "'CreateBooking'", "reply_request_id": f"{uuid_of('q')}::text",
    "reply_fingerprint": "sha256('bench')", "reply_response": PAYLOAD,
}  # fmt: skip


def script() -> str:
    """One booking of a time that nobody else asks for, as one statement in a transaction of its own."""
    statement = PARAMETER.sub(lambda match: VALUES[CREATE.names[int(match[1]) - 1]], CREATE.text.decode())
    # A thousand people, whose names the database soon knows, as it knows those of any salon that is at work.
    variables = {"booking": 9_000_000_000_000, "staff": 1_000, "slot": 10_000_000}
    settings = [f"\\set {name} random(1, {most})" for name, most in variables.items()]
    return "\n".join([*settings, f"{_one_line(statement)};\n"])


def _one_line(statement: str) -> str:
    return " ".join(line.strip() for line in statement.splitlines() if not line.strip().startswith("--"))
