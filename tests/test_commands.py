"""The command line, as somebody types it."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from customerhub import clock, history
from customerhub.customers.reviews import after_months
from customerhub.permissions import Actor
from models import Customer, CustomerStatus, History, InvoiceType, Organisation, OutboxMessage, User
from models.base import db
from models.enums import Role, StatusBehaviour
from seed.demo import seed_demo


def run(app: Flask, *words: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    result = app.test_cli_runner().invoke(args=list(words))
    return result.exit_code, result.output


def test_init_makes_an_organisation_that_can_be_worked_in(app: Flask):
    status, printed = run(app, "init", "--organisation", "Acme", "--currency", "USD", "--country", "US", "--json")
    assert (status, json.loads(printed)) == (0, {"organisations": ["Acme"]})
    with app.app_context():
        made = db.session.scalars(select(Organisation)).one()
        assert (made.currency, made.country, made.reminder_days) == ("USD", "US", "30, 14, 7, 1")
        names = db.session.scalars(select(CustomerStatus.name).where(CustomerStatus.organisation_id == made.id)).all()
        assert set(names) == {"Active", "Active - Do Not Bill", "Final Bill", "Dropped"}


def test_init_again_changes_nothing(app: Flask):
    run(app, "init", "--organisation", "Acme")
    with app.app_context():
        before = db.session.scalar(select(func.count()).select_from(History))
    assert run(app, "init", "--organisation", "Acme")[0] == 0
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(History)) == before


@pytest.mark.parametrize("command", ["init", "init --organisation Acme", "demo"])
def test_reference_data_that_was_renamed_or_deleted_does_not_come_back(app: Flask, command: str):
    run(app, "init", "--organisation", "Acme")
    run(app, "demo")
    with app.app_context(), history.acting(Actor(None, 0), "test"):
        for name in ("Acme", "Demo"):
            organisation = db.session.scalars(select(Organisation).where(Organisation.name == name)).one()
            rows = {row.name: row for row in db.session.query(InvoiceType).filter_by(organisation_id=organisation.id)}
            rows["Usage"].name = "Used"
            db.session.delete(rows["One-off"])
        db.session.commit()
    assert run(app, *command.split())[0] == 0
    with app.app_context():
        names = db.session.scalars(select(InvoiceType.name).order_by(InvoiceType.name)).all()
        assert names == ["Recurring", "Recurring", "Used", "Used"]


def test_an_organisation_is_the_same_whatever_its_case(app: Flask):
    run(app, "init", "--organisation", "Acme")
    assert json.loads(run(app, "init", "--organisation", "ACME", "--json")[1]) == {"organisations": ["Acme"]}


def test_the_demo_has_customers_in_every_status(app: Flask):
    run(app, "demo")
    with app.app_context():
        used = select(CustomerStatus.behaviour).join(Customer, Customer.status_id == CustomerStatus.id).distinct()
        assert set(db.session.scalars(used)) == set(StatusBehaviour)


def test_init_says_what_is_wrong(app: Flask):
    status, printed = run(app, "init", "--organisation", "Acme", "--currency", "ZZZ")
    assert status == 2
    assert "is not a currency" in printed
    with app.app_context():
        assert db.session.scalars(select(Organisation)).all() == []


def test_a_user_made_by_command_sets_a_password_by_the_printed_link(app: Flask, client: FlaskClient):
    run(app, "init", "--organisation", "Acme")
    words = ("create-user", "--email", "olga@acme.example", "--name", "Olga", "--organisation", "acme", "--json")
    status, printed = run(app, *words)
    assert status == 0
    link = json.loads(printed)["link"]
    assert client.get(link[link.index("/set-password") :]).status_code == 200
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        assert (user.email, user.role, user.password_hash) == ("olga@acme.example", Role.ADMIN, None)
        sources = db.session.scalars(select(History.source).where(History.table_name == "hub_user")).all()
        assert sources == ["command create-user"]
    again, refused = run(app, *words)
    assert again == 2
    assert "already has an account" in refused


def test_an_organisation_that_there_is_not_is_named_with_those_there_are(app: Flask):
    run(app, "init", "--organisation", "Acme")
    status, printed = run(app, "synthesize", "--customers", "5", "--organisation", "Nowhere")
    assert status == 2
    assert "'Nowhere'" in printed
    assert "Acme" in printed


@pytest.mark.parametrize("count", [1, 2500])
def test_made_up_customers_are_whole(app: Flask, count: int):
    with app.app_context(), history.acting(Actor(None, 0), "test"):
        seed_demo(app.config["HUB"].data_dir)
        db.session.commit()
        before = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    status, printed = run(app, "synthesize", "--customers", str(count), "--json")
    assert (status, json.loads(printed)) == (0, {"made": count})
    with app.app_context():
        made = db.session.scalars(select(Customer).order_by(Customer.id.desc()).limit(1)).one()
        assert db.session.scalar(select(func.count()).select_from(Customer)) == before + count
        assert made.accounts[0].number == made.account_number
        assert made.departments
        assert made.search_text
        told = select(func.count()).where(History.source == "command synthesize")
        assert db.session.scalar(told) == count


def test_the_demo_may_be_made_again(app: Flask):
    first, second = run(app, "demo", "--json"), run(app, "demo", "--json")
    assert first == second
    logins = json.loads(first[1])["logins"]
    assert [login["role"] for login in logins] == [role.value for role in Role]


# --- Reminders ---------------------------------------------------------------------------------------------------


def planned(app: Flask, *words: str) -> dict[str, Any]:
    status, printed = run(app, "remind", "--json", *words)
    assert status == 0, printed
    told: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return told


def messages(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


def test_the_demo_has_something_to_remind_of_in_every_month(app: Flask):
    run(app, "demo")
    before = messages(app)
    first = clock.today().replace(day=15)
    for months in range(-11, 13):
        assert planned(app, "--as-of", after_months(first, months).isoformat(), "--dry-run")["planned"] > 0, months
    assert messages(app) == before


def test_a_day_is_planned_once_and_an_earlier_one_can_be_replayed(app: Flask):
    run(app, "demo")
    before = messages(app)
    today = clock.today()
    dry = planned(app, "--as-of", today.isoformat(), "--dry-run")
    done = planned(app)
    assert (dry["planned"], dry["not_sent"]) == (done["planned"], done["not_sent"])
    assert messages(app) == before + done["planned"] > before
    assert planned(app, "--as-of", today.isoformat())["planned"] == 0
    assert planned(app, "--as-of", after_months(today, -2).isoformat())["planned"] > 0


def test_each_organisation_has_its_own_reminders(app: Flask):
    run(app, "demo")
    run(app, "init", "--organisation", "Acme")
    assert planned(app, "--organisation", "Acme")["planned"] == 0
    both, demo = planned(app, "--dry-run"), planned(app, "--organisation", "demo", "--dry-run")
    assert both == demo


@pytest.mark.parametrize("words", ["--as-of 2026-02-30", "--as-of yesterday", "--organisation Nowhere"])
def test_a_day_or_organisation_that_there_is_not(app: Flask, words: str):
    run(app, "demo")
    before = messages(app)
    assert run(app, "remind", *words.split())[0] == 2
    assert messages(app) == before
