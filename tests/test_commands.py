"""The command line, as somebody types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import create_app
from customerhub.core import clock, history
from customerhub.core.dates import add_months
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from models import Customer, CustomerStatus, History, InvoiceType, Organisation, OutboxMessage, User
from models.base import db
from models.enums import Role, StatusBehaviour
from tests.support.databases import settings_for

pytestmark = pytest.mark.slow  # nearly each makes a whole demo


def run_command(app: Flask, *words: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    result = app.test_cli_runner().invoke(args=list(words))
    return result.exit_code, result.output


def test_init_makes_an_organisation_that_can_be_worked_in(app: Flask):
    status, printed = run_command(
        app, "init", "--organisation", "Acme", "--currency", "USD", "--country", "US", "--json"
    )
    assert (status, json.loads(printed)) == (0, {"organisations": ["Acme"]})
    with app.app_context():
        organisation = db.session.scalars(select(Organisation)).one()
        assert (organisation.currency, organisation.country, organisation.reminder_days) == (
            "USD",
            "US",
            "30, 14, 7, 1",
        )
        names = db.session.scalars(
            select(CustomerStatus.name).where(CustomerStatus.organisation_id == organisation.id)
        ).all()
        assert set(names) == {"Active", "Active - Do Not Bill", "Final Bill", "Dropped"}


def test_init_again_changes_nothing(app: Flask):
    run_command(app, "init", "--organisation", "Acme")
    with app.app_context():
        before = db.session.scalar(select(func.count()).select_from(History))
    assert run_command(app, "init", "--organisation", "Acme")[0] == 0
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(History)) == before


@pytest.mark.parametrize("command", ["init", "init --organisation Acme", "demo"])
@pytest.mark.slow
def test_reference_data_that_was_renamed_or_deleted_does_not_come_back(demo_app: Flask, command: str):
    run_command(demo_app, "init", "--organisation", "Acme")
    with demo_app.app_context(), history.act_as(Actor(None, 0), "test"):
        for name in ("Acme", "Demo"):
            organisation = db.session.scalars(select(Organisation).where(Organisation.name == name)).one()
            rows = {row.name: row for row in db.session.query(InvoiceType).filter_by(organisation_id=organisation.id)}
            rows["Usage"].name = "Used"
            db.session.delete(rows["One-off"])
        db.session.commit()
    assert run_command(demo_app, *command.split())[0] == 0
    with demo_app.app_context():
        names = db.session.scalars(select(InvoiceType.name).order_by(InvoiceType.name)).all()
        assert names == ["Recurring", "Recurring", "Used", "Used"]


def test_an_organisation_is_the_same_whatever_its_case(app: Flask):
    run_command(app, "init", "--organisation", "Acme")
    assert json.loads(run_command(app, "init", "--organisation", "ACME", "--json")[1]) == {"organisations": ["Acme"]}


def test_the_demo_has_customers_in_every_status(demo_app: Flask):
    with demo_app.app_context():
        used = select(CustomerStatus.behaviour).join(Customer, Customer.status_id == CustomerStatus.id).distinct()
        assert set(db.session.scalars(used)) == set(StatusBehaviour)


def test_init_says_what_is_wrong(app: Flask):
    status, printed = run_command(app, "init", "--organisation", "Acme", "--currency", "ZZZ")
    assert status == 2
    assert "is not a currency" in printed
    with app.app_context():
        assert db.session.scalars(select(Organisation)).all() == []


def test_a_user_made_by_command_sets_a_password_by_the_printed_link(app: Flask, client: FlaskClient):
    run_command(app, "init", "--organisation", "Acme")
    words = ("create-user", "--email", "olga@acme.example", "--name", "Olga", "--organisation", "acme", "--json")
    status, printed = run_command(app, *words)
    assert status == 0
    link = json.loads(printed)["link"]
    assert client.get(link[link.index("/set-password") :]).status_code == 200
    with app.app_context():
        user = db.session.scalars(select(User)).one()
        assert (user.email, user.role, user.password_hash) == ("olga@acme.example", Role.ADMIN, None)
        sources = db.session.scalars(select(History.source).where(History.table_name == "hub_user")).all()
        assert sources == ["command create-user"]
    again, refused_result = run_command(app, *words)
    assert again == 2
    assert "already has an account" in refused_result


def test_an_organisation_that_there_is_not_is_named_with_those_there_are(app: Flask):
    run_command(app, "init", "--organisation", "Acme")
    status, printed = run_command(app, "synthesize", "--customers", "5", "--organisation", "Nowhere")
    assert status == 2
    assert "'Nowhere'" in printed
    assert "Acme" in printed


@pytest.mark.parametrize("count", [1, 2500])
@pytest.mark.slow
def test_made_up_customers_are_whole(demo_app: Flask, count: int):
    with demo_app.app_context():
        before = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    status, printed = run_command(demo_app, "synthesize", "--customers", str(count), "--json")
    assert (status, json.loads(printed)) == (0, {"made": count})
    with demo_app.app_context():
        customer = db.session.scalars(select(Customer).order_by(Customer.id.desc()).limit(1)).one()
        assert db.session.scalar(select(func.count()).select_from(Customer)) == before + count
        assert customer.accounts[0].number == customer.account_number
        assert customer.departments
        assert customer.search_text
        history_count = select(func.count()).where(History.source == "command synthesize")
        assert db.session.scalar(history_count) == count


def test_the_demo_may_be_made_again(demo_app: Flask):
    first, second = run_command(demo_app, "demo", "--json"), run_command(demo_app, "demo", "--json")
    assert first == second
    logins = json.loads(first[1])["logins"]
    assert [login["role"] for login in logins] == [role.value for role in Role]


# --- Reminders ---------------------------------------------------------------------------------------------------


def run_reminders_command(app: Flask, *words: str) -> dict[str, Any]:
    status, printed = run_command(app, "remind", "--json", *words)
    assert status == 0, printed
    result: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return result


def count_messages(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


def test_the_demo_has_something_to_remind_of_in_every_month(demo_app: Flask):
    before = count_messages(demo_app)
    first = clock.get_today().replace(day=15)
    for months in range(-11, 13):
        day = add_months(first, months).isoformat()
        assert run_reminders_command(demo_app, "--as-of", day, "--dry-run")["planned"] > 0, day
    assert count_messages(demo_app) == before


def test_a_day_is_planned_once_and_an_earlier_one_can_be_replayed(demo_app: Flask):
    before = count_messages(demo_app)
    with demo_app.app_context():
        today = organisation_today(db.session.scalars(select(Organisation.id)).one())
    dry = run_reminders_command(demo_app, "--as-of", today.isoformat(), "--dry-run")
    done = run_reminders_command(demo_app)
    assert (dry["planned"], dry["not_sent"]) == (done["planned"], done["not_sent"])
    assert count_messages(demo_app) == before + done["planned"] > before
    assert run_reminders_command(demo_app, "--as-of", today.isoformat())["planned"] == 0
    assert run_reminders_command(demo_app, "--as-of", add_months(today, -2).isoformat())["planned"] > 0


def test_each_organisation_has_its_own_reminders(demo_app: Flask):
    run_command(demo_app, "init", "--organisation", "Acme")
    assert run_reminders_command(demo_app, "--organisation", "Acme")["planned"] == 0
    both, demo = (
        run_reminders_command(demo_app, "--dry-run"),
        run_reminders_command(demo_app, "--organisation", "demo", "--dry-run"),
    )
    assert both == demo


@pytest.mark.parametrize("words", ["--as-of 2026-02-30", "--as-of yesterday", "--organisation Nowhere"])
def test_a_day_or_organisation_that_there_is_not(demo_app: Flask, words: str):
    before = count_messages(demo_app)
    assert run_command(demo_app, "remind", *words.split())[0] == 2
    assert count_messages(demo_app) == before


def test_the_sandbox_is_refused_where_others_reach_the_hub(tmp_path: Path):
    hub = create_app(settings_for(f"sqlite:///{tmp_path}/hub", tmp_path, HUB_PUBLIC_URL="https://hub.example.com"))
    answer = hub.test_cli_runner().invoke(args=["signing-sandbox"])
    assert answer.exit_code == 2
    assert "HUB_PUBLIC_URL is https://hub.example.com" in answer.output
    assert not (tmp_path / "signing-sandbox").exists()
