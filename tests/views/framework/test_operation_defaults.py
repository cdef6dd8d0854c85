"""No operation takes anything away that nobody has chosen to take away, and each says what it did."""

from datetime import date
from typing import Any

import pytest
from flask import Flask

from models.base import db
from models.enums import Role, TaskKind
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer
from tests.support.screen_table import SCREENS
from tests.support.two_organisations import TwoOrganisations
from views.admin import list_screens

WITH_FORM = [(endpoint, name) for endpoint, screen in SCREENS.items() for name in screen.operations]
# What an operation is about, and not what its rows hold: the day on which it was done, how severe a new alert is.
# Merging begins with the values of the record that stays.
FACTS = {
    ("customers", "review", "done_on"),
    ("customers", "report", "as_of"),
    ("customers", "alert", "severity"),
    ("customers", "merge", "survivor"),
    ("customers", "merge", "field_name"),
    ("customers", "merge", "field_reference"),
    ("customers", "merge", "field_email"),
    ("contracts", "end", "end_date"),
    ("orders", "deliver", "delivered_on"),
}


def list_page_values(browser: Browser, url: str) -> dict[str, list[Any]]:
    carried = ("csrf_token", "form_token", "seen", "working_in", "preview", "run", "chosen_field", "add_field")
    return {name: values for name, values in browser.read_form(url).items() if name not in carried and any(values)}


@pytest.mark.parametrize(("endpoint", "name"), WITH_FORM)
def test_a_form_begins_with_nothing_and_sent_so_takes_nothing_away(
    organisations: TwoOrganisations, endpoint: str, name: str
):
    """Two rows that hold something: sending the page as it comes may do what the operation is for, and no more."""
    act = SCREENS[endpoint].operations[name]
    person = organisations.own.users[Role.ADMIN]
    (operation,) = [
        each
        for screen in list_screens(organisations.app)
        if screen.endpoint == endpoint
        for each in screen.operations
        if each.name == name
    ]
    if operation.form is None or not operation.bulk:
        pytest.skip("asks for nothing, or is of one row")
    rows = [act.row(organisations), act.row(organisations)]
    db.session.commit()
    browser = Browser(organisations.app, person)
    url = f"/admin/{endpoint}/operation/{name}/?" + "&".join(f"id={row.id}" for row in rows)
    begun_with = {field for field in list_page_values(browser, url) if not field.startswith("row-")}
    assert {(endpoint, name, field) for field in begun_with} <= FACTS
    mark = last_change_id()
    browser.submit(url)
    taken = [
        (entry.title, column, pair)
        for entry in changes_since(mark)
        if entry.action == "changed"
        for column, pair in entry.changes.items()
        if pair[0] is not None and pair[1] is None
    ]
    assert taken == []


def test_what_several_rows_hold_alike_is_no_default(organisations: TwoOrganisations):
    """One click took the account manager of all of them away, or gave all tasks to who had them anyway."""
    admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
    agent = organisations.own.users[Role.AGENT]
    customers = [make_bare_customer(organisations, account_manager_id=agent).id for _ in range(2)]
    tasks = [
        make.ApprovalTaskFactory(
            organisation_id=organisations.own.id,
            customer_id=organisations.own.customers[0],
            kind=kind,
            assignee_id=agent,
            due_on=date(2031, 5, 1),
        ).id
        for kind in (TaskKind.BLACKLIST, TaskKind.REMOVAL)
    ]
    db.session.commit()
    for screen, name, keys in (
        ("customers", "assign", customers),
        ("tasks", "assign", tasks),
        ("tasks", "due", tasks),
    ):
        for several in (keys, keys[:1]):
            url = f"/admin/{screen}/operation/{name}/?" + "&".join(f"id={key}" for key in several)
            assert list_page_values(admin, url) == {}
            mark = last_change_id()
            assert admin.submit(url).status_code == 422
            assert changes_since(mark) == []


def test_every_operation_says_what_it_did(app: Flask):
    """In words that follow "2 customers" and "can be", also where it cannot be done."""
    said = {
        (screen.endpoint, operation.name): operation.past_tense
        for screen in list_screens(app)
        for operation in screen.list_operations()
    }
    assert {key for key, text in said.items() if text in ("", "updated", "processed", "completed")} == set()
    imperatives = {operation.label.lower() for screen in list_screens(app) for operation in screen.operations}
    assert imperatives.isdisjoint(said.values())
