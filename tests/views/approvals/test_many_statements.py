"""Operations on many rows take as many statements as on few, and do to each what they do to one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from models import ApprovalTask, Customer, History, OutboxMessage
from models.base import db
from models.enums import Role, Stage, TaskState
from tests.support.approval_tasks import make_onboarding, operation_url
from tests.support.browser_client import Browser
from tests.support.row_changes import last_change_id
from tests.support.screen_rows import UPDATE_VALUES, make_bare_customer, make_customer_in_stage, make_task
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, change_row

FEW, MANY = 4, 24

Values = dict[str, Any]


@dataclass(frozen=True)
class ManyCase:
    """An operation on many rows: how rows of it are made, what is submitted, and what is true of each row after it."""

    name: str
    prepare: Callable[[TwoOrganisations], Any]
    build_values: Callable[[TwoOrganisations], Values]
    is_done: Callable[[Any, TwoOrganisations], bool]
    history_rows: int = 1  # of each row
    mails: int = 0  # about each row
    row_values: Values = field(default_factory=dict)  # what is submitted for each row


def make_open_task(organisations: TwoOrganisations, **values: Any) -> ApprovalTask:
    return make_onboarding(organisations, **values)


def give_to_manager(organisations: TwoOrganisations) -> ApprovalTask:
    return make_onboarding(organisations, assignee_id=organisations.own.users[Role.MANAGER])


def make_update_request(organisations: TwoOrganisations) -> ApprovalTask:
    return make_task(requester_id=Role.AGENT, **UPDATE_VALUES)(organisations)


def make_failing_task(organisations: TwoOrganisations) -> ApprovalTask:
    return make_onboarding(organisations, requester_id=organisations.own.users[Role.AGENT])


def make_managed_customer(organisations: TwoOrganisations) -> Customer:
    customer = make_bare_customer(organisations)
    change_row(organisations, customer, account_manager_id=organisations.own.users[Role.ADMIN])
    return customer


CASES = (
    ManyCase(
        "assign",
        give_to_manager,
        lambda each: {"assignee_id": str(each.own.users[Role.AGENT])},
        lambda task, each: task.assignee_id == each.own.users[Role.AGENT],
    ),
    ManyCase(
        "claim", make_open_task, lambda _: {}, lambda task, each: task.assignee_id == each.own.users[Role.MANAGER]
    ),
    ManyCase("release", give_to_manager, lambda _: {}, lambda task, _: task.assignee_id is None),
    ManyCase(
        "due",
        make_open_task,
        lambda _: {"due_on": "2091-02-03"},
        lambda task, _: task.due_on.isoformat() == "2091-02-03",
    ),
    ManyCase("approve", make_open_task, lambda _: {}, lambda task, _: task.customer.stage is Stage.PASSED),
    ManyCase(
        "decline",
        make_update_request,
        lambda _: {"comment": "No"},
        lambda task, _: task.state is TaskState.DECLINED,
        mails=1,
    ),
    ManyCase(
        "decline",
        make_failing_task,
        lambda _: {"comment": "No"},
        lambda task, _: task.customer.stage is Stage.FAILED,
        history_rows=2,
        mails=1,
    ),
    ManyCase(
        "withdraw",
        make_update_request,
        lambda _: {"comment": "Late"},
        lambda task, _: task.state is TaskState.WITHDRAWN,
        mails=1,
    ),
    ManyCase("pass", make_customer_in_stage(Stage.NEW), lambda _: {}, lambda row, _: row.stage is Stage.PASSED),
    ManyCase(
        "refer",
        make_customer_in_stage(Stage.NEW),
        lambda _: {"comment": "Who?"},
        lambda row, _: row.stage is Stage.REFERRED,
    ),
    ManyCase(
        "fail",
        make_customer_in_stage(Stage.REFERRED),
        lambda _: {"comment": "No"},
        lambda row, _: row.stage is Stage.FAILED,
        history_rows=2,
    ),
    ManyCase(
        "bill",
        make_customer_in_stage(Stage.PASSED),
        lambda _: {},
        lambda row, _: row.stage is Stage.BILLING,
        history_rows=2,
        row_values={"billing_reference": "B"},
    ),
    ManyCase(
        "assign",
        make_managed_customer,
        lambda each: {"manager_id": str(each.own.users[Role.AGENT])},
        lambda customer, each: customer.account_manager_id == each.own.users[Role.AGENT],
    ),
)


def build_url(case: ManyCase, rows: list[Any]) -> str:
    if isinstance(rows[0], ApprovalTask):
        return operation_url(case.name, *rows)
    return f"/admin/customers/operation/{case.name}/?" + "&".join(f"id={row.id}" for row in rows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name}, {case.prepare.__name__}")
def test_many_take_as_many_statements_as_few(organisations: TwoOrganisations, manager: Browser, case: ManyCase):
    counts, mails = [], []
    for number in (FEW, FEW, MANY):  # the first fills what a process looks up once
        rows = [case.prepare(organisations) for _ in range(number)]
        url, keys, values = build_url(case, rows), [row.id for row in rows], case.build_values(organisations)
        values |= {f"row-{key}-{name}": value for key in keys for name, value in case.row_values.items()}
        mark, mails_before = last_change_id(), count_mails()
        model = type(rows[0])
        with record_statements() as statements:
            answer = manager.submit(url, **values)
        assert answer.status_code == 200, answer.text
        db.session.expire_all()
        assert all(case.is_done(db.session.get_one(model, key), organisations) for key in keys)
        assert count_history(mark) == number * case.history_rows
        counts.append(statements)
        mails.append(count_mails() - mails_before)
    own_mails = [count - number * case.mails for count, number in zip(mails, (FEW, FEW, MANY), strict=True)]
    assert len(set(own_mails)) == 1, "beside those about each, one mail about all, or none"
    assert len(counts[1]) == len(counts[2]), "\n".join(statement for statement in counts[2])


def count_mails() -> int:
    return db.session.scalar(select(func.count()).select_from(OutboxMessage)) or 0


def count_history(mark: int) -> int:
    query = select(func.count()).where(History.id > mark, History.action == "changed")
    return db.session.scalar(query) or 0
