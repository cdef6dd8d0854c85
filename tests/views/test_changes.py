"""Whatever is changed on a screen is in the history: who, from which screen, before and after; secrets never."""

import json

from sqlalchemy import select

import models
from customerhub import history
from customerhub.permissions import Actor
from customerhub.users import passwords
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import SCREENS, fresh
from tests.views.watching import changes_since, last_change, told
from tests.world import World


def test_making_changing_and_deleting_leaves_its_story_on_every_screen(world: World):
    person = Browser(world.app, world.platform_user)
    for endpoint, screen in SCREENS.items():
        if not screen.edits or endpoint in ("organisations", "portal-users"):  # nobody deletes these here
            continue
        home, mark = f"/admin/{endpoint}", last_change()
        entered = screen.new(world)
        answer = person.post(f"{home}/new/", person.form(f"{home}/new/") | entered)
        assert answer.status_code == 303, endpoint
        key = int(answer.location.rpartition("=")[2])
        value = fresh("Changed")
        before = getattr(db.session.get_one(screen.model, key), screen.changed)
        assert person.submit(f"{home}/edit/?id={key}", **{screen.changed: value}).status_code == 303
        goes = "delete" in screen.acts  # what people have signed or ordered stays
        assert not goes or person.post(f"{home}/operation/delete/?id={key}").status_code == 303, endpoint
        table = screen.model.__tablename__
        story = [entry for entry in changes_since(mark) if (entry.table_name, entry.row_id) == (table, key)]
        way = [("created", "new"), ("changed", "edit"), ("deleted", "operation/delete")][: 3 if goes else 2]
        assert [(entry.action, entry.source) for entry in story] == [
            (action, f"screen admin/{endpoint}/{page}") for action, page in way
        ], endpoint
        made, changed, *deleted = story
        assert made.changes[screen.changed] == [None, before]
        assert changed.changes == {screen.changed: [before, value]}, endpoint
        assert [entry.changes[screen.changed] for entry in deleted] == [[value, None]] * goes
        assert {(entry.actor_id, entry.actor_name) for entry in story} == {(world.platform_user, "Pat Platform")}
        assert {entry.organisation_id for entry in story} == {world.ours.id}


def test_an_organisation_keeps_its_story_to_itself(world: World, admin: Browser):
    url = f"/admin/organisations/edit/?id={world.ours.id}"
    mark = last_change()
    assert admin.submit(url, reminder_days="60, 30").status_code == 303
    (entry,) = changes_since(mark)
    assert (entry.organisation_id, entry.changes) == (world.ours.id, {"reminder_days": ["30, 14, 7, 1", "60, 30"]})
    theirs = Browser(world.app, world.theirs.users[Role.ADMIN])
    assert "60, 30" not in theirs.get("/admin/history/").text


def test_everything_on_the_form_of_a_customer_is_told_before_and_after(world: World, agent: Browser):
    customer = db.session.get_one(models.Customer, world.ours.customers[0])
    region = make.CatalogItemFactory(organisation_id=world.ours.id, name="Moon")
    finance = db.session.scalars(
        select(models.Department).where(
            models.Department.organisation_id == world.ours.id, models.Department.name == "Finance"
        )
    ).one()
    db.session.commit()
    old_region, old_number = customer.region.name, customer.account_number
    mark = last_change()
    answer = agent.submit(
        f"/admin/customers/edit/?id={customer.id}",
        name="New name", risk="High", region_id=str(region.id), departments=[str(finance.id)], credit_limit="1,500.00",
        start_date="2025-01-31", correspondence_modes=["email", "post"], promotional_emails="y", account_number="ACC-1",
        **{"contacts-0-phone": "0815", "billing_lines-0-minimum_cost": "12.50"},
    )  # fmt: skip
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


def test_a_password_is_never_in_the_history(world: World, admin: Browser):
    user = db.session.get_one(models.User, world.ours.users[Role.AGENT])
    mark = last_change()
    with history.acting(Actor(None, world.ours.id), "test"):
        user.password_hash = passwords.hash_password("plum sofa ticket nine")
        db.session.commit()
    browser = Browser(world.app, user.id)
    new = "nine tickets for a sofa"
    assert (
        browser.post("/profile/password", {"old": "plum sofa ticket nine", "new": new, "again": new}).status_code == 303
    )
    told_of = json.dumps([entry.changes for entry in changes_since(mark)])
    assert "argon2" not in told_of
    assert new not in told_of
    page = admin.get(f"/admin/users/details/?id={user.id}&tab=history").text
    assert "argon2" not in page
    assert "Password" in page


def test_a_refused_change_leaves_nothing(world: World, admin: Browser):
    mark = last_change()
    assert (
        admin.submit(f"/admin/customers/edit/?id={world.ours.customers[0]}", name="Other", email="nobody").status_code
        == 422
    )
    assert told(changes_since(mark)) == []


def test_the_history_of_one_record_is_its_own(world: World, admin: Browser):
    first, second = world.ours.customers[:2]
    admin.submit(f"/admin/customers/edit/?id={first}", contact_number="0815")
    assert "0815" in admin.get(f"/admin/customers/details/?id={first}&tab=history").text
    assert "0815" not in admin.get(f"/admin/customers/details/?id={second}&tab=history").text
    for page in ("1", "-1", "99999", "x", str(2**70)):
        assert admin.get(f"/admin/customers/details/?id={first}&tab=history&page={page}").status_code == 200


def test_history_cannot_be_changed(world: World, admin: Browser):
    key = world.ours.row(models.History)
    mark = last_change()
    for url in (f"/admin/history/edit/?id={key}", "/admin/history/new/", f"/admin/history/operation/delete/?id={key}",
                "/admin/history/delete/", "/admin/history/ajax/update/"):  # fmt: skip
        assert admin.post(url, {"id": str(key), "title": "Changed"}).status_code in (403, 404)
    assert last_change() == mark
