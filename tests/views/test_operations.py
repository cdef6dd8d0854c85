"""Business actions: from the ticked rows to the result of each, once, and never by looking."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import bare_customer
from tests.views.watching import changes_since, last_change, told
from tests.world import World
from views.operation import LIMIT


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def operation(name: str, *ids: Any) -> str:
    return f"/admin/customers/operation/{name}/?" + "&".join(f"id={key}" for key in ids)


def exists(key: int) -> bool:
    return db.session.get(models.Customer, key) is not None


@pytest.fixture
def manager(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.MANAGER])


@pytest.fixture
def bare(world: World) -> list[int]:
    """Three customers that nothing hangs on."""
    keys = [bare_customer(world).id for _ in range(3)]
    db.session.commit()
    return keys


def test_ticked_rows_lead_to_the_page_of_the_operation(world: World, manager: Browser):
    answer = manager.post("/admin/customers/action/", {"rowid": ["1", "2"], "action": "assign"})
    assert (answer.status_code, answer.location) == (303, "/admin/customers/operation/assign/?id=1&id=2")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"action": "assign"}, 302), ({"rowid": ["1"]}, 404), ({"rowid": ["1"], "action": "explode"}, 404),
        ({"rowid": ["1"], "action": ["", "assign"]}, 404),
    ],
)  # fmt: skip
def test_an_action_that_there_is_not(world: World, manager: Browser, data: Any, status: int):
    answer = manager.post("/admin/customers/action/", data)
    assert answer.status_code == status
    if status == 302:
        assert "Tick the rows first" in manager.get(answer.location).text


@pytest.mark.parametrize("junk", ["abc", "-1", "１", "1e9", str(2**70), "", "1;2"])
def test_ticked_junk_is_not_there(world: World, manager: Browser, junk: str):
    mark = last_change()
    answer = manager.post(
        "/admin/customers/action/", {"rowid": [str(world.ours.customers[0]), junk], "action": "delete"}
    )
    assert manager.get(answer.location).status_code == 404
    assert manager.post(answer.location).status_code == 404
    assert changes_since(mark) == []


def test_looking_does_nothing(world: World, manager: Browser, bare: list[int]):
    mark = last_change()
    for name in ("assign", "delete"):
        for method in (manager.get, manager.client.head, manager.client.options):
            method(operation(name, *bare))
        assert (
            manager.get(operation(name, *bare) + f"&manager_id={world.ours.users[Role.AGENT]}&run=1").status_code == 200
        )
    assert changes_since(mark) == []


def test_without_the_token_of_the_page_nothing_is_done(world: World, manager: Browser, bare: list[int]):
    mark = last_change()
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "abc"}, {"csrf_token": Browser(world.app).token + "x"}):
        answer = manager.client.post(operation("delete", *bare), data=token)
        assert answer.status_code == 400
        assert "open for too long" in answer.text
    assert changes_since(mark) == []


def test_each_row_has_its_result(world: World, manager: Browser, bare: list[int]):
    linked = world.ours.customers[0]
    page = manager.get(operation("delete", linked, *bare)).text
    assert "Left out" in page
    assert "still has" in page
    answer = manager.post(operation("delete", linked, *bare))
    assert answer.status_code == 200
    assert "3 done" in answer.text
    assert [exists(key) for key in (linked, *bare)] == [True, False, False, False]


def test_what_is_refused_meanwhile_does_not_stop_the_others(world: World, manager: Browser, bare: list[int]):
    """Somebody links one of them between the page and the button."""
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Customer, bare[1]).accounts[0].balance = make.Decimal("0.01")
        db.session.commit()
    answer = manager.post(operation("delete", *bare))
    assert answer.status_code == 200
    assert [exists(key) for key in bare] == [False, True, False]
    mark = last_change()
    assert manager.post(operation("delete", bare[1])).status_code == 409
    assert changes_since(mark) == []


def test_pressing_twice_does_it_once(world: World, manager: Browser, bare: list[int]):
    assert manager.post(operation("delete", bare[0])).status_code == 303
    mark = last_change()
    assert manager.post(operation("delete", bare[0])).status_code == 404
    assert changes_since(mark) == []
    agent = {"manager_id": str(world.ours.users[Role.AGENT])}
    assert manager.post(operation("assign", bare[1]), agent).status_code == 303
    mark = last_change()
    assert manager.post(operation("assign", bare[1]), agent).status_code == 303
    assert changes_since(mark) == []


def test_the_same_row_twice_is_one_row(world: World, manager: Browser, bare: list[int]):
    page = manager.get(operation("delete", bare[0], bare[0])).text
    assert re.search(r"Delete Customer \d+</h1>", page)
    assert manager.post(operation("delete", bare[0], bare[0])).status_code == 303


def test_five_hundred_rows_at_once(world: World, manager: Browser):
    known = db.session.get_one(models.Customer, world.ours.customers[0])
    keys = [
        make.CustomerFactory(
            organisation=owner(world), region_id=known.region_id, status_id=known.status_id, departments=[], contacts=[]
        ).id
        for _ in range(500)
    ]
    db.session.commit()
    mark = last_change()
    answer = manager.post(operation("assign", *keys), {"manager_id": str(world.ours.users[Role.AGENT])})
    assert answer.status_code == 200
    assert "500 done" in answer.text
    assert {entry.row_id for entry in changes_since(mark)} == set(keys)
    assert {str(entry.changes) for entry in changes_since(mark)} == {"{'account_manager': [None, 'The agent']}"}
    more = [*keys, world.ours.customers[0]]
    answer = manager.get(operation("assign", *more))
    assert answer.status_code == 422
    assert "An operation takes 500 rows at a time" in answer.text
    answer = manager.post("/admin/customers/action/", {"rowid": [str(key) for key in more], "action": "assign"})
    assert "An operation takes 500 rows at a time" in manager.get(answer.location).text


def test_the_address_of_the_most_rows_fits_into_a_request_line(world: World, manager: Browser):
    """Longer than the web server takes, people would be shown a bare error of its own."""
    ids = [str(10**10 + number) for number in range(LIMIT)]
    answer = manager.post("/admin/customers/action/", {"rowid": ids, "action": "assign"})
    assert answer.status_code == 303
    config = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "gunicorn.conf.py"))
    assert len(f"GET {answer.location} HTTP/1.1\r\n") <= config["limit_request_line"] <= 8190


@pytest.mark.parametrize("manager_id", ["abc", "-1", "1e9", str(2**70), "１", "999999"])
def test_what_is_wrong_on_the_form_of_an_operation_is_told(world: World, manager: Browser, manager_id: str):
    mark = last_change()
    answer = manager.post(operation("assign", world.ours.customers[0]), {"manager_id": manager_id})
    assert answer.status_code == 422
    assert "Choose one from the list" in answer.text
    assert changes_since(mark) == []


def test_history_tells_of_an_operation_from_where(world: World, manager: Browser, bare: list[int]):
    mark = last_change()
    manager.post(operation("assign", bare[0]), {"manager_id": str(world.ours.users[Role.AGENT])})
    (entry,) = changes_since(mark)
    assert (entry.actor_name, entry.source) == ("The manager", "screen admin/customers/operation/assign")
    assert told([entry]) == [("changed", "customer", {"account_manager": [None, "The agent"]})]


# --- Deleting a customer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        (make.BillingLineFactory, "1 billing line"), (make.ComplianceDocumentFactory, "1 compliance document"),
        (make.InvoiceProfileFactory, "1 invoice profile"), (make.OutboxMessageFactory, "1 message"),
    ],
)  # fmt: skip
def test_a_customer_with_something_linked_is_refused_and_told(
    world: World, manager: Browser, bare: list[int], factory: Any, said: str
):
    factory(organisation=owner(world), customer_id=bare[0])
    db.session.commit()
    mark = last_change()
    page = manager.get(operation("delete", bare[0])).text
    assert f"still has {said}. Drop the customer instead of deleting it." in page
    assert manager.post(operation("delete", bare[0])).status_code == 409
    assert changes_since(mark) == []


def test_everything_that_is_linked_is_named(world: World, manager: Browser):
    page = manager.get(operation("delete", world.ours.customers[0])).text
    for words in ("1 billing line", "1 compliance document", "1 invoice profile", "1 user"):
        assert words in page


def test_a_customer_with_money_or_a_second_account_is_refused(world: World, manager: Browser, bare: list[int]):
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Customer, bare[0]).accounts[0].balance = make.Decimal("-0.01")
        db.session.add(models.Account(organisation_id=world.ours.id, customer_id=bare[1], number="SECOND"))
        make.CustomerGroupFactory(organisation=owner(world), parent_id=bare[2])
        db.session.commit()
    for key, words in zip(bare, ("1 account", "2 accounts", "1 group"), strict=True):
        assert f"still has {words}" in manager.get(operation("delete", key)).text
        assert manager.post(operation("delete", key)).status_code == 409
        assert exists(key)


def test_a_customer_goes_with_the_details_of_its_record(world: World, manager: Browser, bare: list[int]):
    for factory in (make.AddressFactory, make.ContactFactory, make.LegalEntityFactory):
        factory(organisation=owner(world), customer_id=bare[0])
    db.session.commit()
    mark = last_change()
    assert manager.post(operation("delete", bare[0])).status_code == 303
    gone = sorted(entry.table_name for entry in changes_since(mark))
    assert gone == ["account", "address", "contact", "contact", "customer", "legal_entity"]
    assert {entry.action for entry in changes_since(mark)} == {"deleted"}
    for model in (models.Account, models.Address, models.Contact, models.LegalEntity):
        assert db.session.query(model).filter_by(customer_id=bare[0]).count() == 0


def test_an_agent_does_not_delete(world: World, agent: Browser, bare: list[int]):
    assert agent.get(operation("delete", bare[0])).status_code == 403
    assert agent.post(operation("delete", bare[0])).status_code == 403
    assert agent.post("/admin/customers/action/", {"rowid": str(bare[0]), "action": "delete"}).status_code == 403
    assert exists(bare[0])
    assert "Delete" not in agent.get(f"/admin/customers/details/?id={bare[0]}").text


def test_what_somebody_changed_since_the_page_was_opened_is_left_out(world: World, manager: Browser, bare: list[int]):
    """The others are done; the one that is different now is named, with the reason."""
    url = operation("assign", *bare)
    form = manager.form(url) | {"manager_id": str(world.ours.users[Role.AGENT])}
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Customer, bare[1]).website = "https://changed.example"
        db.session.commit()
    answer = manager.post(url, form)
    assert "2 done" in answer.text
    assert "1 not done" in answer.text
    assert "changed it after you opened this page" in answer.text
    managers = [db.session.get_one(models.Customer, key).account_manager_id for key in bare]
    assert managers == [world.ours.users[Role.AGENT], None, world.ours.users[Role.AGENT]]


def test_the_same_page_sent_twice_is_refused(world: World, manager: Browser, bare: list[int]):
    url = operation("assign", *bare)
    form = manager.form(url) | {"manager_id": str(world.ours.users[Role.AGENT])}
    assert "3 done" in manager.post(url, form).text
    mark = last_change()
    again = manager.post(url, form | {"manager_id": ""})
    assert again.status_code == 409
    assert changes_since(mark) == []


def test_one_that_is_left_out_is_named_with_the_results(world: World, manager: Browser, bare: list[int]):
    linked = world.ours.customers[0]
    answer = manager.post(operation("delete", linked, *bare[:2]))
    assert "2 done" in answer.text
    assert "1 not done" in answer.text
    assert "still has" in answer.text


def test_a_record_offers_what_is_possible_now(world: World, manager: Browser, bare: list[int]):
    for key, offered in ((world.ours.customers[0], False), (bare[0], True)):
        page = manager.get(f"/admin/customers/details/?id={key}").text
        assert ("operation/delete/" in page) == offered
        assert "operation/assign/" in page
