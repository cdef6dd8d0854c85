"""The columns and filters of a list, as data, and the cells of their values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select

from views.framework.exported import Exported

Cell = Any  # text, Markup, a mapping {text, url, chip, tone, colour, sub}, or a list of these


@dataclass(frozen=True)
class Column:
    """One column of a list.

    `value` gives what a row shows, `export_text` the same as a text where that is not its text anyway. An export
    writes what `export` says, or that text. `sort` is what it sorts by: a column or several. `default_visible` tells
    whether it is shown until somebody chooses otherwise. Where the list is narrow, what has `collapsed_format` is no
    column of its own: it stands under the first one, in these words, such as "{} a month"; `collapse_first` is what
    folds where other columns still have room, and what has `collapse_below` folds only where the list itself has less
    room than that, in pixels, of which the style sheet knows 1060 and 860. What is `no_truncate` takes several lines
    rather than being cut, and on a phone has them to itself. `load_values` reads what the rows of a page show here and
    keep elsewhere than in their columns, once for all columns that have the same. `find_keys` finds a page of a list
    sorted by the column, by its query, offset, limit and whether it is descending, in less time than sorting all rows
    takes.
    """

    name: str
    label: str
    value: Callable[[Any], Cell]
    sort: Any = None
    align: str = "left"
    default_visible: bool = True
    load_options: tuple[Any, ...] = ()
    export_text: Callable[[Any], str | None] | None = None
    export: Exported | None = None
    collapsed_format: str = ""
    collapse_first: bool = False
    collapse_below: int = 0
    no_truncate: bool = False
    load_values: Callable[[Sequence[Any]], object] | None = None
    find_keys: Callable[[Select[Any], int, int, bool], list[int]] | None = None

    def get_export(self) -> Exported:
        """What an export writes for this column."""
        return self.export or Exported(render=self.format_text)

    def format_text(self, row: Any) -> str:
        """What a row shows, as a text."""
        return (self.export_text(row) or "") if self.export_text else plain_text(self.value(row))

    @property
    def collapse_class(self) -> str:
        """How the column gives way: early, later, below a width or, blank, not at all."""
        if not self.collapsed_format:
            return ""
        if self.collapse_below:
            return f"below-{self.collapse_below}"
        return "early" if self.collapse_first else "later"

    def collapsed_value(self, row: Any) -> Cell:
        """What stands under the first column of `row` where the list is narrow; blank where nothing does."""
        cell = self.value(row) if self.collapsed_format else None
        if isinstance(cell, dict) and "chip" in cell:
            return cell
        text = self.format_text(row) if cell else ""
        return self.collapsed_format.format(text) if text else ""


def plain_text(cell: Cell) -> str:
    """What an export writes for a cell."""
    if cell is None:
        return ""
    if isinstance(cell, dict):
        return str(cell.get("text") or cell.get("chip") or "")
    if isinstance(cell, list):
        return ", ".join(plain_text(part) for part in cell)
    return cell.striptags() if hasattr(cell, "striptags") else str(cell)
