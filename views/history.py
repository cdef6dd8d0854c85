"""History: every change of every business row."""

from typing import Any

from customerhub.permissions import Permission
from models import History
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.editing import DetailsPage
from views.forms import label_of
from views.timeline import readable


def table_label(entry: History) -> str:
    return label_of(entry.table_name).replace("Hub user", "User")


def _changes(entry: History) -> str:
    names = [label_of(name) for name in entry.changes or {}]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


class HistoryView(HubModelView):
    noun = "change"
    title = "History"
    intro = "Who changed what, when and from where."
    empty_text = "Every change of a business record appears here."
    columns = (
        Column("at", "When", lambda row: moment(row.at)),
        Column("actor", "Who", lambda row: row.actor_name),
        Column("record", "Record", lambda row: {"text": row.title, "sub": table_label(row)}),
        Column("action", "What", lambda row: row.action),
        Column("changes", "Fields", _changes),
        Column("source", "From", lambda row: row.source),
    )
    filters = (
        Filter("actor", "Who", History.actor_name, nullable=False),
        Filter("table", "Kind of record", History.table_name, nullable=False),
        Filter("action", "What", History.action, nullable=False),
        Filter("source", "From", History.source, nullable=False),
        Filter("customer", "Customer id", History.customer_id, "number"),
    )
    searched = (History.title,)
    search_hint = "Search by name of the record"
    usual_order = (History.id.desc(),)
    view_permission = Permission.HISTORY_VIEW
    edit_permission = None

    def details_tabs(self, row: Any, active: str) -> list[dict[str, Any]]:
        return []

    def fill_details(self, page: DetailsPage, row: History, _tab: str) -> None:
        page.title = f"{row.title}: {row.action}"
        page.meta = [
            ("When", moment(row.at)),
            ("Who", row.actor_name),
            ("From", row.source),
            ("Record", table_label(row)),
        ]
        page.tables = [
            {
                "title": "Fields",
                "columns": [{"label": "Field"}, {"label": "Before"}, {"label": "After"}],
                "rows": [
                    [label_of(name), readable(pair[0]), readable(pair[1])]
                    for name, pair in (row.changes or {}).items()
                ],
                "empty": "No field changed.",
            }
        ]
