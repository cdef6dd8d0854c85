"""Checked rows written to the database, many at a time, each with its line in the history.

All of it happens in the caller's transaction. Whoever calls says who acts with `history.acting`.
"""

from datetime import datetime
from functools import cached_property
from typing import Any, Final

from sqlalchemy import Table, bindparam, delete, func, insert, select, update

from customerhub import clock, history
from customerhub.customers import events, portal_users, rules
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.importing.checking import CheckedRow
from customerhub.customers.importing.columns import FIELDS
from customerhub.customers.importing.comparing import ADDRESS_PARTS, Known, recorded_changes
from customerhub.customers.importing.names import Names
from customerhub.customers.importing.statistics import keep_statistics
from customerhub.customers.records import usual_status
from customerhub.database import saving
from customerhub.errors import Conflict
from models import Account, Address, Customer, Organisation, customer_department
from models.base import db
from models.customer import derived
from models.enums import AddressKind, RowOutcome, Stage

CUSTOMER: Final[Table] = Customer.__table__  # type: ignore[assignment]
ACCOUNT: Final[Table] = Account.__table__  # type: ignore[assignment]
ADDRESS: Final[Table] = Address.__table__  # type: ignore[assignment]

SET_COLUMNS: Final = (*FIELDS, "existing_relationship", "portal_access")
DERIVED_COLUMNS: Final = (
    "sort_name", "reference_key", "identity_key", "registration_key", "vat_key", "phone_key", "search_text",
)  # fmt: skip
SEARCHED: Final = {"name", "reference", "email", "contact_number"}  # the fields that derived columns follow from

_BLANK: Final = dict.fromkeys(FIELDS)
MEANWHILE: Final = "A customer in this file was changed by somebody else in the meantime"


def one_at_a_time(organisation_id: int) -> None:
    """Whoever saves customers of this organisation in bulk waits here for the others, and then sees what they did."""
    query = select(Organisation.id).where(Organisation.id == organisation_id)
    db.session.execute(query.with_for_update(key_share=True))


class Saver:
    """Writes rows of one organisation."""

    def __init__(self, organisation_id: int, names: dict[str, Names]) -> None:
        self._organisation_id = organisation_id
        self._names = names

    @cached_property
    def _status(self) -> tuple[int, str]:
        """Id and name of the status of new customers."""
        status = usual_status(self._organisation_id)
        return status.id, status.name

    @cached_property
    def _stage(self) -> Stage:
        """The stage of new customers."""
        organisation = db.session.get_one(Organisation, self._organisation_id)
        return events.first_stage(organisation, history.actor())

    def change(self, rows: list[CheckedRow]) -> None:
        """Write what is `changed` in each of `rows`. Raises Conflict as `save` does."""
        with saving():
            self._update(rows)

    def save(self, rows: list[CheckedRow]) -> None:
        """Write the new and the changed ones among `rows`; each new one gets its `customer_id`, and its `notice` where
        it got no portal user.

        Raises Conflict where a value that must be unique is taken, or a customer is no longer what the row was
        compared with, and Invalid where there is no status for new customers. The transaction needs a rollback then.
        """
        new = [row for row in rows if row.outcome is RowOutcome.NEW]
        changed = [row for row in rows if row.outcome is RowOutcome.CHANGED]
        with saving():
            if new:
                self._insert(new)
            if changed:
                due = self._open_portals(changed)
                self._update(changed)
                told = portal_users.ensure_many(due, self._organisation_id)
                for row in changed:
                    row.notice = told.get(row.customer_id or 0)

    def _insert(self, rows: list[CheckedRow]) -> None:
        numbers = take_account_numbers(self._organisation_id, len(rows))
        moment = clock.now()
        customers = [self._customer(row.values, number, moment) for row, number in zip(rows, numbers, strict=True)]
        ids = _insert_customers(customers)
        keep_statistics()
        for row in rows:
            row.customer_id = ids[row.key]
        owned = [(row.customer_id, row.values) for row in rows]
        self._write(
            ACCOUNT,
            [
                {"customer_id": owner, "number": number, "is_main": True}
                for (owner, _), number in zip(owned, numbers, strict=True)
            ],
        )
        self._write(ADDRESS, [_address(owner, values["address"]) for owner, values in owned if "address" in values])
        self._write(customer_department, [
            {"customer_id": owner, "department_id": department}
            for owner, values in owned
            for department in values["departments"]
        ])  # fmt: skip
        history.record(
            self._entry(row, "created", self._created(row, number)) for row, number in zip(rows, numbers, strict=True)
        )
        if self._stage is Stage.NEW:
            events.begun_many([(row.customer_id or 0, row.values["name"]) for row in rows], actor=history.actor())
        wanted = [portal_users.Wanted(row.customer_id or 0, row.values["name"], row.values["email"]) for row in rows]
        told = portal_users.make_many(wanted, self._organisation_id, moment)
        for row in rows:
            row.notice = told.get(row.customer_id or 0)

    def _customer(self, values: dict[str, Any], number: str, moment: datetime) -> dict[str, Any]:
        """The columns of a new customer."""
        columns = {name: value for name, value in values.items() if name not in ("address", "departments")}
        columns = {
            **_BLANK,
            "existing_relationship": False,
            **columns,
            **rules.implied(values),
            "organisation_id": self._organisation_id,
            "account_number": number,
            "status_id": self._status[0],
            "stage": self._stage,
            "portal_access": True,
            "portal_invited_at": moment,
        }
        return columns | derived(columns)

    def _created(self, row: CheckedRow, number: str) -> dict[str, Any]:
        """[None, value] of everything that a new customer begins with."""
        begun = {name: (None, value) for name, value in (row.values | rules.implied(row.values)).items()}
        return {
            "account_number": [None, number],
            **recorded_changes(begun, self._names),
            "status": [None, self._status[1]],
            "stage": [None, self._stage.value],
            "portal_access": [None, True],
        }

    def _open_portals(self, rows: list[CheckedRow]) -> list[int]:
        """Have the portal opened to those of `rows` that get their first portal user; their ids."""
        ids = [row.customer_id for row in rows if row.customer_id and _after(row, "email")]
        due = portal_users.lacking_among(ids, self._organisation_id) if ids else set()
        for row in rows:
            if row.customer_id in due and not _known(row)["portal_access"]:
                row.changed["portal_access"] = (False, True)
        return sorted(due)

    def _update(self, rows: list[CheckedRow]) -> None:
        searched = [row for row in rows if not SEARCHED.isdisjoint(row.changed)]
        others = [row for row in rows if SEARCHED.isdisjoint(row.changed)]
        for group, columns in ((searched, (*SET_COLUMNS, *DERIVED_COLUMNS)), (others, SET_COLUMNS)):
            if group:
                self._update_customers(group, columns)
        self._update_addresses([row for row in rows if "address" in row.changed])
        self._update_departments([row for row in rows if "departments" in row.changed])
        history.record(self._entry(row, "changed", recorded_changes(row.changed, self._names)) for row in rows)
        renamed = {row.customer_id or 0: {"name": row.changed["name"][0]} for row in rows if "name" in row.changed}
        events.changed_many(renamed, actor=history.actor())

    def _update_customers(self, rows: list[CheckedRow], columns: tuple[str, ...]) -> None:
        """Set all of `columns`: one statement for many rows is faster than one for each kind of change."""
        statement = (
            update(CUSTOMER)
            .where(CUSTOMER.c.id == bindparam("the_id"), CUSTOMER.c.version == bindparam("the_version"))
            .values({name: bindparam(f"new_{name}") for name in columns} | {"version": CUSTOMER.c.version + 1})
        )
        parameters = []
        for row in rows:
            known = _known(row)
            after = known | {name: pair[1] for name, pair in row.changed.items()}
            after |= derived(after)
            parameters.append(
                {f"new_{name}": after[name] for name in columns}
                | {"the_id": known["id"], "the_version": known["version"]}
            )
        done = db.session.connection().execute(statement, parameters)
        if done.rowcount != len(rows):
            raise Conflict(MEANWHILE)

    def _update_addresses(self, rows: list[CheckedRow]) -> None:
        """The cell is the whole address, so the parts of the old one go. None takes the address away."""
        pairs = [(row, *row.changed["address"]) for row in rows]
        self._write(ADDRESS, [_address(_known(row)["id"], after[0]) for row, before, after in pairs if before is None])
        rest = [row for row, before, after in pairs if before is not None and after is not None]
        if gone := [{"owner": _known(row)["id"]} for row, _, after in pairs if after is None]:
            mailing = (ADDRESS.c.customer_id == bindparam("owner"), ADDRESS.c.kind == AddressKind.MAILING)
            db.session.connection().execute(delete(ADDRESS).where(*mailing), gone)
        if rest:
            statement = (
                update(ADDRESS)
                .where(ADDRESS.c.customer_id == bindparam("owner"), ADDRESS.c.kind == AddressKind.MAILING)
                .values({part: bindparam(f"new_{part}") for part in ADDRESS_PARTS} | {"version": ADDRESS.c.version + 1})
            )
            db.session.connection().execute(statement, [
                {"owner": _known(row)["id"]}
                | {f"new_{part}": value for part, value in zip(ADDRESS_PARTS, row.changed["address"][1], strict=True)}
                for row in rest
            ])  # fmt: skip

    def _update_departments(self, rows: list[CheckedRow]) -> None:
        links = customer_department
        gone, come = [], []
        for row in rows:
            before, after = map(set, row.changed["departments"])
            owner = _known(row)["id"]
            gone += [{"owner": owner, "old": department} for department in before - after]
            come += [{"customer_id": owner, "department_id": department} for department in after - before]
        if gone:
            statement = delete(links).where(
                links.c.customer_id == bindparam("owner"), links.c.department_id == bindparam("old")
            )
            db.session.connection().execute(statement, gone)
        self._write(links, come)

    def _write(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if rows:
            db.session.connection().execute(
                insert(table), [{"organisation_id": self._organisation_id, **row} for row in rows]
            )

    def _entry(self, row: CheckedRow, action: str, changed: dict[str, Any]) -> dict[str, Any]:
        assert row.customer_id is not None
        return history.entry(
            organisation_id=self._organisation_id,
            action=action,
            table="customer",
            row_id=row.customer_id,
            customer_id=row.customer_id,
            title=row.values.get("name") or _known(row)["name"],
            changes=changed,
        )


def _insert_customers(customers: list[dict[str, Any]]) -> dict[Any, int]:
    """Write new customers; their ids by reference key. Each database is asked in the way that is fastest for it."""
    if db.session.get_bind().dialect.name == "sqlite":
        statement = insert(CUSTOMER).returning(CUSTOMER.c.reference_key, CUSTOMER.c.id)
        return {row.reference_key: row.id for row in db.session.execute(statement, customers)}
    sequence = func.nextval(func.pg_get_serial_sequence("customer", "id"))
    taken = db.session.scalars(select(sequence).select_from(func.generate_series(1, len(customers)))).all()
    numbered = [{**customer, "id": number} for customer, number in zip(customers, taken, strict=True)]
    db.session.connection().execute(insert(CUSTOMER), numbered)
    return {customer["reference_key"]: customer["id"] for customer in numbered}


def _known(row: CheckedRow) -> Known:
    assert row.known is not None
    return row.known


def _after(row: CheckedRow, name: str) -> Any:
    """The value of a field as the row leaves it."""
    return row.changed[name][1] if name in row.changed else _known(row)[name]


def _address(owner: int | None, lines: str) -> dict[str, Any]:
    return {"customer_id": owner, "kind": AddressKind.MAILING, "lines": lines}
