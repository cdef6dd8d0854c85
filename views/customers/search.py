"""SmartSearch: finding the customer that a user means by what they type."""

from typing import Any

from flask import Blueprint, Flask, abort, jsonify, redirect, request, url_for
from flask_login import login_required

from customerhub.core.permissions import Permission
from customerhub.customers.search import find_exact_match, list_suggestions
from views.http.actor import current_actor

bp = Blueprint("search", __name__, url_prefix="/admin/search")
MAX_SUGGESTIONS = 8
MAX_LENGTH = 100


def _search_text() -> str:
    if not current_actor().has_permission(Permission.CUSTOMERS_VIEW):
        abort(403)
    return request.args.get("q", "").strip()[:MAX_LENGTH]


@bp.get("/")
@login_required
def results() -> Any:
    """One customer: straight to it; several or none: the list."""
    search_text, actor = _search_text(), current_actor()
    if not search_text:
        return redirect(url_for("customers.index_view"))
    customer = find_exact_match(search_text, actor)
    if customer is None:
        matches = list_suggestions(search_text, actor, 2)
        customer = matches[0] if len(matches) == 1 else None
    if customer is not None:
        return redirect(url_for("customers.details_view", id=customer.id))
    return redirect(url_for("customers.index_view", search=search_text))


@bp.get("/suggest")
@login_required
def suggest() -> Any:
    """Customers that what was typed so far may mean, as JSON."""
    search_text = _search_text()
    rows = list_suggestions(search_text, current_actor(), MAX_SUGGESTIONS) if search_text else []
    return jsonify(
        [
            {
                "label": row.name,
                "sub": " · ".join(part for part in (row.reference, row.account_number) if part),
                "url": url_for("customers.details_view", id=row.id),
                "kind": row.status.name,
                "colour": row.status.colour,
            }
            for row in rows
        ]
    )


def register(app: Flask) -> None:
    app.register_blueprint(bp)
