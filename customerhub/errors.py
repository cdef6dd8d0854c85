"""What can go wrong in a way a person can mend. Each message is fit to be shown.

Anything else that is raised is a bug: it is logged with a reference and never shown.
"""


def quoted(text: str, longest: int = 40) -> str:
    """What somebody typed, as a message quotes it: its beginning, with � for what cannot be shown."""
    bare = text.strip()
    return "“" + "".join(c if c.isprintable() else "�" for c in bare[:longest]) + ("…”" if bare[longest:] else "”")


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
        self.problems = problems if problems is not None else ([(field, message)] if field else [])


class WrongState(HubError):
    """The row is in a state in which this cannot be done."""


class Conflict(HubError):
    """Somebody else changed the row, or took the value, in the meantime."""


class StillLinked(WrongState):
    """The row cannot go because others refer to it. The message says which."""
