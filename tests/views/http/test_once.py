"""A form that is sent twice is saved once, and leads to where it led before."""

import io
import re
from typing import Any

import pytest
from sqlalchemy import func, select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser, parse_form
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations
from tests.views.framework.test_at_once import build_post, run_together
from views.http.form_tokens import TOKEN_FIELD

SAVED_MESSAGE = "This form has already been saved"
DEPARTMENTS = "/admin/departments"


def edit_url(organisations: TwoOrganisations) -> str:
    return f"/admin/customers/edit/?id={organisations.own.customers[0]}"


def count_used_forms() -> int:
    return db.session.scalar(select(func.count()).select_from(models.UsedForm)) or 0


def submit_twice(browser: Browser, url: str, form: Any) -> list[Any]:
    return [browser.post(url, form) for _ in range(2)]


def test_each_page_has_a_token_of_its_own(organisations: TwoOrganisations, admin: Browser):
    for url in (
        f"{DEPARTMENTS}/new/",
        edit_url(organisations),
        f"/admin/customers/operation/assign/?id={organisations.own.customers[0]}",
    ):
        tokens = [admin.read_form(url)[TOKEN_FIELD] for _ in range(2)]
        assert tokens[0] != tokens[1]
        assert all(re.fullmatch(r"[\w-]{32}", token) for (token,) in tokens)
    assert count_used_forms() == 0


def test_rows_of_a_list_are_added_once(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form(edit_url(organisations)) | {"contacts-1-name": "Added", "contacts-2-name": "Another"}
    mark = last_change_id()
    answers = submit_twice(admin, edit_url(organisations), form)
    record = f"/admin/customers/details/?id={organisations.own.customers[0]}"
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, record)] * 2
    assert SAVED_MESSAGE in admin.get(record).text
    assert [entry.table_name for entry in changes_since(mark)] == ["contact"] * 2


def test_a_new_row_is_added_once_and_both_lead_to_it(organisations: TwoOrganisations, admin: Browser):
    answers = submit_twice(admin, f"{DEPARTMENTS}/new/", admin.read_form(f"{DEPARTMENTS}/new/") | {"name": "Once"})
    (department,) = db.session.scalars(select(models.Department).where(models.Department.name == "Once"))
    assert {answer.location for answer in answers} == {f"{DEPARTMENTS}/details/?id={department.id}"}
    again = admin.read_form(f"{DEPARTMENTS}/new/") | {"name": "Twice", "_add_another": "1"}
    assert [answer.location for answer in submit_twice(admin, f"{DEPARTMENTS}/new/", again)] == [
        f"{DEPARTMENTS}/new/"
    ] * 2


def test_an_operation_is_run_once(organisations: TwoOrganisations, admin: Browser):
    person = organisations.own.users[Role.AGENT]
    url = f"/admin/users/operation/sign-out/?id={person}"
    mark = last_change_id()
    answers = submit_twice(admin, url, admin.read_form(url))
    assert {answer.location for answer in answers} == {f"/admin/users/details/?id={person}"}
    assert len(changes_since(mark)) == 1


def test_an_operation_that_removes_leads_to_the_list(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/operation/delete/?id={make_bare_customer(organisations).id}"
    db.session.commit()
    answers = submit_twice(admin, url, admin.read_form(url))
    assert [(answer.status_code, answer.location) for answer in answers] == [(303, "/admin/customers/")] * 2


def test_an_operation_on_several_rows_is_run_once(organisations: TwoOrganisations, admin: Browser):
    people = [organisations.own.users[role] for role in (Role.AGENT, Role.MANAGER)]
    url = f"/admin/users/operation/sign-out/?id={people[0]}&id={people[1]}"
    mark = last_change_id()
    first, second = submit_twice(admin, url, admin.read_form(url))
    assert "2 users signed out" in first.text
    assert (second.status_code, second.location) == (303, "/admin/users/")
    assert len(changes_since(mark)) == 2


def test_what_is_refused_leaves_the_token(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form(f"{DEPARTMENTS}/new/")
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": ""}).status_code == 422
    existing_name = db.session.get_one(models.Department, organisations.own.row_id(models.Department)).name
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": existing_name}).status_code == 422
    assert count_used_forms() == 0
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": "At last"}).status_code == 303
    assert count_used_forms() == 1


def test_an_operation_that_is_refused_leaves_the_token(organisations: TwoOrganisations, admin: Browser):
    """What stands in its way may be gone when it is tried again."""
    person = organisations.own.users[Role.AGENT]
    url = f"/admin/users/operation/delete/?id={person}"
    form = admin.read_form(url)
    for _ in range(2):
        assert "1 user not deleted" in admin.post(url, form).text
    assert count_used_forms() == 0


def test_other_entries_with_a_used_token_are_neither_saved_nor_lost(organisations: TwoOrganisations, admin: Browser):
    """Somebody went back to the form, and wrote something else."""
    form = admin.read_form(f"{DEPARTMENTS}/new/")
    assert admin.post(f"{DEPARTMENTS}/new/", form | {"name": "First"}).status_code == 303
    mark = last_change_id()
    answer = admin.post(f"{DEPARTMENTS}/new/", form | {"name": "Second"})
    assert answer.status_code == 422
    assert "with different entries" in answer.text
    assert changes_since(mark) == []
    again = parse_form(answer.text)
    assert again["name"] == ["Second"]
    assert admin.post(f"{DEPARTMENTS}/new/", again).status_code == 303


def test_the_same_name_of_another_file_is_another_entry(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form(edit_url(organisations))
    files = [
        {"compliance_documents-0-file_id": (io.BytesIO(data), "a.pdf")} for data in (b"%PDF-1", b"%PDF-1", b"%PDF-2")
    ]
    codes = [admin.post(edit_url(organisations), form | file).status_code for file in files]
    assert codes[:2] == [303, 303]
    assert codes[2] in (409, 422)


@pytest.mark.parametrize("token", [None, "", "x", "x" * 33, "\x00" * 32, "ä" * 32])
def test_what_is_no_token_is_not_checked(organisations: TwoOrganisations, admin: Browser, token: str | None):
    for name in ("First", "Second"):
        form = admin.read_form(f"{DEPARTMENTS}/new/") | {"name": name, TOKEN_FIELD: token}
        assert admin.post(f"{DEPARTMENTS}/new/", form).status_code == 303
    assert count_used_forms() == 0


def test_looking_at_a_preview_uses_nothing_up(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/operation/assign/?id={organisations.own.customers[0]}"
    form = admin.read_form(url)
    assert admin.post(url, form | {"preview": "1"}).status_code == 200
    assert count_used_forms() == 0


def test_at_the_same_moment(organisations: TwoOrganisations, admin: Browser):
    """One of them saves, all are led to the same place."""
    form = admin.read_form(edit_url(organisations)) | {"contacts-1-name": "Added"}
    mark = last_change_id()
    assert run_together([build_post(admin, edit_url(organisations), form)] * 4) == [303] * 4
    assert [entry.table_name for entry in changes_since(mark)] == ["contact"]
    new = admin.read_form(f"{DEPARTMENTS}/new/") | {"name": "Once"}
    assert run_together([build_post(admin, f"{DEPARTMENTS}/new/", new)] * 4) == [303] * 4
    url = f"/admin/users/operation/sign-out/?id={organisations.own.users[Role.AGENT]}"
    mark = last_change_id()
    assert run_together([build_post(admin, url, admin.read_form(url))] * 4) == [303] * 4
    assert len(changes_since(mark)) == 1


# --- A record that is deleted meanwhile --------------------------------------------------------------------


def test_what_was_typed_into_the_form_of_a_deleted_record_is_shown(organisations: TwoOrganisations, admin: Browser):
    customer = make_bare_customer(organisations)
    key, name = customer.id, customer.name
    db.session.commit()
    url = f"/admin/customers/edit/?id={key}"
    form_values = {"contact_number": "0815 4711", "billing_day": "soon", "contacts-7-name": "Somebody <New>"}
    form = admin.read_form(url) | form_values
    colleague = Browser(organisations.app, organisations.own.users[Role.MANAGER])
    assert colleague.post(f"/admin/customers/operation/delete/?id={key}").status_code == 303
    mark = last_change_id()
    answer = admin.post(url, form)
    assert answer.status_code == 404
    assert f"{name} was deleted" in answer.text
    assert "The manager deleted this record" in answer.text
    for text in ("0815 4711", "soon", "Somebody &lt;New&gt;"):
        assert text in answer.text
    assert changes_since(mark) == []
    assert count_used_forms() == 0
    assert admin.get(url).status_code == 404


def test_nothing_is_shown_of_rows_that_never_were_or_are_foreign(organisations: TwoOrganisations, admin: Browser):
    foreign_id = make_bare_customer(organisations).id
    with history.act_as(Actor(None, organisations.foreign.id), "test"):
        group = models.CustomerGroup(organisation_id=organisations.foreign.id, name="Secret")
        db.session.add(group)
        db.session.flush()
        key = group.id
        db.session.delete(group)
        db.session.commit()
    form = admin.read_form(f"/admin/customers/edit/?id={foreign_id}")
    for url in (
        f"/admin/groups/edit/?id={key}",
        "/admin/groups/edit/?id=999999",
        "/admin/groups/edit/?id=%C2%B2",
        f"/admin/groups/edit/?id={organisations.foreign.row_id(models.CustomerGroup)}",
    ):
        answer = admin.post(url, form)
        assert answer.status_code == 404
        assert "deleted" not in answer.text
        assert "Secret" not in answer.text
