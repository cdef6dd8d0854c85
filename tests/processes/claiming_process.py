"""Processes that claim the same tasks, each as somebody else of the staff: one after the other, and ticked on the list
all at once, in an order of their own.

Reads {"people": [user ids], "each": [task ids], "bulk": [task ids]}; tells {user id: {task id: what became of it}}. The
processes are copies of one that has made its app and has no connection yet, and begin together.
"""

import json
import multiprocessing
import random
import sys
from typing import Any

from sqlalchemy import select

from app import create_app
from customerhub.approvals import assignment
from customerhub.core import history
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor
from models import ApprovalTask, User
from models.base import db
from views.approvals.operations import OPERATIONS
from views.framework.operation import run_operation

CLAIM = next(operation for operation in OPERATIONS if operation.name == "claim")
SECONDS = 60


def main() -> None:
    work = json.loads(sys.stdin.readline())
    app, processes = create_app(), multiprocessing.get_context("fork")
    barrier, answers = processes.Barrier(len(work["people"])), processes.Queue()
    with app.app_context():
        db.engine.dispose()
    started = [
        processes.Process(target=_claim, args=(app, person, work, barrier, answers)) for person in work["people"]
    ]
    for process in started:
        process.start()
    outcomes = dict(answers.get(timeout=SECONDS) for _ in started)
    for process in started:
        process.join(SECONDS)
    print(json.dumps(outcomes))


def _claim(app: Any, user_id: int, work: dict[str, list[int]], barrier: Any, answers: Any) -> None:
    try:
        randomness, outcomes = random.Random(user_id), {}
        with app.app_context():
            for claim in (_claim_one_by_one, _claim_all_together):
                ids = list(work["each" if claim is _claim_one_by_one else "bulk"])
                randomness.shuffle(ids)
                barrier.wait(SECONDS)
                actor = Actor.from_user(db.session.get_one(User, user_id))
                with history.act_as(actor, "test"):
                    outcomes |= claim(ids, actor)
                db.session.remove()
        answers.put((user_id, outcomes))
    except BaseException as error:
        answers.put((user_id, {0: repr(error)}))
        raise


def _claim_one_by_one(ids: list[int], actor: Actor) -> dict[int, str]:
    outcomes = {}
    for key in ids:
        try:
            assignment.claim_task(db.session.get_one(ApprovalTask, key), actor=actor)
            db.session.commit()
            outcomes[key] = "mine"
        except HubError as error:
            db.session.rollback()
            outcomes[key] = error.message
    return outcomes


def _claim_all_together(ids: list[int], actor: Actor) -> dict[int, str]:
    tasks_by_id = {task.id: task for task in db.session.scalars(select(ApprovalTask).where(ApprovalTask.id.in_(ids)))}
    results = run_operation(CLAIM, [tasks_by_id[key] for key in ids], {}, actor, lambda _: "")
    db.session.commit()
    return {key: "mine" if result["ok"] else result["text"] for key, result in zip(ids, results, strict=True)}


if __name__ == "__main__":
    main()
