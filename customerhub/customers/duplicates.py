"""Possible duplicates: customers alike in name, email address or phone number.

What must not occur twice (identity, registration and VAT numbers) is refused when a customer is saved; this only warns.
Names are looked for in the search index by fragments and then compared, so that no list of all customers is read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cleanco.clean import get_unique_terms
from rapidfuzz import fuzz
from sqlalchemy import Row, select, union

from customerhub.customers.search import build_search_condition
from models import Customer
from models.base import db
from models.keys import fold_text, phone_key

MIN_NAME_SCORE: Final = 86  # of 100, by rapidfuzz's comparison of sorted words
MAX_DUPLICATES: Final = 5  # duplicates told at once
MAX_EMAILS: Final = 5  # email addresses of one customer that are looked for
MAX_CANDIDATES: Final = 100  # candidates of each fragment
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"\w+")
_INITIALS: Final = re.compile(r"\b(\w)/(\w)\b")  # A/S is as
# Beside cleanco's legal forms: some that it lacks or knows only in longer ones, and words that join others.
_MORE_WORDS: Final = {"ek", "holding", "mbh", "pty", "ug", "und", "and", "the", "der", "die", "das"}
# Words that it has for forms of one country, and that are part of a name in most others.
_NAME_WORDS: Final = {"at", "dat", "etat", "fa", "ok", "private", "sal", "sem", "sep", "teo", "uk", "vat"}

Candidate = Row[*tuple[Any, ...]]  # id, name, email and phone_key of a customer


def _split_words(name: str) -> list[str]:
    """The words of a name as they are compared: folded, without punctuation."""
    return _WORD.findall(_INITIALS.sub(r"\1\2", fold_text(name).replace(".", "")))


_FORMS: Final = {" ".join(_split_words(form)) for form in get_unique_terms()}
_WORDS_LEFT_OUT: Final = ({form for form in _FORMS if " " not in form} | _MORE_WORDS) - _NAME_WORDS
_LONG_FORM: Final = re.compile(
    rf"\b(?:{'|'.join(sorted((form for form in _FORMS if ' ' in form), key=len, reverse=True))})\b"
)


@dataclass(frozen=True)
class Duplicate:
    """A customer that may be the same, and in what it is alike."""

    customer: Customer
    matching_fields: tuple[str, ...]


def find_duplicates(
    values: Mapping[str, Any], *, organisation_id: int, except_ids: Iterable[int] = ()
) -> list[Duplicate]:
    """The customers of an organisation that may be the one with these `values` (name, email, contact_number), the most
    alike first, at most MAX_DUPLICATES of them.
    """
    name = normalise_name(values.get("name") or "")
    emails = _split_emails(values.get("email"))
    phone = phone_key(values.get("contact_number"))
    excluded_ids = set(except_ids)
    ranked_matches = []
    for candidate in _find_candidates(name, emails, phone, organisation_id):
        if candidate.id in excluded_ids:
            continue
        score, matching_fields = _compare(candidate, name, emails, phone)
        if matching_fields:
            ranked_matches.append((-len(matching_fields), -score, candidate.id, matching_fields))
    fields_by_id = {key: matching_fields for *_, key, matching_fields in sorted(ranked_matches)[:MAX_DUPLICATES]}
    if not fields_by_id:
        return []
    found = {row.id: row for row in db.session.scalars(select(Customer).where(Customer.id.in_(fields_by_id)))}
    return [Duplicate(found[key], fields_by_id[key]) for key in fields_by_id if key in found]


def normalise_name(name: str) -> str:
    """A name as it is compared: folded, without punctuation and legal form, unless nothing else is left."""
    words = _split_words(name)
    rest = _LONG_FORM.sub("", " ".join(words)).split()
    return " ".join(word for word in rest if word not in _WORDS_LEFT_OUT) or " ".join(words)


def _split_emails(emails: str | None) -> set[str]:
    return {fold_text(each) for each in re.split("[,;]", emails or "") if each.strip()}


def _compare(candidate: Candidate, name: str, emails: set[str], phone: str | None) -> tuple[float, tuple[str, ...]]:
    other_name = normalise_name(candidate.name)
    has_same_numbers = _NUMBER.findall(other_name) == _NUMBER.findall(name)  # branch 12 is not branch 13
    score = fuzz.token_sort_ratio(other_name, name) if name and has_same_numbers else 0.0
    matches = {
        "name": score >= MIN_NAME_SCORE,
        "email": bool(emails & _split_emails(candidate.email)),
        "phone": phone is not None and candidate.phone_key == phone,
    }
    return score, tuple(field_name for field_name, is_match in matches.items() if is_match)


def _find_candidates(name: str, emails: set[str], phone: str | None, organisation_id: int) -> Sequence[Candidate]:
    """What is compared of the customers worth comparing: a bounded number for each fragment, each found by an index."""
    conditions = [build_search_condition(fragment) for fragment in _build_fragments(name)]
    conditions += [build_search_condition(email) for email in sorted(emails)[:MAX_EMAILS]]
    if phone is not None:
        conditions.append(Customer.phone_key == phone)
    if not conditions:
        return []
    in_organisation = select(Customer.id).where(Customer.organisation_id == organisation_id)
    parts = (in_organisation.where(condition).limit(MAX_CANDIDATES).subquery() for condition in conditions)
    ids = union(*(select(part.c.id) for part in parts)).subquery()
    compared = Customer.id, Customer.name, Customer.email, Customer.phone_key
    return db.session.execute(select(*compared).where(Customer.id.in_(select(ids.c.id)))).all()


def _build_fragments(name: str) -> list[str]:
    """What to look for so that a name is found although some letters of it differ: all its words together, its two
    longest, and the halves of the longest.
    """
    words = sorted({word for word in name.split() if len(word) >= 3}, key=len, reverse=True)
    if not words:
        return [name] if name else []
    longest = words[0]
    halves = [longest[:4], longest[-4:]] if len(longest) >= 7 else [longest[:3]]
    return list(dict.fromkeys([" ".join(words), *words[:2], *halves]))
