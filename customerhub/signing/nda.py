"""The NDA of an invoice profile as PDF, from the organisation's template.

Where a signature goes stands a text that nobody sees and that occurs nowhere else: the signing service looks for it.
"""

import io
from typing import Any, Final

from customerhub.core import dates
from customerhub.core.errors import Invalid
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.pdf import Document, TypesettingError, build_pdf
from customerhub.mail import markup
from customerhub.mail.letterhead import choose_brand, find_default_entity, format_address, get_letterhead
from models import Customer, Envelope, Organisation
from models.base import db
from models.signing_enums import SignerRole

TEMPLATE: Final = "nda.typ"
TITLE: Final = "Non-disclosure agreement"
FILE_NAME: Final = "NDA.pdf"
NO_VALUE: Final = "–"


def build_nda(envelope: Envelope) -> bytes:
    """The NDA that `envelope` asks to sign. Raises Invalid where it cannot be made."""
    organisation = db.session.get_one(Organisation, envelope.organisation_id)
    customer = db.session.get_one(Customer, envelope.customer_id)
    values = _build_values(organisation, customer, envelope.invoice_profile)
    fields = [
        {"party": _name_party(role, values), "name": signer.name, "anchor": anchor}
        for signer in envelope.signers
        for role, anchor in _list_anchors(signer.role, envelope)
    ]
    pdf = typeset(_build_document(organisation, customer, values, fields))
    check_anchors(pdf, [str(each["anchor"]) for each in fields])
    return pdf


def build_preview(organisation: Organisation, customer: Customer, profile: Any) -> Document:
    """How the NDA of `profile` would look if it was sent today. See `typeset`."""
    values = _build_values(organisation, customer, profile)
    signers = ((SignerRole.ORGANISATION, organisation.signatory_name), (SignerRole.CLIENT, profile.name))
    fields = [{"party": _name_party(role, values), "name": name or NO_VALUE, "anchor": ""} for role, name in signers]
    return _build_document(organisation, customer, values, fields)


def _list_anchors(role: SignerRole, envelope: Envelope) -> list[tuple[SignerRole, str]]:
    pairs = [
        (SignerRole.ORGANISATION, envelope.organisation_anchor),
        (SignerRole.CLIENT, envelope.client_anchor),
    ]
    return [pair for pair in pairs if role in (pair[0], SignerRole.BOTH)]


def _name_party(role: SignerRole, values: dict[str, str]) -> str:
    """Whom a signer binds."""
    return values["organisation_registered_name" if role is SignerRole.ORGANISATION else "customer"]


def _build_values(organisation: Organisation, customer: Customer, profile: Any) -> dict[str, str]:
    entity = customer.business_entity or find_default_entity(organisation.id)
    address = next((str(each) for each in sorted(customer.addresses, key=lambda each: each.kind != "registered")), None)
    values = {
        "organisation": organisation.name,
        "organisation_registered_name": entity.registered_name if entity else organisation.name,
        "organisation_address": format_address(entity) if entity else None,
        "organisation_registration_number": entity.registration_number if entity else None,
        "signatory": organisation.signatory_name,
        "client": profile.name,
        "client_email": profile.email,
        "customer": customer.name,
        "account_number": customer.account_number,
        "customer_registration_number": customer.registration_number,
        "customer_address": address,
        "today": dates.format_date(organisation_today(organisation.id), organisation.date_format),
    }
    return {name: value or NO_VALUE for name, value in values.items()}


def _build_document(
    organisation: Organisation, customer: Customer, values: dict[str, str], fields: list[dict[str, Any]]
) -> Document:
    brand = choose_brand(customer, get_letterhead(organisation.id))
    data = {
        "title": TITLE,
        "brand": brand.name,
        "accent": brand.colour,
        "foot": list(brand.foot),
        "blocks": markup.render_runs(organisation.nda_template or "", values),
        "fields": fields,
        "parties": f"{values['organisation_registered_name']} · {values['customer']}",
    }
    return Document(TEMPLATE, data)


def typeset(document: Document) -> bytes:
    """An NDA as PDF; needs no database. Raises Invalid where it cannot be made."""
    try:
        return build_pdf(document)
    except TypesettingError as error:
        raise Invalid(f"The NDA cannot be made: {error}") from error


def check_anchors(pdf: bytes, anchors: list[str]) -> None:
    """Raises Invalid unless each of `anchors` is found in `pdf` exactly once: fields would be missing, or doubled."""
    from pypdf import PdfReader

    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    compact_text = "".join(text.split())
    if any(compact_text.count(anchor) != 1 for anchor in anchors):
        raise Invalid("The NDA cannot be made: the places of the signatures are not found in it")
