"""What saving a customer says of its first portal user."""

import pytest

import models
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.portal_user_pages import get_portal_user, list_sent_links, save_new_customer
from tests.support.row_changes import changes_since, describe_changes, last_change_id
from tests.support.screen_rows import make_bare_customer, new_customer_values, unique_name
from tests.support.two_organisations import TwoOrganisations


def test_the_saved_record_says_that_an_address_has_an_account(organisations: TwoOrganisations, agent: Browser):
    existing_email = db.session.get_one(models.User, organisations.foreign.users[Role.MANAGER]).email
    answer = agent.submit(
        "/admin/customers/new/", **new_customer_values(organisations) | {"email": existing_email.upper()}
    )
    assert answer.status_code == 303
    local, _, host = existing_email.partition("@")
    text = f"{local.upper()}@{host} already has an account, so no portal user was created."
    page = agent.get(answer.location).text
    assert f"{text} Add another address under Portal users." in page
    assert "Their Telecom" not in page
    assert "already has an account" not in agent.get(answer.location).text  # it is said once
    tab = agent.get(f"{answer.location}&tab=portal").text
    assert text in tab
    assert "Their Telecom" not in tab


def test_a_refused_customer_creates_and_shows_nothing(organisations: TwoOrganisations, agent: Browser):
    existing_email = db.session.get_one(models.User, organisations.foreign.users[Role.MANAGER]).email
    mark = last_change_id()
    answer = agent.submit(
        "/admin/customers/new/", **new_customer_values(organisations) | {"email": existing_email, "risk": ""}
    )
    assert answer.status_code == 422
    assert "already has an account" not in answer.text + agent.get("/admin/customers/").text
    assert describe_changes(changes_since(mark)) == []


def test_the_same_form_sent_twice_makes_one_user(organisations: TwoOrganisations, agent: Browser):
    url, email = "/admin/customers/new/", f"{unique_name()}@x.example"
    entered = agent.read_form(url) | new_customer_values(organisations) | {"email": email}
    first, second = (agent.post(url, entered) for _ in range(2))
    assert first.location == second.location
    assert db.session.query(models.User).filter_by(email=email).count() == 1
    assert len(list_sent_links(email)) == 1


def test_another_address_later_creates_and_shows_nothing(organisations: TwoOrganisations, agent: Browser):
    existing_email = db.session.get_one(models.User, organisations.own.users[Role.MANAGER]).email
    customer = save_new_customer(organisations, email="free@x.example")
    assert agent.submit(f"/admin/customers/edit/?id={customer.id}", email=existing_email).status_code == 303
    assert "already has an account" not in agent.get(f"/admin/customers/details/?id={customer.id}").text
    assert get_portal_user(customer).email == "free@x.example"


def test_an_operation_that_saves_customers_shows_the_notice_too(organisations: TwoOrganisations, agent: Browser):
    existing_email = db.session.get_one(models.User, organisations.own.users[Role.MANAGER]).email
    customer = make_bare_customer(organisations)
    customer.portal_invited_at, previous_email = None, customer.email
    task = make.ApprovalTaskFactory(
        organisation_id=organisations.own.id,
        customer_id=customer.id,
        requester_id=organisations.own.users[Role.PARTNER],
        assignee_id=organisations.own.users[Role.AGENT],
        kind=models.enums.TaskKind.PARTICULARS,
        proposal={"email": [previous_email, existing_email]},
    )
    answer = agent.submit(f"/admin/tasks/operation/approve/?id={task.id}")
    assert answer.status_code == 303
    assert f"{existing_email} already has an account, so no portal user was created." in agent.get(answer.location).text


@pytest.mark.parametrize(
    ("email", "line"),
    [
        ("", "A portal user is created if an email address is entered."),
        (" ; ", "A portal user is created if an email address is entered."),
        ("kim", "Correct the email address to create the portal user."),
        ("Kim@New.example, b@x.example", "Saving creates a portal user for Kim@new.example and emails them a link"),
    ],
)
def test_the_form_says_what_saving_does(organisations: TwoOrganisations, agent: Browser, email: str, line: str):
    lines = agent.post("/admin/customers/portal-plan/", {"email": email}).json["lines"]
    assert lines[0].startswith(line)
    customer_id = organisations.own.customers[0]
    lines = agent.post(f"/admin/customers/portal-plan/?id={customer_id}", {"email": email}).json["lines"]
    assert lines == ["The first portal user was set up on 29 Feb 2024, 12:00. Add more under Portal users."]
    assert agent.post(f"/admin/customers/portal-plan/?id={organisations.foreign.customers[0]}").status_code == 404
    assert line in agent.post("/admin/customers/new/", agent.read_form("/admin/customers/new/") | {"email": email}).text


def test_a_partner_does_not_see_who_has_an_account(organisations: TwoOrganisations):
    partner = Browser(organisations.app, organisations.own.users[Role.PARTNER])
    existing_email = db.session.get_one(models.User, organisations.foreign.users[Role.MANAGER]).email
    url = "/partner/register/company/"
    answer = partner.submit(
        url, name=unique_name(), contact_name="Kim", registration_number=unique_name(), email=existing_email
    )
    assert answer.status_code == 303
    assert "already has an account" not in partner.get(answer.location).text
    assert "already has an account" not in partner.get("/partner/").text
