"""What is kept of the runs of the schedule: one row a job, the run that began last, and nothing that is a secret."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from customerhub import periodic
from customerhub.errors import WrongState
from customerhub.periodic import LONGEST_TOLD, RunState, Unfinished
from models import PeriodicRun
from models.base import db

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONGEST = timedelta(minutes=6)
SWEEP = "jobs.mail.sweep"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def kept() -> list[tuple[str, float, float | None, bool | None, str | None]]:
    """Every row: name, begin and end in seconds after noon, what came of it."""
    rows = db.session.query(PeriodicRun).order_by(PeriodicRun.name).populate_existing()
    return [
        (
            row.name,
            (row.started_at - NOON).total_seconds(),
            (row.finished_at - NOON).total_seconds() if row.finished_at else None,
            row.succeeded,
            row.told,
        )
        for row in rows
    ]


def state(now: datetime) -> RunState:
    db.session.commit()
    return periodic.state_of(periodic.list_runs()[SWEEP], longest=LONGEST, now=now)


def test_a_run_is_one_row_from_its_begin_to_its_end(session: Session) -> None:
    periodic.begin(SWEEP, now=at(0))
    assert (kept(), state(at(1))) == ([(SWEEP, 0, None, None, None)], RunState.RUNNING)
    assert periodic.end(SWEEP, began=at(0), now=at(2.5), succeeded=True, told="3 sent")
    assert (kept(), state(at(3))) == ([(SWEEP, 0, 2.5, True, "3 sent")], RunState.DONE)
    periodic.begin(SWEEP, now=at(60))
    assert (kept(), state(at(61))) == ([(SWEEP, 60, None, None, None)], RunState.RUNNING)
    periodic.end(SWEEP, began=at(60), now=at(61), succeeded=False, told="OperationalError")
    assert (kept(), state(at(62))) == ([(SWEEP, 60, 61, False, "OperationalError")], RunState.FAILED)


def test_a_run_that_never_ends_was_interrupted_once_it_is_older_than_any(session: Session) -> None:
    periodic.begin(SWEEP, now=at(0))
    assert state(NOON + LONGEST) is RunState.RUNNING
    assert state(NOON + LONGEST + timedelta(seconds=1)) is RunState.INTERRUPTED


def test_of_two_runs_the_one_that_began_last_is_kept(session: Session) -> None:
    periodic.begin(SWEEP, now=at(0))
    periodic.begin(SWEEP, now=at(1))
    assert not periodic.end(SWEEP, began=at(0), now=at(2), succeeded=False, told="killed")
    assert kept() == [(SWEEP, 1, None, None, None)]
    assert periodic.end(SWEEP, began=at(1), now=at(3), succeeded=True, told="Done")
    assert not periodic.end(SWEEP, began=at(0), now=at(4), succeeded=False, told="killed")
    assert kept() == [(SWEEP, 1, 3, True, "Done")]


def test_jobs_do_not_touch_each_others_rows(session: Session) -> None:
    for second, name in enumerate(("jobs.a.b", "jobs.a.c")):
        periodic.begin(name, now=at(second))
    periodic.end("jobs.a.c", began=at(1), now=at(2), succeeded=True, told="Done")
    assert kept() == [("jobs.a.b", 0, None, None, None), ("jobs.a.c", 1, 2, True, "Done")]


def test_many_that_begin_and_end_at_once_leave_one_row(app: Flask) -> None:
    barrier = Barrier(6)

    def run(number: int) -> bool:
        with app.app_context():
            barrier.wait()
            periodic.begin(SWEEP, now=at(number))
            db.session.commit()
            was_last = periodic.end(SWEEP, began=at(number), now=at(number + 100), succeeded=True, told=str(number))
            db.session.commit()
            return was_last

    with ThreadPoolExecutor(6) as pool:
        lasting = list(pool.map(run, range(6)))
    with app.app_context():
        [(name, began, ended, succeeded, told)] = kept()
    assert (name, ended, succeeded, told) == (SWEEP, began + 100, True, str(int(began)))
    assert lasting[int(began)]


class Leaky(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (Leaky("postgresql://hub:open-sesame@db/hub\nsecret"), "Leaky. The log tells more under reference 1A2B"),
        (WrongState("The period is closed."), "The period is closed. The log tells more under reference 1A2B"),
        (Unfinished("3 are left"), "3 are left. The log tells more under reference 1A2B"),
        (SystemExit(2), "SystemExit. The log tells more under reference 1A2B"),
    ],
)
def test_a_failure_is_told_without_the_text_of_a_bug(error: BaseException, told: str) -> None:
    assert periodic.failure(error, "1A2B") == told


@pytest.mark.parametrize("answer", [None, "", "  ", 0, 3, True, ["sent"], object()])
def test_what_is_no_sentence_is_done(answer: object) -> None:
    assert periodic.outcome(answer) == "Done"


def test_a_one_time_link_is_never_kept(session: Session) -> None:
    periodic.begin(SWEEP, now=at(0))
    link = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"
    periodic.end(SWEEP, began=at(0), now=at(1), succeeded=True, told=f"sent {link}")
    assert kept()[0][4] == "sent https://hub.example.com/set-password/used-up"


@given(text=st.text(max_size=2000))
def test_whatever_is_told_is_one_line_that_fits(text: str) -> None:
    line = periodic.one_line(text)
    assert len(line) <= LONGEST_TOLD
    assert len(line.splitlines()) <= 1
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in line)
    words = [word for word in text.split() if word.isalnum()]
    assert len(text) > LONGEST_TOLD or all(word in line for word in words)


@pytest.mark.parametrize("told", ["a\x00b", "x" * 5000, "a\ud800b", "🚀 12 sent", "é\n\nü"])
def test_both_databases_take_what_is_told(session: Session, told: str) -> None:
    periodic.begin(SWEEP, now=at(0))
    assert periodic.end(SWEEP, began=at(0), now=at(1), succeeded=True, told=told)
    db.session.commit()
    assert kept()[0][4] == periodic.one_line(told)
