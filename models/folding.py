"""Searching whatever the case and accents, in the database: `folded(column)` is `fold_text` of what the column holds.

On SQLite it is our own function, registered with each connection; on PostgreSQL one that the migrations make.
"""

import sqlite3
from typing import Any

from sqlalchemy import ColumnElement, String, event, literal
from sqlalchemy.engine import Engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from models.keys import fold_text


class folded(FunctionElement[str]):  # noqa: N801  (it is called like a function of SQL)
    """The text of a column without case, accents and what nobody sees."""

    type = String()
    inherit_cache = True


@compiles(folded)
def _compile_folded(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    return f"fold_text({compiler.process(element.clauses, **options)})"


@compiles(folded, "sqlite")
def _compile_folded_for_sqlite(element: folded, compiler: SQLCompiler, **options: Any) -> str:
    """Most texts are plain: these need no call of a function in Python."""
    column = compiler.process(element.clauses, **options)
    return f"CASE WHEN {column} GLOB '*[^ -~]*' THEN fold_text({column}) ELSE lower({column}) END"


@event.listens_for(Engine, "connect")
def _register_function(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("fold_text", 1, _fold_or_none, deterministic=True)


def _fold_or_none(text: Any) -> str | None:
    return None if text is None else fold_text(str(text))


def contains_text(column: Any, text: str) -> ColumnElement[bool]:
    """The condition that `column` contains `text`, whatever the case and accents of both."""
    return folded(column).contains(fold_text(text), autoescape=True)


def starts_with_text(column: Any, text: str) -> ColumnElement[bool]:
    """The condition that `column` begins with `text`, whatever the case and accents of both."""
    return folded(column).startswith(fold_text(text), autoescape=True)


def equals_text(column: Any, text: str) -> ColumnElement[bool]:
    """The condition that `column` is `text`, whatever the case and accents of both."""
    return folded(column) == literal(fold_text(text))
