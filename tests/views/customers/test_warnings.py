"""Alerts, the blacklist and groups: what people must know of customers before they deal with them."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import AlertRule, CatalogType, Role, Severity, TaskKind
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.customers.groups import MAX_MEMBERS

CUSTOMERS = "/admin/customers/"


@pytest.fixture
def manager(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.MANAGER])


def record_page(browser: Browser, key: int) -> str:
    page: str = browser.get(f"{CUSTOMERS}details/?id={key}").text
    return page


# --- Alerts ------------------------------------------------------------------------------------------------


def test_an_alert_is_raised_shown_and_closed(organisations: TwoOrganisations, agent: Browser):
    kind = make.CatalogItemFactory(
        organisation=own_organisation(organisations), type=CatalogType.ALERT_TYPE, name="Delivery"
    )
    key = make_bare_customer(organisations).id
    url = f"{CUSTOMERS}operation/alert/?id={key}"
    entered = {"text": "Ring first", "severity": "critical", "type_id": str(kind.id)}
    assert agent.submit(url, **entered, valid_until="2199-01-31").status_code == 303
    page = record_page(agent, key)
    assert re.search(r"Ring first \(until [^)]*2199\)", page)
    alert = db.session.query(models.Alert).filter_by(customer_id=key).one()
    alerts_page = agent.get("/admin/alerts/?search=Ring").text
    for expected_text in ("Ring first", "Delivery", "Critical", "Active", "Manually"):
        assert expected_text in alerts_page
    assert agent.submit(f"/admin/alerts/operation/close/?id={alert.id}").status_code == 303
    assert "Ring first closed" in record_page(agent, key)
    assert "Ring first" not in record_page(agent, key)
    assert "Closed" in agent.get(f"/admin/alerts/details/?id={alert.id}").text
    assert agent.post(f"/admin/alerts/operation/close/?id={alert.id}").status_code == 409


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("text", "", "Enter the alert text"),
        ("text", " ", "Enter the alert text"),
        ("text", "x" * 501, "longer than"),
        ("severity", "", "Choose one"),
        ("severity", "awful", "Choose one"),
        ("valid_until", "2025-02-30", "is not a valid date"),
        ("type_id", "999999", "Choose one"),
    ],
)
def test_an_alert_is_refused_at_its_field(
    organisations: TwoOrganisations, agent: Browser, field: str, text: str, message: str
):
    url = f"{CUSTOMERS}operation/alert/?id={organisations.own.customers[0]}"
    mark = last_change_id()
    answer = agent.submit(url, **{"text": "Ring first", "severity": "info"} | {field: text})
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error">[^<]*{message}', answer.text), field
    assert changes_since(mark) == []


def test_what_a_rule_raises_goes_by_itself(organisations: TwoOrganisations, agent: Browser):
    alert = make.AlertFactory(
        organisation=own_organisation(organisations),
        customer_id=organisations.own.customers[1],
        rule=AlertRule.CREDIT_LIMIT,
    )
    page = agent.get(f"/admin/alerts/operation/close/?id={alert.id}").text
    assert "This alert closes automatically" in page
    assert "operation/close" not in agent.get(f"/admin/alerts/details/?id={alert.id}").text


def test_what_is_no_longer_valid_is_not_shown_and_the_worst_comes_first(
    organisations: TwoOrganisations, agent: Browser
):
    key = make_bare_customer(organisations).id
    yesterday = clock.get_today(own_organisation(organisations).timezone) - timedelta(days=1)
    for text, severity, until in (
        ("Mild", Severity.INFO, None),
        ("Grave", Severity.CRITICAL, None),
        ("Over", Severity.CRITICAL, yesterday),
    ):
        make.AlertFactory(
            organisation=own_organisation(organisations),
            customer_id=key,
            text=f"{text} thing",
            severity=severity,
            valid_until=until,
        )
    page = record_page(agent, key)
    assert page.index("Grave thing") < page.index("Mild thing")
    assert "Over thing" not in page
    assert "Expired" in agent.get("/admin/alerts/?search=Over").text


# --- The blacklist -----------------------------------------------------------------------------------------


def test_the_way_onto_the_blacklist_and_off_it(organisations: TwoOrganisations, agent: Browser, manager: Browser):
    key = make_bare_customer(organisations).id
    assert "operation/unblacklist" not in record_page(agent, key)
    url = f"{CUSTOMERS}operation/blacklist/?id={key}"
    answer = agent.submit(url, reason=" ")
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert agent.submit(url, reason="Never paid", valid_until="2001-01-01").status_code == 422
    assert agent.submit(url, reason="Never paid").status_code == 303
    assert "is already open" in agent.submit(url, reason="Again").text
    _approve_task(manager, key, TaskKind.BLACKLIST)
    page = record_page(agent, key)
    assert "Blacklisted: not to be approved" in page
    assert "operation/blacklist" not in page
    assert "operation/unblacklist" in page
    assert agent.post(url, {"reason": "Again"}).status_code == 409
    entry = db.session.query(models.BlacklistEntry).filter_by(customer_id=key).one()
    assert "Active" in agent.get(f"/admin/blacklist/details/?id={entry.id}").text
    assert agent.submit(f"{CUSTOMERS}operation/unblacklist/?id={key}", reason="Paid all").status_code == 303
    _approve_task(manager, key, TaskKind.REMOVAL)
    assert "Blacklisted" not in record_page(agent, key)
    page = agent.get(f"/admin/blacklist/details/?id={entry.id}").text
    assert "Removed" in page
    assert "Paid all" in page


def _approve_task(manager: Browser, key: int, kind: TaskKind) -> None:
    task = db.session.query(models.ApprovalTask).filter_by(customer_id=key, kind=kind).one()
    assert manager.submit(f"/admin/tasks/operation/approve/?id={task.id}").status_code == 303


def test_many_are_asked_to_be_blacklisted_at_once(organisations: TwoOrganisations, agent: Browser):
    blacklisted_customer, other_customer = make_bare_customer(organisations), make_bare_customer(organisations)
    make.BlacklistEntryFactory(organisation=own_organisation(organisations), customer_id=blacklisted_customer.id)
    answer = agent.submit(
        f"{CUSTOMERS}operation/blacklist/?id={blacklisted_customer.id}&id={other_customer.id}", reason="Never paid"
    )
    assert answer.status_code == 200
    assert "1 customer submitted for blacklisting" in answer.text
    assert "Already blacklisted" in answer.text


@pytest.mark.parametrize("number", ["registration_number", "identity_number"])
def test_one_is_known_by_its_numbers_too(organisations: TwoOrganisations, agent: Browser, number: str):
    customer = make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        setattr(customer, number, "AB 12-34")
        db.session.commit()
    numbers = {"registration_number": None} | {number: "ab1234"}
    make.BlacklistEntryFactory(organisation=own_organisation(organisations), **numbers)
    page = agent.get(f"{CUSTOMERS}operation/blacklist/?id={customer.id}").text
    assert "Already blacklisted" in page
    other_customer = make.CustomerFactory(
        organisation=db.session.get_one(models.Organisation, organisations.foreign.id), **{number: "AB1234"}
    )
    boss = Browser(organisations.app, organisations.foreign.users[Role.MANAGER])
    assert "Already blacklisted" not in boss.get(f"{CUSTOMERS}operation/blacklist/?id={other_customer.id}").text


# --- Groups ------------------------------------------------------------------------------------------------


def test_a_group_shows_the_totals_of_its_members(organisations: TwoOrganisations, agent: Browser):
    group = make.CustomerGroupFactory(organisation=own_organisation(organisations))
    dropped = make.CustomerStatusFactory(organisation=own_organisation(organisations), name="Gone for good")
    members = [
        make.CustomerFactory(
            organisation=own_organisation(organisations),
            group_id=group.id,
            name=f"Member {number}",
            credit_limit=Decimal(1000),
            estimated_monthly_revenue=Decimal("10.25"),
            **({"status_id": dropped.id} if number == 2 else {}),
        )
        for number in range(3)
    ]
    make.CustomerFactory(organisation=own_organisation(organisations), name="Outsider", credit_limit=Decimal(77))
    with history.act_as(Actor(None, organisations.own.id), "test"):
        group.parent_id = members[1].id
        for number, member in enumerate(members):
            member.accounts[0].balance = Decimal(f"{number}.50")
        db.session.commit()
    page = agent.get(f"/admin/groups/details/?id={group.id}").text
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for expected_text in (
        "Balance 4.50",
        "Credit limit 3,000.00",
        "Estimated monthly revenue 30.75",
        "Gone for good 1",
    ):
        assert expected_text in plain, expected_text
    assert re.search(r"Member 1 .{0,40}Parent", plain)
    assert plain.count(" Parent ") == 2, "its field, and the mark of one member"
    assert "Outsider" not in plain
    link = re.search(r'href="([^"]*f=group[^"]*)"', page)
    assert link is not None
    list_page = agent.get(link[1].replace("&amp;", "&")).text
    assert [name for name in ("Member 0", "Member 1", "Member 2", "Outsider") if name in list_page] == [
        "Member 0",
        "Member 1",
        "Member 2",
    ]


def test_a_large_group_shows_its_first_members_and_leads_to_all(organisations: TwoOrganisations, agent: Browser):
    group = make.CustomerGroupFactory(organisation=own_organisation(organisations))
    for number in range(MAX_MEMBERS + 1):
        make.CustomerFactory(organisation=own_organisation(organisations), group_id=group.id, name=f"Many {number:03d}")
    page = agent.get(f"/admin/groups/details/?id={group.id}").text
    assert "Many 099" in page
    assert "Many 100" not in page
    assert f"Showing the first {MAX_MEMBERS}" in page
    assert f"{MAX_MEMBERS + 1} " in agent.get(f"{CUSTOMERS}?f=group:is:{group.id}").text


def test_an_empty_group_says_how_it_is_filled(organisations: TwoOrganisations, agent: Browser):
    group = make.CustomerGroupFactory(organisation=own_organisation(organisations))
    page = agent.get(f"/admin/groups/details/?id={group.id}").text
    assert "No customers in this group yet" in page
    assert "No members yet" in page
