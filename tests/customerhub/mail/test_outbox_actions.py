"""What administrators do with the messages of the outbox, and who may read them."""

import re
from pathlib import Path

import pytest
from sqlalchemy import update

from customerhub.core import clock
from customerhub.core.errors import NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.mail import delivery, outbox
from models import OutboxMessage
from models.enums import OutboxState, Role
from tests.support.outbox import NOW, enqueue_message
from tests.support.people import make_organisation, make_user

LINK = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"


State = OutboxState


@pytest.fixture
def admin_actor(organisation):
    return Actor.from_user(make_user(organisation))


# --- What people decide -----------------------------------------------------------------------------------


def test_what_failed_was_held_or_cancelled_can_be_sent_again(session, organisation, dispatched_ids, admin_actor):
    message = enqueue_message(organisation)
    for state in (State.FAILED, State.HELD, State.CANCELLED):
        message.state, message.attempts, message.last_error, message.next_attempt_at = state, 5, "550 no", None
        session.commit()
        dispatched_ids.clear()
        outbox.send_again(message, actor=admin_actor)
        assert dispatched_ids == []
        session.commit()
        assert (message.state, message.attempts, message.last_error) == (State.WAITING, 0, None)
        assert message.next_attempt_at <= clock.get_now()
        assert dispatched_ids == [message.id]


def test_what_waits_was_held_or_failed_can_be_cancelled(session, organisation, admin_actor):
    message = enqueue_message(organisation)
    for state in (State.WAITING, State.FAILED, State.HELD):
        message.state, message.next_attempt_at, message.claimed_until = state, NOW, NOW
        session.commit()
        outbox.cancel(message, actor=admin_actor)
        session.commit()
        assert (message.state, message.next_attempt_at, message.claimed_until) == (State.CANCELLED, None, None)
    assert delivery.claim(now=clock.get_now(), limit=9) == []


@pytest.mark.parametrize(
    ("act", "state", "why"),
    [
        (outbox.send_again, State.WAITING, "Cannot send again: this message is waiting"),
        (outbox.send_again, State.SENT, "Cannot send again: this message is sent"),
        (outbox.cancel, State.SENT, "Cannot cancel: this message is sent"),
        (outbox.cancel, State.CANCELLED, "Cannot cancel: this message is cancelled"),
    ],
)
def test_anything_else_is_refused_politely(session, organisation, admin_actor, act, state, why):
    message = enqueue_message(organisation)
    message.state = state
    session.commit()
    with pytest.raises(WrongState) as error_info:
        act(message, actor=admin_actor)
    assert error_info.value.message == why
    session.commit()
    assert message.state is state


def test_what_a_worker_has_in_hand_is_not_cancelled(session, organisation, admin_actor):
    message = enqueue_message(organisation)
    session.commit()
    [letter] = delivery.claim(now=clock.get_now())
    session.commit()
    with pytest.raises(WrongState, match="This message is being sent"):
        outbox.cancel(message, actor=admin_actor)
    delivery.release([letter])
    session.commit()
    outbox.cancel(message, actor=admin_actor)
    session.commit()
    assert message.state is State.CANCELLED


@pytest.mark.parametrize("act", [outbox.send_again, outbox.cancel])
def test_whoever_decides_does_so_on_what_the_database_says(session, organisation, admin_actor, act):
    """A worker took and sent it after the message was read."""
    message = enqueue_message(organisation)
    message.state = State.FAILED
    session.flush()
    behind_its_back = update(OutboxMessage).values(state=State.SENT).execution_options(synchronize_session=False)
    session.execute(behind_its_back)
    assert message.state is State.FAILED
    with pytest.raises(WrongState, match="this message is sent"):
        act(message, actor=admin_actor)
    assert message.state is State.SENT


@pytest.mark.parametrize("act", [outbox.send_again, outbox.cancel])
def test_only_administrators_of_the_organisation_decide(session, organisation, act):
    message = enqueue_message(organisation)
    message.state = State.FAILED
    session.commit()
    with pytest.raises(NotAllowed):
        act(message, actor=Actor.from_user(make_user(organisation, Role.MANAGER)))
    with pytest.raises(NotFound):
        act(message, actor=Actor.from_user(make_user(make_organisation("Another"))))
    assert message.state is State.FAILED


def test_the_table_of_moves_is_what_the_document_shows():
    [drawn] = re.findall(r"```mermaid\n(.*?)\n```", Path("docs/mail.md").read_text(), re.DOTALL)
    assert drawn == outbox.MESSAGE_STATES.build_diagram()


# --- Who may read it --------------------------------------------------------------------------------------


def test_a_one_time_link_is_shown_only_where_nothing_leaves_and_to_who_edits_users(session, organisation):
    admin, manager = make_user(organisation), make_user(organisation, Role.MANAGER)
    root = make_user(organisation, platform=True, email="root@example.com")
    message = enqueue_message(organisation, text_body=f"Go to {LINK} now", html_body=LINK)
    for_root = enqueue_message(
        organisation, reason="root", recipient="Root@example.com", text_body=LINK, html_body=LINK
    )

    def sees(user, of):
        text, html = outbox.redact_bodies(of, actor=Actor.from_user(user))
        assert (LINK in text) == (LINK in html)
        return LINK in text

    assert not sees(admin, message)
    assert "Go to" in outbox.redact_bodies(message, actor=Actor.from_user(manager))[0]
    message.state = for_root.state = OutboxState.HELD
    session.flush()
    assert sees(admin, message)
    assert not sees(manager, message)
    assert not sees(admin, for_root)
    assert sees(root, for_root)
    message.state = OutboxState.FAILED
    assert not sees(admin, message)
