"""Many rows written by one statement are what a flush makes of them."""

from datetime import UTC, datetime

import pytest
import time_machine
from sqlalchemy import text

from customerhub.core import history
from customerhub.core.errors import Conflict, WrongState
from customerhub.core.many_rows import add_rows, lock_accepted, split_refused, write_changes
from customerhub.core.permissions import Actor
from models import Alert, BlacklistEntry, Customer
from models.base import db
from tests.support.row_changes import changes_since, describe_contents, last_change_id, newest_ids
from tests.support.statements import record_statements

NOW = datetime(2026, 6, 1, 11, tzinfo=UTC)


def find_outcome(organisations, make, write):
    """What the database holds when `write` has written what `make` returns, and how much the history tells of it."""
    newest, mark = newest_ids(), last_change_id()
    with time_machine.travel(NOW, tick=False), history.act_as(Actor(None, organisations.own.id), "test"):
        write(make())
    db.session.expire_all()
    outcome = describe_contents(newest), len(changes_since(mark))
    db.session.rollback()
    return outcome


def flush(_rows):
    db.session.flush()


def change_numbers(organisations):
    """Columns of customers that others follow from."""
    rows = [db.session.get_one(Customer, key) for key in organisations.own.customers]
    for number, row in enumerate(rows):
        row.name, row.registration_number, row.email = f"Ärger {number}", f"hrb 0{number} ", f"new{number}@x.example"
    return rows


def change_entries(organisations):
    rows = [db.session.get_one(BlacklistEntry, organisations.own.row_id(BlacklistEntry))]
    rows[0].registration_number, rows[0].reason = "HRB-77", "Fraud"
    return rows


@pytest.mark.parametrize("make", [change_numbers, change_entries])
def test_columns_that_follow_from_changed_ones_follow(organisations, make):
    outcomes = [find_outcome(organisations, lambda: make(organisations), write) for write in (flush, write_changes)]
    assert outcomes[1] == outcomes[0]
    assert outcomes[0][1], "something was changed"


def build_alerts(organisations):
    owners = organisations.own.customers
    return [Alert(organisation_id=organisations.own.id, customer_id=key, text=f"Of {key}") for key in owners]


def test_new_rows_are_those_of_a_flush(organisations):
    def add_and_flush(rows):
        db.session.add_all(rows)
        db.session.flush()

    def add_at_once(rows):
        with record_statements() as statements:
            add_rows(rows, "customer_id")
        assert len([each for each in statements if each.startswith("INSERT INTO alert")]) == 1
        assert all(row.id for row in rows)

    outcomes = [
        find_outcome(organisations, lambda: build_alerts(organisations), write)
        for write in (add_and_flush, add_at_once)
    ]
    assert outcomes[1] == outcomes[0]


def test_one_that_was_changed_meanwhile_is_not_written(organisations):
    rows = change_numbers(organisations)
    db.session.connection().execute(text(f"UPDATE customer SET version = version + 1 WHERE id = {rows[1].id}"))
    with history.act_as(Actor(None, organisations.own.id), "test"), pytest.raises(Conflict, match="Another user"):
        write_changes(rows)


def test_those_refused_are_told_apart_with_the_first_reason(organisations):
    """One that is refused for what it is hears of that, also where somebody has changed it."""
    rows = [db.session.get_one(Customer, key) for key in organisations.own.customers]
    first, second, third = rows

    def check(row):
        if row is first:
            raise WrongState("Not this one")

    for row in (first, second):
        assert row.version
        db.session.connection().execute(text(f"UPDATE customer SET version = version + 1 WHERE id = {row.id}"))
    accepted, refusals = lock_accepted(list(reversed(rows)), check)
    assert accepted == [third]
    assert {key: error.message for key, error in refusals.items()} == {
        first.id: "Not this one",
        second.id: "Another user changed this record in the meantime",
    }


def test_they_come_in_the_order_in_which_they_are_locked(organisations):
    rows = [db.session.get_one(Customer, key) for key in reversed(organisations.own.customers)]
    assert split_refused(rows, lambda row: row.id) == (sorted(organisations.own.customers), {})
