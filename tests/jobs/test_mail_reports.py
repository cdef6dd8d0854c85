"""Reports that go with mails: made before these are sent, by a job that keeps no other message waiting."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import delete, inspect, update
from sqlalchemy.orm import selectinload

from customerhub import clock, outbox, storage
from customerhub.config import MIB
from customerhub.delivery import MOST_ATTEMPTS, PAUSES
from jobs import mail
from models import OutboxAttachment, OutboxMessage, Reminder
from models.base import db
from models.enums import OutboxState
from tests.jobs.mailing import Use, later, put
from tests.mail_server import Mailbox, running
from tests.servers import leave_out
from tests.world import World

S = OutboxState
DAY = date(2026, 1, 31)


@pytest.fixture
def mailbox(use: Use) -> Iterator[Mailbox]:
    with running(Mailbox()) as mailbox:
        use(mailbox.url)
        yield mailbox


def put_with_report(world: World, reason: str = "with report", **values: Any) -> OutboxMessage:
    details = {"organisation_id": world.ours.id, "customer_id": world.ours.customers[0], "report_on": DAY}
    return put(reason, **(details | values))


@pytest.fixture
def message(world: World) -> OutboxMessage:
    """The only one there is."""
    for kept in (Reminder, OutboxAttachment, OutboxMessage):
        db.session.execute(delete(kept))
    return put_with_report(world)


def kept_keys() -> list[str]:
    """What lies in the store."""
    folder: Path = storage._storage().store._folder  # type: ignore[attr-defined]
    return [path.name for path in folder.rglob("*") if path.is_file()]


def now(message: OutboxMessage) -> OutboxMessage:
    """The message as the database has it, with its files. Nobody is kept from writing."""
    db.session.rollback()
    files = selectinload(OutboxMessage.attachments).selectinload(OutboxAttachment.file)
    found = db.session.get_one(OutboxMessage, inspect(message).identity, options=[files], populate_existing=True)
    db.session.expunge_all()
    db.session.rollback()
    return found


def test_a_message_waits_for_its_report_and_keeps_no_other_waiting(message: OutboxMessage, mailbox: Mailbox) -> None:
    plain = put("plain", recipient="plain@example.com")
    assert mail.sweep() == "1 sent"
    mail.send(message.id)
    assert [arrived["To"] for arrived in mailbox.received] == ["plain@example.com"]
    assert (now(plain).state, now(message).state, now(message).attempts) == (S.SENT, S.WAITING, 0)
    assert mail.make_reports() == "1 reports made"
    assert (now(message).attempts, now(message).claimed_until, now(message).last_error) == (0, None, None)
    assert mail.make_reports() == "0 reports made"
    assert mail.sweep() == "1 sent"
    assert mail.sweep() == "Nothing was due"
    [_, arrived] = mailbox.received
    [report] = arrived.iter_attachments()
    assert report.get_content_type() == "application/pdf"
    assert report.get_filename().endswith(".pdf")
    content = report.get_payload(decode=True)
    assert isinstance(content, bytes)
    path = Path(storage._storage().store._folder) / "received.pdf"  # type: ignore[attr-defined]
    path.write_bytes(content)
    assert "Our Telecom customer 0" in PdfReader(path).pages[0].extract_text()
    assert now(message).attempts == 1


def test_without_a_mail_server_the_report_is_there_to_be_read(message: OutboxMessage, use: Use) -> None:
    use(None)
    assert mail.sweep() == "0 kept here: there is no mail server"
    mail.make_reports()
    assert mail.sweep() == "1 kept here: there is no mail server"
    held = now(message)
    assert held.state is S.HELD
    assert [attached.file.content_type for attached in held.attachments] == ["application/pdf"]


def test_a_report_that_is_too_large_for_a_mail_parks_it_with_what_to_do(message: OutboxMessage) -> None:
    outbox.configure(most_attached=1000)
    try:
        assert mail.make_reports() == "0 reports made, 1 reports failed"
    finally:
        outbox.configure(most_attached=10 * MIB)
    parked = now(message)
    assert parked.state is S.FAILED
    assert parked.last_error.startswith("The report cannot be sent. The attachments have 0.")
    assert "HUB_MAX_ATTACHMENTS_MB" in parked.last_error
    assert parked.attachments == []
    assert kept_keys() == []


def test_where_there_is_nothing_to_report_on_any_more_it_is_parked(message: OutboxMessage) -> None:
    db.session.execute(update(OutboxMessage).values(customer_id=None))
    db.session.commit()
    mail.make_reports()
    parked = now(message)
    assert (parked.state, parked.last_error) == (S.FAILED, "There is no longer anything to report on")


def test_a_report_that_is_being_made_is_made_once(message: OutboxMessage, world: World) -> None:
    """Of two that look at the same time the second finds nothing to do, for as long as the first may take."""
    db.session.execute(outbox.change(claimed_until=clock.now() + timedelta(seconds=30)))
    db.session.commit()
    assert mail.make_reports() == "0 reports made"
    assert now(message).attachments == []


def fill(disk: Path) -> None:
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(disk).free == 0


@pytest.fixture
def small_disk(world: World, tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB that files are kept on, and nothing else. It is full."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True).returncode:
        leave_out("no disk can be mounted here")
    before = storage._configured
    try:
        storage.configure(storage.FolderStore(tmp_path), limit=MIB)
        fill(tmp_path)
        yield tmp_path
    finally:
        storage._configured = before
        subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_loses_nothing_and_is_told(
    world: World, message: OutboxMessage, mailbox: Mailbox, small_disk: Path
) -> None:
    others = [put("plain", recipient="plain@example.com"), put_with_report(world, "another")]
    assert mail.make_reports() == "0 reports made, 2 reports failed"
    assert mail.sweep() == "1 sent"
    waits = now(message)
    assert (waits.state, waits.attempts) == (S.WAITING, 1)
    assert waits.last_error == "The report could not be stored: No space left on device"
    assert waits.attachments == []
    assert waits.next_attempt_at > clock.now()
    assert kept_keys() == ["ballast"], "half a file was left"
    (small_disk / "ballast").unlink()
    with later(PAUSES[0]):
        assert mail.make_reports() == "2 reports made"
        assert mail.sweep() == "2 sent"
    assert sorted(len(list(arrived.iter_attachments())) for arrived in mailbox.received) == [0, 1, 1]
    assert {now(each).state for each in (message, *others)} == {S.SENT}
    assert now(message).last_error is None


def test_a_disk_that_stays_full_parks_it_in_the_end(message: OutboxMessage, small_disk: Path) -> None:
    pause = timedelta()
    for attempt in range(MOST_ATTEMPTS):
        pause += PAUSES[attempt - 1] if attempt else timedelta()
        with later(pause + timedelta(seconds=attempt)):
            assert mail.make_reports() == "0 reports made, 1 reports failed"
    parked = now(message)
    assert (parked.state, parked.attempts) == (S.FAILED, MOST_ATTEMPTS)
    assert parked.last_error == "The report could not be stored: No space left on device"


def test_a_file_that_is_lost_from_the_disk_is_told(message: OutboxMessage, mailbox: Mailbox, world: World) -> None:
    mail.make_reports()
    shutil.rmtree(world.app.config["HUB"].files_dir)
    mail.sweep()
    parked = now(message)
    assert parked.state is S.FAILED
    assert parked.last_error.endswith(".pdf: The file is no longer there")
    assert mailbox.received == []
