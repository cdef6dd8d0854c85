"""Whatever is changed on a screen is in the history: who, from which screen, before and after; secrets never."""

import html
import json
import re

import pytest
from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.users import passwords
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, describe_changes, last_change_id
from tests.support.screen_rows import numbered
from tests.support.screen_table import SCREENS
from tests.support.two_organisations import TwoOrganisations


def test_making_changing_and_deleting_leaves_its_story_on_every_screen(organisations: TwoOrganisations):
    person = Browser(organisations.app, organisations.platform_user)
    for endpoint, screen in SCREENS.items():
        # Nobody deletes these here, or adds one by a form.
        if not screen.editors or endpoint in ("organisations", "portal-users", "attachments", "esignature"):
            continue
        home, mark = f"/admin/{endpoint}", last_change_id()
        entered = screen.new_values(organisations)
        answer = person.post(f"{home}/new/", person.read_form(f"{home}/new/") | entered)
        assert answer.status_code == 303, endpoint
        key = int(re.findall(r"[0-9]+", answer.location)[-1])
        value = numbered("Changed")
        before = getattr(db.session.get_one(screen.model, key), screen.edited_column)
        assert person.submit(f"{home}/edit/?id={key}", **{screen.edited_column: value}).status_code == 303
        goes = "delete" in screen.operations  # what people have signed or ordered stays
        assert not goes or person.post(f"{home}/operation/delete/?id={key}").status_code == 303, endpoint
        table = screen.model.__tablename__
        story = [entry for entry in changes_since(mark) if (entry.table_name, entry.row_id) == (table, key)]
        way = [("created", "new"), ("changed", "edit"), ("deleted", "operation/delete")][: 3 if goes else 2]
        assert [(entry.action, entry.source) for entry in story] == [
            (action, f"screen admin/{endpoint}/{page}") for action, page in way
        ], endpoint
        created_entry, changed_entry, *deleted_entries = story
        assert created_entry.changes[screen.edited_column] == [None, before]
        assert changed_entry.changes == {screen.edited_column: [before, value]}, endpoint
        assert [entry.changes[screen.edited_column] for entry in deleted_entries] == [[value, None]] * goes
        assert {(entry.actor_id, entry.actor_name) for entry in story} == {
            (organisations.platform_user, "Pat Platform")
        }
        assert {entry.organisation_id for entry in story} == {organisations.own.id}


def test_an_organisation_keeps_its_story_to_itself(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/organisations/edit/?id={organisations.own.id}"
    mark = last_change_id()
    assert admin.submit(url, reminder_days="60, 30").status_code == 303
    (entry,) = changes_since(mark)
    assert (entry.organisation_id, entry.changes) == (
        organisations.own.id,
        {"reminder_days": ["30, 14, 7, 1", "60, 30"]},
    )
    foreign_browser = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    assert "60, 30" not in foreign_browser.get("/admin/history/").text


def find_department(organisations: TwoOrganisations, name: str) -> models.Department:
    query = select(models.Department).where(models.Department.organisation_id == organisations.own.id)
    return db.session.scalars(query.where(models.Department.name == name)).one()


def test_everything_on_a_customers_form_is_recorded_before_and_after(organisations: TwoOrganisations, agent: Browser):
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    region = make.CatalogItemFactory(organisation_id=organisations.own.id, name="Moon")
    finance = find_department(organisations, "Finance")
    db.session.commit()
    old_region, old_number = customer.region.name, customer.account_number
    mark = last_change_id()
    answer = agent.submit(
        f"/admin/customers/edit/?id={customer.id}",
        name="New name",
        risk="High",
        region_id=str(region.id),
        departments=[str(finance.id)],
        credit_limit="1,500.00",
        start_date="2025-01-31",
        correspondence_modes=["email", "post"],
        promotional_emails="y",
        account_number="ACC-1",
        **{"contacts-0-phone": "0815", "billing_lines-0-minimum_cost": "12.50"},
    )
    assert answer.status_code == 303
    entries = {entry.table_name: entry for entry in changes_since(mark)}
    assert entries["customer"].changes == {
        "name": ["Our Telecom customer 0", "New name"],
        "risk": ["Low", "High"],
        "region": [old_region, "Moon"],
        "departments": ["Sales", "Finance"],
        "credit_limit": [None, "1500"],
        "start_date": ["2024-02-29", "2025-01-31"],
        "correspondence_modes": ["", "email, post"],
        "promotional_emails": [False, True],
        "account_number": [old_number, "ACC-1"],
    }
    assert entries["account"].changes["number"][1] == "ACC-1"
    assert entries["contact"].changes == {"phone": [None, "0815"]}
    assert entries["billing_line"].changes == {"minimum_cost": ["0", "12.50"]}
    assert {entry.customer_id for entry in entries.values()} == {customer.id}
    page = agent.get(f"/admin/customers/details/?id={customer.id}&tab=history").text
    for words in ("Moon", "New name", "0815", "The agent"):
        assert words in page


def test_a_password_is_never_in_the_history(organisations: TwoOrganisations, admin: Browser):
    user = db.session.get_one(models.User, organisations.own.users[Role.AGENT])
    mark = last_change_id()
    with history.act_as(Actor(None, organisations.own.id), "test"):
        user.password_hash = passwords.hash_password("plum sofa ticket nine")
        db.session.commit()
    browser = Browser(organisations.app, user.id)
    new = "nine tickets for a sofa"
    assert (
        browser.post("/profile/password", {"old": "plum sofa ticket nine", "new": new, "again": new}).status_code == 303
    )
    changes_text = json.dumps([entry.changes for entry in changes_since(mark)])
    assert "argon2" not in changes_text
    assert new not in changes_text
    page = admin.get(f"/admin/users/details/?id={user.id}&tab=history").text
    assert "argon2" not in page
    assert "Password" in page


def test_a_refused_change_leaves_nothing(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    assert (
        admin.submit(
            f"/admin/customers/edit/?id={organisations.own.customers[0]}", name="Other", email="nobody"
        ).status_code
        == 422
    )
    assert describe_changes(changes_since(mark)) == []


def test_the_history_of_one_record_is_its_own(organisations: TwoOrganisations, admin: Browser):
    first, second = organisations.own.customers[:2]
    admin.submit(f"/admin/customers/edit/?id={first}", contact_number="0815")
    assert "0815" in admin.get(f"/admin/customers/details/?id={first}&tab=history").text
    assert "0815" not in admin.get(f"/admin/customers/details/?id={second}&tab=history").text
    for page in ("1", "-1", "99999", "x", str(2**70)):
        assert admin.get(f"/admin/customers/details/?id={first}&tab=history&page={page}").status_code == 200


@pytest.mark.parametrize(
    "more", ["endpoint=x", "_scheme=javascript", "_external=1&_scheme=ftp", "_anchor=x", "_method=x"]
)
def test_the_pages_of_a_history_stay_on_its_address(organisations: TwoOrganisations, admin: Browser, more: str) -> None:
    address = f"/admin/customers/details/?id={organisations.own.customers[0]}&tab=history&{more}"
    page = admin.get(f"{address}&page=2")
    assert page.status_code == 200
    assert f'href="{html.escape(address)}" rel="prev"' in page.text  # the last page there is


def test_history_cannot_be_changed(organisations: TwoOrganisations, admin: Browser):
    key = organisations.own.row_id(models.History)
    mark = last_change_id()
    for url in (
        f"/admin/history/edit/?id={key}",
        "/admin/history/new/",
        f"/admin/history/operation/delete/?id={key}",
        "/admin/history/delete/",
        "/admin/history/ajax/update/",
    ):
        assert admin.post(url, {"id": str(key), "title": "Changed"}).status_code in (403, 404)
    assert last_change_id() == mark
