"""A year of 200 customers: the daily job runs with gaps, again, twice at once and is killed; nothing is missing,
doubled or late beyond the gap, by an account that walks over the calendar.
"""

import os
import random
import signal
import time
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import func, select

from customerhub.core import history
from models import ComplianceDocument, Customer, OutboxMessage, Reminder
from models.base import db
from tests.customerhub.notifications.reference_calendar import ExpectedReminder, ReminderAudit, ReminderSubject
from tests.support.forked_processes import start_program
from tests.support.reminder_data import ReminderOrg, make_reminder_org

FIRST, DAYS, CUSTOMERS = date(2025, 3, 1), 365, 200
LONGEST_GAP, KILLS = 10, 16
Change = tuple[Any, int, str, Any]  # model, id, column, value


@dataclass
class JobRun:
    """The job was begun for a day, and came to its end or was killed. `changes` happened before it."""

    day: date
    changes: list[Change] = field(default_factory=list)
    run_count: int = 1
    runs_together: bool = False
    killed: bool = False


class Worker:
    """A process that does the daily job, and is followed by another where it is killed."""

    def __init__(self, settings: Any) -> None:
        self._process = start_program(settings, "tests.processes.reminding_process")
        self._working = self._wait_for_work()

    def _wait_for_work(self) -> int:
        """The number of the process that is ready to work. What a killed one had answered before is thrown away."""
        line = self._process.read_line()
        while not line.startswith("ready "):
            assert line, "it has ended"
            line = self._process.read_line()
        return int(line.removeprefix("ready "))

    def send_day(self, organisation_id: int, day: date) -> None:
        self._process.write_line(f"{organisation_id} {day}")

    def read_answer(self) -> int:
        return int(self._process.read_line())

    def kill(self) -> None:
        os.kill(self._working, signal.SIGKILL)
        self._working = self._wait_for_work()

    def stop(self) -> None:
        self._process.end()


def make_subjects(reminder_org: ReminderOrg, dice: random.Random) -> None:
    """Customers with reviews at every frequency, and documents that expire all over the year."""
    for number in range(CUSTOMERS):
        start = FIRST + timedelta(days=dice.randrange(-400, 330))
        if number % 7 == 0:
            start = start.replace(month=dice.choice((1, 3, 5, 7, 8, 10, 12)), day=31)
        customer = reminder_org.make_customer(
            start=start,
            frequency=number % 12 + 1,
            reviewer_email=None if number % 11 == 0 else f"r{number}@hub.example",
        )
        for _ in range(dice.choice((0, 1, 1, 2))):
            reminder_org.make_document(
                customer, FIRST + timedelta(days=dice.randrange(-30, 420)), reviewer_email="docs@hub.example"
            )
    db.session.commit()


def plan_runs(dice: random.Random, customers: list[int], documents: list[int]) -> list[JobRun]:
    """Which days the job runs for, and what people change between them."""
    runs: list[JobRun] = []
    day = FIRST
    while day < FIRST + timedelta(days=DAYS):
        changes: list[Change] = []
        for _ in range(dice.choice((0, 0, 1, 2))):
            expiry = day + timedelta(days=dice.randrange(-5, 200))
            possible: list[Change] = [
                (ComplianceDocument, dice.choice(documents), "expiry_date", expiry),
                (Customer, dice.choice(customers), "reviewer_email", dice.choice((None, "new@hub.example"))),
                (Customer, dice.choice(customers), "review_frequency", dice.randrange(1, 13)),
            ]
            changes.append(dice.choice(possible))
        runs.append(JobRun(day, changes, run_count=dice.choice((1, 1, 1, 2)), runs_together=dice.random() < 0.2))
        day += timedelta(days=1 if dice.random() < 0.8 else dice.randrange(1, LONGEST_GAP + 1))
    for run in dice.sample(runs[1:], KILLS):
        run.killed = True
    return runs


def run_jobs(run: JobRun, reminder_org: ReminderOrg, workers: list[Worker], dice: random.Random) -> None:
    with history.act_as(reminder_org.system, "test"):
        for model, key, column, value in run.changes:
            setattr(db.session.get_one(model, key), column, value)
        db.session.commit()
    if run.killed:
        workers[0].send_day(reminder_org.id, run.day)
        time.sleep(dice.random() * 0.12)
        workers[0].kill()
        return
    for _ in range(run.run_count):
        busy = workers if run.runs_together else workers[:1]
        for worker in busy:
            worker.send_day(reminder_org.id, run.day)
        for worker in busy:
            worker.read_answer()


def build_subjects() -> list[ReminderSubject]:
    reviews = [
        ReminderSubject(row.id, row.reviewer_email, start=row.review_start_date, frequency=row.review_frequency or 0)
        for row in db.session.scalars(select(Customer))
    ]
    documents = [
        ReminderSubject(row.id, row.reviewer_email, expiry=row.expiry_date)
        for row in db.session.scalars(select(ComplianceDocument))
    ]
    return reviews + documents


def list_planned_reminders() -> dict[ExpectedReminder, tuple[date, str]]:
    rows = db.session.execute(
        select(Reminder, OutboxMessage.recipient).join(OutboxMessage, OutboxMessage.id == Reminder.message_id)
    ).all()
    reminders = {
        (row.kind.value, row.document_id or row.customer_id, row.due_on, row.days_before): (row.as_of, recipient)
        for row, recipient in rows
    }
    assert len(reminders) == len(rows) == db.session.scalar(select(func.count()).select_from(OutboxMessage))
    return reminders


ATTRIBUTES = {"reviewer_email": "recipient", "expiry_date": "expiry", "review_frequency": "frequency"}


def apply_changes(run: JobRun, subjects: list[ReminderSubject]) -> None:
    for model, key, column, value in run.changes:
        is_document = model is ComplianceDocument
        for subject in subjects:
            if subject.key == key and (subject.expiry is not None) is is_document:
                setattr(subject, ATTRIBUTES[column], value)


@pytest.mark.parametrize("seed", [1])
@pytest.mark.slow
def test_a_year(session, settings, seed):
    dice = random.Random(seed)
    reminder_org = make_reminder_org()
    make_subjects(reminder_org, dice)
    customers = list(db.session.scalars(select(Customer.id)))
    documents = list(db.session.scalars(select(ComplianceDocument.id)))
    subjects, runs = build_subjects(), plan_runs(dice, customers, documents)
    db.session.commit()
    workers = [Worker(settings) for _ in range(2)]
    try:
        for run in runs:
            run_jobs(run, reminder_org, workers, dice)
    finally:
        for worker in workers:
            worker.stop()
    account, wrong = ReminderAudit(subjects, list_planned_reminders()), []
    for run in runs:
        apply_changes(run, subjects)
        wrong += list(account.check_day(run.day, ended=not run.killed))
    assert wrong == []
    assert account.unexpected_reminders() == []
    assert len(account.planned) > 2 * CUSTOMERS  # there was something to remind of
    gaps = {(later.day - run.day).days for run, later in pairwise(runs)}
    assert max(gaps) >= 5
