"""History: every change of every business row."""

from collections import defaultdict
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, Select, and_, false, inspect, or_

from customerhub.core.history import UNTRACKED
from customerhub.core.history_access import visibility_condition
from customerhub.core.permissions import Permission, select_visible
from customerhub.core.spreadsheets import CellKind
from models import Customer, History, SavedView
from models.base import db
from models.keys import fold_text
from views.framework.columns import Column
from views.framework.custom_values import list_fields
from views.framework.display import HIDDEN_COLUMNS, changes_of, label_for, noun_of
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.forms import MODELS_BY_TABLE
from views.framework.labels import capitalize_first
from views.framework.model_view import HubModelView
from views.framework.timeline import describe_actor, describe_source

KINDS = tuple(
    sorted(
        (
            (name, capitalize_first(noun_of(name)))
            for name, model in MODELS_BY_TABLE.items()
            if model not in UNTRACKED or name == SavedView.__tablename__
        ),
        key=lambda pair: pair[1],
    )
)


def record_kind(entry: History) -> str:
    return capitalize_first(noun_of(entry.table_name))


def _changed_fields(entry: History) -> str:
    names = [label for label, _, _ in changes_of(entry.table_name, entry.changes)]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


# So that the first letters of a name do not look into what most fields of all tables became.
MIN_FIELD_LENGTH = 3


def build_field_condition(text: str) -> ColumnElement[bool]:
    """Entries by which a field was changed whose label begins with `text`; what rows were created with or deleted with
    is no change.
    """
    tables = defaultdict(list)
    beginning = fold_text(text.strip())
    if len(beginning) >= MIN_FIELD_LENGTH:
        for table, model in MODELS_BY_TABLE.items():
            names = [attribute.key for attribute in inspect(model).attrs]
            names += [field.name for field in list_fields(model)]
            for name in names:
                if name not in HIDDEN_COLUMNS and fold_text(label_for(model, name)).startswith(beginning):
                    tables[name].append(table)
    changed = (
        and_(History.table_name.in_(names), History.changes[field].as_string().is_not(None))
        for field, names in tables.items()
    )
    return and_(History.action.not_in(("created", "deleted")), or_(false(), *changed))


class HistoryView(HubModelView):
    noun = "change"
    title = "History"
    intro = "Who changed what, when and from where."
    empty_text = "Every change of a business record appears here."
    columns = (
        Column(
            "at",
            "When",
            lambda row: format_datetime(row.at),
            export=Exported(History.at, kind=CellKind.MOMENT),
        ),
        Column("actor", "Who", lambda row: describe_actor(row)),
        Column(
            "record",
            "Record",
            lambda row: {"text": row.title, "sub": record_kind(row)},
            export=Exported(History.title),
        ),
        Column(
            "action",
            "What",
            lambda row: capitalize_first(row.action),
            export=Exported(History.action, render=capitalize_first),
        ),
        Column("changes", "Fields", _changed_fields, collapsed_format="{}"),
        Column(
            "source",
            "From",
            lambda row: describe_source(row.source),
            collapsed_format="from {}",
            export=Exported(History.source, render=describe_source),
        ),
    )
    filters = (
        Filter("actor", "Who", History.actor_name, nullable=False),
        Filter("table", "Kind of record", History.table_name, "select", choices=KINDS, nullable=False),
        Filter("action", "What", History.action, nullable=False),
        Filter("source", "From", History.source, nullable=False),
    )
    search_columns = (History.title,)
    search_hint = "Search by record or changed field"
    default_order = (History.id.desc(),)
    view_permission = Permission.HISTORY_VIEW
    edit_permission = None

    def base_query(self) -> Select[Any]:
        return super().base_query().where(visibility_condition(self.actor))

    def search_condition(self, search: str) -> ColumnElement[bool]:
        """Also who changed a field, such as the VAT number, of whatever record."""
        return or_(super().search_condition(search), build_field_condition(search))

    def details_tabs(self, _page: DetailsPage, row: Any, active: str) -> list[dict[str, Any]]:
        return []

    def fill_details(self, page: DetailsPage, row: History, _tab: str) -> None:
        page.title = f"{row.title}: {row.action}"
        page.meta = [
            ("When", format_datetime(row.at)),
            ("Who", describe_actor(row)),
            ("From", describe_source(row.source)),
            ("Record", record_kind(row)),
        ]
        if row.reason:
            page.sections.append({"title": "Reason", "text": row.reason})
        if row.customer_id and db.session.scalar(
            select_visible(Customer, self.actor).where(Customer.id == row.customer_id)
        ):
            url = url_for("customers.details_view", id=row.customer_id, tab="history")
            page.actions = [{"label": "Customer history", "url": url, "icon": "history", "primary": True}]
        page.tables = [
            {
                "title": "Fields",
                "columns": [{"label": "Field"}, {"label": "Before"}, {"label": "After"}],
                "rows": [list(change) for change in changes_of(row.table_name, row.changes)],
                "empty": "No fields changed.",
            }
        ]
