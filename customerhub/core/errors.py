"""Errors that a user can correct. Each message can be shown.

Anything else that is raised is a bug: it is logged with a reference and never shown.
"""

from collections.abc import Mapping
from typing import Self


def quote_text(text: str, max_length: int = 40) -> str:
    """What somebody typed, as a message quotes it: its beginning, with � for what cannot be shown."""
    bare = text.strip()
    return (
        "“" + "".join(c if c.isprintable() else "�" for c in bare[:max_length]) + ("…”" if bare[max_length:] else "”")
    )


class HubError(Exception):
    """The base. `field` names the form field or column at fault, where there is one."""

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotAllowed(HubError):
    """The actor may not do this."""


class NotFound(HubError):
    """There is no such row, or none that the actor may know of."""


class Invalid(HubError):
    """A value is missing or wrong. `problems` lists every (field, message), the first of them is the message."""

    def __init__(self, message: str, field: str | None = None, problems: list[tuple[str, str]] | None = None) -> None:
        super().__init__(message, field)
        if problems is None:
            problems = [(field, message)] if field else []
        self.problems = problems

    @classmethod
    def from_problems(cls, problems: list[tuple[str, str]]) -> Self:
        """The error of several (field, message), at least one; the first is what it says."""
        field, message = problems[0]
        return cls(message, field, problems)


class WrongState(HubError):
    """The row is in a state in which this cannot be done."""


class Conflict(HubError):
    """Somebody else changed the row, or took the value, in the meantime."""


class StillLinked(WrongState):
    """The row cannot go because others refer to it. The message says which."""


def raise_refusal(refusals: Mapping[int, HubError]) -> None:
    """Raises the error of what was done to one row as if it were many, where it was refused."""
    for error in refusals.values():
        raise error
