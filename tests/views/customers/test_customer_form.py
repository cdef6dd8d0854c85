"""What the form of a customer shows and says beside its fields."""

import re
from decimal import Decimal

import pytest

import models
from customerhub.customers import rules
from models.base import db
from models.enums import AddressKind, ApprovalPolicy, Stage, TaskAssignment
from tests.support.browser_client import Browser
from tests.support.customer_pages import NEW, add_customer
from tests.support.screen_rows import make_customer_in_stage, new_customer_values
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation


def edit_url(customer: models.Customer) -> str:
    return f"/admin/customers/edit/?id={customer.id}"


def list_labels(page: str, name: str) -> list[str]:
    """What the list of the field called `name` offers, in order."""
    found = re.search(rf'<select [^>]*name="{name}"[^>]*>(.*?)</select>', page)
    assert found is not None
    return re.findall(r"<option[^>]*>([^<]*)</option>", found[1])


def test_the_form_shows_the_organisation_and_the_mailing_address(organisations: TwoOrganisations, agent: Browser):
    """The address is a row of its own tab, so that nobody enters it twice."""
    customer = get_customer(organisations)
    change_row(organisations, customer, addresses=[])
    for url in (NEW, edit_url(customer)):
        page = agent.get(url).text
        assert '<p class="form-text">Our Telecom</p>' in page
        assert 'No mailing address <a href="#addresses">Add address</a>' in page
    registered = models.Address(
        kind=AddressKind.REGISTERED, lines="9 Law Lane", organisation_id=customer.organisation_id
    )
    mailing = models.Address(kind=AddressKind.MAILING, lines="1 High Street", organisation_id=customer.organisation_id)
    change_row(organisations, customer, addresses=[registered, mailing])
    assert '1 High Street <a href="#addresses">Edit addresses</a>' in agent.get(edit_url(customer)).text


def test_only_an_untouched_new_form_puts_the_focus_on_the_name(organisations: TwoOrganisations, agent: Browser):
    assert agent.get(NEW).text.count(" autofocus") == 1
    assert " autofocus" not in agent.post(NEW, agent.read_form(NEW)).text
    assert " autofocus" not in agent.get(edit_url(get_customer(organisations))).text


def test_the_year_end_and_the_frequency_are_chosen_by_name(organisations: TwoOrganisations, agent: Browser):
    customer = get_customer(organisations)
    page = agent.get(edit_url(customer)).text
    assert list_labels(page, "year_end_month") == ["Month", *rules.MONTH_NAMES]
    assert list_labels(page, "year_end_day") == ["Day", *map(str, range(1, 32))]
    assert list_labels(page, "review_frequency") == ["", "1 Month", "2 Months", *list(rules.FREQUENCY_NAMES)[2:]]
    values = {"year_end_month": "2", "year_end_day": "29", "review_start_date": "1 Jan 2030", "review_frequency": "3"}
    assert agent.submit(edit_url(customer), **values).status_code == 303
    db.session.refresh(customer)
    assert (customer.year_end_month, customer.year_end_day, customer.review_frequency) == (2, 29, 3)
    form = agent.read_form(edit_url(customer))
    assert {name: form[name] for name in values} == {name: [value] for name, value in values.items()}
    history = agent.get(f"/admin/customers/details/?id={customer.id}&tab=history").text
    for words in ("Financial year end: month", "February", "Review frequency", "3 Months"):
        assert words in history


def test_half_a_year_end_is_refused_at_its_list(organisations: TwoOrganisations, agent: Browser):
    answer = agent.submit(edit_url(get_customer(organisations)), year_end_month="4", year_end_day="31")
    assert answer.status_code == 422
    assert '<a href="#year_end_day">Financial year end: day</a>: April has no day 31' in answer.text
    for name, value in (("year_end_month", "13"), ("year_end_month", "x"), ("review_frequency", "0")):
        answer = agent.submit(edit_url(get_customer(organisations)), **{name: value})
        assert answer.status_code == 422
        assert "Choose one from the list" in answer.text


def list_marked_fields(page: str) -> set[str]:
    """The labels that show the star of a required field."""
    marks = re.findall(
        r'<(?:label|span|h3)[^>]*>([^<>]+)<span class="req"((?: data-required-when="[^"]*")?( hidden)?) aria-hidden',
        page,
    )
    return {label for label, _, hidden in marks if not hidden}


def test_a_prospect_has_its_own_required_marks(organisations: TwoOrganisations, agent: Browser):
    full = {"Name", "Reference", "Email", "Region", "Start date", "Risk", "Departments"}
    prospect = {"Name", "Identity number", "Registration number", "Contacts"}
    customer = get_customer(organisations)
    assert list_marked_fields(agent.get(NEW).text) & (full | prospect) == full
    change_row(organisations, customer, is_prospect=True, registration_number="HRB 1")
    assert list_marked_fields(agent.get(edit_url(customer)).text) & (full | prospect) == prospect
    answer = agent.post(NEW, agent.read_form(NEW) | {"is_prospect": "y"})
    assert answer.status_code == 422
    assert list_marked_fields(answer.text) & (full | prospect) == prospect


def test_saving_leads_to_the_tab_of_the_record_that_shows_what_was_edited(
    organisations: TwoOrganisations, agent: Browser
):
    customer = get_customer(organisations)
    record_url = f"/admin/customers/details/?id={customer.id}"
    for tab, ending in (
        ("billing", "&tab=billing-lines"),
        ("compliance", "&tab=compliance"),
        ("review", "&tab=reviews"),
        ("profiles", "&tab=profiles"),
        ("identity", ""),
        ("", ""),
        ("//evil.example", ""),
    ):
        answer = agent.submit(edit_url(customer), _tab=tab)
        assert answer.location == record_url + ending
        assert agent.get(answer.location).status_code == 200


def test_the_message_says_what_else_happened(organisations: TwoOrganisations, agent: Browser):
    organisation = own_organisation(organisations)
    change_row(organisations, organisation, approval_policy=ApprovalPolicy.ALL, task_assignment=TaskAssignment.BY_HAND)
    values = new_customer_values(organisations) | {"email": "kim@orchid.example"}
    page = agent.get(add_customer(agent, values, name="Orchid").location).text
    assert (
        "Orchid was added. An approval task (onboarding) was opened. It is unassigned. A portal user was created for "
        "kim@orchid.example and an invitation was queued."
    ) in page
    customer = make_customer_in_stage(Stage.PASSED)(organisations)
    db.session.commit()
    page = agent.get(agent.submit(edit_url(customer), name="Renamed").location).text
    words = (
        "Renamed was saved. The stage changed from Credit check passed to New. The open approval task (onboarding) was"
    )
    assert f"{words} updated." in page


def test_without_a_commodity_the_billing_tab_leads_to_adding_one(
    organisations: TwoOrganisations, agent: Browser, admin: Browser
):
    assert "Please add a commodity." not in admin.get(NEW).text
    for commodity in db.session.query(models.Commodity).filter_by(organisation_id=organisations.own.id):
        change_row(organisations, commodity, active=False)
    page = admin.get(NEW).text
    assert 'Please add a commodity. <a href="/admin/commodities/new/">Add one now</a>' in page
    assert "data-pick-add" not in page
    assert "There is no commodity yet. Ask an administrator to add one." in agent.get(NEW).text
    customer = get_customer(organisations)
    assert 'name="billing_lines-0-minimum_cost"' in admin.get(edit_url(customer)).text, "what there is stays"


@pytest.mark.parametrize(
    ("profile", "percent", "shown"),
    [
        ("CPI", "4.5", "CPI from 1 Jan 2027"),
        ("RPI", "", "RPI from 1 Jan 2027"),
        ("fixed", "4.5", "4.5 % from 1 Jan 2027"),
        ("none", "4.5", None),
    ],
)
def test_the_annual_increase_follows_a_profile(
    organisations: TwoOrganisations, agent: Browser, profile: str, percent: str, shown: str | None
):
    """Only a fixed one has a percentage: what stands in the hidden box of another is not kept."""
    customer = get_customer(organisations)
    values = {"annual_increase_profile": profile, "annual_increase_percent": percent}
    answer = agent.submit(edit_url(customer), **values, annual_increase_date="2027-01-01")
    assert answer.status_code == 303
    db.session.refresh(customer)
    assert customer.annual_increase_profile == profile
    assert customer.annual_increase_percent == (Decimal("4.5") if profile == "fixed" else None)
    page = agent.get(answer.location).text
    label = re.escape("Annual increase</dt>")
    assert re.search(label + r"\s*<dd[^>]*>\s*" + (re.escape(shown) if shown else '<span class="none">'), page), page


def test_a_fixed_increase_needs_its_percentage(organisations: TwoOrganisations, agent: Browser):
    url = edit_url(get_customer(organisations))
    answer = agent.submit(url, annual_increase_profile="fixed", annual_increase_percent="")
    assert answer.status_code == 422
    assert "Enter the percentage of the fixed increase" in answer.text
    assert agent.submit(url, annual_increase_profile="monthly").status_code == 422
