"""Alerts, the blacklist and groups: what people must know of customers before they deal with them."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest

import models
from customerhub import clock, history
from customerhub.permissions import Actor
from models.base import db
from models.enums import AlertRule, CatalogType, Role, Severity, TaskKind
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import bare_customer
from tests.views.watching import changes_since, last_change
from tests.world import World
from views.groups import SHOWN

CUSTOMERS = "/admin/customers/"


@pytest.fixture
def manager(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.MANAGER])


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def record(browser: Browser, key: int) -> str:
    page: str = browser.get(f"{CUSTOMERS}details/?id={key}").text
    return page


# --- Alerts ------------------------------------------------------------------------------------------------


def test_an_alert_is_raised_shown_and_closed(world: World, agent: Browser):
    kind = make.CatalogItemFactory(organisation=owner(world), type=CatalogType.ALERT_TYPE, name="Delivery")
    key = bare_customer(world).id
    url = f"{CUSTOMERS}operation/alert/?id={key}"
    entered = {"text": "Ring first", "severity": "critical", "type_id": str(kind.id)}
    assert agent.submit(url, **entered, valid_until="2199-01-31").status_code == 303
    page = record(agent, key)
    assert re.search(r"Ring first \(until [^)]*2199\)", page)
    alert = db.session.query(models.Alert).filter_by(customer_id=key).one()
    listed = agent.get("/admin/alerts/?search=Ring").text
    for told in ("Ring first", "Delivery", "Critical", "Holds", "By hand"):
        assert told in listed
    assert agent.submit(f"/admin/alerts/operation/close/?id={alert.id}").status_code == 303
    assert "Done: Close Ring first" in record(agent, key)
    assert "Ring first" not in record(agent, key)
    assert "Closed" in agent.get(f"/admin/alerts/details/?id={alert.id}").text
    assert agent.post(f"/admin/alerts/operation/close/?id={alert.id}").status_code == 409


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("text", "", "Say what people must know"), ("text", " ", "Say what people must know"),
        ("text", "x" * 501, "longer than"), ("severity", "", "Choose one"), ("severity", "awful", "Choose one"),
        ("valid_until", "2025-02-30", "Not a valid date"), ("type_id", "999999", "Choose one"),
    ],
)  # fmt: skip
def test_an_alert_is_refused_at_its_field(world: World, agent: Browser, field: str, text: str, told: str):
    url = f"{CUSTOMERS}operation/alert/?id={world.ours.customers[0]}"
    mark = last_change()
    answer = agent.submit(url, **{"text": "Ring first", "severity": "info"} | {field: text})
    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error">[^<]*{told}', answer.text), field
    assert changes_since(mark) == []


def test_what_a_rule_raises_goes_by_itself(world: World, agent: Browser):
    alert = make.AlertFactory(
        organisation=owner(world), customer_id=world.ours.customers[1], rule=AlertRule.CREDIT_LIMIT
    )
    page = agent.get(f"/admin/alerts/operation/close/?id={alert.id}").text
    assert "It goes by itself" in page
    assert "operation/close" not in agent.get(f"/admin/alerts/details/?id={alert.id}").text


def test_what_is_no_longer_valid_is_not_shown_and_the_worst_comes_first(world: World, agent: Browser):
    key = bare_customer(world).id
    yesterday = clock.today(owner(world).timezone) - timedelta(days=1)
    for text, severity, until in (("Mild", Severity.INFO, None), ("Grave", Severity.CRITICAL, None),
                                  ("Over", Severity.CRITICAL, yesterday)):  # fmt: skip
        make.AlertFactory(
            organisation=owner(world), customer_id=key, text=f"{text} thing", severity=severity, valid_until=until
        )
    page = record(agent, key)
    assert page.index("Grave thing") < page.index("Mild thing")
    assert "Over thing" not in page
    assert "Expired" in agent.get("/admin/alerts/?search=Over").text


# --- The blacklist -----------------------------------------------------------------------------------------


def test_the_way_onto_the_blacklist_and_off_it(world: World, agent: Browser, manager: Browser):
    key = bare_customer(world).id
    assert "operation/unblacklist" not in record(agent, key)
    url = f"{CUSTOMERS}operation/blacklist/?id={key}"
    answer = agent.submit(url, reason=" ")
    assert answer.status_code == 422
    assert 'id="reason-error"' in answer.text
    assert agent.submit(url, reason="Never paid", valid_until="2001-01-01").status_code == 422
    assert agent.submit(url, reason="Never paid").status_code == 303
    assert "asked for already" in agent.submit(url, reason="Again").text
    _approve(manager, key, TaskKind.BLACKLIST)
    page = record(agent, key)
    assert "Blacklisted: not to be approved" in page
    assert "operation/blacklist" not in page
    assert "operation/unblacklist" in page
    assert agent.post(url, {"reason": "Again"}).status_code == 409
    entry = db.session.query(models.BlacklistEntry).filter_by(customer_id=key).one()
    assert "Holds" in agent.get(f"/admin/blacklist/details/?id={entry.id}").text
    assert agent.submit(f"{CUSTOMERS}operation/unblacklist/?id={key}", reason="Paid all").status_code == 303
    _approve(manager, key, TaskKind.REMOVAL)
    assert "Blacklisted" not in record(agent, key)
    page = agent.get(f"/admin/blacklist/details/?id={entry.id}").text
    assert "Removed" in page
    assert "Paid all" in page


def _approve(manager: Browser, key: int, kind: TaskKind) -> None:
    task = db.session.query(models.ApprovalTask).filter_by(customer_id=key, kind=kind).one()
    assert manager.submit(f"/admin/tasks/operation/approve/?id={task.id}").status_code == 303


def test_many_are_asked_to_be_blacklisted_at_once(world: World, agent: Browser):
    listed, fine = bare_customer(world), bare_customer(world)
    make.BlacklistEntryFactory(organisation=owner(world), customer_id=listed.id)
    answer = agent.submit(f"{CUSTOMERS}operation/blacklist/?id={listed.id}&id={fine.id}", reason="Never paid")
    assert answer.status_code == 200
    assert "1 done" in answer.text
    assert "It is blacklisted already" in answer.text


@pytest.mark.parametrize("number", ["registration_number", "identity_number"])
def test_one_is_known_by_its_numbers_too(world: World, agent: Browser, number: str):
    customer = bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        setattr(customer, number, "AB 12-34")
        db.session.commit()
    numbers = {"registration_number": None} | {number: "ab1234"}
    make.BlacklistEntryFactory(organisation=owner(world), **numbers)
    page = agent.get(f"{CUSTOMERS}operation/blacklist/?id={customer.id}").text
    assert "It is blacklisted already" in page
    theirs = make.CustomerFactory(
        organisation=db.session.get_one(models.Organisation, world.theirs.id), **{number: "AB1234"}
    )
    boss = Browser(world.app, world.theirs.users[Role.MANAGER])
    assert "It is blacklisted already" not in boss.get(f"{CUSTOMERS}operation/blacklist/?id={theirs.id}").text


# --- Groups ------------------------------------------------------------------------------------------------


def test_a_group_tells_what_its_members_come_to(world: World, agent: Browser):
    group = make.CustomerGroupFactory(organisation=owner(world))
    dropped = make.CustomerStatusFactory(organisation=owner(world), name="Gone for good")
    members = [
        make.CustomerFactory(
            organisation=owner(world), group_id=group.id, name=f"Member {number}", credit_limit=Decimal(1000),
            estimated_monthly_revenue=Decimal("10.25"), **({"status_id": dropped.id} if number == 2 else {}),
        )
        for number in range(3)
    ]  # fmt: skip
    make.CustomerFactory(organisation=owner(world), name="Outsider", credit_limit=Decimal(77))
    with history.acting(Actor(None, world.ours.id), "test"):
        group.parent_id = members[1].id
        for number, member in enumerate(members):
            member.accounts[0].balance = Decimal(f"{number}.50")
        db.session.commit()
    page = agent.get(f"/admin/groups/details/?id={group.id}").text
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for told in ("Balance 4.50", "Credit limit 3,000.00", "Estimated monthly revenue 30.75", "Gone for good 1"):
        assert told in plain, told
    assert re.search(r"Member 1 .{0,40}Parent", plain)
    assert plain.count(" Parent ") == 2, "its field, and the mark of one member"
    assert "Outsider" not in plain
    link = re.search(r'href="([^"]*f=group[^"]*)"', page)
    assert link is not None
    listed = agent.get(link[1].replace("&amp;", "&")).text
    assert [name for name in ("Member 0", "Member 1", "Member 2", "Outsider") if name in listed] == [
        "Member 0", "Member 1", "Member 2"
    ]  # fmt: skip


def test_a_large_group_shows_its_first_members_and_leads_to_all(world: World, agent: Browser):
    group = make.CustomerGroupFactory(organisation=owner(world))
    for number in range(SHOWN + 1):
        make.CustomerFactory(organisation=owner(world), group_id=group.id, name=f"Many {number:03d}")
    page = agent.get(f"/admin/groups/details/?id={group.id}").text
    assert "Many 099" in page
    assert "Many 100" not in page
    assert f"The first {SHOWN}" in page
    assert f"{SHOWN + 1} " in agent.get(f"{CUSTOMERS}?f=group:is:{group.id}").text


def test_an_empty_group_says_how_it_is_filled(world: World, agent: Browser):
    group = make.CustomerGroupFactory(organisation=owner(world))
    page = agent.get(f"/admin/groups/details/?id={group.id}").text
    assert "No customers are in this group yet" in page
    assert "No members yet" in page
