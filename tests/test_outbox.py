"""The outbox: one mail for one reason, attempts and what comes of them."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from app import create_app
from customerhub import history, outbox
from customerhub.errors import Invalid, NotAllowed, NotFound, WrongState
from customerhub.outbox import CLAIM, MOST_ATTEMPTS, PAUSES, Draft, Undelivered
from customerhub.permissions import Actor
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState, Role
from tests.databases import settings_for
from tests.people import make_customer, make_organisation, make_user, system

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LINK = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"


@pytest.fixture
def organisation(session):
    return make_organisation()


@pytest.fixture
def announced(monkeypatch):
    told: list[int] = []
    monkeypatch.setattr(outbox, "announce", told.extend)
    return told


def put(organisation, reason="review 1", **values):
    details = {
        "purpose": "review due",
        "recipient": "kim@example.com",
        "subject": "Review",
        "text_body": "Please look.",
        "html_body": "<p>Please look.</p>",
    }
    with time_machine.travel(NOW, tick=False):
        return outbox.put(organisation_id=organisation.id, reason_key=reason, **(details | values))


def how_many():
    return db.session.scalar(select(func.count()).select_from(OutboxMessage))


# --- Putting ----------------------------------------------------------------------------------------------


def test_a_message_waits_and_is_announced_after_the_commit(session, organisation, announced):
    message = put(organisation, customer_id=make_customer(organisation).id)
    assert (message.state, message.attempts, message.next_attempt_at) == (OutboxState.WAITING, 0, NOW)
    assert announced == []
    session.commit()
    assert announced == [message.id]


def test_what_is_rolled_back_is_neither_kept_nor_announced(session, organisation, announced):
    session.commit()
    put(organisation)
    session.rollback()
    session.commit()
    assert (how_many(), announced) == (0, [])


def test_for_one_reason_there_is_one_message(session, organisation, announced):
    first = put(organisation)
    session.commit()
    second = put(organisation, recipient="other@example.com", subject="Other")
    session.commit()
    assert second is first
    assert (second.subject, how_many(), announced) == ("Review", 1, [first.id])
    put(organisation, reason="review 2")
    put(make_organisation("Another"))
    assert how_many() == 3


def _put_in_a_process(url: str, folder: Any, organisation_id: int, barrier: Any, told: Any) -> None:
    app = create_app(settings_for(url, folder))
    with app.app_context():
        outbox.announce = None
        db.session.execute(select(1))
        db.session.rollback()
        barrier.wait(30)
        message = outbox.put(
            organisation_id=organisation_id, reason_key="race", purpose="p", recipient="kim@example.com",
            subject="S", text_body="T", html_body="H",
        )  # fmt: skip
        db.session.commit()
        told.put(message.id)


def test_two_processes_that_put_at_once_make_one_message(session, organisation, settings, tmp_path):
    session.commit()
    spawn = multiprocessing.get_context("spawn")
    barrier, told = spawn.Barrier(2), spawn.Queue()
    arguments = (settings.database_url, tmp_path, organisation.id, barrier, told)
    session.commit()
    processes = [spawn.Process(target=_put_in_a_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
        process.close()
    assert told.get(timeout=5) == told.get(timeout=5)
    told.close()
    assert how_many() == 1


def draft(organisation, reason, **values):
    details = {
        "purpose": "review due",
        "recipient": "kim@example.com",
        "subject": f"Review {reason}",
        "text_body": "Please look.",
        "html_body": "<p>Please look.</p>",
    }
    return Draft(organisation_id=organisation.id, reason_key=reason, **(details | values))


def test_many_are_put_at_once_and_announced_together(session, organisation, announced):
    other = make_organisation("Another")
    known = put(organisation, reason="review 7")
    session.commit()
    announced.clear()
    drafts = [draft(organisation, f"review {number}", why=f"Review {number} is due") for number in range(1500)]
    ids = outbox.put_many([*drafts, drafts[3], draft(other, "review 7", recipient=" Kim@Example.com ")])
    assert announced == []
    session.commit()
    assert [ids[7], ids[1500]] == [None, None]  # written before, and twice in one call
    new = [made for made in ids if made is not None]
    assert sorted(announced) == sorted(new)
    assert len(set(new)) == 1500
    assert how_many() == 1501
    for place in (0, 3, 999, 1499):
        message = session.get(OutboxMessage, ids[place])
        assert (message.organisation_id, message.reason_key) == (organisation.id, f"review {place}")
        assert (message.subject, message.why) == (f"Review review {place}", f"Review {place} is due")
        assert (message.state, message.attempts, message.version) == (OutboxState.WAITING, 0, 1)
    assert session.get(OutboxMessage, ids[1501]).recipient == "Kim@example.com"
    assert known.subject == "Review"
    assert outbox.put_many([]) == []
    assert outbox.put_many(drafts) == [None] * 1500
    assert how_many() == 1501


def test_one_wrong_recipient_among_many_leaves_nothing(session, organisation, announced):
    with pytest.raises(Invalid):
        outbox.put_many([draft(organisation, "a"), draft(organisation, "b", recipient="nonsense")])
    session.commit()
    assert (how_many(), announced) == (0, [])


@pytest.mark.parametrize(
    "recipient",
    ["", " ", "nonsense", "a@b", "kim@example.com, eve@example.com", "kim@example.com\r\nBcc: eve@example.com",
     "Kim <kim@example.com>", "kim@example.com\x00", "x" * 250 + "@example.com"],
)  # fmt: skip
def test_the_recipient_is_one_address(organisation, recipient):
    with pytest.raises(Invalid):
        put(organisation, recipient=recipient)
    assert how_many() == 0


@pytest.mark.parametrize(
    "subject",
    ["Hello\r\nBcc: eve@example.com", "Hello\nBcc: eve@example.com", "Hello\rBcc: eve@example.com",
     "Hello\x0bBcc: eve@example.com", "Hello\u2028Bcc: eve@example.com", "Hello\x85\x00Bcc: eve@example.com"],
)  # fmt: skip
def test_a_subject_cannot_hold_another_header(organisation, subject):
    message = put(organisation, subject=subject)
    assert message.subject == "Hello Bcc: eve@example.com"
    mail = as_received(message)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hello Bcc: eve@example.com"


def test_a_subject_is_cut_to_what_is_kept(organisation):
    message = put(organisation, subject="ä" * 300)
    assert len(message.subject) == 250
    assert message.subject.endswith("ä…")


# --- Attempts ---------------------------------------------------------------------------------------------


def test_a_message_is_claimed_by_one(session, organisation):
    message = put(organisation)
    session.commit()
    assert outbox.due(now=NOW) == [message.id]
    assert outbox.claim(message.id, now=NOW) is message
    session.commit()
    assert outbox.claim(message.id, now=NOW) is None
    assert outbox.due(now=NOW + CLAIM - timedelta(seconds=1)) == []
    assert message.attempts == 1


def test_who_dies_with_a_claim_leaves_it_to_the_next(session, organisation):
    message = put(organisation)
    outbox.claim(message.id, now=NOW)
    session.commit()
    assert outbox.due(now=NOW + CLAIM) == [message.id]
    assert outbox.claim(message.id, now=NOW + CLAIM) is message
    assert message.attempts == 2


def test_who_dies_every_time_ends_it(session, organisation):
    message, now = put(organisation), NOW
    for _ in range(MOST_ATTEMPTS):
        assert outbox.claim(message.id, now=now)
        now += CLAIM
    assert outbox.claim(message.id, now=now) is None
    session.commit()
    assert (message.state, message.last_error) == (OutboxState.FAILED, "Sending was interrupted every time")


def test_a_message_that_is_not_there_is_not_claimed(session, organisation):
    assert outbox.claim(4711, now=NOW) is None
    assert outbox.settle(4711, None, now=NOW) is None


def test_what_was_sent_stays_sent_and_its_link_is_not_kept(session, organisation):
    message = put(organisation, text_body=f"Go to {LINK}", html_body=f'<a href="{LINK}">')
    outbox.claim(message.id, now=NOW)
    outbox.settle(message.id, None, now=NOW)
    session.commit()
    assert (message.state, message.sent_at, message.next_attempt_at) == (OutboxState.SENT, NOW, None)
    assert LINK not in message.text_body + message.html_body
    assert outbox.due(now=NOW + timedelta(days=9)) == []
    assert outbox.settle(message.id, Undelivered("late", is_final=True), now=NOW) is None
    assert message.state is OutboxState.SENT
    assert put(organisation) is message


def test_no_subject_holds_a_link(session, organisation):
    message = put(organisation, subject=f"Go to {LINK} now")
    assert message.subject == "Go to https://hub.example.com/set-password/used-up now"
    message.subject = f"Go to {LINK} now"  # as it was kept before
    outbox.claim(message.id, now=NOW)
    outbox.settle(message.id, None, now=NOW)
    session.commit()
    assert LINK not in message.subject


def test_a_failure_that_may_pass_is_tried_again_after_growing_pauses(session, organisation):
    message, now = put(organisation), NOW
    for pause in PAUSES:
        assert outbox.claim(message.id, now=now)
        outbox.settle(message.id, Undelivered("451 busy\r\nlater"), now=now)
        session.commit()
        assert (message.state, message.last_error) == (OutboxState.WAITING, "451 busy later")
        assert message.next_attempt_at == now + pause
        assert outbox.due(now=now + pause - timedelta(seconds=1)) == []
        now += pause
    assert outbox.claim(message.id, now=now)
    outbox.settle(message.id, Undelivered("451 busy"), now=now)
    assert (message.state, message.next_attempt_at) == (OutboxState.FAILED, None)
    assert list(PAUSES) == sorted(PAUSES)


def test_a_failure_for_good_parks_it_at_once(session, organisation):
    message = put(organisation)
    outbox.claim(message.id, now=NOW)
    outbox.settle(message.id, Undelivered("550 no such user " + "x" * 600, is_final=True), now=NOW)
    session.commit()
    assert message.state is OutboxState.FAILED
    assert message.last_error.startswith("550 no such user")


def test_without_a_mail_server_it_is_held(session, organisation):
    message = put(organisation)
    outbox.hold(outbox.claim(message.id, now=NOW))
    session.commit()
    assert (message.state, message.attempts, message.next_attempt_at) == (OutboxState.HELD, 0, None)
    assert outbox.due(now=NOW + timedelta(days=9)) == []


def test_what_failed_or_was_held_can_be_sent_again(session, organisation, announced):
    admin, manager = make_user(organisation), make_user(organisation, Role.MANAGER)
    stranger = make_user(make_organisation("Another"))
    message = put(organisation)
    with pytest.raises(WrongState):
        outbox.send_again(message, actor=Actor.of(admin))
    for state in (OutboxState.FAILED, OutboxState.HELD):
        message.state, message.attempts = state, 5
        session.commit()
        announced.clear()
        with pytest.raises(NotAllowed):
            outbox.send_again(message, actor=Actor.of(manager))
        with pytest.raises(NotFound):
            outbox.send_again(message, actor=Actor.of(stranger))
        outbox.send_again(message, actor=Actor.of(admin))
        session.commit()
        assert (message.state, message.attempts, announced) == (OutboxState.WAITING, 0, [message.id])


# --- What it looks like -----------------------------------------------------------------------------------


def as_received(message):
    mail = outbox.compose(message, fallback_sender="no-reply@hub.example.com")
    return message_from_bytes(mail.as_bytes(), policy=SMTP)


def test_a_mail_has_both_bodies_and_the_same_identity_at_every_attempt(session, organisation):
    message = put(organisation, subject="Prüfung für Königlich Essen", text_body="Grüße\n.\n", html_body="<p>Grüße</p>")
    session.commit()
    mail = as_received(message)
    assert mail["From"] == "Example Telecom <no-reply@hub.example.com>"
    assert mail["To"] == "kim@example.com"
    assert mail["Subject"] == "Prüfung für Königlich Essen"
    assert mail.get_body(("plain",)).get_content() == "Grüße\r\n.\r\n"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    assert mail["Message-ID"].startswith(f"<{message.id}.")
    assert mail["Message-ID"] == as_received(message)["Message-ID"]
    assert mail["Message-ID"] != as_received(put(organisation, reason="review 2"))["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"


def test_the_organisations_name_and_address_are_on_it(session, organisation):
    with history.acting(system(organisation), "test"):
        organisation.name = 'Bits, "Bytes"\r\nBcc: eve@example.com <x>'
        organisation.sender_email = "billing@müller.example"
        session.flush()
    mail = as_received(put(organisation, recipient="kim@bücher.example"))
    assert mail["Bcc"] is None
    assert mail["From"].addresses[0].addr_spec == "billing@xn--mller-kva.example"
    assert mail["To"].addresses[0].addr_spec == "kim@xn--bcher-kva.example"
    assert mail["From"].addresses[0].display_name == 'Bits, "Bytes" Bcc: eve@example.com <x>'


def test_what_no_mail_can_be_made_of_is_a_failure_for_good(session, organisation):
    message = put(organisation)
    with history.acting(system(organisation), "test"):
        organisation.sender_email = "a\r\nb@" + "x" * 70 + ".example"
        session.flush()
    with pytest.raises(Undelivered) as failure:
        outbox.compose(message, fallback_sender="no-reply@hub.example.com")
    assert failure.value.is_final


# --- Who may read it --------------------------------------------------------------------------------------


def test_a_one_time_link_is_shown_only_where_nothing_leaves_and_to_who_edits_users(session, organisation):
    admin, manager = make_user(organisation), make_user(organisation, Role.MANAGER)
    root = make_user(organisation, platform=True, email="root@example.com")
    message = put(organisation, text_body=f"Go to {LINK} now", html_body=LINK)
    for_root = put(organisation, reason="root", recipient="Root@example.com", text_body=LINK, html_body=LINK)

    def sees(user, of):
        text, html = outbox.bodies(of, actor=Actor.of(user))
        assert (LINK in text) == (LINK in html)
        return LINK in text

    assert not sees(admin, message)
    assert "Go to" in outbox.bodies(message, actor=Actor.of(manager))[0]
    message.state = for_root.state = OutboxState.HELD
    session.flush()
    assert sees(admin, message)
    assert not sees(manager, message)
    assert not sees(admin, for_root)
    assert sees(root, for_root)
    message.state = OutboxState.FAILED
    assert not sees(admin, message)
