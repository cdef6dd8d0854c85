"""A customer that looks like another one is saved only when somebody has seen that."""

from typing import Any

from flask import url_for
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.duplicates import Duplicate, find_duplicates
from views.framework.edit_page import EditMixin, EditPage
from views.framework.questions import Question
from views.http import form_tokens

COMPARED_FIELDS = ("name", "email", "contact_number")
QUESTION = Question("_alike", ("_anyway", "Save anyway"))
WARNING_TEXT = "This customer may already exist. If it is a different customer, save anyway."


class DuplicateWarningMixin(EditMixin):
    """The part of the customers' screen that asks: about the customers that were shown alone."""

    def _save(
        self, form: Form, row: Any, page: EditPage, duplicate: form_tokens.DuplicateSubmission | None
    ) -> Response | None:
        QUESTION.keep_agreed(page)
        values = {
            name: form[name].data for name in COMPARED_FIELDS if row.id is None or getattr(row, name) != form[name].data
        }
        if values and form.validate():
            excluded_ids = [] if row.id is None else [row.id]
            duplicates = find_duplicates(values, organisation_id=self.actor.organisation_id, except_ids=excluded_ids)
            keys = [str(each.customer.id) for each in duplicates]
            if set(keys) - QUESTION.list_agreed():
                page.banners += [_duplicate_banner(each, self.actor, row.id) for each in duplicates]
                QUESTION.ask_about(page, keys, WARNING_TEXT)
                self._check_rules(form, row)
                return None
        return super()._save(form, row, page, duplicate)


def _duplicate_banner(duplicate: Duplicate, actor: Actor, key: int | None) -> dict[str, Any]:
    """The warning of one, with a link to look at it, or to merge the two; `key` is that of the record at hand."""
    customer = duplicate.customer
    matching_fields = " and ".join(duplicate.matching_fields)
    link = {"label": "Open customer", "url": url_for("customers.details_view", id=customer.id)}
    if key is not None and actor.has_permission(Permission.CUSTOMERS_MERGE):
        url = url_for("customers.operation_view", operation="merge", id=[key, customer.id])
        link = {"label": "Merge", "url": url}
    text = f"{customer.name} ({customer.account_number}) has the same or nearly the same {matching_fields}."
    return {"kind": "warning", "text": text, "link": link}
