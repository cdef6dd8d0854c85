"""What of a workbook Excel hides and the import reads all the same: people are told, as they do not see it there."""

from collections.abc import Sequence
from typing import Final

from customerhub.core.xlsx.table import Table

MAX_LISTED_ROWS: Final = 10
MAX_LISTED_COLUMNS: Final = 5


def describe_hidden_parts(table: Table) -> str | None:
    """The rows, filtered or hidden, and the columns that were read although Excel does not show them; None where there
    are none. To be asked when all rows have been read.
    """
    sentences = []
    if table.hidden_rows:
        count = len(table.hidden_rows)
        noun = "row that is" if count == 1 else "rows that are"
        sentences.append(
            f"{count:,} {noun} filtered out or hidden in Excel: {_list_first(table.hidden_rows, MAX_LISTED_ROWS)}"
        )
    if table.hidden_columns:
        count = len(table.hidden_columns)
        noun = "column that is" if count == 1 else "columns that are"
        sentences.append(f"{count:,} {noun} hidden in Excel: {_list_first(table.hidden_columns, MAX_LISTED_COLUMNS)}")
    return f"This import includes {'; '.join(sentences)}" if sentences else None


def _list_first(names: Sequence[object], limit: int) -> str:
    listed = ", ".join(map(str, names[:limit]))
    return f"{listed} and {len(names) - limit:,} more" if len(names) > limit else listed
