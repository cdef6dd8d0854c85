"""Shorthands for tests of bulk edits and of runs."""

from collections.abc import Sequence
from decimal import Decimal
from random import Random
from typing import Any

from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.field_changes import change_fields, change_many_fields
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.records import save_customer
from customerhub.customers.saving_many import TOGETHER
from models import OperationRun, OperationRunRow, Tag
from models.base import db
from models.enums import CustomerKind, Risk, RunOutcome
from tests.support.browser_client import Browser
from tests.support.factories import TagFactory
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.framework.operation import Operation


def edit_url(ids: Sequence[int], screen: str = "customers") -> str:
    return f"/admin/{screen}/operation/edit-fields/?" + "&".join(f"id={key}" for key in ids)


def make_customers(organisations: TwoOrganisations, count: int, **values: Any) -> list[int]:
    """Customers that have their portal user already, so that saving one more time does nothing by the way."""
    invited = {"portal_invited_at": db.session.get_one(models.Organisation, organisations.own.id).created_at}
    keys = [make_bare_customer(organisations, **invited, **values).id for _ in range(count)]
    db.session.commit()
    return keys


def edit(browser: Browser, ids: Sequence[int], screen: str = "customers", **values: Any) -> Any:
    """Change the fields that `values` name, as the page sends it: the answer."""
    names = [name for name in values if not name.startswith(("clear-", "row-"))]
    names += [name.removeprefix("clear-") for name in values if name.startswith("clear-")]
    names += [name.split("-", 2)[2] for name in values if name.startswith("row-")]
    return browser.post(edit_url(ids, screen), {"chosen_field": list(dict.fromkeys(names)), "run": "1", **values})


def newest_run() -> OperationRun:
    return db.session.scalars(select(OperationRun).order_by(OperationRun.id.desc())).first()  # type: ignore[return-value]


def outcomes_of(run: OperationRun) -> dict[int, tuple[RunOutcome | None, str | None]]:
    rows = db.session.scalars(select(OperationRunRow).where(OperationRunRow.run_id == run.id))
    return {row.row_id: (row.outcome, row.message) for row in rows}


def read(ids: Sequence[int], name: str) -> list[Any]:
    """What these customers hold."""
    db.session.expire_all()
    return [getattr(db.session.get_one(models.Customer, key), name) for key in ids]


def change(organisations: TwoOrganisations, key: int, **values: Any) -> None:
    """Somebody else changes a customer."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        customer = db.session.get_one(models.Customer, key)
        for name, value in values.items():
            setattr(customer, name, value)
        db.session.commit()


# --- As an operation on rows that are made by chance -------------------------------------------------------------


def choose_changes(random: Random) -> dict[str, Any]:
    """Fields of a customer, right or wrong, of which some are saved together and others have rules of their own."""
    changes: dict[str, Any] = {
        "risk": random.choice([Risk.LOW, Risk.HIGH, Risk.HIGH, None]),
        "credit_limit": random.choice([None, Decimal(5), Decimal(500), Decimal(500), Decimal(-1)]),
        "review_frequency": random.choice([None, 1, 6]),
        "website": random.choice([None, "https://a.example", "a.example", "no website"]),
        "account_manager_id": random.choice([None, None, 10**9]),
        "promotional_emails": random.random() < 0.5,
        "billing_day": random.choice([1, 31, 32]),
        "email": random.choice(["a@customer.example", "b@customer.example, c@customer.example", "nobody"]),
        "kind": random.choice(list(CustomerKind)),
    }
    *common, email, kind = changes
    names = random.sample(common, 3) + random.choice([[], [], [email], [kind]])
    return {"changes": {name: changes[name] for name in names}}


EDIT = Operation(
    name="edit-fields",
    label="Edit fields",
    permission=Permission.CUSTOMERS_EDIT,
    run=lambda row, *, actor, changes: change_fields(row, changes, save_customer, actor=actor),
    run_many=lambda rows, *, actor, changes: change_many_fields(
        rows, {row.id: changes for row in rows}, save_customer, TOGETHER, actor=actor
    ),
    explanation="",
    past_tense="changed",
)


TAG_NAMES = ("Fair", "Key account", "Newsletter")


def make_tagged_customer(organisations: TwoOrganisations, random: Random) -> models.Customer:
    """A customer with any of the tags."""
    names = db.session.scalars(select(Tag.name).where(Tag.name.in_(TAG_NAMES))).all()
    for name in sorted(set(TAG_NAMES) - set(names)):
        TagFactory(organisation=own_organisation(organisations), name=name)
    tags = db.session.scalars(select(Tag).where(Tag.name.in_(TAG_NAMES)).order_by(Tag.name)).all()
    return make_bare_customer(organisations, tags=random.sample(tags, random.randrange(4)))


def choose_tags(random: Random) -> dict[str, Any]:
    ids = db.session.scalars(select(Tag.id).where(Tag.name.in_(TAG_NAMES)).order_by(Tag.id)).all()
    return {"tags": random.sample(ids, 2)}
