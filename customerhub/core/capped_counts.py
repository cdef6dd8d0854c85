"""Counts beside menu entries: exact while they are small, cheap when they are not."""

from typing import Any, Final

from sqlalchemy import ScalarSelect, Select, func, select

MOST_COUNTED: Final = 99


def count_capped(query: Select[Any]) -> ScalarSelect[int]:
    """How many rows `query` has, as a part of another query; one more than MOST_COUNTED where there are more."""
    return select(func.count()).select_from(query.limit(MOST_COUNTED + 1).subquery()).scalar_subquery()


def format_count(count: int) -> str | None:
    """A count of `count_capped` as people read it: "99+" where there are more, None where there is nothing."""
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "") or None
