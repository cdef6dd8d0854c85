"""Mails as they are sent: subject, text and HTML, from a template of the organisation or in our own words."""

import re
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from sqlalchemy import select

from customerhub import addresses
from customerhub.notifications import templates
from customerhub.notifications.letterhead import Brand, Letterhead, brand_for, letterhead_of
from customerhub.notifications.values import values_of
from customerhub.notifications.wording import PLACEHOLDER, Written, one_line, wrapped
from models import ComplianceDocument, Customer, NotificationTemplate
from models.base import db
from models.enums import TemplatePurpose

_PERSONAL = frozenset({"name", "email"})  # the placeholders that are different for each person
_FOLDER = Path(__file__).parents[2] / "templates"


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


class Recipient(Protocol):
    """Whom an account's mail is to: a user, or what is known of one who was written a moment ago."""

    @property
    def organisation_id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...


@dataclass(frozen=True)
class AccountWords:
    """What an organisation's mails with one-time links share. Whoever writes many reads it once and passes it on."""

    words: Words
    letterhead: Letterhead

    def mould(self, hours: int) -> "Mould | None":
        """The mail without what is different for each person; None where they differ by their subjects too."""
        if _PERSONAL & {match[1].strip() for match in PLACEHOLDER.finditer(self.words.subject)}:
            return None
        if hours not in self._moulds:
            values = {"organisation": self.letterhead.organisation, "hours": hours}
            self._moulds[hours] = Mould(
                subject=templates.render_subject(self.words.subject, values),
                button=self.words.button,
                after=templates.render_body(self.words.after, values),
                brand=self.letterhead.brand,
            )
        return self._moulds[hours]

    @cached_property
    def _moulds(self) -> "dict[int, Mould]":
        return {}


class Mould:
    """A composed mail but for its body and the address behind its button: what many mails share is laid out once."""

    def __init__(self, *, subject: str, button: str, after: Written, brand: Brand) -> None:
        body, link = token_hex(16), token_hex(16)
        blank = Written(Markup(body), body)  # noqa: S704  (letters and digits)
        mail = compose(subject=subject, body=blank, button=(button, link), after=after, brand=brand)
        self.subject = mail.subject
        self._parts = [[part.split(link) for part in form.split(body)] for form in (mail.html, mail.text)]

    def filled(self, body: Written, link: str) -> Mail:
        html, text = (
            str(inner).join(address.join(parts) for parts in form)
            for form, inner, address in zip(self._parts, body, (str(escape(link)), link), strict=True)
        )
        return Mail(self.subject, text, html)


def account_words(organisation_id: int, purpose: TemplatePurpose) -> AccountWords:
    """Our words, with the subject and body of the organisation's own template where it has one."""
    words = _WORDS[purpose]
    own = find_template(organisation_id, purpose)
    if own is not None:
        words = replace(words, subject=own.subject, body=own.body)
    return AccountWords(words, letterhead_of(organisation_id))


def account_mail(
    user: Recipient, *, purpose: TemplatePurpose, link: str, hours: int, words: AccountWords | None = None
) -> Mail:
    """The mail that hands `user` the one-time `link`, in the organisation's own words where it has some.

    Who writes many passes the `words`: then most of a mail is laid out once for all.
    """
    shared = words or account_words(user.organisation_id, purpose)
    values = {
        "name": user.name,
        "email": user.email,
        "organisation": shared.letterhead.organisation,
        "link": link,
        "hours": hours,
    }
    body = templates.render_body(shared.words.body, values)
    mould = words.mould(hours) if words and body.text else None
    if mould is not None:
        return mould.filled(body, link)
    return compose(
        subject=templates.render_subject(shared.words.subject, values),
        body=body,
        button=(shared.words.button, link),
        after=templates.render_body(shared.words.after, values),
        brand=shared.letterhead.brand,
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
        body=templates.render_body(template.body, values),
        button=(_BUTTONS[purpose], addresses.customer_page(customer.id, tab)),
        brand=brand_for(customer, head),
    )


def sample_mail(template: NotificationTemplate, *, letterhead: Letterhead) -> Mail:
    """How a mail of `template` would look, with sample values."""
    values = templates.samples(template.purpose)
    words = _WORDS.get(template.purpose)
    return compose(
        subject=templates.render_subject(template.subject, values),
        body=templates.render_body(template.body, values),
        button=(words.button, values["link"]) if words else (_BUTTONS[template.purpose], values["customer_link"]),
        after=templates.render_body(words.after, values) if words else None,
        brand=letterhead.brand,
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
    body: Written,
    brand: Brand,
    button: tuple[str, str] | None = None,
    after: Written | None = None,
    facts: list[tuple[str, str]] | None = None,
) -> Mail:
    """A mail in the house style, in the colours of `brand`. `button` is its label and address, `facts` rows of a small
    table.
    """
    shown = one_line(subject)
    content = {
        "subject": shown,
        "body": body,
        "facts": facts or [],
        "button": {"label": button[0], "url": button[1]} if button else None,
        "after": after,
        "brand": brand,
        "foot": [*brand.foot, f"Sent by {brand.name}. This mailbox is not read."],
    }
    text = re.sub(r"\n{3,}", "\n\n", _TEXT.render(content)).strip() + "\n"
    return Mail(shown, text, _HTML.render(content))


_environment = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
)
_environment.filters["wrapped"] = wrapped
_HTML = _environment.get_template("mail.html")
_TEXT = _environment.get_template("mail.txt")
