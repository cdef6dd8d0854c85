"""Tidying any row by what its columns are: texts trimmed, email addresses and dates checked, nothing needed missing."""

import enum
from datetime import date
from typing import Any

from sqlalchemy import inspect

from customerhub.customers import rules
from customerhub.errors import Invalid

Problems = list[tuple[str, str]]
LONGEST_TEXT = 20_000


def clean_row(row: Any) -> Problems:
    """Trim every text of `row`; tell what is missing, too long, not printable, no email address or out of reach."""
    problems: Problems = []
    mapper: Any = inspect(type(row))
    for attribute in mapper.column_attrs:
        column, name = attribute.columns[0], attribute.key
        value = getattr(row, name)
        if column.info.get("untracked") or column.primary_key or isinstance(value, enum.Enum):
            continue
        try:
            kept = clean_cell(column, name, value) if isinstance(value, str) else value
            if isinstance(kept, date):
                rules.in_reach(kept)
        except Invalid as error:
            problems.append((name, error.message))
            continue
        if kept is None and not column.nullable and (value is not None or is_needed(column)):
            problems.append((name, "This is needed"))
        elif kept != value:
            setattr(row, name, kept)
    return problems


def is_needed(column: Any) -> bool:
    """Whether a row must have a value here: neither the database nor the row's owner gives one."""
    owned = any(key.column.name == "organisation_id" or key.constraint.ondelete for key in column.foreign_keys)
    given = column.default is not None or column.server_default is not None or owned or column.name == "organisation_id"
    return not column.nullable and not given


def clean_cell(column: Any, name: str, text: str) -> str | None:
    """One text of a row, as its column can hold it."""
    length = getattr(column.type, "length", None)
    longest = length or column.info.get("max_length", LONGEST_TEXT)
    kept = rules.clean_text(text, longest=longest, lines=not length)
    return rules.clean_email(kept) if kept and name.endswith("email") else kept
