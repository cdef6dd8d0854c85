"""The summary of errors above a form: each link leads to the field that is wrong."""

import re

from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations

CELLS = {
    "compliance_documents-0-certificate": "Licence",
    "compliance_documents-0-expiry_date": "2030-01-01",
    "compliance_documents-1-certificate": "",
    "compliance_documents-1-expiry_date": "soon",
    "contacts-0-name": "Robin",
    "contacts-0-role": "manager",
    "contacts-0-email": "robin@contact.example",
    "contacts-1-name": "Kim",
    "contacts-1-role": "manager",
    "contacts-1-email": "no address",
}


def summary_links(page: str) -> dict[str, str]:
    """The fields that the summary of errors leads to, by what it calls them."""
    block = re.search(r"<div[^>]* data-errors>.*?</div></div>", page, re.S)
    assert block is not None
    return {label: target for target, label in re.findall(r'<a href="#([^"]+)">([^<]+)</a>', block[0])}


def test_each_link_leads_to_the_field_that_is_wrong(organisations: TwoOrganisations, admin: Browser):
    values = {"name": "Acme", "credit_limit": "many", "departments": [], "account_manager_id-text": "Nobody", **CELLS}
    page = admin.submit("/admin/customers/new/", **values).text
    links = summary_links(page)
    assert links == {
        "Credit limit": "credit_limit",
        "Account manager": "account_manager_id",
        "Compliance documents, row 2, Certificate": "compliance_documents-1-certificate",
        "Compliance documents, row 2, Expiry date": "compliance_documents-1-expiry_date",
        "Reference": "reference",
        "Email": "email",
        "Region": "region_id",
        "Departments": "departments",
        "Risk": "risk",
        "Contacts, row 2, Email": "contacts-1-email",
    }
    for target in links.values():
        (element,) = re.findall(rf'<[a-z]+[^>]* id="{target}"[^>]*>', page)
        assert 'aria-invalid="true"' in element, target


def test_of_many_wrong_cells_the_first_are_named(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/edit/?id={organisations.own.customers[1]}"
    rows = {f"contacts-{number}-{name}": "x" for number in range(13) for name in ("name", "email")}
    links = summary_links(admin.submit(url, **rows).text)
    assert list(links) == [*(f"Contacts, row {number}, Email" for number in range(1, 11)), "Contacts"]
    assert links["Contacts"] == "contacts-10-email"


def test_what_is_wrong_with_a_list_leads_to_the_list(organisations: TwoOrganisations, admin: Browser):
    values = {"name": "Acme", "is_prospect": "y", "registration_number": "R 1"}
    page = admin.submit("/admin/customers/new/", **values).text
    assert summary_links(page)["Contacts"] == "contacts-list"
    assert page.count('id="contacts-list"') == 1


def test_rates_are_marked_at_their_cells(organisations: TwoOrganisations, admin: Browser):
    rates = {"prefix": "4420", "price_per_minute": "0.1", "valid_from": "2025-01-01"}
    values = {f"rates-{number}-{name}": value for number in range(2) for name, value in rates.items()}
    page = admin.submit("/admin/tariffs/new/", name="New", **values).text
    assert summary_links(page) == {"Rates, row 2, Prefix": "rates-1-prefix"}
