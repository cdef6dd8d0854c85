"""Portal users on their screens: by whoever edits customers, of customers only, and never in somebody else's name."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

import models
from customerhub import clock, history
from customerhub.customers.records import save_customer
from customerhub.permissions import Actor, has_ability
from models.base import db
from models.enums import PortalPermission, Role
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import bare_customer, new_customer, unlike
from tests.views.signing import csrf_token
from tests.views.watching import changes_since, contents, last_change, told
from tests.world import World

PHRASE = "a quite different phrase"


def fresh_customer(world: World, email: str | None = "kim@fresh.example", **values: Any) -> models.Customer:
    """One that is saved now, as on the form."""
    customer = bare_customer(world)
    actor = Actor(None, world.ours.id)
    with history.acting(actor, "test"):
        customer.portal_invited_at = None
        customer.email = email or customer.email
        for name, value in values.items():
            setattr(customer, name, value)
        save_customer(customer, actor=actor)
        db.session.commit()
    return customer


def user_of(customer: models.Customer) -> models.User:
    return db.session.scalars(select(models.User).where(models.User.customer_id == customer.id)).one()


def tab_of(customer_id: int) -> str:
    return f"/admin/customers/details/?id={customer_id}&tab=portal"


def links_to(address: str) -> list[str]:
    """The paths of the one-time links that were sent to an address, the oldest first."""
    query = select(models.OutboxMessage).where(models.OutboxMessage.recipient == address)
    found = [re.search(r"(/set-password/\S+)", mail.text_body) for mail in db.session.scalars(query.order_by("id"))]
    return [match[1] for match in found if match]


# --- Reach -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN])
def test_nobody_but_portal_users_can_be_reached_here(world: World, role: Role):
    browser = Browser(world.app, world.ours.users[role])
    others = [world.ours.users[each] for each in (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.PARTNER)]
    others += [world.platform_user, world.theirs.users[Role.CUSTOMER]]
    db.session.commit()
    before = contents()
    for key in others:
        pages = [f"details/?id={key}", f"edit/?id={key}", f"operation/invite/?id={key}", f"operation/reset/?id={key}",
                 f"operation/disable/?id={key}"]  # fmt: skip
        for page in pages:
            assert browser.get(f"/admin/portal-users/{page}").status_code == 404, page
        for page in pages[1:]:
            typed = {"name": "Mine", "email": "mine@x.example", "version": "1"}
            assert browser.post(f"/admin/portal-users/{page}", typed).status_code == 404, page
    listed = browser.get("/admin/portal-users/").text
    assert "The customer" in listed
    assert not re.search("The (admin|manager|partner)", listed.partition("<main")[2])
    assert contents() == before


def test_the_form_makes_a_portal_user_and_nothing_else(world: World, agent: Browser):
    url = f"/admin/portal-users/new/?customer={world.ours.customers[1]}"
    entered = {
        "name": "Kim Novak", "email": "kim@x.example", "role": "admin", "platform": "y", "data_protection": "y",
        "password_hash": "x", "dealer_id": "1", "organisation_id": str(world.theirs.id), "active": "",
    }  # fmt: skip
    assert agent.post(url, agent.form(url) | entered).status_code == 303
    made = db.session.scalars(select(models.User).where(models.User.email == "kim@x.example")).one()
    assert (made.role, made.organisation_id, made.customer_id) == (
        Role.CUSTOMER,
        world.ours.id,
        world.ours.customers[1],
    )
    assert (made.platform, made.data_protection, made.password_hash, made.active) == (False, False, None, True)
    assert made.made_with_customer is False


# --- Adding ------------------------------------------------------------------------------------------------------


def test_somebody_is_added_on_the_page_of_their_customer_and_gets_a_mail(world: World, agent: Browser):
    owner = world.ours.customers[1]
    page = agent.get(tab_of(owner)).text
    assert "Nobody signs in for this customer yet" in page
    url = f"/admin/portal-users/new/?customer={owner}"
    assert f'href="{url}"' in page
    form = agent.form(url)
    assert form["customer_id"] == [str(owner)]
    assert form["portal_permissions"] == [
        "dashboard", "contracts", "invoices", "bill downloads", "payments", "documents",
    ]  # fmt: skip
    mark = last_change()
    answer = agent.post(
        url, form | {"name": "Kim Novak", "email": "kim@x.example", "portal_permissions": ["documents"]}
    )
    assert (answer.status_code, answer.location) == (303, tab_of(owner))
    page = agent.get(tab_of(owner)).text
    assert "Kim Novak was added" in page
    for shown in ("kim@x.example", "Documents", "Invited", "until", "Send the link again", "Never"):
        assert shown in page, shown
    assert "Reset password" not in page
    [made] = changes_since(mark)
    assert (made.action, made.table_name, made.customer_id) == ("created", "hub_user", owner)
    [path] = links_to("kim@x.example")
    assert "kim@x.example" in world.app.test_client().get(path).text
    assert path.rpartition("/")[2] not in page


def test_an_address_that_has_an_account_is_refused(world: World, agent: Browser):
    url = f"/admin/portal-users/new/?customer={world.ours.customers[1]}"
    taken = db.session.get_one(models.User, world.theirs.users[Role.MANAGER]).email
    mark = last_change()
    answer = agent.submit(url, name="Kim", email=taken.upper())
    assert answer.status_code == 422
    assert "This email address already has an account" in answer.text
    assert "Their Telecom" not in answer.text
    assert told(changes_since(mark)) == []
    assert links_to(taken) == []


def test_a_foreign_customer_is_not_there(world: World, agent: Browser):
    for key in (world.theirs.customers[0], 10**9, "abc", "²", "-1", "9" * 30):
        assert agent.get(f"/admin/portal-users/new/?customer={key}").status_code == 404, key
    form = agent.form("/admin/portal-users/new/")
    typed = {"name": "Kim", "email": "kim@x.example"}
    for key in (world.theirs.customers[0], 10**9, ""):
        answer = agent.post("/admin/portal-users/new/", form | typed | {"customer_id": str(key)})
        assert answer.status_code == 422, key
    assert links_to("kim@x.example") == []


# --- Changing ----------------------------------------------------------------------------------------------------


def test_a_portal_user_stays_with_their_customer(world: World, agent: Browser):
    user = db.session.get_one(models.User, world.ours.users[Role.CUSTOMER])
    url = f"/admin/portal-users/edit/?id={user.id}"
    assert "customer_id" not in agent.form(url)
    mark = last_change()
    answer = agent.submit(url, customer_id=str(world.ours.customers[2]))
    assert answer.status_code == 422
    assert "stays with their customer" in answer.text
    assert told(changes_since(mark)) == []
    assert agent.submit(url, name="Kim").status_code == 303
    assert (user.name, user.customer_id) == ("Kim", world.ours.customers[0])


def test_deny_all_takes_everything_away_and_keeps_what_was_chosen(world: World, agent: Browser):
    user = db.session.get_one(models.User, world.ours.users[Role.CUSTOMER])
    url = f"/admin/portal-users/edit/?id={user.id}"
    kept = agent.form(url)["portal_permissions"]
    agent.submit(url, portal_permissions=["deny all", *kept])
    assert not any(has_ability(user, ability) for ability in PortalPermission if ability != PortalPermission.DENY_ALL)
    portal = Browser(world.app, user.id)
    assert "Your access does not include any page yet" in portal.get("/portal/").text
    assert "Deny all" in agent.get(tab_of(world.ours.customers[0])).text
    agent.submit(url, portal_permissions=kept)
    assert has_ability(user, PortalPermission.DASHBOARD)
    assert agent.submit(url, portal_permissions=["everything"]).status_code == 422


def test_what_can_be_done_follows_how_far_they_are(world: World, agent: Browser):
    customer = fresh_customer(world)
    user = user_of(customer)
    every = {"Send the link again", "Reset password", "Disable", "Enable"}

    def offered() -> set[str]:
        text = agent.get(tab_of(customer.id)).text
        return {label for label in every if f">{label}</a>" in text}

    def act(name: str) -> None:
        answer = agent.submit(f"/admin/portal-users/operation/{name}/?id={user.id}")
        assert (answer.status_code, answer.location) == (303, tab_of(customer.id)), name

    assert offered() == {"Send the link again", "Disable"}
    act("invite")
    act("disable")
    assert offered() == {"Enable"}
    old, new = links_to("kim@fresh.example")
    client = world.app.test_client()
    assert [client.get(path).status_code for path in (old, new)] == [410, 410]
    act("enable")
    assert "Not invited" in agent.get(tab_of(customer.id)).text
    act("invite")
    path = links_to("kim@fresh.example")[-1]
    client.post(path, data={"csrf_token": csrf_token(client, path), "password": PHRASE, "again": PHRASE})
    assert offered() == {"Reset password", "Disable"}
    act("reset")
    assert client.get("/portal/").status_code == 303  # signed out
    assert len(links_to("kim@fresh.example")) == 4
    for name in ("invite", "enable"):
        assert agent.post(f"/admin/portal-users/operation/{name}/?id={user.id}").status_code == 409, name


def test_an_expired_link_shows(world: World, agent: Browser):
    customer = fresh_customer(world)
    with time_machine.travel(clock.now() + timedelta(hours=73), tick=True):
        page = Browser(world.app, world.ours.users[Role.AGENT]).get(tab_of(customer.id)).text
    assert "Link expired" in page
    assert "since" in page


def test_a_closed_portal_is_told_above_its_users(world: World, agent: Browser):
    customer = fresh_customer(world)
    assert "The portal is closed" not in agent.get(tab_of(customer.id)).text
    assert agent.submit(f"/admin/customers/edit/?id={customer.id}", portal_access=[]).status_code == 303
    page = agent.get(tab_of(customer.id)).text
    assert "The portal is closed for this customer" in page
    assert f'href="/admin/customers/edit/?id={customer.id}#portal"' in page


# --- Saving a customer -------------------------------------------------------------------------------------------


def test_the_saved_record_says_that_an_address_has_an_account(world: World, agent: Browser):
    taken = db.session.get_one(models.User, world.theirs.users[Role.MANAGER]).email
    answer = agent.submit("/admin/customers/new/", **new_customer(world) | {"email": taken.upper()})
    assert answer.status_code == 303
    local, _, host = taken.partition("@")
    text = f"{local.upper()}@{host} already has an account, so no portal user was made."
    page = agent.get(answer.location).text
    assert f"{text} Add another address under Portal users." in page
    assert "Their Telecom" not in page
    assert "already has an account" not in agent.get(answer.location).text  # it is said once
    tab = agent.get(f"{answer.location}&tab=portal").text
    assert text in tab
    assert "Their Telecom" not in tab


def test_what_is_refused_tells_and_makes_nothing(world: World, agent: Browser):
    taken = db.session.get_one(models.User, world.theirs.users[Role.MANAGER]).email
    mark = last_change()
    answer = agent.submit("/admin/customers/new/", **new_customer(world) | {"email": taken, "risk": ""})
    assert answer.status_code == 422
    assert "already has an account" not in answer.text + agent.get("/admin/customers/").text
    assert told(changes_since(mark)) == []


def test_the_same_form_sent_twice_makes_one_user(world: World, agent: Browser):
    url, email = "/admin/customers/new/", f"{unlike()}@x.example"
    entered = agent.form(url) | new_customer(world) | {"email": email}
    first, second = (agent.post(url, entered) for _ in range(2))
    assert first.location == second.location
    assert db.session.query(models.User).filter_by(email=email).count() == 1
    assert len(links_to(email)) == 1


def test_another_address_later_makes_and_tells_nothing(world: World, agent: Browser):
    taken = db.session.get_one(models.User, world.ours.users[Role.MANAGER]).email
    customer = fresh_customer(world, email="free@x.example")
    assert agent.submit(f"/admin/customers/edit/?id={customer.id}", email=taken).status_code == 303
    assert "already has an account" not in agent.get(f"/admin/customers/details/?id={customer.id}").text
    assert user_of(customer).email == "free@x.example"


def test_an_operation_that_saves_customers_tells_it_too(world: World, agent: Browser):
    taken = db.session.get_one(models.User, world.ours.users[Role.MANAGER]).email
    customer = bare_customer(world)
    customer.portal_invited_at, seen = None, customer.email
    task = make.ApprovalTaskFactory(
        organisation_id=world.ours.id, customer_id=customer.id, requester_id=world.ours.users[Role.PARTNER],
        assignee_id=world.ours.users[Role.AGENT], kind=models.enums.TaskKind.PARTICULARS,
        proposal={"email": [seen, taken]},
    )  # fmt: skip
    answer = agent.submit(f"/admin/tasks/operation/approve/?id={task.id}")
    assert answer.status_code == 303
    assert f"{taken} already has an account, so no portal user was made." in agent.get(answer.location).text


@pytest.mark.parametrize(
    ("email", "line"),
    [
        ("", "A portal user is made as soon as an email address is entered."),
        (" ; ", "A portal user is made as soon as an email address is entered."),
        ("kim", "Correct the email address: the portal user is made for it."),
        ("Kim@New.example, b@x.example", "Saving makes a portal user for Kim@new.example and mails them a link"),
    ],
)
def test_the_form_tells_what_saving_does(world: World, agent: Browser, email: str, line: str):
    lines = agent.post("/admin/customers/portal-plan/", {"email": email}).json["lines"]
    assert lines[0].startswith(line)
    known = world.ours.customers[0]
    lines = agent.post(f"/admin/customers/portal-plan/?id={known}", {"email": email}).json["lines"]
    assert lines == [
        "The first portal user was seen to on 29 Feb 2024, 12:00. Saving makes no other: add them under Portal users."
    ]
    assert agent.post(f"/admin/customers/portal-plan/?id={world.theirs.customers[0]}").status_code == 404
    assert line in agent.post("/admin/customers/new/", agent.form("/admin/customers/new/") | {"email": email}).text


def test_a_partner_is_not_told_who_has_an_account(world: World):
    partner = Browser(world.app, world.ours.users[Role.PARTNER])
    taken = db.session.get_one(models.User, world.theirs.users[Role.MANAGER]).email
    url = "/partner/register/company/"
    answer = partner.submit(url, name=unlike(), contact_name="Kim", registration_number=unlike(), email=taken)
    assert answer.status_code == 303
    assert "already has an account" not in partner.get(answer.location).text
    assert "already has an account" not in partner.get("/partner/").text


# --- Coming in ---------------------------------------------------------------------------------------------------


def test_the_link_says_whose_portal_it_opens_and_leads_into_it(world: World):
    customer = fresh_customer(world, name="Königlich <Essen>")
    client = world.app.test_client()
    [path] = links_to("kim@fresh.example")
    page = client.get(path).text
    assert "For kim@fresh.example, who signs in to the portal of Königlich &lt;Essen&gt; at Our Telecom" in page
    token = csrf_token(client, path)
    answer = client.post(path, data={"csrf_token": token, "password": PHRASE, "again": PHRASE})
    assert (answer.status_code, answer.location) == (303, "/portal/")
    home = client.get("/portal/").text
    assert "Königlich &lt;Essen&gt;" in home
    assert "Balance" in home
    assert "Not open yet" not in home
    assert client.get(path).status_code == 410
    assert client.get(f"/admin/customers/details/?id={customer.id}").status_code == 403


def test_who_comes_with_an_old_link_has_a_new_one_sent(world: World):
    fresh_customer(world)
    [path] = links_to("kim@fresh.example")
    later = clock.now() + timedelta(hours=73)
    with time_machine.travel(later, tick=True):
        client = world.app.test_client()
        page = client.get(path)
        assert page.status_code == 410
        assert "expired or was used" in page.text
        assert "kim@fresh.example" not in page.text
        token = csrf_token(client, path)
        sent = client.post(path, data={"csrf_token": token, "another": "yes"})
        assert sent.status_code == 200
        assert "a new link is on its way" in sent.text
        db.session.expire_all()
        old, new = links_to("kim@fresh.example")
        assert old == path
        assert client.get(new).status_code == 200
        assert client.post(path, data={"csrf_token": token, "password": PHRASE, "again": PHRASE}).status_code == 410
        assert len(links_to("kim@fresh.example")) == 2


def test_an_old_link_of_somebody_switched_off_sends_nothing(world: World, agent: Browser):
    customer = fresh_customer(world)
    [path] = links_to("kim@fresh.example")
    agent.submit(f"/admin/portal-users/operation/disable/?id={user_of(customer).id}")
    client = world.app.test_client()
    token = csrf_token(client, path)
    answer = client.post(path, data={"csrf_token": token, "another": "yes"})
    assert "If the account is still open, a new link is on its way" in answer.text
    forged = client.post(path + "x", data={"csrf_token": token, "another": "yes"})
    assert (forged.status_code, links_to("kim@fresh.example")) == (410, [path])


def test_no_page_of_ours_shows_a_link_that_works(world: World):
    customer = fresh_customer(world)
    [path] = links_to("kim@fresh.example")
    token = path.rpartition("/")[2]
    message = db.session.scalars(
        select(models.OutboxMessage).where(models.OutboxMessage.customer_id == customer.id)
    ).one()
    user = user_of(customer)
    for role in (Role.AGENT, Role.MANAGER):
        browser = Browser(world.app, world.ours.users[role])
        for page in (tab_of(customer.id), f"/admin/portal-users/details/?id={user.id}&tab=history",
                     f"/admin/customers/details/?id={customer.id}&tab=history",
                     f"/admin/customers/details/?id={customer.id}&tab=messages", "/admin/portal-users/export/csv/",
                     f"/admin/outbox/details/?id={message.id}", f"/admin/outbox/message/?id={message.id}"):  # fmt: skip
            assert token not in browser.get(page).text, (role, page)


def test_portal_users_made_by_hand_count_as_before(world: World, agent: Browser):
    """An administrator may still make one under Users; it needs a customer and gets no mail by itself."""
    user = make.UserFactory(organisation_id=world.ours.id, role=Role.CUSTOMER, customer_id=world.ours.customers[2])
    db.session.commit()
    page = agent.get(tab_of(world.ours.customers[2])).text
    assert user.name in page
    assert "Not invited" in page
    assert "Nothing" in page


def test_the_list_of_users_begins_with_those_who_work_here(world: World, admin: Browser):
    for number in range(30):
        make.UserFactory(
            organisation_id=world.ours.id, role=Role.CUSTOMER, customer_id=world.ours.customers[0], name=f"A {number}"
        )
    page = admin.get("/admin/users/").text
    assert page.index("The partner") < page.index("A 0")
    assert page.index("The admin") < page.index("The agent") < page.index("The partner")
