"""What an act sends to the database: the statements in their order, how many of each kind, and which are sent twice."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, event

_NOT_COUNTED = ("BEGIN", "COMMIT")


@dataclass
class StatementLog:
    """Statements as handed to the driver, each with its parameters. One that is run for many rows counts once."""

    statements: list[tuple[str, Any]] = field(default_factory=list)

    def count_by_kind(self) -> Counter[str]:
        """How many there were by their first word: select, insert, update, delete, savepoint, release."""
        return Counter(text.split(None, 1)[0].lower() for text, _ in self.statements)

    def list_repeated(self) -> list[tuple[str, Any]]:
        """Those that were sent before with the same parameters. Savepoints are none: each is another one."""
        counts = Counter((text, repr(parameters)) for text, parameters in self.statements)
        return [
            (text, parameters)
            for (text, parameters), number in counts.items()
            for _ in range(number - 1)
            if not text.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))
        ]

    def __len__(self) -> int:
        return len(self.statements)


@contextmanager
def recorded_statements(engine: Engine) -> Iterator[StatementLog]:
    """The log of what is run on `engine` within the block."""
    log = StatementLog()

    def record(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if not statement.startswith(_NOT_COUNTED):
            log.statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", record)
    try:
        yield log
    finally:
        event.remove(engine, "before_cursor_execute", record)
