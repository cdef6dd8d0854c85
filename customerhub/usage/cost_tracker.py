"""What billing lines cost month by month. Pure."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from customerhub.customers.reviews import after_months
from customerhub.money import to_cents

NOTHING: Final = Decimal("0.00")


@dataclass(frozen=True)
class CostLine:
    """A billing line as its costs are counted: active from one day to another, both included; None leaves it open."""

    key: int
    commodity: str
    minimum_cost: Decimal
    cost_per_unit: Decimal
    active_from: date | None = None
    active_to: date | None = None


def last_months(as_of: date, how_many: int = 12) -> list[date]:
    """The first days of the months up to that of `as_of`, the earliest first."""
    this = as_of.replace(day=1)
    return [after_months(this, -back) for back in reversed(range(how_many))]


def is_active_in(line: CostLine, month: date, as_of: date) -> bool:
    """Whether a line is active on any day of `month`, of those up to `as_of`."""
    last = min(month.replace(day=calendar.monthrange(month.year, month.month)[1]), as_of)
    begins, ends = line.active_from or date.min, line.active_to or date.max
    return max(begins, month) <= min(ends, last)


def cost_of(line: CostLine, used: Decimal = NOTHING) -> Decimal:
    """What a line costs in a month in which so many units were used: its minimum cost at least, and that in full also
    where it was active for a part of the month.
    """
    return max(line.minimum_cost, to_cents(used * line.cost_per_unit))


def costs_by_month(
    lines: Iterable[CostLine],
    months: Sequence[date],
    *,
    as_of: date,
    usage: Mapping[tuple[int, date], Decimal] | None = None,
) -> dict[str, list[Decimal]]:
    """What each commodity costs in each of `months`, known by their first days, of what has happened up to `as_of`.

    `usage` has the units used, by the key of the line and the month. Commodities that cost nothing in any month are
    left out.
    """
    used = usage or {}
    costs: dict[str, list[Decimal]] = {}
    for line in lines:
        row = costs.setdefault(line.commodity, [NOTHING] * len(months))
        for place, month in enumerate(months):
            if is_active_in(line, month, as_of):
                row[place] += cost_of(line, used.get((line.key, month), NOTHING))
    return {commodity: row for commodity, row in costs.items() if any(row)}
