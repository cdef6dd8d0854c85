"""Rows that are found by any fragment of their texts, in an index of fragments that both databases have."""

from typing import Any

from sqlalchemy import Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from models.keys import fold_text


def fragment_index(table: str) -> Any:
    """PostgreSQL's index of fragments; SQLite has a table of its own, `<table>_search`, which the migrations make."""
    return Index(
        f"ix_{table}_search_text",
        "search_text",
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    ).ddl_if(dialect="postgresql")


def join_texts(*texts: str | None) -> str:
    """`texts` as they are searched: folded, in this order; None is left out."""
    return fold_text("\n".join(text for text in texts if text))


class Searched:
    """A row whose `search_text` follows from the columns `searched_columns`; None where it is not to be found."""

    searched_columns: tuple[str, ...] = ()

    search_text: Mapped[str | None] = mapped_column(Text, sort_order=80, info={"untracked": True})

    def is_searched(self) -> bool:
        """Whether the row is to be found by itself."""
        return True

    def update_derived_columns(self) -> None:
        texts = (getattr(self, name) for name in self.searched_columns)
        search_text = join_texts(*texts) if self.is_searched() else None
        if self.search_text != search_text:
            self.search_text = search_text
