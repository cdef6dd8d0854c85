"""Delivery while mail servers are away, and what is due once they are back."""

import time
from datetime import timedelta

from flask import Flask

from customerhub.core import clock
from customerhub.mail import delivery, outages, outbox
from customerhub.mail.delivery import MAX_ATTEMPTS, RETRY_DELAYS
from customerhub.mail.outages import BACKOFF
from jobs import mail
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.support.faulty_mail_server import Conversation, HangConnection, run_faulty_server
from tests.support.mail_server import Mailbox, run_mail_server
from tests.support.outbox_messages import (
    DatabaseSession,
    UseMailServer,
    enqueue_messages,
    list_errors,
    list_states,
    travel_forward,
)
from tests.support.servers import free_port

State = OutboxState
TIMEOUT = 0.3


def test_an_outage_is_recorded_from_its_beginning_and_ends_with_the_first_answer(
    messages: list[OutboxMessage], use_mail_server: UseMailServer
) -> None:
    port = free_port()
    use_mail_server(f"smtp://127.0.0.1:{port}")
    began = clock.get_now()
    mail.sweep()
    with travel_forward(timedelta(minutes=10)):
        mail.sweep()
    found = outages.find_outage(f"127.0.0.1:{port}")
    assert found is not None
    assert abs(found.since - began) < timedelta(seconds=20)
    assert found.tried_at - found.since > timedelta(minutes=9)
    db.session.rollback()
    mailbox = Mailbox()
    mailbox.port = port
    with run_mail_server(mailbox), travel_forward(timedelta(hours=2)):
        mail.sweep()
    assert outages.find_outage(f"127.0.0.1:{port}") is None
    assert len(mailbox.received) == 3


def test_a_server_that_hangs_costs_new_messages_nothing_after_the_first(
    session: DatabaseSession, use_mail_server: UseMailServer
) -> None:
    """Each of them queues a job; a worker must not wait for the server as often."""
    many = enqueue_messages(30)
    with run_faulty_server(greeting=HangConnection) as server:
        use_mail_server(server.url, smtp_timeout=TIMEOUT)
        began = time.monotonic()
        for message in many:
            mail.send(message.id)
        assert time.monotonic() - began < TIMEOUT + 3
        assert server.conversations == 1
        server.permanent_faults.clear()
        mail.sweep()  # the schedule asks anyway
        assert list_states(many) == [State.WAITING, *[State.SENT] * 29]
        with travel_forward(BACKOFF + RETRY_DELAYS[0]):
            mail.send(many[0].id)
        assert len(server.deliveries) == len(server.accepted_ids) == 30


def test_a_sweep_goes_on_until_nothing_is_due_over_one_connection(
    session: DatabaseSession, use_mail_server: UseMailServer
) -> None:
    many = enqueue_messages(500)
    with run_faulty_server() as server:
        use_mail_server(server.url)
        assert mail.sweep() == "500 sent"
        assert list_states(many) == [State.SENT] * 500
        assert server.conversations == 1
        assert len(server.accepted_ids) == len(server.deliveries) == 500
        assert mail.sweep() == "Nothing was due"


def test_links_of_what_was_sent_are_made_useless_one_after_the_other(
    session: DatabaseSession, use_mail_server: UseMailServer
) -> None:
    link = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"
    many = enqueue_messages(3)
    for message in many:
        message.text_body = f"Go to {link}"
    session.commit()
    with run_faulty_server() as server:
        use_mail_server(server.url)
        assert mail.sweep() == "3 sent"
    session.expire_all()
    assert {message.text_body for message in many} == {"Go to https://hub.example.com/set-password/used-up"}


def test_what_was_tried_too_often_is_parked_and_the_rest_are_sent(
    session: DatabaseSession, use_mail_server: UseMailServer
) -> None:
    many = enqueue_messages(4)
    many[1].attempts, many[1].last_error = MAX_ATTEMPTS, "451 later"
    session.commit()
    with run_faulty_server() as server:
        use_mail_server(server.url)
        assert mail.sweep() == "3 sent"
        assert list_states(many) == [State.SENT, State.FAILED, State.SENT, State.SENT]
        assert list_errors(many) == [None, "451 later", None, None]


def test_messages_of_others_are_left_to_them(
    session: DatabaseSession, use_mail_server: UseMailServer, messages: list[OutboxMessage]
) -> None:
    [letter] = delivery.claim(now=clock.get_now())
    db.session.commit()
    with run_faulty_server() as server:
        use_mail_server(server.url)
        mail.sweep()
        assert list_states(messages) == [State.WAITING, State.SENT, State.SENT]
        mail.send(letter.id)
        assert len(server.accepted_ids) == 2


def test_a_message_cancelled_between_claim_and_sending_is_not_sent(
    session: DatabaseSession, use_mail_server: UseMailServer, app: Flask, messages: list[OutboxMessage]
) -> None:
    """The server takes so long over the first mail that the claim of the others lapses, and somebody cancels one."""

    def dawdle(_talk: Conversation) -> None:
        with app.app_context():
            lapsed = {"claimed_until": clock.get_now() - timedelta(seconds=1)}
            db.session.execute(outbox.build_update(OutboxMessage.id == keys[1], **lapsed))
            db.session.execute(outbox.build_transition(outbox.CANCEL, OutboxMessage.id == keys[1]))
            db.session.commit()

    keys = [message.id for message in messages]
    db.session.rollback()
    with run_faulty_server(content=[dawdle]) as server:
        use_mail_server(server.url)
        mail.sweep()
        assert list_states(messages) == [State.SENT, State.CANCELLED, State.SENT]
        assert sorted(int(key[1:].split(".")[0]) for key in server.accepted_ids) == [keys[0], keys[2]]
