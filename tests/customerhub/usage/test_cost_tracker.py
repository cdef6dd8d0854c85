"""What billing lines cost month by month, against an account that goes through every day."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.usage.cost_tracker import CostLine, calculate_cost, calculate_monthly_costs, list_last_months

D = Decimal


def build_line(**values: object) -> CostLine:
    defaults = {"key": 1, "commodity": "Lines", "minimum_cost": D("10.00"), "cost_per_unit": D("0.25"), **values}
    return CostLine(**defaults)


def cost_texts(
    *lines: CostLine, as_of: date, usage: dict[tuple[int, date], Decimal] | None = None
) -> dict[str, list[str]]:
    monthly_costs = calculate_monthly_costs(lines, list_last_months(as_of, 3), as_of=as_of, usage=usage)
    return {commodity: [str(amount) for amount in row] for commodity, row in monthly_costs.items()}


def test_the_months_end_with_that_of_the_day_and_cross_the_year() -> None:
    assert list_last_months(date(2026, 2, 28), 3) == [date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1)]
    assert len(list_last_months(date(2026, 2, 28))) == 12
    assert list_last_months(date(2026, 12, 31))[0] == date(2026, 1, 1)


@pytest.mark.parametrize(
    ("active_from", "active_to", "expected"),
    [
        (None, None, ["10.00", "10.00", "10.00"]),
        (date(2026, 1, 31), None, ["10.00", "10.00", "10.00"]),  # the last day of the first month
        (date(2026, 2, 1), None, ["0.00", "10.00", "10.00"]),
        (None, date(2026, 2, 1), ["10.00", "10.00", "0.00"]),  # the first day of the second month
        (date(2026, 2, 14), date(2026, 2, 14), ["0.00", "10.00", "0.00"]),  # one day costs the minimum in full
    ],
)
def test_a_part_of_a_month_costs_the_minimum_in_full(
    active_from: date | None, active_to: date | None, expected: list[str]
) -> None:
    found = cost_texts(build_line(active_from=active_from, active_to=active_to), as_of=date(2026, 3, 15))
    assert found == {"Lines": expected}


def test_what_is_yet_to_begin_costs_nothing_yet() -> None:
    begins = build_line(active_from=date(2026, 3, 16))
    assert cost_texts(begins, as_of=date(2026, 3, 15)) == {}
    assert cost_texts(begins, as_of=date(2026, 3, 16)) == {"Lines": ["0.00", "0.00", "10.00"]}


def test_usage_costs_what_it_costs_where_that_is_more_than_the_minimum() -> None:
    used = {(1, date(2026, 1, 1)): D(40), (1, date(2026, 2, 1)): D("40.02"), (1, date(2026, 3, 1)): D(41)}
    assert cost_texts(build_line(), as_of=date(2026, 3, 31), usage=used) == {"Lines": ["10.00", "10.01", "10.25"]}


def test_usage_outside_of_the_active_period_is_not_the_lines() -> None:
    used = {(1, date(2026, 1, 1)): D(1000)}
    assert cost_texts(build_line(active_from=date(2026, 2, 1)), as_of=date(2026, 2, 28), usage=used) == {
        "Lines": ["0.00", "0.00", "10.00"]
    }


@pytest.mark.parametrize(("units", "cost"), [("40.02", "10.01"), ("40.019999", "10.00"), ("0.5", "10.00")])
def test_half_a_cent_is_rounded_up(units: str, cost: str) -> None:
    assert str(calculate_cost(build_line(), D(units))) == cost


def test_lines_of_one_commodity_are_added_up_and_free_ones_left_out() -> None:
    lines = [
        build_line(),
        build_line(key=2, minimum_cost=D("2.50")),
        build_line(key=3, commodity="Free", minimum_cost=D(0)),
    ]
    assert cost_texts(*lines, as_of=date(2026, 3, 1)) == {"Lines": ["12.50", "12.50", "12.50"]}


# --- An account of its own -----------------------------------------------------------------------------------------

days = st.dates(date(2024, 1, 1), date(2026, 12, 31))
amounts = st.decimals(0, 10_000, places=2, allow_nan=False)
prices = st.decimals(0, 100, places=6, allow_nan=False)


@st.composite
def draw_lines(draw: st.DrawFn) -> list[CostLine]:
    lines = []
    for key in range(draw(st.integers(0, 4))):
        ends = sorted(draw(st.lists(days, min_size=2, max_size=2)))
        begins, ends_on = (ends[0] if draw(st.booleans()) else None), (ends[1] if draw(st.booleans()) else None)
        commodity = draw(st.sampled_from(["A", "B"]))
        lines.append(CostLine(key, commodity, draw(amounts), draw(prices), begins, ends_on))
    return lines


def to_cents(amount: Decimal) -> int:
    return int(Fraction(amount) * 100)


def expected_cents(
    lines: list[CostLine], as_of: date, usage: dict[tuple[int, date], Decimal]
) -> dict[tuple[str, int, int], int]:
    """Cents by commodity, year and month: every day of twelve months is looked at by itself."""
    counted_months: set[tuple[int, int, int]] = set()
    day = as_of
    while (as_of.year - day.year) * 12 + as_of.month - day.month < 12:
        for each in lines:
            if (each.active_from is None or each.active_from <= day) and (
                each.active_to is None or day <= each.active_to
            ):
                counted_months.add((each.key, day.year, day.month))
        day -= timedelta(days=1)
    total: dict[tuple[str, int, int], int] = {}
    for key, year, month in counted_months:
        (each,) = [one for one in lines if one.key == key]
        exact = Fraction(usage.get((key, date(year, month, 1)), D(0))) * Fraction(each.cost_per_unit) * 100
        cents = max(to_cents(each.minimum_cost), int(exact + Fraction(1, 2)))
        place = (each.commodity, year, month)
        total[place] = total.get(place, 0) + cents
    return {place: cents for place, cents in total.items() if cents}


@given(draw_lines(), days, st.data())
def test_it_agrees_with_an_account_that_goes_through_every_day(
    lines: list[CostLine], as_of: date, data: st.DataObject
) -> None:
    months = list_last_months(as_of)
    keys = st.tuples(st.integers(0, 3), st.sampled_from(months))
    usage = data.draw(st.dictionaries(keys, st.decimals(0, 100_000, places=3, allow_nan=False), max_size=8))
    found = calculate_monthly_costs(lines, months, as_of=as_of, usage=usage)
    flat = {
        (commodity, month.year, month.month): to_cents(amount)
        for commodity, row in found.items()
        for month, amount in zip(months, row, strict=True)
        if amount
    }
    assert flat == expected_cents(lines, as_of, usage)
    assert all(amount == round(amount, 2) for row in found.values() for amount in row)
