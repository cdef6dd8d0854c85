"""The monthly costs of billing lines. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from customerhub.core.dates import add_months, end_of_month
from customerhub.core.money import to_cents

NO_COST: Final = Decimal("0.00")


@dataclass(frozen=True)
class CostLine:
    """A billing line as its costs are counted: active from one day to another, both included; None leaves it open."""

    key: int
    commodity: str
    minimum_cost: Decimal
    cost_per_unit: Decimal
    active_from: date | None = None
    active_to: date | None = None


def list_last_months(as_of: date, count: int = 12) -> list[date]:
    """The first days of the months up to that of `as_of`, the earliest first."""
    current_month = as_of.replace(day=1)
    return [add_months(current_month, -back) for back in reversed(range(count))]


def is_active_in(line: CostLine, month: date, as_of: date) -> bool:
    """Whether a line is active on any day of `month`, of those up to `as_of`."""
    last = min(end_of_month(month), as_of)
    begins, ends = line.active_from or date.min, line.active_to or date.max
    return max(begins, month) <= min(ends, last)


def calculate_cost(line: CostLine, units: Decimal = NO_COST) -> Decimal:
    """What a line costs in a month in which so many units were used: its minimum cost at least, and that in full also
    where it was active for a part of the month.
    """
    return max(line.minimum_cost, to_cents(units * line.cost_per_unit))


def calculate_monthly_costs(
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
    units_by_line = usage or {}
    costs: dict[str, list[Decimal]] = {}
    for line in lines:
        row = costs.setdefault(line.commodity, [NO_COST] * len(months))
        for index, month in enumerate(months):
            if is_active_in(line, month, as_of):
                row[index] += calculate_cost(line, units_by_line.get((line.key, month), NO_COST))
    return {commodity: row for commodity, row in costs.items() if any(row)}
