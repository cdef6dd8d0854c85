"""The outbox: one mail for one reason, its files, what people decide about it and who may read it."""

import multiprocessing
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, update

from app import create_app
from customerhub import clock, delivery, history, housekeeping, outbox, storage
from customerhub.config import MIB
from customerhub.errors import Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.outbox import Draft
from customerhub.permissions import Actor
from models import OutboxMessage, StoredFile
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
    assert put(organisation, subject=subject).subject == "Hello Bcc: eve@example.com"


def test_no_subject_holds_a_link(organisation):
    message = put(organisation, subject=f"Go to {LINK} now")
    assert message.subject == "Go to https://hub.example.com/set-password/used-up now"


def test_a_subject_is_cut_to_what_is_kept(organisation):
    message = put(organisation, subject="ä" * 300)
    assert len(message.subject) == 250
    assert message.subject.endswith("ä…")


# --- Files ------------------------------------------------------------------------------------------------


def stored(organisation, name="terms.pdf", content=b"%PDF-1.7 terms"):
    actor = system(organisation)
    with history.acting(actor, "test"):
        return storage.store(BytesIO(content), name, None, organisation_id=organisation.id, actor=actor)


@pytest.fixture
def limit():
    """Files of at most 1 MB in all, for this test."""
    outbox.configure(most_attached=MIB)
    yield
    outbox.configure(most_attached=10 * MIB)


def test_files_go_with_a_message_each_once_and_in_their_order(session, organisation):
    first, second = stored(organisation), stored(organisation, "prices.pdf")
    message = put(organisation, files=[second, first, second])
    session.commit()
    assert [attached.file.name for attached in message.attachments] == ["prices.pdf", "terms.pdf"]
    assert {attached.organisation_id for attached in message.attachments} == {organisation.id}
    again = put(organisation, files=[stored(organisation, "other.pdf")])
    session.commit()
    assert again is message
    assert [attached.file.name for attached in again.attachments] == ["prices.pdf", "terms.pdf"]


def test_files_that_are_too_large_together_are_refused_with_what_to_do(session, organisation, limit, announced):
    halves = [stored(organisation, f"half {number}.bin", b"x" * (MIB // 2)) for number in (1, 2)]
    message = put(organisation, files=halves)
    session.commit()
    announced.clear()
    with pytest.raises(Invalid, match=r"have 1\.1 MB and 1 MB is the most.*HUB_MAX_ATTACHMENTS_MB") as refused:
        put(organisation, reason="second", files=[*halves, stored(organisation, "more", b"x" * 100_000)])
    assert refused.value.field == "files"
    with pytest.raises(Invalid):
        outbox.attach(message, stored(organisation, "one byte", b"x"))
    session.commit()
    assert (how_many(), len(message.attachments), announced) == (1, 2, [])


def test_no_file_of_another_organisation_is_attached(session, organisation):
    theirs = stored(make_organisation("Another"))
    with pytest.raises(NotFound):
        put(organisation, files=[theirs])
    message = put(organisation)
    with pytest.raises(NotFound):
        outbox.attach(message, theirs)
    session.commit()
    assert message.attachments == []


def test_a_file_of_a_message_is_not_tidied_away(session, organisation):
    kept, forgotten = stored(organisation), stored(organisation, "forgotten.pdf")
    put(organisation, files=[kept])
    session.commit()
    assert housekeeping.remove_unclaimed_files(older_than=clock.now() + timedelta(days=1)) == 1
    assert list(session.scalars(select(StoredFile.name))) == ["terms.pdf"]
    with pytest.raises(StillLinked), history.acting(system(organisation), "test"):
        storage.remove(kept)
    session.rollback()
    assert forgotten.id not in set(session.scalars(select(StoredFile.id)))


def test_a_report_is_the_only_attachment(organisation):
    customer = make_customer(organisation)
    assert put(organisation, customer_id=customer.id, report_on=NOW.date()).report_on == NOW.date()
    with pytest.raises(ValueError, match="report"):
        put(organisation, reason="2", customer_id=customer.id, report_on=NOW.date(), files=[stored(organisation)])
    with pytest.raises(ValueError, match="report"):
        put(organisation, reason="3", report_on=NOW.date())


# --- What people decide -----------------------------------------------------------------------------------

S = OutboxState


@pytest.fixture
def deciding(organisation):
    return Actor.of(make_user(organisation))


def test_what_failed_was_held_or_cancelled_can_be_sent_again(session, organisation, announced, deciding):
    message = put(organisation)
    for state in (S.FAILED, S.HELD, S.CANCELLED):
        message.state, message.attempts, message.last_error, message.next_attempt_at = state, 5, "550 no", None
        session.commit()
        announced.clear()
        outbox.send_again(message, actor=deciding)
        assert announced == []
        session.commit()
        assert (message.state, message.attempts, message.last_error) == (S.WAITING, 0, None)
        assert message.next_attempt_at <= clock.now()
        assert announced == [message.id]


def test_what_waits_was_held_or_failed_can_be_cancelled(session, organisation, deciding):
    message = put(organisation)
    for state in (S.WAITING, S.FAILED, S.HELD):
        message.state, message.next_attempt_at, message.claimed_until = state, NOW, NOW
        session.commit()
        outbox.cancel(message, actor=deciding)
        session.commit()
        assert (message.state, message.next_attempt_at, message.claimed_until) == (S.CANCELLED, None, None)
    assert delivery.claim(now=clock.now(), limit=9) == []


@pytest.mark.parametrize(("act", "state", "why"), [
    (outbox.send_again, S.WAITING, "This message is waiting: there is nothing to send again"),
    (outbox.send_again, S.SENT, "This message is sent: there is nothing to send again"),
    (outbox.cancel, S.SENT, "This message is sent: there is nothing to cancel"),
    (outbox.cancel, S.CANCELLED, "This message is cancelled: there is nothing to cancel"),
])  # fmt: skip
def test_anything_else_is_refused_politely(session, organisation, deciding, act, state, why):
    message = put(organisation)
    message.state = state
    session.commit()
    with pytest.raises(WrongState) as refused:
        act(message, actor=deciding)
    assert refused.value.message == why
    session.commit()
    assert message.state is state


def test_what_a_worker_has_in_hand_is_not_cancelled(session, organisation, deciding):
    message = put(organisation)
    session.commit()
    [letter] = delivery.claim(now=clock.now())
    session.commit()
    with pytest.raises(WrongState, match="It is being sent just now"):
        outbox.cancel(message, actor=deciding)
    delivery.give_back([letter])
    session.commit()
    outbox.cancel(message, actor=deciding)
    session.commit()
    assert message.state is S.CANCELLED


@pytest.mark.parametrize("act", [outbox.send_again, outbox.cancel])
def test_whoever_decides_does_so_on_what_the_database_says(session, organisation, deciding, act):
    """A worker took and sent it after the message was read."""
    message = put(organisation)
    message.state = S.FAILED
    session.flush()
    behind_its_back = update(OutboxMessage).values(state=S.SENT).execution_options(synchronize_session=False)
    session.execute(behind_its_back)
    assert message.state is S.FAILED
    with pytest.raises(WrongState, match="This message is sent"):
        act(message, actor=deciding)
    assert message.state is S.SENT


@pytest.mark.parametrize("act", [outbox.send_again, outbox.cancel])
def test_only_administrators_of_the_organisation_decide(session, organisation, act):
    message = put(organisation)
    message.state = S.FAILED
    session.commit()
    with pytest.raises(NotAllowed):
        act(message, actor=Actor.of(make_user(organisation, Role.MANAGER)))
    with pytest.raises(NotFound):
        act(message, actor=Actor.of(make_user(make_organisation("Another"))))
    assert message.state is S.FAILED


def test_the_table_of_moves_is_what_the_document_shows():
    [drawn] = re.findall(r"```mermaid\n(.*?)\n```", Path("docs/mail.md").read_text(), re.DOTALL)
    assert drawn == outbox.diagram()


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
