"""Lists as CSV: no cell is a formula, and nothing else is changed."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.core.spreadsheets import write_csv


def written_cells(*cells: str) -> list[str]:
    """The cells of one row as another program reads them from the file."""
    file = io.StringIO(newline="")
    write_csv(file, ["Heading"], [list(cells)])
    text = file.getvalue()
    assert text.startswith("\ufeffHeading\r\n")
    (row,) = csv.reader(io.StringIO(text.partition("\r\n")[2], newline=""))
    return row


@pytest.mark.parametrize(
    "text",
    [
        "-5",
        "-1,234.50",
        "0.00",
        "1.5",
        "",
        "plain",
        "2026-11-28",
        "a=b",
        "x|y",
        "50 %",
        "O'Neil",
        "a,b",
        'a "b"',
        " =1",
    ],
)
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert written_cells(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "+49 89 123456",
        "-",
        "--5",
        "-5 EUR",
        "\t=1+1",
        "\r=1+1",
        "\n=1+1",
        "%0A",
        "|x",
        "+1|2",
        "=cmd|' /C calc'!A0",
    ],
)
def test_what_could_be_a_formula_gets_an_apostrophe_and_keeps_its_text(text: str) -> None:
    assert written_cells(text) == [f"'{text}"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=2, max_size=5))
def test_any_texts_stay_in_their_cells_and_are_no_formulas(texts: list[str]) -> None:
    cells = written_cells(*texts)
    assert len(cells) == len(texts)
    for text, cell in zip(texts, cells, strict=True):
        assert cell in (text, f"'{text}")
        assert cell[:1] not in ("=", "+", "@", "\t", "\r", "\n")
        assert cell[:1] != "-" or set(cell) <= set("-0123456789,.\n")
