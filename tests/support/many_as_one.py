"""The same operation done to rows one after the other, and to all of them at once."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import update

from customerhub.core.database import save_changes
from customerhub.core.errors import HubError
from customerhub.core.locking import lock_order_of
from customerhub.core.permissions import Actor
from models.base import Row, db, get_table
from tests.support.row_changes import describe_contents, newest_ids
from views.framework.operation import Operation

Refusals = dict[int, tuple[str, str, str | None]]
Outcome = tuple[Refusals, dict[str, list[str]]]


def describe_refusals(refusals: dict[int, HubError]) -> Refusals:
    return {key: (type(error).__name__, error.message, error.field) for key, error in sorted(refusals.items())}


def run_one_by_one(
    operation: Operation,
    rows: Sequence[Row],
    *,
    actor: Actor,
    values_by_id: dict[int, dict[str, Any]],
    **values: Any,
) -> dict[int, HubError]:
    """Do it to each row by itself, as `run` does it: the errors of those refused."""
    refusals: dict[int, HubError] = {}
    for row in sorted(rows, key=lock_order_of):
        key = row.id
        try:
            with db.session.begin_nested(), save_changes():
                operation.run(row, actor=actor, **values, **values_by_id.get(key, {}))
        except HubError as error:
            refusals[key] = error
    return refusals


def run_at_once(
    operation: Operation,
    rows: Sequence[Row],
    *,
    actor: Actor,
    values_by_id: dict[int, dict[str, Any]],
    **values: Any,
) -> dict[int, HubError]:
    """Do it to all rows as `run_many` does it: the errors of those refused."""
    assert operation.run_many is not None
    own = {} if operation.row_form is None else {"values_by_id": values_by_id}
    with db.session.begin_nested(), save_changes():
        return operation.run_many(rows, actor=actor, **values, **own)


def run_at_once_or_singly(operation: Operation, rows: Sequence[Row], **values: Any) -> dict[int, HubError]:
    """As `run_at_once`; where something is refused as a whole, one by one, as on the page of the operation."""
    try:
        return run_at_once(operation, rows, **values)
    except HubError:
        return run_one_by_one(operation, rows, **values)


def list_differences(one: Outcome, other: Outcome) -> list[str]:
    """Where two outcomes are not the same."""
    refusals = {key: (one[0].get(key), other[0].get(key)) for key in one[0] | other[0]}
    rows = {name: set(one[1][name]) ^ set(other[1][name]) for name in one[1]}
    return [f"{key}: {first} / {second}" for key, (first, second) in refusals.items() if first != second] + [
        f"{name}: {row}" for name, different in rows.items() for row in sorted(different)
    ]


def find_outcome(
    run: Callable[..., dict[int, HubError]],
    operation: Operation,
    model: type[Row],
    keys: Sequence[int],
    changed: Sequence[Row],
    **values: Any,
) -> Outcome:
    """What `run` refuses of these rows, and what the database holds then. Nothing of it lasts. The rows are read, and
    then somebody else changes those that are `changed`.
    """
    db.session.rollback()
    newest = newest_ids()
    rows = [db.session.get_one(model, key) for key in keys]
    read = [db.session.get_one(type(row), row.id).version for row in changed]
    for row, version in zip(changed, read, strict=True):
        table = get_table(type(row))
        db.session.connection().execute(update(table).where(table.c.id == row.id).values(version=version + 1))
    refusals = run(operation, rows, **values)
    db.session.expire_all()
    contents = describe_contents(newest)
    db.session.rollback()
    return describe_refusals(refusals), contents
