"""The outbox as people read it: what became of each message, what comes next, and what keeps mail from leaving."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine

import models
from customerhub import clock, delivery, history, outbox
from customerhub.permissions import Actor
from models.base import db
from models.enums import OutboxState, Role
from tests.browsing import Browser
from tests.faulty_mail_server import Drop, Hang, faulty
from tests.servers import free_port
from tests.views.test_files import PDF, document, kept
from tests.world import World

S = OutboxState
HOME = "/admin/outbox/"
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


def text_of(page: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


@pytest.fixture
def use(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(smtp_url: str | None) -> None:
        monkeypatch.setitem(world.app.config, "HUB", replace(world.app.config["HUB"], smtp_url=smtp_url))

    return use


@pytest.fixture
def message(world: World) -> models.OutboxMessage:
    """One about a customer of ours, the only one of ours."""
    for kept_row in (models.Reminder, models.OutboxAttachment, models.OutboxMessage):
        db.session.query(kept_row).filter_by(organisation_id=world.ours.id).delete()
    return put(world, "first", why="A review is due on 30 Jun 2026")


def put(world: World, reason: str, **values: Any) -> models.OutboxMessage:
    details = {
        "organisation_id": world.ours.id,
        "reason_key": reason,
        "purpose": "review due",
        "recipient": f"{reason}@example.com",
        "subject": f"Subject {reason}",
        "text_body": "Hello",
        "html_body": "<html><head></head><body>Hello</body></html>",
        "customer_id": world.ours.customers[0],
    }
    with outbox.unannounced():
        made = outbox.put(**(details | values))
        db.session.commit()
    return made


def set_to(message: models.OutboxMessage, **values: Any) -> None:
    for name, value in values.items():
        setattr(message, name, value)
    db.session.commit()


# --- What became of each ----------------------------------------------------------------------------------


def test_a_message_tells_why_it_was_written_and_what_became_of_it(
    world: World, admin: Browser, message: models.OutboxMessage
) -> None:
    set_to(message, state=S.SENT, sent_at=NOON, answer="250 2.0.0 Ok: queued as 4XyZ", attempts=2, next_attempt_at=None)
    page = text_of(admin.get(f"{HOME}details/?id={message.id}"))
    for told in (
        "Subject first", "To first@example.com", "Why A review is due on 30 Jun 2026", "Purpose Review due",
        "Our Telecom customer 0", "Tried 2 times", "The mail server said 250 2.0.0 Ok: queued as 4XyZ",
        "Reason key first",
    ):  # fmt: skip
        assert told in page, told


@pytest.mark.parametrize(("values", "told"), [
    ({"attempts": 0}, ""),
    ({"attempts": 1, "next_attempt_at": NOON + timedelta(minutes=125)}, "Tried once, again at 14:05"),
    ({"attempts": 3, "next_attempt_at": NOON + timedelta(days=1)}, "Tried 3 times, again on 1 Jul 2026, 12:00"),
    ({"attempts": 3, "next_attempt_at": NOON - timedelta(seconds=5)}, "Tried 3 times, again within a minute"),
    ({"attempts": 1, "claimed_until": NOON + timedelta(minutes=1)}, "Being sent now"),
    ({"report_on": date(2026, 6, 30)}, "Waits for its report"),
    ({"attempts": 9, "state": S.FAILED, "next_attempt_at": None, "last_error": "550 no"}, "Tried 9 times"),
    ({"state": S.CANCELLED, "next_attempt_at": None}, ""),
])  # fmt: skip
def test_how_often_it_was_tried_and_what_comes_next_is_told_in_words(
    world: World, message: models.OutboxMessage, values: dict[str, Any], told: str
) -> None:
    set_to(message, **({"next_attempt_at": NOON} | values))
    with time_machine.travel(NOON, tick=False):
        admin = Browser(world.app, world.ours.users[Role.ADMIN])
        row = text_of(admin.get(HOME)).rpartition("Review due")[2].partition("1 to 1")[0]
    standing = f"{message.state.value.capitalize()} {told}".strip()
    assert re.fullmatch(re.escape(standing) + r" \d+ \w{3} \d{4}, \d\d:\d\d", row.strip())  # when it was written


def test_the_organisations_clock_is_used(world: World, message: models.OutboxMessage) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Organisation, world.ours.id).timezone = "Asia/Tokyo"
        set_to(message, attempts=2, next_attempt_at=NOON + timedelta(hours=2, minutes=5))
    with time_machine.travel(NOON, tick=False):
        admin = Browser(world.app, world.ours.users[Role.ADMIN])
        assert "Tried 2 times, again at 23:05" in text_of(admin.get(HOME))
        set_to(message, next_attempt_at=NOON + timedelta(hours=3))
        assert "Tried 2 times, again on 1 Jul 2026, 00:00" in text_of(admin.get(HOME))


def test_what_went_wrong_is_told(world: World, admin: Browser, message: models.OutboxMessage) -> None:
    set_to(message, attempts=1, last_error="451 <b>busy</b>")
    page = admin.get(f"{HOME}details/?id={message.id}")
    assert "Last try: 451 &lt;b&gt;busy&lt;/b&gt;" in page.text
    set_to(message, state=S.FAILED, last_error="550 no such user", next_attempt_at=None)
    assert "Not sent: 550 no such user" in text_of(admin.get(f"{HOME}details/?id={message.id}"))


def test_an_attachment_is_opened_by_who_may_see_the_outbox(
    world: World, admin: Browser, message: models.OutboxMessage
) -> None:
    file = db.session.get_one(models.StoredFile, kept(world, PDF))
    with history.acting(Actor(None, world.ours.id), "test"):
        document(world).file_id = None
        outbox.attach(message, file)
        db.session.commit()
    page = admin.get(f"{HOME}details/?id={message.id}")
    assert f'href="/files/{file.id}"' in page.text
    answer = admin.get(f"/files/{file.id}")
    assert (answer.data, answer.mimetype) == (PDF, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("inline")
    for role, status in ((Role.MANAGER, 200), (Role.AGENT, 404), (Role.PARTNER, 404), (Role.CUSTOMER, 404)):
        assert Browser(world.app, world.ours.users[role]).get(f"/files/{file.id}").status_code == status, role
    assert Browser(world.app, world.theirs.users[Role.ADMIN]).get(f"/files/{file.id}").status_code == 404


# --- Finding one ------------------------------------------------------------------------------------------


def found(browser: Browser, *filters: str) -> set[str]:
    page = browser.get(HOME + "?" + "&".join(f"f={each}" for each in filters)).text
    return set(re.findall(r"Subject (first|second|third)", page))


def test_messages_are_found_by_state_customer_purpose_recipient_and_dates(
    world: World, admin: Browser, message: models.OutboxMessage
) -> None:
    other = put(world, "second", customer_id=world.ours.customers[1], purpose="test mail")
    put(world, "third", customer_id=None, purpose="approval task")
    set_to(message, state=S.FAILED, last_error="550 no such user")
    set_to(other, state=S.SENT, sent_at=NOON, created_at=NOON - timedelta(days=3))
    everything = {"first", "second", "third"}
    assert found(admin) == everything
    assert found(admin, "state:is:failed") == {"first"}
    assert found(admin, "state:not:failed") == {"second", "third"}
    assert found(admin, "customer:has:CUSTOMER+1") == {"second"}
    assert found(admin, "customer:is:Our+Telecom+customer+0") == {"first"}
    assert found(admin, "customer:blank:") == {"third"}
    assert found(admin, "customer:filled:") == {"first", "second"}
    assert found(admin, "purpose:is:test+mail") == {"second"}
    assert found(admin, "recipient:starts:third") == {"third"}
    assert found(admin, "last_error:has:550") == {"first"}
    assert found(admin, "sent_at:on:2026-06-30") == {"second"}
    assert found(admin, "sent_at:from:2026-07-01") == set()
    assert found(admin, "sent_at:to:2026-06-29") == set()
    assert found(admin, "sent_at:blank:") == {"first", "third"}
    assert found(admin, "created_at:to:2026-06-27") == {"second"}
    assert found(admin, "created_at:from:2026-06-28") == everything - {"second"}
    assert found(admin, "customer:has:Their") == set()


def test_a_day_is_the_organisations_own(world: World, admin: Browser, message: models.OutboxMessage) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.get_one(models.Organisation, world.ours.id).timezone = "America/Los_Angeles"
        set_to(message, state=S.SENT, sent_at=datetime(2026, 7, 1, 6, 59, 59, tzinfo=UTC))  # one second to midnight
    assert found(admin, "sent_at:on:2026-06-30") == found(admin, "sent_at:to:2026-06-30") == {"first"}
    assert found(admin, "sent_at:on:2026-07-01") == found(admin, "sent_at:from:2026-07-01") == set()
    set_to(message, sent_at=datetime(2026, 7, 1, 7, tzinfo=UTC))
    assert found(admin, "sent_at:on:2026-06-30") == found(admin, "sent_at:to:2026-06-30") == set()
    assert found(admin, "sent_at:on:2026-07-01") == found(admin, "sent_at:from:2026-07-01") == {"first"}


@pytest.mark.parametrize("screen", ["outbox/?f=sent_at", "alerts/?f=closed", "blacklist/?f=removed"])
@pytest.mark.parametrize("operator", ["on", "from", "to"])
@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "today", "2026-01-31"])
def test_any_day_may_be_asked_for(world: World, admin: Browser, screen: str, operator: str, day: str) -> None:
    assert admin.get(f"/admin/{screen}:{operator}:{day}").status_code == 200


# --- What keeps mail from leaving -------------------------------------------------------------------------


def test_it_is_told_since_when_the_mail_server_is_away_and_how_many_wait(
    world: World, message: models.OutboxMessage, use: Callable[..., None]
) -> None:
    use("smtp://hub:secret@mail.example.com:2525")
    put(world, "second")
    with time_machine.travel(NOON + timedelta(hours=3), tick=False):
        admin = Browser(world.app, world.ours.users[Role.ADMIN])
        assert "does not answer" not in admin.get(HOME).text
        delivery.note_outage("mail.example.com:2525", "mail.example.com: Connection refused", now=NOON)
        delivery.note_outage("another.example.com:25", "no", now=NOON)
        db.session.commit()
        page = text_of(admin.get(HOME))
        assert "The mail server mail.example.com:2525 does not answer since 12:00: 2 messages wait." in page
        assert "Last: mail.example.com: Connection refused" in page
        assert "secret" not in page
        set_to(message, state=S.SENT, sent_at=NOON)
        assert "since 12:00: 1 message waits." in text_of(admin.get(HOME))
    with time_machine.travel(NOON + timedelta(days=2), tick=False):
        admin = Browser(world.app, world.ours.users[Role.ADMIN])
        assert "does not answer since 30 Jun 2026, 12:00: 1 message waits." in text_of(admin.get(HOME))
    delivery.forget_outage("mail.example.com:2525")
    db.session.commit()
    assert "does not answer" not in Browser(world.app, world.ours.users[Role.ADMIN]).get(HOME).text


def test_it_is_told_that_messages_are_kept_here(
    world: World, admin: Browser, message: models.OutboxMessage, use: Callable[..., None]
) -> None:
    use(None)
    assert "No mail server is set" not in admin.get(HOME).text
    set_to(message, state=S.HELD, next_attempt_at=None)
    page = text_of(admin.get(HOME))
    assert "No mail server is set (SMTP_URL), so nothing leaves: 1 message is kept here." in page
    use("smtp://mail.example.com")
    page = admin.get(HOME)
    assert "1 message was kept while no mail server was set." in text_of(page)
    assert 'href="/admin/outbox/?f=state:is:held"' in page.text.replace("%3A", ":")


def test_an_empty_outbox_says_what_it_is_for(world: World, admin: Browser, message: models.OutboxMessage) -> None:
    db.session.delete(message)
    db.session.commit()
    page = text_of(admin.get(HOME))
    assert "No messages yet" in page
    assert "Invitations, reminders and all other mails appear here before they are sent." in page


# --- What people decide -----------------------------------------------------------------------------------


def test_several_are_cancelled_at_once_and_what_is_under_way_is_left_out(
    world: World, admin: Browser, message: models.OutboxMessage
) -> None:
    under_way, sent = put(world, "second"), put(world, "third")
    set_to(under_way, claimed_until=clock.now() + timedelta(minutes=5))
    set_to(sent, state=S.SENT, sent_at=NOON)
    url = f"{HOME}operation/cancel/?id={message.id}&id={under_way.id}&id={sent.id}"
    page = text_of(admin.get(url))
    assert "Subject second It is being sent just now. Look again in a minute" in page
    assert "Subject third This message is sent: there is nothing to cancel" in page
    assert admin.submit(url).status_code == 200
    assert [each.state for each in (message, under_way, sent)] == [S.CANCELLED, S.WAITING, S.SENT]
    assert admin.submit(f"{HOME}operation/send-again/?id={message.id}").status_code == 303
    assert message.state is S.WAITING


# --- The test mail ----------------------------------------------------------------------------------------

TRIAL = f"{HOME}test/"


def tried(browser: Browser, recipient: str = "kim@example.com") -> tuple[str, models.OutboxMessage]:
    """What the page says that a test mail leads to, and the message."""
    answer = browser.submit(TRIAL, recipient=recipient)
    assert answer.status_code == 303, text_of(answer)
    page = text_of(browser.get(answer.location))
    made = db.session.query(models.OutboxMessage).filter_by(purpose="test mail").order_by(models.OutboxMessage.id)
    return page, made.all()[-1]


def test_a_test_mail_shows_what_the_server_says(world: World, admin: Browser, use: Callable[..., None]) -> None:
    with faulty(content=["250 2.0.0 Ok: queued as 4XyZ"]) as server:
        use(server.url)
        page = text_of(admin.get(TRIAL))
        assert f"handed to the mail server 127.0.0.1:{server.port} at once" in page
        own = db.session.get_one(models.User, world.ours.users[Role.ADMIN]).email
        assert admin.form(TRIAL)["recipient"] == [own]
        page, message = tried(admin)
        assert "The mail server took it. It said: 250 2.0.0 Ok: queued as 4XyZ" in page
        assert (message.state, message.recipient, message.attempts) == (S.SENT, "kim@example.com", 1)
        assert message.why == "The admin wanted to know whether mail arrives"
        assert len(server.taken) == 1


@pytest.mark.parametrize(("fault", "told"), [
    ({"RCPT": "550 5.7.1 relaying denied"}, "550 5.7.1 relaying denied"),
    ({"content": "451 4.7.1 try again later"}, "451 4.7.1 try again later"),
    ({"greeting": Drop}, "127.0.0.1: Connection unexpectedly closed"),
    ({"greeting": "554 go away"}, "127.0.0.1: 554 go away"),
])  # fmt: skip
def test_a_test_mail_that_fails_says_why_and_is_not_tried_again(
    world: World, admin: Browser, use: Callable[..., None], fault: dict[str, Any], told: str
) -> None:
    with faulty(**fault) as server:
        use(server.url)
        page, message = tried(admin)
        assert f"It was not sent: {told}" in page
        assert f"Not sent: {told}" in page
        assert (message.state, message.next_attempt_at) == (S.FAILED, None)


def test_a_test_mail_to_a_server_that_is_not_there_says_so(
    world: World, admin: Browser, use: Callable[..., None]
) -> None:
    use(f"smtp://127.0.0.1:{free_port()}")
    assert "It was not sent: 127.0.0.1: Connection refused" in tried(admin)[0]


@pytest.mark.parametrize("step", ["greeting", "content"])
def test_nobody_waits_long_for_a_test_mail(world: World, admin: Browser, use: Callable[..., None], step: str) -> None:
    with faulty(**{step: Hang}) as server:
        use(server.url)
        began = time.monotonic()
        page, _message = tried(admin)
        assert time.monotonic() - began < 14
    assert "It was not sent: 127.0.0.1: it did not answer in time" in page


def test_without_a_mail_server_a_test_mail_is_kept_and_the_setting_is_named(
    world: World, admin: Browser, use: Callable[..., None]
) -> None:
    use(None)
    assert "To have mail sent, set SMTP_URL to an address such as smtp://" in text_of(admin.get(TRIAL))
    page, message = tried(admin)
    assert "It was kept here and nothing left, because no mail server is set (SMTP_URL)." in page
    assert message.state is S.HELD


@pytest.mark.parametrize(
    "recipient", ["", "nonsense", "a@b.example, c@d.example", "kim@example.com\r\nBcc: x@y.example"]
)
def test_a_test_mail_goes_to_one_address(
    world: World, admin: Browser, use: Callable[..., None], recipient: str
) -> None:
    use(None)
    answer = admin.submit(TRIAL, recipient=recipient)
    assert answer.status_code == 422
    assert db.session.query(models.OutboxMessage).filter_by(purpose="test mail").count() == 0


def test_a_form_sent_twice_sends_one_test_mail(world: World, admin: Browser, use: Callable[..., None]) -> None:
    with faulty() as server:
        use(server.url)
        form = admin.form(TRIAL)
        first, second = admin.post(TRIAL, form), admin.post(TRIAL, form)
        assert first.location == second.location
        assert len(server.taken) == 1


def test_test_mails_are_few(world: World, admin: Browser, use: Callable[..., None]) -> None:
    use(None)
    answers = [admin.submit(TRIAL).status_code for _ in range(7)]
    assert answers == [*[303] * 6, 429]
    assert Browser(world.app, world.theirs.users[Role.ADMIN]).submit(TRIAL).status_code == 303
