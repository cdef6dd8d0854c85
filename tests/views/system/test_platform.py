"""Somebody with the grant platform works in one organisation at a time, the one they chose."""

import io
import re
from typing import Any

import pytest

import models
from jobs import exports
from models.base import db
from models.enums import TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, database_contents, last_change_id
from tests.support.screen_table import SCREENS
from tests.support.two_organisations import TwoOrganisations
from views.framework import export_choice


@pytest.fixture
def person(organisations: TwoOrganisations) -> Browser:
    """In their own organisation yet."""
    return Browser(organisations.app, organisations.platform_user)


@pytest.fixture
def visitor(organisations: TwoOrganisations, person: Browser) -> Browser:
    """In the other organisation."""
    answer = person.post("/admin/organisation/", {"organisation": str(organisations.foreign.id)})
    assert (answer.status_code, answer.location) == (303, "/admin/")
    return person


def test_the_choice_is_offered_and_holds_everywhere(organisations: TwoOrganisations, visitor: Browser):
    page = visitor.get("/admin/").text
    assert f'<option value="{organisations.foreign.id}" selected>Their Telecom</option>' in page
    for endpoint, screen in SCREENS.items():
        if endpoint in ("organisations", "exports", "operation-runs"):  # the last two are one's own
            continue
        home = f"/admin/{endpoint}"
        assert visitor.get(f"{home}/details/?id={screen.row_of(organisations.foreign)}").status_code == 200, endpoint
        assert visitor.get(f"{home}/details/?id={screen.row_of(organisations.own)}").status_code == 404, endpoint
        assert "Our Telecom customer" not in visitor.get(f"{home}/").text
    assert visitor.get("/admin/search/suggest?q=REF-1").json[0]["label"] == "Their Telecom customer 1"


def test_going_back(organisations: TwoOrganisations, visitor: Browser):
    assert visitor.post("/admin/organisation/", {"organisation": str(organisations.own.id)}).status_code == 303
    assert visitor.get(f"/admin/customers/details/?id={organisations.own.customers[0]}").status_code == 200
    assert visitor.get(f"/admin/customers/details/?id={organisations.foreign.customers[0]}").status_code == 404


@pytest.mark.parametrize("organisation", ["", "0", "-1", "abc", "１", "999999", str(2**70)])
def test_an_organisation_that_there_is_not(organisations: TwoOrganisations, person: Browser, organisation: str):
    answer = person.post("/admin/organisation/", {"organisation": organisation})
    assert answer.status_code == 404 or organisation == "１"
    assert person.get(f"/admin/customers/details/?id={organisations.own.customers[0]}").status_code == 200


def test_what_a_visitor_changes_is_theirs_and_says_who(organisations: TwoOrganisations, visitor: Browser):
    mark = last_change_id()
    url = f"/admin/customers/edit/?id={organisations.foreign.customers[0]}"
    file = {"compliance_documents-0-file_id": (io.BytesIO(b"%PDF-1.7"), "a.pdf")}
    answer = visitor.submit(url, promotional_emails="y", account_manager_id="", **file)
    assert answer.status_code == 303
    customer = db.session.get_one(models.Customer, organisations.foreign.customers[0])
    assert (customer.promotional_emails, customer.promotional_set_by_id) == (True, organisations.platform_user)
    assert {entry.actor_name for entry in changes_since(mark)} == {"Pat Platform"}
    assert {entry.organisation_id for entry in changes_since(mark)} == {organisations.foreign.id}
    page = visitor.get(f"/admin/customers/details/?id={customer.id}").text
    assert ", by Pat Platform" in page


def test_a_visitor_adds_to_the_organisation_they_are_in(organisations: TwoOrganisations, visitor: Browser):
    assert (
        visitor.post(
            "/admin/departments/new/", visitor.read_form("/admin/departments/new/") | {"name": "Visited"}
        ).status_code
        == 303
    )
    department = db.session.query(models.Department).filter_by(name="Visited").one()
    assert department.organisation_id == organisations.foreign.id


def test_a_visitor_cannot_choose_from_their_own_organisation(organisations: TwoOrganisations, visitor: Browser):
    url = f"/admin/customers/edit/?id={organisations.foreign.customers[0]}"
    own_customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    for field, value in (("region_id", own_customer.region_id), ("account_manager_id", organisations.platform_user)):
        assert visitor.submit(url, **{field: str(value)}).status_code == 422


def test_a_visitor_exports_large_lists(
    organisations: TwoOrganisations, visitor: Browser, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(export_choice, "DIRECT_ROWS", 2)
    answer = visitor.post("/admin/customers/export/csv/")
    assert answer.status_code == 303
    key = int(answer.location.rpartition("=")[2])
    exports.write(key)
    text = visitor.get(f"/admin/exports/file/?id={key}").text
    assert "Their Telecom customer 0" in text
    assert "Our Telecom" not in text


def test_a_visitor_imports(organisations: TwoOrganisations, visitor: Browser):
    answer = visitor.post("/admin/imports/upload/", {"file": (io.BytesIO(b"PK no workbook"), "customers.xlsx")})
    assert answer.status_code == 303
    key = int(answer.location.rpartition("=")[2])
    customer_import = db.session.get_one(models.CustomerImport, key)
    assert (customer_import.organisation_id, customer_import.user_id, customer_import.state) == (
        organisations.foreign.id,
        organisations.platform_user,
        TransferState.QUEUED,
    )


def test_a_new_organisation_starts_empty_and_says_what_is_missing(organisations: TwoOrganisations, person: Browser):
    new = {"name": "Third Telecom", "currency": "CHF", "country": "CH", "timezone": "Europe/Zurich"}
    assert (
        person.post("/admin/organisations/new/", person.read_form("/admin/organisations/new/") | new).status_code == 303
    )
    third = db.session.query(models.Organisation).filter_by(name="Third Telecom").one()
    assert person.post("/admin/organisation/", {"organisation": str(third.id)}).status_code == 303
    page = person.get("/admin/customers/new/").text
    for words, link in (
        ("Please add a region", "/admin/catalogs/new/?type=region"),
        ("Please add a department", "/admin/departments/new/"),
        ("Please add a status", "/admin/statuses/new/"),
    ):
        assert words in page
        assert link in page


# --- A form that was opened in another organisation --------------------------------------------------------


def switch_organisation(person: Browser, organisation: int) -> None:
    assert person.post("/admin/organisation/", {"organisation": str(organisation)}).status_code == 303


def hidden_fields(person: Browser, url: str) -> dict[str, Any]:
    """What every form on the page carries."""
    found = re.search(r'name="working_in" value="(\d+)"', person.get(url).text)
    assert found
    return {"working_in": found[1]}


def stale_posts(organisations: TwoOrganisations, person: Browser) -> list[tuple[str, Any]]:
    """(address, what is sent) of forms that the person opened where they work now."""
    customer = organisations.own.customers[0]
    own_organisation = db.session.get_one(models.Organisation, organisations.own.id)
    ready = make.CustomerImportFactory(organisation=own_organisation, state=TransferState.READY).id
    db.session.commit()
    edit, new = f"/admin/customers/edit/?id={customer}", "/admin/departments/new/"
    assign = f"/admin/customers/operation/assign/?id={customer}"
    return [
        (edit, person.read_form(edit) | {"website": "www.example.com"}),
        (new, person.read_form(new) | {"name": "Lost"}),
        (assign, person.read_form(assign)),
        (
            "/admin/imports/upload/",
            hidden_fields(person, "/admin/imports/upload/") | {"file": (io.BytesIO(b"PK"), "a.xlsx")},
        ),
        (f"/admin/imports/confirm/?id={ready}", hidden_fields(person, f"/admin/imports/details/?id={ready}")),
        (
            "/admin/list/customers/views",
            hidden_fields(person, "/admin/customers/") | {"name": "Mine", "f": "risk:is:High"},
        ),
        ("/admin/list/customers/columns", hidden_fields(person, "/admin/customers/") | {"column": "name"}),
    ]


def test_a_form_is_saved_in_no_other_organisation_than_it_was_opened_in(
    organisations: TwoOrganisations, person: Browser
):
    posts = stale_posts(organisations, person)
    switch_organisation(person, organisations.foreign.id)
    before = database_contents()
    for url, data in posts:
        answer = person.post(url, data)
        assert answer.status_code == 409, url
        message = "You now work in Their Telecom; this form was opened in Our Telecom. Nothing was saved."
        assert message in answer.text, url
    assert database_contents() == before
    switch_organisation(person, organisations.own.id)
    url, form = posts[1]
    assert person.post(url, form).status_code == 303


def test_the_menu_works_from_every_page(organisations: TwoOrganisations, person: Browser):
    """Choosing an organisation and signing out are the same wherever the page was opened."""
    carried = hidden_fields(person, "/admin/")
    switch_organisation(person, organisations.foreign.id)
    answer = person.post("/admin/organisation/", {"organisation": str(organisations.own.id), **carried})
    assert answer.status_code == 303
    switch_organisation(person, organisations.foreign.id)
    assert person.post("/sign-out", carried).location == "/sign-in"


@pytest.mark.parametrize("junk", ["", "x", "0", "-1", "１", "999999", str(2**70)])
def test_a_form_of_no_organisation_is_refused(organisations: TwoOrganisations, person: Browser, junk: str):
    answer = person.post("/admin/departments/new/", {"name": "Lost", "working_in": junk})
    assert answer.status_code == 409
    assert "opened in another organisation" in answer.text


def test_who_works_in_one_organisation_carries_nothing_along(organisations: TwoOrganisations, admin: Browser):
    assert "working_in" not in admin.get("/admin/customers/new/").text
    answer = admin.post("/admin/departments/new/", {"name": "Lost", "working_in": str(organisations.foreign.id)})
    assert answer.status_code == 409
    assert "Their Telecom" not in answer.text
