"""Addresses as they may be shown and kept: enough to recognise, too little to use."""


def masked_phone(number: str) -> str:
    """`+966512345678` as `+9665****678`."""
    if len(number) < 10:
        return "****"
    return f"{number[:5]}****{number[-3:]}"


def masked_email(address: str) -> str:
    """`sara@example.com` as `s***@example.com`."""
    name, _, host = address.rpartition("@")
    return f"{name[:1]}***@{host}"
