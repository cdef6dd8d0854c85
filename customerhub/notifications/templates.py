"""The placeholders of message templates: which there are, checking on save, and filling in.

A placeholder is {{name}} and nothing else: there are no expressions, filters, loops or attributes, so whoever
may write a template can reach only the values that a message of its purpose comes with.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup, escape

from customerhub.errors import Invalid
from models.enums import TemplatePurpose

Values = Mapping[str, object]

_CUSTOMER = {
    "customer": "The customer's name",
    "reference": "The customer's reference",
    "account_number": "The customer's account number",
    "status": "The customer's status",
    "risk": "The customer's risk rating: Low, Medium or High",
    "account_manager": "The customer's account manager",
    "reviewer_email": "The email address of whoever gets the message",
    "customer_link": "The address of the customer's page. A button with it is added in any case",
    "today": "The day of the message",
    "organisation": "The name of your organisation",
}
_USER = {
    "name": "The name of the person",
    "email": "The email address they sign in with",
    "organisation": "The name of your organisation",
    "link": "The one-time address at which they choose a password. A button with it is added in any case",
    "hours": "How many hours the address works",
}
PLACEHOLDERS: dict[TemplatePurpose, dict[str, str]] = {
    TemplatePurpose.REVIEW: {
        **_CUSTOMER,
        "review_date": "The day the review is due",
        "review_in_words": "Such as: is due today, was due yesterday, is due in 5 days",
        "next_review_date": "The day of the review after that",
        "report_note": "A sentence that the performance report is attached; nothing where none is",
    },
    TemplatePurpose.COMPLIANCE: {
        **_CUSTOMER,
        "certificate": "The name of the document",
        "expiry_date": "The day it expires",
        "expiry_in_words": "Such as: expires in 14 days, expires today, expired 3 days ago",
        "days_left": "How many days are left until then: 0 on the day and after it",
    },
    TemplatePurpose.WELCOME: _USER,
    TemplatePurpose.RESET: _USER,
}
SAMPLES: dict[str, str] = {
    "customer": "Königlich Essen",
    "reference": "KOENE",
    "account_number": "100024",
    "status": "Active",
    "risk": "Medium",
    "account_manager": "Dana Reyes",
    "reviewer_email": "reviewer@example.com",
    "customer_link": "https://hub.example.com/admin/customers/details/?id=24",
    "today": "31 Jan 2026",
    "organisation": "Example Telecom",
    "review_date": "31 Jan 2026",
    "review_in_words": "is due today",
    "next_review_date": "30 Apr 2026",
    "report_note": "The performance report of Königlich Essen is attached.",
    "certificate": "ISO 27001",
    "expiry_date": "14 Feb 2026",
    "expiry_in_words": "expires in 14 days",
    "days_left": "14",
    "name": "Robin Sample",
    "email": "robin@example.com",
    "link": "https://hub.example.com/set-password/sample",
    "hours": "72",
}

# What only the person a message is for may read. Subjects are shown in lists, exports and mail programs.
BODY_ONLY = frozenset({"link"})

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


@dataclass(frozen=True)
class Preview:
    """A template filled in with sample data: subject and body as text, and the body's paragraphs as HTML."""

    subject: str
    text: str
    html: list[Markup]


def check_template(purpose: TemplatePurpose, subject: str | None, body: str | None) -> None:
    """Raises Invalid, with every problem of the two texts, where a placeholder is unknown or not closed."""
    problems = [
        (field, problem)
        for field, source in (("subject", subject), ("body", body))
        for problem in _problems(purpose, field, source or "")
    ]
    if problems:
        raise Invalid(problems[0][1], problems[0][0], problems)


def _problems(purpose: TemplatePurpose, field: str, source: str) -> list[str]:
    barred = BODY_ONLY if field == "subject" else frozenset()
    known = PLACEHOLDERS[purpose].keys()
    found = dict.fromkeys(inner.strip() for inner in _PLACEHOLDER.findall(source))
    choice = ", ".join(f"{{{{{name}}}}}" for name in known if name not in barred)
    problems = [
        f"There is no placeholder {{{{{name[:60]}}}}} in a message of this purpose. There are {choice}"
        for name in found
        if name not in known
    ]
    problems += [
        f"{{{{{name}}}}} can stand in the body only: others read the subject too"
        for name in found
        if name in known and name in barred
    ]
    rest = _PLACEHOLDER.sub("", source)
    if "{{" in rest or "}}" in rest:
        problems.append("A placeholder is written {{name}}: two braces on either side")
    if "{%" in rest or "{#" in rest:
        problems.append("Only placeholders such as {{name}} can be used here, not {% … %} or {# … #}")
    return problems


def render(source: str, values: Values) -> str:
    """`source` as text, with each placeholder that `values` knows filled in once. Others stay as they are."""
    return _fill(source, values, str)


def render_subject(source: str, values: Values) -> str:
    """As `render`, without what may stand in a body only: an older template may still have it."""
    return render(source, {**values, **dict.fromkeys(BODY_ONLY, "")})


def render_html(source: str, values: Values) -> list[Markup]:
    """The paragraphs of `source` as HTML: everything in it and in `values` is shown literally."""
    paragraphs = _PARAGRAPHS.split(source.replace("\r\n", "\n").strip())
    return [_paragraph(part, values) for part in paragraphs if part]


def _paragraph(source: str, values: Values) -> Markup:
    filled = _fill(str(escape(source)), values, lambda value: str(escape(value)))
    return Markup("<br>\n".join(filled.splitlines()))  # noqa: S704  (every part is escaped)


def _fill(source: str, values: Values, shown: Callable[[object], str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        name = match[1].strip()
        return shown(values[name]) if name in values else match[0]

    return _PLACEHOLDER.sub(value_of, source)


def preview(purpose: TemplatePurpose, *, subject: str, body: str, values: Values | None = None) -> Preview:
    """How a message with this template would read, with `values` or sample data. Raises Invalid."""
    check_template(purpose, subject, body)
    shown = {name: SAMPLES[name] for name in PLACEHOLDERS[purpose]} | dict(values or {})
    return Preview(render_subject(subject, shown), render(body, shown), render_html(body, shown))
