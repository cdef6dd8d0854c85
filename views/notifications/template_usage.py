"""Where a template is used, with links."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import select

from customerhub.core.references import pluralize
from customerhub.mail.composition import find_template
from customerhub.notifications.template_usage import TemplateUsage, load_template_usage
from models import NotificationTemplate
from models.base import db
from views.notifications.template_preview import ABOUT_CUSTOMERS


def get_usage(row: NotificationTemplate) -> TemplateUsage:
    return load_template_usage([row])[row.id]


def list_deletion_refusals(rows: Sequence[NotificationTemplate]) -> dict[int, str]:
    """Why templates cannot be deleted, by their ids."""
    return {
        key: f"Used by {found.description}. Deactivate it instead"
        for key, found in load_template_usage(rows).items()
        if found
    }


def describe_unsent_reminders(row: NotificationTemplate) -> str | None:
    """Which reminders are not sent while a template is switched off, in words; None where all of them still are."""
    usage = get_usage(row)
    parts = [f"reminders for {usage.description}"] if usage else []
    if row.purpose in ABOUT_CUSTOMERS and not _has_another(row):
        parts.append("reminders without a template")
    return " and ".join(parts) or None


def _has_another(row: NotificationTemplate) -> bool:
    """Whether another active template has the purpose of this one."""
    others = select(NotificationTemplate.id).where(
        NotificationTemplate.organisation_id == row.organisation_id,
        NotificationTemplate.purpose == row.purpose,
        NotificationTemplate.active,
        NotificationTemplate.id != row.id,
    )
    return db.session.scalar(others.limit(1)) is not None


def build_usage_links(row: NotificationTemplate, usage: TemplateUsage) -> list[dict[str, str]]:
    """How many use a template, each with the list of them."""
    parts = (
        ("review_template", usage.customers.count, "customer"),
        ("document_template", usage.documents.count, "compliance document"),
    )
    return [
        {
            "text": f"{count} {noun if count == 1 else pluralize(noun)}",
            "url": f"{url_for('customers.index_view')}?f={name}:is:{row.id}",
        }
        for name, count, noun in parts
        if count
    ]


def build_usage_block(row: NotificationTemplate) -> dict[str, Any]:
    """The block "Used by" of a record."""
    default_template = find_template(row.organisation_id, row.purpose)
    return {
        "title": "Used by",
        "items": [("Reminders for", build_usage_links(row, get_usage(row)) or "No customers or documents")],
        "text": "Default for reminders without a template." if default_template is row else None,
    }


def build_usage_tables(rows: Sequence[NotificationTemplate]) -> list[dict[str, Any]]:
    """A table of where `rows` are used; none where they are not."""
    usages = load_template_usage(rows) if rows else {}
    used_rows = [(row, usages[row.id]) for row in rows if usages[row.id]]
    return [
        {
            "title": "Used by",
            "columns": [{"label": "Template"}, {"label": "Used by"}],
            "rows": [[str(row), build_usage_links(row, each)] for row, each in used_rows],
        }
    ] * bool(used_rows)
