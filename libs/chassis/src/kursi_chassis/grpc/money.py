"""Money on the wire: any message with `currency_code` and `amount_minor`."""

from typing import Protocol, TypeVar

from kursi_chassis.money import Money, is_currency
from kursi_chassis.validation import Violations


class MoneyMessage(Protocol):
    """The shape of the contract's money message."""

    currency_code: str
    amount_minor: int


M = TypeVar("M", bound=MoneyMessage)
MOST_MINOR = 10**12
"""Ten thousand millions in most currencies. Far from what 64 bits hold, so that no sum of prices or share of one leaves
them."""
_STAND_IN = Money.zero("USD")  # never reaches a rule: the violation is raised first


def to_proto(amount: Money, message_type: type[M]) -> M:
    """The amount as a message: `to_proto(price, money_pb2.Money)`."""
    message = message_type()
    message.currency_code = amount.currency_code
    message.amount_minor = amount.amount_minor
    return message


def from_proto(check: Violations, field: str, message: MoneyMessage) -> Money:
    """Read an amount of zero up to `MOST_MINOR`.

    An unknown currency, a negative or a larger amount is a violation of `field`.
    """
    if not is_currency(message.currency_code):
        check.add(f"{field}.currency_code", "NOT_A_CURRENCY" if message.currency_code else "REQUIRED")
        return _STAND_IN
    if message.amount_minor < 0:
        check.add(f"{field}.amount_minor", "NEGATIVE")
    elif message.amount_minor > MOST_MINOR:
        check.add(f"{field}.amount_minor", "OUT_OF_RANGE", min=0, max=MOST_MINOR)
    return Money(message.currency_code, message.amount_minor)
