"""What a form may choose from: rows of the actor's organisation, read once a request."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flask import g
from markupsafe import escape
from sqlalchemy import Select, literal_column, or_, true, union_all

from customerhub.customers.rules import CATALOG_OF
from customerhub.customers.search import best_matches
from customerhub.customers.statuses import EDITABLE
from customerhub.permissions import STAFF, Sight, rows_in
from models import CatalogItem, Customer, CustomerStatus, Dealer, OrganisationRow, User
from models.base import db
from models.enums import CatalogType, StatusBehaviour
from models.keys import folded
from views.actor import current_actor

Choice = tuple[int, str, bool]  # id, label, whether it may still be chosen


@dataclass(frozen=True)
class Source:
    """Rows to choose from: a model, narrowed for catalogs, people and statuses."""

    model: type[OrganisationRow]
    catalog: CatalogType | None = None
    staff_only: bool = False
    behaviours: tuple[StatusBehaviour, ...] = ()

    def query(self) -> Select[Any]:
        """(id, label, active) of every row to choose from, in the order people expect."""
        model: Any = self.model
        query = self._rows(current_actor().sight).with_only_columns(*self._columns())
        if model in ORDERED:
            return query.order_by(model.position, model.name_key)
        return query.order_by(getattr(model, "name_key", getattr(model, "sort_name", self._label())))

    def part(self, number: int, sight: Sight) -> Select[Any]:
        """As `query`, to be read together with others: `number` first, and behind it what to order by."""
        model: Any = self.model
        position = model.position if model in ORDERED else literal_column("0")
        return self._rows(sight).with_only_columns(literal_column(str(number)), *self._columns(), position)

    def _rows(self, sight: Sight) -> Select[Any]:
        model: Any = self.model
        query = rows_in(sight, model)
        if self.catalog:
            query = query.where(model.type == self.catalog)
        if self.staff_only:
            query = query.where(model.role.in_(STAFF))
        if self.behaviours:
            query = query.where(model.behaviour.in_(self.behaviours))
        return query

    def _columns(self) -> tuple[Any, ...]:
        model: Any = self.model
        active = getattr(model, "active", true())
        return model.id, self._label().label("label"), active.label("active")

    def _label(self) -> Any:
        model: Any = self.model
        return model.code + " " + model.name if model is Dealer else model.name

    def rows(self) -> list[Choice]:
        """(id, label, active) of every row to choose from, in the order people expect; read once a request."""
        read([self])
        found: list[Choice] = g.choices[self]
        return found

    def options(self, *kept: int | None) -> str:
        """The option elements: what may still be chosen, and those of `kept`; the first of these is selected.

        They are written once a request, however many boxes offer them.
        """
        written: dict[Source, tuple[dict[int, str], str]] = g.setdefault("options", {})
        if self not in written:
            each = {
                key: f'<option value="{key}">{escape(label if active else f"{label} (inactive)")}</option>'
                for key, label, active in self.rows()
            }
            written[self] = each, "".join(each[key] for key, _, active in self.rows() if active)
        each, text = written[self]
        if any(key in each and each[key] not in text for key in kept if key is not None):
            text = "".join(each[key] for key, _, active in self.rows() if active or key in kept)
        return selected(text, kept[0])

    def found(self, text: str, limit: int) -> list[tuple[int, str]]:
        """(id, label) of at most `limit` rows that may be chosen and that match what was typed."""
        model: Any = self.model
        if text and model is Customer:
            return [(row.id, row.name) for row in best_matches(text, current_actor(), limit)]
        query = self.query().where(getattr(model, "active", true()))
        if text:
            columns = (model.name, model.email) if model is User else (model.name,)
            query = query.where(or_(*(column.icontains(text, autoescape=True) for column in columns)))
        return [(key, label) for key, label, _ in db.session.execute(query.limit(limit))]

    def offers(self, key: int) -> bool:
        """Whether this row may be chosen now: it is the actor's to know of, and active."""
        found = db.session.execute(self.query().where(self.model.id == key)).first()
        return found is not None and bool(found.active)

    def label(self, key: int | None) -> str:
        """The label of one row, blank where the actor may not know of it."""
        if key is None:
            return ""
        kept = g.get("choices", {}).get(self)
        known = next((label for found, label, _ in kept or () if found == key), "")
        if known or (kept is not None and not self.behaviours):
            return known
        everywhere = replace(self, behaviours=())  # a status that cannot be chosen here has a name too
        found = db.session.execute(everywhere.query().where(self.model.id == key)).first()
        return found.label if found else ""


def selected(options: str, key: object) -> str:
    """Option elements with the one of `key` selected."""
    return options.replace(f'<option value="{key}">', f'<option value="{key}" selected>', 1)


def read(sources: Iterable[Source]) -> None:
    """Read the rows of all `sources` that this request has not read yet, in one statement."""
    kept: dict[Source, list[Choice]] = g.setdefault("choices", {})
    wanted = tuple(source for source in dict.fromkeys(sources) if source not in kept)
    if not wanted:
        return
    found: list[list[Any]] = [[] for _ in wanted]
    for number, *row in db.session.execute(_statement(wanted, current_actor().sight)):
        found[number].append(row)
    for source, rows in zip(wanted, found, strict=True):
        rows.sort(key=lambda row: (row[3], folded(row[1])))
        kept[source] = [(key, label, active) for key, label, active, _ in rows]


@lru_cache(maxsize=128)
def _statement(sources: tuple[Source, ...], sight: Sight) -> Any:
    """Reads all `sources`. It is kept, because to put it together takes ten times as long as to run it."""
    parts = [source.part(number, sight) for number, source in enumerate(sources)]
    return parts[0] if len(parts) == 1 else union_all(*parts)


def of_form(form_class: Any) -> tuple[Source, ...]:
    """What the select boxes of a form class and of its lists of rows offer."""
    return _of_form(form_class)


@lru_cache(maxsize=256)
def _of_form(form_class: Any) -> tuple[Source, ...]:
    found: list[Source] = []
    for name in dir(form_class):
        made_with = getattr(getattr(form_class, name), "kwargs", None) or {}
        if "form_class" in made_with:
            found += of_form(made_with["form_class"])
        elif "source" in made_with and "lookup" not in made_with:
            found.append(made_with["source"])
    return tuple(dict.fromkeys(found))


# Rows with a position that somebody chose; all others go by their name.
ORDERED = (CatalogItem, CustomerStatus)

# Too many to put into a page: these are looked up while typing.
LOOKED_UP = (Customer, User)


def source_of(column: Any, models: dict[str, type[OrganisationRow]]) -> Source | None:
    """The rows that the foreign key `column` chooses from; None where it is no foreign key."""
    targets = [key.column.table.name for key in column.foreign_keys if key.column.name == "id"]
    if not targets:
        return None
    model = models[targets[0]]
    return Source(
        model,
        catalog=CATALOG_OF.get(column.name) if model is CatalogItem else None,
        staff_only=model is User,
        behaviours=EDITABLE if model is CustomerStatus else (),
    )
