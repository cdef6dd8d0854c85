"""The placeholders of message templates: which there are, checking on save, and filling in.

A placeholder is {{name}} and nothing else: there are no expressions, filters, loops or attributes, so the author of a
template can reach only the values that a message of its purpose comes with.
"""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Final

from customerhub.core.errors import Invalid
from customerhub.mail import markup
from customerhub.mail.markup import PLACEHOLDER, RenderedText, Values
from models.enums import TemplatePurpose

_CUSTOMER = {
    "customer": "The customer's name",
    "reference": "The customer's reference",
    "account_number": "The customer's account number",
    "status": "The customer's status",
    "risk": "The customer's risk rating: Low, Medium or High",
    "account_manager": "The customer's account manager",
    "reviewer_email": "The recipient's email address",
    "customer_link": "The address of the customer's page. A button with this link is always added",
    "today": "The day of the message",
    "organisation": "The name of your organisation",
}
_USER = {
    "name": "The user's name",
    "email": "The email address for signing in",
    "organisation": "The name of your organisation",
    "link": "The one-time link for choosing a password. A button with this link is always added",
    "hours": "How many hours the link is valid",
}
PLACEHOLDERS: dict[TemplatePurpose, dict[str, str]] = {
    TemplatePurpose.REVIEW: {
        **_CUSTOMER,
        "review_date": "The day the review is due",
        "review_in_words": "Such as: is due today, was due yesterday, is due in 5 days",
        "next_review_date": "The day of the review after that",
        "report_note": "A note that the performance report is attached; blank if there is none",
    },
    TemplatePurpose.COMPLIANCE: {
        **_CUSTOMER,
        "certificate": "The name of the document",
        "expiry_date": "The day it expires",
        "expiry_in_words": "Such as: expires in 14 days, expires today, expired 3 days ago",
        "days_left": "Days left until expiry: 0 on the day and afterwards",
    },
    TemplatePurpose.WELCOME: _USER,
    TemplatePurpose.RESET: _USER,
}
SAMPLE_VALUES: dict[str, str] = {
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
BODY_ONLY_PLACEHOLDERS = frozenset({"link"})

# Whose values are addresses: in HTML they are links.
LINK_PLACEHOLDERS = frozenset({"link", "customer_link"})

_STRAY: Final = re.compile(r"\{\{+|\}\}+|\{%|\{#")
_CODE: Final = {"{%": "Loops and conditions", "{#": "Comments"}
_EXPRESSION_MARKS: Final = {"|": "a filter", "(": "a call", "[": "an expression", ".": "an attribute"}


def list_sample_values(purpose: TemplatePurpose) -> dict[str, str]:
    """A value for each placeholder, to show how a message would read."""
    return {name: SAMPLE_VALUES[name] for name in PLACEHOLDERS[purpose]}


def check_template(purpose: TemplatePurpose, subject: str | None, body: str | None) -> None:
    """Raises Invalid, with every problem of the two texts, where a placeholder is unknown or not closed."""
    problems = [
        (field, problem)
        for field, source in (("subject", subject), ("body", body))
        for problem in list_text_problems(PLACEHOLDERS[purpose], field, source or "")
    ]
    if problems:
        raise Invalid.from_problems(problems)


def list_text_problems(known_names: Collection[str], field: str, source: str) -> list[str]:
    """What is wrong with a text whose placeholders can be `known_names`, in the order in which it stands there, each
    with its place.
    """
    found = [*_find_invalid_placeholders(known_names, field, source), *_find_stray_braces(source)]
    return list(dict.fromkeys(f"{_describe_position(field, source, at)}: {problem}" for at, problem in sorted(found)))


def _find_invalid_placeholders(known_names: Collection[str], field: str, source: str) -> Iterator[tuple[int, str]]:
    checked_names: set[str] = set()
    for match in PLACEHOLDER.finditer(source):
        name = match[1].strip()
        if name in checked_names:
            continue
        checked_names.add(name)
        if name not in known_names:
            yield (
                match.start(),
                _describe_invalid_placeholder(
                    name, [each for each in known_names if field == "body" or each not in BODY_ONLY_PLACEHOLDERS]
                ),
            )
        elif field == "subject" and name in BODY_ONLY_PLACEHOLDERS:
            yield (
                match.start(),
                f"{format_placeholder(name)} can be used in the body only: subjects are visible to others.",
            )


def _describe_invalid_placeholder(name: str, known: list[str]) -> str:
    """Why what stands between two braces cannot be filled in, and what can."""
    display_name = format_placeholder(" ".join(name.split())[:60])
    usable = f"Only these can be used here: {', '.join(map(format_placeholder, known))}."
    for sign, kind in _EXPRESSION_MARKS.items():
        if sign in name:
            return f"{display_name} is {kind}, not a placeholder. {usable}"
    similar_names = get_close_matches(name.lower(), known, 1)
    return f"There is no placeholder {display_name}. " + (
        f"Did you mean {format_placeholder(similar_names[0])}?" if similar_names else usable
    )


def _find_stray_braces(source: str) -> Iterator[tuple[int, str]]:
    """Braces that are no placeholder."""
    remaining_text = PLACEHOLDER.sub(lambda match: " " * len(match[0]), source)
    for match in _STRAY.finditer(remaining_text):
        if match[0] in _CODE:
            yield match.start(), f"{_CODE[match[0]]} cannot be used here, only placeholders such as {{{{customer}}}}."
        else:
            yield match.start(), "A placeholder is a name with two braces on either side, such as {{customer}}."


def _describe_position(field: str, source: str, at: int) -> str:
    line = source.count("\n", 0, at) + 1
    character = at - source.rfind("\n", 0, at)
    return f"Line {line}, character {character}" if field == "body" else f"Character {character}"


def format_placeholder(name: str) -> str:
    """A placeholder as it is written."""
    return f"{{{{{name}}}}}"


def render_subject(source: str, values: Values) -> str:
    """`source` as a subject, without what may stand in a body only: an older template may still have it."""
    return markup.render_line(source, {**values, **dict.fromkeys(BODY_ONLY_PLACEHOLDERS, "")})


def render_body(source: str, values: Values) -> RenderedText:
    """`source` as HTML and as text: everything in it and in `values` is shown literally, but for the light markup."""
    return markup.render(source, values, link_names=LINK_PLACEHOLDERS)
