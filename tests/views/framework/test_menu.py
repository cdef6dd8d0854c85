"""The menu: what each role sees, what its counts say, and where set-up is."""

import re
from collections.abc import Callable

import pytest

from models.base import db
from models.enums import Role, TaskKind
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.framework.menu import MENU, SETUP_GROUPS

MOST_ENTRIES = 19  # as many as fit into a window of 900 px with three headings

AsRole = Callable[[Role], Browser]


def list_menu(page: str) -> dict[str, str]:
    """The address of each entry of the menu."""
    navigation = page.partition('<nav class="side-nav"')[2].partition("</nav>")[0]
    return {label: url for url, label in re.findall(r'<a href="([^"]*)"[^>]*>.*?<span>([^<]*)</span>', navigation)}


def read_count(page: str, label: str) -> int:
    found = re.search(rf'<span>{label}</span>(?:<span class="count">(\d+))?', page)
    assert found is not None
    return int(found[1] or 0)


def test_set_up_is_one_entry_and_the_menu_is_short(admin: Browser):
    entries = list_menu(admin.get("/admin/").text)
    assert "Set-up" in entries
    assert len(entries) <= MOST_ENTRIES
    assert not {"Catalogs", "Products", "VAT rates", "Users"} & entries.keys()


def test_every_set_up_screen_is_on_the_page_with_a_sentence(admin: Browser):
    page = admin.get("/admin/set-up/").text
    entries = [entry for _, group in SETUP_GROUPS for entry in group]
    for entry in entries:
        assert f">{entry.label}</a>" in page
        assert entry.text in page
    links = re.findall(r'class="setup-entry">.*?<a href="([^"]*)"', page)
    assert len(links) == len(entries)
    for url in links:
        assert admin.get(url, follow_redirects=True).status_code == 200, url


def test_set_up_shows_only_what_may_be_opened(as_role: AsRole):
    page = as_role(Role.AGENT).get("/admin/set-up/").text
    assert ">Catalogs</a>" in page
    assert ">Users</a>" not in page, "agents do not see users"
    for role in (Role.PARTNER, Role.CUSTOMER):
        assert as_role(role).get("/admin/set-up/").status_code == 403


def test_a_set_up_screen_hangs_below_set_up(admin: Browser):
    for url, label in (("/admin/catalogs/", "Catalogs"), ("/admin/locations/", "Cost center")):
        page = admin.get(url).text
        assert re.search(r'href="/admin/set-up/" aria-current="page"', page), "the entry is marked"
        crumbs = page.partition('aria-label="Breadcrumb"')[2].partition("</nav>")[0]
        assert re.findall(r">([^<>]+)</(?:a|span)>", crumbs) == ["Set-up", label]


def test_the_lists_of_the_cost_center_are_tabs_of_each_other(admin: Browser):
    for active, url in (("Commodities", "commodities"), ("Locations", "locations"), ("Users to bill", "billed-users")):
        page = admin.get(f"/admin/{url}/").text
        tabs = page.partition('aria-label="Lists that belong together"')[2].partition("</nav>")[0]
        found = re.findall(r'<a href="[^"]*"( aria-current="page")?>([^<]*)', tabs)
        assert [label for _, label in found] == ["Commodities", "Locations", "Users to bill"]
        assert [label for mark, label in found if mark] == [active]


@pytest.mark.parametrize("role", [Role.AGENT, Role.ADMIN])
def test_a_count_is_what_the_list_behind_it_shows(organisations: TwoOrganisations, as_role: AsRole, role: Role):
    user_id = organisations.own.users[role]
    organisation = own_organisation(organisations)
    for assignee_id, customer_id in zip((None, user_id, user_id), organisations.own.customers, strict=True):
        make.ApprovalTaskFactory(
            organisation=organisation, customer_id=customer_id, assignee_id=assignee_id, kind=TaskKind.BLACKLIST
        )
    db.session.commit()
    browser = as_role(role)
    page = browser.get("/admin/").text
    for label, url in (("My tasks", "/admin/tasks/mine/"), ("All tasks", "/admin/tasks/")):
        shown = browser.get(url, follow_redirects=True).text
        total = re.search(r'class="total">(\d+) tasks?', shown)
        assert total is not None, label
        assert read_count(page, label) == int(total[1]) > 0, label


def test_every_entry_has_its_page(admin: Browser):
    known = {rule.endpoint for rule in admin.app.url_map.iter_rules()}
    assert {entry.endpoint for _, entries in (*MENU, *SETUP_GROUPS) for entry in entries} <= known
