"""Who uses a template, with links to them."""

from collections.abc import Sequence
from typing import Any

from flask import url_for
from sqlalchemy import select

from customerhub.links import plural
from customerhub.notifications.mailing import find_template
from customerhub.notifications.uses import Uses, uses_of
from models import NotificationTemplate
from models.base import db
from views.template_preview import ABOUT_CUSTOMERS


def uses(row: NotificationTemplate) -> Uses:
    return uses_of([row])[row.id]


def in_use(rows: Sequence[NotificationTemplate]) -> dict[int, str]:
    """Why templates cannot be deleted, by their ids."""
    return {
        key: f"It is used by {found.told}. Make it inactive instead" for key, found in uses_of(rows).items() if found
    }


def unsent(row: NotificationTemplate) -> str | None:
    """Which reminders are not sent while a template is switched off, in words; None where all of them still are."""
    found = uses(row)
    parts = [f"reminders for {found.told}"] if found else []
    if row.purpose in ABOUT_CUSTOMERS and not _has_another(row):
        parts.append("reminders that name no template")
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


def links(row: NotificationTemplate, found: Uses) -> list[dict[str, str]]:
    """How many use a template, each with the list of them."""
    parts = (
        ("review_template", found.customers.count, "customer"),
        ("document_template", found.documents.count, "compliance document"),
    )
    return [
        {
            "text": f"{count} {noun if count == 1 else plural(noun)}",
            "url": f"{url_for('customers.index_view')}?f={name}:is:{row.id}",
        }
        for name, count, noun in parts
        if count
    ]


def block(row: NotificationTemplate) -> dict[str, Any]:
    """The block "Used by" of a record."""
    usual = find_template(row.organisation_id, row.purpose)
    return {
        "title": "Used by",
        "items": [("Reminders of", links(row, uses(row)) or "nobody by name")],
        "text": "Reminders that name no template use this one." if usual is row else None,
    }


def table(rows: Sequence[NotificationTemplate]) -> list[dict[str, Any]]:
    """A table of who uses `rows`; none where nobody does."""
    found = uses_of(rows) if rows else {}
    used = [(row, found[row.id]) for row in rows if found[row.id]]
    return [
        {
            "title": "Who uses it",
            "columns": [{"label": "Template"}, {"label": "Used by"}],
            "rows": [[str(row), links(row, each)] for row, each in used],
        }
    ] * bool(used)
