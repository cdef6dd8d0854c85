"""What going back to an older version costs: the rows for which it has no table, or no place."""

from collections.abc import Mapping

from sqlalchemy import Connection, inspect, text

# Alembic's own, and SQLite's search indexes, which are made from the tables that they are named after.
SEARCH_TABLES = tuple(f"{table}_search" for table in ("customer", "account", "contact", "contract", "customer_order"))
_NOT_COUNTED = ("alembic_version", *SEARCH_TABLES)


class RowsWouldBeDropped(RuntimeError):
    """A downgrade would drop rows, and nobody has said that it may. `counts` are by table; nothing was changed."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts
        super().__init__(
            f"the older version has no place for {describe_counts(counts)}. Nothing was changed. Make a backup first; "
            "then drop them with the command downgrade and --drop-rows, or flask db downgrade with -x drop-rows"
        )


def count_rows(connection: Connection) -> dict[str, int]:
    """How many rows each table has."""
    quote = connection.dialect.identifier_preparer.quote
    names = [name for name in inspect(connection).get_table_names() if not name.startswith(_NOT_COUNTED)]
    return {name: connection.scalar(text(f"SELECT count(*) FROM {quote(name)}")) or 0 for name in names}  # noqa: S608


def find_dropped_counts(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """How many rows of each table are gone, with the table or out of it."""
    lost = {name: count - after.get(name, 0) for name, count in before.items()}
    return {name: count for name, count in sorted(lost.items()) if count > 0}


def describe_counts(counts: Mapping[str, int]) -> str:
    """3 rows of blacklist_entry, 1 row of used_form."""
    return ", ".join(f"{count:,} row{'' if count == 1 else 's'} of {name}" for name, count in counts.items())
