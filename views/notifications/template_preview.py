"""The preview of a template: the mail as it would go out today, about a customer or with sample values."""

import re
from dataclasses import dataclass, field
from typing import Any

from flask import Response, abort, render_template, request
from markupsafe import Markup
from wtforms import Form

from customerhub.core.errors import Invalid
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor, Permission, require_permission, select_visible
from customerhub.mail.inline_images import embed_images
from customerhub.mail.letterhead import get_letterhead
from customerhub.mail.templates import check_template
from customerhub.notifications.reminder_mail import build_reminder_mail, build_sample_mail
from models import ComplianceDocument, Customer, NotificationTemplate, Organisation
from models.base import db
from models.enums import TemplatePurpose
from views.framework.choices import Source
from views.framework.row_fields import LookupField
from views.http.urls import parse_id

ABOUT_CUSTOMERS = (TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE)
LOOKUP = "preview.customer"
CUSTOMERS = Source(Customer)
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
MAX_LENGTHS = {"subject": 200, "body": 20_000}
_BODY = re.compile(r"<body[^>]*>(.*)</body>", re.DOTALL)


class PreviewForm(Form):
    """For whom a preview is shown."""

    preview_customer = LookupField(
        "Preview for", source=CUSTOMERS, lookup=LOOKUP, render_kw={"placeholder": "Sample values, or enter a customer"}
    )


@dataclass
class Preview:
    """What the macro `preview` shows. `purpose` is None where it follows a field of the form."""

    url: str
    documents_url: str
    purpose: TemplatePurpose | None = None
    row_id: int | None = None
    form: Form = field(default_factory=lambda: PreviewForm(request.form))
    about_customers = "|".join(purpose.value for purpose in ABOUT_CUSTOMERS)
    about_documents = TemplatePurpose.COMPLIANCE.value


def build_draft_template() -> NotificationTemplate | None:
    """The template that is being written, as far as it is; nothing of it is kept. None before its purpose is chosen."""
    try:
        purpose = TemplatePurpose(request.form.get("purpose", ""))
    except ValueError:
        return None
    texts = {name: request.form.get(name, "")[:longest] for name, longest in MAX_LENGTHS.items()}
    return NotificationTemplate(purpose=purpose, **texts)


def find_chosen_customer(actor: Actor) -> Customer | None:
    """The customer that was chosen for the preview, or the first that fits what was typed instead.

    404 where the actor may not know of it.
    """
    key, text = (request.values.get(name, "").strip() for name in ("preview_customer", "preview_customer-text"))
    if not key and text:
        matches = CUSTOMERS.search(text[:100], 1)
        key = str(matches[0][0]) if matches else ""
    if not key:
        return None
    require_permission(actor, Permission.CUSTOMERS_VIEW)
    row = _get_row(select_visible(Customer, actor), Customer, key)
    assert isinstance(row, Customer)
    return row


def list_documents(customer: Customer) -> list[ComplianceDocument]:
    """The documents of a customer, the first to expire first."""
    return sorted(customer.compliance_documents, key=lambda each: (each.expiry_date, each.id))


def _get_row(rows: Any, model: Any, key: str) -> Any:
    row_id = parse_id(key)
    if row_id is None:
        abort(404)
    return db.session.scalar(rows.where(model.id == row_id)) or abort(404)


def render_preview(template: NotificationTemplate | None, actor: Actor) -> Response:
    """The mail of `template` as a page of its own, for a frame: nothing in it runs or is fetched."""
    context = (
        {"note": "Choose a purpose to see a preview.", "mail": None}
        if template is None
        else _preview_context(template, actor)
    )
    return build_frame_response(render_template("screens/preview.html", **context))


def build_frame_response(html: str) -> Response:
    """A page that only a frame of ours shows: nothing in it runs or is fetched."""
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


def _preview_context(template: NotificationTemplate, actor: Actor) -> dict[str, Any]:
    organisation = db.session.get_one(Organisation, actor.organisation_id)
    letterhead = get_letterhead(organisation.id)
    customer = find_chosen_customer(actor) if template.purpose in ABOUT_CUSTOMERS else None
    note = "Sample values are shown."
    if customer is None:
        mail = build_sample_mail(template, letterhead=letterhead)
    else:
        document = _find_document(customer) if template.purpose is TemplatePurpose.COMPLIANCE else None
        note = _note(template.purpose, customer, document)
        mail = build_reminder_mail(
            customer,
            purpose=template.purpose,
            template=template,
            as_of=organisation_today(organisation.id),
            document=document,
            letterhead=letterhead,
        )
    body = _BODY.search(embed_images(mail.html, organisation.id))
    assert body is not None
    html = Markup(body[1])  # noqa: S704  (made by our template)
    return {"note": note, "mail": mail, "body_html": html, "problems": _template_problems(template)}


def _find_document(customer: Customer) -> ComplianceDocument | None:
    """The chosen document of a customer, else the first to expire."""
    documents = list_documents(customer)
    key = request.values.get("preview_document", "")
    return next((each for each in documents if str(each.id) == key), documents[0] if documents else None)


def _note(purpose: TemplatePurpose, customer: Customer, document: ComplianceDocument | None) -> str:
    if purpose is TemplatePurpose.COMPLIANCE and document is None:
        return f"{customer} has no compliance documents. Dashes stand for missing values."
    if purpose is TemplatePurpose.REVIEW and not (customer.review_start_date and customer.review_frequency):
        return f"{customer} has no review plan. Dashes stand for missing values."
    return f"As it would be sent today for {customer}."


def _template_problems(template: NotificationTemplate) -> list[str]:
    try:
        check_template(template.purpose, template.subject, template.body)
    except Invalid as error:
        return [f"{field.capitalize()}: {problem}" for field, problem in error.problems]
    return []
