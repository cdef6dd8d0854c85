"""Notification templates: the texts of messages, with placeholders."""

import json
from dataclasses import replace
from typing import Any

from flask import Response, request, url_for
from flask_admin import expose

from customerhub.notifications.templates import BODY_ONLY, PLACEHOLDERS
from models import NotificationTemplate
from models.enums import TemplatePurpose
from views import template_uses
from views.columns import Column, Filter
from views.editing import DetailsPage, EditPage
from views.named import DELETE, SetupView, active_column, active_filter, name_column
from views.operation import Operation, OperationPage
from views.template_preview import (
    ABOUT_CUSTOMERS,
    CUSTOMERS,
    LOOKUP,
    Preview,
    chosen_customer,
    documents_of,
    framed,
    typed_template,
)
from views.words import word

MARKUP = (
    "A blank line begins a new paragraph. Lines that begin with “- ” are a list, **two asterisks** on either side make "
    "words bold, and an address such as https://example.com becomes a link. Type {{ to choose a placeholder."
)


def offered(barred: frozenset[str] = frozenset()) -> str:
    """What the fields suggest while a placeholder is typed, as JSON: for each purpose [[name, meaning], …]."""
    return json.dumps(
        {
            purpose.value: [[name, meaning] for name, meaning in names.items() if name not in barred]
            for purpose, names in PLACEHOLDERS.items()
        }
    )


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
    field_args = {
        "subject": {"render_kw": {"data-placeholders": offered(BODY_ONLY), "data-wide": True, "autocomplete": "off"}},
        "body": {"render_kw": {"data-placeholders": offered(), "rows": 12}, "description": MARKUP},
        "active": {"render_kw": {"data-wide": True}},
    }
    operations = (replace(DELETE, unavailable=lambda rows, _actor: template_uses.in_use(rows)),)

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
        page.preview = self._preview(row.id if row is not None else None)
        if row is not None and (unsent := template_uses.unsent(row)):
            form["active"].description = f"While it is switched off, {unsent} are not sent"
        return page

    def _preview(self, row_id: int | None, purpose: TemplatePurpose | None = None) -> Preview:
        return Preview(url_for(".preview_view"), url_for(".documents_view"), purpose, row_id)

    def operation_lookups(self) -> dict[str, Any]:
        return super().operation_lookups() | {LOOKUP: CUSTOMERS}

    def fill_header(self, page: DetailsPage, row: Any) -> None:
        if not row.active and (unsent := template_uses.unsent(row)):
            page.banners.append({"kind": "warning", "text": f"It is switched off: {unsent} are not sent."})

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        texts = page.sections[0]["items"]
        page.sections[0]["items"] = [item for item in texts if item[0] != "Body"]
        page.sections.append({**page.sections[0], "title": "Body", "items": None, "text": row.body})
        page.preview = self._preview(row.id, row.purpose)
        if row.purpose in ABOUT_CUSTOMERS:
            page.summary = [template_uses.block(row)]

    def _operation_page(self, operation: Operation, form: Any, can: list[Any], cannot: list[Any]) -> OperationPage:
        page: OperationPage = super()._operation_page(operation, form, can, cannot)
        page.preview = template_uses.table([row for row, _ in cannot])
        return page

    @expose("/preview/", methods=("GET", "POST"))
    def preview_view(self) -> Response:
        """How a mail looks: of a template as it was saved, or as it is being written."""
        is_saved = request.method == "GET"
        return framed(self.get_one(request.args.get("id", "")) if is_saved else typed_template(), self.actor)

    @expose("/documents/")
    def documents_view(self) -> Any:
        """[[id, name], …] of the documents of the customer that a preview is shown for."""
        customer = chosen_customer(self.actor)
        return [[each.id, each.certificate] for each in documents_of(customer)] if customer else []
