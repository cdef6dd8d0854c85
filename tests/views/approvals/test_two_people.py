"""Two people decide the same approval task."""

from typing import Any

import pytest

import models
from models.base import db
from models.enums import Role, Stage, TaskKind, TaskState
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.row_changes import changes_since, describe_changes, last_change_id
from tests.support.screen_rows import UPDATE_VALUES, make_bare_customer, make_task
from tests.support.two_organisations import TwoOrganisations, own_organisation
from tests.views.framework.test_at_once import build_post, run_together


@pytest.fixture
def third_browser(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.ADMIN])


HANDLED_STATUSES = 200, 409, 422  # the results, the page with what has changed, or the form with what was refused
CONFLICT_MESSAGE = "Changed by another user after you opened this page"


def operation_url(name: str, key: int) -> str:
    return f"/admin/tasks/operation/{name}/?id={key}"


def make_onboarding(organisations: TwoOrganisations, **values: Any) -> tuple[int, int]:
    """The keys of a task that the system asked for, and of its customer, which has a billing reference already."""
    key = make_bare_customer(organisations).id
    new = db.session.get_one(models.Customer, key)
    new.stage, new.billing_reference = Stage.NEW, "B 1"
    return make.ApprovalTaskFactory(organisation=own_organisation(organisations), customer_id=key, **values).id, key


def current_stage(customer_id: int) -> Stage:
    return db.session.get_one(models.Customer, customer_id).stage


def get_task(key: int) -> models.ApprovalTask:
    return db.session.get_one(models.ApprovalTask, key)


@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_two_who_decide_one_step_do_not_make_two(
    organisations: TwoOrganisations, second_browser: Browser, third_browser: Browser, decision: str
):
    """Both have seen a new customer: what the second wants was not said of one that has passed."""
    key, owned = make_onboarding(organisations)
    form = third_browser.read_form(operation_url(decision, key)) | {"comment": "Seen"}
    assert second_browser.submit(operation_url("approve", key)).status_code == 303
    mark = last_change_id()
    answer = third_browser.post(operation_url(decision, key), form)
    assert (answer.status_code, changes_since(mark)) == (409, [])
    assert CONFLICT_MESSAGE in answer.text or "only from New or Referred" in answer.text
    assert (current_stage(owned), get_task(key).state) == (Stage.PASSED, TaskState.OPEN)
    assert third_browser.submit(operation_url("approve", key)).status_code == 303  # and now it was
    assert (current_stage(owned), get_task(key).state) == (Stage.BILLING, TaskState.APPROVED)


def test_nobody_approves_facts_that_they_have_not_seen(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    key, owned = make_onboarding(organisations)
    form = second_browser.read_form(operation_url("approve", key))
    assert first_browser.submit(f"/admin/customers/edit/?id={owned}", registration_number="HRB 666").status_code == 303
    answer = second_browser.post(operation_url("approve", key), form)
    assert answer.status_code == 409
    assert CONFLICT_MESSAGE in answer.text
    assert current_stage(owned) is Stage.NEW
    assert second_browser.submit(operation_url("approve", key)).status_code == 303
    assert current_stage(owned) is Stage.PASSED


def test_of_two_who_decide_at_once_one_does(
    organisations: TwoOrganisations, second_browser: Browser, third_browser: Browser
):
    key, owned = make_onboarding(organisations)
    forms = [
        second_browser.read_form(operation_url("approve", key)),
        third_browser.read_form(operation_url("decline", key)) | {"comment": "Debts"},
    ]
    urls = [operation_url("approve", key), operation_url("decline", key)]
    mark = last_change_id()
    codes = run_together([build_post(*each) for each in zip((second_browser, third_browser), urls, forms, strict=True)])
    assert codes.count(303) == 1, codes
    assert set(codes) <= {303, *HANDLED_STATUSES}
    stage = Stage.PASSED if codes[0] == 303 else Stage.FAILED
    moves = [entry for entry in changes_since(mark) if "stage" in entry.changes]
    assert [(entry.changes["stage"], entry.actor_name) for entry in moves] == [
        (["New", stage.value], "The manager" if codes[0] == 303 else "The admin")
    ]
    assert current_stage(owned) is stage


def test_one_claims_what_another_assigns(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    """Whoever comes second is told, and undoes nothing."""
    key, _ = make_onboarding(organisations)
    claim, assign = (
        first_browser.read_form(operation_url("claim", key)),
        second_browser.read_form(operation_url("assign", key)),
    )
    assigned = assign | {"assignee_id": str(organisations.own.users[Role.ADMIN])}
    assert first_browser.post(operation_url("claim", key), claim).status_code == 303
    answer = second_browser.post(operation_url("assign", key), assigned)
    assert answer.status_code == 409
    assert CONFLICT_MESSAGE in answer.text
    assert get_task(key).assignee_id == first_browser.user_id
    key, _ = make_onboarding(organisations)
    claim = first_browser.read_form(operation_url("claim", key))
    form_values = {"assignee_id": str(organisations.own.users[Role.ADMIN])}
    assert second_browser.submit(operation_url("assign", key), **form_values).status_code == 303
    answer = first_browser.post(operation_url("claim", key), claim)
    assert answer.status_code == 409
    assert "Already assigned to The admin" in answer.text
    assert get_task(key).assignee_id == organisations.own.users[Role.ADMIN]


def test_one_claims_and_another_assigns_at_once(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    key, _ = make_onboarding(organisations)
    form_values = second_browser.read_form(operation_url("assign", key)) | {
        "assignee_id": str(organisations.own.users[Role.ADMIN])
    }
    urls, forms = (
        [operation_url("claim", key), operation_url("assign", key)],
        [first_browser.read_form(operation_url("claim", key)), form_values],
    )
    mark = last_change_id()
    codes = run_together([build_post(*each) for each in zip((first_browser, second_browser), urls, forms, strict=True)])
    assert codes.count(303) == 1, codes
    assert set(codes) <= {303, *HANDLED_STATUSES}
    winner = "The agent" if codes[0] == 303 else "The admin"
    assert describe_changes(changes_since(mark)) == [("changed", "approval_task", {"assignee": [None, winner]})]
    assert get_task(key).assignee.name == winner


def make_change_request(organisations: TwoOrganisations, **proposed: list[Any]) -> tuple[int, int]:
    """The keys of a task that asks for these particulars, and of its customer."""
    task = make_task(kind=TaskKind.PARTICULARS, proposal=proposed)(organisations)
    return task.id, task.customer_id


def test_a_record_is_edited_while_its_update_is_decided(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    key, owned = make_change_request(organisations, website=[None, "https://asked.example"])
    url = f"/admin/customers/edit/?id={owned}"
    form = second_browser.read_form(operation_url("approve", key))
    assert first_browser.submit(url, website="edited.example").status_code == 303
    answer = second_browser.post(operation_url("approve", key), form)
    assert answer.status_code == 409
    assert CONFLICT_MESSAGE in answer.text
    answer = second_browser.submit(operation_url("approve", key))
    assert "The record has changed since this request (website)" in answer.text
    saved_customer = db.session.get_one(models.Customer, owned)
    assert (saved_customer.website, get_task(key).state) == ("https://edited.example", TaskState.OPEN)


def test_an_update_is_approved_while_the_record_is_edited(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    key, owned = make_change_request(organisations, website=[None, "https://asked.example"])
    url = f"/admin/customers/edit/?id={owned}"
    form = first_browser.read_form(url)
    assert second_browser.submit(operation_url("approve", key)).status_code == 303
    answer = first_browser.post(url, form | {"website": "edited.example", "contact_number": "0815"})
    assert answer.status_code == 409
    assert "The manager saved this record" in answer.text
    assert "https://asked.example" in answer.text
    assert first_browser.post(url, parse_form(answer.text) | {"website": "https://asked.example"}).status_code == 303
    saved_customer = db.session.get_one(models.Customer, owned)
    assert (saved_customer.website, saved_customer.contact_number) == ("https://asked.example", "0815")


def test_an_update_is_approved_and_the_record_edited_at_once(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    key, owned = make_change_request(organisations, website=[None, "https://asked.example"])
    urls = [f"/admin/customers/edit/?id={owned}", operation_url("approve", key)]
    forms = [first_browser.read_form(urls[0]) | {"website": "edited.example"}, second_browser.read_form(urls[1])]
    codes = run_together([build_post(*each) for each in zip((first_browser, second_browser), urls, forms, strict=True)])
    assert codes.count(303) == 1, codes
    assert set(codes) <= {303, *HANDLED_STATUSES}
    saved_customer = db.session.get_one(models.Customer, owned)
    approved = codes[1] == 303
    assert saved_customer.website == ("https://asked.example" if approved else "https://edited.example")
    assert get_task(key).state is (TaskState.APPROVED if approved else TaskState.OPEN)


def test_a_claim_is_no_decision(organisations: TwoOrganisations, first_browser: Browser, third_browser: Browser):
    """Whoever only takes a task need not have seen the last change of its customer."""
    key = make_task(**UPDATE_VALUES)(organisations).id
    form = third_browser.read_form(operation_url("claim", key))
    url = f"/admin/customers/edit/?id={get_task(key).customer_id}"
    assert first_browser.submit(url, contact_number="0815").status_code == 303
    assert third_browser.post(operation_url("claim", key), form).status_code == 303
