"""One page of what a search for customers finds, in any order, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, UnaryExpression, func, select, union

from customerhub.customers.search import (
    build_fragment_condition,
    build_row_condition,
    has_only_short_words,
    is_sqlite,
    list_ranges,
)
from models import Customer
from models.base import db

FIRST_WALK = 2_000  # rows along the order that are tested one by one, in some ms, before anything else is tried
LONGEST_WALK = 40_000  # rows; beyond that looking all matches up is quicker
SAMPLE_SIZE = 500  # customers out of all by which is estimated how common a match is
# So many of all customers have to match to be sooner met along the order than looked up and sorted: what an index of
# fragments finds is looked up in the order of the rows, what begins alike lies scattered.
MIN_COMMON_FRAGMENT = 0.08
MIN_COMMON_BEGINNING = 0.02


@dataclass(frozen=True)
class SearchPart:
    """What one index finds; whoever is found by one of all parts is found by the search.

    The same condition three ways: by the `index`, on the `row` at hand, and by the id of row after row of some order,
    which on SQLite is looked for among the ids of the index, where no row is looked at. `sorted_by` is the column in
    whose order the index has what it finds, blank for none.
    """

    sorted_by: str
    index: ColumnElement[bool]
    row: ColumnElement[bool]
    id: ColumnElement[bool]
    min_common_share: float


def _list_parts(query: Select[Any], search_text: str) -> list[SearchPart]:
    key = Customer.id + 0  # a sum, by which the database looks up nothing
    if not has_only_short_words(search_text):
        conditions = [build_fragment_condition(search_text, each) for each in (Customer.id, key)]
        return [SearchPart("", conditions[0], build_row_condition(search_text), conditions[1], MIN_COMMON_FRAGMENT)]
    ids = query.with_only_columns(Customer.id)
    return [
        SearchPart(
            column,
            condition,
            condition,
            key.in_(ids.where(condition)) if is_sqlite() else condition,
            MIN_COMMON_BEGINNING,
        )
        for column, condition in list_ranges(search_text)
    ]


def select_matching_page(
    query: Select[Any], search_text: str, *, order: Sequence[Any], offset: int, limit: int, is_long: bool
) -> Select[Any]:
    """The ids of `limit` customers of `query` that `search_text` matches, after the first `offset` of them in `order`.

    Where there are many, `is_long`, they are first looked for among the first rows of the order: whoever searches for
    what is common finds a page there, however many customers there are. Where that does not do, because the page is
    far back or the matches are together elsewhere in the order, the indexes are asked for all of them.
    """
    last, parts = offset + limit, _list_parts(query, search_text)
    common_parts: list[SearchPart] = []
    if is_long:
        matches = _find_matches_among_first(FIRST_WALK, query, search_text, order)
        walk = FIRST_WALK * last * 2 // max(len(matches), 1)  # twice as far as it takes if it goes on like this
        if len(matches) < last and walk <= LONGEST_WALK:
            matches = _find_matches_among_first(walk, query, search_text, order)
        if len(matches) >= last:
            return select(Customer.id).where(Customer.id.in_(matches[offset:last]))
        common_parts = _find_common(query, parts)
    firsts = [_select_first(last, query, part, order, is_common=part in common_parts) for part in parts]
    found = union(*(select(first.subquery()) for first in firsts)).subquery()
    sorts = [key.desc() if _is_descending(wanted) else key for key, wanted in zip(found.c, order, strict=True)]
    return select(list(found.c)[-1]).order_by(*sorts).limit(limit).offset(offset)


def _find_matches_among_first(count: int, query: Select[Any], search_text: str, order: Sequence[Any]) -> list[int]:
    """The ids of the matches among the first `count` customers of `query`, in their order."""
    rows = query.with_only_columns(Customer.id, build_row_condition(search_text).label("is_match"))
    return [key for key, is_match in db.session.execute(rows.order_by(*order).limit(count)) if is_match]


def _find_common(query: Select[Any], parts: Sequence[SearchPart]) -> list[SearchPart]:
    """Those of `parts` that find so many customers that they are sooner met along an order, as far as a few tell."""
    ids = query.with_only_columns(Customer.id).limit(1)
    ends = (ids.order_by(Customer.id), ids.order_by(Customer.id.desc()))
    first, last = db.session.execute(select(*(end.scalar_subquery() for end in ends))).one()
    step = max((last - first) // SAMPLE_SIZE, 1) | 1  # odd: numbers that are searched for may follow the ids
    tests = query.with_only_columns(*(part.row.label(f"part_{place}") for place, part in enumerate(parts)))
    rows = db.session.execute(tests.where(Customer.id.in_(range(first, last + 1, step)))).all()
    return [
        part
        for place, part in enumerate(parts)
        if sum(bool(row[place]) for row in rows) >= part.min_common_share * max(len(rows), 1)
    ]


def _select_first(
    count: int, query: Select[Any], part: SearchPart, order: Sequence[Any], *, is_common: bool
) -> Select[Any]:
    """The sort keys, the id last, of the first `count` customers that `part` finds.

    Where the index has them in that order, or they are common, they are read in that order as far as it takes,
    otherwise they are sorted.
    """
    sorts = [key.element if _is_descending(key) else key for key in order]
    keys = query.with_only_columns(*(key.label(f"key_{place}") for place, key in enumerate(sorts))).limit(count)
    if part.sorted_by == sorts[0].key:
        return keys.where(part.index).order_by(*order)
    if is_common:
        return keys.where(part.id).order_by(*order)
    hidden_sorts = [func.coalesce(key, key) for key in sorts]  # which no index has, so that it is not walked along
    descending = _is_descending(order[0])
    return keys.where(part.index).order_by(*(key.desc() if descending else key for key in hidden_sorts))


def _is_descending(key: Any) -> bool:
    return isinstance(key, UnaryExpression)
