"""The outbox: one mail for one reason, announced once it is committed."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import func, select

from app import create_app
from customerhub.core import clock, history, retention, storage
from customerhub.core.config import MIB
from customerhub.core.errors import Invalid, NotFound, StillLinked
from customerhub.mail import outbox
from customerhub.mail.outbox import Draft
from models import OutboxMessage, StoredFile
from models.base import db
from models.enums import OutboxState
from tests.support.databases import settings_for
from tests.support.outbox import NOW, enqueue_message
from tests.support.people import make_customer, make_organisation, system_actor
from tests.support.races import get_process_context
from tests.support.services import replaced_services

LINK = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"


def count_messages():
    return db.session.scalar(select(func.count()).select_from(OutboxMessage))


# --- Putting ----------------------------------------------------------------------------------------------


def test_a_message_waits_and_is_announced_after_the_commit(session, organisation, dispatched_ids):
    message = enqueue_message(organisation, customer_id=make_customer(organisation).id)
    assert (message.state, message.attempts, message.next_attempt_at) == (OutboxState.WAITING, 0, NOW)
    assert dispatched_ids == []
    session.commit()
    assert dispatched_ids == [message.id]


def test_what_is_rolled_back_is_neither_kept_nor_announced(session, organisation, dispatched_ids):
    session.commit()
    enqueue_message(organisation)
    session.rollback()
    session.commit()
    assert (count_messages(), dispatched_ids) == (0, [])


def test_for_one_reason_there_is_one_message(session, organisation, dispatched_ids):
    first = enqueue_message(organisation)
    session.commit()
    second = enqueue_message(organisation, recipient="other@example.com", subject="Other")
    session.commit()
    assert second is first
    assert (second.subject, count_messages(), dispatched_ids) == ("Review", 1, [first.id])
    enqueue_message(organisation, reason="review 2")
    enqueue_message(make_organisation("Another"))
    assert count_messages() == 3


def _enqueue_in_process(url: str, folder: Any, organisation_id: int, barrier: Any, message_ids: Any) -> None:
    app = create_app(settings_for(url, folder))
    with app.app_context(), outbox.without_dispatch():
        db.session.execute(select(1))
        db.session.rollback()
        barrier.wait(30)
        message = outbox.enqueue(
            organisation_id=organisation_id,
            reason_key="race",
            purpose="p",
            recipient="kim@example.com",
            subject="S",
            text_body="T",
            html_body="H",
        )
        db.session.commit()
        message_ids.put(message.id)


@pytest.mark.slow
def test_two_processes_that_put_at_once_make_one_message(session, organisation, settings, tmp_path):
    session.commit()
    context = get_process_context()
    barrier, message_ids = context.Barrier(2), context.Queue()
    arguments = (settings.database_url, tmp_path, organisation.id, barrier, message_ids)
    session.commit()
    processes = [context.Process(target=_enqueue_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
        process.close()
    assert message_ids.get(timeout=5) == message_ids.get(timeout=5)
    message_ids.close()
    assert count_messages() == 1


def build_draft(organisation, reason, **values):
    details = {
        "purpose": "review due",
        "recipient": "kim@example.com",
        "subject": f"Review {reason}",
        "text_body": "Please look.",
        "html_body": "<p>Please look.</p>",
    }
    return Draft(organisation_id=organisation.id, reason_key=reason, **(details | values))


def test_many_are_put_at_once_and_announced_together(session, organisation, dispatched_ids):
    other = make_organisation("Another")
    existing_message = enqueue_message(organisation, reason="review 7")
    session.commit()
    dispatched_ids.clear()
    drafts = [build_draft(organisation, f"review {number}", why=f"Review {number} is due") for number in range(1500)]
    ids = outbox.enqueue_many([*drafts, drafts[3], build_draft(other, "review 7", recipient=" Kim@Example.com ")])
    assert dispatched_ids == []
    session.commit()
    assert [ids[7], ids[1500]] == [None, None]  # written before, and twice in one call
    new = [message_id for message_id in ids if message_id is not None]
    assert sorted(dispatched_ids) == sorted(new)
    assert len(set(new)) == 1500
    assert count_messages() == 1501
    for place in (0, 3, 999, 1499):
        message = session.get(OutboxMessage, ids[place])
        assert (message.organisation_id, message.reason_key) == (organisation.id, f"review {place}")
        assert (message.subject, message.why) == (f"Review review {place}", f"Review {place} is due")
        assert (message.state, message.attempts, message.version) == (OutboxState.WAITING, 0, 1)
    assert session.get(OutboxMessage, ids[1501]).recipient == "Kim@example.com"
    assert existing_message.subject == "Review"
    assert outbox.enqueue_many([]) == []
    assert outbox.enqueue_many(drafts) == [None] * 1500
    assert count_messages() == 1501


def test_one_wrong_recipient_among_many_leaves_nothing(session, organisation, dispatched_ids):
    with pytest.raises(Invalid):
        outbox.enqueue_many([build_draft(organisation, "a"), build_draft(organisation, "b", recipient="nonsense")])
    session.commit()
    assert (count_messages(), dispatched_ids) == (0, [])


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        " ",
        "nonsense",
        "a@b",
        "kim@example.com, eve@example.com",
        "kim@example.com\r\nBcc: eve@example.com",
        "Kim <kim@example.com>",
        "kim@example.com\x00",
        "x" * 250 + "@example.com",
    ],
)
def test_the_recipient_is_one_address(organisation, recipient):
    with pytest.raises(Invalid):
        enqueue_message(organisation, recipient=recipient)
    assert count_messages() == 0


@pytest.mark.parametrize(
    "subject",
    [
        "Hello\r\nBcc: eve@example.com",
        "Hello\nBcc: eve@example.com",
        "Hello\rBcc: eve@example.com",
        "Hello\x0bBcc: eve@example.com",
        "Hello\u2028Bcc: eve@example.com",
        "Hello\x85\x00Bcc: eve@example.com",
    ],
)
def test_a_subject_cannot_hold_another_header(organisation, subject):
    assert enqueue_message(organisation, subject=subject).subject == "Hello Bcc: eve@example.com"


def test_no_subject_holds_a_link(organisation):
    message = enqueue_message(organisation, subject=f"Go to {LINK} now")
    assert message.subject == "Go to https://hub.example.com/set-password/used-up now"


def test_a_subject_is_cut_to_what_is_kept(organisation):
    message = enqueue_message(organisation, subject="ä" * 300)
    assert len(message.subject) == 250
    assert message.subject.endswith("ä…")


def store_file(organisation, name="terms.pdf", content=b"%PDF-1.7 terms"):
    actor = system_actor(organisation)
    with history.act_as(actor, "test"):
        return storage.store_file(BytesIO(content), name, None, organisation_id=organisation.id, actor=actor)


@pytest.fixture
def limit(session):
    """Files of at most 1 MB in all, for this test."""
    with replaced_services(max_attachment_bytes=MIB):
        yield


# --- Files ------------------------------------------------------------------------------------------------


def test_files_go_with_a_message_each_once_and_in_their_order(session, organisation):
    first, second = store_file(organisation), store_file(organisation, "prices.pdf")
    message = enqueue_message(organisation, files=[second, first, second])
    session.commit()
    assert [attached.file.name for attached in message.attachments] == ["prices.pdf", "terms.pdf"]
    assert {attached.organisation_id for attached in message.attachments} == {organisation.id}
    again = enqueue_message(organisation, files=[store_file(organisation, "other.pdf")])
    session.commit()
    assert again is message
    assert [attached.file.name for attached in again.attachments] == ["prices.pdf", "terms.pdf"]


def test_files_that_are_too_large_together_are_refused_with_what_to_do(session, organisation, limit, dispatched_ids):
    halves = [store_file(organisation, f"half {number}.bin", b"x" * (MIB // 2)) for number in (1, 2)]
    message = enqueue_message(organisation, files=halves)
    session.commit()
    dispatched_ids.clear()
    with pytest.raises(Invalid, match=r"have 1\.1 MB; the maximum is 1 MB.*HUB_MAX_ATTACHMENTS_MB") as error_info:
        enqueue_message(
            organisation, reason="second", files=[*halves, store_file(organisation, "more", b"x" * 100_000)]
        )
    assert error_info.value.field == "files"
    with pytest.raises(Invalid):
        outbox.attach(message, store_file(organisation, "one byte", b"x"))
    session.commit()
    assert (count_messages(), len(message.attachments), dispatched_ids) == (1, 2, [])


def test_no_file_of_another_organisation_is_attached(session, organisation):
    foreign_file = store_file(make_organisation("Another"))
    with pytest.raises(NotFound):
        enqueue_message(organisation, files=[foreign_file])
    message = enqueue_message(organisation)
    with pytest.raises(NotFound):
        outbox.attach(message, foreign_file)
    session.commit()
    assert message.attachments == []


def test_a_file_of_a_message_is_not_tidied_away(session, organisation):
    attached_file, unused_file = store_file(organisation), store_file(organisation, "forgotten.pdf")
    enqueue_message(organisation, files=[attached_file])
    session.commit()
    assert retention.remove_unclaimed_files(older_than=clock.get_now() + timedelta(days=1)) == 1
    assert list(session.scalars(select(StoredFile.name))) == ["terms.pdf"]
    with pytest.raises(StillLinked), history.act_as(system_actor(organisation), "test"):
        storage.remove(attached_file)
    session.rollback()
    assert unused_file.id not in set(session.scalars(select(StoredFile.id)))


def test_a_report_is_the_only_attachment(organisation):
    customer = make_customer(organisation)
    assert enqueue_message(organisation, customer_id=customer.id, report_on=NOW.date()).report_on == NOW.date()
    with pytest.raises(ValueError, match="report"):
        enqueue_message(
            organisation, reason="2", customer_id=customer.id, report_on=NOW.date(), files=[store_file(organisation)]
        )
    with pytest.raises(ValueError, match="report"):
        enqueue_message(organisation, reason="3", report_on=NOW.date())
