"""The queue server is away for a while: nobody waits for it more than once, and what was written meanwhile is sent."""

import logging
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import scoped_session

from customerhub.core.config import Settings
from customerhub.mail import outbox
from jobs import queue
from jobs.queue import init_queue, try_enqueue
from models import OutboxMessage
from models.enums import OutboxState
from tests.jobs.conftest import StartCommand
from tests.support import sample_jobs
from tests.support.mail_server import Mailbox, run_mail_server
from tests.support.outbox_messages import list_states
from tests.support.people import make_organisation
from tests.support.servers import Valkey, wait_until

MANY_MESSAGES = 5000


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_thousand_nudges_wait_for_a_server_that_is_away_once(
    queue_server: Valkey, queueing_app: Flask, tmp_path: Any, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """A frozen server takes connections and never answers; each try then costs two seconds."""
    notes = str(tmp_path / "notes")
    assert try_enqueue(sample_jobs.write, notes, "first") is True
    queue_server.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    if how == "killed":
        queue_server.process.wait(10)
    try:
        with caplog.at_level(logging.WARNING):
            began = time.monotonic()
            assert not any(try_enqueue(sample_jobs.write, notes, "more") for _ in range(MANY_MESSAGES))
            assert time.monotonic() - began < 5
        assert len([record for record in caplog.records if "waits for the schedule" in record.message]) == 1
    finally:
        if how == "killed":
            queue_server.start()
        else:
            queue_server.process.send_signal(signal.SIGCONT)
    wait_until(lambda: try_enqueue(sample_jobs.write, notes, "after"), seconds=queue.BACKOFF_SECONDS + 5)


@pytest.fixture
def stoppable_server(session_app: Flask, settings: Settings, tmp_path: Any) -> Iterator[Valkey]:
    """A queue server that the app of the test uses for now, and that the test may kill."""
    server = Valkey(tmp_path)
    init_queue(session_app, settings.model_copy(update={"redis_url": server.url}))
    yield server
    server.kill()
    init_queue(session_app, settings)


def enqueue_one_by_one(reason: str, number: int) -> tuple[list[OutboxMessage], float]:
    """Messages that are committed one by one, as by as many screens, and the seconds that took."""
    organisation = make_organisation(reason)
    messages, began = [], time.monotonic()
    for place in range(number):
        message = outbox.enqueue(
            organisation_id=organisation.id,
            reason_key=f"{place}",
            purpose="test",
            recipient="kim@example.com",
            subject=f"{reason} {place}",
            text_body="Hello",
            html_body="<p>Hello</p>",
        )
        outbox.db.session.commit()
        messages.append(message)
    return messages, time.monotonic() - began


def test_what_is_written_while_the_queue_server_is_away_is_sent_when_it_is_back(
    session: scoped_session[Any], stoppable_server: Valkey, start: StartCommand, settings: Settings
) -> None:
    with run_mail_server(Mailbox()) as mailbox:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": stoppable_server.url,
            "SMTP_URL": mailbox.url,
        }
        worker = start("-m", "flask", "--app", "app", "worker", "--queue", "default", **surroundings)
        scheduler = start("-m", "tests.processes.mail_scheduler", **surroundings)
        before, usual = enqueue_one_by_one("before", 20)
        wait_until(lambda: set(list_states(before)) == {OutboxState.SENT}, seconds=60)
        stoppable_server.kill()
        early, seconds = enqueue_one_by_one("early", 200)  # the job at hand may find some of them
        assert seconds < 10 * usual + 4
        time.sleep(5)
        late, _ = enqueue_one_by_one("late", 50)
        time.sleep(5)
        assert set(list_states(late)) == {OutboxState.WAITING}
        stoppable_server.start()
        wait_until(lambda: set(list_states(early + late)) == {OutboxState.SENT}, seconds=60)
        assert worker.process.poll() is None, worker.output
        assert scheduler.process.poll() is None, scheduler.output
        identities = [mail["Message-ID"] for mail in mailbox.received]
        assert len(identities) == len(set(identities)) == 270
