"""Delivery by processes of their own: several at once, and killed at every step."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import scoped_session

from customerhub.core.config import Settings
from customerhub.mail.delivery import SENDING_CLAIM_DURATION
from customerhub.mail.outbox import BATCH_CLAIM_DURATION
from jobs import mail
from jobs.queue import enqueue, get_queue
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.jobs.conftest import StartCommand
from tests.support.faulty_mail_server import Conversation, HangConnection, run_faulty_server
from tests.support.mail_server import Mailbox, run_mail_server
from tests.support.outbox_messages import UseMailServer, enqueue_messages, list_states, travel_forward
from tests.support.running_processes import RunningCommand
from tests.support.servers import wait_until

State = OutboxState
DatabaseSession = scoped_session[Any]
StartSender = Callable[..., RunningCommand]


def sender_environment(settings: Settings, smtp_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": settings.database_url,
        "HUB_DATA_DIR": str(settings.data_dir),
        "REDIS_URL": settings.redis_url or "",
        "SMTP_URL": smtp_url,
    }


@pytest.fixture
def start_file(tmp_path: Path) -> Path:
    """The file for which senders wait."""
    return tmp_path / "start_file"


@pytest.fixture
def start_sender(start: StartCommand, settings: Settings, start_file: Path) -> StartSender:
    """Starts a process that sweeps once, over the database of the test."""

    def start_sender(smtp_url: str) -> RunningCommand:
        sender = start("-m", "tests.processes.mail_worker", str(start_file), **sender_environment(settings, smtp_url))
        sender.wait_for("ready")
        return sender

    return start_sender


def list_message_ids(mailbox: Mailbox) -> list[str]:
    return [mail["Message-ID"] for mail in mailbox.received]


def test_three_that_sweep_at_once_deliver_each_message_once(
    session: DatabaseSession, start_sender: StartSender, start_file: Path
) -> None:
    many = enqueue_messages(300)
    with run_mail_server(Mailbox()) as mailbox:
        senders = [start_sender(mailbox.url) for _ in range(3)]
        start_file.touch()
        for sender in senders:
            assert sender.wait(60) == 0, sender.output
    assert list_states(many) == [State.SENT] * 300
    assert len(list_message_ids(mailbox)) == len(set(list_message_ids(mailbox))) == 300
    assert sum(" sent by " in sender.output for sender in senders) >= 2, "they did not work at the same time"
    session.expire_all()
    assert {message.attempts for message in many} == {1}


def test_jobs_that_run_twice_on_two_workers_deliver_each_message_once(
    session: DatabaseSession, start: StartCommand, settings: Settings
) -> None:
    many = enqueue_messages(60)
    for message in many:
        for _ in range(2):
            enqueue(mail.send, message.id)
    enqueue(mail.send)
    session.rollback()
    with run_mail_server(Mailbox()) as mailbox:
        words = ("-m", "flask", "--app", "app", "worker", "--queue", "default")
        workers = [start(*words, **sender_environment(settings, mailbox.url)) for _ in range(2)]
        finished = get_queue().finished_job_registry
        wait_until(lambda: finished.get_job_count(cleanup=False) == 121, seconds=120)
    assert list_states(many) == [State.SENT] * 60
    assert len(list_message_ids(mailbox)) == len(set(list_message_ids(mailbox))) == 60
    assert all(worker.process.poll() is None for worker in workers)


def kill_process(sender: RunningCommand) -> None:
    sender.send(signal.SIGKILL)
    sender.wait()


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_whoever_is_killed_loses_nothing(
    session: DatabaseSession, use_mail_server: UseMailServer, start_sender: StartSender, start_file: Path, step: str
) -> None:
    """Killed while the server makes it wait at this step, with nine others in hand."""
    many = enqueue_messages(10)
    with run_faulty_server(**{step: [HangConnection]}) as server:
        sender = start_sender(server.url)
        start_file.touch()
        wait_until(server.has_reached(step))
        kill_process(sender)
        use_mail_server(server.url)
        mail.sweep()
        assert set(list_states(many)) == {State.WAITING}, "they are still left to the one that is dead"
        with travel_forward(BATCH_CLAIM_DURATION):
            mail.sweep()
        assert list_states(many) == [State.WAITING, *[State.SENT] * 9]
        with travel_forward(SENDING_CLAIM_DURATION):
            mail.sweep()
        assert list_states(many) == [State.SENT] * 10
        # The server had all of it in the last case; the same mail comes again, and can be told to be the same.
        assert sorted(server.deliveries.values()) == [*[1] * 9, 2 if step == "content" else 1]
    session.expire_all()
    assert [message.attempts for message in many] == [2, *[1] * 9]


@pytest.mark.parametrize("others", [0, 2])
def test_killed_between_the_answer_and_the_commit_it_sends_the_same_mail_again(
    session: DatabaseSession, use_mail_server: UseMailServer, start_sender: StartSender, start_file: Path, others: int
) -> None:
    """The one case that may repeat. It stands still from when the server has the mail, so the answer finds it dead."""
    several = enqueue_messages(1 + others)

    def stop(_talk: Conversation) -> None:
        sender.send(signal.SIGSTOP)

    with run_faulty_server(content=[stop]) as server:
        sender = start_sender(server.url)
        start_file.touch()
        wait_until(lambda: len(server.accepted_ids) == 1)
        kill_process(sender)
        assert set(list_states(several)) == {State.WAITING}
        use_mail_server(server.url)
        with travel_forward(SENDING_CLAIM_DURATION):
            mail.sweep()
        assert set(list_states(several)) == {State.SENT}
        assert sorted(server.deliveries.values()) == [*[1] * others, 2]


def test_a_database_that_is_away_for_the_commit_makes_no_mail_come_twice(
    session: DatabaseSession,
    use_mail_server: UseMailServer,
    settings: Settings,
    start_sender: StartSender,
    start_file: Path,
) -> None:
    """On PostgreSQL every connection is cut when the mail has come; on SQLite somebody else writes for a while."""
    many = enqueue_messages(5)
    held_locks: list[Any] = []

    def disturb(_talk: Conversation) -> None:
        engine = create_engine(settings.database_url)
        if engine.dialect.name == "postgresql":
            with engine.connect() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                )
        else:
            held_locks.append(engine.connect())
            held_locks[0].execute(text("SELECT 1"))
        engine.dispose()

    session.rollback()
    db.engine.dispose()
    with run_faulty_server(content=[lambda _talk: None, disturb]) as server:
        sender = start_sender(server.url)
        start_file.touch()
        wait_until(lambda: len(server.accepted_ids) >= 2)
        time.sleep(1)
        for connection in held_locks:
            connection.rollback()
            connection.close()
        assert sender.wait(60) == 0, sender.output
        assert "5 sent" in sender.output
        assert list_states(many) == [State.SENT] * 5
        assert sorted(server.deliveries.values()) == [1] * 5


def test_a_worker_that_is_stopped_too_long_does_not_send_what_others_sent(
    session: DatabaseSession, use_mail_server: UseMailServer, start_sender: StartSender, start_file: Path
) -> None:
    """It stands still while it has all of them in hand; when it goes on, its claims have lapsed."""
    many = enqueue_messages(10)
    with run_faulty_server(EHLO=[answer_slowly]) as server:
        sender = start_sender(server.url)
        start_file.touch()
        wait_until(server.has_reached("EHLO"))
        sender.send(signal.SIGSTOP)
        session.execute(text("UPDATE outbox_message SET claimed_until = NULL, attempts = 0"))  # ten minutes pass
        session.commit()
        use_mail_server(server.url)
        assert mail.sweep() == "10 sent"
        sender.send(signal.SIGCONT)
        assert sender.wait(60) == 0, sender.output
        assert list_states(many) == [State.SENT] * 10
        # The one that it had begun when it was stopped comes from both: nobody can take back what is under way.
        assert sorted(server.deliveries.values()) == [*[1] * 9, 2]
    found = session.scalars(select(OutboxMessage.attempts)).all()
    assert set(found) == {1}


def answer_slowly(_talk: Conversation) -> None:
    time.sleep(1)
