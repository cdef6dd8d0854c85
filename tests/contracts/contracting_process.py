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
from customerhub import history
from customerhub.contention import is_contention
from customerhub.contracts.contracts import save_contract
from customerhub.contracts.invoice_profiles import complete_profile
from customerhub.permissions import Actor
from models import Contract, InvoiceProfile
from models.base import db

SECONDS = 150
TRIES = 50


def main() -> None:
    work = json.loads(sys.stdin.readline())
    app, processes = create_app(), multiprocessing.get_context("fork")
    people = [*[_make] * work["makers"], *[_complete] * work["completers"]]
    together, answers = processes.Barrier(len(people)), processes.Queue()
    with app.app_context():
        db.engine.dispose()
    started = [
        processes.Process(target=_run, args=(app, act, number, work, together, answers))
        for number, act in enumerate(people)
    ]
    for process in started:
        process.start()
    told = [answers.get(timeout=SECONDS) for _ in started]
    for process in started:
        process.join(SECONDS)
    print(json.dumps(told))


def _run(app: Any, act: Any, number: int, work: dict[str, Any], together: Any, answers: Any) -> None:
    done: Any = 0
    try:
        actor = Actor(None, work["organisation"])
        with app.app_context(), history.acting(actor, "test"):
            for position, profile in enumerate(work["profiles"]):
                together.wait(SECONDS)
                first = FIRST.get(position)
                if first not in (None, act):
                    together.wait(SECONDS)
                time.sleep((number * 7 + position * 3) % 5 / 1000)
                done += _tried(lambda profile=profile: act(profile, work, actor))
                if first is act:
                    together.wait(SECONDS)
    except BaseException as error:
        together.abort()
        done = repr(error)
        raise
    finally:
        answers.put(done)


def _tried(act: Any) -> int:
    """Do it, and again where others were in the way; how many contracts came of it."""
    for _ in range(TRIES):
        try:
            made = int(act())
            db.session.commit()
        except Exception as error:
            db.session.rollback()
            if not is_contention(error):
                raise
        else:
            return made
    raise RuntimeError("others were always in the way")


def _make(profile: int, work: dict[str, Any], actor: Actor) -> int:
    save_contract(
        Contract(customer_id=work["customer"], name="Lines", start_date=date(2025, 1, 31), invoice_profile_id=profile),
        actor=actor,
    )
    return 1


def _complete(profile: int, work: dict[str, Any], _actor: Actor) -> int:
    complete_profile(db.session.get_one(InvoiceProfile, profile), file_id=work["file"])
    return 0


FIRST = {0: _make, 1: _complete}  # with the first two profiles nothing is left to chance


if __name__ == "__main__":
    main()
