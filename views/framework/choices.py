"""The choices of forms: rows of the actor's organisation, read once a request."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from flask import g
from markupsafe import escape
from sqlalchemy import ColumnElement, Select, literal_column, or_, true, union_all

from customerhub.core.permissions import AccessScope, scoped_query
from customerhub.customers.choice_rules import CHOICE_RULES, STAFF_ONLY, ChoiceRule
from customerhub.customers.search import list_suggestions
from models import CatalogItem, Customer, CustomerStatus, Dealer, OrganisationRow, User
from models.base import db
from models.folding import contains_text
from models.keys import fold_text
from views.http.actor import current_actor

Choice = tuple[int, str, bool]  # id, label, whether it may still be chosen


@dataclass(frozen=True)
class Source:
    """Rows to choose from: those of a model that a rule lets be chosen."""

    model: type[OrganisationRow]
    rule: ChoiceRule | None = None

    def build_query(self) -> Select[Any]:
        """(id, label, active) of every row to choose from, in the order people expect."""
        model: Any = self.model
        query = self._scoped_rows(current_actor().access_scope).with_only_columns(*self._columns())
        if model in POSITIONED_MODELS:
            return query.order_by(model.position, model.name_key)
        return query.order_by(getattr(model, "name_key", getattr(model, "sort_name", self._label())))

    def build_union_part(self, number: int, access_scope: AccessScope) -> Select[Any]:
        """As `build_query`, to be read together with others: `number` first, and behind it what to order by."""
        model: Any = self.model
        position = model.position if model in POSITIONED_MODELS else literal_column("0")
        return self._scoped_rows(access_scope).with_only_columns(
            literal_column(str(number)), *self._columns(), position
        )

    def _scoped_rows(self, access_scope: AccessScope) -> Select[Any]:
        model: Any = self.model
        query = scoped_query(access_scope, model)
        return query.where(self.rule.build_condition(model)) if self.rule else query

    def _offered_condition(self) -> ColumnElement[bool]:
        """What is asked beyond the rule of a row that is found while typing. Others can be known and named."""
        return true()

    def _columns(self) -> tuple[Any, ...]:
        model: Any = self.model
        active = getattr(model, "active", true())
        return model.id, self._label().label("label"), active.label("active")

    def _label(self) -> Any:
        model: Any = self.model
        return model.code + " " + model.name if model is Dealer else model.name

    def list_choices(self) -> list[Choice]:
        """(id, label, active) of every row to choose from, in the order people expect; read once a request."""
        preload([self])
        choices: list[Choice] = g.choices[self]
        return choices

    def render_options(self, *stored_ids: int | None) -> str:
        """The option elements: what may still be chosen, and those of `stored_ids`; the first of these is selected.

        They are written once a request, however many boxes offer them.
        """
        rendered: dict[Source, tuple[dict[int, str], str]] = g.setdefault("options", {})
        if self not in rendered:
            options_by_id = {
                key: f'<option value="{key}">{escape(label if active else f"{label} (inactive)")}</option>'
                for key, label, active in self.list_choices()
            }
            rendered[self] = (
                options_by_id,
                "".join(options_by_id[key] for key, _, active in self.list_choices() if active),
            )
        options_by_id, text = rendered[self]
        if any(key in options_by_id and options_by_id[key] not in text for key in stored_ids if key is not None):
            text = "".join(options_by_id[key] for key, _, active in self.list_choices() if active or key in stored_ids)
        return mark_selected(text, stored_ids[0])

    def search(self, text: str, limit: int) -> list[tuple[int, str]]:
        """(id, label) of at most `limit` rows that may be chosen and that match what was typed."""
        model: Any = self.model
        if text and model is Customer:
            found = list_suggestions(text, current_actor(), limit, condition=self._offered_condition())
            return [(row.id, row.name) for row in found]
        query = self.build_query().where(getattr(model, "active", true()), self._offered_condition())
        if text:
            columns = (model.name, model.email) if model is User else (model.name,)
            query = query.where(or_(*(contains_text(column, text) for column in columns)))
        return [(key, label) for key, label, _ in db.session.execute(query.limit(limit))]

    def can_choose(self, key: int) -> bool:
        """Whether this row may be chosen now: it is the actor's to know of, and active."""
        choice = db.session.execute(self.build_query().where(self.model.id == key)).first()
        return choice is not None and bool(choice.active)

    def label_of(self, key: int | None) -> str:
        """The label of one row, blank where the actor may not know of it."""
        if key is None:
            return ""
        loaded_choices = g.get("choices", {}).get(self)
        loaded_label = next((label for found, label, _ in loaded_choices or () if found == key), "")
        if loaded_label or (loaded_choices is not None and self.rule is None):
            return loaded_label
        unrestricted = replace(self, rule=None)  # what cannot be chosen here has a name too
        found = db.session.execute(unrestricted.build_query().where(self.model.id == key)).first()
        return found.label if found else ""


def mark_selected(options: str, key: object) -> str:
    """Option elements with the one of `key` selected."""
    return options.replace(f'<option value="{key}">', f'<option value="{key}" selected>', 1)


def preload(sources: Iterable[Source]) -> None:
    """Read the rows of all `sources` that this request has not read yet, in one statement."""
    choices_by_source: dict[Source, list[Choice]] = g.setdefault("choices", {})
    missing = tuple(source for source in dict.fromkeys(sources) if source not in choices_by_source)
    if not missing:
        return
    rows_by_source: list[list[Any]] = [[] for _ in missing]
    for number, *row in db.session.execute(_build_statement(missing, current_actor().access_scope)):
        rows_by_source[number].append(row)
    for source, rows in zip(missing, rows_by_source, strict=True):
        rows.sort(key=lambda row: (row[3], fold_text(row[1])))
        choices_by_source[source] = [(key, label, active) for key, label, active, _ in rows]


@lru_cache(maxsize=128)
def _build_statement(sources: tuple[Source, ...], access_scope: AccessScope) -> Any:
    """Reads all `sources`. It is kept, because to put it together takes ten times as long as to run it."""
    parts = [source.build_union_part(number, access_scope) for number, source in enumerate(sources)]
    return parts[0] if len(parts) == 1 else union_all(*parts)


def sources_of_form(form_class: Any) -> tuple[Source, ...]:
    """What the select boxes of a form class and of its lists of rows offer."""
    return _find_sources(form_class)


@lru_cache(maxsize=256)
def _find_sources(form_class: Any) -> tuple[Source, ...]:
    sources: list[Source] = []
    for name in dir(form_class):
        field_options = getattr(getattr(form_class, name), "kwargs", None) or {}
        if "form_class" in field_options:
            sources += sources_of_form(field_options["form_class"])
        elif "source" in field_options and "lookup" not in field_options:
            sources.append(field_options["source"])
    return tuple(dict.fromkeys(sources))


# Rows with a position that somebody chose; all others go by their name.
POSITIONED_MODELS = (CatalogItem, CustomerStatus)

# Too many to put into a page: these are looked up while typing.
LOOKUP_MODELS = (Customer, User)


def source_of(column: Any, models: dict[str, type[OrganisationRow]]) -> Source | None:
    """The rows that the foreign key `column` chooses from; None where it is no foreign key."""
    targets = [key.column.table.name for key in column.foreign_keys if key.column.name == "id"]
    if not targets:
        return None
    model = models[targets[0]]
    return Source(model, CHOICE_RULES.get(column.name, STAFF_ONLY if model is User else None))
