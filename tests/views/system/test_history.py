"""The history as each role reads it: nothing of tables whose screens they may not open."""

import re

import pytest
from sqlalchemy import func, select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.custom_fields import add_field
from tests.support.two_organisations import TwoOrganisations, own_organisation

HOME = "/admin/history/"
SECRET = "Wanda Whoever"


@pytest.fixture
def entry(organisations: TwoOrganisations) -> int:
    """What history tells of the account of somebody at our first customer."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        person = models.User(
            organisation_id=organisations.own.id,
            email="wanda@x.example",
            name=SECRET,
            role=Role.CUSTOMER,
            customer_id=organisations.own.customers[0],
        )
        db.session.add(person)
        db.session.commit()
    return db.session.scalars(select(func.max(models.History.id)).where(models.History.title == SECRET)).one()


def list_pages(organisations: TwoOrganisations, entry: int) -> list[str]:
    record = f"/admin/customers/details/?id={organisations.own.customers[0]}&tab=history"
    return [
        HOME,
        f"{HOME}?search=Wanda",
        f"{HOME}?f=table:is:hub_user",
        f"{HOME}details/?id={entry}",
        f"{HOME}export/csv/",
        record,
    ]


def test_accounts_are_for_those_who_see_accounts(organisations: TwoOrganisations, agent: Browser, entry: int):
    for url in list_pages(organisations, entry):
        answer = agent.get(url)
        assert answer.status_code == (404 if "details/?id" in url and "history/details" in url else 200), url
        page_text = answer.text.replace('value="Wanda"', "")
        assert SECRET not in page_text, url
        assert "wanda@x.example" not in page_text, url
    assert "0 changes" in agent.get(f"{HOME}?f=table:is:hub_user").text


def test_shared_views_are_for_those_who_share(organisations: TwoOrganisations, manager: Browser, agent: Browser):
    manager.post("/admin/list/users/views", {"name": SECRET, "shared": "1", "search": "wanda"})
    page = manager.get(f"{HOME}?f=table:is:saved_view").text
    assert (SECRET in page, "Saved view" in page, "1 change" in page) == (True, True, True)
    key = db.session.scalars(select(models.History.id).where(models.History.title == SECRET)).one()
    record = manager.get(f"{HOME}details/?id={key}").text
    assert [text for text in ("Filters and sorting", "search=wanda", "List") if text not in record] == []
    assert SECRET not in agent.get(f"{HOME}?f=table:is:saved_view").text
    assert agent.get(f"{HOME}details/?id={key}").status_code == 404


@pytest.mark.parametrize("role", [Role.MANAGER, Role.ADMIN])
def test_those_who_do_read_all_of_it(organisations: TwoOrganisations, role: Role, entry: int):
    browser = Browser(organisations.app, organisations.own.users[role])
    for url in list_pages(organisations, entry):
        assert SECRET in browser.get(url).text, url


@pytest.fixture
def vat_changes(organisations: TwoOrganisations) -> None:
    """A VAT number and a custom field are changed, a customer is renamed, and others have one from the beginning."""
    own = organisations.own
    first, second = (db.session.get_one(models.Customer, key) for key in own.customers[:2])
    with history.act_as(Actor(None, own.id), "form"):
        cost_code = add_field(Actor(None, own.id), name="Cost code")
        first.vat_number = "DE136695976"
        db.session.commit()
        setattr(first, cost_code.name, "K-7")
        second.name = "Vatzinger"
        make.CustomerFactory(organisation=own_organisation(organisations), vat_number="DE811569869")
        db.session.commit()


@pytest.mark.usefixtures("vat_changes")
@pytest.mark.parametrize(
    ("words", "count"),
    [("VAT number", 1), ("vät num", 1), ("cost code", 1), ("Vatzinger", 1), ("vat", 2), ("va", 1), ("VAT number%", 0)],
)
def test_who_changed_a_field_is_found_by_its_label(
    organisations: TwoOrganisations, manager: Browser, words: str, count: int
):
    query = {"search": words, "f": "table:is:customer", "from": "list"}
    stranger = Browser(organisations.app, organisations.foreign.users[Role.MANAGER])
    for browser, expected in ((manager, count), (stranger, 0)):
        found = re.search(r"(\d+) changes?\b", browser.get(HOME, query_string=query).text)
        assert found
        assert int(found[1]) == expected
