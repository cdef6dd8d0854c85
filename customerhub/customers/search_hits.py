"""Finding what belongs to customers: contracts, orders, contact persons and further accounts, by number or text."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, Text, cast, literal, null, select, union_all

from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.customers.search import MAX_SUGGESTION_CANDIDATES, has_only_short_words, select_fragment_matches
from models import Account, Contact, Contract, Customer, CustomerOrder
from models.base import db
from models.keys import fold_text

FURTHER_TEXTS: Final = 2  # beside the title of a hit


class HitKind(enum.StrEnum):
    """What is found beside customers, in the order in which it is shown."""

    CONTRACT = "contract"
    ORDER = "order"
    CONTACT = "contact person"
    ACCOUNT = "account"


@dataclass(frozen=True)
class Hit:
    """A row of a customer that was found. `texts` are what it was found by, the first of them its title."""

    kind: HitKind
    id: int
    customer_id: int
    customer_name: str
    texts: tuple[str, ...]

    def find_matched_text(self, search_text: str) -> str | None:
        """The text beside the title that has a word which the title has not; None where there is none."""
        return find_matched_text(search_text, self.texts[:1], self.texts[1:])


@dataclass(frozen=True)
class HitSource:
    """Where hits of one kind come from. `number` is the column with the number by which one row is known."""

    model: Any
    texts: tuple[Any, ...]
    permission: Permission
    number: Any = None


SOURCES: Final = {
    HitKind.CONTRACT: HitSource(
        Contract, (Contract.name, Contract.number), Permission.CONTRACTS_VIEW, number=Contract.number
    ),
    HitKind.ORDER: HitSource(
        CustomerOrder,
        (CustomerOrder.description, CustomerOrder.number),
        Permission.CONTRACTS_VIEW,
        number=CustomerOrder.number,
    ),
    HitKind.CONTACT: HitSource(Contact, (Contact.name, Contact.email, Contact.phone), Permission.CUSTOMERS_VIEW),
    HitKind.ACCOUNT: HitSource(Account, (Account.number,), Permission.CUSTOMERS_VIEW, number=Account.number),
}


def list_hits(search_text: str, actor: Actor, limit: int) -> list[Hit]:
    """What has every word of `search_text`, at most `limit` of each kind that `actor` may see, in order of their texts.

    Of one or two letters alone only numbers are found, and those exactly.
    """
    parts = [
        _select_first(kind, source, _select_matches(source, search_text, actor), limit)
        for kind, source in _list_visible_sources(actor).items()
        if fold_text(search_text) and not (source.number is None and has_only_short_words(search_text))
    ]
    return _load_hits(parts)


def find_numbered_hit(search_text: str, actor: Actor) -> Hit | None:
    """The one contract or order with exactly this number, in capitals or not."""
    parts = [
        _select_first(kind, source, _select_numbered(source, search_text, actor), 2)
        for kind, source in _list_visible_sources(actor).items()
        if kind in (HitKind.CONTRACT, HitKind.ORDER) and search_text.strip()
    ]
    found = _load_hits(parts)
    return found[0] if len(found) == 1 else None


def find_matched_text(search_text: str, shown: Sequence[str], others: Sequence[str]) -> str | None:
    """The first of `others` that has a word of `search_text` which none of those `shown` has."""
    shown_text = fold_text("\n".join(shown))
    words = [word for word in fold_text(search_text).split() if word not in shown_text]
    return next((text for text in others if any(word in fold_text(text) for word in words)), None)


def _list_visible_sources(actor: Actor) -> dict[HitKind, HitSource]:
    return {kind: source for kind, source in SOURCES.items() if actor.has_permission(source.permission)}


def _select_matches(source: HitSource, search_text: str, actor: Actor) -> Select[Any]:
    if has_only_short_words(search_text):
        return _select_numbered(source, search_text, actor)
    return select_fragment_matches(select_visible(source.model, actor), source.model, search_text)


def _select_numbered(source: HitSource, search_text: str, actor: Actor) -> Select[Any]:
    bare = " ".join(search_text.split())
    query = select_visible(source.model, actor).where(source.number.in_({bare, bare.lower(), bare.upper()}))
    return query.where(source.model.search_text.is_not(None))


def _select_first(kind: HitKind, source: HitSource, query: Select[Any], limit: int) -> Select[Any]:
    """The first `limit` rows of `query` by their texts. Of very many, which would all be read to be sorted, some."""
    missing = [cast(null(), Text)] * (FURTHER_TEXTS + 1 - len(source.texts))
    columns = [source.model.id, source.model.customer_id, *source.texts, *missing]
    names = ["id", "customer_id", *(f"text_{place}" for place in range(FURTHER_TEXTS + 1))]
    labelled = [column.label(name) for column, name in zip(columns, names, strict=True)]
    found = query.with_only_columns(*labelled).limit(MAX_SUGGESTION_CANDIDATES).subquery()
    first = select(literal(kind.value).label("kind"), *found.c).order_by(found.c.text_0, found.c.id).limit(limit)
    return select(first.subquery())


def _load_hits(parts: Sequence[Select[Any]]) -> list[Hit]:
    if not parts:
        return []
    found = union_all(*parts).subquery()
    query = select(*found.c, Customer.name.label("customer_name")).join(Customer, Customer.id == found.c.customer_id)
    rows = db.session.execute(query.order_by(found.c.text_0, found.c.id)).all()
    order = list(HitKind)
    hits = [
        Hit(
            HitKind(row.kind),
            row.id,
            row.customer_id,
            row.customer_name,
            tuple(text for text in (row.text_0, row.text_1, row.text_2) if text),
        )
        for row in rows
    ]
    return sorted(hits, key=lambda hit: order.index(hit.kind))
