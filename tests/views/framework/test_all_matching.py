"""Operations on all that a list has: offered, checked beforehand, and handed to a job."""

import re
from typing import Any
from urllib.parse import urlencode

import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor, Permission
from jobs import operations
from jobs.queue import BULK, get_queue
from models.base import db
from models.enums import Risk, Role, RunOutcome, TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.bulk_edit import change, make_customers, newest_run, outcomes_of, read
from tests.support.row_changes import changes_since, last_change_id
from tests.support.two_organisations import TwoOrganisations
from views.framework import operation_matching
from views.framework.operation import Operation

LIST = "/admin/customers/"


@pytest.fixture
def manager(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.MANAGER])


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes hundreds of rows takes five."""
    monkeypatch.setattr(operation_matching, "MAX_ROWS", 5)
    monkeypatch.setattr(operation_matching, "LISTED_ROWS", 3)


@pytest.fixture
def matching(organisations: TwoOrganisations) -> list[int]:
    """Eight customers that a search finds, and no others."""
    return make_customers(organisations, 8, name="Findable Ltd", risk=Risk.LOW)


BACK = "?search=findable&sort=name"


def matching_url(name: str, back: str = BACK) -> str:
    return f"{LIST}operation/{name}/?{urlencode({'all': 1, 'back': back}, safe='?')}"


def choose(browser: Browser, name: str, back: str = BACK) -> Any:
    return browser.post(f"{LIST}action/", {"all": "1", "action": name, "back": back, "rowid": ["1"]})


def test_a_list_with_more_rows_than_its_page_offers_all_of_them(organisations: TwoOrganisations, manager: Browser):
    make_customers(organisations, 20, name="Findable Ltd")
    page = manager.get(f"{LIST}?search=findable").text
    assert "matching</button>" not in page
    change(organisations, organisations.own.customers[0], name="Findable too")
    page = manager.get(f"{LIST}?search=findable&sort=name").text
    assert "Select all 21 matching" in page
    assert 'name="back" value="?search=findable&amp;sort=name"' in page


@pytest.mark.usefixtures("few_rows")
def test_what_fits_on_a_page_is_shown_row_by_row(organisations: TwoOrganisations, manager: Browser):
    keys = make_customers(organisations, 4, name="Findable Ltd")
    answer = choose(manager, "edit-fields")
    assert answer.location.startswith(f"{LIST}operation/edit-fields/?" + "&".join(f"id={key}" for key in keys))


@pytest.mark.usefixtures("few_rows")
def test_the_page_counts_what_can_be_done(organisations: TwoOrganisations, manager: Browser, matching: list[int]):
    for key in matching[:3]:
        make.ReviewFactory(organisation_id=organisations.own.id, customer_id=key)
    db.session.commit()
    answer = choose(manager, "delete")
    assert answer.location == matching_url("delete")
    page = manager.get(answer.location).text
    assert "Delete 8 customers</h1>" in page
    assert re.search(r"Cannot be processed <span class=\"total\">3<", page)
    assert re.search(r"Will be processed <span class=\"total\">5<", page)
    assert "and 2 more" in page
    assert "Delete 5 customers</button>" in page


@pytest.mark.usefixtures("few_rows")
def test_a_job_does_what_the_list_had_at_the_start(
    organisations: TwoOrganisations, manager: Browser, matching: list[int]
):
    agent = organisations.own.users[Role.AGENT]
    form = {"manager_id": str(agent), "total": "8", "run": "1", "form_token": "m" * 32}
    answers = [manager.post(matching_url("assign"), form) for _ in range(2)]
    run = newest_run()
    assert [answer.location for answer in answers] == [f"/admin/operation-runs/details/?id={run.id}"] * 2
    assert (run.state, run.total_rows, run.title) == (
        TransferState.QUEUED,
        8,
        "Assign account manager: 8 customers",
    )
    assert get_queue(BULK).count == 1
    later = make_customers(organisations, 1, name="Findable later")
    change(organisations, matching[1], risk=Risk.HIGH)
    operations.perform(run.id)
    assert read([*matching, *later], "account_manager_id") == [agent, None, *[agent] * 6, None]
    assert outcomes_of(newest_run())[matching[1]] == (
        RunOutcome.REFUSED,
        "Changed by another user after this was started",
    )
    page = manager.get(answers[0].location).text
    assert "7 customers assigned, 1 customer not assigned" in page
    assert 'href="/admin/customers/?search=findable&amp;sort=name"' in page


@pytest.mark.usefixtures("few_rows", "matching")
def test_nothing_is_started_where_the_list_is_another_by_now(organisations: TwoOrganisations, manager: Browser):
    form = {"manager_id": str(organisations.own.users[Role.AGENT]), "total": "7", "run": "1"}
    answer = manager.post(matching_url("assign"), form)
    assert answer.status_code == 422
    assert "The list has changed: it has 8 customers now" in answer.text
    assert manager.post(matching_url("assign"), {"total": "8", "run": "1", "manager_id": ""}).status_code == 422
    assert get_queue(BULK).count == 0


@pytest.mark.usefixtures("few_rows", "matching")
def test_what_asks_for_each_row_stays_with_ticked_rows(organisations: TwoOrganisations, manager: Browser):
    answers = {
        each["name"]: each for each in manager.get(f"{LIST}available/?{urlencode({'all': 1, 'back': BACK})}").json
    }
    assert answers["bill"]["reason"] == "Asks for values of each customer. Select up to 500"
    assert answers["bill"]["count"] == 0
    assert answers["merge"]["count"] == 0
    assert answers["assign"] == {"name": "assign", "count": None, "reason": ""}
    answer = choose(manager, "bill")
    assert answer.location == f"{LIST}{BACK}"
    assert "Asks for values of each customer" in manager.get(answer.location).text
    assert manager.get(matching_url("bill")).location == f"{LIST}{BACK}"


@pytest.mark.usefixtures("few_rows", "matching")
def test_a_list_is_only_that_of_its_own_organisation_and_of_who_may(organisations: TwoOrganisations):
    stranger = Browser(organisations.app, organisations.foreign.users[Role.MANAGER])
    answer = stranger.get(matching_url("assign"))
    assert "has no" in stranger.get(answer.location).text
    agent = Browser(organisations.app, organisations.own.users[Role.AGENT])
    assert agent.get(matching_url("assign")).status_code == 403
    assert agent.post(matching_url("assign"), {"total": "8", "run": "1"}).status_code == 403


@pytest.mark.usefixtures("few_rows")
def test_who_started_it_must_still_be_allowed_when_it_runs(
    organisations: TwoOrganisations, manager: Browser, matching: list[int]
):
    agent = organisations.own.users[Role.AGENT]
    manager.post(matching_url("assign"), {"manager_id": str(agent), "total": "8", "run": "1"})
    run_id = newest_run().id
    person = db.session.get_one(models.User, organisations.own.users[Role.MANAGER])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        person.role = Role.AGENT
        db.session.commit()
    mark = last_change_id()
    operations.perform(run_id)
    run = db.session.get_one(models.OperationRun, run_id)
    assert run.state is TransferState.FAILED
    assert "assign customers to account managers" in (run.problem or "")
    assert changes_since(mark) == []


@pytest.mark.usefixtures("few_rows")
def test_all_matching_are_edited_and_restored_by_jobs(
    organisations: TwoOrganisations, manager: Browser, matching: list[int], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("views.system.operation_runs.DIRECT_ROWS", 5)
    page = manager.post(matching_url("edit-fields"), {"chosen_field": "risk", "risk": "High", "preview": "1"}).text
    assert "The first 3 of 8" in page
    answer = manager.post(
        matching_url("edit-fields"), {"chosen_field": "risk", "risk": "High", "total": "8", "run": "1"}
    )
    run_id = newest_run().id
    assert answer.location.endswith(f"?id={run_id}")
    operations.perform(run_id)
    assert read(matching, "risk") == [Risk.HIGH] * 8
    manager.post(f"/admin/operation-runs/undo/?id={run_id}")
    undo = newest_run()
    assert (undo.state, undo.total_rows) == (TransferState.QUEUED, 8)
    manager.post(f"/admin/operation-runs/undo/?id={run_id}")
    assert newest_run().id == undo.id
    operations.perform(undo.id)
    assert read(matching, "risk") == [Risk.LOW] * 8


def test_why_an_operation_takes_ticked_rows_only():
    def build(**values: Any) -> Operation:
        return Operation("a", "A", Permission.CUSTOMERS_EDIT, print, "", "done", **values)

    assert build().find_limit_reason("task") is None
    assert build(all_or_none=True).find_limit_reason("task") == (
        "Done to all selected tasks together. Select up to 500"
    )
