"""Delivery without a mail server: who has which message in hand, and what comes of attempts."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, update

from customerhub.core import history, storage
from customerhub.mail import delivery, outages, outbox
from customerhub.mail.delivery import (
    MAX_ATTEMPTS,
    RETRY_DELAYS,
    SENDING_CLAIM_DURATION,
    ClaimedMessage,
    DeliveryError,
)
from customerhub.mail.outages import BACKOFF
from customerhub.mail.outbox import BATCH_CLAIM_DURATION
from models import Organisation, OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.support.people import make_customer, make_organisation, system_actor

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
LINK = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"


@pytest.fixture
def organisation(session: Any) -> Organisation:
    return make_organisation()


def enqueue_message(
    organisation: Organisation, reason: str = "review 1", at: datetime = NOW, **values: Any
) -> OutboxMessage:
    details = {
        "purpose": "review due",
        "recipient": "kim@example.com",
        "subject": "Review",
        "text_body": "Please look.",
        "html_body": "<p>Please look.</p>",
    }
    with time_machine.travel(at, tick=False):
        return outbox.enqueue(organisation_id=organisation.id, reason_key=reason, **(details | values))


def claim_and_begin(now: datetime = NOW, **which: Any) -> ClaimedMessage | None:
    """One message, claimed and begun."""
    letters = delivery.claim(now=now, **which)
    return delivery.start_attempt(letters[0], now=now) if letters else None


def reload_message(session: Any, message: OutboxMessage) -> OutboxMessage:
    session.commit()
    return message


# --- Who has it in hand -----------------------------------------------------------------------------------


def test_the_longest_waiting_are_claimed_first_and_by_one_only(session, organisation):
    late, early, soon = (
        enqueue_message(organisation, str(number), NOW - timedelta(minutes=ago))
        for number, ago in enumerate((1, 9, -1))
    )
    session.commit()
    assert [letter.id for letter in delivery.claim(now=NOW, limit=1)] == [early.id]
    assert [letter.id for letter in delivery.claim(now=NOW, limit=9)] == [late.id]
    assert delivery.claim(now=NOW, limit=9) == []
    session.commit()
    assert delivery.claim(now=NOW + BATCH_CLAIM_DURATION - MOMENT, message_id=early.id) == []
    assert [letter.id for letter in delivery.claim(now=NOW + BATCH_CLAIM_DURATION, message_id=early.id)] == [early.id]
    assert (early.attempts, soon.claimed_until) == (0, None)


def test_a_claim_that_lapsed_is_no_longer_begun(session, organisation):
    enqueue_message(organisation)
    [first] = delivery.claim(now=NOW)
    assert delivery.start_attempt(first, now=NOW + BATCH_CLAIM_DURATION) is None
    [second] = delivery.claim(now=NOW + BATCH_CLAIM_DURATION)
    assert delivery.start_attempt(first, now=NOW + BATCH_CLAIM_DURATION) is None
    begun_message = delivery.start_attempt(second, now=NOW + BATCH_CLAIM_DURATION)
    assert begun_message is not None
    assert begun_message.attempts == 1
    assert delivery.start_attempt(second, now=NOW + BATCH_CLAIM_DURATION) is None  # it is begun once


def test_what_was_begun_is_left_alone_for_longer(session, organisation):
    message = enqueue_message(organisation)
    assert claim_and_begin()
    session.commit()
    assert delivery.claim(now=NOW + SENDING_CLAIM_DURATION - MOMENT) == []
    assert claim_and_begin(NOW + SENDING_CLAIM_DURATION)
    assert reload_message(session, message).attempts == 2


def test_a_message_that_was_cancelled_after_its_claim_lapsed_is_not_begun(session, organisation):
    message = enqueue_message(organisation)
    [letter] = delivery.claim(now=NOW - timedelta(days=1) + timedelta(days=1))
    session.commit()
    with time_machine.travel(NOW + BATCH_CLAIM_DURATION, tick=False):
        outbox.cancel(message, actor=system_actor(organisation))
    session.commit()
    assert delivery.start_attempt(letter, now=NOW) is None
    assert delivery.record_result(letter, DeliveryError("451 later"), now=NOW) is False
    assert reload_message(session, message).state is OutboxState.CANCELLED


def test_what_the_server_took_is_sent_even_where_nobody_thought_so(session, organisation):
    """A worker was given up for dead, somebody cancelled the message, and then the answer came."""
    message = enqueue_message(organisation)
    letter = claim_and_begin()
    with time_machine.travel(NOW + SENDING_CLAIM_DURATION, tick=False):
        outbox.cancel(message, actor=system_actor(organisation))
    assert delivery.record_result(letter, "250 OK", now=NOW + SENDING_CLAIM_DURATION) is True
    assert reload_message(session, message).state is OutboxState.SENT


def test_what_is_given_back_is_anybodys_at_once(session, organisation):
    first, second = enqueue_message(organisation), enqueue_message(organisation, "review 2")
    letters = delivery.claim(now=NOW, limit=2)
    begun_message = delivery.start_attempt(letters[0], now=NOW)
    delivery.release(letters)
    assert [letter.id for letter in delivery.claim(now=NOW, limit=2)] == [second.id]  # the other one was begun
    delivery.release([begun_message], was_started=True)
    assert [letter.id for letter in delivery.claim(now=NOW, limit=2)] == [first.id]
    assert reload_message(session, first).attempts == 0


def test_who_dies_every_time_ends_it(session, organisation):
    message, now = enqueue_message(organisation), NOW
    for _ in range(MAX_ATTEMPTS):
        assert claim_and_begin(now)
        now += SENDING_CLAIM_DURATION
    assert claim_and_begin(now) is None
    session.commit()
    assert (message.state, message.last_error) == (OutboxState.FAILED, "Sending was interrupted at every attempt")
    assert message.claimed_until is None


def test_a_message_that_is_not_there_is_not_claimed(session, organisation):
    assert delivery.claim(now=NOW, message_id=4711) == []


def test_a_message_waits_for_its_report(session, organisation):
    waits = enqueue_message(organisation, customer_id=make_customer(organisation).id, report_on=NOW.date())
    plain = enqueue_message(organisation, "review 2")
    session.commit()
    assert [letter.id for letter in delivery.claim(now=NOW, limit=9)] == [plain.id]
    assert delivery.hold_due(now=NOW) == 0
    [letter] = delivery.claim(now=NOW, limit=9, lacks_report=True)
    assert letter.id == waits.id
    delivery.release([letter])
    with history.act_as(system_actor(organisation), "test"):
        report = storage.store_file(
            BytesIO(b"%PDF-1.7"), "report.pdf", None, organisation_id=organisation.id, actor=system_actor(organisation)
        )
    outbox.attach(waits, report)
    session.commit()
    assert delivery.claim(now=NOW, limit=9, lacks_report=True) == []
    assert [letter.id for letter in delivery.claim(now=NOW, limit=9)] == [waits.id]


def test_without_a_mail_server_what_is_due_is_held(session, organisation):
    first, second = enqueue_message(organisation), enqueue_message(organisation, "review 2")
    later, claimed = (
        enqueue_message(organisation, "later", NOW + MOMENT),
        enqueue_message(organisation, "claimed", NOW - MOMENT),
    )
    assert [letter.id for letter in delivery.claim(now=NOW)] == [claimed.id]
    assert delivery.hold_due(now=NOW, message_id=second.id) == 1
    assert delivery.hold_due(now=NOW) == 1
    session.commit()
    assert {first.state, second.state} == {OutboxState.HELD}
    assert (first.attempts, first.next_attempt_at) == (0, None)
    assert {later.state, claimed.state} == {OutboxState.WAITING}


# --- What comes of it -------------------------------------------------------------------------------------


def test_what_was_sent_stays_sent_and_its_link_is_not_kept(session, organisation):
    message = enqueue_message(organisation, text_body=f"Go to {LINK}", html_body=f'<a href="{LINK}">')
    session.execute(update(OutboxMessage).values(subject=f"Go to {LINK} now"))  # as it was kept before
    letter = claim_and_begin()
    assert LINK in letter.text_body
    assert delivery.record_result(letter, "250 2.0.0 Ok: queued as 4XyZ\r\n", now=NOW)
    session.commit()
    assert (message.state, message.sent_at, message.next_attempt_at) == (OutboxState.SENT, NOW, None)
    assert message.answer == "250 2.0.0 Ok: queued as 4XyZ"
    assert LINK not in message.text_body + message.html_body + message.subject
    assert delivery.claim(now=NOW + timedelta(days=9)) == []
    assert delivery.record_result(letter, DeliveryError("late", is_final=True), now=NOW) is False
    assert reload_message(session, message).state is OutboxState.SENT
    assert enqueue_message(organisation) is message


def test_a_failure_that_may_pass_is_tried_again_after_growing_pauses(session, organisation):
    message, now = enqueue_message(organisation), NOW
    for pause in RETRY_DELAYS:
        delivery.record_result(claim_and_begin(now), DeliveryError("451 busy\r\nlater"), now=now)
        session.commit()
        assert (message.state, message.last_error) == (OutboxState.WAITING, "451 busy later")
        assert (message.next_attempt_at, message.claimed_until) == (now + pause, None)
        assert delivery.claim(now=now + pause - MOMENT) == []
        now += pause
    delivery.record_result(claim_and_begin(now), DeliveryError("451 busy"), now=now)
    session.commit()
    assert (message.state, message.next_attempt_at, message.last_error) == (OutboxState.FAILED, None, "451 busy")
    assert list(RETRY_DELAYS) == sorted(RETRY_DELAYS)


def test_a_failure_for_good_parks_it_at_once(session, organisation):
    message = enqueue_message(organisation)
    delivery.record_result(claim_and_begin(), DeliveryError("550 no such user " + "x" * 600, is_final=True), now=NOW)
    session.commit()
    assert message.state is OutboxState.FAILED
    assert message.last_error.startswith("550 no such user")
    assert len(message.last_error) == 500


def test_what_somebody_else_took_over_is_settled_by_them(session, organisation):
    message = enqueue_message(organisation)
    dead = claim_and_begin()
    alive = claim_and_begin(NOW + SENDING_CLAIM_DURATION)
    assert delivery.record_result(dead, DeliveryError("gone", is_final=True), now=NOW + SENDING_CLAIM_DURATION) is False
    assert reload_message(session, message).state is OutboxState.WAITING
    assert delivery.record_result(alive, DeliveryError("451 later"), now=NOW + SENDING_CLAIM_DURATION) is True
    assert reload_message(session, message).last_error == "451 later"


def test_an_outage_is_known_from_its_first_failure_to_the_first_answer(session):
    server = "mail.example.com:25"
    assert not outages.in_backoff(server, now=NOW)
    outages.record_outage(server, "mail.example.com: Connection\r\nrefused", now=NOW)
    outages.record_outage(server, "mail.example.com: no response in time", now=NOW + timedelta(minutes=1))
    outage = outages.find_outage(server)
    assert outage is not None
    assert (outage.since, outage.tried_at) == (NOW, NOW + timedelta(minutes=1))
    assert outage.error == "mail.example.com: no response in time"
    assert outages.in_backoff(server, now=outage.tried_at + BACKOFF - MOMENT)
    assert not outages.in_backoff(server, now=outage.tried_at + BACKOFF)
    assert not outages.in_backoff("other:25", now=NOW)
    outages.clear_outage(server)
    session.commit()
    assert outages.find_outage(server) is None


# --- Two at a time ----------------------------------------------------------------------------------------

RESULTS = {
    "usual": {},
    "sent already": {"done": {"state": OutboxState.SENT, "claimed_until": None, "next_attempt_at": None}},
    "cancelled meanwhile": {"done": {"state": OutboxState.CANCELLED, "claimed_until": None, "next_attempt_at": None}},
    "tried before": {"done": {"last_error": "451 later", "attempts": 3}, "following": {"last_error": "451 later"}},
    "lapsed": {"following": {"claimed_until": NOW}},
    "in other hands": {"following": {"claimed_until": NOW + SENDING_CLAIM_DURATION}},
    "sent by others": {"following": {"state": OutboxState.SENT, "claimed_until": None, "next_attempt_at": None}},
    "tried too often": {"following": {"attempts": MAX_ATTEMPTS}},
    "with a link": {"done": {"text_body": f"Go to {LINK} now"}},
}


@pytest.mark.parametrize("came", ["250 taken", DeliveryError("451 later"), DeliveryError("550 no", is_final=True)])
@pytest.mark.parametrize("fate", RESULTS)
def test_settling_one_while_the_next_is_begun_is_as_one_after_the_other(session, organisation, fate, came):
    """Two pairs of the same kind: what comes of them, and what is returned, is the same by either way."""

    def pair(reason: str) -> tuple[ClaimedMessage, ClaimedMessage]:
        messages = {name: enqueue_message(organisation, f"{reason} {name}") for name in ("done", "following")}
        first, second = (delivery.claim(now=NOW, message_id=each.id)[0] for each in messages.values())
        begun_message = delivery.start_attempt(first, now=NOW)
        assert begun_message is not None
        for name, values in RESULTS[fate].items():
            session.execute(outbox.build_update(OutboxMessage.id == messages[name].id, **values))
            if name == "done":
                begun_message = replace(
                    begun_message, **{key: each for key, each in values.items() if key.endswith("body")}
                )
            elif "attempts" in values:
                second = replace(second, attempts=values["attempts"])
        session.commit()
        return begun_message, second

    def seen(letters: tuple[ClaimedMessage, ClaimedMessage], begun_message: ClaimedMessage | None) -> list[Any]:
        rows = [
            dict(session.execute(select(outbox.MESSAGES).where(outbox.MESSAGES.c.id == each.id)).mappings().one())
            for each in letters
        ]
        session.rollback()
        for row in rows:
            row["id"] = row["reason_key"] = None
        return [*rows, begun_message and replace(begun_message, id=0, reason_key="")]

    one, other = pair("one"), pair("other")
    later = NOW + timedelta(seconds=5)
    delivery.record_result(one[0], came, now=later)
    begun_message = delivery.start_attempt(one[1], now=later)
    session.commit()
    with db.engine.begin() as connection:
        begun_too = delivery.record_result_and_start(other[0], came, other[1], now=later, connection=connection)
    assert seen(other, begun_too) == seen(one, begun_message)
    assert (begun_message is None) is (fate in ("lapsed", "in other hands", "sent by others", "tried too often"))
