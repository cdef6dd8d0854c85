"""The mail of a reminder, and a sample of it for the preview of a template."""

from datetime import date

from customerhub.core import public_urls
from customerhub.mail import templates
from customerhub.mail.composition import _MAIL_TEXTS, Mail, compose
from customerhub.mail.letterhead import Letterhead, choose_brand, get_letterhead
from customerhub.notifications.placeholder_values import build_placeholder_values
from models import ComplianceDocument, Customer, NotificationTemplate
from models.enums import TemplatePurpose

_BUTTON_LABELS = {
    TemplatePurpose.REVIEW: "Open the customer",
    TemplatePurpose.COMPLIANCE: "Open documents",
}


def build_reminder_mail(
    customer: Customer,
    *,
    purpose: TemplatePurpose,
    template: NotificationTemplate,
    as_of: date,
    document: ComplianceDocument | None = None,
    letterhead: Letterhead | None = None,
) -> Mail:
    """The mail that reminds of a review of `customer` or of its compliance `document`, as on `as_of`.

    Who writes many passes the `letterhead`, and customers whose status, account manager and business entity are
    loaded: then nothing is asked of the database.
    """
    head = letterhead or get_letterhead(customer.organisation_id)
    values = build_placeholder_values(customer, purpose=purpose, as_of=as_of, document=document, letterhead=head)
    tab = "compliance" if purpose is TemplatePurpose.COMPLIANCE else None
    return compose(
        subject=templates.render_subject(template.subject, values),
        body=templates.render_body(template.body, values),
        button=(_BUTTON_LABELS[purpose], public_urls.build_customer_url(customer.id, tab)),
        brand=choose_brand(customer, head),
    )


def build_sample_mail(template: NotificationTemplate, *, letterhead: Letterhead) -> Mail:
    """How a mail of `template` would look, with sample values."""
    values = templates.list_sample_values(template.purpose)
    mail_text = _MAIL_TEXTS.get(template.purpose)
    return compose(
        subject=templates.render_subject(template.subject, values),
        body=templates.render_body(template.body, values),
        button=(mail_text.button, values["link"])
        if mail_text
        else (_BUTTON_LABELS[template.purpose], values["customer_link"]),
        after=templates.render_body(mail_text.closing, values) if mail_text else None,
        brand=letterhead.brand,
    )
