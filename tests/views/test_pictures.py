"""A logo goes with every mail that names it, and is seen wherever the mail is shown."""

import struct
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import SMTP
from io import BytesIO

import pytest
from sqlalchemy import select

import models
from customerhub import delivery, history, outbox, pictures, storage
from customerhub.notifications.letterhead import letterhead_of
from customerhub.notifications.mailing import compose
from customerhub.notifications.wording import literally
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests.browsing import Browser
from tests.world import World

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def png(width: int = 4, height: int = 2) -> bytes:
    """A red rectangle."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xd0\x20\x30" * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def with_logo(world: World, content: bytes, organisation_id: int | None = None) -> models.StoredFile:
    """The logo of the organisation's first business entity."""
    key = organisation_id or world.ours.id
    actor = Actor(None, key)
    with history.acting(actor, "test"):
        file = storage.store(BytesIO(content), "logo", None, organisation_id=key, actor=actor)
        entity = letter_entity(key)
        entity.logo_id = file.id
        db.session.commit()
    return file


def letter_entity(organisation_id: int) -> models.BusinessEntity:
    found = (models.BusinessEntity.organisation_id == organisation_id, models.BusinessEntity.active)
    entity = db.session.scalars(select(models.BusinessEntity).where(*found).order_by("id")).first()
    assert entity is not None
    return entity


def put(world: World, text: str = "Hello", *, html: str | None = None) -> models.OutboxMessage:
    mail = compose(subject="Review", body=literally(text), brand=letterhead_of(world.ours.id).brand)
    message = outbox.put(
        organisation_id=world.ours.id, reason_key="picture", purpose="review due", recipient="kim@example.com",
        subject=mail.subject, text_body=mail.text, html_body=html or mail.html,
    )  # fmt: skip
    db.session.commit()
    return message


def sent(message: models.OutboxMessage):
    assert message.next_attempt_at is not None
    [letter] = delivery.claim(now=message.next_attempt_at, message_id=message.id)
    content = delivery.compose(letter, fallback_sender="no-reply@hub.example.com").content
    db.session.rollback()
    return message_from_bytes(content, policy=SMTP)


def test_it_lies_beside_the_html_that_names_it(world: World):
    file = with_logo(world, png())
    message = put(world)
    mail = sent(message)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip
    *_, picture = mail.walk()
    assert picture.get_payload(decode=True) == png()
    assert picture["Content-ID"] == f"<{file.storage_key}@customer-hub>"
    assert picture.get_content_disposition() == "inline"
    html = mail.get_body(("html",)).get_content()
    assert f'<img src="cid:{file.storage_key}@customer-hub" alt="{letter_entity(world.ours.id).name}"' in html


def test_it_goes_with_attachments_too(world: World):
    with_logo(world, png())
    message = put(world)
    actor = Actor(None, world.ours.id)
    with history.acting(actor, "test"):
        file = storage.store(BytesIO(b"%PDF-1"), "a.pdf", None, organisation_id=world.ours.id, actor=actor)
        db.session.add(models.OutboxAttachment(organisation_id=world.ours.id, message_id=message.id, file_id=file.id))
        db.session.commit()
    assert [part.get_content_type() for part in sent(message).walk()] == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
        "application/pdf",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "content", [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", png() + b"\0" * pictures.LARGEST]
)
def test_what_mail_programs_cannot_show_or_is_too_large_leaves_the_name(world: World, content: bytes):
    with_logo(world, content)
    mail = sent(put(world))
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    html = mail.get_body(("html",)).get_content()
    assert "<img" not in html
    assert f">{letter_entity(world.ours.id).name}</td>" in html


def test_one_that_is_gone_keeps_no_mail_from_being_sent(world: World):
    file = with_logo(world, png())
    message = put(world)
    storage._storage().store.remove(file.storage_key)
    assert "image/png" not in [part.get_content_type() for part in sent(message).walk()]
    assert 'src=""' in pictures.as_seen(message.html_body, world.ours.id)


def test_a_picture_of_others_is_not_sent_and_not_shown(world: World):
    theirs = with_logo(world, png(), world.theirs.id)
    message = put(world, html=f'<p><img src="{pictures.address_of(theirs)}"></p>')
    assert "image/png" not in [part.get_content_type() for part in sent(message).walk()]
    assert "base64" not in pictures.as_seen(message.html_body, world.ours.id)


def test_nobody_writes_a_picture_into_a_text(world: World):
    file = with_logo(world, png())
    address = pictures.address_of(file)
    with history.acting(Actor(None, world.ours.id), "test"):
        letter_entity(world.ours.id).logo_id = None
        db.session.commit()
    message = put(world, f'<img src="{address}"> ![x]({address}) src="{address}"')
    assert "image/png" not in [part.get_content_type() for part in sent(message).walk()]


def test_it_is_seen_in_the_outbox_and_in_a_preview(world: World):
    with_logo(world, png())
    message = put(world)
    inside = f'<img src="data:image/png;base64,{b64encode(png()).decode()}"'
    admin = Browser(world.app, world.ours.users[Role.ADMIN])
    template = db.session.scalars(
        select(models.NotificationTemplate).where(models.NotificationTemplate.organisation_id == world.ours.id)
    ).first()
    for address in (f"/admin/outbox/message/?id={message.id}", f"/admin/templates/preview/?id={template.id}"):
        answer = admin.get(address)
        assert inside in answer.text, address
        assert "img-src data:" in answer.headers["Content-Security-Policy"]
        assert "cid:" not in answer.text
