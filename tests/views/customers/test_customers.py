"""Adding and changing customers on their form."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role, StatusBehaviour
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.customer_pages import NEW, add_customer
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import new_customer_values
from tests.support.two_organisations import TwoOrganisations, own_organisation

PROSPECT = {"name": "Maybe Ltd", "is_prospect": "y", "registration_number": "HRB 9", "contacts-0-name": "Kim Novak"}


def find_customer(name: str) -> models.Customer | None:
    return db.session.scalar(select(models.Customer).where(models.Customer.name == name))


def test_a_customer_is_added_with_number_account_and_status(organisations: TwoOrganisations, agent: Browser):
    answer = add_customer(agent, new_customer_values(organisations), name="Königlich Essen")
    assert answer.status_code == 303
    saved_customer = find_customer("Königlich Essen")
    assert saved_customer is not None
    assert answer.location == f"/admin/customers/details/?id={saved_customer.id}"
    assert saved_customer.account_number.isdigit()
    assert [account.number for account in saved_customer.accounts] == [saved_customer.account_number]
    assert saved_customer.status.behaviour is StatusBehaviour.BILL
    assert "Königlich Essen was added." in agent.get(answer.location).text


def test_a_prospect_needs_a_name_a_number_and_a_contact(organisations: TwoOrganisations, agent: Browser):
    form = {name: value for name, value in agent.read_form(NEW).items() if name not in ("start_date", "region_id")}
    assert agent.post(NEW, form | PROSPECT | {"departments": []}).status_code == 303
    saved_customer = find_customer("Maybe Ltd")
    assert saved_customer is not None
    assert (saved_customer.is_prospect, saved_customer.registration_key, saved_customer.reference) == (
        True,
        "HRB9",
        None,
    )
    for left_out in ("name", "registration_number", "contacts-0-name"):
        mark = last_change_id()
        answer = agent.post(NEW, form | PROSPECT | {left_out: "", "departments": []})
        assert answer.status_code == 422, left_out
        assert changes_since(mark) == []


def test_what_is_missing_of_the_full_particulars_is_listed(organisations: TwoOrganisations, agent: Browser):
    mark = last_change_id()
    answer = agent.post(NEW, dict.fromkeys(agent.read_form(NEW), "") | {"name": "Incomplete", "kind": "company"})
    assert answer.status_code == 422
    for words in (
        "Enter a reference",
        "Enter an email address",
        "Choose a region",
        "Enter a start date",
        "Choose a risk",
        "Choose at least one department",
    ):
        assert words in answer.text
    assert parse_form(answer.text)["name"] == ["Incomplete"]
    assert changes_since(mark) == []


@pytest.mark.parametrize("url", [NEW, "edit"])
def test_all_errors_are_shown_at_once(organisations: TwoOrganisations, agent: Browser, url: str):
    """What cannot be read, what a rule refuses, what another customer has: each beside its field."""
    url = NEW if url == NEW else f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    wrong = {
        "start_date": "30.02.2025",
        "email": "nobody",
        "website": "nowhere",
        "contacts-0-name": "",
        "contacts-0-email": "kim@",
        "credit_limit": "much",
    }
    mark = last_change_id()
    answer = agent.post(url, agent.read_form(url) | new_customer_values(organisations) | wrong)
    assert answer.status_code == 422
    for words in (
        "“30.02.2025” is not a valid date",
        "“nobody” is not an email address",
        "“kim@” is not an email address",
        "is not an amount",
        "website",
    ):
        assert words in answer.text, words
    form_values = parse_form(answer.text)
    assert {name: form_values[name] for name in wrong} == {name: [value] for name, value in wrong.items()}
    assert changes_since(mark) == []


def test_a_prospect_that_becomes_a_customer_is_asked_for_the_rest(organisations: TwoOrganisations, agent: Browser):
    add_customer(agent, PROSPECT, departments=[], start_date="", region_id="")
    saved_customer = find_customer("Maybe Ltd")
    assert saved_customer is not None
    url = f"/admin/customers/edit/?id={saved_customer.id}"
    answer = agent.post(url, {key: value for key, value in agent.read_form(url).items() if key != "is_prospect"})
    assert answer.status_code == 422
    assert "Enter a reference" in answer.text
    full = {key: value for key, value in new_customer_values(organisations).items() if key != "name"}
    form = {key: value for key, value in agent.read_form(url).items() if key != "is_prospect"}
    assert agent.post(url, form | full).status_code == 303
    assert find_customer("Maybe Ltd").is_prospect is False


@pytest.mark.parametrize(("entered_number", "is_taken"), [("", False), ("ACC-77", False), ("900000", True)])
def test_an_account_number_is_made_typed_or_refused(
    organisations: TwoOrganisations, agent: Browser, entered_number: str, is_taken: bool
):
    existing_customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    entered_number = existing_customer.account_number if is_taken else entered_number
    answer = add_customer(agent, new_customer_values(organisations), name="Numbered", account_number=entered_number)
    if is_taken:
        assert answer.status_code == 422
        assert "Another customer has this account number" in answer.text
        assert find_customer("Numbered") is None
    else:
        saved_customer = find_customer("Numbered")
        assert saved_customer is not None
        assert saved_customer.account_number == (entered_number or saved_customer.account_number) != ""


@pytest.mark.parametrize(
    ("field", "stored_value", "entered_value"),
    [
        ("reference", "ALFKI", "alfki "),
        ("registration_number", "HRB 12", "hrb-12"),
        ("vat_number", "DE 136695976", "de136695976"),
        ("identity_number", "ID 1", "id1"),
    ],
)
def test_a_taken_number_is_shown_at_its_field(
    organisations: TwoOrganisations, agent: Browser, field: str, stored_value: str, entered_value: str
):
    assert add_customer(agent, new_customer_values(organisations), **{field: stored_value}).status_code == 303
    mark = last_change_id()
    answer = add_customer(agent, new_customer_values(organisations), **{field: entered_value})
    assert answer.status_code == 422
    assert "Another customer has this" in answer.text
    assert changes_since(mark) == []


def test_saving_and_adding_another_or_going_on(organisations: TwoOrganisations, agent: Browser):
    assert add_customer(agent, new_customer_values(organisations), _add_another="1").location == NEW
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    assert agent.submit(url, _continue="1", website="www.example.com").location == url


def test_what_cannot_be_set_on_the_form_is_not_set(organisations: TwoOrganisations, agent: Browser):
    """Neither what the business derives nor what other actions do."""
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    before = db.session.get_one(models.Customer, organisations.own.customers[0])
    protected_values = (before.stage, before.organisation_id, before.sort_name, before.promotional_set_by_id)
    mark = last_change_id()
    sneaky = {
        "stage": "Billing",
        "organisation_id": str(organisations.foreign.id),
        "sort_name": "zzz",
        "id": "999",
        "balance": "1",
        "promotional_set_by_id": "1",
        "accounts-0-balance": "1000000",
        "created_at": "2000-01-01",
        "invoice_profiles-0-status": "Profile Completed",
        "contacts-0-customer_id": str(organisations.foreign.customers[0]),
    }
    assert agent.submit(url, **sneaky).status_code == 303
    after = db.session.get_one(models.Customer, organisations.own.customers[0])
    assert (after.stage, after.organisation_id, after.sort_name, after.promotional_set_by_id) == protected_values
    assert changes_since(mark) == []


def test_promotional_emails_say_since_when_and_by_whom(organisations: TwoOrganisations, agent: Browser, admin: Browser):
    key = organisations.own.customers[0]
    assert agent.submit(f"/admin/customers/edit/?id={key}", promotional_emails="y").status_code == 303
    saved_customer = db.session.get_one(models.Customer, key)
    assert saved_customer.promotional_set_by_id == organisations.own.users[Role.AGENT]
    since = saved_customer.promotional_set_at
    assert since is not None
    assert "by The agent" in agent.get(f"/admin/customers/details/?id={key}").text
    form = admin.read_form(f"/admin/customers/edit/?id={key}")
    form.pop("promotional_emails")
    assert admin.post(f"/admin/customers/edit/?id={key}", form).status_code == 303
    saved_customer = db.session.get_one(models.Customer, key)
    assert (saved_customer.promotional_emails, saved_customer.promotional_set_by_id) == (
        False,
        organisations.own.users[Role.ADMIN],
    )
    assert saved_customer.promotional_set_at is not None
    assert saved_customer.promotional_set_at > since
    page = agent.get(f"/admin/customers/details/?id={key}").text
    assert "by The admin" in page
    assert "by The agent" not in page


def test_the_nda_of_a_completed_profile_is_not_taken_off(organisations: TwoOrganisations, agent: Browser):
    key = organisations.own.customers[0]
    profile = db.session.get_one(models.Customer, key).invoice_profiles[0]
    with history.act_as(Actor(None, organisations.own.id), "test"):
        profile.nda_file_id = make.StoredFileFactory(organisation=own_organisation(organisations)).id
        profile.status = models.enums.ProfileStatus.COMPLETED
        db.session.commit()
    answer = agent.submit(f"/admin/customers/edit/?id={key}", **{"invoice_profiles-0-nda_file_id-remove": "1"})
    assert answer.status_code == 422
    assert "The NDA of a completed profile cannot be removed" in answer.text


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
def test_portal_users_lead_to_their_page_among_the_portal_users(
    organisations: TwoOrganisations, as_role: Callable[[Role], Browser], role: Role
):
    browser = as_role(role)
    page = browser.get(f"/admin/customers/details/?id={organisations.own.customers[0]}&tab=portal").text
    url = f"/admin/portal-users/details/?id={organisations.own.users[Role.CUSTOMER]}"
    assert f'<a href="{url}">The customer</a>' in page
    assert "/admin/users/" not in page.replace('href="/admin/users/"', "")  # but for the menu
    assert "The customer" in browser.get(url).text


def test_default_values_fill_the_form(organisations: TwoOrganisations, agent: Browser):
    segment = make.CatalogItemFactory(
        organisation=own_organisation(organisations), type=models.enums.CatalogType.SEGMENT
    )
    values = {
        "billing_day": 15,
        "risk": "High",
        "segment_id": segment.id,
        "billing_cycle": "quarterly",
        "name": "Sneaky",
    }
    chosen = make.DefaultValueSetFactory(organisation=own_organisation(organisations), values=values)
    foreign = make.DefaultValueSetFactory(
        organisation=db.session.get_one(models.Organisation, organisations.foreign.id)
    )
    db.session.commit()
    form = agent.read_form(f"{NEW}?defaults={chosen.id}")
    assert (form["billing_day"], form["risk"], form["segment_id"]) == (["15"], ["High"], [str(segment.id)])
    assert (form["billing_cycle"], form["name"]) == (["quarterly"], [""])
    for other in (foreign.id, 10**9, "abc", "-1", 2**70):
        assert agent.read_form(f"{NEW}?defaults={other}") | {"form_token": []} == agent.read_form(NEW) | {
            "form_token": []
        }


def test_default_values_of_rows_that_are_gone_are_left_blank(organisations: TwoOrganisations, agent: Browser):
    values = {
        "region_id": 10**9,
        "account_manager_id": 10**9,
        "status_id": organisations.foreign.row_id(models.CustomerStatus),
    }
    chosen = make.DefaultValueSetFactory(organisation=own_organisation(organisations), values=values)
    db.session.commit()
    url = f"{NEW}?defaults={chosen.id}"
    form = agent.read_form(url)
    assert form["region_id"] == [""]
    answer = agent.post(
        url,
        form | new_customer_values(organisations) | {"name": "Defaulted", "status_id": "", "account_manager_id": ""},
    )
    assert answer.status_code == 303
    assert find_customer("Defaulted").organisation_id == organisations.own.id


def test_the_next_reviews_are_shown_while_typing(organisations: TwoOrganisations, agent: Browser):
    url = "/admin/customers/review-dates/"
    lines = agent.post(url, {"review_start_date": "2190-01-31", "review_frequency": "1"}).json["lines"]
    assert [line[:6].strip() for line in lines] == ["31 Jan", "28 Feb", "31 Mar"]
    for start, frequency in (
        ("", ""),
        ("9999-12-31", "3"),
        ("0001-01-01", "3"),
        ("x", "y"),
        ("2025-01-01", "9" * 5000),
        ("2025-01-01", "0"),
        ("\x00", "\x00"),
        ("2025-01-01", "-1"),
    ):
        answer = agent.post(url, {"review_start_date": start, "review_frequency": frequency})
        assert answer.status_code == 200
        assert isinstance(answer.json["lines"], list)


def test_every_tab_of_a_record_opens(organisations: TwoOrganisations, agent: Browser):
    url = f"/admin/customers/details/?id={organisations.own.customers[0]}"
    for tab in (
        "",
        "profiles",
        "billing-lines",
        "compliance",
        "reviews",
        "tasks",
        "portal",
        "messages",
        "history",
        "nobody",
        "<script>",
        "%F0%9F%9A%80",
    ):
        answer = agent.get(f"{url}&tab={tab}")
        assert answer.status_code == 200
        assert "Our Telecom customer 0" in answer.text


def test_a_bare_prospect_opens_everywhere(organisations: TwoOrganisations, agent: Browser):
    """Everything that may be blank is blank."""
    status = organisations.own.row_id(models.CustomerStatus)
    bare_prospect = make.CustomerFactory(
        organisation=own_organisation(organisations),
        name="Bare",
        is_prospect=True,
        identity_number="ID 1",
        reference=None,
        email=None,
        start_date=None,
        risk=None,
        region_id=None,
        status_id=status,
        departments=[],
        contacts=[],
        accounts=[],
    )
    db.session.commit()
    for tab in ("", "profiles", "billing-lines", "compliance", "reviews", "tasks", "portal", "messages", "history"):
        assert agent.get(f"/admin/customers/details/?id={bare_prospect.id}&tab={tab}").status_code == 200
    for url in (
        f"/admin/customers/peek/?id={bare_prospect.id}",
        f"/admin/customers/edit/?id={bare_prospect.id}",
        "/admin/customers/",
        "/admin/",
    ):
        assert agent.get(url).status_code == 200
    assert agent.get("/admin/customers/export/csv/").status_code == 200


@pytest.mark.parametrize(("month", "day", "display_value"), [("2", "29", "29 February"), ("12", "31", "31 December")])
def test_the_end_of_the_year(organisations: TwoOrganisations, agent: Browser, month: str, day: str, display_value: str):
    key = organisations.own.customers[0]
    assert agent.submit(f"/admin/customers/edit/?id={key}", year_end_day=day, year_end_month=month).status_code == 303
    assert display_value in agent.get(f"/admin/customers/details/?id={key}").text
    for wrong in (("31", "2"), ("31", "13"), ("0", "1"), ("31", "0"), ("-1", "-1"), ("31", "")):
        answer = agent.submit(f"/admin/customers/edit/?id={key}", year_end_day=wrong[0], year_end_month=wrong[1])
        assert answer.status_code == 422
