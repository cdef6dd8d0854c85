"""The test mail: what the mail server answers."""

import time
from collections.abc import Callable
from typing import Any

import pytest

import models
from models.base import db
from models.enums import OutboxState, Role
from tests.support.browser_client import Browser
from tests.support.faulty_mail_server import DropConnection, HangConnection, run_faulty_server
from tests.support.outbox_pages import page_text
from tests.support.servers import free_port
from tests.support.two_organisations import TwoOrganisations

State = OutboxState
HOME = "/admin/outbox/"


MAIL_CHECK_URL = f"{HOME}test/"


def send_test_mail(browser: Browser, recipient: str = "kim@example.com") -> tuple[str, models.OutboxMessage]:
    """What the page says that a test mail leads to, and the message."""
    answer = browser.submit(MAIL_CHECK_URL, recipient=recipient)
    assert answer.status_code == 303, page_text(answer)
    page = page_text(browser.get(answer.location))
    messages = db.session.query(models.OutboxMessage).filter_by(purpose="test mail").order_by(models.OutboxMessage.id)
    return page, messages.all()[-1]


def test_a_test_mail_shows_what_the_server_says(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None]
) -> None:
    with run_faulty_server(content=["250 2.0.0 Ok: queued as 4XyZ"]) as server:
        use_mail_server(server.url)
        page = page_text(admin.get(MAIL_CHECK_URL))
        assert f"sent through the mail server 127.0.0.1:{server.port} immediately" in page
        own = db.session.get_one(models.User, organisations.own.users[Role.ADMIN]).email
        assert admin.read_form(MAIL_CHECK_URL)["recipient"] == [own]
        page, message = send_test_mail(admin)
        assert "Accepted by the mail server: 250 2.0.0 Ok: queued as 4XyZ" in page
        assert (message.state, message.recipient, message.attempts) == (State.SENT, "kim@example.com", 1)
        assert message.why == "The admin checked mail delivery"
        assert len(server.accepted_ids) == 1


@pytest.mark.parametrize(
    ("fault", "server_answer"),
    [
        ({"RCPT": "550 5.7.1 relaying denied"}, "550 5.7.1 relaying denied"),
        ({"content": "451 4.7.1 try again later"}, "451 4.7.1 try again later"),
        ({"greeting": DropConnection}, "127.0.0.1: Connection unexpectedly closed"),
        ({"greeting": "554 go away"}, "127.0.0.1: 554 go away"),
    ],
)
def test_a_test_mail_that_fails_says_why_and_is_not_tried_again(
    organisations: TwoOrganisations,
    admin: Browser,
    use_mail_server: Callable[..., None],
    fault: dict[str, Any],
    server_answer: str,
) -> None:
    with run_faulty_server(**fault) as server:
        use_mail_server(server.url)
        page, message = send_test_mail(admin)
        assert f"Not sent: {server_answer}" in page
        assert f"Not sent: {server_answer}" in page
        assert (message.state, message.next_attempt_at) == (State.FAILED, None)


def test_a_test_mail_to_a_server_that_is_not_there_says_so(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None]
) -> None:
    use_mail_server(f"smtp://127.0.0.1:{free_port()}")
    assert "Not sent: 127.0.0.1: Connection refused" in send_test_mail(admin)[0]


@pytest.mark.parametrize("step", ["greeting", "content"])
@pytest.mark.slow
def test_nobody_waits_long_for_a_test_mail(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None], step: str
) -> None:
    with run_faulty_server(**{step: HangConnection}) as server:
        use_mail_server(server.url)
        began = time.monotonic()
        page, _message = send_test_mail(admin)
        assert time.monotonic() - began < 14
    assert "Not sent: 127.0.0.1: no response in time" in page


def test_without_a_mail_server_a_test_mail_is_kept_and_the_setting_is_named(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None]
) -> None:
    use_mail_server(None)
    assert "To send emails, set SMTP_URL to an address such as smtp://" in page_text(admin.get(MAIL_CHECK_URL))
    page, message = send_test_mail(admin)
    assert "Not sent: no mail server is configured (SMTP_URL). The message is kept in the outbox." in page
    assert message.state is State.HELD


@pytest.mark.parametrize(
    "recipient", ["", "nonsense", "a@b.example, c@d.example", "kim@example.com\r\nBcc: x@y.example"]
)
def test_a_test_mail_goes_to_one_address(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None], recipient: str
) -> None:
    use_mail_server(None)
    answer = admin.submit(MAIL_CHECK_URL, recipient=recipient)
    assert answer.status_code == 422
    assert db.session.query(models.OutboxMessage).filter_by(purpose="test mail").count() == 0


def test_a_form_sent_twice_sends_one_test_mail(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None]
) -> None:
    with run_faulty_server() as server:
        use_mail_server(server.url)
        form = admin.read_form(MAIL_CHECK_URL)
        first, second = admin.post(MAIL_CHECK_URL, form), admin.post(MAIL_CHECK_URL, form)
        assert first.location == second.location
        assert len(server.accepted_ids) == 1


def test_test_mails_are_few(
    organisations: TwoOrganisations, admin: Browser, use_mail_server: Callable[..., None]
) -> None:
    use_mail_server(None)
    answers = [admin.submit(MAIL_CHECK_URL).status_code for _ in range(7)]
    assert answers == [*[303] * 6, 429]
    assert Browser(organisations.app, organisations.foreign.users[Role.ADMIN]).submit(MAIL_CHECK_URL).status_code == 303
