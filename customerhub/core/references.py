"""Which rows refer to a row: checked before it is deleted."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, func, or_, select

from models.base import Base, db

References = list[tuple[str, int]]


def list_references(row: Any) -> References:
    """(table, number of rows) of everything in the database that refers to `row` by a foreign key."""
    return list_references_by_id([row])[row.id]


def list_references_by_id(rows: Sequence[Any]) -> dict[int, References]:
    """The links of each of `rows`, all of one table, by its id."""
    references: dict[int, References] = {row.id: [] for row in rows}
    for found in db.session.execute(_build_count_statement(rows[0].__table__), {"ids": list(references)}).mappings():
        references[found["id"]] = [(name, count) for name, count in found.items() if name != "id" and count]
    return references


@cache
def _build_count_statement(table: Table) -> Select[Any]:
    """The id of each row of `table` that is one of `ids`, and by the name of each referring table how many rows; the
    values of its custom fields are its own.
    """
    target = table.alias("target")
    counts = (
        select(func.count())
        .select_from(other)
        .where(or_(*(column == target.c.id for column in columns)))
        .correlate(target)
        .scalar_subquery()
        .label(other.name)
        for other in Base.metadata.sorted_tables
        if not other.info.get("holds_custom_values") and (columns := list_referring_columns(other, table))
    )
    return select(target.c.id, *counts).where(target.c.id.in_(bindparam("ids", expanding=True)))


def list_referring_columns(table: Table, target: Table) -> list[Any]:
    """The columns of `table` that hold an id of `target`."""
    return [
        element.parent
        for constraint in table.foreign_key_constraints
        for element in constraint.elements
        if element.column.table is target and element.column.name == "id"
    ]


def describe_references(references: Iterable[tuple[str, int]]) -> str:
    """The references in words: "2 billing lines and 1 contact"."""
    parts = []
    for table, count in references:
        noun = noun_of(table)
        parts.append(f"{count} {noun if count == 1 else pluralize(noun)}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def noun_of(table: str) -> str:
    """What a row of `table` is called within a sentence."""
    return NOUNS.get(table, table.replace("_", " "))


def pluralize(noun: str) -> str:
    """The plural of an English noun of ours, such as "sets of default values"."""
    if noun in ("payment terms",):
        return noun
    for joint in (" of ", " to "):
        head, separator, rest = noun.partition(joint)
        if separator:
            return pluralize(head) + joint + rest
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")


NOUNS = {
    "hub_user": "user",
    "customer_department": "customer",
    "customer_invoice_type": "customer",
    "customer_tag": "customer",
    "outbox_message": "message",
    "customer_group": "group",
    "customer_order": "order",
    "customer_case": "case",
    "customer_import": "import",
    "list_export": "export",
    "operation_run": "bulk operation",
    "catalog_item": "catalog entry",
    "billed_user": "user to bill",
    "default_value_set": "set of default values",
    "stored_file": "file",
    "envelope": "document signature",
    "vat_rate": "VAT rate",
}
