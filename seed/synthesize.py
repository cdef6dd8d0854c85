"""Made-up customers in any number, to see how the hub behaves when it is full."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, insert, select, text

from customerhub.core import clock, history
from customerhub.core.errors import Invalid
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import STAFF
from customerhub.customers.accounts import take_account_numbers
from models import (
    Account,
    Address,
    BlacklistEntry,
    CatalogItem,
    Customer,
    CustomerStatus,
    Department,
    Organisation,
    User,
    customer_department,
)
from models.base import db, get_table
from models.derived_columns import derive_columns
from models.enums import AddressKind, CatalogType, CustomerKind, Risk, Stage
from seed.names import FIRST_WORDS, FORMS, SECOND_WORDS

CHUNK = 2000
HISTORY_COLUMNS = ("name", "reference", "email")


def synthesize(organisation: Organisation, count: int, progress: Callable[[int], None]) -> int:
    """Add `count` made-up customers to `organisation`, the same ones for the same state of it; returns how many.

    They get no portal users, now or when they are saved later: nobody reads mail at their addresses.
    Commits every few thousand, so that an interrupted run keeps what it has made. In the end the database takes stock
    of its rows, for the sake of its plans.
    """
    choices = _load_choices(organisation.id)
    start = db.session.scalar(select(func.max(Customer.id))) or 0
    dice = random.Random(start)  # noqa: S311  (variety, not secrecy)
    added_count = 0
    while added_count < count:
        size = min(CHUNK, count - added_count)
        _add_customers(organisation.id, [start + added_count + step + 1 for step in range(size)], choices, dice)
        db.session.commit()
        added_count += size
        progress(added_count)
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return added_count


def _load_choices(organisation_id: int) -> dict[str, list[Any]]:
    """The ids of what a customer chooses from, and the registration numbers that must not go live. Raises Invalid where
    set-up data is missing.
    """

    def ids(model: Any, *where: Any) -> list[int]:
        query = select(model.id).where(model.organisation_id == organisation_id, *where)
        return list(db.session.scalars(query.order_by(model.id)))

    choices = {
        "region": ids(CatalogItem, CatalogItem.type == CatalogType.REGION),
        "status": ids(CustomerStatus),
        "department": ids(Department),
        "staff": ids(User, User.role.in_(STAFF)),
    }
    entries = (
        BlacklistEntry.organisation_id == organisation_id,
        BlacklistEntry.is_active_on(organisation_today(organisation_id)),
    )
    blacklisted_keys = select(BlacklistEntry.registration_key).where(
        *entries, BlacklistEntry.registration_key.is_not(None)
    )
    choices["listed"] = list(db.session.scalars(blacklisted_keys))
    for noun in ("region", "status", "department"):
        if not choices[noun]:
            raise Invalid(f"The organisation has no {noun} yet. Add one first")
    return choices


def _add_customers(
    organisation_id: int, serials: list[int], choices: dict[str, list[Any]], dice: random.Random
) -> None:
    numbers = take_account_numbers(organisation_id, len(serials))
    rows = [
        _build_customer_row(organisation_id, serial, number, choices, dice)
        for serial, number in zip(serials, numbers, strict=True)
    ]
    now = clock.get_now()
    for row in rows:
        row["portal_invited_at"] = now
        if row["registration_key"] in choices["listed"]:
            row["stage"] = Stage.NEW
    keys = list(
        db.session.scalars(
            insert(Customer)
            .returning(Customer.id, sort_by_parameter_order=True)
            .execution_options(**history.bulk_options()),
            rows,
        )
    )
    _add_parts(organisation_id, dict(zip(keys, numbers, strict=True)), choices["department"], dice, now)
    history.record(
        history.build_entry(
            organisation_id=organisation_id,
            action="created",
            table="customer",
            row_id=key,
            customer_id=key,
            title=row["name"],
            changes={name: [None, row[name]] for name in HISTORY_COLUMNS},
        )
        for key, row in zip(keys, rows, strict=True)
    )


def _add_parts(
    organisation_id: int, account_numbers: dict[int, str], departments: list[Any], dice: random.Random, now: datetime
) -> None:
    """Main account, address and department of each customer; `account_numbers` by the ids of the customers."""
    organisation_values = {"organisation_id": organisation_id}
    execute = db.session.connection().execute
    accounts = [
        organisation_values
        | {"customer_id": key, "number": number, "is_main": True, "balance": _balance(dice), "created_at": now}
        for key, number in account_numbers.items()
    ]
    addresses = [
        organisation_values
        | {"customer_id": key, "kind": AddressKind.MAILING, "lines": f"{key} Market Street", "created_at": now}
        for key in account_numbers
    ]
    execute(insert(get_table(Account)), accounts)
    execute(insert(get_table(Address)), addresses)
    execute(
        insert(customer_department),
        [
            organisation_values | {"customer_id": key, "department_id": dice.choice(departments)}
            for key in account_numbers
        ],
    )


def _balance(dice: random.Random) -> Decimal:
    return Decimal(dice.randrange(0, 500_000)) / 100


def _build_customer_row(
    organisation_id: int, serial: int, number: str, choices: dict[str, list[Any]], dice: random.Random
) -> dict[str, Any]:
    name = f"{dice.choice(FIRST_WORDS)} {dice.choice(SECOND_WORDS)} {serial} {dice.choice(FORMS)}"
    row: dict[str, Any] = {
        "organisation_id": organisation_id,
        "account_number": number,
        "reference": f"SY-{serial:07d}",
        "name": name,
        "kind": CustomerKind.COMPANY,
        "email": f"office{serial}@{name.split()[0].lower()}.example",
        "contact_number": f"+44 20 7{serial % 1000000:06d}",
        "registration_number": f"R{serial:09d}",
        "region_id": dice.choice(choices["region"]),
        "status_id": dice.choices(choices["status"], [90, *[4] * (len(choices["status"]) - 1)])[0],
        "start_date": organisation_today(organisation_id) - timedelta(days=dice.randrange(0, 4000)),
        "risk": dice.choices(list(Risk), (6, 3, 1))[0],
        "stage": dice.choices(list(Stage), (2, 1, 1, 1, 15))[0],
        "account_manager_id": dice.choice(choices["staff"]) if choices["staff"] else None,
        "credit_limit": Decimal(dice.randrange(1, 100) * 500),
        "correspondence_modes": [],
        "review_frequency": 12,
        "review_start_date": organisation_today(organisation_id) - timedelta(days=dice.randrange(0, 360)),
        "reviewer_email": "reviewer@hub.example",
    }
    return row | derive_columns(row)
