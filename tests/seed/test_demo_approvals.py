"""What the demo shows of approvals, and that making it again adds nothing."""

import json
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from customerhub.core import clock
from models import Alert, ApprovalTask, BlacklistEntry, Customer, OutboxMessage, Review, Tag, TaskComment
from models.base import db
from models.enums import AlertRule, Stage, TaskKind, TaskState
from seed.demo_approvals import REGISTRATION_NUMBER

TABLES = (Customer, ApprovalTask, TaskComment, BlacklistEntry, Alert, OutboxMessage, Review, Tag)


def make_demo(app: Flask) -> None:
    answer = app.test_cli_runner().invoke(args=["demo", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.output)["logins"]


def count_rows() -> list[Any]:
    return [db.session.scalar(select(func.count()).select_from(table)) for table in TABLES]


@pytest.mark.slow
def test_there_is_something_to_decide_of_every_kind(demo_app: Flask):
    with demo_app.app_context():
        tasks = db.session.scalars(select(ApprovalTask)).all()
        open_ones = [task for task in tasks if task.is_open]
        assert {task.kind for task in open_ones} == {TaskKind.ONBOARDING, TaskKind.PARTICULARS, TaskKind.BLACKLIST}
        assert {task.customer.stage for task in open_ones if task.customer and task.kind is TaskKind.ONBOARDING} == {
            Stage.NEW,
            Stage.REFERRED,
            Stage.PASSED,
        }
        whose = Counter(task.assignee.name if task.assignee else None for task in open_ones)
        assert whose["Aisha Agent"] > 1
        assert whose[None] > 1
        today = clock.get_today("Europe/Berlin")
        assert len([task for task in open_ones if task.due_on and task.due_on < today]) == 1
        waiting = [task for task in open_ones if task.waits_for_requester]
        assert [task.customer.registration_number for task in waiting if task.customer] == [REGISTRATION_NUMBER]
        assert {task.state for task in tasks} == {TaskState.OPEN, TaskState.APPROVED, TaskState.DECLINED}
        assert {alert.rule for alert in db.session.scalars(select(Alert))} >= {None, AlertRule.BLACKLISTED}
        unbilled_customers = select(Customer).where(
            Customer.stage == Stage.BILLING, Customer.billing_reference.is_(None)
        )
        assert db.session.scalars(unbilled_customers).all() == []


def test_making_it_again_adds_nothing(demo_app: Flask):
    with demo_app.app_context():
        before = count_rows()
    make_demo(demo_app)
    with demo_app.app_context():
        assert count_rows() == before


def test_reviews_were_done_and_some_are_not(demo_app: Flask):
    with demo_app.app_context():
        reviews = db.session.scalars(select(Review)).all()
        assert len(reviews) > 5
        assert all(review.due_on is not None and review.due_on <= review.done_on for review in reviews)
        with_report = select(func.count()).select_from(Customer).where(Customer.automatic_report)
        assert (db.session.scalar(with_report) or 0) > 3
