"""A list: what the address asks for, the page of rows it answers with, and what the template needs to show it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask import flash, request
from sqlalchemy import Select, UnaryExpression, func, literal_column, select
from werkzeug.datastructures import MultiDict

from customerhub.customers.search import SORTED
from customerhub.errors import Invalid
from models.base import db
from views.choices import Source
from views.columns import Column, Filter, all_of

PAGE_SIZES = (20, 50, 100)
COUNTED = 10_000  # beyond this many a list says "10,000+" until somebody asks to count exactly


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

    def query(self, **changes: Any) -> str:
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

    def keep(self) -> list[tuple[str, str]]:
        """What a form on this page carries along: all but the search and the page."""
        pairs = [("f", ":".join(parts)) for parts in self.filters]
        if self.sort:
            pairs.append(("sort", self.sort))
        if self.descending:
            pairs.append(("desc", "1"))
        if self.page_size != PAGE_SIZES[0]:
            pairs.append(("page_size", str(self.page_size)))
        return pairs


def read_args(
    given: MultiDict[str, str], columns: Sequence[Column], filters: Sequence[Filter], usual_size: int
) -> ListArgs:
    """What `given` asks for; what it asks for in vain is left out."""
    known = {item.name: item for item in filters}
    wanted = []
    asked = [text.split(":", 2) for text in given.getlist("f")]
    if given.get("filter"):
        asked.append([given["filter"], given.get("op", ""), given.get("value", "").strip()])
    for parts in asked[:20]:
        if len(parts) == 3 and parts[0] in known and parts[1] in dict(known[parts[0]].operators()):
            wanted.append((parts[0], parts[1], parts[2][:200]))
    size = given.get("page_size", usual_size, type=int)
    sortable = {column.name for column in columns if column.sort is not None}
    sort = given.get("sort", "")
    return ListArgs(
        page=min(max(given.get("page", 0, type=int), 0), 1_000_000),
        page_size=size if size in PAGE_SIZES else PAGE_SIZES[0],
        sort=sort if sort in sortable else "",
        descending=given.get("desc") == "1",
        search=given.get("search", "").strip()[:200],
        filters=tuple(dict.fromkeys(wanted)),
        exact=given.get("exact") == "1",
    )


def narrowed(query: Select[Any], args: ListArgs, filters: Sequence[Filter]) -> tuple[Select[Any], list[str]]:
    """`query` with the filters of `args`, and a sentence on each that does not fit and is left out."""
    known = {item.name: item for item in filters}
    conditions, unfit = [], []
    for name, operator, value in args.filters:
        try:
            conditions.append((known[name], known[name].where(operator, value)))
        except Invalid as error:
            unfit.append(error.message)
    return query.where(*all_of(conditions)), unfit


def say(unfit: Sequence[str]) -> None:
    """Tell the person who looks at the list about filters that do not fit."""
    for message in unfit:
        flash(message, "warning")


def count(ids: Select[Any], args: ListArgs) -> tuple[int, set[int]]:
    """How many `ids` there are, counted up to COUNTED + 1 unless `args` wants it exactly; and where a search finds
    one or two, these, so that nobody needs to look for them again."""
    rows = ids.order_by(None) if args.exact else ids.order_by(None).limit(COUNTED + 1)
    if not args.search:
        plain = rows.with_only_columns(literal_column("1"), maintain_column_froms=True).subquery()
        return db.session.scalar(select(func.count()).select_from(plain)) or 0, set()
    key = rows.subquery().c[0]
    total, first, last = db.session.execute(select(func.count(key), func.min(key), func.max(key))).one()
    return total, {first, last} if 0 < total <= 2 else set()


def page_of(query: Select[Any], model: Any, order: Sequence[Any], args: ListArgs, load: Sequence[Any]) -> list[Any]:
    """The rows of one page, and one more where there is a next page.

    The keys are found first, in the index alone, and only the rows of the page are read: page 5,000 costs little
    more than the first.
    """
    sorts = [_unindexed(key) for key in order] if query.get_execution_options().get(SORTED) else order
    keys = (
        query.with_only_columns(model.id, maintain_column_froms=True)
        .order_by(*sorts)
        .limit(args.page_size + 1)
        .offset(args.page * args.page_size)
        .subquery()
    )
    rows = select(model).join(keys, keys.c.id == model.id).order_by(*order).options(*load)
    return list(db.session.scalars(rows).unique())


def _unindexed(key: Any) -> Any:
    """A sort key that no index has in order."""
    if isinstance(key, UnaryExpression):
        return func.coalesce(key.element, key.element).desc()
    return func.coalesce(key, key)


def order_of(args: ListArgs, columns: Sequence[Column], usual: Sequence[Any], model: Any) -> list[Any]:
    """What to sort by; the key comes last, so that no row is shown twice or never."""
    column = next((column for column in columns if column.name == args.sort), None)
    keys = list(usual) if column is None else _several(column.sort)
    if column is not None or args.descending:
        keys = [key.desc() if args.descending else key for key in keys]
    return [*keys, model.id.desc() if args.descending else model.id]


def _several(sort: Any) -> list[Any]:
    return list(sort) if isinstance(sort, (tuple, list)) else [sort]


@dataclass
class ListPage:
    """What templates/list.html shows."""

    title: str
    subtitle: str | None = None
    total_text: str = ""
    exact_url: str | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    search: dict[str, str] | None = None
    chips: list[dict[str, str]] = field(default_factory=list)
    clear_url: str | None = None
    filters: list[dict[str, Any]] = field(default_factory=list)
    keep: list[tuple[str, str]] = field(default_factory=list)
    tabs: list[dict[str, Any]] = field(default_factory=list)
    tabs_label: str | None = None
    save_view_url: str | None = None
    column_picker: dict[str, Any] | None = None
    page_sizes: list[tuple[int, str, bool]] = field(default_factory=list)
    pager: dict[str, Any] = field(default_factory=dict)
    bulk: list[dict[str, Any]] = field(default_factory=list)
    bulk_url: str | None = None
    menu_actions: list[dict[str, Any]] = field(default_factory=list)
    empty: dict[str, Any] | None = None
    banners: list[dict[str, Any]] = field(default_factory=list)


def headings(args: ListArgs, columns: Sequence[Column]) -> list[dict[str, Any]]:
    made = []
    for column in columns:
        mine = args.sort == column.name
        made.append(
            {
                "name": column.name,
                "label": column.label,
                "align": column.align,
                "folds": column.width,
                "whole": column.whole,
                "sorted": ("desc" if args.descending else "asc") if mine else None,
                "sort_url": args.query(sort=column.name, descending=mine and not args.descending)
                if column.sort is not None
                else None,
            }
        )
    return made


def chips(args: ListArgs, filters: Sequence[Filter]) -> list[dict[str, str]]:
    known = {item.name: item for item in filters}
    return [
        {
            "label": known[name].told(operator, value),
            "remove_url": args.query(filters=tuple(f for f in args.filters if f != (name, operator, value))),
        }
        for name, operator, value in args.filters
    ]


def sources(filters: Sequence[Filter]) -> list[Source]:
    """What the select boxes of `filters` offer."""
    return [item.source for item in filters if item.source is not None]


def offered(filters: Sequence[Filter]) -> list[dict[str, Any]]:
    """The filters as the "Add filter" menu shows them."""
    return [
        {"name": item.name, "label": item.label, "kind": "select" if item.kind == "yes" else item.kind,
         "operators": item.operators(), "options": item.options()}
        for item in filters
    ]  # fmt: skip


def pager(args: ListArgs, total: int, shown: int, more: bool) -> dict[str, Any]:
    """The links between pages. Beyond what was counted there is a next page and no last one."""
    first = args.page * args.page_size
    known = total <= COUNTED or args.exact
    last_page = max((total - 1) // args.page_size, 0) if known else None
    text = f"{first + 1:,} to {first + shown:,}" if shown else "Nothing on this page"
    text += f" of {total:,}" if known else f" of {COUNTED:,}+"
    near = {page for page in range(args.page - 1, args.page + 2) if page >= 0} | {0}
    if last_page is not None:
        near = {page for page in near if page <= last_page} | {last_page}
    elif not more:
        near = {page for page in near if page <= args.page}
    links: list[tuple[str, str | None, bool]] = []
    for page in sorted(near):
        if links and page - 1 not in near:
            links.append(("…", None, False))
        links.append((f"{page + 1:,}", args.query(page=page, exact=args.exact), page == args.page))
    return {
        "first_text": text,
        "prev": args.query(page=args.page - 1, exact=args.exact) if args.page else None,
        "next": args.query(page=args.page + 1, exact=args.exact) if more else None,
        "pages": links,
    }


def total_text(total: int, noun: tuple[str, str], exact: bool) -> str:
    if total > COUNTED and not exact:
        return f"{COUNTED:,}+ {noun[1]}"
    return f"{total:,} {noun[0] if total == 1 else noun[1]}"


def asks_canonical() -> bool:
    """Whether the address came from the filter form and should be shortened."""
    return "filter" in request.args
