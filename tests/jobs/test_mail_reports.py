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

from customerhub.core import clock, services
from customerhub.core.config import MIB
from customerhub.core.file_store import FolderStore
from customerhub.mail import outbox
from customerhub.mail.delivery import MAX_ATTEMPTS, RETRY_DELAYS
from jobs import mail
from models import OutboxAttachment, OutboxMessage, Reminder
from models.base import db
from models.enums import OutboxState
from tests.support.mail_server import Mailbox, run_mail_server
from tests.support.outbox_messages import UseMailServer, enqueue_message, travel_forward
from tests.support.servers import skip_test
from tests.support.services import replaced_services
from tests.support.two_organisations import TwoOrganisations

State = OutboxState
DAY = date(2026, 1, 31)


@pytest.fixture
def mailbox(use_mail_server: UseMailServer) -> Iterator[Mailbox]:
    with run_mail_server(Mailbox()) as mailbox:
        use_mail_server(mailbox.url)
        yield mailbox


def enqueue_with_report(organisations: TwoOrganisations, reason: str = "with report", **values: Any) -> OutboxMessage:
    details = {"organisation_id": organisations.own.id, "customer_id": organisations.own.customers[0], "report_on": DAY}
    return enqueue_message(reason, **(details | values))


@pytest.fixture
def message(organisations: TwoOrganisations) -> OutboxMessage:
    """The only one there is."""
    for model in (Reminder, OutboxAttachment, OutboxMessage):
        db.session.execute(delete(model))
    return enqueue_with_report(organisations)


def stored_keys() -> list[str]:
    """What lies in the store."""
    folder: Path = services.get_current().file_store._folder
    return [path.name for path in folder.rglob("*") if path.is_file()]


def reload_message(message: OutboxMessage) -> OutboxMessage:
    """The message as the database has it, with its files. Nobody is kept from writing."""
    db.session.rollback()
    files = selectinload(OutboxMessage.attachments).selectinload(OutboxAttachment.file)
    fresh_message = db.session.get_one(
        OutboxMessage, inspect(message).identity, options=[files], populate_existing=True
    )
    db.session.expunge_all()
    db.session.rollback()
    return fresh_message


def test_a_message_waits_for_its_report_and_keeps_no_other_waiting(message: OutboxMessage, mailbox: Mailbox) -> None:
    plain = enqueue_message("plain", recipient="plain@example.com")
    assert mail.sweep() == "1 sent"
    mail.send(message.id)
    assert [arrived["To"] for arrived in mailbox.received] == ["plain@example.com"]
    assert (reload_message(plain).state, reload_message(message).state, reload_message(message).attempts) == (
        State.SENT,
        State.WAITING,
        0,
    )
    assert mail.make_reports() == "1 reports made"
    assert (
        reload_message(message).attempts,
        reload_message(message).claimed_until,
        reload_message(message).last_error,
    ) == (0, None, None)
    assert mail.make_reports() == "0 reports made"
    assert mail.sweep() == "1 sent"
    assert mail.sweep() == "Nothing was due"
    [_, arrived] = mailbox.received
    [report] = arrived.iter_attachments()
    assert report.get_content_type() == "application/pdf"
    assert report.get_filename().endswith(".pdf")
    content = report.get_payload(decode=True)
    assert isinstance(content, bytes)
    path = Path(services.get_current().file_store._folder) / "received.pdf"
    path.write_bytes(content)
    assert "Our Telecom customer 0" in PdfReader(path).pages[0].extract_text()
    assert reload_message(message).attempts == 1


def test_without_a_mail_server_the_report_is_there_to_be_read(
    message: OutboxMessage, use_mail_server: UseMailServer
) -> None:
    use_mail_server(None)
    assert mail.sweep() == "0 held: no mail server configured"
    mail.make_reports()
    assert mail.sweep() == "1 held: no mail server configured"
    held_message = reload_message(message)
    assert held_message.state is State.HELD
    assert [attached.file.content_type for attached in held_message.attachments] == ["application/pdf"]


def test_a_report_that_is_too_large_for_a_mail_parks_it_with_what_to_do(message: OutboxMessage) -> None:
    with replaced_services(max_attachment_bytes=1000):
        assert mail.make_reports() == "0 reports made, 1 reports failed"
    parked = reload_message(message)
    assert parked.state is State.FAILED
    assert parked.last_error.startswith("The report cannot be sent. The attachments have 0.")
    assert "HUB_MAX_ATTACHMENTS_MB" in parked.last_error
    assert parked.attachments == []
    assert stored_keys() == []


def test_where_there_is_nothing_to_report_on_any_more_it_is_parked(message: OutboxMessage) -> None:
    db.session.execute(update(OutboxMessage).values(customer_id=None))
    db.session.commit()
    mail.make_reports()
    parked = reload_message(message)
    assert (parked.state, parked.last_error) == (State.FAILED, "The customer of the report no longer exists")


def test_a_report_that_is_being_made_is_made_once(message: OutboxMessage, organisations: TwoOrganisations) -> None:
    """Of two that look at the same time the second finds nothing to do, for as long as the first may take."""
    db.session.execute(outbox.build_update(claimed_until=clock.get_now() + timedelta(seconds=30)))
    db.session.commit()
    assert mail.make_reports() == "0 reports made"
    assert reload_message(message).attachments == []


def fill_disk(disk: Path) -> None:
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    assert shutil.disk_usage(disk).free == 0


@pytest.fixture
def small_disk(organisations: TwoOrganisations, tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KB that files are kept on, and nothing else. It is full."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], capture_output=True).returncode:
        skip_test("no disk can be mounted here")
    try:
        with replaced_services(file_store=FolderStore(tmp_path), max_upload_bytes=MIB):
            fill_disk(tmp_path)
            yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_full_disk_loses_nothing_and_is_reported(
    organisations: TwoOrganisations, message: OutboxMessage, mailbox: Mailbox, small_disk: Path
) -> None:
    others = [enqueue_message("plain", recipient="plain@example.com"), enqueue_with_report(organisations, "another")]
    assert mail.make_reports() == "0 reports made, 2 reports failed"
    assert mail.sweep() == "1 sent"
    waits = reload_message(message)
    assert (waits.state, waits.attempts) == (State.WAITING, 1)
    assert waits.last_error == "The report could not be stored: No space left on device"
    assert waits.attachments == []
    assert waits.next_attempt_at > clock.get_now()
    assert stored_keys() == ["ballast"], "half a file was left"
    (small_disk / "ballast").unlink()
    with travel_forward(RETRY_DELAYS[0]):
        assert mail.make_reports() == "2 reports made"
        assert mail.sweep() == "2 sent"
    assert sorted(len(list(arrived.iter_attachments())) for arrived in mailbox.received) == [0, 1, 1]
    assert {reload_message(each).state for each in (message, *others)} == {State.SENT}
    assert reload_message(message).last_error is None


def test_a_disk_that_stays_full_parks_it_in_the_end(message: OutboxMessage, small_disk: Path) -> None:
    pause = timedelta()
    for attempt in range(MAX_ATTEMPTS):
        pause += RETRY_DELAYS[attempt - 1] if attempt else timedelta()
        with travel_forward(pause + timedelta(seconds=attempt)):
            assert mail.make_reports() == "0 reports made, 1 reports failed"
    parked = reload_message(message)
    assert (parked.state, parked.attempts) == (State.FAILED, MAX_ATTEMPTS)
    assert parked.last_error == "The report could not be stored: No space left on device"


def test_a_file_that_is_lost_from_the_disk_is_reported(
    message: OutboxMessage, mailbox: Mailbox, organisations: TwoOrganisations
) -> None:
    mail.make_reports()
    shutil.rmtree(organisations.app.config["HUB"].files_dir)
    mail.sweep()
    parked = reload_message(message)
    assert parked.state is State.FAILED
    assert parked.last_error.endswith(".pdf: The file no longer exists")
    assert mailbox.received == []
