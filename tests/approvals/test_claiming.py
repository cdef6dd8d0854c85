"""Twenty processes want the same fifty tasks: each task has one owner, and nobody is told anything but that."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from models import ApprovalTask, History
from models.base import db
from models.enums import Role, TaskKind
from tests.people import make_user

ROOT = Path(__file__).resolve().parents[2]
PEOPLE, TASKS, SECONDS = 20, 50, 200


def test_every_task_has_one_owner(office, settings):
    people = [make_user(office.organisation, Role.MANAGER).id for _ in range(PEOPLE)]
    made = [
        ApprovalTask(organisation_id=office.id, kind=TaskKind.BLACKLIST, subject=f"Task {number}")
        for number in range(2 * TASKS)
    ]
    db.session.add_all(made)
    db.session.commit()
    ids = [task.id for task in made]
    db.session.commit()
    told = claimed(settings, {"people": people, "each": ids[:TASKS], "bulk": ids[TASKS:]})
    owners = {row.id: row.assignee_id for row in db.session.execute(select(ApprovalTask.id, ApprovalTask.assignee_id))}
    mine = {key: person for person, answers in told.items() for key, text in answers.items() if text == "mine"}
    assert mine == owners
    answers = Counter(text.split(" by ")[0].split(":")[0] for answers in told.values() for text in answers.values())
    assert answers == {"mine": 2 * TASKS, "Already taken": (PEOPLE - 1) * 2 * TASKS}
    claims = (History.table_name == "approval_task", History.action == "changed")
    assert db.session.scalar(select(func.count(History.id)).where(*claims)) == 2 * TASKS


def claimed(settings, work):
    """What each of the people was told of each task."""
    environment = os.environ | {
        "DATABASE_URL": settings.database_url, "HUB_DATA_DIR": str(settings.data_dir), "HUB_SECRET_KEY": "tests",
        "REDIS_URL": settings.redis_url,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tests.approvals.claiming_process"], cwd=ROOT, env=environment,
        input=json.dumps(work) + "\n", stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=True,
    )  # fmt: skip
    told = json.loads(done.stdout.splitlines()[-1])
    return {int(person): {int(key): text for key, text in answers.items()} for person, answers in told.items()}
