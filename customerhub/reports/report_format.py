"""How the values of a performance report are written."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from customerhub.core import dates, money
from customerhub.notifications.placeholder_values import NO_VALUE, format_relative_day
from customerhub.reports.report_facts import ReportData


def shorten(text: str, longest: int) -> str:
    """`text`, cut where it is longer than so many characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def format_count(number: int, noun: str) -> str:
    """1 contract, 2 contracts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sum_amounts(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def format_month(month: date) -> str:
    return month.strftime("%b %Y")


class ReportFormatter:
    """Writes values as the organisation of one report does."""

    def __init__(self, data: ReportData) -> None:
        self.data = data

    def format_day(self, day: date | None) -> str:
        return dates.format_date(day, self.data.date_format) if day else NO_VALUE

    def format_amount(self, amount: Decimal | None) -> str:
        return money.format_amount(amount) or NO_VALUE

    def format_distance(self, day: date) -> str:
        return format_relative_day(day, self.data.as_of)

    def format_period(self, begins: date | None, ends: date | None) -> str:
        if begins and ends:
            return f"{self.format_day(begins)} to {self.format_day(ends)}"
        if begins:
            return f"from {self.format_day(begins)}"
        return f"to {self.format_day(ends)}" if ends else "always"
