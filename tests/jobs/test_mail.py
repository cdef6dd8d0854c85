"""Sending mail to a real server, and to servers that will not have it."""

import socket
import threading
import time
from urllib.parse import quote

import pytest
import time_machine
from sqlalchemy import create_engine, text

from customerhub.core import clock
from customerhub.core.config import SettingError, load_settings
from customerhub.mail import smtp
from customerhub.mail.delivery import RETRY_DELAYS, SENDING_CLAIM_DURATION
from customerhub.mail.smtp import TOTAL_TIMEOUT_FACTOR
from jobs import mail
from jobs.queue import DEFAULT, JOB_TIMEOUTS
from models.base import db
from models.enums import OutboxState
from tests.support.mail_server import PASSWORD, USER, Mailbox, check_password, run_mail_server, tls_context
from tests.support.outbox_messages import enqueue_message
from tests.support.servers import free_port, wait_until


@pytest.fixture
def mailbox(use_mail_server):
    with run_mail_server(Mailbox()) as mailbox:
        use_mail_server(mailbox.url)
        yield mailbox


@pytest.fixture
def message(session):
    return enqueue_message("first")


def run_delivery(message):
    mail.send(message.id)
    db.session.expire_all()
    return message


def test_a_mail_arrives_once(message, mailbox):
    assert run_delivery(message).state is OutboxState.SENT
    assert run_delivery(message).attempts == 1
    mail.sweep()
    (arrived,) = mailbox.received
    assert arrived["To"] == "kim@example.com"
    assert arrived["From"] == "Example first <no-reply@localhost>"
    assert arrived["Subject"] == "Grüße"
    assert arrived["Message-ID"].startswith(f"<{message.id}.")
    assert arrived.get_body(("plain",)).get_content() == "Hello\r\n.\r\nbye\r\n"
    assert arrived.get_body(("html",)).get_content() == "<p>ä</p>\r\n"


@pytest.mark.parametrize("at", ["recipient_answer", "data_answer"])
def test_451_is_tried_again_and_then_arrives(message, mailbox, at):
    setattr(mailbox, at, "451 try again later")
    assert run_delivery(message).state is OutboxState.WAITING
    assert message.last_error == "451 try again later"
    assert run_delivery(message).attempts == 1
    setattr(mailbox, at, "250 OK")
    with time_machine.travel(clock.get_now() + RETRY_DELAYS[0], tick=False):
        mail.sweep()
    db.session.expire_all()
    assert (message.state, message.attempts, message.last_error) == (OutboxState.SENT, 2, None)
    assert len(mailbox.received) == 1


@pytest.mark.parametrize("at", ["recipient_answer", "data_answer"])
def test_550_is_for_good(message, mailbox, at):
    setattr(mailbox, at, "550 no such user")
    assert run_delivery(message).state is OutboxState.FAILED
    assert message.last_error == "550 no such user"
    assert mailbox.received == []


def test_a_connection_that_breaks_off_is_tried_again(message, mailbox):
    mailbox.drops_connection = True
    assert run_delivery(message).state is OutboxState.WAITING
    assert message.next_attempt_at > clock.get_now()
    mailbox.drops_connection = False
    with time_machine.travel(clock.get_now() + RETRY_DELAYS[0], tick=False):
        assert run_delivery(message).state is OutboxState.SENT


def test_a_server_that_is_not_there_stops_the_sweep(session, use_mail_server, message):
    second = enqueue_message("second")
    use_mail_server(f"smtp://127.0.0.1:{free_port()}")
    mail.sweep()
    session.expire_all()
    assert (message.state, message.attempts, second.attempts) == (OutboxState.WAITING, 1, 0)
    assert message.last_error == "127.0.0.1: Connection refused"
    assert second.claimed_until is None


def test_a_slow_server_ends_the_sweep_before_a_time_limit_does(session, mailbox, message):
    second = enqueue_message("second")
    mailbox.on_mail = lambda: time.sleep(0.3)
    assert mail.sweep(max_seconds=0.2) == "1 sent"
    session.expire_all()
    assert (message.state, second.state, second.attempts) == (OutboxState.SENT, OutboxState.WAITING, 0)
    assert second.claimed_until is None
    assert mail.sweep() == "1 sent"
    session.expire_all()
    assert second.state is OutboxState.SENT


def test_a_sweep_leaves_time_for_the_message_at_hand(app):
    """Whatever the server does, a message takes no longer than this, and the time limit of the job has to hold it."""
    settings = load_settings({"HUB_DATA_DIR": str(app.config["HUB"].data_dir), "HUB_SMTP_TIMEOUT": "25"})
    longest = TOTAL_TIMEOUT_FACTOR * settings.smtp_timeout
    assert JOB_TIMEOUTS[DEFAULT] > mail.MAX_SWEEP_SECONDS + longest + sum(mail.RECORD_RETRY_DELAYS[:-1])
    assert SENDING_CLAIM_DURATION.total_seconds() > JOB_TIMEOUTS[DEFAULT]
    with pytest.raises(SettingError, match="HUB_SMTP_TIMEOUT is 26: expected 1 to 25"):
        load_settings({"HUB_DATA_DIR": str(settings.data_dir), "HUB_SMTP_TIMEOUT": "26"})


def test_one_bad_address_does_not_stop_the_sweep(session, mailbox, message):
    second = enqueue_message("second")
    mailbox.recipient_answer = "550 no"
    mail.sweep()
    session.expire_all()
    assert (message.state, second.state) == (OutboxState.FAILED, OutboxState.FAILED)


def test_a_server_that_says_nothing_is_not_waited_for(use_mail_server, message):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_mail_server(f"smtp://127.0.0.1:{silent.getsockname()[1]}", smtp_timeout=0.3)
        assert run_delivery(message).state is OutboxState.WAITING
    assert message.last_error == "127.0.0.1: no response in time"


def test_a_server_that_speaks_something_else_is_tried_again(use_mail_server, message):
    def serve(server):
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        use_mail_server(f"smtp://127.0.0.1:{server.getsockname()[1]}")
        assert run_delivery(message).state is OutboxState.WAITING
        thread.join()


def test_the_database_is_free_while_the_mail_server_is_talked_to(session, settings, message, mailbox):
    """Somebody else can change the very message meanwhile, and at once."""
    answers = []

    def change():
        engine = create_engine(settings.database_url)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET lock_timeout = '100ms'"))
            else:
                connection.execute(text("PRAGMA busy_timeout = 100"))
            answers.append(connection.execute(text("UPDATE outbox_message SET why = 'seen'")).rowcount)
        engine.dispose()

    mailbox.on_mail = change
    assert run_delivery(message).state is OutboxState.SENT
    assert (answers, message.why) == ([1], "seen")


def test_without_a_server_mails_are_held_and_nothing_leaves(session, use_mail_server, message, mailbox):
    use_mail_server(None)
    assert run_delivery(message).state is OutboxState.HELD
    mail.sweep()
    use_mail_server(mailbox.url)
    mail.sweep()
    assert run_delivery(message).state is OutboxState.HELD
    assert mailbox.received == []


def test_tls_is_begun_where_it_is_offered_and_the_password_sent_then(use_mail_server, message, tmp_path):
    options = {
        "tls_context": tls_context(tmp_path),
        "require_starttls": True,
        "auth_required": True,
        "authenticator": check_password,
    }
    with run_mail_server(Mailbox(), **options) as mailbox:
        use_mail_server(f"smtp://{quote(USER, safe='')}:{quote(PASSWORD, safe='')}@127.0.0.1:{mailbox.port}")
        assert run_delivery(message).state is OutboxState.SENT
    assert mailbox.was_encrypted == [True]


def test_smtps_is_encrypted_from_the_first_byte(use_mail_server, message, tmp_path):
    mailbox = Mailbox()
    context = tls_context(tmp_path)
    # Its controller cannot probe a TLS port with our certificate, so the probe is one that does not look at it.
    with run_mail_server(mailbox, ssl_context=context, server_hostname="127.0.0.1"):
        use_mail_server(f"smtps://127.0.0.1:{mailbox.port}")
        assert run_delivery(message).state is OutboxState.SENT
    assert len(mailbox.received) == 1


def test_a_wrong_password_is_our_fault_and_not_the_messages(use_mail_server, message):
    with run_mail_server(Mailbox(), auth_require_tls=False, authenticator=check_password) as mailbox:
        use_mail_server(f"smtp://hub:wrong@127.0.0.1:{mailbox.port}")
        assert run_delivery(message).state is OutboxState.WAITING
        assert message.last_error.startswith("127.0.0.1: 535")
        assert "wrong" not in message.last_error


def test_a_server_without_passwords_is_our_fault_too(use_mail_server, message, mailbox):
    use_mail_server(f"smtp://hub:secret@127.0.0.1:{mailbox.port}")
    assert run_delivery(message).state is OutboxState.WAITING
    assert "user and password are not supported" in message.last_error


def test_a_password_does_not_cross_a_network_in_the_clear(use_mail_server, message, monkeypatch):
    with run_mail_server(Mailbox(), auth_require_tls=False, authenticator=check_password) as mailbox:
        monkeypatch.setattr(smtp, "is_loopback", lambda _host: False)
        use_mail_server(f"smtp://hub:secret@127.0.0.1:{mailbox.port}")
        assert run_delivery(message).state is OutboxState.WAITING
    assert "not sent unencrypted" in message.last_error


def test_a_certificate_that_nobody_signed_is_not_trusted_across_a_network(
    use_mail_server, message, monkeypatch, tmp_path
):
    with run_mail_server(Mailbox(), tls_context=tls_context(tmp_path)) as mailbox:
        monkeypatch.setattr(smtp, "is_loopback", lambda _host: False)
        use_mail_server(mailbox.url)
        assert run_delivery(message).state is OutboxState.WAITING
    assert "certificate" in message.last_error.lower()
    assert mailbox.received == []


def test_an_address_that_the_server_cannot_take_is_for_good(session, use_mail_server):
    message = enqueue_message("unicode", recipient="köln@example.com")
    with run_mail_server(Mailbox(), enable_SMTPUTF8=False) as mailbox:
        use_mail_server(mailbox.url)
        assert run_delivery(message).state is OutboxState.FAILED
    with run_mail_server(Mailbox(), enable_SMTPUTF8=True) as mailbox:
        use_mail_server(mailbox.url)
        message = enqueue_message("unicode 2", recipient="köln@example.com")
        assert run_delivery(message).state is OutboxState.SENT
    assert mailbox.received[0]["To"] == "köln@example.com"


def test_a_new_message_is_queued_for_a_worker_after_the_commit(app, session, valkey_server):
    enqueue_message("queued")
    with valkey_server.connect() as connection:
        wait_until(lambda: connection.llen("rq:queue:default") == 1, seconds=5)


def test_the_fallback_sender_has_the_hubs_name(app):
    settings = app.config["HUB"]
    assert (
        mail._fallback_sender(settings.model_copy(update={"public_url": "https://hub.example.com"}))
        == "no-reply@hub.example.com"
    )
    assert (
        mail._fallback_sender(settings.model_copy(update={"public_url": "http://[::1]:8000"})) == "no-reply@localhost"
    )
