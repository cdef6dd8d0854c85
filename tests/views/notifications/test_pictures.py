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
from customerhub.core import history, services, storage
from customerhub.core.permissions import Actor
from customerhub.mail import delivery, inline_images, outbox
from customerhub.mail.composition import compose
from customerhub.mail.letterhead import get_letterhead
from customerhub.mail.markup import render_literal
from customerhub.mail.smtp_mail import build_smtp_mail
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.pictures import build_blank_png
from tests.support.two_organisations import TwoOrganisations

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def build_png(width: int = 4, height: int = 2) -> bytes:
    """A red rectangle."""

    def build_chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xd0\x20\x30" * width) * height
    return (
        b"\x89PNG\r\n\x1a\n"
        + build_chunk(b"IHDR", head)
        + build_chunk(b"IDAT", zlib.compress(rows))
        + build_chunk(b"IEND", b"")
    )


def set_logo(organisations: TwoOrganisations, content: bytes, organisation_id: int | None = None) -> models.StoredFile:
    """The logo of the organisation's first business entity."""
    key = organisation_id or organisations.own.id
    actor = Actor(None, key)
    with history.act_as(actor, "test"):
        file = storage.store_file(BytesIO(content), "logo", None, organisation_id=key, actor=actor)
        entity = letterhead_entity(key)
        entity.logo_id = file.id
        db.session.commit()
    return file


def letterhead_entity(organisation_id: int) -> models.BusinessEntity:
    condition = (models.BusinessEntity.organisation_id == organisation_id, models.BusinessEntity.active)
    entity = db.session.scalars(select(models.BusinessEntity).where(*condition).order_by("id")).first()
    assert entity is not None
    return entity


def enqueue_message(
    organisations: TwoOrganisations, text: str = "Hello", *, html: str | None = None
) -> models.OutboxMessage:
    mail = compose(subject="Review", body=render_literal(text), brand=get_letterhead(organisations.own.id).brand)
    message = outbox.enqueue(
        organisation_id=organisations.own.id,
        reason_key="picture",
        purpose="review due",
        recipient="kim@example.com",
        subject=mail.subject,
        text_body=mail.text,
        html_body=html or mail.html,
    )
    db.session.commit()
    return message


def rendered_mail(message: models.OutboxMessage):
    assert message.next_attempt_at is not None
    [letter] = delivery.claim(now=message.next_attempt_at, message_id=message.id)
    content = build_smtp_mail(letter, fallback_sender="no-reply@hub.example.com").content
    db.session.rollback()
    return message_from_bytes(content, policy=SMTP)


def test_it_lies_beside_the_html_that_names_it(organisations: TwoOrganisations):
    file = set_logo(organisations, build_png())
    message = enqueue_message(organisations)
    mail = rendered_mail(message)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    *_, picture = mail.walk()
    assert picture.get_payload(decode=True) == build_png()
    assert picture["Content-ID"] == f"<{file.storage_key}@customer-hub>"
    assert picture.get_content_disposition() == "inline"
    html = mail.get_body(("html",)).get_content()
    assert (
        f'<img src="cid:{file.storage_key}@customer-hub" alt="{letterhead_entity(organisations.own.id).name}"' in html
    )


def test_it_goes_with_attachments_too(organisations: TwoOrganisations):
    set_logo(organisations, build_png())
    message = enqueue_message(organisations)
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        file = storage.store_file(BytesIO(b"%PDF-1"), "a.pdf", None, organisation_id=organisations.own.id, actor=actor)
        db.session.add(
            models.OutboxAttachment(organisation_id=organisations.own.id, message_id=message.id, file_id=file.id)
        )
        db.session.commit()
    assert [part.get_content_type() for part in rendered_mail(message).walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]


@pytest.mark.parametrize(
    "content",
    [b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7", build_png() + b"\0" * inline_images.MAX_BYTES],
)
def test_what_mail_programs_cannot_show_or_is_too_large_leaves_the_name(
    organisations: TwoOrganisations, content: bytes
):
    set_logo(organisations, content)
    mail = rendered_mail(enqueue_message(organisations))
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    html = mail.get_body(("html",)).get_content()
    assert "<img" not in html
    assert f">{letterhead_entity(organisations.own.id).name}</td>" in html


def test_one_that_is_gone_keeps_no_mail_from_being_sent(organisations: TwoOrganisations):
    file = set_logo(organisations, build_png())
    message = enqueue_message(organisations)
    services.get_current().file_store.remove(file.storage_key)
    assert "image/png" not in [part.get_content_type() for part in rendered_mail(message).walk()]
    assert 'src=""' in inline_images.embed_images(message.html_body, organisations.own.id)


def test_one_with_too_many_pixels_is_not_sent_and_not_shown(organisations: TwoOrganisations):
    """It was stored before there was a limit."""
    set_logo(organisations, build_blank_png(12_000, 12_000))
    message = enqueue_message(organisations)
    assert "image/png" not in [part.get_content_type() for part in rendered_mail(message).walk()]
    assert 'src=""' in inline_images.embed_images(message.html_body, organisations.own.id)


def test_a_picture_of_others_is_not_sent_and_not_shown(organisations: TwoOrganisations):
    foreign_logo = set_logo(organisations, build_png(), organisations.foreign.id)
    message = enqueue_message(organisations, html=f'<p><img src="{inline_images.build_image_url(foreign_logo)}"></p>')
    assert "image/png" not in [part.get_content_type() for part in rendered_mail(message).walk()]
    assert "base64" not in inline_images.embed_images(message.html_body, organisations.own.id)


def test_nobody_writes_a_picture_into_a_text(organisations: TwoOrganisations):
    file = set_logo(organisations, build_png())
    address = inline_images.build_image_url(file)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        letterhead_entity(organisations.own.id).logo_id = None
        db.session.commit()
    message = enqueue_message(organisations, f'<img src="{address}"> ![x]({address}) src="{address}"')
    assert "image/png" not in [part.get_content_type() for part in rendered_mail(message).walk()]


def test_it_is_seen_in_the_outbox_and_in_a_preview(organisations: TwoOrganisations):
    set_logo(organisations, build_png())
    message = enqueue_message(organisations)
    inside = f'<img src="data:image/png;base64,{b64encode(build_png()).decode()}"'
    admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
    template = db.session.scalars(
        select(models.NotificationTemplate).where(models.NotificationTemplate.organisation_id == organisations.own.id)
    ).first()
    for address in (f"/admin/outbox/message/?id={message.id}", f"/admin/templates/preview/?id={template.id}"):
        answer = admin.get(address)
        assert inside in answer.text, address
        assert "img-src data:" in answer.headers["Content-Security-Policy"]
        assert "cid:" not in answer.text
