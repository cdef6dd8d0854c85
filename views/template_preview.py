"""The preview of a template: the mail as it would go out today, about a customer or with sample values."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask import Response, abort, render_template, request
from markupsafe import Markup
from wtforms import Form

from customerhub import clock
from customerhub.errors import Invalid
from customerhub.notifications.letterhead import letterhead_of
from customerhub.notifications.mailing import reminder_mail, sample_mail
from customerhub.notifications.templates import check_template
from customerhub.permissions import Actor, Permission, require, scope
from customerhub.pictures import as_seen
from models import ComplianceDocument, Customer, NotificationTemplate, Organisation
from models.base import db
from models.enums import TemplatePurpose
from views.choices import Source
from views.fields import LookupField

ABOUT_CUSTOMERS = (TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE)
LOOKUP = "preview.customer"
CUSTOMERS = Source(Customer)
FRAMED = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
LONGEST = {"subject": 200, "body": 20_000}
_INSIDE = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)


class PreviewForm(Form):
    """For whom a preview is shown."""

    preview_customer = LookupField(
        "Show it for", source=CUSTOMERS, lookup=LOOKUP, render_kw={"placeholder": "Sample values, or type a customer"}
    )


@dataclass
class Preview:
    """What templates/parts.html shows of a preview. `purpose` is None where it follows a field of the form."""

    url: str
    documents_url: str
    purpose: TemplatePurpose | None = None
    row_id: int | None = None
    form: Form = field(default_factory=lambda: PreviewForm(request.form))
    about_customers = "|".join(purpose.value for purpose in ABOUT_CUSTOMERS)
    about_documents = TemplatePurpose.COMPLIANCE.value


def typed_template() -> NotificationTemplate | None:
    """The template that is being written, as far as it is; nothing of it is kept. None before its purpose is chosen."""
    try:
        purpose = TemplatePurpose(request.form.get("purpose", ""))
    except ValueError:
        return None
    texts = {name: request.form.get(name, "")[:longest] for name, longest in LONGEST.items()}
    return NotificationTemplate(purpose=purpose, **texts)


def chosen_customer(actor: Actor) -> Customer | None:
    """The customer that was chosen for the preview, or the first that fits what was typed instead.

    404 where the actor may not know of it.
    """
    key, text = (request.values.get(name, "").strip() for name in ("preview_customer", "preview_customer-text"))
    if not key and text:
        found = CUSTOMERS.found(text[:100], 1)
        key = str(found[0][0]) if found else ""
    if not key:
        return None
    require(actor, Permission.CUSTOMERS_VIEW)
    row = _one(scope(Customer, actor), Customer, key)
    assert isinstance(row, Customer)
    return row


def documents_of(customer: Customer) -> list[ComplianceDocument]:
    """The documents of a customer, the first to expire first."""
    return sorted(customer.compliance_documents, key=lambda each: (each.expiry_date, each.id))


def _one(rows: Any, model: Any, key: str) -> Any:
    if not key.isascii() or not key.isdigit() or len(key) > 18:
        abort(404)
    return db.session.scalar(rows.where(model.id == int(key))) or abort(404)


def framed(template: NotificationTemplate | None, actor: Actor) -> Response:
    """The mail of `template` as a page of its own, for a frame: nothing in it runs or is fetched."""
    shown = (
        {"note": "Choose a purpose to see a preview.", "mail": None} if template is None else _shown(template, actor)
    )
    return for_frame(render_template("preview.html", **shown))


def for_frame(html: str) -> Response:
    """A page that only a frame of ours shows: nothing in it runs or is fetched."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = FRAMED
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _shown(template: NotificationTemplate, actor: Actor) -> dict[str, Any]:
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    head = letterhead_of(organisation.id)
    customer = chosen_customer(actor) if template.purpose in ABOUT_CUSTOMERS else None
    note = "Sample values are shown."
    if customer is None:
        mail = sample_mail(template, letterhead=head)
    else:
        document = _document(customer) if template.purpose is TemplatePurpose.COMPLIANCE else None
        note = _note(template.purpose, customer, document)
        mail = reminder_mail(
            customer,
            purpose=template.purpose,
            template=template,
            as_of=clock.today(organisation.timezone),
            document=document,
            letterhead=head,
        )
    inside = _INSIDE.search(as_seen(mail.html, organisation.id))
    assert inside is not None
    html = Markup(inside[1])  # noqa: S704  (made by our template)
    return {"note": note, "mail": mail, "inside": html, "problems": _problems(template)}


def _document(customer: Customer) -> ComplianceDocument | None:
    """The chosen document of a customer, else the first to expire."""
    known = documents_of(customer)
    key = request.values.get("preview_document", "")
    return next((each for each in known if str(each.id) == key), known[0] if known else None)


def _note(purpose: TemplatePurpose, customer: Customer, document: ComplianceDocument | None) -> str:
    if purpose is TemplatePurpose.COMPLIANCE and document is None:
        return f"{customer} has no compliance documents: dashes stand for what is not known."
    if purpose is TemplatePurpose.REVIEW and not (customer.review_start_date and customer.review_frequency):
        return f"{customer} has no review plan: dashes stand for what is not known."
    return f"As it would be sent today about {customer}."


def _problems(template: NotificationTemplate) -> list[str]:
    try:
        check_template(template.purpose, template.subject, template.body)
    except Invalid as error:
        return [f"{field.capitalize()}: {problem}" for field, problem in error.problems]
    return []
