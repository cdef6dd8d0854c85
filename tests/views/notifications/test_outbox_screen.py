"""The outbox as people read it: what became of each message, and what keeps mail from leaving."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.mail import outages, outbox
from models.base import db
from models.enums import OutboxState, Role
from tests.support.browser_client import Browser
from tests.support.outbox_pages import page_text
from tests.support.two_organisations import TwoOrganisations
from tests.views.system.test_files import PDF, get_document, store_certificate

State = OutboxState
HOME = "/admin/outbox/"
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def message(organisations: TwoOrganisations) -> models.OutboxMessage:
    """One about a customer of ours, the only one of ours."""
    for kept_row in (models.Reminder, models.OutboxAttachment, models.OutboxMessage):
        db.session.query(kept_row).filter_by(organisation_id=organisations.own.id).delete()
    return enqueue_message(organisations, "first", why="A review is due on 30 Jun 2026")


def enqueue_message(organisations: TwoOrganisations, reason: str, **values: Any) -> models.OutboxMessage:
    details = {
        "organisation_id": organisations.own.id,
        "reason_key": reason,
        "purpose": "review due",
        "recipient": f"{reason}@example.com",
        "subject": f"Subject {reason}",
        "text_body": "Hello",
        "html_body": "<html><head></head><body>Hello</body></html>",
        "customer_id": organisations.own.customers[0],
    }
    with outbox.without_dispatch():
        message = outbox.enqueue(**(details | values))
        db.session.commit()
    return message


def set_values(message: models.OutboxMessage, **values: Any) -> None:
    for name, value in values.items():
        setattr(message, name, value)
    db.session.commit()


# --- What became of each ----------------------------------------------------------------------------------


def test_a_message_shows_its_reason_and_its_outcome(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    set_values(
        message, state=State.SENT, sent_at=NOON, answer="250 2.0.0 Ok: queued as 4XyZ", attempts=2, next_attempt_at=None
    )
    page = page_text(admin.get(f"{HOME}details/?id={message.id}"))
    for expected_text in (
        "Subject first",
        "To first@example.com",
        "Reason A review is due on 30 Jun 2026",
        "Purpose Review due",
        "Our Telecom customer 0",
        "Tried 2 times",
        "Server response 250 2.0.0 Ok: queued as 4XyZ",
        "Reason key first",
    ):
        assert expected_text in page, expected_text


@pytest.mark.parametrize(
    ("values", "state_text"),
    [
        ({"attempts": 0}, ""),
        ({"attempts": 1, "next_attempt_at": NOON + timedelta(minutes=125)}, "Tried once, again at 14:05"),
        ({"attempts": 3, "next_attempt_at": NOON + timedelta(days=1)}, "Tried 3 times, again on 1 Jul 2026, 12:00"),
        ({"attempts": 3, "next_attempt_at": NOON - timedelta(seconds=5)}, "Tried 3 times, again within a minute"),
        ({"attempts": 1, "claimed_until": NOON + timedelta(minutes=1)}, "Sending"),
        ({"report_on": date(2026, 6, 30)}, "Waiting for the report"),
        ({"attempts": 9, "state": State.FAILED, "next_attempt_at": None, "last_error": "550 no"}, "Tried 9 times"),
        ({"state": State.CANCELLED, "next_attempt_at": None}, ""),
    ],
)
def test_attempts_and_the_next_step_are_described_in_words(
    organisations: TwoOrganisations, message: models.OutboxMessage, values: dict[str, Any], state_text: str
) -> None:
    set_values(message, **({"next_attempt_at": NOON} | values))
    with time_machine.travel(NOON, tick=False):
        admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
        row = page_text(admin.get(HOME)).rpartition("Review due")[2].partition("1 to 1")[0]
    standing = f"{message.state.value.capitalize()} {state_text}".strip()
    assert re.fullmatch(re.escape(standing) + r" \d+ \w{3} \d{4}, \d\d:\d\d", row.strip())  # when it was written


def test_the_organisations_clock_is_used(organisations: TwoOrganisations, message: models.OutboxMessage) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Organisation, organisations.own.id).timezone = "Asia/Tokyo"
        set_values(message, attempts=2, next_attempt_at=NOON + timedelta(hours=2, minutes=5))
    with time_machine.travel(NOON, tick=False):
        admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
        assert "Tried 2 times, again at 23:05" in page_text(admin.get(HOME))
        set_values(message, next_attempt_at=NOON + timedelta(hours=3))
        assert "Tried 2 times, again on 1 Jul 2026, 00:00" in page_text(admin.get(HOME))


def test_the_reason_of_a_failure_is_given(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    set_values(message, attempts=1, last_error="451 <b>busy</b>")
    page = admin.get(f"{HOME}details/?id={message.id}")
    assert "Last attempt: 451 &lt;b&gt;busy&lt;/b&gt;" in page.text
    set_values(message, state=State.FAILED, last_error="550 no such user", next_attempt_at=None)
    assert "Not sent: 550 no such user" in page_text(admin.get(f"{HOME}details/?id={message.id}"))


def test_an_attachment_is_opened_by_who_may_see_the_outbox(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    file = db.session.get_one(models.StoredFile, store_certificate(organisations, PDF))
    with history.act_as(Actor(None, organisations.own.id), "test"):
        get_document(organisations).file_id = None
        outbox.attach(message, file)
        db.session.commit()
    page = admin.get(f"{HOME}details/?id={message.id}")
    assert f'href="/files/{file.id}"' in page.text
    answer = admin.get(f"/files/{file.id}")
    assert (answer.data, answer.mimetype) == (PDF, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("inline")
    for role, status in ((Role.MANAGER, 200), (Role.AGENT, 404), (Role.PARTNER, 404), (Role.CUSTOMER, 404)):
        assert (
            Browser(organisations.app, organisations.own.users[role]).get(f"/files/{file.id}").status_code == status
        ), role
    assert (
        Browser(organisations.app, organisations.foreign.users[Role.ADMIN]).get(f"/files/{file.id}").status_code == 404
    )


def listed_subjects(browser: Browser, *filters: str) -> set[str]:
    page = browser.get(HOME + "?" + "&".join(f"f={each}" for each in filters)).text
    return set(re.findall(r"Subject (first|second|third)", page))


# --- Finding one ------------------------------------------------------------------------------------------


def test_messages_are_found_by_state_customer_purpose_recipient_and_dates(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    other = enqueue_message(organisations, "second", customer_id=organisations.own.customers[1], purpose="test mail")
    enqueue_message(organisations, "third", customer_id=None, purpose="approval task")
    set_values(message, state=State.FAILED, last_error="550 no such user")
    set_values(other, state=State.SENT, sent_at=NOON, created_at=NOON - timedelta(days=3))
    everything = {"first", "second", "third"}
    assert listed_subjects(admin) == everything
    assert listed_subjects(admin, "state:is:failed") == {"first"}
    assert listed_subjects(admin, "state:not:failed") == {"second", "third"}
    assert listed_subjects(admin, "customer:has:CUSTOMER+1") == {"second"}
    assert listed_subjects(admin, "customer:is:Our+Telecom+customer+0") == {"first"}
    assert listed_subjects(admin, "customer:blank:") == {"third"}
    assert listed_subjects(admin, "customer:filled:") == {"first", "second"}
    assert listed_subjects(admin, "purpose:is:test+mail") == {"second"}
    assert listed_subjects(admin, "recipient:starts:third") == {"third"}
    assert listed_subjects(admin, "last_error:has:550") == {"first"}
    assert listed_subjects(admin, "sent_at:on:2026-06-30") == {"second"}
    assert listed_subjects(admin, "sent_at:from:2026-07-01") == set()
    assert listed_subjects(admin, "sent_at:to:2026-06-29") == set()
    assert listed_subjects(admin, "sent_at:blank:") == {"first", "third"}
    assert listed_subjects(admin, "created_at:to:2026-06-27") == {"second"}
    assert listed_subjects(admin, "created_at:from:2026-06-28") == everything - {"second"}
    assert listed_subjects(admin, "customer:has:Their") == set()


def test_a_day_is_the_organisations_own(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Organisation, organisations.own.id).timezone = "America/Los_Angeles"
        set_values(
            message, state=State.SENT, sent_at=datetime(2026, 7, 1, 6, 59, 59, tzinfo=UTC)
        )  # one second to midnight
    assert (
        listed_subjects(admin, "sent_at:on:2026-06-30") == listed_subjects(admin, "sent_at:to:2026-06-30") == {"first"}
    )
    assert listed_subjects(admin, "sent_at:on:2026-07-01") == listed_subjects(admin, "sent_at:from:2026-07-01") == set()
    set_values(message, sent_at=datetime(2026, 7, 1, 7, tzinfo=UTC))
    assert listed_subjects(admin, "sent_at:on:2026-06-30") == listed_subjects(admin, "sent_at:to:2026-06-30") == set()
    assert (
        listed_subjects(admin, "sent_at:on:2026-07-01")
        == listed_subjects(admin, "sent_at:from:2026-07-01")
        == {"first"}
    )


@pytest.mark.parametrize("screen", ["outbox/?f=sent_at", "alerts/?f=closed", "blacklist/?f=removed"])
@pytest.mark.parametrize("operator", ["on", "from", "to"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "today", "2026-01-31"])
def test_any_day_may_be_asked_for(
    organisations: TwoOrganisations, admin: Browser, screen: str, operator: str, day: str
) -> None:
    assert admin.get(f"/admin/{screen}:{operator}:{day}").status_code == 200


# --- What keeps mail from leaving -------------------------------------------------------------------------


def test_an_outage_shows_its_beginning_and_the_waiting_messages(
    organisations: TwoOrganisations, message: models.OutboxMessage, use_mail_server: Callable[..., None]
) -> None:
    use_mail_server("smtp://hub:secret@mail.example.com:2525")
    enqueue_message(organisations, "second")
    with time_machine.travel(NOON + timedelta(hours=3), tick=False):
        admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
        assert "has not responded" not in admin.get(HOME).text
        outages.record_outage("mail.example.com:2525", "mail.example.com: Connection refused", now=NOON)
        outages.record_outage("another.example.com:25", "no", now=NOON)
        db.session.commit()
        page = page_text(admin.get(HOME))
        assert "The mail server mail.example.com:2525 has not responded since 12:00: 2 messages are waiting." in page
        assert "Last error: mail.example.com: Connection refused" in page
        assert "secret" not in page
        set_values(message, state=State.SENT, sent_at=NOON)
        assert "since 12:00: 1 message is waiting." in page_text(admin.get(HOME))
    with time_machine.travel(NOON + timedelta(days=2), tick=False):
        admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
        assert "has not responded since 30 Jun 2026, 12:00: 1 message is waiting." in page_text(admin.get(HOME))
    outages.clear_outage("mail.example.com:2525")
    db.session.commit()
    assert "has not responded" not in Browser(organisations.app, organisations.own.users[Role.ADMIN]).get(HOME).text


def test_a_banner_says_that_messages_are_held(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage, use_mail_server: Callable[..., None]
) -> None:
    use_mail_server(None)
    assert "No mail server is configured" not in admin.get(HOME).text
    set_values(message, state=State.HELD, next_attempt_at=None)
    page = page_text(admin.get(HOME))
    assert "No mail server is configured (SMTP_URL): 1 message is kept here and not sent." in page
    use_mail_server("smtp://mail.example.com")
    page = admin.get(HOME)
    assert "1 message was not sent because no mail server was configured." in page_text(page)
    assert 'href="/admin/outbox/?f=state:is:held"' in page.text.replace("%3A", ":")


def test_an_empty_outbox_says_what_it_is_for(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    db.session.delete(message)
    db.session.commit()
    page = page_text(admin.get(HOME))
    assert "No messages yet" in page
    assert "Invitations, reminders and all other emails appear here before they are sent." in page


# --- What people decide -----------------------------------------------------------------------------------


def test_several_are_cancelled_at_once_and_what_is_under_way_is_left_out(
    organisations: TwoOrganisations, admin: Browser, message: models.OutboxMessage
) -> None:
    under_way, sent = enqueue_message(organisations, "second"), enqueue_message(organisations, "third")
    set_values(under_way, claimed_until=clock.get_now() + timedelta(minutes=5))
    set_values(sent, state=State.SENT, sent_at=NOON)
    url = f"{HOME}operation/cancel/?id={message.id}&id={under_way.id}&id={sent.id}"
    page = page_text(admin.get(url))
    assert "Subject second This message is being sent. Try again in a minute" in page
    assert "Subject third Cannot cancel: this message is sent" in page
    assert admin.submit(url).status_code == 200
    assert [each.state for each in (message, under_way, sent)] == [State.CANCELLED, State.WAITING, State.SENT]
    assert admin.submit(f"{HOME}operation/send-again/?id={message.id}").status_code == 303
    assert message.state is State.WAITING
