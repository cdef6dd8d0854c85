"""A test mail, to check the mail server's settings."""

from typing import Final

from customerhub.core import clock
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.mail import composition, outbox
from customerhub.mail.letterhead import get_letterhead
from customerhub.mail.markup import render_literal
from models import OutboxMessage

PURPOSE: Final = "test mail"


def enqueue_test_mail(recipient: str, *, actor: Actor) -> OutboxMessage:
    """A test mail to `recipient`. Raises Invalid where that is no email address, NotAllowed."""
    require_permission(actor, Permission.OUTBOX_SEND)
    letterhead = get_letterhead(actor.organisation_id)
    mail = composition.compose(
        subject="Test mail",
        body=render_literal(
            f"This is a test mail from {letterhead.organisation}.",
            f"{actor.name} sent it to check mail delivery. No action is needed.",
        ),
        brand=letterhead.brand,
    )
    return outbox.enqueue(
        organisation_id=actor.organisation_id,
        reason_key=f"{PURPOSE} {actor.id} {clock.get_now().isoformat()}",
        purpose=PURPOSE,
        recipient=recipient,
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
        why=f"{actor.name} checked mail delivery",
    )
