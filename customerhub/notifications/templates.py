"""The placeholders of message templates: which there are, checking on save, and filling in.

A placeholder is {{name}} and nothing else: there are no expressions, filters, loops or attributes, so whoever
may write a template can reach only the values that a message of its purpose comes with.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Final

from customerhub.errors import Invalid
from customerhub.notifications import wording
from customerhub.notifications.wording import PLACEHOLDER, Values, Written
from models.enums import TemplatePurpose

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

# Whose values are addresses: in HTML they are links.
LINKS = frozenset({"link", "customer_link"})

_STRAY: Final = re.compile(r"\{\{+|\}\}+|\{%|\{#")
_CODE: Final = {"{%": "Loops and conditions", "{#": "Comments"}
_EXPRESSIONS: Final = {"|": "a filter", "(": "a call", "[": "an expression", ".": "an attribute"}


def samples(purpose: TemplatePurpose) -> dict[str, str]:
    """A value for each placeholder, to show how a message would read."""
    return {name: SAMPLES[name] for name in PLACEHOLDERS[purpose]}


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
    """What is wrong with a text, in the order in which it stands there, each with its place."""
    found = [*_wrong_names(purpose, field, source), *_wrong_signs(source)]
    return list(dict.fromkeys(f"{_place(field, source, at)}: {problem}" for at, problem in sorted(found)))


def _wrong_names(purpose: TemplatePurpose, field: str, source: str) -> Iterator[tuple[int, str]]:
    known = PLACEHOLDERS[purpose]
    told: set[str] = set()
    for match in PLACEHOLDER.finditer(source):
        name = match[1].strip()
        if name in told:
            continue
        told.add(name)
        if name not in known:
            yield match.start(), _refusal(name, [each for each in known if field == "body" or each not in BODY_ONLY])
        elif field == "subject" and name in BODY_ONLY:
            yield match.start(), f"{braced(name)} can stand in the body only: others read the subject too."


def _refusal(name: str, known: list[str]) -> str:
    """Why what stands between two braces cannot be filled in, and what can."""
    shown = braced(" ".join(name.split())[:60])
    usable = f"Only these can be used here: {', '.join(map(braced, known))}."
    for sign, kind in _EXPRESSIONS.items():
        if sign in name:
            return f"{shown} is {kind}, not a placeholder. {usable}"
    like = get_close_matches(name.lower(), known, 1)
    return f"There is no placeholder {shown}. " + (f"Did you mean {braced(like[0])}?" if like else usable)


def _wrong_signs(source: str) -> Iterator[tuple[int, str]]:
    """Braces that are no placeholder."""
    rest = PLACEHOLDER.sub(lambda match: " " * len(match[0]), source)
    for match in _STRAY.finditer(rest):
        if match[0] in _CODE:
            yield match.start(), f"{_CODE[match[0]]} cannot be used here, only placeholders such as {{{{customer}}}}."
        else:
            yield match.start(), "A placeholder is a name with two braces on either side, such as {{customer}}."


def _place(field: str, source: str, at: int) -> str:
    line = source.count("\n", 0, at) + 1
    character = at - source.rfind("\n", 0, at)
    return f"Line {line}, character {character}" if field == "body" else f"Character {character}"


def braced(name: str) -> str:
    """A placeholder as it is written."""
    return f"{{{{{name}}}}}"


def render_subject(source: str, values: Values) -> str:
    """`source` as a subject, without what may stand in a body only: an older template may still have it."""
    return wording.render_line(source, {**values, **dict.fromkeys(BODY_ONLY, "")})


def render_body(source: str, values: Values) -> Written:
    """`source` as HTML and as text: everything in it and in `values` is shown literally, but for the light markup."""
    return wording.render(source, values, links=LINKS)
