"""Processes that take the same rows by a lease and work on each, for tests that race or kill them.

Words: race PROCESSES EXPORT_ID… | hold EXPORT_ID…. "race" has so many processes, copies of one that has no connection
yet, finish every row once, and prints {export id: [process that finished it]}. "hold" takes the rows, prints their
tokens and waits for a line.
"""

import json
import multiprocessing
import random
import sys
from typing import Any

from app import create_app
from customerhub.core import clock
from customerhub.core.leases import Lease
from jobs.exports import LEASES
from models.base import db
from models.enums import TransferState

SECONDS = 60


def main(words: list[str]) -> None:
    app = create_app()
    if words[0] == "hold":
        with app.app_context():
            print(json.dumps({key: claim(key).token for key in map(int, words[1:])}), flush=True)
            sys.stdin.readline()
        return
    count, export_ids = int(words[1]), [int(word) for word in words[2:]]
    processes = multiprocessing.get_context("fork")
    barrier, answers = processes.Barrier(count), processes.Queue()
    with app.app_context():
        db.engine.dispose()
    started = [
        processes.Process(target=finish_all, args=(app, number, export_ids, barrier, answers))
        for number in range(count)
    ]
    for process in started:
        process.start()
    finishers: dict[int, list[int]] = {key: [] for key in export_ids}
    for _ in started:
        number, finished_ids = answers.get(timeout=SECONDS)
        for key in finished_ids:
            finishers[key].append(number)
    for process in started:
        process.join(SECONDS)
    print(json.dumps(finishers))


def claim(export_id: int) -> Lease:
    leases = try_claim(export_id)
    assert leases
    return leases[0]


def try_claim(export_id: int) -> list[Lease]:
    table = LEASES.table.c
    leases = LEASES.claim(table.id == export_id, now=clock.get_now(), state=TransferState.RUNNING, done_rows=0)
    db.session.commit()
    return leases


def finish_all(app: Any, number: int, export_ids: list[int], barrier: Any, answers: Any) -> None:
    finished_ids: list[int] = []
    shuffled_ids = random.Random(number).sample(export_ids, len(export_ids))
    with app.app_context():
        barrier.wait(SECONDS)
        for key in shuffled_ids:
            for lease in try_claim(key):
                for done_rows in range(1, 4):
                    lease = LEASES.renew(lease, now=clock.get_now(), done_rows=done_rows)
                    db.session.commit()
                finished_ids += [key] * LEASES.release(lease, state=TransferState.DONE)
                db.session.commit()
    answers.put((number, finished_ids))


if __name__ == "__main__":
    main(sys.argv[1:])
