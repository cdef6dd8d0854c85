"""While somebody else holds what one wants to change: who looks goes on, who saves is told to try again."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

import models
from app import create_app
from customerhub.core.config import Settings
from models import sqlite
from models.base import db
from models.enums import Role
from tests.conftest import HubClient, close_connections
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def impatient_database(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwoOrganisations]:
    """A database whose connections wait only a moment for a lock."""
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 100)
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        connection.execute(text("ALTER DATABASE hub_test SET lock_timeout = '100ms'"))
        connection.execute(text("ALTER DATABASE hub_test SET deadlock_timeout = '10ms'"))
    db.session.commit()
    _reset_connections(organisations.app)
    yield organisations
    _reset_connections(organisations.app)


def _reset_connections(app: Flask) -> None:
    db.session.remove()
    close_connections(app)


@contextmanager
def lock_customer(customer_id: int) -> Iterator[None]:
    """Somebody else has changed this customer and not committed yet."""
    db.session.remove()
    connection = Context().run(db.engine.connect)
    try:
        connection.execute(text("UPDATE customer SET version = version WHERE id = :id"), {"id": customer_id})
        yield
    finally:
        connection.rollback()
        connection.close()


def test_saving_while_the_database_is_busy_may_be_tried_again(impatient_database: TwoOrganisations, admin: Browser):
    customer_id = impatient_database.own.customers[0]
    url = f"/admin/customers/edit/?id={customer_id}"
    entered = admin.read_form(url) | {"name": "Another name"}
    mark = last_change_id()
    with lock_customer(customer_id):
        answer = admin.post(url, entered)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    for expected_text in ("The database is busy", "Nothing was saved", "Reload this page", "The admin"):
        assert expected_text in answer.text
    for forbidden_text in ("An unexpected error", "Reference", "UPDATE", "locked"):
        assert forbidden_text not in answer.text
    assert changes_since(mark) == []
    db.session.remove()
    assert admin.post(url, entered).status_code == 303
    assert db.session.get_one(models.Customer, customer_id).name == "Another name"


def test_programs_get_the_error_too(impatient_database: TwoOrganisations, admin: Browser):
    customer_id = impatient_database.own.customers[0]
    url = f"/admin/customers/edit/?id={customer_id}"
    entered = admin.read_form(url) | {"name": "Another name"}
    with lock_customer(customer_id):
        answer = admin.post(url, entered, headers={"Accept": "application/json"})
    assert (answer.status_code, list(answer.json)) == (503, ["error"])
    assert "Nothing was saved" in answer.json["error"]


def test_who_looks_waits_for_nobody(impatient_database: TwoOrganisations):
    """A preview of what is being entered is looking, too."""
    manager = Browser(impatient_database.app, impatient_database.own.users[Role.MANAGER])
    customer_id = impatient_database.own.customers[0]
    operation = f"/admin/customers/operation/assign/?id={customer_id}"
    entered = manager.read_form(operation) | {"manager_id": "none"}  # it begins with whom the customer has
    form_values = {"review_start_date": "2025-01-31", "review_frequency": "3"}
    with lock_customer(customer_id):
        assert manager.get("/admin/customers/").status_code == 200
        assert manager.post("/admin/customers/review-dates/", form_values).json["lines"]
        assert manager.post(f"/admin/customers/portal-plan/?id={customer_id}", form_values).json["lines"]
        assert manager.post(operation, entered | {"preview": "1"}).status_code == 200
        ticked = {"rowid": [str(customer_id)], "action": "assign"}
        assert manager.post("/admin/customers/action/", ticked).status_code == 303
        assert manager.post(operation, entered).status_code == 503


# --- A deadlock ------------------------------------------------------------------------------------------------

LOCK = text("SELECT 1 FROM customer WHERE id = :id FOR UPDATE")


@pytest.fixture
def deadlock_app(impatient_database: TwoOrganisations, settings: Settings) -> Iterator[Any]:
    """(an app with a page that locks one customer and, as soon as `go_on` is set, another; `has_one`; `go_on`)."""
    app, has_one, go_on = create_app(settings), threading.Event(), threading.Event()
    app.test_client_class = HubClient
    first, second, _ = impatient_database.own.customers

    def page() -> str:
        db.session.execute(LOCK, {"id": first})
        has_one.set()
        assert go_on.wait(10)
        db.session.execute(LOCK, {"id": second})
        return "has both"

    app.add_url_rule("/deadlock_app", "deadlock_app", page)
    yield app, has_one, go_on
    close_connections(app)


def test_a_deadlock_is_nobodys_fault(
    impatient_database: TwoOrganisations, deadlock_app: Any, settings: Settings, caplog: pytest.LogCaptureFixture
):
    if settings.uses_sqlite:
        pytest.skip("SQLite has one lock, so nobody can hold half of what they need")
    app, has_one, go_on = deadlock_app
    first, second, _ = impatient_database.own.customers
    answers: list[Any] = []
    request = threading.Thread(target=lambda: answers.append(app.test_client().get("/deadlock_app")))
    with db.engine.connect() as other:
        other.execute(text("SET LOCAL deadlock_timeout = '10s'"))  # who notices a deadlock is the one to give way
        other.execute(text("SET LOCAL lock_timeout = '10s'"))
        other.execute(LOCK, {"id": second})
        request.start()
        assert has_one.wait(10)
        threading.Timer(0.3, go_on.set).start()
        other.execute(LOCK, {"id": first})
        other.rollback()
    request.join(10)
    [answer] = answers
    assert answer.status_code == 503
    assert "The database is busy" in answer.text
    assert "deadlock detected" in caplog.text
    assert "reference" not in caplog.text
