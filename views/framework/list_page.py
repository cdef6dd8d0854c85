"""A list page: the arguments of its address, its page of rows, and the context of its template."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask import flash, request
from sqlalchemy import Select, case, func, literal_column, select
from werkzeug.datastructures import MultiDict

from customerhub.core.errors import Invalid
from models.base import db
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.date_ranges import list_date_ranges
from views.framework.filters import MAX_TEXT_LENGTH, UNVALUED, WITHIN, Filter, combine_conditions, split_values
from views.framework.operation import Operation
from views.framework.paging import Pager, build_pager, build_pager_beyond, parse_page

PAGE_SIZES = (20, 50, 100)
MAX_FILTERS = 20
COUNT_LIMIT = 10_000  # beyond this many a list says "10,000+" until somebody asks to count exactly


@dataclass(frozen=True)
class ListArgs:
    """What the address of a list asks for. `filters` are (name, operator, value)."""

    page: int = 0
    page_size: int = PAGE_SIZES[0]
    sort: str = ""
    descending: bool = False
    search: str = ""
    filters: tuple[tuple[str, str, str], ...] = ()
    exact: bool = False

    def query_string(self, **changes: Any) -> str:
        """The query string of this list with some of it changed; starts at the first page unless told."""
        args = replace(self, **{"page": 0, **changes})
        pairs: list[tuple[str, Any]] = [("f", ":".join(parts)) for parts in args.filters]
        if args.search:
            pairs.append(("search", args.search))
        if args.sort:
            pairs.append(("sort", args.sort))
        if args.descending:
            pairs.append(("desc", 1))
        if args.page_size != PAGE_SIZES[0]:
            pairs.append(("page_size", args.page_size))
        if args.page:
            pairs.append(("page", args.page))
        if args.exact:
            pairs.append(("exact", 1))
        return "?" + urlencode(pairs)

    def form_fields(self) -> list[tuple[str, str]]:
        """What a form on this page carries along: all but the search and the page."""
        pairs = [("f", ":".join(parts)) for parts in self.filters]
        if self.sort:
            pairs.append(("sort", self.sort))
        if self.descending:
            pairs.append(("desc", "1"))
        if self.page_size != PAGE_SIZES[0]:
            pairs.append(("page_size", str(self.page_size)))
        return pairs


@dataclass(frozen=True)
class BlankLast:
    """Sorts by an expression, rows that have nothing there behind all others, whichever the direction."""

    expression: Any


def parse_list_args(parameters: MultiDict[str, str], columns: Sequence[Column], filters: Sequence[Filter]) -> ListArgs:
    """What `parameters` asks for; what it asks for in vain is left out."""
    filters_by_name = {item.name: item for item in filters}
    conditions = []
    requested_filters = [text.split(":", 2) for text in parameters.getlist("f")]
    if parameters.get("filter"):
        requested_filters += _read_filter_form(parameters)
    for parts in requested_filters[:MAX_FILTERS]:
        if (
            len(parts) == 3
            and parts[0] in filters_by_name
            and parts[1] in dict(filters_by_name[parts[0]].list_operators())
        ):
            conditions.append((parts[0], parts[1], filters_by_name[parts[0]].clean_value(parts[1], parts[2])))
    size = parameters.get("page_size", PAGE_SIZES[0], type=int)
    sortable = {column.name for column in columns if column.sort is not None}
    sort = parameters.get("sort", "")
    return ListArgs(
        page=parse_page(parameters),
        page_size=size if size in PAGE_SIZES else PAGE_SIZES[0],
        sort=sort if sort in sortable else "",
        descending=parameters.get("desc") == "1",
        search=parameters.get("search", "").strip()[:MAX_TEXT_LENGTH],
        filters=tuple(dict.fromkeys(conditions)),
        exact=parameters.get("exact") == "1",
    )


def _read_filter_form(parameters: MultiDict[str, str]) -> list[list[str]]:
    """The filter that was chosen from the menu or changed; none where it says nothing."""
    operator = parameters.get("op", "")
    values = parameters.getlist("span" if operator == WITHIN else "value")
    value = ",".join(values).strip()
    return [[parameters["filter"], operator, value]] if value or operator in UNVALUED else []


def apply_filters(query: Select[Any], args: ListArgs, filters: Sequence[Filter]) -> tuple[Select[Any], list[str]]:
    """`query` with the filters of `args`, and a sentence on each that does not fit and is left out."""
    filters_by_name = {item.name: item for item in filters}
    conditions, errors = [], []
    for name, operator, value in args.filters:
        try:
            conditions.append((filters_by_name[name], filters_by_name[name].build_condition(operator, value)))
        except Invalid as error:
            errors.append(error.message)
    return query.where(*combine_conditions(conditions)), errors


def flash_filter_errors(errors: Sequence[str]) -> None:
    """Tell the person who looks at the list about filters that do not fit."""
    for message in errors:
        flash(message, "warning")


def count_rows(ids: Select[Any], args: ListArgs) -> tuple[int, set[int]]:
    """How many `ids` there are, counted up to COUNTED + 1 unless `args` wants it exactly; and where a search finds
    one or two, these, so that nobody needs to look for them again."""
    rows = ids.order_by(None) if args.exact else ids.order_by(None).limit(COUNT_LIMIT + 1)
    if not args.search:
        plain = rows.with_only_columns(literal_column("1"), maintain_column_froms=True).subquery()
        return db.session.scalar(select(func.count()).select_from(plain)) or 0, set()
    key = rows.subquery().c[0]
    total, first, last = db.session.execute(select(func.count(key), func.min(key), func.max(key))).one()
    return total, {first, last} if 0 < total <= 2 else set()


def select_page(query: Select[Any], model: Any, order: Sequence[Any], args: ListArgs) -> Select[Any]:
    """The keys of the rows of one page of `query`, and one more where there is a next page.

    Keys alone are found in the index, and only the rows of the page are read: page 5,000 costs little more than the
    first.
    """
    keys = query.with_only_columns(model.id, maintain_column_froms=True)
    return keys.order_by(*order).limit(args.page_size + 1).offset(args.page * args.page_size)


def load_rows(page: Select[Any], model: Any, order: Sequence[Any], load: Sequence[Any]) -> list[Any]:
    """The rows with the keys that `page` selects."""
    keys = page.subquery()
    rows = select(model).join(keys, keys.c[0] == model.id).order_by(*order).options(*load)
    return list(db.session.scalars(rows).unique())


def find_sorted_column(args: ListArgs, columns: Sequence[Column]) -> Column | None:
    """The column that the list is sorted by; None where it is in its usual order."""
    return next((column for column in columns if column.name == args.sort), None)


def order_of(args: ListArgs, columns: Sequence[Column], default_order: Sequence[Any], model: Any) -> list[Any]:
    """What to sort by; the key comes last, so that no row is shown twice or never."""
    column = find_sorted_column(args, columns)
    keys = list(default_order) if column is None else _as_list(column.sort)
    if column is not None or args.descending:
        keys = [turned for key in keys for turned in _turn_key(key, args.descending)]
    return [*keys, model.id.desc() if args.descending else model.id]


def _turn_key(key: Any, is_descending: bool) -> list[Any]:
    if isinstance(key, BlankLast):
        is_blank = case((key.expression.is_(None), 1), else_=0)
        return [is_blank, key.expression.desc() if is_descending else key.expression]
    return [key.desc() if is_descending else key]


def _as_list(sort: Any) -> list[Any]:
    return list(sort) if isinstance(sort, (tuple, list)) else [sort]


@dataclass
class ListPage:
    """What templates/screens/list.html shows."""

    title: str
    subtitle: str | None = None
    total_text: str = ""
    exact_url: str | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    search: dict[str, str] | None = None
    chips: list[dict[str, Any]] = field(default_factory=list)
    clear_url: str | None = None
    filters_url: str | None = None
    search_links: list[tuple[str, str]] = field(default_factory=list)
    siblings: list[dict[str, Any]] = field(default_factory=list)
    list_url: str = ""
    query: str = ""
    hidden_fields: list[tuple[str, str]] = field(default_factory=list)
    tabs: list[dict[str, Any]] = field(default_factory=list)
    tabs_label: str | None = None
    save_view_url: str | None = None
    own_views: list[Any] = field(default_factory=list)
    may_share_views: bool = False
    columns_url: str | None = None
    export_url: str | None = None
    export_ticked_url: str | None = None
    page_sizes: list[tuple[int, str, bool]] = field(default_factory=list)
    pager: Pager | None = None
    bulk: list[dict[str, Any]] = field(default_factory=list)
    bulk_url: str | None = None
    available_url: str | None = None
    matching_text: str | None = None  # how many rows the list has, where these are more than the page shows
    menu_actions: list[dict[str, Any]] = field(default_factory=list)
    empty: dict[str, Any] | None = None
    banners: list[dict[str, Any]] = field(default_factory=list)
    layout: dict[str, Any] | None = None  # the ways to show it: {url, back, current, choices: [(name, label, icon)]}


def column_headings(args: ListArgs, columns: Sequence[Column]) -> list[dict[str, Any]]:
    entries = []
    for column in columns:
        is_sorted = args.sort == column.name
        direction = "desc" if args.descending else "asc"
        entries.append(
            {
                "name": column.name,
                "label": column.label,
                "align": column.align,
                "folds": column.collapse_class,
                "whole": column.no_truncate,
                "sorted": direction if is_sorted else None,
                "sort_url": args.query_string(sort=column.name, descending=is_sorted and not args.descending)
                if column.sort is not None
                else None,
            }
        )
    return entries


def filter_chips(args: ListArgs, filters: Sequence[Filter], pinned: Sequence[Filter] = ()) -> list[dict[str, Any]]:
    """The filters in use, each with the form by which it is changed and the fields which that carries along. Those that
    are `pinned` come first, whether they are in use or not.
    """
    filters_by_name = {item.name: item for item in filters}
    names = dict.fromkeys([*(item.name for item in pinned), *(name for name, _, _ in args.filters)])
    chips: list[dict[str, Any]] = []
    for name in names:
        conditions = [condition for condition in args.filters if condition[0] == name]
        chips += [_describe_chip(args, filters_by_name[name], condition) for condition in conditions]
        if not conditions:
            chips.append({"label": filters_by_name[name].label, "name": name})
    return chips


def _describe_chip(args: ListArgs, item: Filter, condition: tuple[str, str, str]) -> dict[str, Any]:
    _, operator, value = condition
    others = replace(args, filters=tuple(other for other in args.filters if other != condition))
    return {
        "label": item.describe(operator, value),
        "name": item.name,
        "remove_url": others.query_string(),
        "form": build_filter_form(item, operator, value),
        "hidden_fields": others.form_fields(),
    }


def list_filter_sources(filters: Sequence[Filter], args: ListArgs) -> list[Source]:
    """What the filters in use offer to choose from."""
    names_in_use = {name for name, _, _ in args.filters}
    return [item.source for item in filters if item.source is not None and item.name in names_in_use]


def build_filter_form(item: Filter, operator: str = "", value: str = "") -> dict[str, Any]:
    """The form of a filter, of a new one or of one with this operator and value."""
    return {
        "name": item.name,
        "label": item.label,
        "kind": "select" if item.kind == "yes" else item.kind,
        "is_multiple": item.kind == "select",
        "operators": item.list_operators(),
        "options": item.list_options(),
        "spans": list_date_ranges() if item.kind == "date" else None,
        "operator": operator,
        "value": item.format_value(operator, value),
        "values": split_values(value),
    }


def describe_operations(operations: Sequence[Operation]) -> list[dict[str, Any]]:
    """What the bar below a list offers to do to the ticked rows."""
    return [{"name": each.name, "label": each.label, "danger": each.danger} for each in operations]


def build_list_pager(args: ListArgs, total: int, row_count: int, has_more: bool) -> Pager:
    """The links between pages. Beyond what was counted there is a next page and no last one."""
    first = args.page * args.page_size
    is_exact = total <= COUNT_LIMIT or args.exact
    last_page = max((total - 1) // args.page_size, 0) if is_exact else None

    def page_url(page: int) -> str:
        return args.query_string(page=page, exact=args.exact)

    if total and not row_count and (first >= total if is_exact else args.page):
        return build_pager_beyond(args.page, last_page, page_url)
    of_all = f"{total:,}" if is_exact else f"{COUNT_LIMIT:,}+"
    text = f"{first + 1:,} to {first + row_count:,} of {of_all}" if row_count else "No results on this page"
    pages = {page for page in range(args.page - 1, args.page + 2) if page >= 0} | {0}
    if last_page is not None:
        pages = {page for page in pages if page <= last_page} | {last_page}
    elif not has_more:
        pages = {page for page in pages if page <= args.page}

    links: list[tuple[str, str | None, bool]] = []
    for page in sorted(pages):
        if links and page - 1 not in pages:
            links.append(("…", None, False))
        links.append((f"{page + 1:,}", page_url(page), page == args.page))
    return build_pager(args.page, has_more, page_url, text, links)


def format_total(total: int, noun: tuple[str, str], exact: bool) -> str:
    if total > COUNT_LIMIT and not exact:
        return f"{COUNT_LIMIT:,}+ {noun[1]}"
    return f"{total:,} {noun[0] if total == 1 else noun[1]}"


def format_matching(args: ListArgs, total: int, row_count: int) -> str | None:
    """How many rows an operation can be done to beyond those of the page; None where there are no others."""
    if total <= row_count:
        return None
    return f"{COUNT_LIMIT:,}+" if total > COUNT_LIMIT and not args.exact else f"{total:,}"


def is_filter_form() -> bool:
    """Whether the address came from the filter form and should be shortened."""
    return "filter" in request.args
