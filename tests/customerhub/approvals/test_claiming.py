"""Twenty processes want the same fifty tasks: each task has one owner, and nobody is told anything but that."""

import re
from collections import Counter

import pytest
from sqlalchemy import func, select

from models import ApprovalTask, History
from models.base import db
from models.enums import Role, TaskKind
from tests.support.forked_processes import run_program
from tests.support.people import make_user

PEOPLE, TASKS, SECONDS = 20, 50, 200
REFUSAL = re.compile("^(Already assigned to .+|Changed by another user in the meantime)$")


@pytest.mark.slow
def test_every_task_has_one_owner(approval_org, settings):
    people = [make_user(approval_org.organisation, Role.MANAGER).id for _ in range(PEOPLE)]
    customers = [
        ApprovalTask(organisation_id=approval_org.id, kind=TaskKind.BLACKLIST, subject=f"Task {number}")
        for number in range(2 * TASKS)
    ]
    db.session.add_all(customers)
    db.session.commit()
    ids = [task.id for task in customers]
    db.session.commit()
    answers_by_person = run_claims(settings, {"people": people, "each": ids[:TASKS], "bulk": ids[TASKS:]})
    owners = {row.id: row.assignee_id for row in db.session.execute(select(ApprovalTask.id, ApprovalTask.assignee_id))}
    owner_by_task = {
        key: person for person, answers in answers_by_person.items() for key, text in answers.items() if text == "mine"
    }
    assert owner_by_task == owners
    answers = Counter(
        REFUSAL.sub("refused", text) for answers in answers_by_person.values() for text in answers.values()
    )
    assert answers == {"mine": 2 * TASKS, "refused": (PEOPLE - 1) * 2 * TASKS}
    claims = (History.table_name == "approval_task", History.action == "changed")
    assert db.session.scalar(select(func.count(History.id)).where(*claims)) == 2 * TASKS


def run_claims(settings, work):
    """What each of the people was told of each task."""
    outcomes = run_program(settings, "tests.processes.claiming_process", work, seconds=SECONDS)
    return {int(person): {int(key): text for key, text in answers.items()} for person, answers in outcomes.items()}
