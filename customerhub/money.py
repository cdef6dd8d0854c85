"""Amounts as people write and read them. In code they are Decimal, in the database exact integers."""

import re
from decimal import ROUND_HALF_UP, Decimal

from customerhub.errors import Invalid, quoted

CENT = Decimal("0.01")
MOST_DIGITS = 24  # before the point; what Decimal still calculates with exactly

# Separators stand between groups of three digits, so that nobody's "12,50" becomes 1250.
_AMOUNT = re.compile(
    r"[+-]?(?:(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,3}(?:[ \u00a0\u202f][0-9]{3})+)(?:\.[0-9]*)?|\.[0-9]+)"
)


def to_cents(amount: Decimal) -> Decimal:
    """`amount` rounded half-up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def shown(amount: Decimal | None, currency: str | None = None) -> str:
    """`amount` with thousands separated: 1,234.50 EUR. Blank for None."""
    if amount is None:
        return ""
    text = f"{to_cents(amount):,.2f}"
    return f"{text} {currency}" if currency else text


def parse(text: str, *, places: int = 2) -> Decimal:
    """The amount that `text` writes with at most `places` decimals: "1,234.50", "1 234.50" or "1234.5".

    Raises Invalid for anything else, such as an exponent, a decimal comma or a sign without digits.
    """
    bare = text.strip()
    if not _AMOUNT.fullmatch(bare):
        raise Invalid(f"{quoted(bare)} is not an amount: write it as 1234.50")
    whole, _, decimals = re.sub("[^0-9.+-]", "", bare).partition(".")
    if len(whole.lstrip("+-0")) > MOST_DIGITS:
        raise Invalid(f"{quoted(bare)} is too large an amount")
    if len(decimals.rstrip("0")) > places:
        raise Invalid(f"{quoted(bare)} has more than {places} decimals")
    return Decimal(f"{whole}.{decimals.rstrip('0').ljust(places, '0')}")
