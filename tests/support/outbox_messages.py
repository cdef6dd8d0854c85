"""Messages for the tests of mail, and the server they are sent through."""

from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import inspect, select
from sqlalchemy.orm import scoped_session

from customerhub.core import clock
from customerhub.mail import outbox
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState
from tests.support.people import make_organisation

UseMailServer = Callable[..., None]
_numbers = count(1)


@pytest.fixture
def use_mail_server(session_app: Flask, monkeypatch: pytest.MonkeyPatch) -> UseMailServer:
    """Sends through the server at an address from now on."""

    def use_mail_server(smtp_url: str | None, **more: Any) -> None:
        settings = session_app.config["HUB"].model_copy(update={"smtp_url": smtp_url, **more})
        monkeypatch.setitem(session_app.config, "HUB", settings)

    return use_mail_server


def enqueue_message(reason: str, **values: Any) -> OutboxMessage:
    """A message that is due, of an organisation of its own."""
    organisation = make_organisation(f"Example {reason}")
    message = outbox.enqueue(
        **{
            "organisation_id": organisation.id,
            "reason_key": reason,
            "purpose": "review due",
            "recipient": "kim@example.com",
            "subject": "Grüße",
            "text_body": "Hello\n.\nbye",
            "html_body": "<p>ä</p>",
            **values,
        }
    )
    db.session.commit()
    return message


def enqueue_messages(number: int, **values: Any) -> list[OutboxMessage]:
    """Messages that are due one after the other, all of one organisation."""
    organisation = make_organisation(f"Example {next(_numbers)}")
    drafts = [
        outbox.Draft(
            organisation_id=organisation.id,
            reason_key=f"message {place}",
            purpose="test",
            recipient=f"kim{place}@example.com",
            subject=f"Message {place}",
            text_body="Hello",
            html_body="<p>Hello</p>",
            **values,
        )
        for place in range(number)
    ]
    with outbox.without_dispatch():
        ids = outbox.enqueue_many(drafts)
        db.session.commit()
    messages = [db.session.get_one(OutboxMessage, message_id) for message_id in ids]
    db.session.rollback()  # others are to write as well
    return messages


def list_states(messages: list[OutboxMessage]) -> list[OutboxState]:
    """How these messages stand in the database, in their order. Nobody is kept from writing."""
    db.session.rollback()
    found = db.session.execute(select(OutboxMessage.id, OutboxMessage.state)).all()
    db.session.rollback()
    by_id = {row.id: row.state for row in found}
    return [by_id[inspect(message).identity[0]] for message in messages]


def travel_forward(pause: timedelta) -> Any:
    """That much later than now, for as long as the block lasts."""
    return time_machine.travel(clock.get_now() + pause)


DatabaseSession = scoped_session[Any]


def list_errors(messages: list[OutboxMessage]) -> list[str | None]:
    db.session.expire_all()
    last_errors = [message.last_error for message in messages]
    db.session.rollback()
    return last_errors
