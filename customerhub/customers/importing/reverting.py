"""An import taken back, row by row, as far as nobody has touched the customers since."""

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ForeignKeyConstraint, Table, bindparam, delete, func, null, select, update

from customerhub import history
from customerhub.customers import rules, unused_users
from customerhub.customers.importing.checking import CHUNK, CheckedRow, Problem
from customerhub.customers.importing.columns import BY_FIELD, COLUMNS, Reads, header_of
from customerhub.customers.importing.comparing import Known, load_known_by_id
from customerhub.customers.importing.names import Names, load_names
from customerhub.customers.importing.reverting_users import PortalUsers
from customerhub.customers.importing.saving import CUSTOMER, Saver
from customerhub.errors import Conflict, Invalid
from customerhub.links import told
from models import History, ImportRow
from models.base import Base, db
from models.enums import Risk, RowOutcome

# What an import makes with a customer, and what therefore goes with it.
OWN_TABLES: Final = ("account", "address", "alert", "approval_task", "customer_department")
DATES: Final = frozenset(column.field for column in COLUMNS if column.reads is Reads.DATE)
# Fields that mean something only together.
PAIRS: Final = (
    (rules.check_year_end, "year_end_day", "year_end_month"),
    (rules.check_review, "review_start_date", "review_frequency"),
)
SINCE: Final = "Changed since the import, so it stays as it is"


@dataclass
class Reverted:
    """What came of a revert: how many customers stay as they are, and how many users that are gone were mailed."""

    kept: int = 0
    mailed: int = 0


def undo_of(row: CheckedRow) -> dict[str, Any]:
    """What a revert of `row` has to know: before and after of each field it changed, in plain values."""
    return {name: [plain(before), plain(after)] for name, (before, after) in row.changed.items()}


def plain(value: Any) -> Any:
    """A value of a field as JSON keeps it."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def unplain(name: str, value: Any) -> Any:
    """The value of the field `name` from what JSON kept."""
    if value is None:
        return None
    if name in DATES:
        return date.fromisoformat(value)
    if name == "risk":
        return Risk(value)
    return tuple(value) if isinstance(value, list) else value


def revert_rows(
    import_id: int, *, organisation_id: int, source: str, progress: Callable[[int], object] | None = None
) -> Reverted:
    """Take back the rows of an import that the history calls `source`, with the portal users that it made.

    Each row of a customer that has to stay as it is tells why in its errors. Raises Conflict where somebody changes a
    customer at the same moment.
    """
    names = load_names(organisation_id)
    result = Reverted()
    done = 0
    _forget_notices(import_id)
    for rows in _chunks(import_id):
        customers = load_known_by_id(organisation_id, [row.customer_id for row in rows if row.customer_id])
        touched = _touched(organisation_id, source, customers)
        new = [row for row in rows if row.outcome is RowOutcome.NEW]
        changed = [row for row in rows if row.outcome is RowOutcome.CHANGED]
        users = PortalUsers([row.customer_id for row in rows if row.customer_id], organisation_id, source)
        problems = _delete_new(new, customers, touched, users, organisation_id)
        problems |= _restore(changed, customers, names, users, organisation_id)
        _tell(import_id, problems)
        result.kept += len(problems)
        result.mailed += sum(each.is_told for each in users.gone)
        done += len(rows)
        if progress:
            progress(done)
    return result


def _chunks(import_id: int) -> Iterator[list[Any]]:
    """The rows that saved something, in chunks."""
    last = 0
    while rows := list(
        db.session.execute(
            select(ImportRow.row_number, ImportRow.outcome, ImportRow.customer_id, ImportRow.undo)
            .where(
                ImportRow.import_id == import_id,
                ImportRow.row_number > last,
                ImportRow.outcome.in_((RowOutcome.NEW, RowOutcome.CHANGED)),
            )
            .order_by(ImportRow.row_number)
            .limit(CHUNK)
        )
    ):
        last = rows[-1].row_number
        yield rows


def _touched(organisation_id: int, source: str, ids: Collection[int]) -> set[int]:
    """Those of the customers that, or whose parts, were changed by anything but the import."""
    theirs = History.organisation_id == organisation_id, History.customer_id.in_(ids)
    query = select(History.customer_id).where(*theirs, History.source != source).distinct()
    return {number for number in db.session.scalars(query) if number is not None}


def _delete_new(
    rows: list[Any], customers: dict[int, Known], touched: set[int], users: PortalUsers, organisation_id: int
) -> dict[int, list[Problem]]:
    """Delete the customers that the import made; (row → why) of those that stay."""
    there = [row for row in rows if row.customer_id in customers]
    untouched = [row for row in there if row.customer_id not in touched]
    links = _links([row.customer_id for row in untouched])
    going = unused_users.links_with(list(users.unused.values()))
    problems = {
        row.row_number: [Problem("name", users.why_staying.get(row.customer_id, SINCE))]
        for row in there
        if row.customer_id in touched
    }
    gone = []
    for row in untouched:
        if linked := Counter(links.get(row.customer_id, {})) - going.get(row.customer_id, Counter()):
            problems[row.row_number] = [Problem("name", f"Linked with {told(linked.items())} since, so it stays")]
        else:
            gone.append(customers[row.customer_id])
    if gone:
        users.take_back([known["id"] for known in gone])
        history.record(_deleted(known, organisation_id) for known in gone)
        result = db.session.connection().execute(
            delete(CUSTOMER).where(CUSTOMER.c.id.in_([known["id"] for known in gone]))
        )
        if result.rowcount != len(gone):
            raise Conflict("Somebody else changed a customer at the same moment. Try again")
    return problems


def _links(ids: Collection[int]) -> dict[int, dict[str, int]]:
    """customer → table → number of rows, of everything that refers to these customers beside what an import makes."""
    found: dict[int, dict[str, int]] = {}
    for table, column in _references():
        query = select(column, func.count()).where(column.in_(ids)).group_by(column)
        for number, count in db.session.execute(query):
            counts = found.setdefault(number, {})
            counts[table.name] = counts.get(table.name, 0) + count
    return found


def _references() -> Iterator[tuple[Table, Any]]:
    """Every column of another table that holds the id of a customer."""
    for table in Base.metadata.sorted_tables:
        if table.name in OWN_TABLES:
            continue
        for constraint in table.constraints:
            if isinstance(constraint, ForeignKeyConstraint):
                for element in constraint.elements:
                    if element.column.table is CUSTOMER and element.column.name == "id":
                        yield table, element.parent


def _deleted(known: Known, organisation_id: int) -> dict[str, Any]:
    return history.entry(
        organisation_id=organisation_id,
        action="deleted",
        table="customer",
        row_id=known["id"],
        customer_id=known["id"],
        title=known["name"],
        changes={name: [known[name], None] for name in ("name", "reference", "account_number", "email")},
    )


def _restore(
    rows: list[Any], customers: dict[int, Known], names: dict[str, Names], users: PortalUsers, organisation_id: int
) -> dict[int, list[Problem]]:
    """Put back what the import changed, where it still is as the import left it; (row → why) of what stays.

    Who keeps the email address keeps the portal user that came with it. The portal stays open to whom it has a user.
    """
    problems: dict[int, list[Problem]] = {}
    back, alone = [], []
    for row in rows:
        known = customers.get(row.customer_id)
        if known is None:
            problems[row.row_number] = [Problem("name", "The customer is no longer there")]
            continue
        undo = dict(row.undo or {})
        if known["id"] in users.having:
            undo.pop("portal_access", None)
        restored, stays = _restorable(known, undo, names)
        if "email" in undo and "email" not in restored:
            restored.pop("portal_access", None)
        else:
            alone.append(known["id"])
        if known["id"] in users.why_staying:
            stays.append(Problem("email", users.why_staying[known["id"]]))
        if stays:
            problems[row.row_number] = stays
        if restored:
            back.append(CheckedRow(row.row_number, [], known=known, changed=restored, customer_id=known["id"]))
    if back:
        Saver(organisation_id, names).change(back)
    users.take_back(alone)
    return problems


def _restorable(
    known: Known, undo: dict[str, list[Any]], names: dict[str, Names]
) -> tuple[dict[str, tuple[Any, Any]], list[Problem]]:
    """((present, former) of each field that can be put back; why the others cannot)."""
    restored, stays = {}, []
    for name, (before, after) in undo.items():
        if plain(known[name]) != after:
            stays.append(Problem(header_of(name), SINCE))
        elif name in names and not names[name].has(unplain(name, before)):
            stays.append(Problem(header_of(name), "What it was before is no longer in the set-up"))
        else:
            restored[name] = (known[name], unplain(name, before))
    for check, *pair in PAIRS:
        whole = known | {name: after for name, (_, after) in restored.items()}
        try:
            check(*(whole[name] for name in pair))
        except Invalid as error:
            for name in pair:
                if restored.pop(name, None):
                    stays.append(Problem(BY_FIELD[name].header, error.message))
    whole = known | {name: after for name, (_, after) in restored.items()} | {"contacts": True}
    for name, message in rules.missing_particulars(whole):
        if restored.pop(name, None):
            stays.append(Problem(header_of(name), message))
    return restored, stays


def _forget_notices(import_id: int) -> None:
    """What was told of the rows when they were saved; what they tell from now on is what came of the revert."""
    saved = ImportRow.outcome.in_((RowOutcome.NEW, RowOutcome.CHANGED))
    db.session.execute(update(ImportRow).where(ImportRow.import_id == import_id, saved).values(errors=null()))


def _tell(import_id: int, problems: dict[int, list[Problem]]) -> None:
    """Keep with each row why its customer stays as it is."""
    if problems:
        table: Any = ImportRow.__table__
        db.session.connection().execute(
            update(table)
            .where(table.c.import_id == import_id, table.c.row_number == bindparam("number"))
            .values(errors=bindparam("reasons")),
            [
                {"number": number, "reasons": [{"column": one.column, "reason": one.reason} for one in reasons]}
                for number, reasons in problems.items()
            ],
        )
