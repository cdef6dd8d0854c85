"""What is kept of the runs of the schedule: one row a job, the run that began last, and nothing that is a secret."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from customerhub.core import job_runs
from customerhub.core.errors import WrongState
from customerhub.core.job_runs import MAX_MESSAGE_LENGTH, IncompleteRun, RunState
from models import PeriodicRun
from models.base import db

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONGEST = timedelta(minutes=6)
SWEEP = "jobs.mail.sweep"


def seconds_after_noon(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stored_runs() -> list[tuple[str, float, float | None, bool | None, str | None]]:
    """Every row: name, begin and end in seconds after noon, what came of it."""
    rows = db.session.query(PeriodicRun).order_by(PeriodicRun.name).populate_existing()
    return [
        (
            row.name,
            (row.started_at - NOON).total_seconds(),
            (row.finished_at - NOON).total_seconds() if row.finished_at else None,
            row.succeeded,
            row.message,
        )
        for row in rows
    ]


def run_state(now: datetime) -> RunState:
    db.session.commit()
    return job_runs.state_of(job_runs.list_runs()[SWEEP], max_duration=LONGEST, now=now)


def test_a_run_is_one_row_from_its_begin_to_its_end(session: Session) -> None:
    job_runs.start_run(SWEEP, now=seconds_after_noon(0))
    assert (stored_runs(), run_state(seconds_after_noon(1))) == ([(SWEEP, 0, None, None, None)], RunState.RUNNING)
    assert job_runs.finish_run(
        SWEEP, started_at=seconds_after_noon(0), now=seconds_after_noon(2.5), succeeded=True, message="3 sent"
    )
    assert (stored_runs(), run_state(seconds_after_noon(3))) == ([(SWEEP, 0, 2.5, True, "3 sent")], RunState.DONE)
    job_runs.start_run(SWEEP, now=seconds_after_noon(60))
    assert (stored_runs(), run_state(seconds_after_noon(61))) == ([(SWEEP, 60, None, None, None)], RunState.RUNNING)
    job_runs.finish_run(
        SWEEP,
        started_at=seconds_after_noon(60),
        now=seconds_after_noon(61),
        succeeded=False,
        message="OperationalError",
    )
    assert (stored_runs(), run_state(seconds_after_noon(62))) == (
        [(SWEEP, 60, 61, False, "OperationalError")],
        RunState.FAILED,
    )


def test_a_run_that_never_ends_was_interrupted_once_it_is_older_than_any(session: Session) -> None:
    job_runs.start_run(SWEEP, now=seconds_after_noon(0))
    assert run_state(NOON + LONGEST) is RunState.RUNNING
    assert run_state(NOON + LONGEST + timedelta(seconds=1)) is RunState.INTERRUPTED


def test_of_two_runs_the_one_that_began_last_is_kept(session: Session) -> None:
    job_runs.start_run(SWEEP, now=seconds_after_noon(0))
    job_runs.start_run(SWEEP, now=seconds_after_noon(1))
    assert not job_runs.finish_run(
        SWEEP, started_at=seconds_after_noon(0), now=seconds_after_noon(2), succeeded=False, message="killed"
    )
    assert stored_runs() == [(SWEEP, 1, None, None, None)]
    assert job_runs.finish_run(
        SWEEP, started_at=seconds_after_noon(1), now=seconds_after_noon(3), succeeded=True, message="Done"
    )
    assert not job_runs.finish_run(
        SWEEP, started_at=seconds_after_noon(0), now=seconds_after_noon(4), succeeded=False, message="killed"
    )
    assert stored_runs() == [(SWEEP, 1, 3, True, "Done")]


def test_jobs_do_not_touch_each_others_rows(session: Session) -> None:
    for second, name in enumerate(("jobs.a.b", "jobs.a.c")):
        job_runs.start_run(name, now=seconds_after_noon(second))
    job_runs.finish_run(
        "jobs.a.c", started_at=seconds_after_noon(1), now=seconds_after_noon(2), succeeded=True, message="Done"
    )
    assert stored_runs() == [("jobs.a.b", 0, None, None, None), ("jobs.a.c", 1, 2, True, "Done")]


def test_many_that_begin_and_end_at_once_leave_one_row(app: Flask) -> None:
    barrier = Barrier(6)

    def run(number: int) -> bool:
        with app.app_context():
            barrier.wait()
            job_runs.start_run(SWEEP, now=seconds_after_noon(number))
            db.session.commit()
            was_last = job_runs.finish_run(
                SWEEP,
                started_at=seconds_after_noon(number),
                now=seconds_after_noon(number + 100),
                succeeded=True,
                message=str(number),
            )
            db.session.commit()
            return was_last

    with ThreadPoolExecutor(6) as pool:
        lasting = list(pool.map(run, range(6)))
    with app.app_context():
        [(name, began, ended, succeeded, message)] = stored_runs()
    assert (name, ended, succeeded, message) == (SWEEP, began + 100, True, str(int(began)))
    assert lasting[int(began)]


class LeakyError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LeakyError("postgresql://hub:open-sesame@db/hub\nsecret"), "LeakyError. See the log, reference 1A2B"),
        (WrongState("The period is closed."), "The period is closed. See the log, reference 1A2B"),
        (IncompleteRun("3 are left"), "3 are left. See the log, reference 1A2B"),
        (SystemExit(2), "SystemExit. See the log, reference 1A2B"),
    ],
)
def test_a_failure_is_shown_without_the_text_of_a_bug(error: BaseException, message: str) -> None:
    assert job_runs.describe_failure(error, "1A2B") == message


@pytest.mark.parametrize("answer", [None, "", "  ", 0, 3, True, ["sent"], object()])
def test_what_is_no_sentence_is_done(answer: object) -> None:
    assert job_runs.describe_result(answer) == "Done"


def test_a_one_time_link_is_never_kept(session: Session) -> None:
    job_runs.start_run(SWEEP, now=seconds_after_noon(0))
    link = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"
    job_runs.finish_run(
        SWEEP, started_at=seconds_after_noon(0), now=seconds_after_noon(1), succeeded=True, message=f"sent {link}"
    )
    assert stored_runs()[0][4] == "sent https://hub.example.com/set-password/used-up"


@given(text=st.text(max_size=2000))
def test_every_description_is_one_line_that_fits(text: str) -> None:
    line = job_runs.format_message(text)
    assert len(line) <= MAX_MESSAGE_LENGTH
    assert len(line.splitlines()) <= 1
    assert not any(c < " " or "\x7f" <= c <= "\x9f" for c in line)
    words = [word for word in text.split() if word.isalnum()]
    assert len(text) > MAX_MESSAGE_LENGTH or all(word in line for word in words)


@pytest.mark.parametrize("message", ["a\x00b", "x" * 5000, "a\ud800b", "🚀 12 sent", "é\n\nü"])
def test_both_databases_store_the_message(session: Session, message: str) -> None:
    job_runs.start_run(SWEEP, now=seconds_after_noon(0))
    assert job_runs.finish_run(
        SWEEP, started_at=seconds_after_noon(0), now=seconds_after_noon(1), succeeded=True, message=message
    )
    db.session.commit()
    assert stored_runs()[0][4] == job_runs.format_message(message)
