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
from customerhub import history
from customerhub.approvals import tasks
from customerhub.errors import HubError
from customerhub.permissions import Actor
from models import ApprovalTask, User
from models.base import db
from views.operation import run_each
from views.task_operations import OPERATIONS

CLAIM = next(operation for operation in OPERATIONS if operation.name == "claim")
SECONDS = 60


def main() -> None:
    work = json.loads(sys.stdin.readline())
    app, processes = create_app(), multiprocessing.get_context("fork")
    together, answers = processes.Barrier(len(work["people"])), processes.Queue()
    with app.app_context():
        db.engine.dispose()
    started = [
        processes.Process(target=_claim, args=(app, person, work, together, answers)) for person in work["people"]
    ]
    for process in started:
        process.start()
    told = dict(answers.get(timeout=SECONDS) for _ in started)
    for process in started:
        process.join(SECONDS)
    print(json.dumps(told))


def _claim(app: Any, user_id: int, work: dict[str, list[int]], together: Any, answers: Any) -> None:
    try:
        dice, told = random.Random(user_id), {}
        with app.app_context():
            for how in (_one_by_one, _all_at_once):
                ids = list(work["each" if how is _one_by_one else "bulk"])
                dice.shuffle(ids)
                together.wait(SECONDS)
                actor = Actor.of(db.session.get_one(User, user_id))
                with history.acting(actor, "test"):
                    told |= how(ids, actor)
                db.session.remove()
        answers.put((user_id, told))
    except BaseException as error:
        answers.put((user_id, {0: repr(error)}))
        raise


def _one_by_one(ids: list[int], actor: Actor) -> dict[int, str]:
    told = {}
    for key in ids:
        try:
            tasks.claim_task(db.session.get_one(ApprovalTask, key), actor=actor)
            db.session.commit()
            told[key] = "mine"
        except HubError as error:
            db.session.rollback()
            told[key] = error.message
    return told


def _all_at_once(ids: list[int], actor: Actor) -> dict[int, str]:
    found = {task.id: task for task in db.session.scalars(select(ApprovalTask).where(ApprovalTask.id.in_(ids)))}
    results = run_each(CLAIM, [found[key] for key in ids], {}, actor, lambda _: "")
    db.session.commit()
    return {key: "mine" if result["ok"] else result["text"] for key, result in zip(ids, results, strict=True)}


if __name__ == "__main__":
    main()
