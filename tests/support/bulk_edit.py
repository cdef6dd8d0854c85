"""Shorthands for tests of bulk edits and of runs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models import OperationRun, OperationRunRow
from models.base import db
from models.enums import RunOutcome
from tests.support.browser_client import Browser
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations


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
