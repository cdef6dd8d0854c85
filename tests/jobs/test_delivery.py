"""Delivery through servers that answer badly or break off."""

import time
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from customerhub.mail import outages
from customerhub.mail.delivery import RETRY_DELAYS, SENDING_CLAIM_DURATION
from customerhub.mail.smtp import TOTAL_TIMEOUT_FACTOR, server_of
from jobs import mail
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.support.faulty_mail_server import (
    STEPS,
    Conversation,
    DropConnection,
    FaultyServer,
    HangConnection,
    SendEndlessly,
    SendSlowly,
    run_faulty_server,
)
from tests.support.outbox_messages import (
    DatabaseSession,
    UseMailServer,
    enqueue_messages,
    list_errors,
    list_states,
    travel_forward,
)

State = OutboxState
TIMEOUT = 0.3
LONG = sum(RETRY_DELAYS, timedelta()) + timedelta(days=1)


def known_outage(server: FaultyServer) -> str | None:
    """What is known of an outage of the server."""
    found = outages.find_outage(server_of(server.url))
    message = found.error if found else None
    db.session.rollback()
    return message


def assert_all_delivered(server: FaultyServer, messages: list[OutboxMessage]) -> None:
    """Later, when all is well, each is delivered once."""
    before = server.deliveries
    with travel_forward(RETRY_DELAYS[0] + SENDING_CLAIM_DURATION):
        mail.sweep()
    assert list_states(messages) == [State.SENT] * len(messages)
    assert len(server.deliveries) == len(messages)
    assert known_outage(server) is None
    assert all(count == 1 for key, count in server.deliveries.items() if key not in before)


ANSWERS = [
    "421 4.3.2 closing",
    "450 4.2.0 greylisted",
    "451 4.3.0 try again later",
    "452 4.3.1 disk full",
    "550 5.1.1 no such user",
    "552 5.2.2 mailbox full",
    "554 5.7.1 spam",
]


# --- What the server answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer[:3])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
def test_an_answer_to_one_mail_is_about_this_mail_unless_the_server_goes(
    messages: list[OutboxMessage], use_mail_server: UseMailServer, step: str, answer: str
) -> None:
    with run_faulty_server(**{step: [answer]}) as server:
        use_mail_server(server.url)
        mail.sweep()
        if answer.startswith("421"):
            assert list_states(messages) == [State.WAITING] * 3
            assert list_errors(messages) == [f"127.0.0.1: {answer}", None, None]
            assert known_outage(server) == f"127.0.0.1: {answer}"
            assert server.accepted_ids == []
        else:
            first = State.FAILED if answer.startswith("5") else State.WAITING
            assert list_states(messages) == [first, State.SENT, State.SENT]
            assert list_errors(messages) == [answer, None, None]
            assert known_outage(server) is None
            assert len(server.accepted_ids) == 2
        if not answer.startswith("5"):
            assert_all_delivered(server, messages)
    db.session.expire_all()
    assert [message.attempts for message in messages] == ([1, 1, 1] if answer.startswith("5") else [2, 1, 1])


@pytest.mark.parametrize("answer", ["421 4.3.2 closing", "554 5.7.1 no service for you", "451 not now"])
@pytest.mark.parametrize("step", ["greeting", "EHLO"])
def test_an_answer_before_any_mail_is_about_the_server(
    messages: list[OutboxMessage], use_mail_server: UseMailServer, step: str, answer: str
) -> None:
    with run_faulty_server(**{step: [answer]}, HELO=[answer]) as server:
        use_mail_server(server.url)
        mail.sweep()
        assert list_states(messages) == [State.WAITING] * 3
        assert list_errors(messages) == [f"127.0.0.1: {answer}", None, None]
        assert known_outage(server) == f"127.0.0.1: {answer}"
        server.faults.clear()
        assert_all_delivered(server, messages)


def test_the_servers_own_words_are_kept(messages: list[OutboxMessage], use_mail_server: UseMailServer) -> None:
    with run_faulty_server(content=["250-2.0.0 Ok\r\n250 queued as 4XyZ"]) as server:
        use_mail_server(server.url)
        mail.sweep()
    db.session.expire_all()
    assert [message.answer for message in messages] == [
        "250 2.0.0 Ok queued as 4XyZ",
        "250 2.0.0 Ok: queued as 2",
        "250 2.0.0 Ok: queued as 3",
    ]


def test_a_mail_that_was_taken_in_other_words_is_not_sent_again(
    messages: list[OutboxMessage], use_mail_server: UseMailServer
) -> None:
    with run_faulty_server(content=["251 taken for somebody else"]) as server:
        use_mail_server(server.url)
        mail.sweep()
        assert list_states(messages) == [State.SENT] * 3
        assert sorted(server.deliveries.values()) == [1, 1, 1]


BREAKS = [
    DropConnection,
    HangConnection,
    SendSlowly,
    SendEndlessly,
    "SSH-2.0-OpenSSH_9",
    "",
    "\x00\xff\xfe",
    "2" * 9000,
    "199 what",
]


# --- Where the conversation breaks ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", BREAKS, ids=["drop", "hang", "drip", "endless", "ssh", "blank", "bytes", "long", "199"]
)
@pytest.mark.parametrize("step", STEPS)
def test_a_conversation_that_breaks_costs_one_mail_an_attempt(
    messages: list[OutboxMessage], use_mail_server: UseMailServer, step: str, fault: Any
) -> None:
    """Where it is before any mail, the rest wait for the next sweep; where it is at a mail, they go on."""
    with run_faulty_server(**{step: [fault]}, HELO=[fault]) as server:
        use_mail_server(server.url, smtp_timeout=TIMEOUT)
        began = time.monotonic()
        mail.sweep()
        assert time.monotonic() - began < (TOTAL_TIMEOUT_FACTOR + 2) * TIMEOUT + 3
        is_before = step in ("greeting", "EHLO")
        assert list_states(messages) == [State.WAITING, *([State.WAITING] * 2 if is_before else [State.SENT] * 2)]
        [first_error, *others] = list_errors(messages)
        assert first_error is not None
        assert first_error.startswith("127.0.0.1: ")
        assert others == [None, None]
        assert (known_outage(server) is not None) == is_before
        is_lost = step == "content" and fault != "199 what"
        assert server.deliveries.total() - list_states(messages).count(State.SENT) == is_lost
        server.faults.clear()
        assert_all_delivered(server, messages)
        # What was taken while the answer was lost is the one thing that comes twice, and it looks the same.
        assert sorted(server.deliveries.values()) == ([1, 1, 2] if is_lost else [1, 1, 1])


@pytest.mark.parametrize("fault", [DropConnection, HangConnection, "nonsense"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
def test_a_server_that_breaks_off_twice_running_is_away(
    session: DatabaseSession, use_mail_server: UseMailServer, step: str, fault: Any
) -> None:
    many = enqueue_messages(5)
    with run_faulty_server(**{step: fault}) as server:
        use_mail_server(server.url, smtp_timeout=TIMEOUT)
        assert "the mail server is unavailable" in mail.sweep()
        db.session.expire_all()
        assert [message.attempts for message in many] == [1, 1, 0, 0, 0]
        assert [message.claimed_until for message in many] == [None] * 5
        assert known_outage(server) == list_errors(many)[1]


def test_what_is_said_of_a_break_can_be_understood(
    messages: list[OutboxMessage], use_mail_server: UseMailServer
) -> None:
    messages_by_fault = {}
    for fault, name in ((DropConnection, "drop"), (HangConnection, "hang"), ("SSH-2.0", "other")):
        with run_faulty_server(greeting=fault) as server, travel_forward(timedelta(hours=len(messages_by_fault))):
            use_mail_server(server.url, smtp_timeout=TIMEOUT)
            mail.sweep()
            messages_by_fault[name] = known_outage(server)
    assert messages_by_fault == {
        "drop": "127.0.0.1: Connection unexpectedly closed",
        "hang": "127.0.0.1: no response in time",
        "other": "127.0.0.1: not an SMTP server: 2.0",
    }


@pytest.mark.parametrize("ending", [DropConnection, HangConnection, "421 4.7.0 too many messages in this connection"])
def test_a_server_that_takes_three_mails_at_a_time_gets_them_all(
    session: DatabaseSession, use_mail_server: UseMailServer, ending: Any
) -> None:
    many = enqueue_messages(11)

    def after_three(talk: Conversation) -> Any:
        return ending if talk.accepted_mails >= 3 else None

    with run_faulty_server(MAIL=after_three) as server:
        use_mail_server(server.url, smtp_timeout=TIMEOUT)
        mail.sweep()
        if ending is DropConnection:  # begun again at once, for the same mail
            assert list_states(many) == [State.SENT] * 11
            assert server.conversations == 4
        minutes = 0
        while State.WAITING in list_states(many):
            minutes += 1
            assert minutes < 10
            with travel_forward(minutes * timedelta(minutes=2)):
                mail.sweep()
        assert list_states(many) == [State.SENT] * 11
        assert len(server.accepted_ids) == len(server.deliveries) == 11


def test_what_a_server_says_unasked_is_not_taken_for_the_next_answer(
    messages: list[OutboxMessage], use_mail_server: UseMailServer
) -> None:
    """It says one "250 OK" too many after the first mail, and refuses the second."""
    with run_faulty_server(content=["250 OK\r\n250 OK\r\n250 OK", "550 no such user"]) as server:
        use_mail_server(server.url)
        mail.sweep()
        assert list_states(messages) == [State.SENT, State.FAILED, State.SENT]
        assert list_errors(messages)[1] == "550 no such user"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_mail_that_the_server_takes_with_any_answer_comes_once(
    session: DatabaseSession, use_mail_server: UseMailServer, data: st.DataObject
) -> None:
    """Any mixture of faults at any steps, then all is well. Twice comes only what was taken without an answer."""
    session.execute(delete(OutboxMessage))  # of the example before
    messages = enqueue_messages(4)
    drawn = st.sampled_from(
        [DropConnection, "421 bye", "451 later", "452 full", "nonsense", "250 OK\r\n250 stray", None]
    )
    faults = {
        step: [fault if fault is not None else (lambda _talk: None) for fault in data.draw(st.lists(drawn, max_size=3))]
        for step in STEPS
    }
    lost = sum(1 for fault in faults["content"] if fault in (DropConnection, "nonsense"))
    with run_faulty_server(**faults) as server:
        use_mail_server(server.url, smtp_timeout=TIMEOUT)
        for count in range(30):
            with travel_forward(count * timedelta(minutes=5)):
                mail.sweep()
            if list_states(messages) == [State.SENT] * 4:
                break
        with travel_forward(LONG):
            mail.sweep()
        assert list_states(messages) == [State.SENT] * 4
        assert len(server.deliveries) == 4
        assert server.deliveries.total() <= 4 + lost
