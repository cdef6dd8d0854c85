"""A mail that only tells whether mail works."""

from typing import Final

from customerhub import clock, outbox
from customerhub.notifications import mailing
from customerhub.notifications.letterhead import letterhead_of
from customerhub.notifications.wording import literally
from customerhub.permissions import Actor, Permission, require
from models import OutboxMessage

PURPOSE: Final = "test mail"


def put_trial(recipient: str, *, actor: Actor) -> OutboxMessage:
    """A test mail to `recipient`. Raises Invalid where that is no email address, NotAllowed."""
    require(actor, Permission.OUTBOX_SEND)
    letterhead = letterhead_of(actor.organisation_id)
    mail = mailing.compose(
        subject="Test mail",
        body=literally(
            f"This is a test mail of {letterhead.organisation}.",
            f"{actor.name} sent it to see whether mail arrives. It does, and there is nothing to do.",
        ),
        brand=letterhead.brand,
    )
    return outbox.put(
        organisation_id=actor.organisation_id,
        reason_key=f"{PURPOSE} {actor.id} {clock.now().isoformat()}",
        purpose=PURPOSE,
        recipient=recipient,
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
        why=f"{actor.name} wanted to know whether mail arrives",
    )
