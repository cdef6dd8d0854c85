"""Amounts as people write and read them. In code they are Decimal, in the database exact integers."""

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from customerhub.errors import Invalid

CENT = Decimal("0.01")


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
    """The amount that `text` writes with at most `places` decimals: "1,234.50" or "1234.5".

    Raises Invalid for anything else, an exponent or a sign without digits among it.
    """
    bare = text.strip().replace(",", "").replace(" ", "")
    try:
        amount = Decimal(bare)
    except InvalidOperation:
        raise Invalid(f"“{text}” is not an amount: write it as 1234.50") from None
    if not amount.is_finite() or "e" in bare.lower():
        raise Invalid(f"“{text}” is not an amount: write it as 1234.50")
    if amount != amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):
        raise Invalid(f"“{text}” has more than {places} decimals")
    return amount
