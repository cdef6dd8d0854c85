"""The migrations make the tables that the models describe, and can be taken back."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import Connection, inspect, select, text
from sqlalchemy.engine.reflection import Inspector
from sqlalchemy.exc import IntegrityError

import models
from app import create_app
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models import Customer, History, OutboxMessage, User
from models.base import db
from models.downgrades import SEARCH_TABLES
from models.enums import OutboxState, Role, TaskKind
from tests.support import factories as make
from tests.support.databases import Databases, settings_for


@pytest.fixture
def app_over(databases: Databases, tmp_path: Any) -> Iterator[Any]:
    """Makes apps over copies of the migrated database, which tests may take apart."""
    apps: list[Flask] = []

    def make_app(name: str) -> Flask:
        apps.append(create_app(settings_for(databases.create(name), tmp_path / name)))
        return apps[-1]

    yield make_app
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def list_tables(connection: Connection) -> set[str]:
    return {name for name in inspect(connection).get_table_names() if not name.startswith(SEARCH_TABLES)}


def describe_table(inspector: Inspector, table: str) -> dict[str, Any]:
    """Everything of a table that the database can tell."""
    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"], column["default"])
            for column in inspector.get_columns(table)
        },
        "key": inspector.get_pk_constraint(table)["constrained_columns"],
        "foreign keys": {
            (
                key["name"],
                tuple(key["constrained_columns"]),
                key["referred_table"],
                tuple(key["referred_columns"]),
                key["options"].get("ondelete"),
            )
            for key in inspector.get_foreign_keys(table)
        },
        "unique": {(key["name"], tuple(key["column_names"])) for key in inspector.get_unique_constraints(table)},
        "checks": {(key["name"], " ".join(key["sqltext"].split())) for key in inspector.get_check_constraints(table)},
        "indexes": {
            (key["name"], tuple(key["column_names"]), bool(key["unique"])) for key in inspector.get_indexes(table)
        },
    }


def test_alembic_finds_nothing_to_migrate(app_over):
    with app_over("checked").app_context():
        check()


def test_migrations_make_what_the_models_describe(app_over):
    migrated, created = app_over("migrated"), app_over("made")
    with created.app_context():
        downgrade(revision="base")
        with db.engine.begin() as connection:
            connection.execute(text("DROP TABLE alembic_version"))
            if connection.dialect.name == "postgresql":
                connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        db.metadata.create_all(db.engine)
        inspector = inspect(db.engine)
        expected_tables = {table: describe_table(inspector, table) for table in model_tables(db.engine)}
    with migrated.app_context():
        inspector = inspect(db.engine)
        actual_tables = {table: describe_table(inspector, table) for table in model_tables(db.engine)}
    assert actual_tables.keys() == expected_tables.keys() | {"alembic_version"}
    for table, wanted_parts in expected_tables.items():
        for part, expected in wanted_parts.items():
            assert actual_tables[table][part] == expected, (table, part)


def model_tables(engine: Any) -> set[str]:
    with engine.connect() as connection:
        return list_tables(connection)


def test_down_leaves_nothing_and_up_again_works(app_over):
    app = app_over("down_and_up")
    with app.app_context():
        downgrade(revision="base")
        assert model_tables(db.engine) == {"alembic_version"}
        with db.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                left = connection.scalars(text("SELECT name FROM sqlite_master WHERE name <> 'alembic_version'"))
                assert [name for name in left if not name.startswith("sqlite_")] == []
        upgrade()
        customer = make.CustomerFactory(name="After all")
        db.session.commit()
        assert db.session.scalars(select(Customer.name)).all() == [customer.name]


def test_down_works_on_a_database_in_use(app_over):
    with app_over("used").app_context():
        customer = make.CustomerFactory()
        make.CustomerGroupFactory(organisation=models.Organisation(id=1), parent_id=customer.id)
        db.session.commit()
        db.session.remove()
        downgrade(revision="base", x_arg=["drop-rows"])
        assert model_tables(db.engine) == {"alembic_version"}


def test_a_migration_takes_links_out_of_subjects(app_over):
    with app_over("subjects").app_context():
        downgrade(revision="0002")
        for number, subject in enumerate(
            ("See https://hub.example.com/set-password/abc.DEF-1 now", "Set-password 100%"), 1
        ):
            add_message(number, subject=subject)
        upgrade()
        found = db.session.scalars(select(OutboxMessage.subject).order_by(OutboxMessage.id)).all()
        assert found == ["See https://hub.example.com/set-password/used-up now", "Set-password 100%"]


def add_message(number: int, **values: Any) -> None:
    """A message as the tables of before had it, in an organisation of its own."""
    now = clock.get_now()
    with db.engine.begin() as connection:
        add_row(
            connection,
            "organisation",
            id=number,
            name=f"Telecom {number}",
            name_key=f"telecom {number}",
            currency="EUR",
            timezone="UTC",
            country="GB",
            date_format="31 Jan 2026",
            approval_policy="all",
            reminder_days="30",
            active=True,
            created_at=now,
        )
        message = {
            "id": number,
            "organisation_id": number,
            "reason_key": f"reason {number}",
            "purpose": "review due",
            "recipient": "reviewer@hub.example",
            "subject": "Review",
            "text_body": "It is due.",
            "html_body": "<p>It is due.</p>",
            "state": "waiting",
            "attempts": 0,
            "created_at": now,
        }
        add_row(connection, "outbox_message", **message | values)


def add_row(connection: Connection, table: str, **values: Any) -> None:
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)


def test_a_message_may_be_cancelled_and_stays_apart_on_the_way_down(app_over):
    with app_over("cancelled").app_context():
        downgrade(revision="0003")
        add_message(1, state="sent")
        upgrade()
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE outbox_message SET state = 'cancelled'"))
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(text("UPDATE outbox_message SET state = 'lost'"))
        downgrade(revision="0003")
        with db.engine.connect() as connection:
            assert connection.execute(text("SELECT id, state, last_error FROM outbox_message")).all() == [
                (1, "failed", "Cancelled")
            ]
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(text("UPDATE outbox_message SET state = 'cancelled'"))


def test_references_are_enforced_again_behind_a_migration(app_over):
    with app_over("enforced").app_context():
        upgrade()
        with pytest.raises(IntegrityError), db.engine.begin() as connection:
            connection.execute(text("INSERT INTO saved_view (user_id, screen, name, query) VALUES (99, 'a', 'b', 'c')"))


def test_a_percentage_of_before_is_a_fixed_increase(app_over):
    with app_over("increases").app_context():
        for name in ("With", "Without"):
            make.CustomerFactory(name=name)
        db.session.commit()
        db.session.remove()
        downgrade(revision="0005")
        with db.engine.begin() as connection:
            connection.execute(text("UPDATE customer SET annual_increase_percent = 45000 WHERE name = 'With'"))
        upgrade()
        profiles = dict(db.session.execute(select(Customer.name, Customer.annual_increase_profile)).all())
        assert profiles == {"With": "fixed", "Without": "none"}


def test_terms_of_before_keep_their_day(app_over):
    with app_over("terms").app_context():
        organisation = make.OrganisationFactory()
        terms = {"Thirty": (30, None), "At once": (0, None), "Fifteenth": (0, 15), "Last": (0, -1), "Both": (60, -1)}
        for name, (days, fixed_day) in terms.items():
            make.PaymentTermsFactory(organisation=organisation, name=name, days=days, fixed_day=fixed_day)
        db.session.commit()
        db.session.remove()
        downgrade(revision="0018")
        with db.engine.begin() as connection:
            rows = connection.execute(text("SELECT name, kind, value FROM payment_terms")).all()
        by_kind = {name: (kind, value) for name, kind, value in rows}
        assert by_kind == {
            "Thirty": ("days after the invoice", 30),
            "At once": ("days after the invoice", 0),
            "Fifteenth": ("day of the month", 15),
            "Last": ("day of the month", -1),
            "Both": ("day of the month", -1),
        }
        upgrade()
        found = {each.name: (each.days, each.fixed_day) for each in db.session.scalars(select(models.PaymentTerms))}
        assert found == {**terms, "Both": (0, -1)}


def test_portal_users_of_before_get_cases_unless_somebody_chose_otherwise(app_over):
    former = ["dashboard", "contracts", "invoices", "bill downloads", "payments", "documents"]
    with app_over("cases").app_context():
        customer = make.CustomerFactory()
        organisation_id = customer.organisation_id
        owner = {"organisation": models.Organisation(id=organisation_id), "customer_id": customer.id}
        permissions = {
            "automatic": (former[::-1], True),
            "taken away": (former, True),
            "by hand": (former, False),
            "fewer": (former[:-1], True),
            "denied": ([*former, "deny all"], True),
            "has it": ([*former, "cases"], True),
        }
        ids = {
            name: make.UserFactory(
                **owner, role=Role.CUSTOMER, name=name, portal_permissions=granted, made_with_customer=is_automatic
            ).id
            for name, (granted, is_automatic) in permissions.items()
        }
        with history.act_as(Actor(None, organisation_id), "test"):
            user = db.session.get_one(User, ids["taken away"])
            user.portal_permissions = [*former, "cases"]
            db.session.commit()
            user.portal_permissions = former
            db.session.commit()
        db.session.remove()
        downgrade(revision="0012")
        upgrade()
        found = {user.name: user.portal_permissions for user in db.session.scalars(select(User))}
        assert found == {name: granted for name, (granted, _) in permissions.items()} | {
            "automatic": [*former, "cases"]
        }
        entry = db.session.scalars(select(History).where(History.source == "upgrade 0013")).one()
        assert (entry.row_id, entry.organisation_id) == (ids["automatic"], organisation_id)
        assert entry.changes["portal_permissions"] == [", ".join(former), ", ".join([*former, "cases"])]


def test_work_of_before_has_the_times_that_the_bell_asks_for(app_over):
    with app_over("times").app_context():
        customer = make.CustomerFactory()
        organisation = models.Organisation(id=customer.organisation_id)
        owned = {"organisation": organisation, "customer_id": customer.id}
        user = make.UserFactory(organisation=organisation)
        make.ApprovalTaskFactory(**owned, assignee_id=user.id)
        make.ApprovalTaskFactory(**owned, kind=TaskKind.RECHECK)
        make.OutboxMessageFactory(organisation=organisation, state=OutboxState.FAILED)
        make.OutboxMessageFactory(organisation=organisation)
        db.session.commit()
        db.session.remove()
        downgrade(revision="0012")
        upgrade()
        tasks = db.session.scalars(select(models.ApprovalTask).order_by(models.ApprovalTask.id)).all()
        assert [task.assigned_at for task in tasks] == [tasks[0].created_at, None]
        messages = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)).all()
        assert [message.failed_at for message in messages] == [messages[0].created_at, None]
