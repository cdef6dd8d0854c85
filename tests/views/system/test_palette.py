"""What the command palette offers, and the page of the keyboard shortcuts."""

from collections.abc import Callable

from models import User
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations

AsRole = Callable[[Role], Browser]


def list_entries(browser: Browser, group: str) -> dict[str, str]:
    return {row["label"]: row["url"] for row in browser.get("/admin/palette/").json if row["group"] == group}


def test_it_leads_to_every_page_that_one_may_open_and_to_no_other(as_role: AsRole):
    for role in (Role.ADMIN, Role.AGENT):
        browser = as_role(role)
        for label, url in list_entries(browser, "Pages").items():
            assert browser.get(url, follow_redirects=True).status_code == 200, label
    assert {"Users", "Outbox", "Catalogs", "Quick search", "My tasks"} <= list_entries(
        as_role(Role.ADMIN), "Pages"
    ).keys()
    assert not {"Users", "Outbox"} & list_entries(as_role(Role.AGENT), "Pages").keys()


def test_it_offers_to_add_what_one_may_add(as_role: AsRole):
    agent, admin = (list_entries(as_role(role), "Actions") for role in (Role.AGENT, Role.ADMIN))
    assert {"Add customer", "Add contract", "Import customers from Excel"} <= agent.keys()
    assert "Add status" not in agent
    assert {"Add status", "Add user"} <= admin.keys()
    assert as_role(Role.AGENT).get(agent["Add customer"]).status_code == 200


def test_single_keys_are_switched_off_in_the_profile(organisations: TwoOrganisations, agent: Browser):
    def read_page(url: str) -> str:
        return str(agent.get(url).text)

    assert 'data-single-keys="off"' not in read_page("/admin/")
    assert 'name="single_key_shortcuts"' in read_page("/profile/")
    assert agent.post("/profile/", {"name": "The agent"}).status_code == 303
    assert not db.session.get_one(User, organisations.own.users[Role.AGENT]).single_key_shortcuts
    assert 'data-single-keys="off"' in read_page("/admin/")
    assert "Shortcuts of one key are off" in read_page("/admin/palette/shortcuts")
    assert agent.post("/profile/", {"name": "The agent", "single_key_shortcuts": "y"}).status_code == 303
    assert 'data-single-keys="off"' not in read_page("/admin/")


def test_who_has_no_shortcuts_keeps_the_setting(organisations: TwoOrganisations, as_role: AsRole):
    partner = as_role(Role.PARTNER)
    assert "single_key_shortcuts" not in partner.get("/profile/").text
    assert partner.post("/profile/", {"name": "The partner"}).status_code == 303
    assert db.session.get_one(User, organisations.own.users[Role.PARTNER]).single_key_shortcuts
