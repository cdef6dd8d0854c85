"""Delivery through servers that go wrong: nothing is lost, nothing comes twice, and it is said what is going on."""

import time
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import scoped_session

from customerhub import clock, delivery, outbox
from customerhub.delivery import CLAIM, MOST_ATTEMPTS, PAUSES, RESTS
from jobs import mail
from jobs.smtp import MOST_STEPS, server_of
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.faulty_mail_server import STEPS, Drip, Drop, Endless, FaultyServer, Hang, Talk, faulty
from tests.jobs.mailing import Use, later, put_several, states
from tests.mail_server import Mailbox, running
from tests.servers import free_port

S = OutboxState
TIMEOUT = 0.3
LONG = sum(PAUSES, timedelta()) + timedelta(days=1)

Session = scoped_session[Any]


@pytest.fixture
def messages(session: Session) -> list[OutboxMessage]:
    """Three that are due, the first the longest."""
    return put_several(3)


def outage(server: FaultyServer) -> str | None:
    """What is known of an outage of the server."""
    found = delivery.find_outage(server_of(server.url))
    told = found.told if found else None
    db.session.rollback()
    return told


def errors(messages: list[OutboxMessage]) -> list[str | None]:
    db.session.expire_all()
    found = [message.last_error for message in messages]
    db.session.rollback()
    return found


def all_arrive(server: FaultyServer, messages: list[OutboxMessage]) -> None:
    """Later, when all is well, each is delivered once."""
    before = server.deliveries
    with later(PAUSES[0] + CLAIM):
        mail.sweep()
    assert states(messages) == [S.SENT] * len(messages)
    assert len(server.deliveries) == len(messages)
    assert outage(server) is None
    assert all(count == 1 for key, count in server.deliveries.items() if key not in before)


# --- What the server answers ------------------------------------------------------------------------------

ANSWERS = ["421 4.3.2 closing", "450 4.2.0 greylisted", "451 4.3.0 try again later", "452 4.3.1 disk full",
           "550 5.1.1 no such user", "552 5.2.2 mailbox full", "554 5.7.1 spam"]  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer[:3])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
def test_an_answer_to_one_mail_is_about_this_mail_unless_the_server_goes(
    messages: list[OutboxMessage], use: Use, step: str, answer: str
) -> None:
    with faulty(**{step: [answer]}) as server:
        use(server.url)
        mail.sweep()
        if answer.startswith("421"):
            assert states(messages) == [S.WAITING] * 3
            assert errors(messages) == [f"127.0.0.1: {answer}", None, None]
            assert outage(server) == f"127.0.0.1: {answer}"
            assert server.taken == []
        else:
            first = S.FAILED if answer.startswith("5") else S.WAITING
            assert states(messages) == [first, S.SENT, S.SENT]
            assert errors(messages) == [answer, None, None]
            assert outage(server) is None
            assert len(server.taken) == 2
        if not answer.startswith("5"):
            all_arrive(server, messages)
    db.session.expire_all()
    assert [message.attempts for message in messages] == ([1, 1, 1] if answer.startswith("5") else [2, 1, 1])


@pytest.mark.parametrize("answer", ["421 4.3.2 closing", "554 5.7.1 no service for you", "451 not now"])
@pytest.mark.parametrize("step", ["greeting", "EHLO"])
def test_an_answer_before_any_mail_is_about_the_server(
    messages: list[OutboxMessage], use: Use, step: str, answer: str
) -> None:
    with faulty(**{step: [answer]}, HELO=[answer]) as server:
        use(server.url)
        mail.sweep()
        assert states(messages) == [S.WAITING] * 3
        assert errors(messages) == [f"127.0.0.1: {answer}", None, None]
        assert outage(server) == f"127.0.0.1: {answer}"
        server.faults.clear()
        all_arrive(server, messages)


def test_the_servers_own_words_are_kept(messages: list[OutboxMessage], use: Use) -> None:
    with faulty(content=["250-2.0.0 Ok\r\n250 queued as 4XyZ"]) as server:
        use(server.url)
        mail.sweep()
    db.session.expire_all()
    assert [message.answer for message in messages] == [
        "250 2.0.0 Ok queued as 4XyZ", "250 2.0.0 Ok: queued as 2", "250 2.0.0 Ok: queued as 3"
    ]  # fmt: skip


def test_a_mail_that_was_taken_in_other_words_is_not_sent_again(messages: list[OutboxMessage], use: Use) -> None:
    with faulty(content=["251 taken for somebody else"]) as server:
        use(server.url)
        mail.sweep()
        assert states(messages) == [S.SENT] * 3
        assert sorted(server.deliveries.values()) == [1, 1, 1]


# --- Where the conversation breaks ------------------------------------------------------------------------

BREAKS = [Drop, Hang, Drip, Endless, "SSH-2.0-OpenSSH_9", "", "\x00\xff\xfe", "2" * 9000, "199 what"]


@pytest.mark.parametrize(
    "fault", BREAKS, ids=["drop", "hang", "drip", "endless", "ssh", "blank", "bytes", "long", "199"]
)
@pytest.mark.parametrize("step", STEPS)
def test_a_conversation_that_breaks_costs_one_mail_an_attempt(
    messages: list[OutboxMessage], use: Use, step: str, fault: Any
) -> None:
    """Where it is before any mail, the rest wait for the next sweep; where it is at a mail, they go on."""
    with faulty(**{step: [fault]}, HELO=[fault]) as server:
        use(server.url, smtp_timeout=TIMEOUT)
        began = time.monotonic()
        mail.sweep()
        assert time.monotonic() - began < (MOST_STEPS + 2) * TIMEOUT + 3
        is_before = step in ("greeting", "EHLO")
        assert states(messages) == [S.WAITING, *([S.WAITING] * 2 if is_before else [S.SENT] * 2)]
        [told, *others] = errors(messages)
        assert told is not None
        assert told.startswith("127.0.0.1: ")
        assert others == [None, None]
        assert (outage(server) is not None) == is_before
        is_lost = step == "content" and fault != "199 what"
        assert server.deliveries.total() - states(messages).count(S.SENT) == is_lost
        server.faults.clear()
        all_arrive(server, messages)
        # What was taken while the answer was lost is the one thing that comes twice, and it looks the same.
        assert sorted(server.deliveries.values()) == ([1, 1, 2] if is_lost else [1, 1, 1])


@pytest.mark.parametrize("fault", [Drop, Hang, "nonsense"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "content"])
def test_a_server_that_breaks_off_twice_running_is_away(session: Session, use: Use, step: str, fault: Any) -> None:
    many = put_several(5)
    with faulty(**{step: fault}) as server:
        use(server.url, smtp_timeout=TIMEOUT)
        assert "the mail server is away" in mail.sweep()
        db.session.expire_all()
        assert [message.attempts for message in many] == [1, 1, 0, 0, 0]
        assert [message.claimed_until for message in many] == [None] * 5
        assert outage(server) == errors(many)[1]


def test_what_is_said_of_a_break_can_be_understood(messages: list[OutboxMessage], use: Use) -> None:
    told = {}
    for fault, name in ((Drop, "drop"), (Hang, "hang"), ("SSH-2.0", "other")):
        with faulty(greeting=fault) as server, later(timedelta(hours=len(told))):
            use(server.url, smtp_timeout=TIMEOUT)
            mail.sweep()
            told[name] = outage(server)
    assert told == {
        "drop": "127.0.0.1: Connection unexpectedly closed",
        "hang": "127.0.0.1: it did not answer in time",
        "other": "127.0.0.1: it does not speak SMTP: 2.0",
    }


@pytest.mark.parametrize("ending", [Drop, Hang, "421 4.7.0 too many messages in this connection"])
def test_a_server_that_takes_three_mails_at_a_time_gets_them_all(session: Session, use: Use, ending: Any) -> None:
    many = put_several(11)

    def after_three(talk: Talk) -> Any:
        return ending if talk.mails >= 3 else None

    with faulty(MAIL=after_three) as server:
        use(server.url, smtp_timeout=TIMEOUT)
        mail.sweep()
        if ending is Drop:  # begun again at once, for the same mail
            assert states(many) == [S.SENT] * 11
            assert server.conversations == 4
        minutes = 0
        while S.WAITING in states(many):
            minutes += 1
            assert minutes < 10
            with later(minutes * timedelta(minutes=2)):
                mail.sweep()
        assert states(many) == [S.SENT] * 11
        assert len(server.taken) == len(server.deliveries) == 11


def test_what_a_server_says_unasked_is_not_taken_for_the_next_answer(messages: list[OutboxMessage], use: Use) -> None:
    """It says one "250 OK" too many after the first mail, and refuses the second."""
    with faulty(content=["250 OK\r\n250 OK\r\n250 OK", "550 no such user"]) as server:
        use(server.url)
        mail.sweep()
        assert states(messages) == [S.SENT, S.FAILED, S.SENT]
        assert errors(messages)[1] == "550 no such user"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_it_says_where_it_takes_a_mail_and_tells_so_it_comes_once(
    session: Session, use: Use, data: st.DataObject
) -> None:
    """Any mixture of faults at any steps, then all is well. Twice comes only what was taken without an answer."""
    session.execute(delete(OutboxMessage))  # of the example before
    messages = put_several(4)
    drawn = st.sampled_from([Drop, "421 bye", "451 later", "452 full", "nonsense", "250 OK\r\n250 stray", None])
    faults = {
        step: [fault if fault is not None else (lambda _talk: None) for fault in data.draw(st.lists(drawn, max_size=3))]
        for step in STEPS
    }
    lost = sum(1 for fault in faults["content"] if fault in (Drop, "nonsense"))
    with faulty(**faults) as server:
        use(server.url, smtp_timeout=TIMEOUT)
        for count in range(30):
            with later(count * timedelta(minutes=5)):
                mail.sweep()
        with later(LONG):
            mail.sweep()
        assert states(messages) == [S.SENT] * 4
        assert len(server.deliveries) == 4
        assert server.deliveries.total() <= 4 + lost


# --- Servers that are away --------------------------------------------------------------------------------


def test_an_outage_is_told_from_its_beginning_and_ends_with_the_first_answer(
    messages: list[OutboxMessage], use: Use
) -> None:
    port = free_port()
    use(f"smtp://127.0.0.1:{port}")
    began = clock.now()
    mail.sweep()
    with later(timedelta(minutes=10)):
        mail.sweep()
    found = delivery.find_outage(f"127.0.0.1:{port}")
    assert found is not None
    assert abs(found.since - began) < timedelta(seconds=20)
    assert found.tried_at - found.since > timedelta(minutes=9)
    db.session.rollback()
    mailbox = Mailbox()
    mailbox.port = port
    with running(mailbox), later(timedelta(hours=2)):
        mail.sweep()
    assert delivery.find_outage(f"127.0.0.1:{port}") is None
    assert len(mailbox.received) == 3


def test_a_server_that_hangs_costs_new_messages_nothing_after_the_first(session: Session, use: Use) -> None:
    """Each of them queues a job; a worker must not wait for the server as often."""
    many = put_several(30)
    with faulty(greeting=Hang) as server:
        use(server.url, smtp_timeout=TIMEOUT)
        began = time.monotonic()
        for message in many:
            mail.send(message.id)
        assert time.monotonic() - began < TIMEOUT + 3
        assert server.conversations == 1
        server.always.clear()
        mail.sweep()  # the schedule asks anyway
        assert states(many) == [S.WAITING, *[S.SENT] * 29]
        with later(RESTS + PAUSES[0]):
            mail.send(many[0].id)
        assert len(server.deliveries) == len(server.taken) == 30


def test_a_sweep_goes_on_until_nothing_is_due_over_one_connection(session: Session, use: Use) -> None:
    many = put_several(500)
    with faulty() as server:
        use(server.url)
        assert mail.sweep() == "500 sent"
        assert states(many) == [S.SENT] * 500
        assert server.conversations == 1
        assert len(server.taken) == len(server.deliveries) == 500
        assert mail.sweep() == "Nothing was due"


def test_links_of_what_was_sent_are_made_useless_one_after_the_other(session: Session, use: Use) -> None:
    link = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"
    many = put_several(3)
    for message in many:
        message.text_body = f"Go to {link}"
    session.commit()
    with faulty() as server:
        use(server.url)
        assert mail.sweep() == "3 sent"
    session.expire_all()
    assert {message.text_body for message in many} == {"Go to https://hub.example.com/set-password/used-up"}


def test_what_was_tried_too_often_is_parked_and_the_rest_are_sent(session: Session, use: Use) -> None:
    many = put_several(4)
    many[1].attempts, many[1].last_error = MOST_ATTEMPTS, "451 later"
    session.commit()
    with faulty() as server:
        use(server.url)
        assert mail.sweep() == "3 sent"
        assert states(many) == [S.SENT, S.FAILED, S.SENT, S.SENT]
        assert errors(many) == [None, "451 later", None, None]


def test_messages_of_others_are_left_to_them(session: Session, use: Use, messages: list[OutboxMessage]) -> None:
    [letter] = delivery.claim(now=clock.now())
    db.session.commit()
    with faulty() as server:
        use(server.url)
        mail.sweep()
        assert states(messages) == [S.WAITING, S.SENT, S.SENT]
        mail.send(letter.id)
        assert len(server.taken) == 2


def test_a_message_cancelled_between_claim_and_sending_is_not_sent(
    session: Session, use: Use, app: Flask, messages: list[OutboxMessage]
) -> None:
    """The server takes so long over the first mail that the claim of the others lapses, and somebody cancels one."""

    def dawdle(_talk: Talk) -> None:
        with app.app_context():
            lapsed = {"claimed_until": clock.now() - timedelta(seconds=1)}
            db.session.execute(outbox.change(OutboxMessage.id == keys[1], **lapsed))
            db.session.execute(outbox.move(outbox.CANCEL, OutboxMessage.id == keys[1]))
            db.session.commit()

    keys = [message.id for message in messages]
    db.session.rollback()
    with faulty(content=[dawdle]) as server:
        use(server.url)
        mail.sweep()
        assert states(messages) == [S.SENT, S.CANCELLED, S.SENT]
        assert sorted(int(key[1:].split(".")[0]) for key in server.taken) == [keys[0], keys[2]]
