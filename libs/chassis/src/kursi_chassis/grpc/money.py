"""Money on the wire: any message with `currency_code` and `amount_minor`."""

from typing import Protocol, TypeVar

from kursi_chassis.money import Money, is_currency
from kursi_chassis.validation import Violations


class MoneyMessage(Protocol):
    """The shape of the contract's money message."""

    currency_code: str
    amount_minor: int


M = TypeVar("M", bound=MoneyMessage)
_STAND_IN = Money.zero("USD")  # never reaches a rule: the violation is raised first


def to_proto(amount: Money, message_type: type[M]) -> M:
    """The amount as a message: `to_proto(price, money_pb2.Money)`."""
    message = message_type()
    message.currency_code = amount.currency_code
    message.amount_minor = amount.amount_minor
    return message


def from_proto(check: Violations, field: str, message: MoneyMessage) -> Money:
    """Read an amount of zero or more; an unknown currency or a negative amount is a violation of `field`."""
    if not is_currency(message.currency_code):
        check.add(f"{field}.currency_code", "NOT_A_CURRENCY" if message.currency_code else "REQUIRED")
        return _STAND_IN
    if message.amount_minor < 0:
        check.add(f"{field}.amount_minor", "NEGATIVE")
    return Money(message.currency_code, message.amount_minor)
