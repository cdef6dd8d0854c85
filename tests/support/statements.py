"""What the hub sends to its database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event


@contextmanager
def watch_statements(watch: Callable[[str, Any], object]) -> Iterator[None]:
    """Calls `watch` before each statement of the block, with its text and its parameters, on any database."""

    def pass_on(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        watch(statement, parameters)

    event.listen(Engine, "before_cursor_execute", pass_on)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", pass_on)


@contextmanager
def record_statements() -> Iterator[list[str]]:
    """The texts of all statements of the block, in their order. One that is run for many rows counts once."""
    statements: list[str] = []
    with watch_statements(lambda statement, _parameters: statements.append(statement)):
        yield statements
