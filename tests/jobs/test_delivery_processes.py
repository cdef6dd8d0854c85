"""Delivery by processes of their own: several at once, and killed at every step."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.orm import scoped_session

from customerhub.config import Settings
from customerhub.delivery import CLAIM, RESERVED
from jobs import mail
from jobs.queue import enqueue, get_queue
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.faulty_mail_server import Hang, Talk, faulty
from tests.jobs.conftest import StartCommand
from tests.jobs.mailing import Use, later, put_several, states
from tests.jobs.running import Running
from tests.mail_server import Mailbox, running
from tests.servers import wait_until

S = OutboxState
Session = scoped_session[Any]
StartSender = Callable[..., Running]


def surroundings(settings: Settings, smtp_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": settings.database_url,
        "HUB_DATA_DIR": str(settings.data_dir),
        "REDIS_URL": settings.redis_url or "",
        "SMTP_URL": smtp_url,
    }


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The file for which senders wait."""
    return tmp_path / "go"


@pytest.fixture
def start_sender(start: StartCommand, settings: Settings, go: Path) -> StartSender:
    """Starts a process that sweeps once, over the database of the test."""

    def start_sender(smtp_url: str) -> Running:
        sender = start("-m", "tests.jobs.mail_worker", str(go), **surroundings(settings, smtp_url))
        sender.wait_for("ready")
        return sender

    return start_sender


def identities(mailbox: Mailbox) -> list[str]:
    return [mail["Message-ID"] for mail in mailbox.received]


def test_three_that_sweep_at_once_deliver_each_message_once(
    session: Session, start_sender: StartSender, go: Path
) -> None:
    many = put_several(300)
    with running(Mailbox()) as mailbox:
        senders = [start_sender(mailbox.url) for _ in range(3)]
        go.touch()
        for sender in senders:
            assert sender.wait(60) == 0, sender.text
    assert states(many) == [S.SENT] * 300
    assert len(identities(mailbox)) == len(set(identities(mailbox))) == 300
    assert sum(" sent by " in sender.text for sender in senders) >= 2, "they did not work at the same time"
    session.expire_all()
    assert {message.attempts for message in many} == {1}


def test_jobs_that_run_twice_on_two_workers_deliver_each_message_once(
    session: Session, start: StartCommand, settings: Settings
) -> None:
    many = put_several(60)
    for message in many:
        for _ in range(2):
            enqueue(mail.send, message.id)
    enqueue(mail.send)
    session.rollback()
    with running(Mailbox()) as mailbox:
        words = ("-m", "flask", "--app", "app", "worker", "--queue", "default")
        workers = [start(*words, **surroundings(settings, mailbox.url)) for _ in range(2)]
        finished = get_queue().finished_job_registry
        wait_until(lambda: finished.get_job_count(cleanup=False) == 121, seconds=120)
    assert states(many) == [S.SENT] * 60
    assert len(identities(mailbox)) == len(set(identities(mailbox))) == 60
    assert all(worker.process.poll() is None for worker in workers)


def kill(sender: Running) -> None:
    sender.send(signal.SIGKILL)
    sender.wait()


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"])
def test_whoever_is_killed_loses_nothing(
    session: Session, use: Use, start_sender: StartSender, go: Path, step: str
) -> None:
    """Killed while the server makes it wait at this step, with nine others in hand."""
    many = put_several(10)
    with faulty(**{step: [Hang]}) as server:
        sender = start_sender(server.url)
        go.touch()
        wait_until(server.reached(step))
        kill(sender)
        use(server.url)
        mail.sweep()
        assert set(states(many)) == {S.WAITING}, "they are still left to the one that is dead"
        with later(RESERVED):
            mail.sweep()
        assert states(many) == [S.WAITING, *[S.SENT] * 9]
        with later(CLAIM):
            mail.sweep()
        assert states(many) == [S.SENT] * 10
        # The server had all of it in the last case; the same mail comes again, and can be told to be the same.
        assert sorted(server.deliveries.values()) == [*[1] * 9, 2 if step == "content" else 1]
    session.expire_all()
    assert [message.attempts for message in many] == [2, *[1] * 9]


@pytest.mark.parametrize("others", [0, 2])
def test_killed_between_the_answer_and_the_commit_it_sends_the_same_mail_again(
    session: Session, use: Use, start_sender: StartSender, go: Path, others: int
) -> None:
    """The one case that may repeat. It stands still from when the server has the mail, so the answer finds it dead."""
    several = put_several(1 + others)

    def stop(_talk: Talk) -> None:
        sender.send(signal.SIGSTOP)

    with faulty(content=[stop]) as server:
        sender = start_sender(server.url)
        go.touch()
        wait_until(lambda: len(server.taken) == 1)
        kill(sender)
        assert set(states(several)) == {S.WAITING}
        use(server.url)
        with later(CLAIM):
            mail.sweep()
        assert set(states(several)) == {S.SENT}
        assert sorted(server.deliveries.values()) == [*[1] * others, 2]


def test_a_database_that_is_away_for_the_commit_makes_no_mail_come_twice(
    session: Session, use: Use, settings: Settings, start_sender: StartSender, go: Path
) -> None:
    """On PostgreSQL every connection is cut when the mail has come; on SQLite somebody else writes for a while."""
    many = put_several(5)
    held: list[Any] = []

    def disturb(_talk: Talk) -> None:
        engine = create_engine(settings.database_url)
        if engine.dialect.name == "postgresql":
            with engine.connect() as connection:
                connection.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                        "WHERE pid <> pg_backend_pid() AND datname = current_database()"))  # fmt: skip
        else:
            held.append(engine.connect())
            held[0].execute(text("SELECT 1"))
        engine.dispose()

    session.rollback()
    db.engine.dispose()
    with faulty(content=[lambda _talk: None, disturb]) as server:
        sender = start_sender(server.url)
        go.touch()
        wait_until(lambda: len(server.taken) >= 2)
        time.sleep(1)
        for connection in held:
            connection.rollback()
            connection.close()
        assert sender.wait(60) == 0, sender.text
        assert "5 sent" in sender.text
        assert states(many) == [S.SENT] * 5
        assert sorted(server.deliveries.values()) == [1] * 5


def test_a_worker_that_is_stopped_too_long_does_not_send_what_others_sent(
    session: Session, use: Use, start_sender: StartSender, go: Path
) -> None:
    """It stands still while it has all of them in hand; when it goes on, its claims have lapsed."""
    many = put_several(10)
    with faulty(EHLO=[slowly]) as server:
        sender = start_sender(server.url)
        go.touch()
        wait_until(server.reached("EHLO"))
        sender.send(signal.SIGSTOP)
        session.execute(text("UPDATE outbox_message SET claimed_until = NULL, attempts = 0"))  # ten minutes pass
        session.commit()
        use(server.url)
        assert mail.sweep() == "10 sent"
        sender.send(signal.SIGCONT)
        assert sender.wait(60) == 0, sender.text
        assert states(many) == [S.SENT] * 10
        # The one that it had begun when it was stopped comes from both: nobody can take back what is under way.
        assert sorted(server.deliveries.values()) == [*[1] * 9, 2]
    found = session.scalars(select(OutboxMessage.attempts)).all()
    assert set(found) == {1}


def slowly(_talk: Talk) -> None:
    time.sleep(1)
