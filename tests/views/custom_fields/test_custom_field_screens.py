"""Custom fields where people meet them: set-up, form, record, list, filter, export and history."""

import csv
import io
import re
from html import unescape
from typing import Any

import openpyxl
import pytest
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.custom_fields.values import write_values
from models import Contract, Customer
from models.base import db
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement, Role
from tests.support.browser_client import Browser
from tests.support.custom_fields import K, add_field, list_values
from tests.support.lists import list_row_ids
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, get_customer

SET_UP = "/admin/custom-fields"
SHOWN = {  # each second value of VALUES as a page in the format 31 Jan 2026 shows it
    K.TEXT: "Birnen",
    K.LINK: "https://b.example",
    K.NUMBER: "1250.1234",
    K.AMOUNT: "1,234.50",
    K.DATE: "31 Jan 2026",
    K.CHOICE: "Silver",
    K.YES_NO: "Yes",
}


@pytest.fixture
def fields(organisations: TwoOrganisations) -> dict[CustomFieldKind, Any]:
    """A field of each kind on customers, by kind. The first customer has the second of its values in each."""
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        definitions = {kind: add_field(actor, kind) for kind in K}
        customer = get_customer(organisations)
        for definition in definitions.values():
            setattr(customer, definition.name, list_values(definition)[1])
        db.session.commit()
    return definitions


def list_items(browser: Browser, url: str) -> dict[str, str]:
    """What the sections of a record say."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", browser.get(url).text, re.DOTALL)
    return {unescape(label): unescape(re.sub("<[^>]+>", "", value)) for label, value in found}


# --- Set-up --------------------------------------------------------------------------------------------------------


def test_a_field_is_added_with_its_choices_and_is_on_the_form_at_once(
    organisations: TwoOrganisations, admin: Browser, agent: Browser
):
    values = {
        "owner": "customer",
        "name": "Contract class",
        "kind": "choice",
        "requirement": "optional",
        "tab": "billing",
        "help": "As agreed",
        **{
            f"choices-{row}-{name}": value
            for row in "01"
            for name, value in (("name", "BA"[int(row)]), ("active", "y"))
        },
        "choices-1-position": "1",
    }
    answer = admin.submit(f"{SET_UP}/new/", **values)
    assert answer.status_code == 303
    record = admin.get(answer.location)
    assert "How it looks on the form" in record.text
    assert "As agreed" in record.text
    form = agent.get("/admin/customers/new/").text
    billing = form.partition('id="billing"')[2].partition("</section>")[0]
    assert "Contract class" in billing
    assert re.findall(r">([AB])</option>", billing) == ["A", "B"]


def test_removing_says_how_many_values_are_lost(
    organisations: TwoOrganisations, admin: Browser, fields: dict[CustomFieldKind, Any]
):
    url = f"{SET_UP}/operation/remove/?id={fields[K.TEXT].id}"
    page = re.sub("<[^>]+>", " ", admin.get(url).text)
    assert re.search(r"My text\s+Customer\s+1", page)
    assert admin.submit(url).status_code in (200, 303)
    assert fields[K.TEXT].name not in admin.get("/admin/customers/new/").text
    assert f"id={fields[K.TEXT].id}" not in admin.get(f"{SET_UP}/").text


def test_the_owner_of_a_field_is_chosen_once(
    organisations: TwoOrganisations, admin: Browser, fields: dict[CustomFieldKind, Any]
):
    answer = admin.submit(f"{SET_UP}/edit/?id={fields[K.TEXT].id}", owner="contract")
    assert answer.status_code == 422
    assert "stays with what it was added to" in answer.text


# --- Form and record -----------------------------------------------------------------------------------------------


def test_the_form_holds_saves_and_shows_each_kind(
    organisations: TwoOrganisations, agent: Browser, fields: dict[CustomFieldKind, Any]
):
    key = organisations.own.customers[0]
    url = f"/admin/customers/edit/?id={key}"
    form = agent.read_form(url)
    assert [form[fields[kind].name] for kind in (K.NUMBER, K.AMOUNT, K.YES_NO)] == [["1250.1234"], ["1234.50"], ["yes"]]
    entered = {
        K.TEXT: "Äpfel",
        K.LINK: "www.c.example",
        K.NUMBER: "-7",
        K.AMOUNT: "99",
        K.DATE: "2027-12-24",
        K.CHOICE: str(fields[K.CHOICE].choices[0].id),
        K.YES_NO: "no",
    }
    answer = agent.post(url, form | {fields[kind].name: text for kind, text in entered.items()})
    assert answer.status_code == 303
    shown = list_items(agent, f"/admin/customers/details/?id={key}")
    assert {kind: shown[f"My {kind}"] for kind in K} == {
        K.TEXT: "Äpfel",
        K.LINK: "https://www.c.example",
        K.NUMBER: "-7",
        K.AMOUNT: "99.00 EUR",
        K.DATE: "24 Dec 2027",
        K.CHOICE: "Gold",
        K.YES_NO: "No",
    }
    timeline = re.sub(r"<[^>]+>|\s+", " ", agent.get(f"/admin/customers/details/?id={key}&tab=history").text)
    timeline = re.sub(" +", " ", unescape(timeline))
    assert "My choice" in timeline
    assert "31 Jan 2026" in timeline
    assert "24 Dec 2027" in timeline


@pytest.mark.parametrize(
    ("kind", "text"),
    [(K.NUMBER, "many"), (K.AMOUNT, "1.234"), (K.DATE, "2026-02-30"), (K.CHOICE, "999"), (K.LINK, "no link")],
)
def test_what_cannot_be_read_is_told_beside_its_field(
    organisations: TwoOrganisations,
    agent: Browser,
    fields: dict[CustomFieldKind, Any],
    kind: CustomFieldKind,
    text: str,
):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    answer = agent.submit(url, **{fields[kind].name: text})
    assert answer.status_code == 422
    assert f'id="{fields[kind].name}-error"' in answer.text


def test_the_second_of_two_is_told_of_a_custom_field_that_differs(
    organisations: TwoOrganisations, agent: Browser, admin: Browser, fields: dict[CustomFieldKind, Any]
):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    name = fields[K.TEXT].name
    stale_form = agent.read_form(url)
    assert admin.submit(url, **{name: "theirs"}).status_code == 303
    answer = agent.post(url, stale_form | {name: "mine"})
    assert answer.status_code == 409
    assert "theirs" in answer.text


def test_a_required_field_is_marked_and_asked_for(organisations: TwoOrganisations, agent: Browser):
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        definition = add_field(actor, name="Code", requirement=FieldRequirement.REQUIRED)
        db.session.commit()
    answer = agent.submit(f"/admin/customers/edit/?id={organisations.own.customers[0]}")
    assert answer.status_code == 422
    assert f'id="{definition.name}-error">Required' in answer.text


def test_a_partner_is_asked_for_what_is_required_of_prospects(organisations: TwoOrganisations, as_role: Any):
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        definition = add_field(actor, name="Code", requirement=FieldRequirement.ALWAYS)
        add_field(actor, name="Not asked", requirement=FieldRequirement.REQUIRED)
        db.session.commit()
    partner, url = as_role(Role.PARTNER), "/partner/register/company/"
    values = {"name": "Brand new Ltd", "registration_number": "HRB 4711-X", "contact_name": "Kim"}
    page = partner.get(url).text
    assert definition.name in page
    assert "Not asked" not in page
    assert partner.submit(url, **values).status_code == 422
    assert partner.submit(url, **values, **{definition.name: "C-1"}).status_code == 303
    registered = db.session.scalars(select(Customer).where(Customer.name == values["name"])).one()
    assert getattr(registered, definition.name) == "C-1"


# --- List ----------------------------------------------------------------------------------------------------------


def test_a_list_shows_sorts_and_exports_each_kind(
    organisations: TwoOrganisations, agent: Browser, fields: dict[CustomFieldKind, Any]
):
    names = [fields[kind].name for kind in K]
    agent.post("/admin/list/customers/columns", {"column": ["name", *names]})
    for name in names:
        ids = list_row_ids(agent, "customers", f"sort={name}&desc=1")
        assert ids[0] == organisations.own.customers[0], name
        assert len(ids) == len(set(ids)) > 1
    page = agent.get(f"/admin/customers/?sort={names[0]}").text
    row = re.search(rf'<tr[^>]*data-href="[^"]*id={organisations.own.customers[0]}".*?</tr>', page, re.DOTALL)
    assert row is not None
    text = unescape(re.sub("<[^>]+>", "|", row.group(0)))
    assert [shown for shown in SHOWN.values() if shown not in text] == []
    exported = agent.get(f"/admin/customers/export/csv/?sort={names[0]}").data.decode("utf-8-sig")
    line = next(csv.DictReader(io.StringIO(exported)))
    assert {kind: line[f"My {kind}"] for kind in K} == SHOWN
    workbook = openpyxl.load_workbook(io.BytesIO(agent.get(f"/admin/customers/export/xlsx/?sort={names[0]}").data))
    cells = dict(zip(*([cell.value for cell in row] for row in workbook.active.iter_rows(max_row=2)), strict=True))
    assert (cells["My number"], cells["My amount"], cells["My yes or no"]) == (1250.1234, 1234.5, True)
    assert cells["My date"].date().isoformat() == "2026-01-31"


@pytest.mark.parametrize(
    ("kind", "condition", "is_found"),
    [
        (K.TEXT, "has:irn", True),
        (K.TEXT, "starts:BIR", True),
        (K.TEXT, "is:birnen", True),
        (K.TEXT, "is:irn", False),
        (K.LINK, "has:b.example", True),
        (K.NUMBER, "from:1250", True),
        (K.NUMBER, "to:1250", False),
        (K.AMOUNT, "is:1,234.50", True),
        (K.DATE, "on:2026-01-31", True),
        (K.DATE, "to:2026-01-30", False),
        (K.CHOICE, "is:{second}", True),
        (K.CHOICE, "is:{first},{second}", True),
        (K.CHOICE, "not:{second}", False),
        (K.YES_NO, "is:yes", True),
        (K.YES_NO, "is:no", False),
        (K.YES_NO, "blank:", False),
        (K.AMOUNT, "filled:", True),
    ],
)
def test_each_operator_of_a_filter(
    organisations: TwoOrganisations,
    agent: Browser,
    fields: dict[CustomFieldKind, Any],
    kind: CustomFieldKind,
    condition: str,
    is_found: bool,
):
    first, second = list_values(fields[K.CHOICE])
    query = f"f={fields[kind].name}:{condition.format(first=first, second=second)}"
    assert (organisations.own.customers[0] in list_row_ids(agent, "customers", query)) is is_found


def test_a_filter_that_does_not_fit_is_left_out(
    organisations: TwoOrganisations, agent: Browser, fields: dict[CustomFieldKind, Any]
):
    for kind, value in ((K.NUMBER, "many"), (K.CHOICE, "0"), (K.YES_NO, "maybe"), (K.NUMBER, "9" * 30)):
        page = agent.get(f"/admin/customers/?f={fields[kind].name}:is:{value}")
        assert "is not a valid value for the filter" in unescape(page.text), kind


def test_another_organisation_knows_nothing_of_the_fields(
    organisations: TwoOrganisations, fields: dict[CustomFieldKind, Any]
):
    stranger = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    assert "My choice" not in stranger.get("/admin/customers/new/").text
    assert "My choice" not in stranger.get("/admin/list/customers/columns").text
    assert stranger.get(f"{SET_UP}/details/?id={fields[K.TEXT].id}").status_code == 404


# --- Contracts and invoice profiles --------------------------------------------------------------------------------


def test_contracts_and_profiles_have_their_fields_on_form_record_and_list(
    organisations: TwoOrganisations, agent: Browser
):
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        seats = add_field(actor, K.NUMBER, "Seats", owner=CustomFieldOwner.CONTRACT)
        order = add_field(actor, K.TEXT, "Order no.", owner=CustomFieldOwner.INVOICE_PROFILE)
        db.session.commit()
    key = organisations.own.row_id(Contract)
    assert agent.submit(f"/admin/contracts/edit/?id={key}", **{seats.name: "12"}).status_code == 303
    assert list_items(agent, f"/admin/contracts/details/?id={key}")["Seats"] == "12"
    assert list_row_ids(agent, "contracts", f"f={seats.name}:from:12&sort={seats.name}") == [key]
    customer = db.session.get_one(Contract, key).customer_id
    url = f"/admin/customers/edit/?id={customer}"
    name = next(name for name in agent.read_form(url) if name.endswith(f"-{order.name}"))
    assert agent.submit(url, **{name: "PO-1"}).status_code == 303
    assert "PO-1" in agent.get(f"/admin/customers/details/?id={customer}&tab=profiles").text


# --- What it costs -------------------------------------------------------------------------------------------------


def count_statements(browser: Browser, url: str) -> int:
    browser.get(url)
    with record_statements() as statements:
        assert browser.get(url).status_code == 200
    return len(statements)


def test_twenty_fields_cost_no_more_than_one_statement_a_page(organisations: TwoOrganisations, agent: Browser):
    key = organisations.own.customers[0]
    pages = {
        "/admin/customers/": 0,  # none of them is shown
        "/admin/customers/?f=custom_size_3:from:1": 0,
        "/admin/customers/?sort=custom_size_3": 2,  # those with a value, and where they fill no page those without
        f"/admin/customers/edit/?id={key}": 1,
        f"/admin/customers/details/?id={key}": 1,
        "/admin/customers/new/": 0,
    }
    before = {url: count_statements(agent, url.partition("?f=")[0].partition("?sort=")[0]) for url in pages}
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        definitions = [add_field(actor, K.NUMBER, f"Size {number}") for number in range(20)]
        keys = organisations.own.customers
        write_values(
            CustomFieldOwner.CUSTOMER, organisations.own.id, {each: [(key, 1) for key in keys] for each in definitions}
        )
        db.session.commit()
    for url, most in pages.items():
        assert count_statements(agent, url) - before[url] <= most, url
    agent.post("/admin/list/customers/columns", {"column": ["name", *(each.name for each in definitions)]})
    assert count_statements(agent, "/admin/customers/") - before["/admin/customers/"] <= 1
