"""SmartSearch: from what people type to the customer they mean."""

from typing import Any

from flask import Blueprint, Flask, abort, jsonify, redirect, request, url_for
from flask_login import login_required

from customerhub.customers.search import best_matches, exact_match
from customerhub.permissions import Permission
from views.actor import current_actor

bp = Blueprint("search", __name__, url_prefix="/admin/search")
SUGGESTED = 8
LONGEST = 100


def _typed() -> str:
    if not current_actor().may(Permission.CUSTOMERS_VIEW):
        abort(403)
    return request.args.get("q", "").strip()[:LONGEST]


@bp.get("/")
@login_required
def results() -> Any:
    """One customer: straight to it; several or none: the list."""
    typed, actor = _typed(), current_actor()
    if not typed:
        return redirect(url_for("customers.index_view"))
    found = exact_match(typed, actor)
    if found is None:
        matches = best_matches(typed, actor, 2)
        found = matches[0] if len(matches) == 1 else None
    if found is not None:
        return redirect(url_for("customers.details_view", id=found.id))
    return redirect(url_for("customers.index_view", search=typed))


@bp.get("/suggest")
@login_required
def suggest() -> Any:
    """Customers that what was typed so far may mean, as JSON."""
    typed = _typed()
    rows = best_matches(typed, current_actor(), SUGGESTED) if typed else []
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
