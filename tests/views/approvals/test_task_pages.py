"""What the page of an approval task shows and offers."""

import re

import models
from models.base import db
from models.enums import Role, Stage, TaskKind
from tests.support import factories as make
from tests.support.approval_tasks import HOME, make_onboarding, operation_url
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import UPDATE_VALUES, make_task
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation


def test_particulars_are_shown_old_and_new(organisations: TwoOrganisations, manager: Browser):
    proposal = {
        "website": ["https://old.example", "https://new.example"],
        "contact_number": ["0815", None],
        "customer_type": [None, "private limited"],
        "registration_date": ["2020-02-29", None],
    }
    task = make_task(kind=TaskKind.PARTICULARS, proposal=proposal)(organisations)
    customer = task.customer
    change_row(organisations, customer, website="https://old.example", contact_number="0815")
    cells = list_cells(manager.get(f"{HOME}details/?id={task.id}").text)
    assert cells[:6] == ["Website", "https://old.example", "https://new.example", "Contact number", "0815", "(blank)"]
    assert cells[6:12] == ["Customer type", "(blank)", "Private limited", "Registration date", "29 Feb 2020", "(blank)"]
    page = manager.get(operation_url("approve", task)).text
    assert "Website: https://old.example becomes https://new.example; Contact number: 0815 becomes blank" in page
    change_row(organisations, customer, website="https://meanwhile.example")
    assert "can only be declined" in manager.get(f"{HOME}details/?id={task.id}").text


def test_a_number_that_is_asked_for_and_blacklisted_is_warned_of(organisations: TwoOrganisations, manager: Browser):
    make.BlacklistEntryFactory(
        organisation=own_organisation(organisations), registration_number="HRB 666", reason="Never paid"
    )
    task = make_task(kind=TaskKind.PARTICULARS, proposal={"registration_number": [None, "hrb-666"]})(organisations)
    other = make_task(kind=TaskKind.PARTICULARS, proposal={"registration_number": [None, "HRB 667"]})(organisations)
    assert "This number is blacklisted: Never paid" in manager.get(f"{HOME}details/?id={task.id}").text
    assert "blacklisted" not in manager.get(f"{HOME}details/?id={other.id}").text.replace("Blacklist", "")


def list_cells(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.S)]


def test_a_re_check_shows_what_was_changed_and_by_whom(
    organisations: TwoOrganisations, agent: Browser, admin: Browser, manager: Browser
):
    key = organisations.own.customers[0]
    saved_customer = db.session.get_one(models.Customer, key)
    change_row(organisations, saved_customer, stage=Stage.BILLING, registration_number=None)
    before, url = saved_customer.name, f"/admin/customers/edit/?id={key}"
    assert agent.submit(url, name="Renamed GmbH").status_code == 303
    assert admin.submit(url, name="Renamed AG", kind="consumer", identity_number="ID 7").status_code == 303
    task = db.session.query(models.ApprovalTask).filter_by(customer_id=key, kind=TaskKind.RECHECK).one()
    page = manager.get(f"{HOME}details/?id={task.id}").text
    assert list_cells(page)[:9] == [
        "Name",
        before,
        "Renamed AG",
        "Kind",
        "Company",
        "Consumer",
        "Identity number",
        "(blank)",
        "ID 7",
    ]
    assert "The agent, The admin" in page


def test_the_approval_asks_for_what_its_rows_need(organisations: TwoOrganisations, manager: Browser):
    new, passed = make_onboarding(organisations), make_onboarding(organisations, Stage.PASSED)
    update = make_task(**UPDATE_VALUES)(organisations)
    credit, billing = "credit_reference", "billing_reference"
    revenue = "estimated_monthly_revenue"

    def of(task: models.ApprovalTask, *names: str) -> set[str]:
        return {f"row-{task.id}-{name}" for name in names}

    for tasks, expected_fields in (
        ([new], {credit, revenue}),
        ([passed], {billing, revenue}),
        ([new, passed], of(new, credit, revenue) | of(passed, billing, revenue)),
        ([update], set()),
        ([update, passed], of(passed, billing, revenue)),
    ):
        fields = manager.read_form(operation_url("approve", *tasks)).keys()
        assert {name for name in fields if name.endswith(("reference", "revenue"))} == expected_fields
        assert "comment" in fields


def test_the_next_step_stands_out(organisations: TwoOrganisations, agent: Browser):
    unassigned_task, own_task = (
        make_onboarding(organisations),
        make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT]),
    )
    for task, step in ((unassigned_task, "Claim"), (own_task, "Pass credit check")):
        page = agent.get(f"{HOME}details/?id={task.id}").text
        primary = re.findall(r'class="btn btn-primary" href="[^"]*">(?:<svg.*?</svg>)?([^<]+)', page)
        assert primary == [step]


def list_actions(page: str) -> set[str]:
    return set(re.findall(r"/operation/([a-z]+)/", page))


def test_only_what_can_be_decided_is_offered(organisations: TwoOrganisations, agent: Browser):
    passed = make_onboarding(organisations, Stage.PASSED, assignee_id=organisations.own.users[Role.AGENT])
    key = passed.customer_id
    assert list_actions(agent.get(f"{HOME}details/?id={passed.id}").text) >= {"bill", "release"}
    assert "decline" not in list_actions(agent.get(f"{HOME}details/?id={passed.id}").text)
    reason = "can change to Credit check failed only from New or Referred"
    assert reason in agent.get(operation_url("decline", passed)).text
    mark = last_change_id()
    assert agent.post(operation_url("decline", passed), {"comment": "No"}).status_code == 409
    assert changes_since(mark) == []
    assert "bill" in list_actions(agent.get(f"/admin/customers/details/?id={key}").text)
    url = f"/admin/customers/operation/bill/?id={key}"
    for change_of, expected_texts in (
        ({"assignee_id": None}, "Claim the task first, or ask a manager to decide it"),
        ({"requester_id": agent.user_id}, "cannot decide your own request"),
    ):
        change_row(organisations, passed, **change_of)
        assert "bill" not in list_actions(agent.get(f"/admin/customers/details/?id={key}").text)
        assert expected_texts in agent.get(url).text


def test_the_record_of_a_customer_shows_its_tasks(organisations: TwoOrganisations, agent: Browser):
    task = make_onboarding(organisations)
    change_row(organisations, task.customer, stage=Stage.REFERRED)
    page = agent.get(f"/admin/customers/details/?id={task.customer_id}&tab=tasks").text
    assert f"/admin/tasks/details/?id={task.id}" in page
    page = agent.get(f"/admin/customers/details/?id={task.customer_id}").text
    assert 'aria-current="step">Referred' in page
