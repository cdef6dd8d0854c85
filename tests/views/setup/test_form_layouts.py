"""The page that arranges the form of customers, and the form that follows."""

import re
from html import unescape
from typing import Any

import pytest

from customerhub.form_layouts.layouts import CORE
from models import Customer, FormLayout
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.bulk_edit import edit, make_customers, newest_run, outcomes_of, read
from tests.support.customer_pages import NEW, add_customer
from tests.support.lists import list_row_ids
from tests.support.two_organisations import TwoOrganisations, get_customer

PAGE = "/admin/set-up/forms/customers/"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub("<[^>]+>", " ", page)))


def post(browser: Browser, step: str = "save", **changes: Any) -> Any:
    """Press the button `step` after some of the fields were changed."""
    values = browser.read_form(PAGE)
    return browser.post(PAGE, values | {"step": step} | changes)


def hide(browser: Browser, *names: str, **changes: Any) -> Any:
    shown = [name for name in browser.read_form(PAGE)["shown"] if name not in names]
    return post(browser, shown=shown, **changes)


def list_fields(page: str) -> list[str]:
    """The fields of a form in their order, as far as they have a label of their own."""
    return re.findall(r'data-field="([^"]+)"', page)


def edit_url(organisations: TwoOrganisations) -> str:
    return f"/admin/customers/edit/?id={organisations.own.customers[0]}"


def test_a_hidden_field_is_off_the_form_and_keeps_its_value(organisations: TwoOrganisations, admin: Browser):
    website = "https://www.example.com"
    (customer_id,) = make_customers(organisations, 1, website=website, portal_access=True)
    form_url = f"/admin/customers/edit/?id={customer_id}"
    assert hide(admin, "website", "portal_access", "status_id", "review_start_date").status_code == 303
    page = admin.get(form_url).text
    assert not {"website", "portal_access", "status_id", "review_start_date", "review_frequency"} & set(
        list_fields(page)
    )
    assert 'id="portal"' not in page  # nothing is left on this tab
    assert admin.submit(form_url, name="New name").status_code == 303
    customer = db.session.get_one(Customer, customer_id)
    assert (customer.name, customer.website, customer.portal_access) == ("New name", website, True)
    assert website in admin.get(f"/admin/customers/details/?id={customer_id}").text
    assert customer_id in list_row_ids(admin, "customers", "f=website:filled:")


def test_what_a_form_brings_that_was_opened_before_a_field_was_hidden_is_saved(
    organisations: TwoOrganisations, admin: Browser
):
    (customer_id,) = make_customers(organisations, 1)
    form_url = f"/admin/customers/edit/?id={customer_id}"
    opened = admin.read_form(form_url)
    assert hide(admin, "website", "registration_date", "addresses").status_code == 303
    sent = opened | {"website": "www.example.com", "contact_number": "+49 30 1234"}
    sent |= {"addresses-0-kind": "mailing", "addresses-0-lines": "1 Harbour Road"}
    assert admin.post(form_url, sent).status_code == 303
    customer = db.session.get_one(Customer, customer_id)
    assert (customer.website, customer.contact_number) == ("https://www.example.com", "+49 30 1234")
    assert [each.lines for each in customer.addresses] == ["1 Harbour Road"]


def test_with_nothing_above_the_tabs_customers_are_still_added_and_edited(
    organisations: TwoOrganisations, admin: Browser
):
    names = [name for name, value in admin.read_form(PAGE).items() if name.startswith("section-") and CORE in value]
    assert len(names) > 8
    assert post(admin, **dict.fromkeys(names, "identity")).status_code == 303
    assert admin.get(NEW).status_code == 200
    assert admin.get(edit_url(organisations)).status_code == 200


def test_a_required_field_is_not_hidden_along_with_another(admin: Browser):
    answer = hide(admin, "review_start_date", required="review_frequency")
    assert answer.status_code == 422
    assert "A required field cannot be hidden" in answer.text


def test_a_new_customer_gets_what_its_form_would_begin_with_in_hidden_fields(
    organisations: TwoOrganisations, admin: Browser
):
    hide(admin, "portal_access", "billing_cycle", "accounts", "invoice_types")
    first = get_customer(organisations)
    values = {"name": "Newcomer", "reference": "NEW1", "email": "new@customer.example", "risk": "Low"}
    values |= {"region_id": str(first.region_id), "departments": str(first.departments[0].id)}
    assert add_customer(admin, values).status_code == 303
    added = db.session.query(Customer).filter_by(name="Newcomer").one()
    assert added.portal_access
    assert added.billing_cycle == "monthly"
    assert len(added.accounts) == 1


def test_a_field_stands_where_it_was_put(admin: Browser):
    post(admin, "update")  # shows, saves nothing
    assert db.session.query(FormLayout).filter_by(owner="customer").first() is None
    assert post(admin, **{"section-credit_limit": "core", "move": ""}).status_code == 303
    fields = list_fields(admin.get(NEW).text)
    assert fields.index("credit_limit") == fields.index("is_prospect") + 1


@pytest.mark.parametrize(("move", "place"), [("website:up", -1), ("website:down", 1), ("website:sideways", 1)])
def test_without_a_script_buttons_move_a_field(admin: Browser, move: str, place: int):
    before = admin.read_form(PAGE)["field"]
    shown = post(admin, "", move=move)
    assert "Not saved yet" in shown.text
    after = re.findall(r'name="field" value="([^"]+)"', shown.text)
    assert after.index("website") == before.index("website") + place
    assert re.search(r'value="website:up"[^>]+autofocus', shown.text) is not None or move != "website:up"


def test_the_detailed_form_is_chosen_with_one_press_and_says_who_lacks_what(
    organisations: TwoOrganisations, admin: Browser
):
    make_customers(organisations, 3)
    shown = post(admin, "detailed")
    assert shown.status_code == 200
    warning = re.search(r"Some customers lack.*?</ul>", shown.text, re.S)
    assert warning is not None
    found = re.search(r'Segment: <a href="([^"]+)"[^>]*>(\d+) customers', warning[0])
    assert found is not None
    listed = list_row_ids(admin, "customers", unescape(found[1]).partition("?")[2])
    assert len(listed) == int(found[2]) >= 3
    saved = admin.post(PAGE, parse(shown) | {"step": "save"})
    assert saved.status_code == 303
    fields = list_fields(admin.get(NEW).text)
    assert fields[:5] == ["name", "segment_id", "status_id", "channel_id", "responsible_manager_id"]
    assert "Some customers lack" not in admin.get(PAGE).text  # they were told


def parse(answer: Any) -> dict[str, list[Any]]:
    from tests.support.browser_client import parse_form

    return parse_form(answer.text)


def test_the_default_comes_back(admin: Browser):
    fields = list_fields(admin.get(NEW).text)
    assert hide(admin, "website").status_code == 303
    shown = post(admin, "default")
    assert admin.post(PAGE, parse(shown) | {"step": "save"}).status_code == 303
    assert list_fields(admin.get(NEW).text) == fields
    saved = db.session.query(FormLayout).filter_by(owner="customer").one()
    assert (saved.places, saved.hidden, saved.required) == ({}, [], [])


def test_a_required_field_is_marked_asked_for_and_named(organisations: TwoOrganisations, admin: Browser):
    post(admin, required=["vat_number", "segment_id"])
    customer = get_customer(organisations)
    customer.segment_id = None
    db.session.commit()
    page = admin.get(edit_url(organisations))
    assert page.status_code == 200
    assert re.search(r'for="segment_id">Segment<span class="req" data-required-when="is_prospect="', page.text)
    refused = admin.submit(edit_url(organisations), segment_id="")
    assert refused.status_code == 422
    assert "Segment : Required by your organisation" in text_of(refused.text)
    summary = text_of(refused.text).split("Please correct the following")[1]
    assert "Segment : Required by your organisation" in summary[:120]


def test_a_bulk_edit_takes_nothing_away_that_is_required(organisations: TwoOrganisations, admin: Browser):
    keys = make_customers(organisations, 2, website="https://a.example")
    post(admin, required=["website", "credit_check_company"])
    edit(admin, keys, **{"clear-website": "y"})
    assert {text for _, text in outcomes_of(newest_run()).values()} == {"Website: Required by your organisation"}
    assert read(keys, "website") == ["https://a.example"] * 2
    edit(admin, keys, website="https://b.example")  # the company is missing, which is not what is changed
    assert read(keys, "website") == ["https://b.example"] * 2


def test_the_second_of_two_administrators_is_told_and_may_replace(organisations: TwoOrganisations, admin: Browser):
    opened = admin.read_form(PAGE)
    hide(admin, "website")
    stale = opened | {"step": "save", "form_token": "", "shown": [n for n in opened["shown"] if n != "markup"]}
    refused = admin.post(PAGE, stale)
    assert refused.status_code == 409
    assert "saved this form" in refused.text
    saved = db.session.query(FormLayout).filter_by(owner="customer").one()
    assert saved.hidden == ["website"]
    again = admin.post(PAGE, parse(refused) | {"step": "save"})
    assert again.status_code == 303
    db.session.expire_all()
    assert saved.hidden == ["markup"]


def test_a_form_that_is_sent_twice_saves_once(admin: Browser):
    values = admin.read_form(PAGE) | {"step": "save", "required": ["website"]}
    assert [admin.post(PAGE, values).status_code for _ in range(2)] == [303, 303]
    saved = db.session.query(FormLayout).filter_by(owner="customer").one()
    assert saved.version == 1


def test_odd_input_changes_nothing(admin: Browser):
    values = admin.read_form(PAGE)
    odd = values | {
        "step": "save",
        "field": [*values["field"], "password_hash", "section:nowhere", "x" * 5000],
        "section-website": "nowhere",
        "required": ["name", "\x00", "is_prospect"],
        "version": "99999999999999999999",
    }
    refused = admin.post(PAGE, odd)
    assert refused.status_code in (409, 422)
    assert db.session.query(FormLayout).filter_by(owner="customer").first() is None
    assert admin.get("/admin/set-up/forms/passwords/").status_code == 404


def test_the_preview_shows_the_form_and_saves_nothing(organisations: TwoOrganisations, admin: Browser):
    values = admin.read_form(PAGE)
    values["shown"] = [name for name in values["shown"] if name != "website"]
    shown = admin.post(f"{PAGE}preview", values)
    assert "website" not in list_fields(shown.text)
    assert "frame-ancestors 'self'" in shown.headers["Content-Security-Policy"]
    assert 'method="dialog"' in shown.text
    assert "<button name" not in shown.text
    assert "website" in list_fields(admin.get(NEW).text)
    foreign = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    hide(admin, "website")
    assert "website" in list_fields(foreign.get(NEW).text)


def test_who_may_not_edit_sees_the_layout_and_no_buttons(agent: Browser):
    page = agent.get(PAGE).text
    assert "<fieldset" in page
    assert re.search(r"<fieldset[^>]* disabled", page)
    assert 'value="save"' not in page
    assert agent.post(PAGE, {"step": "save"}).status_code == 403


def test_the_history_names_the_fields(admin: Browser):
    hide(admin, "vat_number", required=["segment_id"])
    answer = admin.get("/admin/history/?f=table:is:form_layout")
    key = re.search(r"/admin/history/details/\?id=\d+", answer.text)
    assert key is not None
    assert "Hidden fields VAT number" in text_of(admin.get(key[0]).text)
