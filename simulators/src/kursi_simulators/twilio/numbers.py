"""Magic numbers: which recipient meets which of Twilio's error codes."""

import re

E164 = re.compile(r"\+[1-9]\d{7,14}")

# A Saudi mobile number that ends in an error code, for example +966500021211.
_SAUDI_MAGIC = re.compile(r"\+9665000(\d{5})")
_TWILIO_MAGIC = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}

MESSAGES = {
    20001: "Parameter is not supported by this simulator",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "The 'To' number is not a valid phone number",
    21212: "The 'From' number or sender is not valid",
    21408: "Permission to send an SMS has not been enabled for the region",
    21602: "Message body is required",
    21603: "A 'From' number or 'MessagingServiceSid' is required",
    21604: "A 'To' phone number is required",
    21610: "Attempt to send to unsubscribed recipient",
    21612: "The 'To' and 'From' pair cannot be reached",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21635: "'To' number cannot be a landline",
    21656: "The ContentVariables parameter is invalid",
    30003: "Unreachable destination handset",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    63016: "Free-form message outside of the allowed window",
    63018: "Rate limit exceeded for channel",
    63024: "Invalid message recipient",
}
HTTP_STATUS = {20003: 401, 20404: 404, 20429: 429}
DELIVERY_CODES = frozenset(code for code in MESSAGES if code >= 30000)


def code_of(number: str) -> int | None:
    """The error code that this number stands for, if it is a magic number."""
    magic = _SAUDI_MAGIC.fullmatch(number)
    code = int(magic[1]) if magic else _TWILIO_MAGIC.get(number)
    return code if code in MESSAGES else None
