"""Reverting an import, row by row, except for customers that were changed since."""

import enum
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    Date,
    Enum,
    ForeignKeyConstraint,
    Table,
    bindparam,
    delete,
    func,
    inspect,
    null,
    select,
    update,
)

from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid
from customerhub.core.money import format_number
from customerhub.core.references import describe_references
from customerhub.customers import rules, unused_portal_users
from customerhub.customers.importing.account_saving import revert_accounts
from customerhub.customers.importing.checking import CHUNK_SIZE, CheckedRow, Problem
from customerhub.customers.importing.columns import MARKUP_CLASSES
from customerhub.customers.importing.comparing import LINK_COLUMNS, ExistingCustomer, load_existing_by_id
from customerhub.customers.importing.custom_columns import (
    deserialize_custom_value,
    is_custom,
    load_columns,
    load_own_lookups,
)
from customerhub.customers.importing.lookups import Lookup, load_lookups
from customerhub.customers.importing.required_columns import list_extra_columns
from customerhub.customers.importing.reverting_users import ImportedPortalUsers
from customerhub.customers.importing.saving import CUSTOMER_TABLE, RowSaver
from customerhub.customers.required_fields import list_missing_by_organisation
from models import Customer, History, ImportRow
from models.base import Base, db, get_table
from models.enums import RowOutcome
from models.types import ScaledDecimal

# What an import makes with a customer, and what therefore goes with it.
IGNORED_TABLES: Final = (
    *("account", "address", "alert", "approval_task", "call_markup"),
    *(column.table.name for column in LINK_COLUMNS.values()),
)
# Fields that mean something only together.
DEPENDENT_FIELDS: Final = (
    (rules.check_year_end, "year_end_day", "year_end_month"),
    (rules.check_review_schedule, "review_start_date", "review_frequency"),
)
CHANGED_SINCE: Final = "Changed since the import, so not reverted"
FIELD_IS_GONE: Final = "A custom field that the import filled is removed or inactive"


@dataclass(frozen=True)
class _Fields:
    """What is known of the fields that an import can have filled, also of those that the organisation no longer
    requires: what they choose from, and how the workbook calls them.
    """

    lookups: dict[str, Lookup]
    headers: dict[str, str]

    def header_of(self, name: str) -> str:
        return self.headers.get(name, name)


def _load_fields(organisation_id: int) -> _Fields:
    lookups = load_lookups(organisation_id) | load_own_lookups(organisation_id, has_all_extra=True)
    columns = (*list_extra_columns(), *load_columns(organisation_id).columns)
    return _Fields(lookups, {column.field: column.header for column in columns})


@dataclass
class RevertResult:
    """What came of a revert: how many rows stay as they are, and how many users that are gone were mailed."""

    done_count: int = 0
    skipped_count: int = 0
    mailed_count: int = 0


def build_undo(row: CheckedRow) -> dict[str, Any]:
    """What a revert of `row` has to know: before and after of each field it changed, in plain values."""
    return {name: [serialize_value(before), serialize_value(after)] for name, (before, after) in row.changes.items()}


def serialize_value(value: Any) -> Any:
    """A value of a field as JSON keeps it."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format_number(value)
    return list(value) if isinstance(value, tuple) else value


def deserialize_value(name: str, value: Any, organisation_id: int) -> Any:
    """The value of the field `name` from what JSON kept."""
    if value is None:
        return None
    if is_custom(name):
        return deserialize_custom_value(organisation_id, name, value)
    kind = inspect(Customer).columns[name].type if name in inspect(Customer).columns else None
    if isinstance(kind, Date):
        return date.fromisoformat(value)
    if name in MARKUP_CLASSES:
        return Decimal(value)
    if isinstance(kind, Enum) and kind.enum_class is not None:
        return kind.enum_class(value)
    if isinstance(kind, ScaledDecimal):
        return Decimal(value)
    return tuple(value) if isinstance(value, list) else value


def revert_rows(
    import_id: int, *, organisation_id: int, source: str, progress: Callable[[int], object] | None = None
) -> RevertResult:
    """Take back the rows of an import that the history calls `source`, with the portal users that it made.

    Each row of a customer that has to stay as it is has the reason among its errors. Raises Conflict where somebody
    changes a customer at the same moment.
    """
    result = _revert_customers(import_id, organisation_id, source, progress)
    done = result.done_count
    problems = revert_accounts(
        import_id,
        organisation_id=organisation_id,
        source=source,
        progress=lambda count: progress(done + count) if progress else None,
    )
    _save_problems(import_id, problems, is_account=True)
    result.skipped_count += len(problems)
    return result


def _revert_customers(
    import_id: int, organisation_id: int, source: str, progress: Callable[[int], object] | None
) -> RevertResult:
    fields = _load_fields(organisation_id)
    result = RevertResult()
    _clear_notices(import_id)
    for rows in _iterate_chunks(import_id):
        customers = load_existing_by_id(organisation_id, [row.customer_id for row in rows if row.customer_id])
        changed_ids = _find_changed_ids(organisation_id, source, customers)
        new = [row for row in rows if row.outcome is RowOutcome.NEW]
        changed = [row for row in rows if row.outcome is RowOutcome.CHANGED]
        users = ImportedPortalUsers([row.customer_id for row in rows if row.customer_id], organisation_id, source)
        problems = _delete_new(new, customers, changed_ids, users, organisation_id)
        problems |= _restore(changed, customers, fields, users, organisation_id)
        _save_problems(import_id, problems)
        result.skipped_count += len(problems)
        result.mailed_count += sum(each.has_been_mailed for each in users.removed_users)
        result.done_count += len(rows)
        if progress:
            progress(result.done_count)
    return result


def _iterate_chunks(import_id: int) -> Iterator[list[Any]]:
    """The rows that saved something, in chunks."""
    last_row_number = 0
    while rows := list(
        db.session.execute(
            select(ImportRow.row_number, ImportRow.outcome, ImportRow.customer_id, ImportRow.undo)
            .where(
                ImportRow.import_id == import_id,
                ~ImportRow.is_account,
                ImportRow.row_number > last_row_number,
                ImportRow.outcome.in_((RowOutcome.NEW, RowOutcome.CHANGED)),
            )
            .order_by(ImportRow.row_number)
            .limit(CHUNK_SIZE)
        )
    ):
        last_row_number = rows[-1].row_number
        yield rows


def _find_changed_ids(organisation_id: int, source: str, ids: Collection[int]) -> set[int]:
    """Those of the customers that, or whose parts, were changed by anything but the import."""
    conditions = History.organisation_id == organisation_id, History.customer_id.in_(ids)
    query = select(History.customer_id).where(*conditions, History.source != source).distinct()
    return {number for number in db.session.scalars(query) if number is not None}


def _delete_new(
    rows: list[Any],
    customers: dict[int, ExistingCustomer],
    changed_ids: set[int],
    users: ImportedPortalUsers,
    organisation_id: int,
) -> dict[int, list[Problem]]:
    """Delete the customers that the import made; (row → why) of those that stay."""
    existing_rows = [row for row in rows if row.customer_id in customers]
    unchanged_rows = [row for row in existing_rows if row.customer_id not in changed_ids]
    link_counts = _count_links([row.customer_id for row in unchanged_rows])
    removable_counts = unused_portal_users.count_linked_rows(list(users.unused_by_customer.values()))
    problems = {
        row.row_number: [Problem("name", users.retention_reasons.get(row.customer_id, CHANGED_SINCE))]
        for row in existing_rows
        if row.customer_id in changed_ids
    }
    deleted_customers = []
    for row in unchanged_rows:
        if remaining_links := Counter(link_counts.get(row.customer_id, {})) - removable_counts.get(
            row.customer_id, Counter()
        ):
            reason = f"Linked with {describe_references(remaining_links.items())} since the import, so not deleted"
            problems[row.row_number] = [Problem("name", reason)]
        else:
            deleted_customers.append(customers[row.customer_id])
    if deleted_customers:
        users.remove_unused([known["id"] for known in deleted_customers])
        history.record(_build_deleted_entry(known, organisation_id) for known in deleted_customers)
        result = db.session.connection().execute(
            delete(CUSTOMER_TABLE).where(CUSTOMER_TABLE.c.id.in_([known["id"] for known in deleted_customers]))
        )
        if result.rowcount != len(deleted_customers):
            raise Conflict("A customer was changed by another user at the same time. Try again")
    return problems


def _count_links(ids: Collection[int]) -> dict[int, dict[str, int]]:
    """customer → table → number of rows, of everything that refers to these customers beside what an import makes."""
    link_counts: dict[int, dict[str, int]] = {}
    for table, column in _iterate_references():
        query = select(column, func.count()).where(column.in_(ids)).group_by(column)
        for number, count in db.session.execute(query):
            counts = link_counts.setdefault(number, {})
            counts[table.name] = counts.get(table.name, 0) + count
    return link_counts


def _iterate_references() -> Iterator[tuple[Table, Any]]:
    """Every column of another table that holds the id of a customer."""
    for table in Base.metadata.sorted_tables:
        if table.name in IGNORED_TABLES or table.info.get("holds_custom_values"):
            continue
        for constraint in table.constraints:
            if isinstance(constraint, ForeignKeyConstraint):
                for element in constraint.elements:
                    if element.column.table is CUSTOMER_TABLE and element.column.name == "id":
                        yield table, element.parent


def _build_deleted_entry(existing: ExistingCustomer, organisation_id: int) -> dict[str, Any]:
    return history.build_entry(
        organisation_id=organisation_id,
        action="deleted",
        table="customer",
        row_id=existing["id"],
        customer_id=existing["id"],
        title=existing["name"],
        changes={name: [existing[name], None] for name in ("name", "reference", "account_number", "email")},
    )


def _restore(
    rows: list[Any],
    customers: dict[int, ExistingCustomer],
    fields: _Fields,
    users: ImportedPortalUsers,
    organisation_id: int,
) -> dict[int, list[Problem]]:
    """Put back what the import changed, where it still is as the import left it; (row → why) of what stays.

    Who keeps the email address keeps the portal user that came with it. The portal stays open to whom it has a user.
    """
    problems: dict[int, list[Problem]] = {}
    restored_rows, user_removal_ids = [], []
    for row in rows:
        existing = customers.get(row.customer_id)
        if existing is None:
            problems[row.row_number] = [Problem("name", "The customer no longer exists")]
            continue
        undo = dict(row.undo or {})
        if existing["id"] in users.customer_ids_with_user:
            undo.pop("portal_access", None)
        restored_values, row_problems = _split_restorable(existing, undo, fields, organisation_id)
        if "email" in undo and "email" not in restored_values:
            restored_values.pop("portal_access", None)
        else:
            user_removal_ids.append(existing["id"])
        if existing["id"] in users.retention_reasons:
            row_problems.append(Problem("email", users.retention_reasons[existing["id"]]))
        if row_problems:
            problems[row.row_number] = row_problems
        if restored_values:
            restored_rows.append(
                CheckedRow(row.row_number, [], existing=existing, changes=restored_values, customer_id=existing["id"])
            )
    if restored_rows:
        RowSaver(organisation_id, fields.lookups).update_rows(restored_rows)
    users.remove_unused(user_removal_ids)
    return problems


def _split_restorable(
    existing: ExistingCustomer, undo: dict[str, list[Any]], fields: _Fields, organisation_id: int
) -> tuple[dict[str, tuple[Any, Any]], list[Problem]]:
    """((present, former) of each field that can be put back; why the others cannot)."""
    restored_values, row_problems = {}, []
    lookups, header_of = fields.lookups, fields.header_of
    for name, (before, after) in undo.items():
        if name not in existing:
            row_problems.append(Problem("name", FIELD_IS_GONE))
        elif serialize_value(existing[name]) != after:
            row_problems.append(Problem(header_of(name), CHANGED_SINCE))
        elif name in lookups and not lookups[name].has_all(deserialize_value(name, before, organisation_id)):
            row_problems.append(Problem(header_of(name), "The previous value is no longer in the set-up"))
        else:
            restored_values[name] = (existing[name], deserialize_value(name, before, organisation_id))
    for check, *pair in DEPENDENT_FIELDS:
        merged_values = existing | {name: after for name, (_, after) in restored_values.items()}
        try:
            check(*(merged_values[name] for name in pair))
        except Invalid as error:
            for name in pair:
                if restored_values.pop(name, None):
                    row_problems.append(Problem(header_of(name), error.message))
    merged_values = existing | {name: after for name, (_, after) in restored_values.items()} | {"contacts": True}
    missing = list_missing_by_organisation(merged_values, organisation_id, asked=restored_values)
    for name, message in [*rules.list_missing_fields(merged_values), *missing]:
        if restored_values.pop(name, None):
            row_problems.append(Problem(header_of(name), message))
    return restored_values, row_problems


def _clear_notices(import_id: int) -> None:
    """Remove the notices of the save; from now on the rows show the result of the revert."""
    was_saved = ImportRow.outcome.in_((RowOutcome.NEW, RowOutcome.CHANGED))
    db.session.execute(update(ImportRow).where(ImportRow.import_id == import_id, was_saved).values(errors=null()))


def _save_problems(import_id: int, problems: dict[int, list[Problem]], *, is_account: bool = False) -> None:
    """Keep with each row why its customer or account stays as it is."""
    if problems:
        table = get_table(ImportRow)
        db.session.connection().execute(
            update(table)
            .where(
                table.c.import_id == import_id,
                table.c.is_account == is_account,
                table.c.row_number == bindparam("number"),
            )
            .values(errors=bindparam("reasons")),
            [
                {"number": number, "reasons": [{"column": one.column, "reason": one.reason} for one in reasons]}
                for number, reasons in problems.items()
            ],
        )
