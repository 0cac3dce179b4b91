"""How many SMS parts a text takes: GSM-7 (160, or 153 each) or UCS-2 (70, or 67 each)."""

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENSION = frozenset("^{}\\[~]|€\f")


def segments_of(body: str) -> int:
    """At least 1, also for an empty text."""
    if set(body) <= _GSM7 | _GSM7_EXTENSION:
        units = sum(2 if character in _GSM7_EXTENSION else 1 for character in body)
        return _parts(units, single=160, joined=153)
    return _parts(len(body.encode("utf-16-be")) // 2, single=70, joined=67)


def _parts(units: int, *, single: int, joined: int) -> int:
    return 1 if units <= single else -(-units // joined)
