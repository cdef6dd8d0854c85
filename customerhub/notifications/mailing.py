"""Mails as they are sent: subject, text and HTML, from a template of the organisation or in our own words."""

import re
import textwrap
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape
from markupsafe import Markup
from sqlalchemy import select

from customerhub import addresses
from customerhub.notifications import templates
from customerhub.notifications.letterhead import Letterhead, brand_for, letterhead_of
from customerhub.notifications.values import values_of
from models import ComplianceDocument, Customer, NotificationTemplate, Organisation, User
from models.base import db
from models.enums import TemplatePurpose

_FOLDER = Path(__file__).parents[2] / "templates"
_LINE = 72  # characters


@dataclass(frozen=True)
class Mail:
    """A mail ready for the outbox."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Words:
    """The wording of a built-in message."""

    subject: str
    body: str
    button: str
    after: str


_WORDS: dict[TemplatePurpose, Words] = {
    TemplatePurpose.WELCOME: Words(
        "Your account at {{organisation}}",
        "Hello {{name}},\n\n{{organisation}} has made an account for you. You sign in with {{email}}. "
        "Choose a password to begin.",
        "Choose a password",
        "The link works once, for {{hours}} hours. After that, ask for a new one on the sign-in page.",
    ),
    TemplatePurpose.RESET: Words(
        "Choose a new password",
        "Hello {{name}},\n\nsomebody, most likely you, asked to choose a new password for {{email}} "
        "at {{organisation}}.",
        "Choose a new password",
        "The link works once, for {{hours}} hours. If you did not ask for it, do nothing: "
        "your password stays as it is.",
    ),
}
_BUTTONS = {
    TemplatePurpose.REVIEW: "Open the customer",
    TemplatePurpose.COMPLIANCE: "Open its documents",
}


def account_mail(user: User, *, purpose: TemplatePurpose, link: str, hours: int) -> Mail:
    """The mail that hands `user` the one-time `link`, in the organisation's own words where it has some."""
    organisation = db.session.get_one(Organisation, user.organisation_id)
    ours = _WORDS[purpose]
    own = find_template(user.organisation_id, purpose)
    values = {
        "name": user.name,
        "email": user.email,
        "organisation": organisation.name,
        "link": link,
        "hours": hours,
    }
    return compose(
        subject=templates.render_subject(own.subject if own else ours.subject, values),
        paragraphs=templates.render_html(own.body if own else ours.body, values),
        button=(ours.button, link),
        after=templates.render_html(ours.after, values),
        brand=organisation.name,
    )


def reminder_mail(
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
    head = letterhead or letterhead_of(customer.organisation_id)
    values = values_of(customer, purpose=purpose, as_of=as_of, document=document, letterhead=head)
    tab = "compliance" if purpose is TemplatePurpose.COMPLIANCE else None
    return compose(
        subject=templates.render_subject(template.subject, values),
        paragraphs=templates.render_html(template.body, values),
        button=(_BUTTONS[purpose], addresses.customer_page(customer.id, tab)),
        brand=brand_for(customer, head).name,
    )


def find_template(organisation_id: int, purpose: TemplatePurpose) -> NotificationTemplate | None:
    """The organisation's active template of this purpose, the first by name."""
    return db.session.scalar(
        select(NotificationTemplate)
        .where(
            NotificationTemplate.organisation_id == organisation_id,
            NotificationTemplate.purpose == purpose,
            NotificationTemplate.active,
        )
        .order_by(NotificationTemplate.name_key, NotificationTemplate.id)
        .limit(1)
    )


def compose(
    *,
    subject: str,
    paragraphs: list[Markup],
    brand: str,
    button: tuple[str, str] | None = None,
    after: list[Markup] | None = None,
    facts: list[tuple[str, str]] | None = None,
    foot: list[str] | None = None,
) -> Mail:
    """A mail in the house style. `button` is its label and address, `facts` rows of a small table."""
    shown = " ".join(subject.split())
    content = {
        "subject": shown,
        "language": "en",
        "preheader": None,
        "brand": brand,
        "logo_url": None,
        "colour": None,
        "title": shown,
        "paragraphs": paragraphs,
        "facts": facts or [],
        "button": {"label": button[0], "url": button[1]} if button else None,
        "after": after or [],
        "foot": foot or [f"Sent by {brand}. This mailbox is not read."],
    }
    text = re.sub(r"\n{3,}", "\n\n", _template("mail.txt").render(mail=content)).strip() + "\n"
    return Mail(shown, text, _template("mail.html").render(mail=content))


def _template(name: str) -> Template:
    return _environment.get_template(name)


def _wrapped(text: str, width: int = _LINE) -> str:
    """`text` in lines of `width`; an address is never broken, or it could not be followed."""
    filler = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(filler.fill(line) for line in text.splitlines())


def _plain(value: Any) -> str:
    """What people read of a piece of HTML, its line breaks kept; a plain text as it is."""
    if not isinstance(value, Markup):
        return str(value)
    return "\n".join(Markup(line).striptags() for line in str(value).splitlines())  # noqa: S704  (only read)


_environment = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
)
_environment.filters["wordwrap"] = _wrapped
_environment.filters["striptags"] = _plain
