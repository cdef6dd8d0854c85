"""Business actions: declared once, offered in the list, on a row and on the record, run on one page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from wtforms import Form

from customerhub.contention import lock_order
from customerhub.database import saving
from customerhub.errors import HubError, WrongState
from customerhub.links import plural
from customerhub.permissions import Actor, Permission
from models.base import db

LIMIT = 500  # rows that one operation takes at a time


def always(_row: Any, _actor: Actor) -> str | None:
    return None


def version_of(row: Any) -> str:
    return str(row.version)


def refusal(check: Callable[..., None], *asked: Any) -> str | None:
    """Why a check of the business refuses, as a screen tells it: None where it does not."""
    try:
        check(*asked)
    except HubError as error:
        return error.message
    return None


def as_asked(check: Callable[[Any, Actor], None]) -> Callable[[Any, Actor], str | None]:
    """A check of the business as an operation's `available`."""
    return lambda row, actor: refusal(check, row, actor)


@dataclass(frozen=True)
class Operation:
    """A business action on rows of one kind.

    `run(row, actor=…, **values of the form)` is the function in customerhub that does it; where the operation is
    `together`, `run(rows, actor=…, **values)` does it to all of them or to none, or returns why not, by id. `form` is
    the class of its form, or makes one for the rows at hand, which begins with what `first(rows, actor)` tells.
    `available(row, actor)` tells why it cannot be done to a row now, or None; `unavailable(rows, actor)` tells it for
    many rows at once, by id.
    `preview(rows, values, actor)` gives the tables that show, before anything is done, what will happen. `seen(row)` is
    what must not change between the page and its sending. `leads_to(made)` is the address of what `run` returned, where
    that goes on in the background.
    """

    name: str
    label: str
    permission: Permission
    run: Callable[..., Any]
    explain: str
    form: type[Form] | Callable[[Sequence[Any], Actor], type[Form]] | None = None
    first: Callable[[Sequence[Any], Actor], dict[str, Any]] | None = None
    available: Callable[[Any, Actor], str | None] = always
    unavailable: Callable[[Sequence[Any], Actor], dict[int, str]] | None = None
    preview: Callable[[Sequence[Any], dict[str, Any], Actor], list[dict[str, Any]]] | None = None
    seen: Callable[[Any], str] = version_of
    leads_to: Callable[[Any], str] | None = None
    icon: str = "run"
    danger: bool = False
    bulk: bool = True
    removes: bool = False
    together: bool = False

    def title(self, rows: Sequence[Any], noun: str) -> str:
        """The act and its objects: "Delete 3 customers"."""
        what = str(rows[0]) if len(rows) == 1 else f"{len(rows)} {plural(noun)}"
        return f"{self.label}: {what}" if " " in self.label else f"{self.label} {what}"


@dataclass
class OperationPage:
    """What templates/operation.html shows."""

    title: str
    explain: str = ""
    form: Form | None = None
    preview: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    button: str = ""
    danger: bool = False
    back_url: str | None = None
    results: list[dict[str, Any]] | None = None
    errors: list[str] = field(default_factory=list)
    keep: list[tuple[str, str]] = field(default_factory=list)
    refresh: bool = False


def sort_out(operation: Operation, rows: Sequence[Any], actor: Actor) -> tuple[list[Any], list[tuple[Any, str]]]:
    """The rows it can be done to, and (row, why not) of the others."""
    can, cannot = [], []
    reasons = operation.unavailable(rows, actor) if operation.unavailable else {}
    for row in rows:
        reason = reasons.get(row.id) or operation.available(row, actor)
        if reason is None:
            can.append(row)
        else:
            cannot.append((row, reason))
    return can, cannot


def run_each(
    operation: Operation,
    rows: Sequence[Any],
    values: dict[str, Any],
    actor: Actor,
    url_of: Callable[[Any], str],
) -> list[dict[str, Any]]:
    """Do it to each row by itself: one that is refused does not stop the others. The caller commits.

    Rows are taken in an order that is everybody's, so that two who do something to the same ones at once do not wait
    for each other; the results are in the order of `rows`.
    """
    results: dict[Any, dict[str, Any]] = {}
    order = [row.id for row in rows]
    for row in sorted(rows, key=lock_order):
        key, label, url = row.id, str(row), url_of(row)
        try:
            with db.session.begin_nested(), saving():
                made = operation.run(row, actor=actor, **values)
        except HubError as error:
            results[key] = {"label": label, "url": url, "ok": False, "text": error.message, "error": error}
        else:
            gone = operation.removes
            results[key] = {"label": label, "url": None if gone else url, "ok": True, "text": "", "made": made}
    return [results[key] for key in order]


def run_together(
    operation: Operation,
    rows: Sequence[Any],
    values: dict[str, Any],
    actor: Actor,
    url_of: Callable[[Any], str],
) -> list[dict[str, Any]]:
    """Do it to all rows at once: a refusal is about all of them, unless `run` returns reasons by id.

    The caller commits.
    """
    labels = [(row.id, str(row), url_of(row)) for row in rows]
    refusal: HubError | None = None
    reasons: dict[int, str] = {}
    try:
        with db.session.begin_nested(), saving():
            reasons = operation.run(rows, actor=actor, **values) or {}
    except HubError as error:
        refusal = error
    gone = operation.removes and refusal is None
    results = []
    for key, label, url in labels:
        why = refusal or (WrongState(reasons[key]) if key in reasons else None)
        told = {"ok": why is None, "text": why.message if why else "", "error": why}
        results.append({"label": label, "url": None if gone else url, **told})
    return results
