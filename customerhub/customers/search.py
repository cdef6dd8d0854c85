"""Finding customers by what people remember of them."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, column, func, or_, select, table, true, union
from sqlalchemy.orm import joinedload

from customerhub.permissions import Actor, scope
from models import Account, Customer, MergedCustomer
from models.base import Key, db
from models.keys import exact_key, folded

SHORTEST = 3  # letters; below that no fragment is indexed and only beginnings are found
LAST = "\U0010ffff"
FEW = 2000  # so many rows are sorted sooner than the order of the others is walked along
SOON = 400  # so many of many rows are met early on a walk along the order
SOME = 200  # of so many customers that match, suggestions are the first by name
SORTED = (
    "sorted_at_last"  # marks a query that is to be sorted, not read along an index, because its rows may lie far back
)
FRAGMENTS = table("customer_search", column("rowid", Key), column("search_text"))  # SQLite's index


def matching(typed: str) -> ColumnElement[bool]:
    """The condition that every word of `typed` occurs in a customer's name, reference, account number, email
    address, contact number or registration number. Case and accents do not count. Words of one or two letters
    alone are found where name, reference or account number begins with them.
    """
    words = folded(typed).split()
    if _all_short(words):
        return beginning_with(typed)
    return _indexed(words, Customer.id) if _on_sqlite() else _row_has(words)


def beginning_with(typed: str) -> ColumnElement[bool]:
    """The condition that name, reference or account number begins with `typed`, whatever its case."""
    return or_(*_ranges(typed))


def _indexed(words: list[str], key: Any) -> ColumnElement[bool]:
    """The condition that `key`, an id, is that of a row with every word; SQLite only."""
    return and_(key.in_(_fragments(words)), _row_has([word for word in words if len(word) < SHORTEST]))


def _ranges(typed: str, *, indexed: bool = True) -> list[ColumnElement[bool]]:
    """The conditions of which one must hold, each a range of an index, unless none is to be used.

    Account numbers are kept as they were typed; ranges of the index that hold both cases are quicker than folding them.
    """
    bare = " ".join(typed.split())
    starts = {
        Customer.sort_name: (folded(typed),),
        Customer.reference_key: dict.fromkeys((folded(typed), exact_key(typed) or "")),
        Customer.account_number: dict.fromkeys((bare, bare.lower(), bare.upper())),
    }
    return [
        (column if indexed else column + "").between(start, start + LAST)
        for column, several in starts.items()
        for start in several
    ]


def _all_short(words: list[str]) -> bool:
    return all(len(word) < SHORTEST for word in words)


def _row_has(words: list[str]) -> ColumnElement[bool]:
    """The condition that a row's text has every word. PostgreSQL finds such rows in its index, SQLite looks at each."""
    return and_(true(), *(Customer.search_text.contains(word, autoescape=True) for word in words))


def _fragments(words: list[str]) -> Select[Any]:
    """The ids in SQLite's index of fragments that have every word, as far as that is long enough."""
    quoted = " AND ".join('"' + word.replace('"', '""') + '"' for word in words if len(word) >= SHORTEST)
    return select(FRAGMENTS.c.rowid).where(FRAGMENTS.c.search_text.op("MATCH")(quoted))


def _on_sqlite() -> bool:
    return db.session.get_bind().dialect.name == "sqlite"


# --- The same for long lists: which way is quickest depends on how many rows match ---------------------------


def found_ids(query: Select[Any], typed: str, most: int | None = None) -> Select[Any]:
    """The ids of the customers of `query` that `typed` matches, in no order; where there are more than `most` of
    them perhaps not all, but more than `most`."""
    words = folded(typed).split()
    ids = query.with_only_columns(Customer.id)
    if not _on_sqlite():
        return ids.where(matching(typed))
    if _all_short(words):
        limit = None if most is None else most + 1
        parts = (ids.where(part).limit(limit).subquery() for part in _ranges(typed))
        return select(union(*(select(part.c.id) for part in parts)).subquery().c.id)
    found = _fragments(words).subquery()
    short = _row_has([word for word in words if len(word) < SHORTEST])
    return select(found.c.rowid).where(ids.where(Customer.id == found.c.rowid, short).correlate(found).exists())


def found_rows(query: Select[Any], typed: str, *, total: int, many: int, skipped: int) -> Select[Any]:
    """The customers of `query` that `typed` matches, put so that one page of them is soon read in any order.

    There are `total` of them, or nobody knows how many more than `many`; the page comes after `skipped` of them. Few
    are looked up and then sorted; of many the first pages are complete after a short walk along the order.
    """
    words = folded(typed).split()
    few = many if _all_short(words) else FEW
    if _on_sqlite() and total <= few:
        return select(Customer).where(Customer.id.in_(found_ids(query, typed)))
    if _all_short(words) and total > many:
        return query.where(or_(*_ranges(typed, indexed=False)))
    if not _on_sqlite():
        return query.where(matching(typed)).execution_options(**({SORTED: True} if total <= many else {}))
    if total > many and skipped < SOON:
        return query.where(_row_has(words))
    return query.where(_indexed(words, Customer.id + 0))  # no key to look up, so the order is walked along


# --- One customer, or a handful ------------------------------------------------------------------------------


def exact_match(typed: str, actor: Actor) -> Customer | None:
    """The one customer with exactly this reference or account number, of any of its accounts; else the one that took
    the place of a customer who had it.
    """
    key = exact_key(typed) or ""
    account = select(Account.customer_id).where(
        Account.organisation_id == actor.organisation_id, Account.number == typed.strip()
    )
    query = scope(Customer, actor).where(
        or_(Customer.reference_key == key, Customer.account_number == typed.strip(), Customer.id.in_(account))
    )
    found = list(db.session.scalars(query.limit(2)))
    if not found:
        found = list(db.session.scalars(_merged(typed, actor).limit(2)))
    return found[0] if len(found) == 1 else None


def _merged(typed: str, actor: Actor) -> Select[Any]:
    """The customers into whom one with this reference or account number was merged."""
    old = select(MergedCustomer.into_id).where(
        MergedCustomer.organisation_id == actor.organisation_id,
        or_(
            MergedCustomer.account_number == typed.strip(),
            func.lower(MergedCustomer.reference) == (exact_key(typed) or ""),
        ),
    )
    return scope(Customer, actor).where(Customer.id.in_(old))


def best_matches(typed: str, actor: Actor, limit: int) -> list[Customer]:
    """At most `limit` customers for suggestions: those that begin with what was typed come first."""
    if not folded(typed):
        return []
    query: Select[Any] = scope(Customer, actor)
    parts = (_first_of(query, part, limit).subquery() for part in _ranges(typed))
    first = _named(select(Customer).where(Customer.id.in_(union(*(select(part.c.id) for part in parts)))), limit)
    if len(first) < limit and len(folded(typed)) >= SHORTEST:
        rest = query.where(Customer.id.not_in([customer.id for customer in first]))
        some = found_ids(rest, typed).limit(SOME).subquery()
        first += _named(select(Customer).where(Customer.id.in_(select(some.c[0]))), limit - len(first))
    return first


def _first_of(query: Select[Any], condition: ColumnElement[bool], limit: int) -> Select[Any]:
    return query.with_only_columns(Customer.id).where(condition).order_by(condition.left).limit(limit)


def _named(query: Select[Any], limit: int) -> list[Customer]:
    named = query.options(joinedload(Customer.status)).order_by(Customer.sort_name, Customer.id).limit(limit)
    return list(db.session.scalars(named))
