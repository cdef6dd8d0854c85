"""Saving checked rows to the database in bulk, each with its entry in the history.

All of it happens in the caller's transaction. The caller names the actor with `history.act_as`.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, func, insert, select, update

from customerhub.core import clock, history
from customerhub.core.database import save_changes
from customerhub.core.errors import Conflict
from customerhub.core.table_statistics import update_statistics
from customerhub.customers import after_save, portal_users, rules
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.importing.checking import CheckedRow
from customerhub.customers.importing.columns import CUSTOMER_FIELDS
from customerhub.customers.importing.comparing import (
    ADDRESS_PARTS,
    LINK_COLUMNS,
    ExistingCustomer,
    build_history_changes,
)
from customerhub.customers.importing.custom_columns import is_custom, list_custom_texts, write_custom_values
from customerhub.customers.importing.lookups import Lookup
from customerhub.customers.importing.markups import CUSTOMER_CHANGED, write_markups
from customerhub.customers.importing.required_columns import EXTRA_FIELDS
from customerhub.customers.statuses import get_default_status
from models import Account, Address, Customer, Organisation
from models.base import db, get_table
from models.derived_columns import derive_columns
from models.enums import AddressKind, RowOutcome, Stage

CUSTOMER_TABLE: Final = get_table(Customer)
ACCOUNT_TABLE: Final = get_table(Account)
ADDRESS_TABLE: Final = get_table(Address)

UPDATED_COLUMNS: Final = (*CUSTOMER_FIELDS, "existing_relationship", "portal_access")
DERIVED_COLUMNS: Final = (
    "sort_name",
    "reference_key",
    "identity_key",
    "registration_key",
    "vat_key",
    "phone_key",
    "search_text",
)
SEARCH_FIELDS: Final = {"name", "reference", "email", "contact_number"}  # the fields that derived columns follow from

_BLANK_VALUES: Final = dict.fromkeys(CUSTOMER_FIELDS)


def lock_organisation(organisation_id: int) -> None:
    """Bulk saves of customers of this organisation wait here for each other, and then see what the previous one did."""
    query = select(Organisation.id).where(Organisation.id == organisation_id)
    db.session.execute(query.with_for_update(key_share=True))


class RowSaver:
    """Writes rows of one organisation. No new customer gets one of the account numbers that are `reserved`."""

    def __init__(self, organisation_id: int, lookups: dict[str, Lookup], *, reserved: Collection[str] = ()) -> None:
        self._organisation_id = organisation_id
        self._lookups = lookups
        self._reserved_numbers = reserved

    @cached_property
    def _status(self) -> tuple[int, str]:
        """Id and name of the status of new customers."""
        status = get_default_status(self._organisation_id)
        return status.id, status.name

    @cached_property
    def _stage(self) -> Stage:
        """The stage of new customers."""
        organisation = db.session.get_one(Organisation, self._organisation_id)
        return after_save.choose_first_stage(organisation, history.get_actor())

    def update_rows(self, rows: list[CheckedRow]) -> None:
        """Write the `changes` of each of `rows`. Raises Conflict as `save_rows` does."""
        with save_changes():
            self._update_rows(rows)

    def save_rows(self, rows: list[CheckedRow]) -> None:
        """Write the new and the changed ones among `rows`; each new one gets its `customer_id`, and its `notice` where
        it got no portal user.

        Raises Conflict where a value that must be unique is taken, or a customer is no longer what the row was
        compared with, and Invalid where there is no status for new customers. The transaction needs a rollback then.
        """
        new = [row for row in rows if row.outcome is RowOutcome.NEW]
        changed = [row for row in rows if row.outcome is RowOutcome.CHANGED]
        with save_changes():
            if new:
                self._insert_rows(new)
            if changed:
                eligible_ids = self._open_portals(changed)
                self._update_rows(changed)
                notices = portal_users.ensure_first_users(eligible_ids, self._organisation_id)
                for row in changed:
                    row.notice = notices.get(row.customer_id or 0)

    def _insert_rows(self, rows: list[CheckedRow]) -> None:
        numbers = take_account_numbers(self._organisation_id, len(rows), reserved=self._reserved_numbers)
        moment = clock.get_now()
        blank_values = _BLANK_VALUES | dict.fromkeys(_list_extra_fields(row.values for row in rows))
        customers = [
            blank_values | self._build_customer(row.values, number, moment)
            for row, number in zip(rows, numbers, strict=True)
        ]
        ids = _insert_customers(customers)
        update_statistics(Customer)
        for row in rows:
            row.customer_id = ids[row.key]
        self._insert_parts(rows, numbers)
        history.record(
            self._build_entry(row, "created", self._build_initial_changes(row, number))
            for row, number in zip(rows, numbers, strict=True)
        )
        if self._stage is Stage.NEW:
            after_save.after_create_many(
                [(row.customer_id or 0, row.values["name"]) for row in rows], actor=history.get_actor()
            )
        drafts = [
            portal_users.PortalUserDraft(row.customer_id or 0, row.values["name"], row.values["email"]) for row in rows
        ]
        notices = portal_users.create_first_users(drafts, self._organisation_id, moment)
        for row in rows:
            row.notice = notices.get(row.customer_id or 0)

    def _insert_parts(self, rows: list[CheckedRow], numbers: list[str]) -> None:
        """The main account, with its number of `numbers`, and what else each new customer has beside its columns."""
        owned_values = [(row.customer_id, row.values) for row in rows]
        self._insert_table_rows(
            ACCOUNT_TABLE,
            [
                {"customer_id": owner, "number": number, "is_main": True}
                for (owner, _), number in zip(owned_values, numbers, strict=True)
            ],
        )
        self._insert_table_rows(
            ADDRESS_TABLE,
            [_build_address(owner, values["address"]) for owner, values in owned_values if "address" in values],
        )
        for name, column in LINK_COLUMNS.items():
            self._insert_table_rows(
                column.table,
                [
                    {"customer_id": owner, column.name: linked_id}
                    for owner, values in owned_values
                    for linked_id in values.get(name, ())
                ],
            )
        write_markups(self._organisation_id, [(row.customer_id or 0, row.saved_changes) for row in rows])
        write_custom_values(self._organisation_id, [(owner or 0, values) for owner, values in owned_values])

    def _build_customer(self, values: dict[str, Any], number: str, moment: datetime) -> dict[str, Any]:
        """The columns of a new customer."""
        columns = {name: value for name, value in values.items() if name in _BLANK_VALUES or name in EXTRA_FIELDS}
        columns = {
            **_BLANK_VALUES,
            "existing_relationship": False,
            **columns,
            **rules.derive_values(values),
            "organisation_id": self._organisation_id,
            "account_number": number,
            "status_id": self._status[0],
            "stage": self._stage,
            "portal_access": True,
            "portal_invited_at": moment,
        }
        return columns | derive_columns(columns, list_custom_texts(self._organisation_id, values))

    def _build_initial_changes(self, row: CheckedRow, number: str) -> dict[str, Any]:
        """[None, value] of everything that a new customer begins with."""
        initial_values = {name: (None, value) for name, value in (row.values | rules.derive_values(row.values)).items()}
        return {
            "account_number": [None, number],
            **build_history_changes(initial_values, self._lookups),
            "status": [None, self._status[1]],
            "stage": [None, self._stage.value],
            "portal_access": [None, True],
        }

    def _open_portals(self, rows: list[CheckedRow]) -> list[int]:
        """Have the portal opened to those of `rows` that get their first portal user; their ids."""
        ids = [row.customer_id for row in rows if row.customer_id and _new_value_of(row, "email")]
        eligible_ids = portal_users.list_eligible_ids(ids, self._organisation_id) if ids else set()
        for row in rows:
            if row.customer_id in eligible_ids and not _existing_of(row)["portal_access"]:
                row.changes["portal_access"] = (False, True)
        return sorted(eligible_ids)

    def _update_rows(self, rows: list[CheckedRow]) -> None:
        search_rows = [row for row in rows if _changes_search(row)]
        other_rows = [row for row in rows if not _changes_search(row)]
        updated_columns = (*UPDATED_COLUMNS, *_list_extra_fields(row.changes for row in rows))
        for group, columns in ((search_rows, (*updated_columns, *DERIVED_COLUMNS)), (other_rows, updated_columns)):
            if group:
                self._update_customers(group, columns)
        self._update_addresses([row for row in rows if "address" in row.changes])
        for name, column in LINK_COLUMNS.items():
            self._update_links([row for row in rows if name in row.changes], name, column)
        write_markups(self._organisation_id, [(_existing_of(row)["id"], row.changes) for row in rows])
        new_values = [(row, {name: after for name, (_, after) in row.changes.items()}) for row in rows]
        write_custom_values(self._organisation_id, [(_existing_of(row)["id"], values) for row, values in new_values])
        history.record(
            self._build_entry(row, "changed", build_history_changes(row.changes, self._lookups)) for row in rows
        )
        previous_names = {
            row.customer_id or 0: {"name": row.changes["name"][0]} for row in rows if "name" in row.changes
        }
        after_save.after_update_many(previous_names, actor=history.get_actor())

    def _update_customers(self, rows: list[CheckedRow], columns: tuple[str, ...]) -> None:
        """Set all of `columns`: one statement for many rows is faster than one for each kind of change."""
        statement = (
            update(CUSTOMER_TABLE)
            .where(CUSTOMER_TABLE.c.id == bindparam("the_id"), CUSTOMER_TABLE.c.version == bindparam("the_version"))
            .values({name: bindparam(f"new_{name}") for name in columns} | {"version": CUSTOMER_TABLE.c.version + 1})
        )
        parameters = []
        for row in rows:
            existing = _existing_of(row)
            new_values = existing | {name: pair[1] for name, pair in row.changes.items()}
            new_values |= derive_columns(new_values, list_custom_texts(self._organisation_id, new_values))
            parameters.append(
                {f"new_{name}": new_values[name] for name in columns}
                | {"the_id": existing["id"], "the_version": existing["version"]}
            )
        result = db.session.connection().execute(statement, parameters)
        if result.rowcount != len(rows):
            raise Conflict(CUSTOMER_CHANGED)

    def _update_addresses(self, rows: list[CheckedRow]) -> None:
        """The cell is the whole address, so the parts of the old one go. None takes the address away."""
        pairs = [(row, *row.changes["address"]) for row in rows]
        self._insert_table_rows(
            ADDRESS_TABLE,
            [_build_address(_existing_of(row)["id"], after[0]) for row, before, after in pairs if before is None],
        )
        changed_rows = [row for row, before, after in pairs if before is not None and after is not None]
        if removed_owners := [{"owner": _existing_of(row)["id"]} for row, _, after in pairs if after is None]:
            is_mailing_address = (
                ADDRESS_TABLE.c.customer_id == bindparam("owner"),
                ADDRESS_TABLE.c.kind == AddressKind.MAILING,
            )
            db.session.connection().execute(delete(ADDRESS_TABLE).where(*is_mailing_address), removed_owners)
        if changed_rows:
            statement = (
                update(ADDRESS_TABLE)
                .where(ADDRESS_TABLE.c.customer_id == bindparam("owner"), ADDRESS_TABLE.c.kind == AddressKind.MAILING)
                .values(
                    {part: bindparam(f"new_{part}") for part in ADDRESS_PARTS}
                    | {"version": ADDRESS_TABLE.c.version + 1}
                )
            )
            db.session.connection().execute(
                statement,
                [
                    {"owner": _existing_of(row)["id"]}
                    | {
                        f"new_{part}": value
                        for part, value in zip(ADDRESS_PARTS, row.changes["address"][1], strict=True)
                    }
                    for row in changed_rows
                ],
            )

    def _update_links(self, rows: list[CheckedRow], name: str, column: Any) -> None:
        """Write what changed in the field `name`, which `column` of a table of pairs holds."""
        removed_links, added_links = [], []
        for row in rows:
            before, after = map(set, row.changes[name])
            owner = _existing_of(row)["id"]
            removed_links += [{"owner": owner, "old": linked_id} for linked_id in before - after]
            added_links += [{"customer_id": owner, column.name: linked_id} for linked_id in after - before]
        if removed_links:
            statement = delete(column.table).where(
                column.table.c.customer_id == bindparam("owner"), column == bindparam("old")
            )
            db.session.connection().execute(statement, removed_links)
        self._insert_table_rows(column.table, added_links)

    def _insert_table_rows(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            db.session.connection().execute(
                insert(table), [{"organisation_id": self._organisation_id, **row} for row in rows]
            )

    def _build_entry(self, row: CheckedRow, action: str, changes: dict[str, Any]) -> dict[str, Any]:
        assert row.customer_id is not None
        return history.build_entry(
            organisation_id=self._organisation_id,
            action=action,
            table="customer",
            row_id=row.customer_id,
            customer_id=row.customer_id,
            title=row.values.get("name") or _existing_of(row)["name"],
            changes=changes,
        )


def _list_extra_fields(rows_values: Iterable[Mapping[str, Any]]) -> list[str]:
    """Those of the columns that only some organisations require which any of these values fill."""
    filled = {name for values in rows_values for name in values}
    return [name for name in EXTRA_FIELDS if name in filled]


def _insert_customers(customers: list[dict[str, Any]]) -> dict[Any, int]:
    """Write new customers; their ids by reference key. Each database is asked in the way that is fastest for it."""
    if db.session.get_bind().dialect.name == "sqlite":
        statement = insert(CUSTOMER_TABLE).returning(CUSTOMER_TABLE.c.reference_key, CUSTOMER_TABLE.c.id)
        return {row.reference_key: row.id for row in db.session.execute(statement, customers)}
    sequence = func.nextval(func.pg_get_serial_sequence("customer", "id"))
    reserved_ids = db.session.scalars(select(sequence).select_from(func.generate_series(1, len(customers)))).all()
    customers_with_ids = [{**customer, "id": number} for customer, number in zip(customers, reserved_ids, strict=True)]
    db.session.connection().execute(insert(CUSTOMER_TABLE), customers_with_ids)
    return {customer["reference_key"]: customer["id"] for customer in customers_with_ids}


def _changes_search(row: CheckedRow) -> bool:
    """Whether columns that are derived for searching follow from what is changed."""
    return any(name in SEARCH_FIELDS or is_custom(name) for name in row.changes)


def _existing_of(row: CheckedRow) -> ExistingCustomer:
    assert row.existing is not None
    return row.existing


def _new_value_of(row: CheckedRow, name: str) -> Any:
    """The value of a field as the row leaves it."""
    return row.changes[name][1] if name in row.changes else _existing_of(row)[name]


def _build_address(owner: int | None, lines: str) -> dict[str, Any]:
    return {"customer_id": owner, "kind": AddressKind.MAILING, "lines": lines}
