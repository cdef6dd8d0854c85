"""Processes that make contracts with profiles which others complete at the same moment.

Reads {"customer": id, "organisation": id, "profiles": [ids], "file": id, "makers": n, "completers": n}; tells how many
contracts each maker made. The processes are copies of one that has made its app and has no connection yet. They meet
before each profile, so that its contracts and its completion fall together, but for the first two.
"""

import json
import multiprocessing
import sys
import time
from datetime import date
from typing import Any

from app import create_app
from customerhub.contracts.contracts import save_contract
from customerhub.core import history
from customerhub.core.locking import is_contention
from customerhub.core.permissions import Actor
from models import Contract, InvoiceProfile
from models.base import db
from tests.support.contracts import complete_profile

SECONDS = 150
TRIES = 50


def main() -> None:
    work = json.loads(sys.stdin.readline())
    app, processes = create_app(), multiprocessing.get_context("fork")
    people = [*[_make_contract] * work["makers"], *[_complete_profile] * work["completers"]]
    barrier, answers = processes.Barrier(len(people)), processes.Queue()
    with app.app_context():
        db.engine.dispose()
    started = [
        processes.Process(target=_run, args=(app, act, number, work, barrier, answers))
        for number, act in enumerate(people)
    ]
    for process in started:
        process.start()
    outcomes = [answers.get(timeout=SECONDS) for _ in started]
    for process in started:
        process.join(SECONDS)
    print(json.dumps(outcomes))


def _run(app: Any, action: Any, number: int, work: dict[str, Any], barrier: Any, answers: Any) -> None:
    done: Any = 0
    try:
        actor = Actor(None, work["organisation"])
        with app.app_context(), history.act_as(actor, "test"):
            for position, profile in enumerate(work["profiles"]):
                barrier.wait(SECONDS)
                first = FIXED_ACTIONS.get(position)
                if first not in (None, action):
                    barrier.wait(SECONDS)
                time.sleep((number * 7 + position * 3) % 5 / 1000)
                done += _retry_on_contention(lambda profile=profile: action(profile, work, actor))
                if first is action:
                    barrier.wait(SECONDS)
    except BaseException as error:
        barrier.abort()
        done = repr(error)
        raise
    finally:
        answers.put(done)


def _retry_on_contention(action: Any) -> int:
    """Do it, and again where others were in the way; how many contracts came of it."""
    for _ in range(TRIES):
        try:
            contract_count = int(action())
            db.session.commit()
        except Exception as error:
            db.session.rollback()
            if not is_contention(error):
                raise
        else:
            return contract_count
    raise RuntimeError("others were always in the way")


def _make_contract(profile: int, work: dict[str, Any], actor: Actor) -> int:
    save_contract(
        Contract(customer_id=work["customer"], name="Lines", start_date=date(2025, 1, 31), invoice_profile_id=profile),
        actor=actor,
    )
    return 1


def _complete_profile(profile: int, work: dict[str, Any], _actor: Actor) -> int:
    complete_profile(db.session.get_one(InvoiceProfile, profile), file_id=work["file"])
    return 0


FIXED_ACTIONS = {0: _make_contract, 1: _complete_profile}  # with the first two profiles nothing is left to chance


if __name__ == "__main__":
    main()
