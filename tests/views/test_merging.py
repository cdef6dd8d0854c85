"""Duplicates are warned of before they are saved, and two records that are one customer become one."""

import re

import pytest
from sqlalchemy import select

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import CustomerKind, Role
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.screen_table import bare_customer, new_customer
from tests.views.watching import changes_since, last_change
from tests.world import World

NEW = "/admin/customers/new/"
WARNED = "There may be such a customer already"
LIST = "/admin/customers/"


@pytest.fixture
def manager(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.MANAGER])


@pytest.fixture
def pair(world: World) -> tuple[int, int]:
    """Two records of one company: the second knows more."""
    first, second = bare_customer(world), bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        first.name, second.name = "Papyrus Ltd", "Papyrus Limited"
        first.reference, second.reference = "PAP-1", "PAP-2"
        second.website = "https://papyrus.example"
        db.session.commit()
    make.ContactFactory(organisation=owner(world), customer_id=second.id, name="Nefertari")
    db.session.commit()
    return first.id, second.id


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def named(name: str) -> list[models.Customer]:
    return list(db.session.scalars(select(models.Customer).where(models.Customer.name == name)))


def customer(key: int) -> models.Customer:
    return db.session.get_one(models.Customer, key)


def merge(*keys: int) -> str:
    return f"{LIST}operation/merge/?" + "&".join(f"id={key}" for key in keys)


# --- The warning -------------------------------------------------------------------------------------------


def test_a_likely_duplicate_is_shown_and_saved_only_when_wanted(world: World, agent: Browser):
    known = bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        known.name = "Königlich Essen GmbH"
        db.session.commit()
    form = agent.form(NEW) | new_customer(world) | {"name": "Koniglich Essen", "website": "essen.example"}
    mark = last_change()
    answer = agent.post(NEW, form)
    assert answer.status_code == 422
    assert WARNED in answer.text
    assert known.account_number in answer.text
    assert f'href="/admin/customers/details/?id={known.id}"' in answer.text
    assert "Save anyway" in answer.text
    assert changes_since(mark) == []
    again = form_of(answer.text)
    assert (again["name"], again["website"]) == (["Koniglich Essen"], ["essen.example"])
    assert again["departments"] == form["departments"]
    assert agent.post(NEW, again).status_code == 422, "saving as before warns again"
    assert agent.post(NEW, again | {"_anyway": "1"}).status_code == 303
    assert len(named("Koniglich Essen")) == 1


@pytest.mark.parametrize(
    ("field", "value", "alike"),
    [("email", "Office@Alike.example", "email"), ("contact_number", "030 4048530", "phone")],
)
def test_the_same_email_or_phone_is_warned_of(world: World, agent: Browser, field: str, value: str, alike: str):
    known = bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        known.email, known.contact_number = "x@y.example, office@alike.example", "+49 30 4048530"
        db.session.commit()
    answer = agent.post(NEW, agent.form(NEW) | new_customer(world) | {field: value})
    assert answer.status_code == 422
    assert f"has the same or nearly the same {alike}" in answer.text


def test_what_is_wrong_beside_is_told_too(world: World, agent: Browser, pair: tuple[int, int]):
    answer = agent.post(NEW, agent.form(NEW) | new_customer(world) | {"name": "Papyrus", "reference": "PAP-1"})
    assert WARNED in answer.text
    assert "Another customer has this reference" in answer.text
    answer = agent.post(NEW, form_of(answer.text) | {"_anyway": "1"})
    assert answer.status_code == 422
    assert named("Papyrus") == []
    answer = agent.post(NEW, form_of(answer.text) | {"reference": "PAP-99"})
    assert answer.status_code == 303, "it was agreed that this is another one"
    assert len(named("Papyrus")) == 1


def test_nobody_is_taken_for_another_whom_nobody_has_seen(world: World, agent: Browser, pair: tuple[int, int]):
    """What was agreed is about the customers that were shown, whatever is typed then, and about these alone."""
    form = agent.form(NEW) | new_customer(world) | {"name": "Papyrus"}
    assert agent.post(NEW, form | {"_anyway": "1"}).status_code == 422
    answer = agent.post(NEW, form)
    known = bare_customer(world)
    with history.acting(Actor(None, world.ours.id), "test"):
        known.name, known.email = "Quicksilver", "quick@silver.example"
        db.session.commit()
    again = form_of(answer.text) | {"_anyway": "1"}
    answer = agent.post(NEW, again | {"email": "quick@silver.example"})
    assert answer.status_code == 422
    assert f"Quicksilver ({known.account_number}) has the same or nearly the same email" in answer.text
    again = form_of(answer.text)
    assert agent.post(NEW, again).status_code == 422
    assert named("Papyrus") == []
    assert agent.post(NEW, again | {"_anyway": "1"}).status_code == 303


def test_only_what_makes_it_alike_is_asked_about(world: World, agent: Browser, manager: Browser, pair: tuple[int, int]):
    url = f"{LIST}edit/?id={pair[0]}"
    assert agent.submit(url, website="https://other.example").status_code == 303
    answer = manager.submit(url, name="Papyrus Limited.")
    assert answer.status_code == 422
    assert merge(*pair).replace("&", "&amp;") in answer.text, "a manager may merge the two at once"
    assert "operation/merge" not in agent.submit(url, name="Papyrus Limited.").text
    assert manager.post(url, form_of(answer.text) | {"_anyway": "1"}).status_code == 303
    assert manager.submit(url, website="https://third.example").status_code == 303


def test_customers_of_another_organisation_are_no_duplicates(world: World, agent: Browser):
    theirs = customer(world.theirs.customers[0])
    assert agent.post(NEW, agent.form(NEW) | new_customer(world) | {"name": theirs.name}).status_code in (303, 422)
    page = agent.post(NEW, agent.form(NEW) | new_customer(world) | {"email": theirs.email}).text
    assert theirs.account_number not in page
    assert f"id={theirs.id}" not in page


# --- Merging -----------------------------------------------------------------------------------------------


def test_two_ticked_rows_become_one(world: World, manager: Browser, pair: tuple[int, int]):
    stays, goes = pair
    answer = manager.post(f"{LIST}action/", {"rowid": [str(stays), str(goes)], "action": "merge"})
    assert answer.location == merge(stays, goes)
    page = manager.get(answer.location).text
    assert "What moves from Papyrus Limited to Papyrus Ltd" in page
    assert re.search(r"<td[^>]*>Contact</td><td[^>]*>2</td>", page)
    assert "What the record holds then" in page
    form = manager.form(answer.location)
    assert form["field_website"] == ["second"], "only the other has one"
    assert form["field_name"] == [""]
    assert manager.post(answer.location, form | {"preview": "1"}).status_code == 200
    assert customer(goes)
    number = customer(goes).account_number
    done = manager.post(answer.location, form)
    assert (done.status_code, done.location) == (303, f"{LIST}details/?id={stays}")
    assert "The two are one record now." in manager.get(done.location).text
    assert manager.post(answer.location, form).status_code == 303, "sent twice"
    made = customer(stays)
    assert db.session.get(models.Customer, goes) is None
    assert (made.name, made.reference, made.website) == ("Papyrus Ltd", "PAP-1", "https://papyrus.example")
    assert "Nefertari" in [contact.name for contact in made.contacts]
    assert {account.number for account in made.accounts} == {made.account_number, number}


def test_each_field_may_come_from_either(world: World, manager: Browser, pair: tuple[int, int]):
    first, second = pair
    form = manager.form(merge(*pair))
    chosen = {"survivor": "second", "field_name": "first", "field_reference": "", "field_website": "second"}
    page = manager.post(merge(*pair), form | chosen | {"preview": "1"}).text
    assert "What moves from Papyrus Ltd to Papyrus Limited" in page
    assert re.search(r"<td[^>]*>Name</td><td[^>]*>Papyrus Ltd</td><td[^>]*>Papyrus Limited</td>", page)
    manager.post(merge(*pair), form | chosen)
    made = customer(second)
    assert (made.name, made.reference, made.website) == ("Papyrus Ltd", "PAP-2", "https://papyrus.example")
    assert db.session.get(models.Customer, first) is None


def test_from_a_record_the_other_is_chosen_first(world: World, manager: Browser, pair: tuple[int, int]):
    first, second = pair
    assert "operation/merge" in manager.get(f"{LIST}details/?id={first}").text
    page = manager.get(merge(first))
    assert page.status_code == 200
    assert 'name="other_id"' in page.text
    mark = last_change()
    for wrong in ("", str(first), "abc", str(world.theirs.customers[0]), str(10**9), str(2**70)):
        answer = manager.post(merge(first), {"other_id": wrong})
        assert answer.status_code == 422, wrong
        assert 'id="other_id-error"' in answer.text
    assert changes_since(mark) == []
    answer = manager.post(merge(first), {"other_id": str(second)})
    assert (answer.status_code, answer.location) == (303, merge(first, second))
    found = manager.get(f"{LIST}ajax/lookup/?name=merge.other_id&query=papyrus limited&limit=5").json
    assert [key for key, _ in found] == [second]


def test_what_cannot_be_merged(world: World, manager: Browser, agent: Browser, pair: tuple[int, int]):
    consumer = make.CustomerFactory(organisation=owner(world), kind=CustomerKind.CONSUMER, identity_number="I 1")
    mark = last_change()
    answer = manager.get(merge(*pair, world.ours.customers[0]), follow_redirects=True)
    assert "Tick two customers" in answer.text
    assert manager.post(merge(*pair, world.ours.customers[0]), {"survivor": "first"}).status_code == 303
    answer = manager.submit(merge(pair[0], consumer.id))
    assert "One is a company, the other a consumer" in answer.text
    for keys in ((pair[0],), pair):
        assert agent.get(merge(*keys)).status_code == 403
        assert agent.post(merge(*keys), {"survivor": "first", "other_id": str(pair[1])}).status_code == 403
    assert manager.get(merge(pair[0], world.theirs.customers[0])).status_code == 404
    assert manager.post(merge(pair[0], world.theirs.customers[0]), {"survivor": "first"}).status_code == 404
    assert changes_since(mark) == []


def test_one_that_somebody_changed_meanwhile_is_not_merged(world: World, manager: Browser, pair: tuple[int, int]):
    form = manager.form(merge(*pair))
    assert manager.submit(f"{LIST}edit/?id={pair[1]}", website="https://meanwhile.example").status_code == 303
    assert manager.post(merge(*pair), form).status_code in (409, 422)
    assert customer(pair[1]).website == "https://meanwhile.example"


# --- What leads on -----------------------------------------------------------------------------------------


@pytest.fixture
def merged(manager: Browser, pair: tuple[int, int]) -> tuple[int, int, str]:
    """(the one that stays, the old id, its old account number)"""
    number = customer(pair[1]).account_number
    manager.submit(merge(*pair))
    assert db.session.get(models.Customer, pair[1]) is None
    return (*pair, number)


def test_every_address_of_the_old_record_leads_on(world: World, manager: Browser, merged: tuple[int, int, str]):
    stays, old, _ = merged
    for page in ("details/?id={}", "details/?id={}&tab=history", "edit/?id={}", "peek/?id={}",
                 "operation/assign/?id={}", "operation/merge/?id={}"):  # fmt: skip
        answer = manager.get(LIST + page.format(old))
        assert answer.status_code == 302, page
        assert sorted(answer.location.partition("?")[2].split("&")) == sorted(
            page.format(stays).partition("?")[2].split("&")
        ), page
        assert manager.get(answer.location).status_code == 200, page
    assert manager.post(f"{LIST}operation/assign/?id={old}", {"manager_id": ""}).status_code == 404
    theirs = Browser(world.app, world.theirs.users[Role.MANAGER])
    partner = Browser(world.app, world.ours.users[Role.PARTNER])
    for page in ("details/?id={}", "edit/?id={}", "operation/assign/?id={}"):
        assert theirs.get(LIST + page.format(old)).status_code == 404
        assert partner.get(LIST + page.format(old)).status_code == 403


def test_the_history_of_both_is_shown(manager: Browser, merged: tuple[int, int, str]):
    stays, _, number = merged
    page = manager.get(f"{LIST}details/?id={stays}&tab=history").text
    assert "Papyrus Limited" in page
    assert page.count("created the record") == 2
    assert f"Merged into it: Papyrus Limited ({number})." in manager.get(f"{LIST}details/?id={stays}").text


@pytest.mark.parametrize("typed", ["number", "PAP-2", "pap-2"])
def test_smart_search_by_what_the_old_one_was_known_by(
    world: World, manager: Browser, merged: tuple[int, int, str], typed: str
):
    stays, _, number = merged
    answer = manager.get(f"/admin/search/?q={number if typed == 'number' else typed}")
    assert answer.location == f"{LIST}details/?id={stays}"
    theirs = Browser(world.app, world.theirs.users[Role.MANAGER])
    assert f"id={stays}" not in theirs.get("/admin/search/?q=PAP-2").location


def test_a_present_reference_comes_before_an_old_one(world: World, manager: Browser, merged: tuple[int, int, str]):
    taken = make.CustomerFactory(organisation=owner(world), reference="PAP-2")
    assert manager.get("/admin/search/?q=PAP-2").location == f"{LIST}details/?id={taken.id}"
