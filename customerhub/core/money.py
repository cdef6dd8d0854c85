"""Formatting and parsing amounts. In code they are Decimal, in the database exact integers."""

import re
from decimal import ROUND_HALF_UP, Decimal

from customerhub.core.errors import Invalid, quote_text

CENT = Decimal("0.01")
_DECIMALS = 2  # of an amount of money; prices of one unit and percentages have more
MAX_DIGITS = 24  # before the point; what Decimal still calculates with exactly

# Separators stand between groups of three digits, and the first group does not begin with 0, so that nobody's "12,50"
# becomes 1250 and nobody's "0,125" becomes 125.
_AMOUNT = re.compile(
    r"[+-]?(?:(?:[0-9]+|[1-9][0-9]{0,2}(?:(?:,[0-9]{3})+|(?:[ \u00a0\u202f][0-9]{3})+))(?:\.[0-9]*)?|\.[0-9]+)"
)
_LONE_GROUP = re.compile(r"[+-]?[0-9]+,[0-9]{3}")  # thousands to some, three decimals to others
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")


def to_cents(amount: Decimal) -> Decimal:
    """`amount` rounded half-up to the cent."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def format_amount(amount: Decimal | None, currency: str | None = None) -> str:
    """`amount` with thousands separated: 1,234.50 EUR. Blank for None."""
    if amount is None:
        return ""
    text = f"{to_cents(amount):,.2f}"
    return f"{text} {currency}" if currency else text


def format_unit_price(price: Decimal | None) -> str:
    """The price of one unit: two decimals, and more where it has them. Blank for None."""
    if price is None:
        return ""
    whole, _, decimals = f"{price:,f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def format_percent(percent: Decimal | None) -> str:
    """A percentage with the decimals that it has: 19 %. Blank for None."""
    return "" if percent is None else f"{percent.normalize():f} %"


def format_number(number: Decimal) -> str:
    """A number with the decimals that it has, as it is typed: 1250.5."""
    return f"{number.normalize():f}"


def parse_amount(text: str, *, places: int = 2) -> Decimal:
    """The amount that `text` writes with at most `places` decimals: "1,234.50", "1 234.50" or "1234.5".

    Raises Invalid for anything else, such as an exponent, a decimal comma or a sign without digits. Where three
    decimals are possible, "1,250" is refused as well, because it can be 1250 or 1.250.
    """
    bare = text.strip()
    if not _AMOUNT.fullmatch(bare):
        example = bare.replace(",", ".") if _DECIMAL_COMMA.fullmatch(bare) and len(bare) <= MAX_DIGITS else "1234.50"
        raise Invalid(f"{quote_text(bare)} is not an amount: write it as {example}")
    if places > _DECIMALS and _LONE_GROUP.fullmatch(bare):
        whole, point = bare.replace(",", ""), bare.replace(",", ".")
        raise Invalid(f"{quote_text(bare)} can be {whole} or {point}: write it as one of these two")
    whole, _, decimals = re.sub("[^0-9.+-]", "", bare).partition(".")
    if len(whole.lstrip("+-0")) > MAX_DIGITS:
        raise Invalid(f"{quote_text(bare)} is too large an amount")
    if len(decimals.rstrip("0")) > places:
        raise Invalid(f"{quote_text(bare)} has more than {places} decimals")
    return Decimal(f"{whole}.{decimals.rstrip('0').ljust(places, '0')}")
