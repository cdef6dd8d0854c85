"""The pages that arrange the forms of contracts and invoice profiles, and the forms that follow."""

import re
from html import unescape
from typing import Any

import pytest

from customerhub.core import history
from models import Contract, FormLayout, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, CustomFieldOwner, FieldRequirement, Role, RunOutcome
from tests.customerhub.conftest import actor_of
from tests.support.browser_client import Browser, parse_form
from tests.support.bulk_edit import edit, edit_url, newest_run, outcomes_of
from tests.support.contract_pages import TERMS, add_profile, make_live_customer, page_text
from tests.support.custom_fields import add_field
from tests.support.lists import list_row_ids
from tests.support.screen_rows import make_contract
from tests.support.two_organisations import TwoOrganisations

CONTRACTS, PROFILES = "/admin/set-up/forms/contracts/", "/admin/set-up/forms/invoice-profiles/"
REQUIRED = "Required by your organisation"


def arrange(admin: Browser, page: str, *, hidden: tuple[str, ...] = (), **changes: Any) -> None:
    values = admin.read_form(page)
    values["shown"] = [name for name in values["shown"] if name not in hidden]
    answer = admin.post(page, values | {"step": "save"} | changes)
    assert answer.status_code == 303, page_text(answer.text)


def list_fields(page: str) -> list[str]:
    return re.findall(r'data-field="([^"]+)"', page)


def list_columns(page: str) -> list[str]:
    """The headings of the invoice profiles on the form of a customer."""
    table = page.split('data-inline="invoice_profiles"')[1].split("</thead>")[0]
    return [unescape(re.sub("<[^>]+>", "", each)) for each in re.findall(r"<th [^>]*>(.*?)</th>", table)]


def contract_url(contract: Contract, page: str = "edit") -> str:
    return f"/admin/contracts/{page}/?id={contract.id}"


def edit_customer(organisations: TwoOrganisations) -> str:
    return f"/admin/customers/edit/?id={organisations.own.customers[0]}"


@pytest.fixture
def contract(organisations: TwoOrganisations) -> Contract:
    made = make_contract(ContractStatus.LIVE)(organisations)
    with history.act_as(actor_of(organisations, Role.ADMIN), "test"):
        made.supplier, made.connections = "Cable Ltd", 7
        db.session.commit()
    return made


def add_custom_field(organisations: TwoOrganisations, name: str, owner: CustomFieldOwner, **values: Any) -> Any:
    actor = actor_of(organisations, Role.ADMIN)
    with history.act_as(actor, "test"):
        field = add_field(actor, name=name, owner=owner, **values)
        db.session.commit()
    return field


def test_the_form_of_a_contract_follows_its_layout_and_so_does_its_record(
    organisations: TwoOrganisations, admin: Browser, agent: Browser, contract: Contract
):
    customer = make_live_customer(organisations)
    profile = add_profile(organisations, customer, name="Mine")
    seats = add_custom_field(organisations, "Seats", CustomFieldOwner.CONTRACT)
    new = f"/admin/contracts/new/?customer_id={customer.id}"
    usual = list_fields(agent.get(new).text)
    assert (usual[:2], usual[-1]) == (["name", "number"], seats.name)
    assert "tab-more" not in agent.get(new).text
    places = {"section-supplier": "more", f"section-{seats.name}": "more", "section-business_risk": "risk"}
    arrange(admin, CONTRACTS, hidden=("connections",), required=["value"], **places)
    page = agent.get(new).text
    assert list_fields(page) == [
        *(name for name in usual if name not in ("connections", "supplier", "business_risk", seats.name)),
        *("business_risk", "supplier", seats.name),
    ]
    assert 'id="tab-more"' in page
    assert re.search(r'for="value">Value<span class="req"', page)
    assert "tab-more" not in agent.get("/admin/contracts/new/").text, "the customer is chosen first"
    values = {**TERMS, "invoice_profile_id": str(profile.id), "value": ""}
    refused = agent.submit(new, **values)
    assert refused.status_code == 422
    assert f"Value : {REQUIRED}" in page_text(refused.text)
    added = agent.submit(new, **values | {"value": "12", seats.name: "40"})
    assert added.status_code == 303
    record = agent.get(added.location).text
    titles = re.findall(r"<h2[^>]*>(Terms|Risk|More)</h2>", record)
    assert titles == ["Terms", "Risk", "More"]
    more = page_text("<main>" + record.split(">More</h2>")[1])
    assert more.index("Supplier") < more.index("Nordkabel") < more.index("Seats") < more.index("40")


def test_a_hidden_field_keeps_its_value_and_one_that_is_required_is_not_taken_away(
    organisations: TwoOrganisations, admin: Browser, agent: Browser, contract: Contract
):
    keys = [contract.id, make_contract(ContractStatus.LIVE)(organisations).id]
    arrange(admin, CONTRACTS, hidden=("connections", "number"), required=["supplier"])
    number = contract.number
    assert agent.submit(contract_url(contract), name="Renamed").status_code == 303
    db.session.refresh(contract)
    assert (contract.name, contract.number, contract.connections) == ("Renamed", number, 7)
    offered = agent.get(edit_url([contract.id], "contracts")).text
    assert 'value="supplier"' in offered
    assert 'value="connections"' not in offered
    edit(agent, keys, "contracts", **{"clear-supplier": "y"})
    assert outcomes_of(newest_run())[contract.id] == (RunOutcome.REFUSED, f"Supplier: {REQUIRED}")
    edit(agent, keys, "contracts", value="44")  # one of them lacks a supplier, which is not what is changed
    db.session.refresh(contract)
    assert (contract.value, contract.supplier) == (44, "Cable Ltd")
    assert {outcome for outcome, _ in outcomes_of(newest_run()).values()} == {RunOutcome.DONE}


def test_the_columns_of_invoice_profiles_follow_their_layout(
    organisations: TwoOrganisations, admin: Browser, agent: Browser
):
    order = add_custom_field(organisations, "Order no.", CustomFieldOwner.INVOICE_PROFILE)
    url = edit_customer(organisations)
    profile = db.session.query(InvoiceProfile).filter_by(customer_id=organisations.own.customers[0]).one()
    file_id, status = profile.nda_file_id, profile.status
    assert list_columns(agent.get(url).text) == ["Name*", "Email*", "Client NDA", "Order no."]
    fields = ["section:core", order.name, "email", "name", "nda_file_id"]
    arrange(admin, PROFILES, hidden=("nda_file_id",), field=fields)
    assert list_columns(agent.get(url).text) == ["Order no.", "Email*", "Name*"]
    assert agent.submit(url, **{f"invoice_profiles-0-{order.name}": "PO-1"}).status_code == 303
    db.session.refresh(profile)
    assert (profile.nda_file_id, profile.status, getattr(profile, order.name)) == (file_id, status, "PO-1")
    arrange(admin, PROFILES, hidden=(order.name,))
    assert list_columns(agent.get(url).text) == ["Email*", "Name*"]
    assert agent.submit(url, **{"invoice_profiles-0-name": "Main office"}).status_code == 303
    db.session.expire_all()
    assert (profile.name, getattr(profile, order.name)) == ("Main office", "PO-1")


def test_an_nda_that_is_required_is_asked_for_in_its_row(
    organisations: TwoOrganisations, admin: Browser, agent: Browser
):
    arrange(admin, PROFILES, required=["nda_file_id"])
    url = edit_customer(organisations)
    assert list_columns(agent.get(url).text) == ["Name*", "Email*", "Client NDA*"]
    count = db.session.query(InvoiceProfile).count()
    row = {"invoice_profiles-7-name": "Second", "invoice_profiles-7-email": "pay@customer.example"}
    refused = agent.submit(url, **row)
    assert refused.status_code == 422
    summary = page_text(refused.text).split("Please correct the following")[1]
    assert f"Client NDA : {REQUIRED}" in summary.replace("NDA:", "NDA :")[:160]
    arrange(admin, "/admin/set-up/forms/customers/", hidden=("invoice_profiles",))
    assert agent.submit(url, contact_number="+49 30 1").status_code == 303, "the list is not on the form"
    assert db.session.query(InvoiceProfile).count() == count


def test_what_was_typed_into_a_field_or_column_hidden_meanwhile_is_not_lost(
    organisations: TwoOrganisations, admin: Browser, agent: Browser, contract: Contract
):
    order = add_custom_field(organisations, "Order no.", CustomFieldOwner.INVOICE_PROFILE)
    opened, customer = agent.read_form(contract_url(contract)), agent.read_form(edit_customer(organisations))
    arrange(admin, CONTRACTS, hidden=("supplier",))
    arrange(admin, PROFILES, hidden=(order.name,))
    refused = agent.post(contract_url(contract), opened | {"supplier": "Typed Ltd", "name": ""})
    assert refused.status_code == 422
    again = parse_form(refused.text)
    assert again["supplier"] == ["Typed Ltd"]
    assert agent.post(contract_url(contract), again | {"name": "Named"}).status_code == 303
    assert "supplier" not in agent.read_form(contract_url(contract))
    column = f"invoice_profiles-0-{order.name}"
    refused = agent.post(edit_customer(organisations), customer | {column: "PO-9", "name": ""})
    assert parse_form(refused.text)[column] == ["PO-9"]
    assert agent.post(edit_customer(organisations), parse_form(refused.text) | {"name": "Named"}).status_code == 303
    db.session.expire_all()
    profile = db.session.query(InvoiceProfile).filter_by(customer_id=organisations.own.customers[0]).one()
    assert (contract.supplier, getattr(profile, order.name)) == ("Typed Ltd", "PO-9")


def test_the_page_says_how_many_contracts_lack_what_will_be_required(admin: Browser, contract: Contract):
    values = admin.read_form(CONTRACTS)
    shown = admin.post(CONTRACTS, values | {"step": "update", "required": ["contract_risk", "supplier"]}).text
    warning = re.search(r"Some contracts lack.*?</ul>", shown, re.S)
    assert warning is not None
    found = re.findall(r'(?:Contract risk|Supplier): <a href="([^"]+)"[^>]*>(\d+) contracts? without', warning[0])
    assert len(found) == 2
    for url, count in found:
        assert len(list_row_ids(admin, "contracts", unescape(url).partition("?")[2])) == int(count) > 0


@pytest.mark.parametrize(
    ("page", "hidden", "shown"), [(CONTRACTS, "supplier", "value"), (PROFILES, "nda_file_id", "email")]
)
def test_the_preview_shows_it_and_saves_nothing(
    organisations: TwoOrganisations, admin: Browser, page: str, hidden: str, shown: str
):
    values = admin.read_form(page)
    values["shown"] = [name for name in values["shown"] if name != hidden]
    answer = admin.post(f"{page}preview", values)
    names = {name.rpartition("-")[2] for name in re.findall(r' name="([^"]+)"', answer.text)}
    assert answer.status_code == 200
    assert hidden not in names
    assert shown in names
    assert 'method="dialog"' in answer.text
    assert not [each for each in db.session.query(FormLayout) if hidden in each.hidden]


@pytest.mark.parametrize(
    ("page", "changes", "text"),
    [
        (CONTRACTS, {"required": ["name"]}, "This field cannot be required"),
        (CONTRACTS, {"required": ["customer_id"]}, None),
        (PROFILES, {"required": ["email"]}, "This field cannot be required"),
        (PROFILES, {"field": ["section:core", "status", "name"]}, "This field was removed"),
    ],
)
def test_what_the_hub_needs_stays(admin: Browser, page: str, changes: dict[str, Any], text: str | None):
    answer = admin.post(page, admin.read_form(page) | {"step": "save"} | changes)
    if text is None:
        assert answer.status_code == 303
        assert not [each for each in db.session.query(FormLayout) if each.required]
        return
    assert answer.status_code == 422
    assert text in page_text(answer.text)


def test_a_required_custom_field_stays_on_both_forms_and_another_organisation_has_its_own(
    organisations: TwoOrganisations, admin: Browser, contract: Contract
):
    fields = [
        add_custom_field(organisations, "Class", owner, requirement=FieldRequirement.REQUIRED)
        for owner in (CustomFieldOwner.CONTRACT, CustomFieldOwner.INVOICE_PROFILE)
    ]
    for page, field in zip((CONTRACTS, PROFILES), fields, strict=True):
        arrange(admin, page, hidden=(field.name, "supplier"))
    assert fields[0].name in list_fields(admin.get(contract_url(contract)).text)
    assert "Class*" in list_columns(admin.get(edit_customer(organisations)).text)
    foreign = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    other = db.session.get_one(Contract, organisations.foreign.row_id(Contract))
    assert "supplier" in list_fields(foreign.get(contract_url(other)).text)
