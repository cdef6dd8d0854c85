"""What must be true of a hub's database and files at any time when nobody is working."""

from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import func, inspect, select

from customerhub.core import history
from models import Account, ApprovalTask, Customer, History, OrganisationRow, StoredFile
from models.base import Base, db
from models.enums import Stage, TaskKind, TaskState

STAGES_WITH_TASK = {Stage.NEW, Stage.REFERRED, Stage.PASSED}


def list_broken(files_folder: Path) -> list[str]:
    """What does not hold, in sentences. `files_folder` is where the hub keeps the content of files."""
    checks: tuple[Callable[[], Iterator[str]], ...] = (
        check_accounts,
        check_tasks,
        check_history,
        lambda: check_files(files_folder),
        check_tenants,
    )
    db.session.rollback()
    return [sentence for check in checks for sentence in check()]


def check_accounts() -> Iterator[str]:
    """Each customer has one main account, which has its number."""
    mains = select(Account.customer_id, Account.number).where(Account.is_main)
    numbers: dict[int, list[str]] = {}
    for customer_id, number in db.session.execute(mains):
        numbers.setdefault(customer_id, []).append(number)
    for key, number in db.session.execute(select(Customer.id, Customer.account_number)):
        if numbers.get(key) != [number]:
            yield f"customer {key} has number {number} and main accounts {numbers.get(key)}"


def check_tasks() -> Iterator[str]:
    """Who is on the way to billing has one open onboarding task, others none; of each kind one is open at most."""
    open_tasks = select(ApprovalTask.customer_id, ApprovalTask.kind).where(ApprovalTask.state == TaskState.OPEN)
    counts = Counter((key, kind) for key, kind in db.session.execute(open_tasks))
    for (key, kind), count in counts.items():
        if count > 1:
            yield f"customer {key} has {count} open tasks {kind.value}"
    for key, stage in db.session.execute(select(Customer.id, Customer.stage)):
        count = counts[key, TaskKind.ONBOARDING]
        if count != (stage in STAGES_WITH_TASK):
            yield f"customer {key} is {stage.value} and has {count} open onboarding tasks"


def check_history() -> Iterator[str]:
    """The last entry about a column tells what the column holds: no change went past the history, none was made up."""
    for model in (mapper.class_ for mapper in Base.registry.mappers):
        columns = list(_list_recorded_columns(model)) if issubclass(model, OrganisationRow) else []
        if columns:
            yield from _check_history_of(model, columns)


def _check_history_of(model: Any, columns: list[str]) -> Iterator[str]:
    told: dict[int, dict[str, Any]] = {}  # of rows whose beginning was recorded
    defaults = {name: _default_of(model.__table__.c[name]) for name in columns}  # these are not
    entries = select(History.row_id, History.action, History.changes).where(History.table_name == model.__tablename__)
    for key, action, changes in db.session.execute(entries.order_by(History.id)):
        if action == "created":
            told[key] = dict(defaults)
        if key in told:
            told[key] |= {name: after for name, (_, after) in changes.items()}
    rows = select(model.id, *(getattr(model, name) for name in columns))
    for key, *values in db.session.execute(rows):
        for name, value in zip(columns, values, strict=True):
            if key in told and not _is_shown_as(value, told[key][name]):
                yield f"{model.__tablename__} {key}: {name} is {value!r}, the history says {told[key][name]!r}"


def _list_recorded_columns(model: Any) -> Iterator[str]:
    """Columns whose values stand in the history as they are: no secrets and no references, which are told by name."""
    for attribute in inspect(model).column_attrs:
        info = attribute.columns[0].info
        if not (info.get("untracked") or info.get("secret") or attribute.key.endswith("id")):
            yield attribute.key


def _default_of(column: Any) -> Any:
    default = column.default
    return history.display_value(default.arg) if default is not None and default.is_scalar else None


def _is_shown_as(value: Any, shown: Any) -> bool:
    if isinstance(value, Decimal) and shown is not None:
        return value == Decimal(shown)  # the database fills up with noughts
    return bool((history.display_value(value) or None) == (shown or None))


def check_files(folder: Path) -> Iterator[str]:
    """Each stored file has its content, of its size, and there is no other content."""
    sizes = {path.name: path.stat().st_size for path in folder.glob("??/*")}
    for key, storage_key, size in db.session.execute(select(StoredFile.id, StoredFile.storage_key, StoredFile.size)):
        found = sizes.pop(storage_key, None)
        if found != size:
            yield f"file {key} has {size} bytes, its content {found}"
    for name in sizes:
        yield f"content {name} belongs to no file"


def check_tenants() -> Iterator[str]:
    """No row refers to a row of another organisation."""
    for table in Base.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            target = constraint.referred_table.alias()
            for element in constraint.elements:
                if element.column.name != "id" or not {"organisation_id"} <= {*table.c.keys()} & {*target.c.keys()}:
                    continue
                foreign = select(func.count()).where(
                    element.parent == target.c.id, table.c.organisation_id != target.c.organisation_id
                )
                if count := db.session.scalar(foreign):
                    yield f"{count} rows of {table.name} refer to {target.name} of another organisation"
