"""Validating any row by its columns: texts trimmed, email addresses and dates checked, required values present."""

import enum
from datetime import date
from typing import Any

from sqlalchemy import inspect

from customerhub.core import validation
from customerhub.core.dates import require_date_in_range
from customerhub.core.errors import Invalid

Problems = list[tuple[str, str]]
MAX_TEXT_LENGTH = 20_000


def clean_row(row: Any) -> Problems:
    """Trim every text of `row`; returns what is missing, too long, not printable, no email address or out of range."""
    problems: Problems = []
    mapper: Any = inspect(type(row))
    for attribute in mapper.column_attrs:
        column, name = attribute.columns[0], attribute.key
        value = getattr(row, name)
        if column.info.get("untracked") or column.primary_key or isinstance(value, enum.Enum):
            continue
        try:
            cleaned_value = clean_cell(column, name, value) if isinstance(value, str) else value
            if isinstance(cleaned_value, date):
                require_date_in_range(cleaned_value)
        except Invalid as error:
            problems.append((name, error.message))
            continue
        if cleaned_value is None and not column.nullable and (value is not None or is_required(column)):
            problems.append((name, "Required"))
        elif cleaned_value != value:
            setattr(row, name, cleaned_value)
    return problems


def is_required(column: Any) -> bool:
    """Whether a row must have a value here: neither the database nor the row's owner gives one."""
    is_set_by_owner = any(
        key.column.name == "organisation_id" or key.constraint.ondelete for key in column.foreign_keys
    )
    has_default = (
        column.default is not None
        or column.server_default is not None
        or is_set_by_owner
        or column.name == "organisation_id"
    )
    return not column.nullable and not has_default


def clean_cell(column: Any, name: str, text: str) -> str | None:
    """One text of a row, as its column can hold it."""
    length = getattr(column.type, "length", None)
    max_length = length or column.info.get("max_length", MAX_TEXT_LENGTH)
    cleaned_text = validation.clean_text(text, max_length=max_length, multiline=not length)
    return validation.clean_email(cleaned_text) if cleaned_text and name.endswith("email") else cleaned_text
