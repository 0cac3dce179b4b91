"""Money: whole minor units of a currency, never floats."""

from dataclasses import dataclass

_ACTIVE = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
    CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP
    GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR
    KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN
    MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_CODES = frozenset(_ACTIVE.split())
_BY_EXPONENT = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: digits for digits, codes in _BY_EXPONENT.items() for code in codes.split()}


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were to be added or compared: a mistake in the program."""


def is_currency(code: str) -> bool:
    """Whether the code is an active ISO 4217 currency."""
    return code in _CODES


def exponent(currency_code: str) -> int:
    """How many decimals the currency's minor unit stands for: SAR 2, KWD 3, JPY 0.

    Raises: ValueError for a code that ISO 4217 does not list as active.
    """
    if currency_code not in _CODES:
        message = f"{currency_code!r} is not a currency"
        raise ValueError(message)
    return _EXPONENTS.get(currency_code, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in minor units (halalas, cents). May be negative: a refund, a correction."""

    currency_code: str
    amount_minor: int

    def __post_init__(self) -> None:
        exponent(self.currency_code)

    @classmethod
    def zero(cls, currency_code: str) -> "Money":
        """Nothing, in a currency."""
        return cls(currency_code, 0)

    @property
    def is_zero(self) -> bool:
        """Whether there is nothing to pay."""
        return self.amount_minor == 0

    def __add__(self, other: "Money") -> "Money":
        self._expect_currency_of(other)
        return Money(self.currency_code, self.amount_minor + other.amount_minor)

    def __sub__(self, other: "Money") -> "Money":
        self._expect_currency_of(other)
        return Money(self.currency_code, self.amount_minor - other.amount_minor)

    def __neg__(self) -> "Money":
        return Money(self.currency_code, -self.amount_minor)

    def __lt__(self, other: "Money") -> bool:
        self._expect_currency_of(other)
        return self.amount_minor < other.amount_minor

    def __le__(self, other: "Money") -> bool:
        self._expect_currency_of(other)
        return self.amount_minor <= other.amount_minor

    def share(self, numerator: int, denominator: int) -> "Money":
        """The part `numerator / denominator` of the amount, a half rounded to the even minor unit.

        Raises: ValueError unless the denominator is positive.
        """
        if denominator <= 0:
            message = "a share needs a positive denominator"
            raise ValueError(message)
        whole, rest = divmod(self.amount_minor * numerator, denominator)
        if 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1):
            whole += 1
        return Money(self.currency_code, whole)

    def __str__(self) -> str:
        digits = exponent(self.currency_code)
        whole, part = divmod(abs(self.amount_minor), 10**digits)
        fraction = f".{part:0{digits}d}" if digits else ""
        return f"{'-' if self.amount_minor < 0 else ''}{whole}{fraction} {self.currency_code}"

    def _expect_currency_of(self, other: "Money") -> None:
        if self.currency_code != other.currency_code:
            message = f"{self.currency_code} and {other.currency_code}"
            raise CurrencyMismatch(message)
