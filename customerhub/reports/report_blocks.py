"""The blocks of which a performance report consists: tables, notes, headings, chips and their colours."""

from collections.abc import Sequence
from typing import Any, Final

from models.enums import Risk

MOST_ROWS: Final = 500  # of one table that are printed
NORMAL_SIZE, SMALL_SIZE = 8.4, 7.8  # points
PAGE_WIDTH: Final = 493  # points, of a page without its margins
DIGIT_WIDTH: Final = 0.58  # how wide a digit is, of the size of the letters
GREEN, AMBER, RED, BLUE, GREY = "green", "amber", "red", "blue", "grey"
RISK_TONES: Final = {Risk.LOW: GREEN, Risk.MEDIUM: AMBER, Risk.HIGH: RED}

Cell = str | dict[str, Any]
Block = dict[str, Any]


def build_chip(text: str, tone: str) -> Cell:
    return {"text": text, "tone": tone}


def build_columns(*labels: str, numbers: Sequence[str] = (), wide: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Columns of a table: those in `numbers` are aligned right, those in `wide` share the width that is left."""
    return [{"label": label, "right": label in numbers, "share": 1 if label in wide else 0} for label in labels]


def build_table(
    headers: Sequence[dict[str, Any]], rows: Sequence[Sequence[Cell]], total: Sequence[str] | None = None
) -> Block:
    """A table. Of very many rows the first are printed, with a note of how many there are."""
    left_out = len(rows) - MOST_ROWS
    note = f"The first {MOST_ROWS} of {len(rows):,} are listed. Totals include all rows." if left_out > 0 else None
    return {
        "kind": "table",
        "columns": list(headers),
        "rows": [list(row) for row in rows[:MOST_ROWS]],
        "total": total,
        "note": note,
        "size": SMALL_SIZE if len(headers) > 7 else NORMAL_SIZE,
    }


def fit_table(block: Block) -> Block:
    """A table whose columns of amounts share the width, in letters as small as its longest amount needs."""
    longest = max(len(amount) for amount in block["total"])
    share = PAGE_WIDTH / len(block["columns"]) - 10
    return {**block, "size": min(block["size"], round(share / longest / DIGIT_WIDTH, 1))}


def build_empty_note(text: str) -> Block:
    return {"kind": "empty", "text": text}


def build_heading(text: str) -> Block:
    return {"kind": "heading", "text": text}
