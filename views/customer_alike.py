"""A customer that looks like another one is saved only when somebody has seen that."""

from typing import Any

from flask import request, url_for

from customerhub.customers.duplicates import Duplicate, find_duplicates
from customerhub.permissions import Actor, Permission
from views.editing import EditPage

COMPARED = ("name", "email", "contact_number")
SEEN, AGREED, ANYWAY = "_alike", "_alike_agreed", "_anyway"
ASKED = "There may be such a customer already. If this is another one, save it anyway."


class AskingOfTheAlike:
    """The part of the customers' screen that asks. What was agreed is kept while the form is corrected."""

    def _save(self: Any, form: Any, row: Any, page: EditPage, sent: Any) -> Any:
        agreed = _agreed()
        page.keep = [(AGREED, key) for key in sorted(agreed)]
        values = {name: form[name].data for name in COMPARED if row.id is None or getattr(row, name) != form[name].data}
        if values and form.validate():
            left_out = [] if row.id is None else [row.id]
            found = find_duplicates(values, organisation_id=self.actor.organisation_id, except_ids=left_out)
            if {str(each.customer.id) for each in found} - agreed:
                page.banners += [_banner(each, self.actor, row.id) for each in found]
                page.keep += [(SEEN, str(each.customer.id)) for each in found]
                page.errors.append(ASKED)
                page.more_submits = [(ANYWAY, "Save anyway")]
                self._ask_rules(form, row)
                return None
        return super()._save(form, row, page, sent)  # type: ignore[misc]


def _agreed() -> set[str]:
    """The ids of the customers that were shown, and of which somebody has said that this is another one."""
    agreed = set(request.form.getlist(AGREED))
    return agreed.union(request.form.getlist(SEEN)) if ANYWAY in request.form else agreed


def _banner(duplicate: Duplicate, actor: Actor, key: int | None) -> dict[str, Any]:
    """The warning of one, with a link to look at it, or to merge the two; `key` is that of the record at hand."""
    customer = duplicate.customer
    alike = " and ".join(duplicate.alike)
    link = {"label": "Look at it", "url": url_for("customers.details_view", id=customer.id)}
    if key is not None and actor.may(Permission.CUSTOMERS_MERGE):
        url = url_for("customers.operation_view", operation="merge", id=[key, customer.id])
        link = {"label": "Merge the two", "url": url}
    text = f"{customer.name} ({customer.account_number}) has the same or nearly the same {alike}."
    return {"kind": "warning", "text": text, "link": link}
