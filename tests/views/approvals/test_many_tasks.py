"""Actions on many tasks or customers: what each holds stays until somebody says otherwise."""

import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import models
from models.base import db
from models.enums import Role, Stage, TaskKind
from tests.support import factories as make
from tests.support.approval_tasks import make_onboarding, operation_url
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer, make_task
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation


def list_options(page: str, name: str) -> list[tuple[str, str, bool]]:
    """(value, text, whether it is selected) of what a select box offers."""
    box = re.search(rf'<select[^>]* name="{name}"[^>]*>(.*?)</select>', page, re.S)
    assert box is not None, name
    return [
        (value, text, bool(selected))
        for value, selected, text in re.findall(r'<option value="([^"]*)"( selected)?>([^<]*)<', box[1])
    ]


def selected_text(page: str, name: str) -> str:
    options = list_options(page, name)
    return next((text for _, text, is_selected in options if is_selected), options[0][1])


@pytest.fixture(params=["tasks", "customers"])
def assignment(request: pytest.FixtureRequest, organisations: TwoOrganisations) -> Any:
    """Three rows that somebody works on: the address of their assignment, its field, and who has each."""
    if request.param == "tasks":
        rows: list[Any] = [make_onboarding(organisations) for _ in range(3)]
        field, column, url = "assignee_id", "assignee_id", operation_url("assign", *rows)
    else:
        rows = [make_bare_customer(organisations) for _ in range(3)]
        field, column = "manager_id", "account_manager_id"
        url = "/admin/customers/operation/assign/?" + "&".join(f"id={row.id}" for row in rows)

    def give(*roles: Role | None) -> None:
        users = organisations.own.users
        for row, role in zip(rows, roles, strict=True):
            change_row(organisations, row, **{column: users[role] if role else None})

    def read() -> list[int | None]:
        db.session.expire_all()
        return [getattr(row, column) for row in rows]

    return url, field, give, read


def test_assigning_begins_without_a_choice_and_asks_for_one(
    organisations: TwoOrganisations, manager: Browser, assignment: Any
):
    url, field, give, read = assignment
    users = organisations.own.users
    give(Role.AGENT, Role.ADMIN, None)
    held = read()
    page = manager.get(url).text
    assert list_options(page, field)[:2] == [("", "Choose…", False), ("none", "Unassigned", False)]
    assert selected_text(page, field) == "Choose…"
    mark = last_change_id()
    answer = manager.submit(url)
    assert answer.status_code == 422
    assert "Choose one from the list, or “Unassigned”" in answer.text
    assert manager.post(url, {field: str(users[Role.PARTNER])}).status_code == 422
    assert (changes_since(mark), read()) == ([], held)
    assert manager.submit(url, **{field: "none"}).status_code == 200
    assert read() == [None, None, None]
    assert selected_text(manager.get(url).text, field) == "Choose…"


def test_what_all_share_is_no_choice(organisations: TwoOrganisations, manager: Browser, assignment: Any):
    url, field, give, read = assignment
    give(Role.AGENT, Role.AGENT, Role.AGENT)
    assert selected_text(manager.get(url).text, field) == "Choose…"
    assert manager.submit(url).status_code == 422
    assert read() == [organisations.own.users[Role.AGENT]] * 3


def test_tasks_are_offered_to_those_who_may_have_them(organisations: TwoOrganisations, manager: Browser):
    users = organisations.own.users
    requested = make_onboarding(organisations, requester_id=users[Role.AGENT])
    free = make_onboarding(organisations)
    listing = {"kind": TaskKind.BLACKLIST, "proposal": {"reason": "Never paid"}}
    blacklisting = make_task(requester_id=Role.PARTNER, **listing)(organisations)
    make.UserFactory(organisation=own_organisation(organisations), name="Gone", role=Role.AGENT, active=False)
    make.UserFactory(organisation_id=organisations.foreign.id, name="Foreign", role=Role.AGENT)
    db.session.commit()
    for tasks, agent_label in (
        ([free], "The agent"),
        ([requested], None),
        ([blacklisting], None),
        ([requested, free, blacklisting], "The agent (1 of 3 tasks)"),
    ):
        labels = [text for _, text, _ in list_options(manager.get(operation_url("assign", *tasks)).text, "assignee_id")]
        assert labels[:2] == ["Choose…", "Unassigned"]
        assert [label for label in labels if label.startswith("The ")] == [
            "The admin",
            *filter(None, [agent_label]),
            "The manager",
        ]
        assert not {"Gone", "Foreign"} & set(labels)
    answer = manager.post(operation_url("assign", requested), {"assignee_id": str(users[Role.AGENT])})
    assert answer.status_code == 422


def test_due_dates_are_not_wiped_by_a_blank(organisations: TwoOrganisations, manager: Browser):
    tasks = [make_onboarding(organisations, due_on=date(2031, 1, day)) for day in (5, 5, 6)]

    def due_dates() -> list[date | None]:
        db.session.expire_all()
        return [task.due_on for task in tasks]

    url = operation_url("due", *tasks)
    assert manager.read_form(operation_url("due", *tasks[:2]))["due_on"] == [""]
    assert manager.read_form(url)["due_on"] == [""]
    mark = last_change_id()
    answer = manager.submit(url)
    assert answer.status_code == 422
    assert "Enter a date, or choose “No due date”" in answer.text
    assert changes_since(mark) == []
    assert manager.submit(url, due_on="2031-02-01").status_code == 200
    assert due_dates() == [date(2031, 2, 1)] * 3
    assert manager.submit(url, due_on="", no_due_date="y").status_code == 200
    assert due_dates() == [None] * 3


def test_each_customer_keeps_its_own_reference(organisations: TwoOrganisations, manager: Browser):
    """One billing reference was written to all that were approved together."""
    new = make_onboarding(organisations)
    passed = [make_onboarding(organisations, Stage.PASSED) for _ in range(3)]
    held = {"billing_reference": "HELD", "estimated_monthly_revenue": Decimal(9), "credit_reference": "C 1"}
    change_row(organisations, passed[0].customer, **held)
    change_row(organisations, new.customer, credit_reference="C 2")
    url = operation_url("approve", new, *passed)
    form = manager.read_form(url)
    assert form[f"row-{passed[0].id}-billing_reference"] == ["HELD"]
    assert "billing_reference" not in form
    entered = {f"row-{passed[1].id}-billing_reference": "B 1", f"row-{passed[1].id}-estimated_monthly_revenue": "12.50"}
    blanks = {f"row-{passed[0].id}-billing_reference": "", f"row-{new.id}-credit_reference": ""}
    values = form | entered | blanks | {"comment": "All good", "billing_reference": "FOR ALL"}
    mark = last_change_id()
    answer = manager.post(url, values)
    assert (answer.status_code, "Enter a billing reference" in answer.text) == (422, True)
    assert changes_since(mark) == []
    answer = manager.submit(url, **values | {f"row-{passed[2].id}-billing_reference": "B 2"})
    assert "4 tasks approved" in answer.text
    db.session.expire_all()
    kept = [
        (task.customer.stage, task.customer.credit_reference, task.customer.billing_reference)
        for task in (new, *passed)
    ]
    assert kept == [
        (Stage.PASSED, "C 2", None),
        (Stage.BILLING, "C 1", "HELD"),
        (Stage.BILLING, None, "B 1"),
        (Stage.BILLING, None, "B 2"),
    ]
    revenues = [task.customer.estimated_monthly_revenue for task in passed]
    assert revenues == [Decimal(9), Decimal("12.5"), None]


def test_customers_made_live_together_have_their_own_references(organisations: TwoOrganisations, manager: Browser):
    customers = [make_bare_customer(organisations) for _ in range(2)]
    for customer in customers:
        change_row(organisations, customer, stage=Stage.PASSED)
    url = "/admin/customers/operation/bill/?" + "&".join(f"id={customer.id}" for customer in customers)
    fields = [f"row-{customer.id}-billing_reference" for customer in customers]
    page = manager.submit(url, **{fields[0]: "B" * 61, f"row-{customers[1].id}-estimated_monthly_revenue": "a lot"})
    assert page.status_code == 422
    for label in (f"Billing reference, {customers[0]}", f"Estimated monthly revenue, {customers[1]}"):
        assert f">{label}</a>" in page.text
    assert manager.submit(url, **dict(zip(fields, ("B 1", "B 2"), strict=True))).status_code == 200
    db.session.expire_all()
    assert [(customer.stage, customer.billing_reference) for customer in customers] == [
        (Stage.BILLING, "B 1"),
        (Stage.BILLING, "B 2"),
    ]


def test_what_was_typed_stays_where_another_row_drops_out(organisations: TwoOrganisations, manager: Browser):
    first, second = (make_onboarding(organisations, Stage.PASSED) for _ in range(2))
    url = operation_url("approve", first, second)
    form = manager.read_form(url) | {f"row-{first.id}-billing_reference": "B 1"}
    change_row(organisations, second.customer, website="https://changed.example")
    answer = manager.post(url, form)
    assert "1 task approved" in answer.text
    assert db.session.get_one(models.Customer, first.customer_id).billing_reference == "B 1"
