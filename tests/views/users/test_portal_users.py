"""Portal users on their screens: by whoever edits customers."""

import re
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

import models
from customerhub.core import clock
from customerhub.core.permissions import has_portal_permission
from models.base import db
from models.enums import PortalPermission, Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.portal_user_pages import get_portal_user, list_sent_links, save_new_customer
from tests.support.row_changes import changes_since, database_contents, describe_changes, last_change_id
from tests.support.sign_in_pages import read_csrf_token
from tests.support.two_organisations import TwoOrganisations

PHRASE = "a quite different phrase"


def portal_tab_url(customer_id: int) -> str:
    return f"/admin/customers/details/?id={customer_id}&tab=portal"


# --- Reach -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN])
def test_nobody_but_portal_users_can_be_reached_here(organisations: TwoOrganisations, role: Role):
    browser = Browser(organisations.app, organisations.own.users[role])
    others = [organisations.own.users[each] for each in (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.PARTNER)]
    others += [organisations.platform_user, organisations.foreign.users[Role.CUSTOMER]]
    db.session.commit()
    before = database_contents()
    for key in others:
        pages = [
            f"details/?id={key}",
            f"edit/?id={key}",
            f"operation/invite/?id={key}",
            f"operation/reset/?id={key}",
            f"operation/disable/?id={key}",
        ]
        for page in pages:
            assert browser.get(f"/admin/portal-users/{page}").status_code == 404, page
        for page in pages[1:]:
            form_values = {"name": "Mine", "email": "mine@x.example", "version": "1"}
            assert browser.post(f"/admin/portal-users/{page}", form_values).status_code == 404, page
    list_page = browser.get("/admin/portal-users/").text
    assert "The customer" in list_page
    assert not re.search("The (admin|manager|partner)", list_page.partition("<main")[2])
    assert database_contents() == before


def test_the_form_makes_a_portal_user_and_nothing_else(organisations: TwoOrganisations, agent: Browser):
    url = f"/admin/portal-users/new/?customer={organisations.own.customers[1]}"
    entered = {
        "name": "Kim Novak",
        "email": "kim@x.example",
        "role": "admin",
        "platform": "y",
        "data_protection": "y",
        "password_hash": "x",
        "dealer_id": "1",
        "organisation_id": str(organisations.foreign.id),
        "active": "",
    }
    assert agent.post(url, agent.read_form(url) | entered).status_code == 303
    portal_user = db.session.scalars(select(models.User).where(models.User.email == "kim@x.example")).one()
    assert (portal_user.role, portal_user.organisation_id, portal_user.customer_id) == (
        Role.CUSTOMER,
        organisations.own.id,
        organisations.own.customers[1],
    )
    assert (portal_user.platform, portal_user.data_protection, portal_user.password_hash, portal_user.active) == (
        False,
        False,
        None,
        True,
    )
    assert portal_user.made_with_customer is False


# --- Adding ------------------------------------------------------------------------------------------------------


def test_somebody_is_added_on_the_page_of_their_customer_and_gets_a_mail(
    organisations: TwoOrganisations, agent: Browser
):
    owner = organisations.own.customers[1]
    page = agent.get(portal_tab_url(owner)).text
    assert "No portal users yet" in page
    url = f"/admin/portal-users/new/?customer={owner}"
    assert f'href="{url}"' in page
    form = agent.read_form(url)
    assert form["customer_id"] == [str(owner)]
    assert form["portal_permissions"] == [
        "dashboard",
        "contracts",
        "invoices",
        "bill downloads",
        "payments",
        "documents",
        "cases",
    ]
    mark = last_change_id()
    answer = agent.post(
        url, form | {"name": "Kim Novak", "email": "kim@x.example", "portal_permissions": ["documents"]}
    )
    assert (answer.status_code, answer.location) == (303, portal_tab_url(owner))
    page = agent.get(portal_tab_url(owner)).text
    assert "Kim Novak was added" in page
    for visible_text in ("kim@x.example", "Documents", "Invited", "until", "Resend link", "Never"):
        assert visible_text in page, visible_text
    assert "Reset password" not in page
    [created_entry] = changes_since(mark)
    assert (created_entry.action, created_entry.table_name, created_entry.customer_id) == ("created", "hub_user", owner)
    [path] = list_sent_links("kim@x.example")
    assert "kim@x.example" in organisations.app.test_client().get(path).text
    assert path.rpartition("/")[2] not in page


def test_an_address_that_has_an_account_is_refused(organisations: TwoOrganisations, agent: Browser):
    url = f"/admin/portal-users/new/?customer={organisations.own.customers[1]}"
    existing_email = db.session.get_one(models.User, organisations.foreign.users[Role.MANAGER]).email
    mark = last_change_id()
    answer = agent.submit(url, name="Kim", email=existing_email.upper())
    assert answer.status_code == 422
    assert "This email address already has an account" in answer.text
    assert "Their Telecom" not in answer.text
    assert describe_changes(changes_since(mark)) == []
    assert list_sent_links(existing_email) == []


def test_a_foreign_customer_is_not_there(organisations: TwoOrganisations, agent: Browser):
    for key in (organisations.foreign.customers[0], 10**9, "abc", "²", "-1", "9" * 30):
        assert agent.get(f"/admin/portal-users/new/?customer={key}").status_code == 404, key
    form = agent.read_form("/admin/portal-users/new/")
    form_values = {"name": "Kim", "email": "kim@x.example"}
    for key in (organisations.foreign.customers[0], 10**9, ""):
        answer = agent.post("/admin/portal-users/new/", form | form_values | {"customer_id": str(key)})
        assert answer.status_code == 422, key
    assert list_sent_links("kim@x.example") == []


# --- Changing ----------------------------------------------------------------------------------------------------


def test_a_portal_user_stays_with_their_customer(organisations: TwoOrganisations, agent: Browser):
    user = db.session.get_one(models.User, organisations.own.users[Role.CUSTOMER])
    url = f"/admin/portal-users/edit/?id={user.id}"
    assert "customer_id" not in agent.read_form(url)
    mark = last_change_id()
    answer = agent.submit(url, customer_id=str(organisations.own.customers[2]))
    assert answer.status_code == 422
    assert "cannot be moved to another customer" in answer.text
    assert describe_changes(changes_since(mark)) == []
    assert agent.submit(url, name="Kim").status_code == 303
    assert (user.name, user.customer_id) == ("Kim", organisations.own.customers[0])


def test_deny_all_takes_everything_away_and_keeps_what_was_chosen(organisations: TwoOrganisations, agent: Browser):
    user = db.session.get_one(models.User, organisations.own.users[Role.CUSTOMER])
    url = f"/admin/portal-users/edit/?id={user.id}"
    selected_permissions = agent.read_form(url)["portal_permissions"]
    agent.submit(url, portal_permissions=["deny all", *selected_permissions])
    assert not any(
        has_portal_permission(user, ability) for ability in PortalPermission if ability != PortalPermission.DENY_ALL
    )
    portal = Browser(organisations.app, user.id)
    assert "Your access does not include any page yet" in portal.get("/portal/").text
    assert "Deny all" in agent.get(portal_tab_url(organisations.own.customers[0])).text
    agent.submit(url, portal_permissions=selected_permissions)
    assert has_portal_permission(user, PortalPermission.DASHBOARD)
    assert agent.submit(url, portal_permissions=["everything"]).status_code == 422


def test_what_can_be_done_follows_how_far_they_are(organisations: TwoOrganisations, agent: Browser):
    customer = save_new_customer(organisations)
    user = get_portal_user(customer)
    every = {"Resend link", "Reset password", "Disable", "Enable"}

    def offered() -> set[str]:
        text = agent.get(portal_tab_url(customer.id)).text
        return {label for label in every if f">{label}</a>" in text}

    def act(name: str) -> None:
        answer = agent.submit(f"/admin/portal-users/operation/{name}/?id={user.id}")
        assert (answer.status_code, answer.location) == (303, portal_tab_url(customer.id)), name

    assert offered() == {"Resend link", "Disable"}
    act("invite")
    act("disable")
    assert offered() == {"Enable"}
    old, new = list_sent_links("kim@fresh.example")
    client = organisations.app.test_client()
    assert [client.get(path).status_code for path in (old, new)] == [410, 410]
    act("enable")
    assert "Not invited" in agent.get(portal_tab_url(customer.id)).text
    act("invite")
    path = list_sent_links("kim@fresh.example")[-1]
    client.post(path, data={"csrf_token": read_csrf_token(client, path), "password": PHRASE, "again": PHRASE})
    assert offered() == {"Reset password", "Disable"}
    act("reset")
    assert client.get("/portal/").status_code == 303  # signed out
    assert len(list_sent_links("kim@fresh.example")) == 4
    for name in ("invite", "enable"):
        assert agent.post(f"/admin/portal-users/operation/{name}/?id={user.id}").status_code == 409, name


def test_an_expired_link_shows(organisations: TwoOrganisations, agent: Browser):
    customer = save_new_customer(organisations)
    with time_machine.travel(clock.get_now() + timedelta(hours=73), tick=True):
        page = Browser(organisations.app, organisations.own.users[Role.AGENT]).get(portal_tab_url(customer.id)).text
    assert "Link expired" in page
    assert "since" in page


def test_a_closed_portal_is_shown_above_its_users(organisations: TwoOrganisations, agent: Browser):
    customer = save_new_customer(organisations)
    assert "Portal access is off" not in agent.get(portal_tab_url(customer.id)).text
    assert agent.submit(f"/admin/customers/edit/?id={customer.id}", portal_access=[]).status_code == 303
    page = agent.get(portal_tab_url(customer.id)).text
    assert "Portal access is off" in page
    assert f'href="/admin/customers/edit/?id={customer.id}#portal"' in page


# --- Coming in ---------------------------------------------------------------------------------------------------


def test_the_link_says_whose_portal_it_opens_and_leads_into_it(organisations: TwoOrganisations):
    customer = save_new_customer(organisations, name="Königlich <Essen>")
    client = organisations.app.test_client()
    [path] = list_sent_links("kim@fresh.example")
    page = client.get(path).text
    assert "For kim@fresh.example, who signs in to the portal of Königlich &lt;Essen&gt; at Our Telecom" in page
    token = read_csrf_token(client, path)
    answer = client.post(path, data={"csrf_token": token, "password": PHRASE, "again": PHRASE})
    assert (answer.status_code, answer.location) == (303, "/portal/")
    home = client.get("/portal/").text
    assert "Königlich &lt;Essen&gt;" in home
    assert "Balance" in home
    assert "Not available yet" not in home
    assert client.get(path).status_code == 410
    assert client.get(f"/admin/customers/details/?id={customer.id}").status_code == 403


def test_who_comes_with_an_old_link_has_a_new_one_sent(organisations: TwoOrganisations):
    save_new_customer(organisations)
    [path] = list_sent_links("kim@fresh.example")
    later = clock.get_now() + timedelta(hours=73)
    with time_machine.travel(later, tick=True):
        client = organisations.app.test_client()
        page = client.get(path)
        assert page.status_code == 410
        assert "expired or has already been used" in page.text
        assert "kim@fresh.example" not in page.text
        token = read_csrf_token(client, path)
        sent = client.post(path, data={"csrf_token": token, "another": "yes"})
        assert sent.status_code == 200
        assert "a new link has been sent" in sent.text
        db.session.expire_all()
        old, new = list_sent_links("kim@fresh.example")
        assert old == path
        assert client.get(new).status_code == 200
        assert client.post(path, data={"csrf_token": token, "password": PHRASE, "again": PHRASE}).status_code == 410
        assert len(list_sent_links("kim@fresh.example")) == 2


def test_an_old_link_of_somebody_switched_off_sends_nothing(organisations: TwoOrganisations, agent: Browser):
    customer = save_new_customer(organisations)
    [path] = list_sent_links("kim@fresh.example")
    agent.submit(f"/admin/portal-users/operation/disable/?id={get_portal_user(customer).id}")
    client = organisations.app.test_client()
    token = read_csrf_token(client, path)
    answer = client.post(path, data={"csrf_token": token, "another": "yes"})
    assert "If the account is still active, a new link has been sent" in answer.text
    forged = client.post(path + "x", data={"csrf_token": token, "another": "yes"})
    assert (forged.status_code, list_sent_links("kim@fresh.example")) == (410, [path])


def test_no_page_of_ours_shows_a_link_that_works(organisations: TwoOrganisations):
    customer = save_new_customer(organisations)
    [path] = list_sent_links("kim@fresh.example")
    token = path.rpartition("/")[2]
    message = db.session.scalars(
        select(models.OutboxMessage).where(models.OutboxMessage.customer_id == customer.id)
    ).one()
    user = get_portal_user(customer)
    for role in (Role.AGENT, Role.MANAGER):
        browser = Browser(organisations.app, organisations.own.users[role])
        for page in (
            portal_tab_url(customer.id),
            f"/admin/portal-users/details/?id={user.id}&tab=history",
            f"/admin/customers/details/?id={customer.id}&tab=history",
            f"/admin/customers/details/?id={customer.id}&tab=messages",
            "/admin/portal-users/export/csv/",
            f"/admin/outbox/details/?id={message.id}",
            f"/admin/outbox/message/?id={message.id}",
        ):
            assert token not in browser.get(page).text, (role, page)


def test_portal_users_made_by_hand_count_as_before(organisations: TwoOrganisations, agent: Browser):
    """An administrator may still make one under Users; it needs a customer and gets no mail by itself."""
    user = make.UserFactory(
        organisation_id=organisations.own.id, role=Role.CUSTOMER, customer_id=organisations.own.customers[2]
    )
    db.session.commit()
    page = agent.get(portal_tab_url(organisations.own.customers[2])).text
    assert user.name in page
    assert "Not invited" in page
    assert "No permissions" in page


def test_the_list_of_users_begins_with_those_who_work_here(organisations: TwoOrganisations, admin: Browser):
    for number in range(30):
        make.UserFactory(
            organisation_id=organisations.own.id,
            role=Role.CUSTOMER,
            customer_id=organisations.own.customers[0],
            name=f"A {number}",
        )
    page = admin.get("/admin/users/").text
    assert page.index("The partner") < page.index("A 0")
    assert page.index("The admin") < page.index("The agent") < page.index("The partner")
