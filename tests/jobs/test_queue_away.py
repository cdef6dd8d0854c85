"""The queue server is away for a while: nobody waits for it more than once, and what was written meanwhile is sent."""

import logging
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import scoped_session

from customerhub import outbox
from customerhub.config import Settings
from jobs import queue
from jobs.queue import init_queue, nudge
from models import OutboxMessage
from models.enums import OutboxState
from tests.jobs import work
from tests.jobs.conftest import StartCommand
from tests.jobs.mailing import states
from tests.mail_server import Mailbox, running
from tests.people import make_organisation
from tests.servers import Valkey, wait_until

MANY = 5000


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_a_thousand_nudges_wait_for_a_server_that_is_away_once(
    queue_server: Valkey, queueing: Flask, tmp_path: Any, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    """A frozen server takes connections and never answers; each try then costs two seconds."""
    notes = str(tmp_path / "notes")
    assert nudge(work.write, notes, "first") is True
    queue_server.process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGSTOP)
    if how == "killed":
        queue_server.process.wait(10)
    try:
        with caplog.at_level(logging.WARNING):
            began = time.monotonic()
            assert not any(nudge(work.write, notes, "more") for _ in range(MANY))
            assert time.monotonic() - began < 5
        assert len([record for record in caplog.records if "waits for the schedule" in record.message]) == 1
    finally:
        if how == "killed":
            queue_server.start()
        else:
            queue_server.process.send_signal(signal.SIGCONT)
    wait_until(lambda: nudge(work.write, notes, "after"), seconds=queue.REST_SECONDS + 5)


@pytest.fixture
def own_server(session_app: Flask, settings: Settings, tmp_path: Any) -> Iterator[Valkey]:
    """A queue server that the app of the test uses for now, and that the test may kill."""
    server = Valkey(tmp_path)
    init_queue(session_app, replace(settings, redis_url=server.url))
    yield server
    server.kill()
    init_queue(session_app, settings)


def put_each(reason: str, number: int) -> tuple[list[OutboxMessage], float]:
    """Messages that are committed one by one, as by as many screens, and the seconds that took."""
    organisation = make_organisation(reason)
    made, began = [], time.monotonic()
    for place in range(number):
        message = outbox.put(
            organisation_id=organisation.id, reason_key=f"{place}", purpose="test", recipient="kim@example.com",
            subject=f"{reason} {place}", text_body="Hello", html_body="<p>Hello</p>",
        )  # fmt: skip
        outbox.db.session.commit()
        made.append(message)
    return made, time.monotonic() - began


def test_what_is_written_while_the_queue_server_is_away_is_sent_when_it_is_back(
    session: scoped_session[Any], own_server: Valkey, start: StartCommand, settings: Settings
) -> None:
    with running(Mailbox()) as mailbox:
        surroundings = {
            "DATABASE_URL": settings.database_url,
            "HUB_DATA_DIR": str(settings.data_dir),
            "REDIS_URL": own_server.url,
            "SMTP_URL": mailbox.url,
        }
        worker = start("-m", "flask", "--app", "app", "worker", "--queue", "default", **surroundings)
        scheduler = start("-m", "tests.jobs.mail_scheduler", **surroundings)
        before, usual = put_each("before", 20)
        wait_until(lambda: set(states(before)) == {OutboxState.SENT}, seconds=60)
        own_server.kill()
        early, seconds = put_each("early", 200)  # the job at hand may find some of them
        assert seconds < 10 * usual + 4
        time.sleep(5)
        late, _ = put_each("late", 50)
        time.sleep(5)
        assert set(states(late)) == {OutboxState.WAITING}
        own_server.start()
        wait_until(lambda: set(states(early + late)) == {OutboxState.SENT}, seconds=60)
        assert worker.process.poll() is None, worker.text
        assert scheduler.process.poll() is None, scheduler.text
        identities = [mail["Message-ID"] for mail in mailbox.received]
        assert len(identities) == len(set(identities)) == 270
