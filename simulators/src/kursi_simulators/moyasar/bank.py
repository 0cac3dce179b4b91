"""What the issuing bank answers: the sandbox tables of cards, Apple Pay amounts and STC Pay codes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """The bank's answer in ISO 8583 style; `00` is the only yes."""

    code: str
    message: str

    @property
    def approved(self) -> bool:
        return self.code == "00"


APPROVED = Verdict("00", "APPROVED")
DECLINED = Verdict("05", "DECLINED")
LOST = Verdict("41", "DECLINED: LOST CARD")
STOLEN = Verdict("43", "DECLINED: STOLEN CARD")
INSUFFICIENT_FUNDS = Verdict("51", "DECLINED: INSUFFICIENT FUNDS")
EXPIRED = Verdict("54", "DECLINED: EXPIRED CARD")
LIMIT_EXCEEDED = Verdict("61", "DECLINED: EXCEEDS LIMIT")
UNSPECIFIED = Verdict("99", "UNSPECIFIED FAILURE")
PAYER_DECLINED = Verdict("05", "3-D Secure: the payer declined")

_CARDS = {
    "4201320111111010": ("mada", APPROVED),
    "4201320000013020": ("mada", UNSPECIFIED),
    "4201320000311101": ("mada", INSUFFICIENT_FUNDS),
    "4201320131000508": ("mada", LOST),
    "4201321234411220": ("mada", DECLINED),
    "4201322267774310": ("mada", EXPIRED),
    "4201326324640570": ("mada", LIMIT_EXCEEDED),
    "4201321144311528": ("mada", STOLEN),
    "4111111111111111": ("visa", APPROVED),
    "5421080101000000": ("master", APPROVED),
}

_APPLE_PAY_AMOUNTS = (
    (range(20000, 30001), APPROVED),
    (range(100000, 110001), UNSPECIFIED),
    (range(110100, 120001), INSUFFICIENT_FUNDS),
    (range(120100, 130001), LOST),
    (range(130100, 140001), DECLINED),
    (range(140100, 150001), EXPIRED),
    (range(150100, 160001), LIMIT_EXCEEDED),
    (range(160100, 170001), STOLEN),
)

_STC_PAY_CODES = {
    "123456": APPROVED,
    "000000": APPROVED,
    "111111": INSUFFICIENT_FUNDS,
    "222222": Verdict("61", "DECLINED: DAILY LIMIT"),
    "333333": Verdict("61", "DECLINED: TRANSACTION LIMIT"),
    "444444": Verdict("91", "TIMEOUT"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the simulator keeps it: never the number."""

    brand: str
    last_four: str
    holder: str
    month: str
    year: str
    verdict: Verdict

    @property
    def masked(self) -> str:
        return f"XXXX-XXXX-XXXX-{self.last_four}"


def card_of(number: str, *, holder: str, month: str, year: str) -> Card:
    """A card that is not in the sandbox table is refused by its bank (99)."""
    digits = number.replace(" ", "")
    brand, verdict = _CARDS.get(digits, ("visa", UNSPECIFIED))
    return Card(brand, digits[-4:], holder, month, year, verdict)


def verdict_of_apple_pay(amount: int) -> Verdict:
    return next((verdict for amounts, verdict in _APPLE_PAY_AMOUNTS if amount in amounts), UNSPECIFIED)


def verdict_of_stc_pay(otp: str) -> Verdict | None:
    """None for a code that is not valid at all: the payer may try again."""
    return _STC_PAY_CODES.get(otp)
