"""The work on the start page and behind the bell: what it counts is what its lists show."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask

import models
from customerhub.core import clock
from customerhub.core.organisation_dates import organisation_today
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, own_organisation
from tests.support.work import KINDS_BY_ROLE, add_failing_job, add_others_work, add_work

AsRole = Callable[[Role], Browser]
GROUP = re.compile(r'<h2 id="work-([^"]+)">([^<]+)</h2><a class="more" href="([^"]+)">All ([^<]+)<')
EMPTY = "Nothing is waiting for you"


def read_groups(page: str) -> dict[str, tuple[str, int]]:
    """Name → address and figure of each group."""
    return {name: (unescape(url), int(count)) for name, _, url, count in GROUP.findall(page)}


def read_bell(page: str) -> int:
    bell = page.partition('<form class="bell"')[2].partition("</form>")[0]
    assert bell, "the bell is on every page"
    found = re.search(r'<span class="count">(\d+)', bell)
    return int(found[1]) if found else 0


def press_bell(browser: Browser, page: str) -> str:
    """The page behind the bell of `page`."""
    bell = page.partition('<form class="bell"')[2].partition("</form>")[0]
    since = re.search(r'name="since" value="([^"]*)"', bell)
    action = re.search(r'action="([^"]+)"', '<form class="bell"' + bell)
    assert since is not None
    assert action is not None
    answer = browser.post(action[1], {"since": unescape(since[1])})
    assert answer.status_code == 303
    return browser.get(answer.location).text


def count_rows(browser: Browser, url: str) -> int:
    page = browser.get(url, follow_redirects=True)
    assert page.status_code == 200, url
    if "/schedule/" in url:
        return page.text.count('action="/admin/schedule/run/"')
    total = re.search(r'class="total">([\d,]+) ', page.text)
    return int(total[1]) if total else 0


def fill(organisations: TwoOrganisations, user_id: int) -> None:
    organisation = own_organisation(organisations)
    today = organisation_today(organisation.id)
    for _ in range(2):
        add_work(organisation, user_id, today=today)
    other = make.UserFactory(organisation=organisation, role=Role.AGENT)
    add_others_work(organisation, other.id, today=today)
    foreign = db.session.get_one(models.Organisation, organisations.foreign.id)
    add_work(foreign, organisations.foreign.users[Role.ADMIN], today=today)
    add_failing_job()
    db.session.commit()


@pytest.mark.parametrize("person", ["admin", "manager", "agent", "platform"])
def test_a_group_leads_to_as_many_rows_as_it_counts(organisations: TwoOrganisations, person: str):
    is_platform = person == "platform"
    user_id = organisations.platform_user if is_platform else organisations.own.users[Role(person)]
    fill(organisations, user_id)
    browser = Browser(organisations.app, user_id)
    for address in ("/admin/", "/admin/work/"):
        groups = read_groups(browser.get(address).text)
        expected = KINDS_BY_ROLE["admin" if is_platform else person] - (set() if is_platform else {"jobs"})
        assert groups.keys() == expected
        for name, (url, count) in groups.items():
            assert count_rows(browser, url) == count > 0, name


def test_late_work_is_red_and_in_words_and_the_first_few_are_shown(organisations: TwoOrganisations, agent: Browser):
    organisation, user_id = own_organisation(organisations), organisations.own.users[Role.AGENT]
    name = "مؤسسة <b>" + "W" * 50
    for _ in range(7):
        add_work(organisation, user_id, today=organisation_today(organisation.id), name=name)
    db.session.commit()
    page = agent.get("/admin/").text
    tasks = page.partition('id="work-tasks"')[2].partition("</section>")[0]
    assert tasks.count("<li") == 5
    assert tasks.count('<span class="chip chip-red">3 days late</span>') == 5
    assert "All 7" in tasks
    assert "<b>" not in tasks
    assert page.index('id="work-tasks"') < page.index('class="tiles"') < page.index("Latest customers"), "work first"
    longer = agent.get("/admin/work/").text.partition('id="work-tasks"')[2].partition("</section>")[0]
    assert longer.count("<li") == 7


def test_nothing_waits_is_said_once_and_a_new_hub_still_says_what_to_set_up(app: Flask, session: object):
    organisation = make.OrganisationFactory()
    user = make.UserFactory(organisation=organisation)
    db.session.commit()
    browser = Browser(app, user.id)
    page = browser.get("/admin/").text
    assert page.count(EMPTY) == 1
    assert "work-group" not in page
    assert "Finish setup" in page
    assert "Regions" in page
    behind_bell = browser.get("/admin/work/").text
    assert behind_bell.count(EMPTY) == 1
    assert read_bell(behind_bell) == 0


# --- The bell ----------------------------------------------------------------------------------------------------


def test_the_bell_counts_what_came_since_the_last_look(organisations: TwoOrganisations, agent: Browser):
    organisation, user_id = own_organisation(organisations), organisations.own.users[Role.AGENT]
    press_bell(agent, agent.get("/admin/").text)
    assert read_bell(agent.get("/admin/customers/").text) == 0
    add_work(organisation, user_id, today=organisation_today(organisation.id))
    db.session.commit()
    page = agent.get("/admin/customers/").text
    old_kinds = {"documents", "waiting-signatures"}  # one has long expired, the other one asked for oneself
    assert read_bell(page) == len(KINDS_BY_ROLE["agent"] - old_kinds)
    shown = press_bell(agent, page)
    assert shown.count('class="work-new"') == read_bell(page)
    assert read_bell(shown) == 0
    again = press_bell(agent, page)  # a second press of the same page
    assert again.count('class="work-new"') == read_bell(page)
    assert 'class="work-new"' not in agent.get("/admin/work/").text, "the address by itself: all is seen"
    assert EMPTY not in again


@pytest.mark.parametrize(
    "since", ["yesterday", "2026-06-10", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59+00:00", "1" * 5000]
)
def test_a_moment_that_is_none_is_passed_over(agent: Browser, since: str):
    assert agent.get("/admin/work/?since=" + since.replace("+", "%2B")).status_code == 200
    assert agent.post("/admin/work/seen/", {"since": since}).status_code == 303


def test_looking_changes_nothing_by_itself(organisations: TwoOrganisations, agent: Browser):
    add_work(own_organisation(organisations), organisations.own.users[Role.AGENT], today=clock.get_today())
    db.session.commit()
    before = read_bell(agent.get("/admin/").text)
    agent.get("/admin/work/")
    assert read_bell(agent.get("/admin/").text) == before > 0
    assert db.session.query(models.WorkVisit).count() == 0


def test_one_sees_for_oneself_alone(organisations: TwoOrganisations, agent: Browser, manager: Browser):
    for role in (Role.AGENT, Role.MANAGER):
        add_work(own_organisation(organisations), organisations.own.users[role], today=clock.get_today())
    db.session.commit()
    press_bell(agent, agent.get("/admin/").text)
    assert read_bell(manager.get("/admin/").text) > 0


# --- Follow-ups --------------------------------------------------------------------------------------------------


def test_the_badge_of_follow_ups_leads_to_those_it_counts(organisations: TwoOrganisations, agent: Browser):
    organisation, user_id = own_organisation(organisations), organisations.own.users[Role.AGENT]
    today = organisation_today(organisation.id)
    for days in (-30, 0, 1, 30):
        make.NoteFactory(
            organisation=organisation,
            customer_id=organisations.own.customers[0],
            follow_up_on=today + timedelta(days=days),
            assignee_id=user_id,
        )
    db.session.commit()
    page = agent.get("/admin/").text
    menu = re.search(r'<a href="([^"]+)"[^>]*>(?:(?!</a>).)*<span>Follow-ups</span><span class="count">(\d+)', page)
    assert menu is not None
    assert (menu[1], int(menu[2])) == ("/admin/notes/due/", 2)
    assert count_rows(agent, menu[1]) == 2
    assert count_rows(agent, "/admin/notes/mine/") == 4, "all open ones are a tab beside it"
