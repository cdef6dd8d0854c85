"""A form that is sent twice is saved once, and leads to where it led before."""

import io
import re
from typing import Any

import pytest
from sqlalchemy import func, select

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests.browsing import Browser, form_of
from tests.views.screen_table import bare_customer
from tests.views.test_at_once import at_once, posting
from tests.views.watching import changes_since, last_change
from tests.world import World
from views.once import FIELD

SAVED = "This form was saved already"
DEPARTMENTS = "/admin/departments"


def edit_url(world: World) -> str:
    return f"/admin/customers/edit/?id={world.ours.customers[0]}"


def used() -> int:
    return db.session.scalar(select(func.count()).select_from(models.UsedForm)) or 0


def twice(browser: Browser, url: str, form: Any) -> list[Any]:
    return [browser.post(url, form) for _ in range(2)]


def test_each_page_has_a_token_of_its_own(world: World, admin: Browser):
    for url in (
        f"{DEPARTMENTS}/new/",
        edit_url(world),
        f"/admin/customers/operation/assign/?id={world.ours.customers[0]}",
    ):
        tokens = [admin.form(url)[FIELD] for _ in range(2)]
        assert tokens[0] != tokens[1]
        assert all(re.fullmatch(r"[\w-]{32}", token) for (token,) in tokens)
    assert used() == 0


def test_rows_of_a_list_are_added_once(world: World, admin: Browser):
    form = admin.form(edit_url(world)) | {"contacts-1-name": "Added", "contacts-2-name": "Another"}
    mark = last_change()
    answers = twice(admin, edit_url(world), form)
    record = f"/admin/customers/details/?id={world.ours.customers[0]}"
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, record)] * 2
    assert SAVED in admin.get(record).text
    assert [entry.table_name for entry in changes_since(mark)] == ["contact"] * 2


def test_a_new_row_is_added_once_and_both_lead_to_it(world: World, admin: Browser):
    answers = twice(admin, f"{DEPARTMENTS}/new/", admin.form(f"{DEPARTMENTS}/new/") | {"name": "Once"})
    (made,) = db.session.scalars(select(models.Department).where(models.Department.name == "Once"))
    assert {answer.location for answer in answers} == {f"{DEPARTMENTS}/details/?id={made.id}"}
    again = admin.form(f"{DEPARTMENTS}/new/") | {"name": "Twice", "_add_another": "1"}
    assert [answer.location for answer in twice(admin, f"{DEPARTMENTS}/new/", again)] == [f"{DEPARTMENTS}/new/"] * 2


def test_an_operation_is_run_once(world: World, admin: Browser):
    person = world.ours.users[Role.AGENT]
    url = f"/admin/users/operation/sign-out/?id={person}"
    mark = last_change()
    answers = twice(admin, url, admin.form(url))
    assert {answer.location for answer in answers} == {f"/admin/users/details/?id={person}"}
    assert len(changes_since(mark)) == 1


def test_an_operation_that_removes_leads_to_the_list(world: World, admin: Browser):
    url = f"/admin/customers/operation/delete/?id={bare_customer(world).id}"
    db.session.commit()
    answers = twice(admin, url, admin.form(url))
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/admin/customers/")] * 2


def test_an_operation_on_several_rows_is_run_once(world: World, admin: Browser):
    people = [world.ours.users[role] for role in (Role.AGENT, Role.MANAGER)]
    url = f"/admin/users/operation/sign-out/?id={people[0]}&id={people[1]}"
    mark = last_change()
    first, second = twice(admin, url, admin.form(url))
    assert "2 done" in first.text
    assert (second.status_code, second.location) == (303, "/admin/users/")
    assert len(changes_since(mark)) == 2


def test_what_is_refused_leaves_the_token(world: World, admin: Browser):
    form = admin.form(f"{DEPARTMENTS}/new/")
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": ""}).status_code == 422
    taken = db.session.get_one(models.Department, world.ours.row(models.Department)).name
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": taken}).status_code == 422
    assert used() == 0
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": "At last"}).status_code == 303
    assert used() == 1


def test_an_operation_that_is_refused_leaves_the_token(world: World, admin: Browser):
    """What stands in its way may be gone when it is tried again."""
    person = world.ours.users[Role.AGENT]
    url = f"/admin/users/operation/delete/?id={person}"
    form = admin.form(url)
    for _ in range(2):
        assert "1 not done" in admin.post(url, form).text
    assert used() == 0


def test_other_entries_with_a_used_token_are_neither_saved_nor_lost(world: World, admin: Browser):
    """Somebody went back to the form, and wrote something else."""
    form = admin.form(f"{DEPARTMENTS}/new/")
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": "First"}).status_code == 303
    mark = last_change()
    answer = admin.post(f"{DEPARTMENTS}/new/", form | {"name": "Second"})
    assert answer.status_code == 422
    assert "with other entries" in answer.text
    assert changes_since(mark) == []
    again = form_of(answer.text)
    assert again["name"] == ["Second"]
    assert admin.post(f"{DEPARTMENTS}/new/", again).status_code == 303


def test_the_same_name_of_another_file_is_another_entry(world: World, admin: Browser):
    form = admin.form(edit_url(world))
    files = [
        {"compliance_documents-0-file_id": (io.BytesIO(data), "a.pdf")} for data in (b"%PDF-1", b"%PDF-1", b"%PDF-2")
    ]
    codes = [admin.post(edit_url(world), form | file).status_code for file in files]
    assert codes[:2] == [303, 303]
    assert codes[2] in (409, 422)


@pytest.mark.parametrize("token", [None, "", "x", "x" * 33, "\x00" * 32, "ä" * 32])
def test_what_is_no_token_is_not_checked(world: World, admin: Browser, token: str | None):
    for name in ("First", "Second"):
        form = admin.form(f"{DEPARTMENTS}/new/") | {"name": name, FIELD: token}
        assert admin.post(f"{DEPARTMENTS}/new/", form).status_code == 303
    assert used() == 0


def test_looking_at_a_preview_uses_nothing_up(world: World, admin: Browser):
    url = f"/admin/customers/operation/assign/?id={world.ours.customers[0]}"
    form = admin.form(url)
    assert admin.post(url, form | {"preview": "1"}).status_code == 200
    assert used() == 0


def test_at_the_same_moment(world: World, admin: Browser):
    """One of them saves, all are led to the same place."""
    form = admin.form(edit_url(world)) | {"contacts-1-name": "Added"}
    mark = last_change()
    assert at_once([posting(admin, edit_url(world), form)] * 4) == [303] * 4
    assert [entry.table_name for entry in changes_since(mark)] == ["contact"]
    new = admin.form(f"{DEPARTMENTS}/new/") | {"name": "Once"}
    assert at_once([posting(admin, f"{DEPARTMENTS}/new/", new)] * 4) == [303] * 4
    url = f"/admin/users/operation/sign-out/?id={world.ours.users[Role.AGENT]}"
    mark = last_change()
    assert at_once([posting(admin, url, admin.form(url))] * 4) == [303] * 4
    assert len(changes_since(mark)) == 1


# --- A record that is deleted meanwhile --------------------------------------------------------------------


def test_what_was_typed_into_the_form_of_a_deleted_record_is_shown(world: World, admin: Browser):
    customer = bare_customer(world)
    key, name = customer.id, customer.name
    db.session.commit()
    url = f"/admin/customers/edit/?id={key}"
    typed = {"contact_number": "0815 4711", "billing_day": "soon", "contacts-7-name": "Somebody <New>"}
    form = admin.form(url) | typed
    colleague = Browser(world.app, world.ours.users[Role.MANAGER])
    assert colleague.post(f"/admin/customers/operation/delete/?id={key}").status_code == 303
    mark = last_change()
    answer = admin.post(url, form)
    assert answer.status_code == 404
    assert f"{name} was deleted" in answer.text
    assert "The manager deleted it" in answer.text
    for text in ("0815 4711", "soon", "Somebody &lt;New&gt;"):
        assert text in answer.text
    assert changes_since(mark) == []
    assert used() == 0
    assert admin.get(url).status_code == 404


def test_of_what_never_was_or_is_not_ours_nothing_is_told(world: World, admin: Browser):
    theirs = bare_customer(world).id
    with history.acting(Actor(None, world.theirs.id), "test"):
        group = models.CustomerGroup(organisation_id=world.theirs.id, name="Secret")
        db.session.add(group)
        db.session.flush()
        key = group.id
        db.session.delete(group)
        db.session.commit()
    form = admin.form(f"/admin/customers/edit/?id={theirs}")
    for url in (f"/admin/groups/edit/?id={key}", "/admin/groups/edit/?id=999999", "/admin/groups/edit/?id=%C2%B2",
                f"/admin/groups/edit/?id={world.theirs.row(models.CustomerGroup)}"):  # fmt: skip
        answer = admin.post(url, form)
        assert answer.status_code == 404
        assert "deleted" not in answer.text
        assert "Secret" not in answer.text
