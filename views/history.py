"""History: every change of every business row."""

from typing import Any

from flask import url_for
from sqlalchemy import Select

from customerhub.history import UNTRACKED
from customerhub.permissions import Permission, scope
from models import Customer, History
from models.base import db
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.editing import DetailsPage
from views.forms import MODELS
from views.showing import changes_of, noun_of
from views.timeline import origin, seen_by, who
from views.words import sentence

KINDS = tuple(
    sorted(
        ((name, sentence(noun_of(name))) for name, model in MODELS.items() if model not in UNTRACKED),
        key=lambda pair: pair[1],
    )
)


def kind_of(entry: History) -> str:
    return sentence(noun_of(entry.table_name))


def _fields(entry: History) -> str:
    names = [label for label, _, _ in changes_of(entry.table_name, entry.changes)]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


class HistoryView(HubModelView):
    noun = "change"
    title = "History"
    intro = "Who changed what, when and from where."
    empty_text = "Every change of a business record appears here."
    columns = (
        Column("at", "When", lambda row: moment(row.at)),
        Column("actor", "Who", lambda row: who(row)),
        Column("record", "Record", lambda row: {"text": row.title, "sub": kind_of(row)}),
        Column("action", "What", lambda row: sentence(row.action)),
        Column("changes", "Fields", _fields),
        Column("source", "From", lambda row: origin(row.source)),
    )
    filters = (
        Filter("actor", "Who", History.actor_name, nullable=False),
        Filter("table", "Kind of record", History.table_name, "select", choices=KINDS, nullable=False),
        Filter("action", "What", History.action, nullable=False),
        Filter("source", "From", History.source, nullable=False),
    )
    searched = (History.title,)
    search_hint = "Search by name of the record"
    usual_order = (History.id.desc(),)
    view_permission = Permission.HISTORY_VIEW
    edit_permission = None

    def rows(self) -> Select[Any]:
        return super().rows().where(seen_by(self.actor))

    def details_tabs(self, row: Any, active: str) -> list[dict[str, Any]]:
        return []

    def fill_details(self, page: DetailsPage, row: History, _tab: str) -> None:
        page.title = f"{row.title}: {row.action}"
        page.meta = [
            ("When", moment(row.at)),
            ("Who", who(row)),
            ("From", origin(row.source)),
            ("Record", kind_of(row)),
        ]
        if row.reason:
            page.sections.append({"title": "Why", "text": row.reason})
        if row.customer_id and db.session.scalar(scope(Customer, self.actor).where(Customer.id == row.customer_id)):
            url = url_for("customers.details_view", id=row.customer_id, tab="history")
            page.actions = [{"label": "History of the customer", "url": url, "icon": "history", "primary": True}]
        page.tables = [
            {
                "title": "Fields",
                "columns": [{"label": "Field"}, {"label": "Before"}, {"label": "After"}],
                "rows": [list(change) for change in changes_of(row.table_name, row.changes)],
                "empty": "No field changed.",
            }
        ]
