"""Partners register companies and consumers."""

import re

import pytest
from sqlalchemy import select

import models
from customerhub.customers.registration import NUMBER_REFUSED, POSSIBLE_DUPLICATE
from models.base import db
from models.enums import CustomerKind, Role, Stage
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.partner_pages import FORM_VALUES, get_registered, onboarding_task
from tests.support.row_changes import changes_since, last_change_id
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.http import form_tokens

COMPANY, CONSUMER = "/partner/register/company/", "/partner/register/consumer/"


# --- Registering -------------------------------------------------------------------------------------------


def test_a_company_is_registered_and_waits_for_approval(organisations: TwoOrganisations, partner: Browser):
    answer = partner.submit(COMPANY, **FORM_VALUES)
    customer = get_registered()
    assert (answer.status_code, answer.location) == (303, f"/partner/customers/{customer.id}/")
    assert (customer.stage, customer.is_prospect, customer.kind) == (Stage.NEW, True, CustomerKind.COMPANY)
    assert customer.dealer_id == db.session.get_one(models.User, organisations.own.users[Role.PARTNER]).dealer_id
    assert (customer.website, customer.vat_number, str(customer.registration_date)) == (
        "https://sandbank.example",
        "DE136695976",
        "2019-03-04",
    )
    assert [(c.name, c.email, c.phone) for c in customer.contacts] == [
        ("Jonas Petersen", "office@sandbank.example", "+49 4651 990")
    ]
    assert [(a.lines, a.city, a.country) for a in customer.addresses] == [("Strandweg 3", "Sylt", "DE")]
    task = onboarding_task(customer)
    assert task.requester_id == partner.user_id
    assert [comment.text for comment in task.comments] == ["Soon, please."]
    page = partner.get(answer.location).text
    assert "was registered" in page
    assert "Soon, please." in page


def test_a_consumer_needs_an_identity_number(organisations: TwoOrganisations, partner: Browser):
    entered = {"name": "Kim Novak", "contact_name": "Kim Novak"}
    assert partner.submit(CONSUMER, **entered).status_code == 422
    assert partner.submit(CONSUMER, **entered, identity_number="ID 4711").status_code == 303
    customer = get_registered("Kim Novak")
    assert (customer.kind, customer.identity_number, customer.registration_number) == (
        CustomerKind.CONSUMER,
        "ID 4711",
        None,
    )


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("name", "", "Required"),
        ("name", " ", "Required"),
        ("name", "x" * 201, "200 characters"),
        ("name", "a\x07b", "cannot be shown"),
        ("registration_number", "", "Required"),
        ("registration_number", "...", "Required"),
        ("contact_name", "", "Required"),
        ("email", "nobody", "is not an email address"),
        ("website", "javascript:alert(1)", "is not a web address"),
        ("registration_date", "30.02.2025", "is not a valid date"),
        ("registration_date", "0001-01-01", "out of range"),
        ("customer_type", "alien", "Choose one from the list"),
        ("country", "XX", "country"),
        ("vat_number", "x" * 41, "40 characters"),
        ("postal_code", "x" * 21, "20 characters"),
        ("city", "x" * 121, "120 characters"),
        ("address", "x" * 201, "200 characters"),
        ("comment", "x" * 2001, "2000 characters"),
        ("comment", "a\x00b", "cannot be shown"),
        ("contact_number", "x" * 61, "60 characters"),
    ],
)
def test_a_refusal_stands_at_its_field_and_nothing_is_lost(
    organisations: TwoOrganisations, partner: Browser, field: str, text: str, message: str
):
    mark = last_change_id()
    answer = partner.submit(COMPANY, **FORM_VALUES | {field: text})
    assert answer.status_code == 422
    assert changes_since(mark) == []
    error = re.search(rf'id="{field}-error">([^<]*)<', answer.text)
    assert error is not None, f"{field}: not beside the field"
    assert message in error[1]
    again = parse_form(answer.text)
    for name, value in FORM_VALUES.items():
        if name != field:
            assert again[name] == [value], name
    assert partner.post(COMPANY, again | {field: FORM_VALUES[field]}).status_code == 303


def test_a_number_of_another_partners_customer_is_refused_without_naming_it(
    organisations: TwoOrganisations, partner: Browser
):
    existing_customer = make.CustomerFactory(
        organisation=own_organisation(organisations), registration_number="HRB 77-120", name="Secret Client"
    )
    answer = partner.submit(COMPANY, **FORM_VALUES)
    assert answer.status_code == 422
    assert 'id="registration_number-error"' in answer.text
    for secret_text in (existing_customer.name, existing_customer.account_number, f"customers/{existing_customer.id}"):
        assert secret_text not in answer.text


def test_a_likely_duplicate_is_warned_of_without_naming_whose(organisations: TwoOrganisations, partner: Browser):
    existing_customer = make.CustomerFactory(
        organisation=own_organisation(organisations), name="Sandbank Surf and Sail Ltd", reference="SECRET-1"
    )
    mark = last_change_id()
    answer = partner.submit(COMPANY, **FORM_VALUES)
    assert answer.status_code == 422
    assert POSSIBLE_DUPLICATE in answer.text
    assert changes_since(mark) == []
    for secret_text in (existing_customer.name, existing_customer.account_number, "SECRET-1"):
        assert secret_text not in answer.text
    again = parse_form(answer.text)
    assert {name: again[name][0] for name in FORM_VALUES} == FORM_VALUES
    assert 'name="sure"' in answer.text
    assert partner.post(COMPANY, again).status_code == 422
    assert partner.post(COMPANY, again | {"sure": "y"}).status_code == 303
    assert get_registered().id != existing_customer.id


def test_the_box_for_duplicates_shows_only_where_it_is_needed(organisations: TwoOrganisations, partner: Browser):
    assert 'name="sure"' not in partner.get(COMPANY).text
    assert 'name="sure"' not in partner.submit(COMPANY, name="").text


@pytest.mark.parametrize("number", ["HRB 77 120", "hrb77120", "HRB-77-120"])
def test_a_blacklisted_number_is_refused(organisations: TwoOrganisations, partner: Browser, number: str):
    make.BlacklistEntryFactory(
        organisation=own_organisation(organisations), registration_number="HRB 77 120", reason="Fraud in 2019"
    )
    mark = last_change_id()
    answer = partner.submit(COMPANY, **FORM_VALUES | {"registration_number": number, "sure": "y"})
    assert answer.status_code == 422
    assert NUMBER_REFUSED in re.search(r'id="registration_number-error">([^<]*)<', answer.text)[1]
    assert "Fraud" not in answer.text
    assert changes_since(mark) == []


def test_a_form_that_is_sent_twice_registers_once(organisations: TwoOrganisations, partner: Browser):
    form = partner.read_form(COMPANY) | FORM_VALUES
    first, second = partner.post(COMPANY, form), partner.post(COMPANY, form)
    assert (first.status_code, second.status_code) == (303, 303)
    assert first.location == second.location == f"/partner/customers/{get_registered().id}/"
    other = partner.post(COMPANY, form | {"name": "Something else"})
    assert other.status_code == 422
    assert form_tokens.SAVED_WITH_OTHER_ENTRIES in other.text
    assert len(list(db.session.scalars(select(models.Customer).where(models.Customer.name == "Something else")))) == 0


# --- Whose it is -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["alien", "Company", "company%20", "0"])
def test_there_are_two_kinds_to_register(organisations: TwoOrganisations, partner: Browser, kind: str):
    assert partner.get(f"/partner/register/{kind}/").status_code == 404
    assert partner.post(f"/partner/register/{kind}/", FORM_VALUES).status_code == 404
