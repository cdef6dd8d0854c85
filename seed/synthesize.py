"""Made-up customers in any number, to see how the hub behaves when it is full."""

import random
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table, func, insert, select, text

from customerhub import clock, history
from customerhub.customers.accounts import take_account_numbers
from customerhub.errors import Invalid
from customerhub.permissions import STAFF
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
from models.base import db
from models.customer import derived
from models.enums import AddressKind, CatalogType, CustomerKind, Risk, Stage
from seed.names import FIRST_WORDS, FORMS, SECOND_WORDS

CHUNK = 2000
HISTORY_KEPT = ("name", "reference", "email")


def synthesize(organisation: Organisation, count: int, progress: Callable[[int], None]) -> int:
    """Add `count` made-up customers to `organisation`, the same ones for the same state of it; returns how many.

    They get no portal users, now or when they are saved later: nobody reads mail at their addresses.
    Commits every few thousand, so that an interrupted run keeps what it has made. In the end the database takes stock
    of its rows, for the sake of its plans.
    """
    found = _choices(organisation.id)
    start = db.session.scalar(select(func.max(Customer.id))) or 0
    dice = random.Random(start)  # noqa: S311  (variety, not secrecy)
    made = 0
    while made < count:
        size = min(CHUNK, count - made)
        _add(organisation.id, [start + made + step + 1 for step in range(size)], found, dice)
        db.session.commit()
        made += size
        progress(made)
    db.session.execute(text("ANALYZE"))
    db.session.commit()
    return made


def _choices(organisation_id: int) -> dict[str, list[Any]]:
    """The ids of what a customer chooses from, and the registration numbers that must not go live. Raises Invalid where
    set-up data is missing.
    """

    def ids(model: Any, *where: Any) -> list[int]:
        query = select(model.id).where(model.organisation_id == organisation_id, *where)
        return list(db.session.scalars(query.order_by(model.id)))

    found = {
        "region": ids(CatalogItem, CatalogItem.type == CatalogType.REGION),
        "status": ids(CustomerStatus),
        "department": ids(Department),
        "staff": ids(User, User.role.in_(STAFF)),
    }
    entries = (BlacklistEntry.organisation_id == organisation_id, BlacklistEntry.holds(clock.today()))
    listed = select(BlacklistEntry.registration_key).where(*entries, BlacklistEntry.registration_key.is_not(None))
    found["listed"] = list(db.session.scalars(listed))
    for noun in ("region", "status", "department"):
        if not found[noun]:
            raise Invalid(f"The organisation has no {noun} yet: add one first")
    return found


def _add(organisation_id: int, serials: list[int], found: dict[str, list[Any]], dice: random.Random) -> None:
    numbers = take_account_numbers(organisation_id, len(serials))
    rows = [
        _customer(organisation_id, serial, number, found, dice) for serial, number in zip(serials, numbers, strict=True)
    ]
    now = clock.now()
    for row in rows:
        row["portal_invited_at"] = now
        if row["registration_key"] in found["listed"]:
            row["stage"] = Stage.NEW
    keys = list(
        db.session.scalars(
            insert(Customer)
            .returning(Customer.id, sort_by_parameter_order=True)
            .execution_options(**history.recorded()),
            rows,
        )
    )
    same = {"organisation_id": organisation_id}
    execute = db.session.connection().execute
    accounts = [
        same | {"customer_id": key, "number": number, "is_main": True, "balance": _balance(dice), "created_at": now}
        for key, number in zip(keys, numbers, strict=True)
    ]
    addresses = [
        same | {"customer_id": key, "kind": AddressKind.MAILING, "lines": f"{key} Market Street", "created_at": now}
        for key in keys
    ]
    execute(insert(cast(Table, Account.__table__)), accounts)
    execute(insert(cast(Table, Address.__table__)), addresses)
    execute(
        insert(customer_department),
        [same | {"customer_id": key, "department_id": dice.choice(found["department"])} for key in keys],
    )
    history.record(
        history.entry(
            organisation_id=organisation_id, action="created", table="customer", row_id=key, customer_id=key,
            title=row["name"], changes={name: [None, row[name]] for name in HISTORY_KEPT},
        )
        for key, row in zip(keys, rows, strict=True)
    )  # fmt: skip


def _balance(dice: random.Random) -> Decimal:
    return Decimal(dice.randrange(0, 500_000)) / 100


def _customer(
    organisation_id: int, serial: int, number: str, found: dict[str, list[Any]], dice: random.Random
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
        "region_id": dice.choice(found["region"]),
        "status_id": dice.choices(found["status"], [90, *[4] * (len(found["status"]) - 1)])[0],
        "start_date": clock.today() - timedelta(days=dice.randrange(0, 4000)),
        "risk": dice.choices(list(Risk), (6, 3, 1))[0],
        "stage": dice.choices(list(Stage), (2, 1, 1, 1, 15))[0],
        "account_manager_id": dice.choice(found["staff"]) if found["staff"] else None,
        "credit_limit": Decimal(dice.randrange(1, 100) * 500),
        "correspondence_modes": [],
        "review_frequency": 12,
        "review_start_date": clock.today() - timedelta(days=dice.randrange(0, 360)),
        "reviewer_email": "reviewer@hub.example",
    }
    return row | derived(row)
