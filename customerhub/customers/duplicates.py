"""Customers who may be the same as another: alike in name, email address or phone number.

What must not occur twice (identity, registration and VAT numbers) is refused when a customer is saved; this only warns.
Names are looked for in the search index by fragments and then compared, so that no list of all customers is read.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rapidfuzz import fuzz
from sqlalchemy import select

from customerhub.customers.search import matching
from models import Customer
from models.base import db
from models.keys import folded, phone_key

ALIKE: Final = 86  # of 100, by rapidfuzz's comparison of sorted words
MOST: Final = 5  # duplicates told at once
MOST_EMAILS: Final = 5  # email addresses of one customer that are looked for
LOOKED_AT: Final = 100  # candidates of each fragment
_FORMS: Final = (
    "ab ag as asa bv co company corp corporation cv eg ek ev gbr gmbh holding inc incorporated kg kgaa limited llc llp"
    " lp ltd mbh nv oy oyj ohg plc pte pty sa sarl sas se sl spa srl ug und and the & der die das"
)
_LEGAL_FORMS: Final = frozenset(_FORMS.split())
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"\w+")


@dataclass(frozen=True)
class Duplicate:
    """A customer that may be the same, and in what it is alike."""

    customer: Customer
    alike: tuple[str, ...]


def find_duplicates(
    values: Mapping[str, Any], *, organisation_id: int, except_ids: Iterable[int] = ()
) -> list[Duplicate]:
    """The customers of an organisation that may be the one with these `values` (name, email, contact_number), the most
    alike first, at most MOST of them.
    """
    name = bare_name(values.get("name") or "")
    emails = _addresses(values.get("email"))
    phone = phone_key(values.get("contact_number"))
    left_out = set(except_ids)
    found = []
    for customer in _candidates(name, emails, phone, organisation_id):
        if customer.id in left_out:
            continue
        score, alike = _compare(customer, name, emails, phone)
        if alike:
            found.append((-len(alike), -score, customer.id, Duplicate(customer, alike)))
    return [duplicate for *_, duplicate in sorted(found)[:MOST]]


def bare_name(name: str) -> str:
    """A name as it is compared: folded, without punctuation and legal form, unless nothing else is left."""
    words = _WORD.findall(folded(name).replace(".", ""))
    return " ".join(word for word in words if word not in _LEGAL_FORMS) or " ".join(words)


def _addresses(emails: str | None) -> set[str]:
    return {folded(each) for each in re.split("[,;]", emails or "") if each.strip()}


def _compare(customer: Customer, name: str, emails: set[str], phone: str | None) -> tuple[float, tuple[str, ...]]:
    theirs = bare_name(customer.name)
    same_numbers = _NUMBER.findall(theirs) == _NUMBER.findall(name)  # branch 12 is not branch 13
    score = fuzz.token_sort_ratio(theirs, name) if name and same_numbers else 0.0
    alike = {
        "name": score >= ALIKE,
        "email": bool(emails & _addresses(customer.email)),
        "phone": phone is not None and customer.phone_key == phone,
    }
    return score, tuple(what for what, is_so in alike.items() if is_so)


def _candidates(name: str, emails: set[str], phone: str | None, organisation_id: int) -> list[Customer]:
    """Customers worth comparing: a bounded number for each fragment, each found by an index."""
    conditions = [matching(fragment) for fragment in _fragments(name)]
    conditions += [matching(email) for email in sorted(emails)[:MOST_EMAILS]]
    if phone is not None:
        conditions.append(Customer.phone_key == phone)
    found: dict[int, Customer] = {}
    for condition in conditions:
        query = select(Customer).where(Customer.organisation_id == organisation_id, condition).limit(LOOKED_AT)
        found.update((customer.id, customer) for customer in db.session.scalars(query))
    return list(found.values())


def _fragments(name: str) -> list[str]:
    """What to look for so that a name is found although some letters of it differ: all its words together, its two
    longest, and the halves of the longest.
    """
    words = sorted({word for word in name.split() if len(word) >= 3}, key=len, reverse=True)
    if not words:
        return [name] if name else []
    longest = words[0]
    halves = [longest[:4], longest[-4:]] if len(longest) >= 7 else [longest[:3]]
    return list(dict.fromkeys([" ".join(words), *words[:2], *halves]))
