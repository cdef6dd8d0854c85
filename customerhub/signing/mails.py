"""The mails about signatures: to all signers, and to whoever asked for them, once for each envelope and outcome."""

from collections.abc import Iterator
from typing import Final

from customerhub.core.public_urls import build_customer_url
from customerhub.customers.signature_requests import fold_address
from customerhub.mail import composition, outbox
from customerhub.mail.letterhead import Letterhead, get_letterhead
from customerhub.mail.markup import render_literal
from customerhub.mail.recipients import is_mailable
from models import Envelope
from models.enums import Role
from models.signing_enums import EnvelopeStatus

PURPOSE: Final = "document signature"
TAB: Final = "profiles"


def notify_of_end(envelope: Envelope) -> None:
    """Notify all signers and the author of an envelope that was completed, or was not signed."""
    letterhead = get_letterhead(envelope.organisation_id)
    outbox.enqueue_many(_build_drafts(envelope, letterhead))


def _build_drafts(envelope: Envelope, letterhead: Letterhead) -> Iterator[outbox.Draft]:
    subject, paragraphs = _describe_end(envelope, letterhead.organisation)
    for name, email, is_author in _list_recipients(envelope):
        link = build_customer_url(envelope.customer_id, TAB)
        mail = composition.compose(
            subject=subject,
            body=render_literal(f"Hello {name},", *paragraphs),
            brand=letterhead.brand,
            button=("Open the document", link) if is_author else None,
        )
        yield outbox.Draft(
            organisation_id=envelope.organisation_id,
            reason_key=f"envelope {envelope.id} {envelope.status.value} {fold_address(email)}"[:200],
            purpose=PURPOSE,
            recipient=email,
            subject=mail.subject,
            text_body=mail.text,
            html_body=mail.html,
            customer_id=envelope.customer_id,
            why=f"{envelope}: {envelope.status.value}",
        )


def _describe_end(envelope: Envelope, organisation: str) -> tuple[str, tuple[str, ...]]:
    document = f"the non-disclosure agreement between {organisation} and {envelope.invoice_profile.name}"
    if envelope.status is EnvelopeStatus.COMPLETED:
        return "Signed by all: non-disclosure agreement", (f"All parties have signed {document}.",)
    outcomes = {
        EnvelopeStatus.DECLINED: ("declined", f"A signer has declined {document}."),
        EnvelopeStatus.VOIDED: ("withdrawn", f"The request to sign {document} was withdrawn."),
        EnvelopeStatus.EXPIRED: ("expired", f"The request to sign {document} has expired."),
    }
    word, sentence = outcomes[envelope.status]
    reason = (f"Reason: {envelope.end_reason}",) if envelope.end_reason else ()
    return f"Signature {word}: non-disclosure agreement", (sentence, *reason)


def _list_recipients(envelope: Envelope) -> Iterator[tuple[str, str, bool]]:
    """(name, address, whether they asked for it), each address once."""
    author = envelope.requested_by
    people = [(signer.name, signer.email, False) for signer in envelope.signers]
    if author is not None and author.active:
        people.insert(0, (author.name, author.email, author.role not in (Role.PARTNER, Role.CUSTOMER)))
    known_addresses = set()
    for name, email, is_author in people:
        if is_mailable(email) and fold_address(email) not in known_addresses:
            known_addresses.add(fold_address(email))
            yield name, email, is_author
