"""What exports write: the cells of every column of every list, held against each row as an object, and their types."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from flask import g
from sqlalchemy import select

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor, restore_actor
from customerhub.core.spreadsheets import CellKind, get_formatter
from jobs import exports
from models import ListExport
from models.base import db
from models.enums import AddressKind, DateFormat, Risk, Role
from tests.support import factories as make
from tests.support.screen_table import SCREENS
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.framework import formatting
from views.framework.columns import Column
from views.framework.model_view import HubModelView

# Lists that nobody exports where there are many rows of, and columns that say what no query can.
OBJECT_COLUMNS = {
    ("alerts", "severity"),
    ("alerts", "state"),
    ("alerts", "why"),
    ("blacklist", "state"),
    ("history", "actor"),
    ("history", "changes"),
    ("operation-runs", "result"),
    ("outbox", "files"),
    ("outbox", "state"),
    ("payment-terms", "meaning"),
    ("portal-users", "permissions"),
    ("portal-users", "state"),
    ("signatures", "signers"),
    ("signatures", "waiting"),
    ("tasks", "age"),
    ("users", "belongs_to"),
}


def get_view(endpoint: str) -> HubModelView:
    return cast(HubModelView, cast(Any, exports.get_builders()[endpoint]).__self__)


@contextmanager
def exporting(organisations: TwoOrganisations, endpoint: str, role: Role = Role.ADMIN) -> Iterator[tuple[Any, Any]]:
    """(The table that an export of all columns writes, its screen), as a worker builds it."""
    view = get_view(endpoint)
    user = db.session.get_one(models.User, organisations.own.users[role])
    export = ListExport(screen=endpoint, query={"address": "?", "columns": [each.name for each in view.columns]})
    with organisations.app.test_request_context():
        yield view.build_table_export(export, restore_actor(user, organisations.own.id)), view
        db.session.rollback()


def format_rows(table: exports.TableExport) -> list[list[str]]:
    """The rows as a CSV file writes them, but for apostrophes."""
    formatters = [get_formatter(column.kind, table.formats) for column in table.columns]
    return [
        [format_value(value) for format_value, value in zip(formatters, row, strict=True)]
        for row in table.load_rows(table.keys)
    ]


def read_slowly(table: exports.TableExport, view: HubModelView) -> list[list[str]]:
    """The same, from one object after the other, as people read the list."""
    rows = []
    for key in table.keys:
        db.session.expire_all()
        row = db.session.get_one(view.model, key)
        rows.append([column.format_text(row) for column in view.columns])
    return rows


def fill_customers(organisations: TwoOrganisations) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        _fill_customers(organisations)
        db.session.commit()


def _fill_customers(organisations: TwoOrganisations) -> None:
    """Customers with all that a customer can have, with little, and with texts that look like something else."""
    organisation = own_organisation(organisations)
    organisation.date_format = DateFormat.DAY_DOT_MONTH
    full, sparse, other = (db.session.get_one(models.Customer, key) for key in organisations.own.customers)
    departments = [make.DepartmentFactory(organisation=organisation, name=name) for name in ("Zoo", "émile", "Alpha")]
    full.departments = [*full.departments, *departments]
    full.risk, full.credit_limit, full.contact_number = Risk.HIGH, Decimal("1234567.50"), "+49 30 00042"
    full.review_template_id = db.session.scalar(select(models.NotificationTemplate.id).limit(1))
    full.year_end_day, full.year_end_month, full.relationship_note = 31, 12, "one;=1\n-two"
    full.accounts[0].balance = Decimal("-12.30")
    make.AccountFactory(organisation=organisation, customer_id=full.id, balance=Decimal("100.05"))
    mailing = next(each for each in full.addresses if each.kind is AddressKind.MAILING)
    mailing.postal_code, mailing.city, mailing.country = "00042", "Berlin", "DE"
    make.AddressFactory(
        organisation=organisation, customer_id=full.id, kind=AddressKind.CORRESPONDENCE, lines="Elsewhere"
    )
    sparse.account_manager_id = sparse.dealer_id = sparse.group_id = None
    sparse.review_start_date = sparse.review_frequency = None
    sparse.addresses = []
    other.start_date = date(1900, 1, 1)


@pytest.mark.parametrize("endpoint", sorted(SCREENS))
def test_each_cell_is_what_the_list_shows(organisations: TwoOrganisations, endpoint: str) -> None:
    fill_customers(organisations)
    with exporting(organisations, endpoint) as (table, view):
        if endpoint != "organisations":
            assert table.keys
        assert [column.heading for column in table.columns] == [column.label for column in view.columns]
        assert format_rows(table) == read_slowly(table, view)


def test_a_late_order_has_its_date_alone_so_that_it_can_be_sorted(organisations: TwoOrganisations) -> None:
    order = db.session.scalars(
        select(models.CustomerOrder).where(models.CustomerOrder.organisation_id == organisations.own.id)
    ).first()
    assert order is not None
    order.wanted_on = clock.get_today() - timedelta(days=3)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.commit()
        wanted_on, key = order.wanted_on, order.id
    with exporting(organisations, "orders") as (table, view):
        place = [column.name for column in view.columns].index("wanted_on")
        assert table.columns[place].kind is CellKind.DATE
        assert table.load_rows([key])[0][place] == wanted_on


@pytest.mark.parametrize("endpoint", sorted(SCREENS))
def test_columns_are_selected_and_need_no_objects(organisations: TwoOrganisations, endpoint: str) -> None:
    columns = [column for column in get_view(endpoint).columns if not column.get_export().sources]
    assert {(endpoint, column.name) for column in columns} <= OBJECT_COLUMNS


@pytest.mark.parametrize("endpoint", sorted(SCREENS))
def test_what_stands_to_the_right_is_a_number_or_a_date(organisations: TwoOrganisations, endpoint: str) -> None:
    columns: list[Column] = list(get_view(endpoint).columns)
    numbers = {column.name for column in columns if column.align == "right" and column.name != "age"}
    texts = {column.name for column in columns if column.get_export().kind is CellKind.TEXT}
    assert not numbers & texts


def test_the_number_of_statements_does_not_grow_with_the_rows(organisations: TwoOrganisations) -> None:
    counts = []
    for number in (2, 3):
        with exporting(organisations, "customers") as (table, _), record_statements() as statements:
            assert len(table.load_rows(table.keys[:number])) == number
        counts.append(len(statements))
    assert counts[0] == counts[1] == 3  # the rows, their departments and their tags


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT])
def test_rows_of_others_are_not_read_whatever_the_keys(organisations: TwoOrganisations, role: Role) -> None:
    with exporting(organisations, "customers", role) as (table, _):
        keys = [*organisations.foreign.customers, *organisations.own.customers]
        rows = table.load_rows(keys)
        assert len(rows) == 3
        assert all("Our Telecom" in row[0] for row in rows)


def test_rows_come_in_the_order_of_their_keys_and_those_that_are_gone_are_left_out(
    organisations: TwoOrganisations,
) -> None:
    with exporting(organisations, "customers") as (table, view):
        place = [column.name for column in view.columns].index("reference")
        one, two, three = organisations.own.customers
        assert [row[place] for row in table.load_rows([three, 10**9, one, two])] == ["REF-2", "REF-0", "REF-1"]
        assert table.load_rows([10**9]) == []


def test_dates_are_written_as_the_organisation_does(organisations: TwoOrganisations) -> None:
    own_organisation(organisations).date_format = DateFormat.MONTH_DAY_YEAR
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.commit()
    with exporting(organisations, "customers") as (table, _):
        assert table.formats.date_format is DateFormat.MONTH_DAY_YEAR
        assert "formats" in g
        assert formatting.current_formats().date_pattern == "%m/%d/%Y"
