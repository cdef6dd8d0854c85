"""Paging: the requested page of a list, its rows, and the links to other pages."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from flask import request
from sqlalchemy import Select, func, select
from werkzeug.datastructures import MultiDict

from models.base import db

MAX_PAGE = 1_000_000

Pager = dict[str, Any]  # what the macro `pager` shows


def parse_page(parameters: MultiDict[str, str]) -> int:
    """The page number in an address; the first page is 0."""
    return min(max(parameters.get("page", 0, type=int), 0), MAX_PAGE)


def paginate(query: Select[Any], page_size: int) -> tuple[list[Any], Pager | None]:
    """The rows of the requested page, and the pager if there is more than one page or the page is beyond the last."""
    page = parse_page(request.args)
    rows = list(db.session.scalars(query.limit(page_size + 1).offset(page * page_size)))
    if page and not rows:
        total = db.session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
        return [], build_pager_beyond(page, (total - 1) // page_size, _page_url) if total else None
    has_more = len(rows) > page_size
    pager = build_pager(page, has_more, _page_url, f"Page {page + 1}") if page or has_more else None
    return rows[:page_size], pager


def build_pager(
    page: int,
    has_more: bool,
    page_url: Callable[[int], str],
    text: str,
    links: Sequence[tuple[str, str | None, bool]] = (),
) -> Pager:
    """The links to the previous and next page. `links` to numbered pages are (label, address, is current)."""
    return {
        "first_text": text,
        "prev": page_url(page - 1) if page else None,
        "next": page_url(page + 1) if has_more else None,
        "pages": list(links),
        "beyond": None,
    }


def build_pager_beyond(page: int, last_page: int | None, page_url: Callable[[int], str]) -> Pager:
    """The pager of a page that is beyond the last one, None where nobody knows which that is. `beyond` is shown in the
    place of the rows.
    """
    known_pages = sorted({0, last_page or 0})
    links = [(f"{each + 1:,}", page_url(each), False) for each in known_pages]
    target, name = (0, "first") if not last_page else (last_page, "last")
    beyond = {
        "title": f"There is no page {page + 1:,}",
        "text": "The list ends before it." if last_page is None else f"The last page is page {last_page + 1:,}.",
        "action": {"label": f"Go to the {name} page", "url": page_url(target)},
    }
    pager = build_pager(page, False, page_url, f"Page {page + 1:,} is beyond the end", links)
    return pager | {"prev": page_url(target), "beyond": beyond}


def _page_url(page: int) -> str:
    """The current address with another page number."""
    pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    query = urlencode([*pairs, ("page", page)] if page else pairs)
    return f"{request.script_root}{request.path}" + (f"?{query}" if query else "")
