"""Operations: business actions, declared once, offered in the list, on a row and on the record, run on one page."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from wtforms import Form

from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, WrongState
from customerhub.core.locking import lock_order_of
from customerhub.core.permissions import Actor, Permission
from customerhub.core.references import pluralize
from models.base import db
from views.framework.refusals import describe_refusal

FieldChoices = list[tuple[str, list[tuple[str, str, bool]]]]
MAX_ROWS = 500  # ticked rows that one operation takes at a time


def always_available(_row: Any, _actor: Actor) -> str | None:
    return None


def no_values(_row: Any) -> dict[str, Any]:
    return {}


def version_of(row: Any) -> str:
    return str(row.version)


def refusal_reason(check: Callable[..., None], *args: Any) -> str | None:
    """Why a check of the business refuses, as a screen tells it: None where it does not."""
    try:
        check(*args)
    except HubError as error:
        return error.message
    return None


def refusal_check(check: Callable[[Any, Actor], None]) -> Callable[[Any, Actor], str | None]:
    """A check of the business as an operation's `unavailable_reason`."""
    return lambda row, actor: refusal_reason(check, row, actor)


@dataclass(frozen=True)
class Operation:
    """A business action on rows of one kind.

    `run(row, actor=…, **values of the form)` is the function in customerhub that does it; where the operation is
    `all_or_none`, `run(rows, actor=…, **values)` does it to all of them or to none, or returns why not, by id.
    `run_many(rows, actor=…, **values)` does the same as `run` to many rows with less work, where `can_run_many(rows)`:
    each has an outcome of its own, and it returns the errors of those that are refused, by id. `form`
    is the class of its form, or makes one for the rows at hand, which begins with what `initial_values(rows, actor)`
    tells, and asks for what is the same for all of them; `form_template` draws it where that is no plain form.
    `row_form(row)` is the class of a form with what belongs to a row by itself, such as a reference, which begins with
    what `initial_row_values(row)` tells: of many rows each has its own, whose values go to `run` beside the others and
    to `run_many` as `values_by_id`.
    `unavailable_reason(row, actor)` tells why it cannot be done to a row now, or None;
    `unavailable_reasons(rows, actor)` tells it for many rows at once, by id. `preview(rows, values, actor)` gives the
    tables that show, before anything is done, what will happen. `row_version(row)` is what must not change between the
    page and its sending. `result_url(made)` is the address of what `run` returned, where that goes on in the
    background, also of what is `all_or_none`, which then returns that. `past_tense` completes "2 customers …" and "…
    can be …"; `button` is the text of the button where that is not the title, with {} for the rows. What
    `is_always_offered` stands on the record of every row, and only its page tells why it cannot be done: for what is
    long to find out and seldom wanted. What is not `on_record` is done from lists alone, or from a part of the record
    that leads to it.

    More than `direct_rows` are done in the background. `read_values(row)` tells what the operation changes of a row, in
    plain values: then what it did is kept, and can be undone. `list_choices()` gives the fields that can be added to
    the form, (name, label, whether it was) in named groups.
    """

    name: str
    label: str
    permission: Permission
    run: Callable[..., Any]
    explanation: str
    past_tense: str
    form: type[Form] | Callable[[Sequence[Any], Actor], type[Form]] | None = None
    form_template: str = ""
    row_form: Callable[[Any], type[Form] | None] | None = None
    initial_values: Callable[[Sequence[Any], Actor], dict[str, Any]] | None = None
    initial_row_values: Callable[[Any], dict[str, Any]] = no_values
    unavailable_reason: Callable[[Any, Actor], str | None] = always_available
    unavailable_reasons: Callable[[Sequence[Any], Actor], dict[int, str]] | None = None
    preview: Callable[[Sequence[Any], dict[str, Any], Actor], list[dict[str, Any]]] | None = None
    row_version: Callable[[Any], str] = version_of
    result_url: Callable[[Any], str] | None = None
    icon: str = "run"
    danger: bool = False
    bulk: bool = True
    deletes_rows: bool = False
    is_always_offered: bool = False
    all_or_none: bool = False
    run_many: Callable[..., dict[int, HubError]] | None = None
    can_run_many: Callable[[Sequence[Any]], bool] = bool
    button: str = ""
    on_record: bool = True
    direct_rows: int = MAX_ROWS
    read_values: Callable[[Any], dict[str, Any]] | None = None
    list_choices: Callable[[], FieldChoices] | None = None

    def format_title(self, what: str) -> str:
        """The act and its objects, as `describe_rows` calls them: "Delete 3 customers"."""
        return f"{self.label}: {what}" if " " in self.label else f"{self.label} {what}"

    def format_button(self, what: str) -> str:
        """What the button says: "Assign to 3 customers"."""
        return self.button.format(what) if self.button else self.format_title(what)

    def find_limit_reason(self, noun: str) -> str | None:
        """Why it is done to ticked rows only, MAX_ROWS at the most, and never to all that a list has; None where it is
        done to any number.
        """
        if self.row_form is not None:
            return f"Asks for values of each {noun}. Select up to {MAX_ROWS}"
        if self.all_or_none:
            return f"Done to all selected {pluralize(noun)} together. Select up to {MAX_ROWS}"
        return None


def describe_rows(rows: Sequence[Any], noun: str, count: int | None = None) -> str:
    """What an operation is about: the one row, or how many there are, which `count` tells where `rows` are not all."""
    number = len(rows) if count is None else count
    return str(rows[0]) if number == 1 and rows else f"{number:,} {pluralize(noun) if number != 1 else noun}"


@dataclass
class OperationPage:
    """What templates/screens/operation.html shows. `choices` are the fields that can be added to the form, grouped."""

    title: str
    explanation: str = ""
    form: Form | None = None
    form_template: str = ""
    preview: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    button: str = ""
    danger: bool = False
    back_url: str | None = None
    results: list[dict[str, Any]] | None = None
    errors: list[str] = field(default_factory=list)
    hidden_fields: list[tuple[str, str]] = field(default_factory=list)
    refreshes_preview: bool = False
    row_columns: list[tuple[str, str, bool]] = field(default_factory=list)
    row_forms: list[tuple[dict[str, Any], Form]] = field(default_factory=list)
    noun: str = ""
    past_tense: str = "processed"
    counts: dict[str, int] = field(default_factory=dict)  # of `subjects`, where these are not all
    note: str = ""
    choices: FieldChoices | None = None

    def describe_results(self, count: int, failed: bool = False) -> str:
        """A number of rows and what became of them: "2 customers deleted", "1 customer not deleted"."""
        return describe_outcome(count, self.noun, self.past_tense, failed=failed)

    def count_subjects(self, kind: str) -> int:
        """How many rows can, or cannot, be processed."""
        return self.counts.get(kind, len(self.subjects.get(kind, ())))

    @property
    def chosen_fields(self) -> list[str]:
        """Those of the choices that are on the form."""
        return [name for _, fields in self.choices or () for name, _, is_chosen in fields if is_chosen]

    def describe_disabled(self) -> str:
        """Why the button is disabled."""
        if self.choices is not None and not self.chosen_fields:
            return "Choose a field first."
        return f"None of the selected {pluralize(self.noun) if self.noun else 'rows'} can be {self.past_tense}."


def describe_outcome(count: int, noun: str, past_tense: str, *, failed: bool = False) -> str:
    """A number of rows and what became of them: "2 customers deleted", "1 customer not deleted"."""
    what = f" {noun if count == 1 else pluralize(noun)}" if noun else ""
    return f"{count:,}{what} {'not ' if failed else ''}{past_tense}"


def split_by_availability(
    operation: Operation, rows: Sequence[Any], actor: Actor
) -> tuple[list[Any], list[tuple[Any, str]]]:
    """The rows it can be done to, and (row, why not) of the others."""
    can, cannot = [], []
    reasons = operation.unavailable_reasons(rows, actor) if operation.unavailable_reasons else {}
    for row in rows:
        reason = reasons.get(row.id) or operation.unavailable_reason(row, actor)
        if reason is None:
            can.append(row)
        else:
            cannot.append((row, reason))
    return can, cannot


def run_operation(
    operation: Operation,
    rows: Sequence[Any],
    values: dict[str, Any],
    actor: Actor,
    url_of: Callable[[Any], str],
    values_by_id: Mapping[int, dict[str, Any]] | None = None,
    *,
    keeps_others: bool = False,
) -> list[dict[str, Any]]:
    """Do it to each row by itself: one that is refused does not stop the others. What is `all_or_none` is done to all
    at once: a refusal is about all of them, unless `run` returns reasons by id. `values_by_id` are those of a row's own
    form. The caller commits, or takes all back where nothing was done, unless the transaction `keeps_others`.

    Rows are taken in an order that is everybody's, so that two who do something to the same ones at once do not wait
    for each other; the results are in the order of `rows`.
    """
    results: dict[Any, dict[str, Any]] = {}
    values_by_id = values_by_id or {}
    order = [row.id for row in rows]
    row_values = {} if operation.row_form is None else {"values_by_id": values_by_id}
    errors = _run_many(operation, rows, values | row_values, actor)
    is_one_group = operation.all_or_none or errors is not None
    groups = [list(rows)] if is_one_group else [[row] for row in sorted(rows, key=lock_order_of)]
    is_only = len(groups) == 1 and not keeps_others
    for group in groups:
        model = type(group[0])
        links = {row.id: {"label": str(row), "url": url_of(row)} for row in group}
        return_value: Any = None
        refusals: dict[int, HubError] = errors or {}
        if errors is None:
            own_values = values | values_by_id.get(group[0].id, {})
            return_value, refusals = _run_group(operation, group, own_values, actor, is_only=is_only)
        for key, link in links.items():
            results[key] = {**link, "ok": True, "text": "", "return_value": return_value}
            if key in refusals:
                results[key] |= _describe_outcome(refusals[key], model)
            elif operation.deletes_rows:
                results[key]["url"] = None
    return [results[key] for key in order]


def _describe_outcome(error: HubError, model: type[Any]) -> dict[str, Any]:
    """The outcome of a row of `model` that was refused."""
    return {"ok": False, "text": describe_refusal(error, model), "error": error}


def _run_many(
    operation: Operation, rows: Sequence[Any], values: dict[str, Any], actor: Actor
) -> dict[int, HubError] | None:
    """Do it to many rows with less work: the errors of those refused, by id. None where they are to be done one
    by one, also because something was refused that nobody could tell beforehand.
    """
    if operation.run_many is None or len(rows) < 2 or not operation.can_run_many(rows):
        return None
    try:
        with db.session.begin_nested(), save_changes():
            return operation.run_many(rows, actor=actor, **values)
    except HubError:
        return None


def _run_group(
    operation: Operation, group: Sequence[Any], values: dict[str, Any], actor: Actor, *, is_only: bool
) -> tuple[Any, dict[int, HubError]]:
    """What came of one row, or of all together: what `run` returned, and the errors of those refused, by id.

    Where there `is_only` this group there are no others to keep: the caller takes back what was begun and refused.
    """
    subject = group if operation.all_or_none else group[0]
    row_ids = [row.id for row in group]  # after a flush that fails nothing can be read before the caller's rollback
    try:
        with nullcontext() if is_only else db.session.begin_nested(), save_changes():
            return_value = operation.run(subject, actor=actor, **values)
    except HubError as error:
        return None, dict.fromkeys(row_ids, error)
    gives_reasons = operation.all_or_none and operation.result_url is None
    reasons: dict[int, str] = (return_value or {}) if gives_reasons else {}
    return return_value, {key: WrongState(reason) for key, reason in reasons.items()}
