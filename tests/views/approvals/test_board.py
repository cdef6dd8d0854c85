"""The board of approvals, the buttons on a row of its table, and what is attached to a task."""

import io
import json
import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest

import models
from models.base import db
from models.enums import Role, Stage
from tests.support import factories as make
from tests.support.approval_tasks import HOME, make_onboarding, operation_url
from tests.support.browser_client import Browser
from tests.support.screen_rows import make_task
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation

BOARD = f"{HOME}?f=state:is:open"


def open_board(browser: Browser, url: str = BOARD) -> str:
    browser.post(f"{HOME}layout/", {"layout": "board"})
    page: str = browser.get(url).text
    return page


def read_columns(page: str) -> dict[str, str]:
    """The columns of the board by their stage."""
    parts = re.split(r'data-stage="([A-Z]+)"', page)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def read_targets(page: str, name: str) -> dict[str, Any]:
    """Where a card can be dragged to."""
    card = next(part for part in page.split("<li class=")[1:] if name in part)
    found = re.search(r"data-targets='([^']*)'", card)
    assert found is not None
    targets: dict[str, Any] = json.loads(unescape(found[1]))
    return targets


def test_the_board_is_remembered_until_the_list_is_chosen(organisations: TwoOrganisations, manager: Browser):
    assert 'class="board"' not in manager.get(BOARD).text
    answer = manager.post(f"{HOME}layout/", {"layout": "board", "back": "?f=state:is:open&search=x"})
    assert (answer.status_code, answer.location) == (303, f"{HOME}?f=state%3Ais%3Aopen&search=x")
    assert 'class="board"' in manager.get(BOARD).text
    assert manager.get(HOME).location == f"{HOME}?f=state%3Ais%3Aopen"
    manager.post(f"{HOME}layout/", {"layout": ""})
    assert 'class="board"' not in manager.get(BOARD).text


def test_columns_have_counts_and_revenue_under_the_filters_of_the_list(
    organisations: TwoOrganisations, manager: Browser
):
    tasks = [make_onboarding(organisations, Stage.PASSED) for _ in range(3)]
    for task in tasks[:2]:
        change_row(organisations, task.customer, estimated_monthly_revenue=Decimal("1000.25"))
    change_row(organisations, tasks[2], assignee_id=organisations.own.users[Role.AGENT])
    columns = read_columns(open_board(manager))
    assert list(columns) == ["NEW", "REFERRED", "PASSED", "FAILED", "BILLING"]
    assert '<span class="count">3</span>' in columns["PASSED"]
    assert "2,000.50 EUR a month" in columns["PASSED"]
    assert "The agent" in columns["PASSED"]
    agents = f"{BOARD}&f=assignee:is:{organisations.own.users[Role.AGENT]}"
    columns = read_columns(manager.get(agents).text)
    assert '<span class="count">1</span>' in columns["PASSED"]
    assert "No customers" in columns["NEW"]


def test_a_card_says_where_it_can_go_and_why_not_elsewhere(
    organisations: TwoOrganisations, manager: Browser, agent: Browser
):
    task = make_onboarding(organisations)
    back = "back=%3Ff%3Dstate%253Ais%253Aopen&from=list"
    targets = read_targets(open_board(manager), task.subject)
    assert {stage: each["url"] for stage, each in targets.items()} == {
        "PASSED": f"{HOME}operation/pass/?id={task.id}&{back}",
        "REFERRED": f"{HOME}operation/refer/?id={task.id}&{back}",
        "FAILED": f"{HOME}operation/decline/?id={task.id}&{back}",
        "BILLING": None,
    }
    assert targets["BILLING"]["reason"] == "The stage is New. It can change to Live only from Credit check passed"
    targets = read_targets(open_board(agent), task.subject)
    assert targets["PASSED"] == {"url": None, "reason": "Claim the task first, or ask a manager to decide it"}


def test_a_card_that_was_moved_leads_back_to_the_board(organisations: TwoOrganisations, manager: Browser):
    task = make_onboarding(organisations)
    url = read_targets(open_board(manager), task.subject)["PASSED"]["url"]
    answer = manager.submit(url, credit_reference="CR 1")
    assert (answer.status_code, answer.location) == (303, BOARD.replace(":", "%3A"))
    assert db.session.get_one(models.ApprovalTask, task.id).customer.stage is Stage.PASSED


def test_a_long_column_shows_more_on_demand(organisations: TwoOrganisations, manager: Browser):
    tasks = [make_onboarding(organisations, Stage.REFERRED) for _ in range(45)]
    assert open_board(manager).count('class="board-card"') == 21  # and the one that every organisation has
    more = re.search(r'href="([^"]+#stage-REFERRED)">Show more', manager.get(BOARD).text)
    assert more is not None
    page = manager.get(f"{HOME}{unescape(more[1])}").text
    assert sum(f">{task.subject}</a>" in page for task in tasks) == 40
    assert "more=REFERRED&amp;more=REFERRED#stage-REFERRED" in page


def test_the_board_takes_as_many_statements_for_many_cards_as_for_few(
    organisations: TwoOrganisations, manager: Browser
):
    counts = []
    for number in (2, 2, 9):
        for _ in range(number):
            for stage in (Stage.NEW, Stage.REFERRED, Stage.PASSED):
                make_onboarding(organisations, stage, requester_id=organisations.own.users[Role.PARTNER])
        db.session.commit()
        with record_statements() as statements:
            open_board(manager)
        counts.append(statements)
    assert len(counts[1]) == len(counts[2]), "\n".join(counts[2])


# --- Rows of the table -------------------------------------------------------------------------------------


def list_buttons(page: str, task: models.ApprovalTask) -> list[str]:
    names = (unescape(name).split(": ") for name in re.findall(r'aria-label="([^"]+)"', page))
    return [name[0] for name in names if name[1:] == [task.subject]]


@pytest.mark.parametrize(
    ("stage", "manager_buttons"),
    [
        (Stage.NEW, ["Pass", "Decline", "Delete"]),
        (Stage.PASSED, ["Make live", "Delete"]),
    ],
)
def test_a_row_has_what_can_be_decided(
    organisations: TwoOrganisations, manager: Browser, agent: Browser, stage: Stage, manager_buttons: list[str]
):
    task = make_onboarding(organisations, stage)
    url = f"{BOARD}&search={task.subject}"
    page = manager.get(url).text
    assert list_buttons(page, task) == manager_buttons
    assert f"operation/assign/?id={task.id}&amp;" in page
    page = agent.get(url).text
    assert list_buttons(page, task) == [], "the task is nobody's, so no agent's to decide"
    assert f"operation/claim/?id={task.id}&amp;" in page
    change_row(organisations, task, assignee_id=organisations.own.users[Role.AGENT])
    assert list_buttons(agent.get(url).text, task) == [name for name in manager_buttons if name != "Delete"]


def test_a_request_of_another_kind_is_approved_on_its_row(organisations: TwoOrganisations, manager: Browser):
    task = make_task(kind=models.enums.TaskKind.RECHECK)(organisations)
    assert list_buttons(manager.get(f"{BOARD}&search={task.subject}").text, task) == ["Approve", "Decline"]


def test_a_registration_is_deleted_with_its_tasks(organisations: TwoOrganisations, manager: Browser):
    task, live = make_onboarding(organisations), make_onboarding(organisations, Stage.BILLING)
    key, customer_id = task.id, task.customer_id
    change = make_task(kind=models.enums.TaskKind.PARTICULARS)(organisations)
    for other, reason in ((live, "The customer is live"), (change, "Not the registration of a customer")):
        assert reason in manager.submit(operation_url("delete", other)).text
    linked = make_onboarding(organisations)
    make.BillingLineFactory(organisation=own_organisation(organisations), customer_id=linked.customer_id)
    assert "billing line" in manager.submit(operation_url("delete", linked)).text
    assert manager.submit(operation_url("delete", task)).status_code == 303
    assert db.session.get(models.ApprovalTask, key) is None
    assert db.session.get(models.Customer, customer_id) is None
    assert (
        db.session.query(models.Customer).filter(models.Customer.id.in_([live.customer_id, linked.customer_id])).count()
        == 2
    )


# --- Files -------------------------------------------------------------------------------------------------


def test_the_credit_report_is_kept_with_the_decision(
    organisations: TwoOrganisations, manager: Browser, agent: Browser, partner_of_own: Browser
):
    task = make_onboarding(organisations)
    report = (io.BytesIO(b"%PDF-1.7 report"), "report.pdf")
    assert manager.submit(operation_url("pass", task), credit_reference="CR 1", report=report).status_code == 303
    [file] = db.session.get_one(models.ApprovalTask, task.id).files
    assert (file.file.name, file.note, file.user.name) == ("report.pdf", "Credit report", "The manager")
    page = agent.get(f"{HOME}details/?id={task.id}").text
    assert f'href="/files/{file.file_id}"' in page
    assert agent.get(f"/files/{file.file_id}").data == b"%PDF-1.7 report"
    assert partner_of_own.get(f"/files/{file.file_id}").status_code == 404
    assert "report.pdf" in manager.get(operation_url("bill", task)).text


def test_nothing_is_kept_of_a_decision_that_is_refused(organisations: TwoOrganisations, manager: Browser):
    task = make_onboarding(organisations, requester_id=organisations.own.users[Role.MANAGER])
    before = db.session.query(models.StoredFile).count()
    report = (io.BytesIO(b"%PDF-1.7 report"), "report.pdf")
    manager.post(operation_url("pass", task), {"report": report})
    assert db.session.query(models.StoredFile).count() == before
    assert "Choose a file" in manager.submit(operation_url("attach", task)).text


@pytest.fixture
def partner_of_own(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.PARTNER])


# --- Many with their references ----------------------------------------------------------------------------


def test_a_missing_reference_is_said_beside_its_row_and_nothing_is_done(
    organisations: TwoOrganisations, manager: Browser
):
    tasks = [make_onboarding(organisations, Stage.PASSED) for _ in range(3)]
    change_row(organisations, tasks[2].customer, billing_reference="B-OLD")
    url = operation_url("bill", *tasks)
    answer = manager.submit(
        url, **{f"row-{tasks[0].id}-billing_reference": "B-1", f"row-{tasks[2].id}-billing_reference": ""}
    )
    assert answer.status_code == 422
    assert answer.text.count('class="field-error"') == 1
    assert f'id="row-{tasks[1].id}-billing_reference-error">Enter a billing reference' in answer.text
    assert {
        task.customer.stage
        for task in db.session.query(models.ApprovalTask).filter(
            models.ApprovalTask.id.in_([each.id for each in tasks])
        )
    } == {Stage.PASSED}
    values = {f"row-{task.id}-billing_reference": f"B-{number}" for number, task in enumerate(tasks[:2])}
    answer = manager.submit(url, **values)
    assert "3 tasks made live" in answer.text
    customers = [db.session.get_one(models.ApprovalTask, task.id).customer for task in tasks]
    assert [(each.stage, each.billing_reference) for each in customers] == [
        (Stage.BILLING, reference) for reference in ("B-0", "B-1", "B-OLD")
    ]


def test_a_step_is_only_that_step(organisations: TwoOrganisations, manager: Browser):
    new, passed = make_onboarding(organisations), make_onboarding(organisations, Stage.PASSED)
    change = make_task(kind=models.enums.TaskKind.RECHECK)(organisations)
    page = manager.get(operation_url("bill", new, passed, change)).text
    assert "The stage is New. It can change to Live only from Credit check passed" in page
    assert "Not the registration of a customer" in page
    fields = set(re.findall(r'name="row-(\d+)-', page))
    assert fields == {str(passed.id)}
