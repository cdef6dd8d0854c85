"""Notification templates: the texts of messages, with placeholders."""

from typing import Any

from customerhub.notifications.templates import PLACEHOLDERS
from models import NotificationTemplate
from models.enums import TemplatePurpose
from views.columns import Column, Filter
from views.editing import EditPage
from views.named import SetupView, active_column, active_filter, name_column
from views.words import word


class TemplateView(SetupView):
    noun = "notification template"
    title = "Notification templates"
    intro = "What messages say. Placeholders in double braces are filled in for each customer."
    empty_text = "Reviews and compliance documents name the template of their reminders."
    columns = (
        name_column(NotificationTemplate),
        Column("purpose", "Purpose", lambda row: word(row.purpose), sort=NotificationTemplate.purpose),
        Column("subject", "Subject", lambda row: row.subject, sort=NotificationTemplate.subject),
        active_column(NotificationTemplate),
    )
    filters = (
        Filter(
            "purpose",
            "Purpose",
            NotificationTemplate.purpose,
            "select",
            members=TemplatePurpose,
            nullable=False,
        ),
        active_filter(NotificationTemplate),
    )
    searched = (NotificationTemplate.name, NotificationTemplate.subject)
    search_hint = "Search by name or subject"
    usual_order = (NotificationTemplate.purpose, NotificationTemplate.name_key)
    fields = ("name", "purpose", "subject", "body", "active")

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page: EditPage = super()._edit_page(form, row)
        page.tables = [
            {
                "title": f"Placeholders: {word(purpose).lower()}",
                "columns": [{"label": "Write"}, {"label": "Becomes"}],
                "rows": [["{{" + name + "}}", meaning] for name, meaning in names.items()],
                "show_when": f"purpose={purpose.value}",
            }
            for purpose, names in PLACEHOLDERS.items()
        ]
        return page
