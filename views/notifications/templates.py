"""Notification templates: the texts of messages, with placeholders."""

import json
from dataclasses import replace
from typing import Any

from flask import Response, request, url_for
from flask_admin import expose

from customerhub.mail.templates import BODY_ONLY_PLACEHOLDERS, PLACEHOLDERS
from models import NotificationTemplate
from models.enums import TemplatePurpose
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.labels import member_label
from views.framework.operation import Operation, OperationPage
from views.notifications import template_usage
from views.notifications.template_preview import (
    ABOUT_CUSTOMERS,
    CUSTOMERS,
    LOOKUP,
    Preview,
    build_draft_template,
    find_chosen_customer,
    list_documents,
    render_preview,
)
from views.setup.setup_view import DELETE, SetupView, active_column, active_filter, name_column

MARKUP_HINT = (
    "A blank line starts a new paragraph and “- ” at the start of a line a list item. Text between **two asterisks** "
    "is bold, and an address such as https://example.com becomes a link. Type {{ to insert a placeholder."
)


def build_placeholder_json(excluded: frozenset[str] = frozenset()) -> str:
    """What the fields suggest while a placeholder is typed, as JSON: for each purpose [[name, meaning], …]."""
    return json.dumps(
        {
            purpose.value: [[name, meaning] for name, meaning in names.items() if name not in excluded]
            for purpose, names in PLACEHOLDERS.items()
        }
    )


class TemplateView(SetupView):
    noun = "notification template"
    title = "Notification templates"
    intro = "Texts of messages. Placeholders in double braces are filled in for each customer."
    empty_text = "Templates are used for the reminders of reviews and compliance documents."
    columns = (
        name_column(NotificationTemplate),
        Column(
            "purpose",
            "Purpose",
            lambda row: member_label(row.purpose),
            sort=NotificationTemplate.purpose,
            export=Exported(NotificationTemplate.purpose, render=member_label),
        ),
        Column(
            "subject",
            "Subject",
            lambda row: row.subject,
            sort=NotificationTemplate.subject,
            export=Exported(NotificationTemplate.subject),
        ),
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
    search_columns = (NotificationTemplate.name, NotificationTemplate.subject)
    search_hint = "Search by name or subject"
    default_order = (NotificationTemplate.purpose, NotificationTemplate.name_key)
    fields = ("name", "purpose", "subject", "body", "active")
    fixed_fields = ("purpose", "subject", "body")  # of the text of one template
    field_args = {
        "subject": {
            "render_kw": {
                "data-placeholders": build_placeholder_json(BODY_ONLY_PLACEHOLDERS),
                "data-wide": True,
                "autocomplete": "off",
            }
        },
        "body": {"render_kw": {"data-placeholders": build_placeholder_json(), "rows": 12}, "description": MARKUP_HINT},
        "active": {"render_kw": {"data-wide": True}},
    }
    operations = (
        replace(DELETE, unavailable_reasons=lambda rows, _actor: template_usage.list_deletion_refusals(rows)),
    )

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page: EditPage = super()._edit_page(form, row)
        page.tables = [
            {
                "title": f"Placeholders: {member_label(purpose).lower()}",
                "columns": [{"label": "Placeholder"}, {"label": "Replaced by"}],
                "rows": [["{{" + name + "}}", meaning] for name, meaning in names.items()],
                "show_when": f"purpose={purpose.value}",
            }
            for purpose, names in PLACEHOLDERS.items()
        ]
        page.preview = self._preview(row.id if row is not None else None)
        if row is not None and (unsent := template_usage.describe_unsent_reminders(row)):
            form["active"].description = f"While inactive, {unsent} are not sent"
        return page

    def _preview(self, row_id: int | None, purpose: TemplatePurpose | None = None) -> Preview:
        return Preview(url_for(".preview_view"), url_for(".documents_view"), purpose, row_id)

    def operation_lookups(self) -> dict[str, Any]:
        return super().operation_lookups() | {LOOKUP: CUSTOMERS}

    def fill_header(self, page: DetailsPage, row: Any) -> None:
        if not row.active and (unsent := template_usage.describe_unsent_reminders(row)):
            page.banners.append({"kind": "warning", "text": f"Inactive: {unsent} are not sent."})

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        texts = page.sections[0]["items"]
        page.sections[0]["items"] = [item for item in texts if item[0] != "Body"]
        page.sections.append({**page.sections[0], "title": "Body", "items": None, "text": row.body})
        page.preview = self._preview(row.id, row.purpose)
        if row.purpose in ABOUT_CUSTOMERS:
            page.summary = [template_usage.build_usage_block(row)]

    def _build_operation_page(
        self, operation: Operation, form: Any, can: list[Any], cannot: list[Any]
    ) -> OperationPage:
        page: OperationPage = super()._build_operation_page(operation, form, can, cannot)
        page.preview = template_usage.build_usage_tables([row for row, _ in cannot])
        return page

    @expose("/preview/", methods=("GET", "POST"))
    def preview_view(self) -> Response:
        """How a mail looks: of a template as it was saved, or as it is being written."""
        is_saved = request.method == "GET"
        return render_preview(
            self.get_one(request.args.get("id", "")) if is_saved else build_draft_template(), self.actor
        )

    @expose("/documents/")
    def documents_view(self) -> Any:
        """[[id, name], …] of the documents of the customer that a preview is shown for."""
        customer = find_chosen_customer(self.actor)
        return [[each.id, each.certificate] for each in list_documents(customer)] if customer else []
