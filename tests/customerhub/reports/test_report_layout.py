"""How a performance report is laid out: figures, what needs attention, costs and charts."""

import sys
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from customerhub.mail.letterhead import calculate_contrast
from customerhub.reports import charts
from customerhub.reports.report_facts import (
    DocumentFact,
    LineFact,
    ReportData,
)
from customerhub.reports.report_layout import build_document
from tests.support.report_data import EMPTY, FULL, D


def tile_values(data: ReportData) -> dict[str, tuple[str, str, str | None]]:
    return {each["label"]: (each["figure"], each["sub"], each["tone"]) for each in build_document(data).data["tiles"]}


def attention_items(data: ReportData) -> list[tuple[str, str]]:
    return [(each["tone"], each["text"]) for each in build_document(data).data["attention"]]


def test_the_figures_on_top() -> None:
    assert tile_values(FULL) == {
        "Balance": ("4,200.50", "of 5,000.00 credit", None),
        "Cost, last 12 months": ("6,337.50", "since Apr 2025", None),
        "Live contracts": ("1", "worth 1,234.50", None),
        "Documents": ("1 expired", "of 3, 1 expiring soon", "red"),
        "Next review": ("31.03.2026", "in 16 days", None),
    }


def test_what_needs_attention_comes_the_worst_first() -> None:
    over = replace(
        FULL,
        standing=replace(FULL.standing, credit_limit=D(4000)),
        review=replace(FULL.review, open_due_date=date(2026, 2, 28), overdue=True),
    )
    assert attention_items(over) == [
        ("red", "The balance is 200.50 above the credit limit"),
        ("red", "The review of 28.02.2026 is overdue"),
        ("red", "ISO 27001 expired on 01.03.2026, 14 days ago"),
        ("amber", "Disputes the invoice of January"),
        ("amber", "Insurance expires on 14.04.2026, in 30 days"),
    ]
    assert tile_values(over)["Review due"] == ("28.02.2026", "15 days ago", "red")
    assert tile_values(over)["Balance"][2] == "red"


def test_of_many_documents_five_are_named_and_the_others_counted() -> None:
    many = replace(EMPTY, documents=[DocumentFact(f"Paper {n}", date(2026, 3, 1), None, True) for n in range(8)])
    attention_texts = [text for _, text in attention_items(many)]
    assert len(attention_texts) == 6
    assert attention_texts[-1] == "3 more documents expired, or expire within 30 days"


@given(st.lists(st.integers(-40, 40), max_size=30), st.dates(date(2025, 1, 1), date(2027, 1, 1)))
def test_documents_are_counted_as_one_counts_them(days_left: list[int], as_of: date) -> None:
    expiries = [as_of + timedelta(days=days) for days in days_left]
    data = replace(EMPTY, as_of=as_of, documents=[DocumentFact("P", day, None, True) for day in expiries])
    expired = len([day for day in expiries if day < as_of])
    soon = len([day for day in expiries if as_of <= day <= as_of + timedelta(days=30)])
    figure, sub, tone = tile_values(data)["Documents"]
    if not expiries:
        assert (figure, tone) == ("–", None)
    else:
        assert figure == (f"{expired} expired" if expired else f"{len(expiries)} valid")
        assert f"{soon or 'none'} expiring soon" in sub.lower()
        tone_of_valid = "amber" if soon else None
        assert tone == ("red" if expired else tone_of_valid)


def cost_table(data: ReportData) -> dict[str, Any]:
    (section,) = [each for each in build_document(data).data["sections"] if each["title"] == "Usage and cost by month"]
    tables = [block for block in section["blocks"] if block["kind"] == "table"]
    table: dict[str, Any] = tables[0]
    return table


def test_of_many_commodities_the_dearest_have_a_column_and_sums_are_of_all() -> None:
    lines = [LineFact(n, f"Commodity {n}", "u", None, D(n), D(0), date(2020, 1, 1), None) for n in range(1, 10)]
    table = cost_table(replace(FULL, lines=lines))
    assert [each["label"] for each in table["columns"]] == [
        "Month",
        *(f"Commodity {n}" for n in (9, 8, 7, 6, 5)),
        "4 others",
        "Total",
    ]
    assert table["rows"][0][-2:] == ["10.00", {"text": "45.00", "strong": True}]
    assert table["total"][-1] == "540.00"


def test_a_report_about_a_past_day_says_what_is_as_of_today() -> None:
    is_replayed = build_document(replace(FULL, as_of=date(2026, 2, 1))).data["replayed"]
    assert "as of 01.02.2026" in is_replayed
    assert "documents are as of 15.03.2026" in is_replayed
    assert build_document(FULL).data["replayed"] is None


@given(st.from_regex("#[0-9a-f]{6}", fullmatch=True), st.integers(1, 6))
def test_colours_stand_out_from_paper(brand: str, how_many: int) -> None:
    colours = charts.build_palette(brand, how_many)
    assert len(set(colours)) == how_many
    assert calculate_contrast("#ffffff", colours[0]) >= 4.5
    assert all(calculate_contrast("#ffffff", colour) >= 3 for colour in colours)
    assert calculate_contrast("#ffffff", charts.darken_for_print(brand)) >= 4.5


def test_a_chart_has_nothing_in_it_that_people_wrote_and_nothing_from_elsewhere() -> None:
    lines = [replace(FULL.lines[0], commodity='<script>alert(1)</script>"&')]
    document = build_document(replace(FULL, lines=lines))
    drawn = document.pictures["costs.svg"].decode()
    assert "script" not in drawn
    assert "alert" not in drawn
    assert "href" not in drawn
    assert drawn.replace('xmlns="http://www.w3.org/2000/svg"', "").count("http") <= drawn.count("gnu.org")
    assert drawn.count("<rect") >= 12


def test_drawing_leaves_no_import_hook_behind():
    hooks = list(sys.meta_path)
    charts.draw_chart.__wrapped__(charts.BarChart(("Jan",), ((D(1),),)))
    assert sys.meta_path == hooks
