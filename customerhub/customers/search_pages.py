"""One page of what a search for customers finds, in any order, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import ceil, isqrt
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, UnaryExpression, case, func, literal, or_, select, union

from customerhub.customers.search import (
    build_candidate_condition,
    build_fragment_condition,
    build_row_condition,
    has_only_short_words,
    is_sqlite,
    list_ranges,
    select_first_matches,
    select_matching_ids,
)
from models import Customer
from models.base import Key, db

SHORT_WALK = 5  # times as many rows as are wanted, for what nearly all match
FIRST_WALK = 2_000  # rows along the order that are tested one by one, in some ms, before anything else is tried
LONGEST_WALK = 40_000  # rows; beyond that it is better to ask how common matches are
SAMPLE_SIZE = 5_000  # customers out of all by which is estimated how common matches are, and where in the order
SAMPLE_RUN = 16  # so many with ids in a row, as many as lie on a page of PostgreSQL
# So many of all customers have to be named by PostgreSQL's index to read along the order instead: fewer are sooner
# looked up, because of two indexes, of the words and of the order, only those are read that both name.
MIN_SHARE_TO_WALK = 0.4
# Beyond that share of the order reading its index costs more than the rows that need not be read.
MAX_SHARE_TO_BOUND = 0.5
# Looking up one customer takes SQLite as long as so many steps along an index of the order.
STEPS_PER_FRAGMENT = 1.5
STEPS_PER_BEGINNING = 4  # these are scattered, while fragments are looked up in the order of the rows


@dataclass(frozen=True)
class SearchPart:
    """What one index finds; whoever is found by one of all parts is found by the search.

    The same condition by the `index` and on the `row` at hand. `sorted_by` is the column in whose order the index has
    what it finds, blank for none.
    """

    sorted_by: str
    index: ColumnElement[bool]
    row: ColumnElement[bool]


def _list_parts(search_text: str) -> list[SearchPart]:
    if has_only_short_words(search_text):
        return [SearchPart(column, condition, condition) for column, condition in list_ranges(search_text)]
    return [SearchPart("", build_fragment_condition(search_text), build_row_condition(search_text))]


@dataclass(frozen=True)
class Survey:
    """What a sample tells of a search in some order. Counts are of all customers, `step` of whom each of it stands for.

    `part_counts` are found by each index, `candidate_count` by any, some of them in vain. Among the first `walk_count`
    in the order is the page that is wanted, most likely: up to those with `bound` in the column that is sorted by, None
    for all.
    """

    total: int
    candidate_count: int
    part_counts: list[int]
    walk_count: int
    bound: Any


@dataclass(frozen=True)
class FoundPage:
    """The ids of one page of what a search finds, in their order, and how many it finds in all."""

    ids: Sequence[int]
    total: int


def find_page(
    query: Select[Any],
    search_text: str,
    *,
    order: Sequence[Any],
    offset: int,
    limit: int,
    max_count: int,
    is_exact: bool = False,
) -> FoundPage:
    """`limit` customers of `query` that `search_text` matches, after the first `offset` of them in `order`; and how
    many it matches, counted to `max_count` and one unless it `is_exact`.

    Up to `max_count` are looked up, counted and sorted at once.
    """
    matches = select_first_matches(query, search_text, _list_keys(order), max_count).subquery()
    page = select(list(matches.c)[-1], func.count().over()).order_by(*_list_sorts(matches, order))
    rows = db.session.execute(page.limit(limit).offset(offset)).all()
    if not rows and offset:  # beyond the end, where no row tells how many there are
        total = db.session.scalar(select(func.count()).select_from(matches)) or 0
    else:
        total = rows[0][1] if rows else 0
    if total <= max_count:
        return FoundPage([key for key, _ in rows], total)
    if is_exact:
        all_matches = select_matching_ids(query, search_text).subquery()
        total = db.session.scalar(select(func.count()).select_from(all_matches)) or 0
    return FoundPage(_find_page_of_many(query, search_text, order, offset, limit), total)


def _find_page_of_many(
    query: Select[Any], search_text: str, order: Sequence[Any], offset: int, limit: int
) -> Sequence[int]:
    """The ids of a page where very many match.

    They are first looked for among the first rows of the order: whoever searches for what is common finds a page
    there, however many customers there are. Where that does not do, because the page is far back or the matches are
    together elsewhere in the order, a sample tells whether to read on along the order, or to ask the indexes for all
    matches, on PostgreSQL for those up to where the page most likely ends.
    """
    last = offset + limit
    matches = _find_among_first(query, search_text, order, last)
    if len(matches) >= last:
        return matches[offset:last]
    survey = _survey(query, search_text, order, last)
    if is_sqlite():
        return _look_up(query, search_text, order, offset, limit, _list_walks(survey, last))
    if survey.candidate_count >= MIN_SHARE_TO_WALK * survey.total:
        along = query.with_only_columns(Customer.id).where(build_row_condition(search_text))
        return db.session.scalars(along.order_by(*order).limit(limit).offset(offset)).all()
    if survey.bound is not None and survey.walk_count <= MAX_SHARE_TO_BOUND * survey.total:
        start = query.where(_build_bound_condition(order[0], survey.bound))
        page = _look_up(start, search_text, order, offset, limit)
        if len(page) == limit:
            return page
    return _look_up(query, search_text, order, offset, limit)


# --- Along the order ------------------------------------------------------------------------------------------


def _find_among_first(query: Select[Any], search_text: str, order: Sequence[Any], last: int) -> list[int]:
    """The ids of the matches in their order: `last` of them or more, where these are among the first customers of
    `query`, else as many as there happen to be.
    """
    if last > FIRST_WALK:
        return []
    matches: list[int] = []
    if SHORT_WALK * last < FIRST_WALK:
        matches = _find_matches_among_first(SHORT_WALK * last, query, search_text, order)
    if len(matches) >= last:
        return matches
    matches = _find_matches_among_first(FIRST_WALK, query, search_text, order)
    walk = FIRST_WALK * last * 2 // max(len(matches), 1)  # twice as far as it takes if it goes on like this
    if len(matches) < last and walk <= LONGEST_WALK:
        matches = _find_matches_among_first(walk, query, search_text, order)
    return matches


def _find_matches_among_first(count: int, query: Select[Any], search_text: str, order: Sequence[Any]) -> list[int]:
    """The ids of the matches among the first `count` customers of `query`, in their order."""
    tests = _select_keys(query, order).add_columns(build_row_condition(search_text).label("is_match"))
    first = tests.order_by(*order).limit(count).subquery()
    matches = select(list(first.c)[-2]).where(first.c.is_match)
    return list(db.session.scalars(matches.order_by(*_list_sorts(first, order))))


def _hide(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    """The same condition, for which SQLite asks no index. PostgreSQL would take it for one that few rows meet."""
    return case((condition, 1), else_=0) == 1


# --- By the indexes -------------------------------------------------------------------------------------------


def _look_up(
    query: Select[Any],
    search_text: str,
    order: Sequence[Any],
    offset: int,
    limit: int,
    walks: Sequence[int | None] = (),
) -> Sequence[int]:
    """The ids of the page, from all that the indexes find; whoever is found by one of several is found.

    Instead of some of the indexes so many rows as `walks` says are read along the order.
    """
    parts = (
        _select_first(offset + limit, query, part, order, walk)
        for part, walk in zip_longest(_list_parts(search_text), walks)
    )
    found = union(*(select(part.subquery()) for part in parts)).subquery()
    page = select(list(found.c)[-1]).order_by(*_list_sorts(found, order)).limit(limit).offset(offset)
    return db.session.scalars(page).all()


def _select_first(
    count: int, query: Select[Any], part: SearchPart, order: Sequence[Any], walk: int | None
) -> Select[Any]:
    """The sort keys, the id last, of the first `count` customers that `part` finds.

    Where it has them in that order, or they are met on a `walk` of so many customers, they are read in that order as
    far as it takes, otherwise they are sorted.
    """
    keys = _select_keys(query, order).limit(count)
    sorts = _list_columns(order)
    if part.sorted_by == sorts[0].key:
        return keys.where(part.index).order_by(*order)
    if walk is not None and walk > LONGEST_WALK:  # so far that rows are not looked at, but ids alone
        key = Customer.id + 0  # a sum, by which the database looks up nothing
        return keys.where(key.in_(query.with_only_columns(Customer.id).where(part.index))).order_by(*order)
    if walk is not None:
        return keys.where(_hide(part.row)).order_by(*order)
    hidden_sorts = [func.coalesce(key, key) for key in sorts]  # which no index has, so that it is not walked along
    return keys.where(part.index).order_by(*(key.desc() if _is_descending(order[0]) else key for key in hidden_sorts))


# --- Which of both --------------------------------------------------------------------------------------------


def _survey(query: Select[Any], search_text: str, order: Sequence[Any], last: int) -> Survey:
    """What a sample of the customers of `query` tells of the first `last` matches."""
    ids = query.with_only_columns(Customer.id).limit(1)
    ends = (ids.order_by(Customer.id), ids.order_by(Customer.id.desc()))
    first_id, last_id = db.session.execute(select(*(end.scalar_subquery() for end in ends))).one()
    # An odd distance of the runs: numbers that are searched for may follow the ids.
    distance = max((last_id - first_id) * SAMPLE_RUN // SAMPLE_SIZE, SAMPLE_RUN) | 1
    starts = _select_numbers(first_id, last_id, distance).subquery()
    tests = _select_keys(query, order).add_columns(
        build_row_condition(search_text).label("is_match"),
        build_candidate_condition(search_text).label("is_candidate"),
    )
    run = Customer.id.between(starts.c[0], starts.c[0] + (SAMPLE_RUN - 1))
    parts = _list_parts(search_text)
    tests = tests.add_columns(*(part.row.label(f"part_{place}") for place, part in enumerate(parts)))
    sample = tests.join(starts, run).cte("sample")
    needed_count = ceil(last * SAMPLE_RUN / distance)
    spare_count = 2 * isqrt(needed_count) + 2  # by which a sample is rarely off
    matches = select(sample.c.key_0).where(sample.c.is_match).order_by(*_list_sorts(sample, order))
    bound = matches.offset(needed_count + spare_count - 1).limit(1).scalar_subquery()
    is_beyond = sample.c.key_0 < bound if _is_descending(order[0]) else sample.c.key_0 > bound
    part_tests = [sample.c[f"part_{place}"] for place in range(len(parts))]
    tests_counted = [func.count().filter(test) for test in (sample.c.is_candidate, is_beyond, *part_tests)]
    bound_value, *counts = db.session.execute(select(bound, func.count(), *tests_counted)).one()
    total, candidate_count, count_beyond, *part_counts = (int(count * distance / SAMPLE_RUN) for count in counts)
    return Survey(total, candidate_count, part_counts, total - count_beyond, bound_value)


def _list_walks(survey: Survey, last: int) -> list[int | None]:
    """For each index how many customers along the order have to be tested to meet `last` that it finds; None where on
    SQLite it takes longer than looking up all that it finds.
    """
    is_fragment = len(survey.part_counts) == 1
    steps = STEPS_PER_FRAGMENT if is_fragment else STEPS_PER_BEGINNING
    walks = [
        survey.walk_count if 2 * count >= survey.candidate_count else last * survey.total // max(count, 1)
        for count in survey.part_counts
    ]
    return [walk if walk <= count * steps else None for walk, count in zip(walks, survey.part_counts, strict=True)]


def _select_numbers(first: int, last: int, step: int) -> Select[Any]:
    """Every `step`-th number from `first` to `last`."""
    numbers = select(literal(first, Key).label("number")).cte("numbers", recursive=True)
    following = select(numbers.c.number + step).where(numbers.c.number <= last - step)
    return select(numbers.union_all(following).c.number)


def _build_bound_condition(first_sort: Any, bound: Any) -> ColumnElement[bool]:
    """The condition of those not after `bound` in the order; PostgreSQL has blanks first when it sorts downwards."""
    column = _list_columns([first_sort])[0]
    value = literal(bound, column.type)  # of a yes or no too, which is compared with no bare True
    return or_(column >= value, column.is_(None)) if _is_descending(first_sort) else column <= value


# --- Orders ---------------------------------------------------------------------------------------------------


def _select_keys(query: Select[Any], order: Sequence[Any]) -> Select[Any]:
    return query.with_only_columns(*_list_keys(order))


def _list_keys(order: Sequence[Any]) -> list[Any]:
    """What is sorted by in `order`, the id last."""
    return [key.label(f"key_{place}") for place, key in enumerate(_list_columns(order))]


def _list_columns(order: Sequence[Any]) -> list[Any]:
    return [key.element if _is_descending(key) else key for key in order]


def _list_sorts(keys: FromClause, order: Sequence[Any]) -> list[Any]:
    """`order` for what `_list_keys` names."""
    columns = list(keys.c)[: len(order)]
    return [key.desc() if _is_descending(wanted) else key for key, wanted in zip(columns, order, strict=True)]


def _is_descending(key: Any) -> bool:
    return isinstance(key, UnaryExpression)
