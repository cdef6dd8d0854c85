"""Business actions: from the ticked rows to the result of each, once, and never by looking."""

import re
from decimal import Decimal
from typing import Any

import pytest

import models
from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.permissions import Actor, Permission
from jobs.processes.web_channel import MAX_REQUEST_LINE
from models.base import db
from models.enums import Role, Stage
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, describe_changes, last_change_id
from tests.support.screen_rows import make_bare_customer, make_blacklisted_customer, make_customer_in_stage
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.approvals.blacklist import REMOVAL, REQUEST
from views.customers.merge import TWO_REQUIRED_TEXT
from views.framework.operation import MAX_ROWS, Operation, run_operation


def operation_url(name: str, *ids: Any) -> str:
    return f"/admin/customers/operation/{name}/?" + "&".join(f"id={key}" for key in ids)


def customer_exists(key: int) -> bool:
    return db.session.get(models.Customer, key) is not None


@pytest.fixture
def manager(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.MANAGER])


@pytest.fixture
def bare_customers(organisations: TwoOrganisations) -> list[int]:
    """Three customers that nothing hangs on."""
    keys = [make_bare_customer(organisations).id for _ in range(3)]
    db.session.commit()
    return keys


def test_ticked_rows_lead_to_the_page_of_the_operation(organisations: TwoOrganisations, manager: Browser):
    answer = manager.post("/admin/customers/action/", {"rowid": ["1", "2"], "action": "assign"})
    assert (answer.status_code, answer.location) == (303, "/admin/customers/operation/assign/?id=1&id=2")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"action": "assign"}, 302),
        ({"rowid": ["1"]}, 404),
        ({"rowid": ["1"], "action": "explode"}, 404),
        ({"rowid": ["1"], "action": ["", "assign"]}, 404),
    ],
)
def test_an_action_that_there_is_not(organisations: TwoOrganisations, manager: Browser, data: Any, status: int):
    answer = manager.post("/admin/customers/action/", data)
    assert answer.status_code == status
    if status == 302:
        assert "Select one or more rows first" in manager.get(answer.location).text


@pytest.mark.parametrize("junk", ["abc", "-1", "１", "1e9", str(2**70), "", "1;2"])
def test_ticked_junk_is_not_there(organisations: TwoOrganisations, manager: Browser, junk: str):
    mark = last_change_id()
    answer = manager.post(
        "/admin/customers/action/", {"rowid": [str(organisations.own.customers[0]), junk], "action": "delete"}
    )
    assert manager.get(answer.location).status_code == 404
    assert manager.post(answer.location).status_code == 404
    assert changes_since(mark) == []


def test_looking_does_nothing(organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]):
    mark = last_change_id()
    for name in ("assign", "delete"):
        for method in (manager.get, manager.client.head, manager.client.options):
            method(operation_url(name, *bare_customers))
        assert (
            manager.get(
                operation_url(name, *bare_customers) + f"&manager_id={organisations.own.users[Role.AGENT]}&run=1"
            ).status_code
            == 200
        )
    assert changes_since(mark) == []


def test_without_the_token_of_the_page_nothing_is_done(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    mark = last_change_id()
    for token in (
        {},
        {"csrf_token": ""},
        {"csrf_token": "abc"},
        {"csrf_token": Browser(organisations.app).token + "x"},
    ):
        answer = manager.client.post(operation_url("delete", *bare_customers), data=token)
        assert answer.status_code == 400
        assert "This page has expired" in answer.text
    assert changes_since(mark) == []


def test_each_row_has_its_result(organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]):
    linked = organisations.own.customers[0]
    page = manager.get(operation_url("delete", linked, *bare_customers)).text
    assert "Cannot be processed" in page
    assert "still has" in page
    answer = manager.post(operation_url("delete", linked, *bare_customers))
    assert answer.status_code == 200
    assert "3 customers deleted" in answer.text
    assert [customer_exists(key) for key in (linked, *bare_customers)] == [True, False, False, False]


def test_what_is_refused_meanwhile_does_not_stop_the_others(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    """Somebody links one of them between the page and the button."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Customer, bare_customers[1]).accounts[0].balance = Decimal("0.01")
        db.session.commit()
    answer = manager.post(operation_url("delete", *bare_customers))
    assert answer.status_code == 200
    assert [customer_exists(key) for key in bare_customers] == [False, True, False]
    mark = last_change_id()
    assert manager.post(operation_url("delete", bare_customers[1])).status_code == 409
    assert changes_since(mark) == []


def test_pressing_twice_does_it_once(organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]):
    assert manager.post(operation_url("delete", bare_customers[0])).status_code == 303
    mark = last_change_id()
    assert manager.post(operation_url("delete", bare_customers[0])).status_code == 404
    assert changes_since(mark) == []
    agent = {"manager_id": str(organisations.own.users[Role.AGENT])}
    assert manager.post(operation_url("assign", bare_customers[1]), agent).status_code == 303
    mark = last_change_id()
    assert manager.post(operation_url("assign", bare_customers[1]), agent).status_code == 303
    assert changes_since(mark) == []


def test_the_same_row_twice_is_one_row(organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]):
    page = manager.get(operation_url("delete", bare_customers[0], bare_customers[0])).text
    assert re.search(r"Delete Customer \d+</h1>", page)
    assert manager.post(operation_url("delete", bare_customers[0], bare_customers[0])).status_code == 303


@pytest.mark.slow
def test_five_hundred_rows_at_once(organisations: TwoOrganisations, manager: Browser):
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    keys = [
        make.CustomerFactory(
            organisation=own_organisation(organisations),
            region_id=customer.region_id,
            status_id=customer.status_id,
            departments=[],
            contacts=[],
        ).id
        for _ in range(500)
    ]
    db.session.commit()
    mark = last_change_id()
    answer = manager.post(operation_url("assign", *keys), {"manager_id": str(organisations.own.users[Role.AGENT])})
    assert answer.status_code == 200
    assert "500 customers assigned" in answer.text
    assert {entry.row_id for entry in changes_since(mark)} == set(keys)
    assert {str(entry.changes) for entry in changes_since(mark)} == {"{'account_manager': [None, 'The agent']}"}
    more = [*keys, organisations.own.customers[0]]
    answer = manager.get(operation_url("assign", *more))
    assert answer.status_code == 422
    assert "You can select up to 500 rows at a time" in answer.text
    answer = manager.post("/admin/customers/action/", {"rowid": [str(key) for key in more], "action": "assign"})
    assert "You can select up to 500 rows at a time" in manager.get(answer.location).text


def test_the_address_of_the_most_rows_fits_into_a_request_line(organisations: TwoOrganisations, manager: Browser):
    """Longer than the web server takes, people would be shown an error page of its own."""
    ids = [str(10**10 + number) for number in range(MAX_ROWS)]
    query = "?search=" + "%20x" * 60
    answer = manager.post("/admin/customers/action/", {"rowid": ids, "action": "assign", "back": query})
    assert answer.status_code == 303
    assert answer.location.count("id=") == MAX_ROWS
    assert len(f"GET {answer.location} HTTP/1.1\r\n") <= MAX_REQUEST_LINE <= 8190


@pytest.mark.parametrize("manager_id", ["abc", "-1", "1e9", str(2**70), "１", "999999"])
def test_errors_on_the_form_of_an_operation_are_shown(
    organisations: TwoOrganisations, manager: Browser, manager_id: str
):
    mark = last_change_id()
    answer = manager.post(operation_url("assign", organisations.own.customers[0]), {"manager_id": manager_id})
    assert answer.status_code == 422
    assert "Choose one from the list" in answer.text
    assert changes_since(mark) == []


def test_history_records_the_source_of_an_operation(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    mark = last_change_id()
    manager.post(operation_url("assign", bare_customers[0]), {"manager_id": str(organisations.own.users[Role.AGENT])})
    (entry,) = changes_since(mark)
    assert (entry.actor_name, entry.source) == ("The manager", "screen admin/customers/operation/assign")
    assert describe_changes([entry]) == [("changed", "customer", {"account_manager": [None, "The agent"]})]


# --- Deleting a customer -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (make.BillingLineFactory, "1 billing line"),
        (make.ComplianceDocumentFactory, "1 compliance document"),
        (make.InvoiceProfileFactory, "1 invoice profile"),
        (make.OutboxMessageFactory, "1 message"),
    ],
)
def test_deleting_a_customer_with_linked_rows_is_refused_with_the_reason(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int], factory: Any, message: str
):
    factory(organisation=own_organisation(organisations), customer_id=bare_customers[0])
    db.session.commit()
    mark = last_change_id()
    page = manager.get(operation_url("delete", bare_customers[0])).text
    assert f"still has {message} and cannot be deleted." in page
    assert manager.post(operation_url("delete", bare_customers[0])).status_code == 409
    assert changes_since(mark) == []


def test_everything_that_is_linked_is_named(organisations: TwoOrganisations, manager: Browser):
    page = manager.get(operation_url("delete", organisations.own.customers[0])).text
    for words in ("1 billing line", "1 compliance document", "1 invoice profile", "1 user"):
        assert words in page


def test_a_customer_with_money_or_a_second_account_is_refused(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Customer, bare_customers[0]).accounts[0].balance = Decimal("-0.01")
        db.session.add(
            models.Account(organisation_id=organisations.own.id, customer_id=bare_customers[1], number="SECOND")
        )
        make.CustomerGroupFactory(organisation=own_organisation(organisations), parent_id=bare_customers[2])
        db.session.commit()
    for key, words in zip(bare_customers, ("1 account", "2 accounts", "1 group"), strict=True):
        assert f"still has {words}" in manager.get(operation_url("delete", key)).text
        assert manager.post(operation_url("delete", key)).status_code == 409
        assert customer_exists(key)


def test_a_customer_goes_with_the_details_of_its_record(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    for factory in (make.AddressFactory, make.ContactFactory, make.LegalEntityFactory):
        factory(organisation=own_organisation(organisations), customer_id=bare_customers[0])
    db.session.commit()
    mark = last_change_id()
    assert manager.post(operation_url("delete", bare_customers[0])).status_code == 303
    deleted_tables = sorted(entry.table_name for entry in changes_since(mark))
    assert deleted_tables == ["account", "address", "contact", "contact", "customer", "legal_entity"]
    assert {entry.action for entry in changes_since(mark)} == {"deleted"}
    for model in (models.Account, models.Address, models.Contact, models.LegalEntity):
        assert db.session.query(model).filter_by(customer_id=bare_customers[0]).count() == 0


def test_an_agent_does_not_delete(organisations: TwoOrganisations, agent: Browser, bare_customers: list[int]):
    assert agent.get(operation_url("delete", bare_customers[0])).status_code == 403
    assert agent.post(operation_url("delete", bare_customers[0])).status_code == 403
    assert (
        agent.post("/admin/customers/action/", {"rowid": str(bare_customers[0]), "action": "delete"}).status_code == 403
    )
    assert customer_exists(bare_customers[0])
    assert "Delete" not in agent.get(f"/admin/customers/details/?id={bare_customers[0]}").text


def test_what_somebody_changed_since_the_page_was_opened_is_left_out(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    """The others are done; the one that is different now is named, with the reason."""
    url = operation_url("assign", *bare_customers)
    form = manager.read_form(url) | {"manager_id": str(organisations.own.users[Role.AGENT])}
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Customer, bare_customers[1]).website = "https://changed.example"
        db.session.commit()
    answer = manager.post(url, form)
    assert "2 customers assigned" in answer.text
    assert "1 customer not assigned" in answer.text
    assert "Changed by another user after you opened this page" in answer.text
    managers = [db.session.get_one(models.Customer, key).account_manager_id for key in bare_customers]
    assert managers == [organisations.own.users[Role.AGENT], None, organisations.own.users[Role.AGENT]]


def test_the_same_page_sent_twice_is_refused(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    url = operation_url("assign", *bare_customers)
    form = manager.read_form(url) | {"manager_id": str(organisations.own.users[Role.AGENT])}
    assert "3 customers assigned" in manager.post(url, form).text
    mark = last_change_id()
    again = manager.post(url, form | {"manager_id": ""})
    assert again.status_code == 409
    assert changes_since(mark) == []


def test_one_that_is_left_out_is_named_with_the_results(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    linked = organisations.own.customers[0]
    answer = manager.post(operation_url("delete", linked, *bare_customers[:2]))
    assert "2 customers deleted" in answer.text
    assert "1 customer not deleted" in answer.text
    assert "still has" in answer.text


def test_a_record_offers_what_is_possible_now(
    organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]
):
    blacklisted = make_blacklisted_customer(organisations)
    for key, is_blacklisted in ((blacklisted.id, True), (bare_customers[0], False)):
        page = manager.get(f"/admin/customers/details/?id={key}").text
        assert (f"operation/{REMOVAL.name}/" in page) == is_blacklisted
        assert (f"operation/{REQUEST.name}/" in page) != is_blacklisted
        assert "operation/assign/" in page


def test_a_refusal_by_the_database_leaves_nothing_to_be_read(organisations: TwoOrganisations):
    """Of two who did the same at once the second got an error 500: after a flush that fails only a rollback helps."""
    taken, row = (make_bare_customer(organisations) for _ in range(2))
    db.session.commit()

    def take_number(customer: models.Customer, *, actor: Actor) -> None:
        with save_changes():
            customer.account_number = taken.account_number

    operation = Operation("take", "Take", Permission.CUSTOMERS_EDIT, take_number, "", "taken")
    actor = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.MANAGER]))
    with history.act_as(actor, "test"):
        (result,) = run_operation(operation, [row], {}, actor, lambda customer: f"/{customer.id}")
    db.session.rollback()
    assert (result["ok"], result["text"]) == (False, "Another customer has this account number")


def test_a_list_is_told_what_can_be_done_to_which_rows(organisations: TwoOrganisations, manager: Browser):
    new, live = (make_customer_in_stage(stage)(organisations) for stage in (Stage.NEW, Stage.BILLING))
    answer = manager.get(f"/admin/customers/available/?id={new.id}&id={live.id}")
    found = {each["name"]: each for each in answer.json}
    assert found["pass"]["count"] == 1
    assert found["pass"]["reason"].startswith("The stage is Live. It can change to Credit check passed")
    assert found["assign"] == {"name": "assign", "count": 2, "reason": ""}
    foreign = organisations.foreign.customers[0]
    assert manager.get(f"/admin/customers/available/?id={new.id}&id={foreign}").status_code == 404
    assert manager.get("/admin/customers/available/").status_code == 404


def test_only_two_are_merged(organisations: TwoOrganisations, manager: Browser, bare_customers: list[int]):
    def find_merge(*ids: int) -> dict[str, Any]:
        answer = manager.get("/admin/customers/available/?" + "&".join(f"id={key}" for key in ids))
        return next(each for each in answer.json if each["name"] == "merge")

    assert find_merge(*bare_customers[:2])["count"] == 2
    assert find_merge(*bare_customers) == {"name": "merge", "count": 0, "reason": TWO_REQUIRED_TEXT}
    url = operation_url("merge", *bare_customers) + "&back=%3Fsort%3Dname"
    assert manager.get(url).location == "/admin/customers/?sort=name"
