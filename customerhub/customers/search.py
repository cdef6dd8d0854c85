"""Searching customers by name, number or contact details."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, column, or_, select, table, true, union
from sqlalchemy.orm import joinedload

from customerhub.core.permissions import Actor, select_visible
from models import Account, Customer, MergedCustomer
from models.base import Key, db
from models.keys import exact_key, fold_text

MIN_FRAGMENT_LENGTH = 3  # letters; below that no fragment is indexed and only beginnings are found
HIGHEST_CHARACTER = "\U0010ffff"
# Milliseconds of CPU time for one page of the list, 100,000 customers on SQLite. No two of the three ways serve all:
# dropping one costs some searches half as much again.
#
#     matches              looked up, sorted   order walked with ids   order walked with LIKE
#     91                         18-22               20-36                      -
#     2,500                      27-28               21-24                      -
#     10,000                     49                  28-32                      -
#     100,000, first page         -                  57                        22
#     100,000, page 400           -                  61                        34
MAX_SORTED_ROWS = 2000  # so many rows are sorted sooner than the order of the others is walked along
MAX_WALKED_ROWS = 400  # so many of many rows are met early on a walk along the order
MAX_SUGGESTION_CANDIDATES = 200  # of so many customers that match, suggestions are the first by name
SORT_LAST_OPTION = (
    "sorted_at_last"  # marks a query that is to be sorted, not read along an index, because its rows may lie far back
)
FRAGMENT_INDEX = table("customer_search", column("rowid", Key), column("search_text"))  # SQLite's index


def build_search_condition(search_text: str) -> ColumnElement[bool]:
    """The condition that every word of `search_text` occurs in a customer's name, reference, account number, email
    address, contact number or registration number. Case and accents do not count. Words of one or two letters
    alone are found where name, reference or account number begins with them.
    """
    words = fold_text(search_text).split()
    if _are_all_short(words):
        return build_prefix_condition(search_text)
    return _build_index_condition(words, Customer.id) if _is_sqlite() else _build_words_condition(words)


def build_prefix_condition(search_text: str) -> ColumnElement[bool]:
    """The condition that name, reference or account number begins with `search_text`, whatever its case."""
    return or_(*_build_range_conditions(search_text))


def _build_index_condition(words: list[str], key: Any) -> ColumnElement[bool]:
    """The condition that `key`, an id, is that of a row with every word; SQLite only."""
    return and_(
        key.in_(_select_fragment_ids(words)),
        _build_words_condition([word for word in words if len(word) < MIN_FRAGMENT_LENGTH]),
    )


def _build_range_conditions(search_text: str, *, indexed: bool = True) -> list[ColumnElement[bool]]:
    """The conditions of which one must hold, each a range of an index, unless none is to be used.

    Account numbers are kept as they were typed; ranges of the index that hold both cases are quicker than folding them.
    """
    bare = " ".join(search_text.split())
    prefixes = {
        Customer.sort_name: (fold_text(search_text),),
        Customer.reference_key: dict.fromkeys((fold_text(search_text), exact_key(search_text) or "")),
        Customer.account_number: dict.fromkeys((bare, bare.lower(), bare.upper())),
    }
    return [
        (column if indexed else column + "").between(start, start + HIGHEST_CHARACTER)
        for column, several in prefixes.items()
        for start in several
    ]


def _are_all_short(words: list[str]) -> bool:
    return all(len(word) < MIN_FRAGMENT_LENGTH for word in words)


def _build_words_condition(words: list[str]) -> ColumnElement[bool]:
    """The condition that a row's text has every word. PostgreSQL finds such rows in its index, SQLite looks at each."""
    return and_(true(), *(Customer.search_text.contains(word, autoescape=True) for word in words))


def _select_fragment_ids(words: list[str]) -> Select[Any]:
    """The ids in SQLite's index of fragments that have every word, as far as that is long enough."""
    match_expression = " AND ".join(
        '"' + word.replace('"', '""') + '"' for word in words if len(word) >= MIN_FRAGMENT_LENGTH
    )
    return select(FRAGMENT_INDEX.c.rowid).where(FRAGMENT_INDEX.c.search_text.op("MATCH")(match_expression))


def _is_sqlite() -> bool:
    return db.session.get_bind().dialect.name == "sqlite"


# --- The same for long lists: which way is quickest depends on how many rows match ---------------------------


def select_matching_ids(query: Select[Any], search_text: str, max_count: int | None = None) -> Select[Any]:
    """The ids of the customers of `query` that `search_text` matches, in no order; where there are more than
    `max_count` of them perhaps not all, but more than `max_count`.
    """
    words = fold_text(search_text).split()
    ids = query.with_only_columns(Customer.id)
    if not _is_sqlite():
        return ids.where(build_search_condition(search_text))
    if _are_all_short(words):
        limit = None if max_count is None else max_count + 1
        parts = (ids.where(part).limit(limit).subquery() for part in _build_range_conditions(search_text))
        return select(union(*(select(part.c.id) for part in parts)).subquery().c.id)
    found = _select_fragment_ids(words).subquery()
    short_words_condition = _build_words_condition([word for word in words if len(word) < MIN_FRAGMENT_LENGTH])
    return select(found.c.rowid).where(
        ids.where(Customer.id == found.c.rowid, short_words_condition).correlate(found).exists()
    )


def select_matching_rows(
    query: Select[Any], search_text: str, *, total: int, max_counted: int, offset: int
) -> Select[Any]:
    """The customers of `query` that `search_text` matches, put so that one page of them is soon read in any order.

    There are `total` of them, or nobody knows how many more than `max_counted`; the page comes after `offset` of them.
    Few are looked up and then sorted; of many the first pages are complete after a short walk along the order.
    """
    words = fold_text(search_text).split()
    max_sorted = max_counted if _are_all_short(words) else MAX_SORTED_ROWS
    if _is_sqlite() and total <= max_sorted:
        return select(Customer).where(Customer.id.in_(select_matching_ids(query, search_text)))
    if _are_all_short(words) and total > max_counted:
        return query.where(or_(*_build_range_conditions(search_text, indexed=False)))
    if not _is_sqlite():
        return query.where(build_search_condition(search_text)).execution_options(
            **({SORT_LAST_OPTION: True} if total <= max_counted else {})
        )
    if total > max_counted and offset < MAX_WALKED_ROWS:
        return query.where(_build_words_condition(words))
    return query.where(
        _build_index_condition(words, Customer.id + 0)
    )  # no key to look up, so the order is walked along


# --- One customer, or a handful ------------------------------------------------------------------------------


def find_exact_match(search_text: str, actor: Actor) -> Customer | None:
    """The one customer with exactly this reference or account number, of any of its accounts; else the one that took
    the place of a customer who had it.
    """
    key = exact_key(search_text) or ""
    account = select(Account.customer_id).where(
        Account.organisation_id == actor.organisation_id, Account.number == search_text.strip()
    )
    query = select_visible(Customer, actor).where(
        or_(Customer.reference_key == key, Customer.account_number == search_text.strip(), Customer.id.in_(account))
    )
    found = list(db.session.scalars(query.limit(2)))
    if not found:
        found = list(db.session.scalars(_select_merged_customers(search_text, actor).limit(2)))
    return found[0] if len(found) == 1 else None


def _select_merged_customers(search_text: str, actor: Actor) -> Select[Any]:
    """The customers into whom one with this reference or account number was merged."""
    merged_ids = select(MergedCustomer.into_id).where(
        MergedCustomer.organisation_id == actor.organisation_id,
        or_(
            MergedCustomer.account_number == search_text.strip(),
            MergedCustomer.reference_key == (exact_key(search_text) or ""),
        ),
    )
    return select_visible(Customer, actor).where(Customer.id.in_(merged_ids))


def list_suggestions(
    search_text: str, actor: Actor, limit: int, *, condition: ColumnElement[bool] | None = None
) -> list[Customer]:
    """At most `limit` customers for suggestions, of those that meet `condition`: those that begin with what was typed
    come first.
    """
    if not fold_text(search_text):
        return []
    query: Select[Any] = select_visible(Customer, actor).where(true() if condition is None else condition)
    parts = (_select_first_ids(query, part, limit).subquery() for part in _build_range_conditions(search_text))
    suggestions = _load_by_name(
        select(Customer).where(Customer.id.in_(union(*(select(part.c.id) for part in parts)))), limit
    )
    if len(suggestions) < limit and len(fold_text(search_text)) >= MIN_FRAGMENT_LENGTH:
        remaining_query = query.where(Customer.id.not_in([customer.id for customer in suggestions]))
        candidates = select_matching_ids(remaining_query, search_text).limit(MAX_SUGGESTION_CANDIDATES).subquery()
        suggestions += _load_by_name(
            select(Customer).where(Customer.id.in_(select(candidates.c[0]))), limit - len(suggestions)
        )
    return suggestions


def _select_first_ids(query: Select[Any], condition: ColumnElement[bool], limit: int) -> Select[Any]:
    return query.with_only_columns(Customer.id).where(condition).order_by(condition.left).limit(limit)


def _load_by_name(query: Select[Any], limit: int) -> list[Customer]:
    ordered_query = query.options(joinedload(Customer.status)).order_by(Customer.sort_name, Customer.id).limit(limit)
    return list(db.session.scalars(ordered_query))
