"""Duplicates are warned of before they are saved, and two records that are one customer become one."""

import re
from html import unescape

import pytest
from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import CustomerKind, Role
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer, new_customer_values
from tests.support.two_organisations import TwoOrganisations, own_organisation

NEW = "/admin/customers/new/"
DUPLICATE_WARNING = "This customer may already exist"
LIST = "/admin/customers/"


@pytest.fixture
def manager(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.MANAGER])


@pytest.fixture
def customer_pair(organisations: TwoOrganisations) -> tuple[int, int]:
    """Two records of one company: the second knows more."""
    first, second = make_bare_customer(organisations), make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        first.name, second.name = "Papyrus Ltd", "Papyrus Limited"
        first.reference, second.reference = "PAP-1", "PAP-2"
        second.website = "https://papyrus.example"
        db.session.commit()
    make.ContactFactory(organisation=own_organisation(organisations), customer_id=second.id, name="Nefertari")
    db.session.commit()
    return first.id, second.id


def list_customers_named(name: str) -> list[models.Customer]:
    return list(db.session.scalars(select(models.Customer).where(models.Customer.name == name)))


def get_customer(key: int) -> models.Customer:
    return db.session.get_one(models.Customer, key)


def merge_url(*keys: int) -> str:
    return f"{LIST}operation/merge/?" + "&".join(f"id={key}" for key in keys)


# --- The warning -------------------------------------------------------------------------------------------


def test_a_likely_duplicate_is_shown_and_saved_only_when_wanted(organisations: TwoOrganisations, agent: Browser):
    existing_customer = make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        existing_customer.name = "Königlich Essen GmbH"
        db.session.commit()
    form = (
        agent.read_form(NEW)
        | new_customer_values(organisations)
        | {"name": "Koniglich Essen", "website": "essen.example"}
    )
    mark = last_change_id()
    answer = agent.post(NEW, form)
    assert answer.status_code == 422
    assert DUPLICATE_WARNING in answer.text
    assert existing_customer.account_number in answer.text
    assert f'href="/admin/customers/details/?id={existing_customer.id}"' in answer.text
    assert "Save anyway" in answer.text
    assert changes_since(mark) == []
    again = parse_form(answer.text)
    assert (again["name"], again["website"]) == (["Koniglich Essen"], ["essen.example"])
    assert again["departments"] == form["departments"]
    assert agent.post(NEW, again).status_code == 422, "saving as before warns again"
    assert agent.post(NEW, again | {"_anyway": "1"}).status_code == 303
    assert len(list_customers_named("Koniglich Essen")) == 1


@pytest.mark.parametrize(
    ("field", "value", "alike"),
    [("email", "Office@Alike.example", "email"), ("contact_number", "030 4048530", "phone")],
)
def test_the_same_email_or_phone_is_warned_of(
    organisations: TwoOrganisations, agent: Browser, field: str, value: str, alike: str
):
    existing_customer = make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        existing_customer.email, existing_customer.contact_number = (
            "x@y.example, office@alike.example",
            "+49 30 4048530",
        )
        db.session.commit()
    answer = agent.post(NEW, agent.read_form(NEW) | new_customer_values(organisations) | {field: value})
    assert answer.status_code == 422
    assert f"has the same or nearly the same {alike}" in answer.text


def test_other_errors_are_listed_too(organisations: TwoOrganisations, agent: Browser, customer_pair: tuple[int, int]):
    answer = agent.post(
        NEW, agent.read_form(NEW) | new_customer_values(organisations) | {"name": "Papyrus", "reference": "PAP-1"}
    )
    assert DUPLICATE_WARNING in answer.text
    assert "Another customer has this reference" in answer.text
    answer = agent.post(NEW, parse_form(answer.text) | {"_anyway": "1"})
    assert answer.status_code == 422
    assert list_customers_named("Papyrus") == []
    answer = agent.post(NEW, parse_form(answer.text) | {"reference": "PAP-99"})
    assert answer.status_code == 303, "it was agreed that this is another one"
    assert len(list_customers_named("Papyrus")) == 1


def test_nobody_is_taken_for_another_whom_nobody_has_seen(
    organisations: TwoOrganisations, agent: Browser, customer_pair: tuple[int, int]
):
    """What was agreed is about the customers that were shown, whatever is typed then, and about these alone."""
    form = agent.read_form(NEW) | new_customer_values(organisations) | {"name": "Papyrus"}
    assert agent.post(NEW, form | {"_anyway": "1"}).status_code == 422
    answer = agent.post(NEW, form)
    existing_customer = make_bare_customer(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        existing_customer.name, existing_customer.email = "Quicksilver", "quick@silver.example"
        db.session.commit()
    again = parse_form(answer.text) | {"_anyway": "1"}
    answer = agent.post(NEW, again | {"email": "quick@silver.example"})
    assert answer.status_code == 422
    assert f"Quicksilver ({existing_customer.account_number}) has the same or nearly the same email" in answer.text
    again = parse_form(answer.text)
    assert agent.post(NEW, again).status_code == 422
    assert list_customers_named("Papyrus") == []
    assert agent.post(NEW, again | {"_anyway": "1"}).status_code == 303


def test_only_what_makes_it_alike_is_asked_about(
    organisations: TwoOrganisations, agent: Browser, manager: Browser, customer_pair: tuple[int, int]
):
    url = f"{LIST}edit/?id={customer_pair[0]}"
    assert agent.submit(url, website="https://other.example").status_code == 303
    answer = manager.submit(url, name="Papyrus Limited.")
    assert answer.status_code == 422
    assert merge_url(*customer_pair).replace("&", "&amp;") in answer.text, "a manager may merge the two at once"
    assert "operation/merge" not in agent.submit(url, name="Papyrus Limited.").text
    assert manager.post(url, parse_form(answer.text) | {"_anyway": "1"}).status_code == 303
    assert manager.submit(url, website="https://third.example").status_code == 303


def test_customers_of_another_organisation_are_no_duplicates(organisations: TwoOrganisations, agent: Browser):
    foreign_customer = get_customer(organisations.foreign.customers[0])
    assert agent.post(
        NEW, agent.read_form(NEW) | new_customer_values(organisations) | {"name": foreign_customer.name}
    ).status_code in (303, 422)
    page = agent.post(
        NEW, agent.read_form(NEW) | new_customer_values(organisations) | {"email": foreign_customer.email}
    ).text
    assert foreign_customer.account_number not in page
    assert f"id={foreign_customer.id}" not in page


# --- Merging -----------------------------------------------------------------------------------------------


def test_two_ticked_rows_become_one(organisations: TwoOrganisations, manager: Browser, customer_pair: tuple[int, int]):
    stays, goes = customer_pair
    answer = manager.post(f"{LIST}action/", {"rowid": [str(stays), str(goes)], "action": "merge"})
    assert answer.location == merge_url(stays, goes)
    page = manager.get(answer.location).text
    assert "Records to be moved from Papyrus Limited to Papyrus Ltd" in page
    assert re.search(r"<td[^>]*>Contact</td><td[^>]*>2</td>", page)
    form = manager.read_form(answer.location)
    assert form["field_website"] == ["second"], "only the other has one"
    assert form["field_name"] == ["first"]
    assert manager.post(answer.location, form | {"preview": "1"}).status_code == 200
    assert get_customer(goes)
    number = get_customer(goes).account_number
    done = manager.post(answer.location, form)
    assert (done.status_code, done.location) == (303, f"{LIST}details/?id={stays}")
    assert "Customers merged." in manager.get(done.location).text
    assert manager.post(answer.location, form).status_code == 303, "sent twice"
    merged_customer = get_customer(stays)
    assert db.session.get(models.Customer, goes) is None
    assert (merged_customer.name, merged_customer.reference, merged_customer.website) == (
        "Papyrus Ltd",
        "PAP-1",
        "https://papyrus.example",
    )
    assert "Nefertari" in [contact.name for contact in merged_customer.contacts]
    assert {account.number for account in merged_customer.accounts} == {merged_customer.account_number, number}


def test_each_field_may_come_from_either(
    organisations: TwoOrganisations, manager: Browser, customer_pair: tuple[int, int]
):
    first, second = customer_pair
    form = manager.read_form(merge_url(*customer_pair))
    chosen = {"survivor": "second", "field_name": "first", "field_reference": "", "field_website": "second"}
    page = manager.post(merge_url(*customer_pair), form | chosen | {"preview": "1"}).text
    assert "Records to be moved from Papyrus Ltd to Papyrus Limited" in page
    assert parse_form(page)["field_name"] == ["first"], "what was chosen stays"
    manager.post(merge_url(*customer_pair), form | chosen)
    merged_customer = get_customer(second)
    assert (merged_customer.name, merged_customer.reference, merged_customer.website) == (
        "Papyrus Ltd",
        "PAP-2",
        "https://papyrus.example",
    )
    assert db.session.get(models.Customer, first) is None


def test_from_a_record_the_other_is_chosen_first(
    organisations: TwoOrganisations, manager: Browser, customer_pair: tuple[int, int]
):
    first, second = customer_pair
    assert "operation/merge" in manager.get(f"{LIST}details/?id={first}").text
    page = manager.get(merge_url(first))
    assert page.status_code == 200
    assert 'name="other_id"' in page.text
    mark = last_change_id()
    for wrong in ("", str(first), "abc", str(organisations.foreign.customers[0]), str(10**9), str(2**70)):
        answer = manager.post(merge_url(first), {"other_id": wrong})
        assert answer.status_code == 422, wrong
        assert 'id="other_id-error"' in answer.text
    assert changes_since(mark) == []
    answer = manager.post(merge_url(first), {"other_id": str(second)})
    assert (answer.status_code, answer.location) == (303, merge_url(first, second))
    choices = manager.get(f"{LIST}ajax/lookup/?name=merge.other_id&query=papyrus limited&limit=5").json
    assert [key for key, _ in choices] == [second]


def test_what_cannot_be_merged(
    organisations: TwoOrganisations, manager: Browser, agent: Browser, customer_pair: tuple[int, int]
):
    consumer = make.CustomerFactory(
        organisation=own_organisation(organisations), kind=CustomerKind.CONSUMER, identity_number="I 1"
    )
    mark = last_change_id()
    answer = manager.get(merge_url(*customer_pair, organisations.own.customers[0]), follow_redirects=True)
    assert "Select two customers" in answer.text
    assert (
        manager.post(merge_url(*customer_pair, organisations.own.customers[0]), {"survivor": "first"}).status_code
        == 303
    )
    answer = manager.submit(merge_url(customer_pair[0], consumer.id))
    assert "One is a company, the other a consumer" in answer.text
    for keys in ((customer_pair[0],), customer_pair):
        assert agent.get(merge_url(*keys)).status_code == 403
        assert agent.post(merge_url(*keys), {"survivor": "first", "other_id": str(customer_pair[1])}).status_code == 403
    assert manager.get(merge_url(customer_pair[0], organisations.foreign.customers[0])).status_code == 404
    assert (
        manager.post(merge_url(customer_pair[0], organisations.foreign.customers[0]), {"survivor": "first"}).status_code
        == 404
    )
    assert changes_since(mark) == []


def test_one_that_somebody_changed_meanwhile_is_not_merged(
    organisations: TwoOrganisations, manager: Browser, customer_pair: tuple[int, int]
):
    form = manager.read_form(merge_url(*customer_pair))
    assert manager.submit(f"{LIST}edit/?id={customer_pair[1]}", website="https://meanwhile.example").status_code == 303
    assert manager.post(merge_url(*customer_pair), form).status_code in (409, 422)
    assert get_customer(customer_pair[1]).website == "https://meanwhile.example"


# --- What leads on -----------------------------------------------------------------------------------------


@pytest.fixture
def merged_pair(manager: Browser, customer_pair: tuple[int, int]) -> tuple[int, int, str]:
    """(the one that stays, the old id, its old account number)"""
    number = get_customer(customer_pair[1]).account_number
    manager.submit(merge_url(*customer_pair))
    assert db.session.get(models.Customer, customer_pair[1]) is None
    return (*customer_pair, number)


def test_every_address_of_the_old_record_leads_on(
    organisations: TwoOrganisations, manager: Browser, merged_pair: tuple[int, int, str]
):
    stays, old, _ = merged_pair
    for page in (
        "details/?id={}",
        "details/?id={}&tab=history",
        "edit/?id={}",
        "peek/?id={}",
        "operation/assign/?id={}",
        "operation/merge/?id={}",
    ):
        answer = manager.get(LIST + page.format(old))
        assert answer.status_code == 302, page
        assert sorted(answer.location.partition("?")[2].split("&")) == sorted(
            page.format(stays).partition("?")[2].split("&")
        ), page
        assert manager.get(answer.location).status_code == 200, page
    assert manager.post(f"{LIST}operation/assign/?id={old}", {"manager_id": ""}).status_code == 404
    foreign_browser = Browser(organisations.app, organisations.foreign.users[Role.MANAGER])
    partner = Browser(organisations.app, organisations.own.users[Role.PARTNER])
    for page in ("details/?id={}", "edit/?id={}", "operation/assign/?id={}"):
        assert foreign_browser.get(LIST + page.format(old)).status_code == 404
        assert partner.get(LIST + page.format(old)).status_code == 403


def test_the_history_of_both_is_shown(manager: Browser, merged_pair: tuple[int, int, str]):
    stays, _, number = merged_pair
    page = manager.get(f"{LIST}details/?id={stays}&tab=history").text
    assert "Papyrus Limited" in page
    assert page.count("created the record") == 2
    assert f"Merged from: Papyrus Limited ({number})." in manager.get(f"{LIST}details/?id={stays}").text


@pytest.mark.parametrize("search_text", ["number", "PAP-2", "pap-2"])
def test_smart_search_by_what_the_old_one_was_known_by(
    organisations: TwoOrganisations, manager: Browser, merged_pair: tuple[int, int, str], search_text: str
):
    stays, _, number = merged_pair
    answer = manager.get(f"/admin/search/?q={number if search_text == 'number' else search_text}")
    assert answer.location == f"{LIST}details/?id={stays}"
    foreign_browser = Browser(organisations.app, organisations.foreign.users[Role.MANAGER])
    assert f"id={stays}" not in foreign_browser.get("/admin/search/?q=PAP-2").location


def test_a_present_reference_comes_before_an_old_one(
    organisations: TwoOrganisations, manager: Browser, merged_pair: tuple[int, int, str]
):
    other_customer = make.CustomerFactory(organisation=own_organisation(organisations), reference="PAP-2")
    assert manager.get("/admin/search/?q=PAP-2").location == f"{LIST}details/?id={other_customer.id}"


# --- What is offered ---------------------------------------------------------------------------------------


def test_only_customers_that_it_can_be_merged_with_are_offered(
    organisations: TwoOrganisations, manager: Browser, customer_pair: tuple[int, int]
):
    """Itself and customers of the other kind were offered, and refused one page later."""
    first, second = customer_pair
    owned = {"organisation": own_organisation(organisations), "name": "Papyrus person"}
    consumer = make.CustomerFactory(**owned, kind=CustomerKind.CONSUMER, identity_number="I 7")
    page = manager.get(merge_url(first)).text
    address = re.search(r'data-lookup="([^"]*)"', page)
    assert address is not None
    lookup = unescape(address[1])
    for search_text in ("papyrus", "pap", "apyru", "P"):
        found = [key for key, _ in manager.get(f"{lookup}&query={search_text}&limit=20").json]
        assert second in found, search_text
        assert not {first, consumer.id} & set(found), search_text
    for key in (first, consumer.id):
        answer = manager.post(merge_url(first), {"other_id": str(key)})
        assert answer.status_code == 422, "an older page"
        assert "annot be merged with itself" in answer.text or "One is a company, the other a consumer" in answer.text
    lookup = lookup.replace(f"first={first}", f"first={organisations.foreign.customers[0]}")
    assert {key for key, _ in manager.get(f"{lookup}&query=Their&limit=20").json} == set()


def test_two_that_cannot_be_merged_are_told_so_before_anything_is_entered(
    organisations: TwoOrganisations, manager: Browser, customer_pair: tuple[int, int]
):
    consumer = make.CustomerFactory(
        organisation=own_organisation(organisations), kind=CustomerKind.CONSUMER, identity_number="I 8"
    )
    page = manager.get(merge_url(customer_pair[0], consumer.id)).text
    assert "One is a company, the other a consumer" in page
    assert "None of the selected customers can be merged" in page
