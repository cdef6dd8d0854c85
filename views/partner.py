"""What a partner sees: the customers with their dealer code."""

from typing import Any

from flask import Blueprint, Flask, abort, render_template
from flask_login import current_user, login_required
from sqlalchemy.orm import joinedload

from customerhub.permissions import Permission, scope
from models import Customer
from models.base import db
from views.actor import current_actor
from views.columns import day, stage_chip

bp = Blueprint("partner", __name__, url_prefix="/partner")
MOST = 500


@bp.get("/")
@login_required
def home() -> Any:
    actor = current_actor()
    if not actor.may(Permission.PARTNER_PAGES):
        abort(403)
    rows = db.session.scalars(
        scope(Customer, actor).options(joinedload(Customer.status)).order_by(Customer.sort_name).limit(MOST)
    ).all()
    page = {
        "title": f"Customers of {current_user.dealer}",
        "tables": [
            {
                "title": "Your customers",
                "columns": [{"label": label} for label in ("Name", "Account no.", "Status", "Stage", "Since")],
                "rows": [
                    [row.name, row.account_number, {"chip": row.status.name, "colour": row.status.colour},
                     stage_chip(row.stage), day(row.start_date)]
                    for row in rows
                ],
                "empty": {"title": "No customers yet", "text": "Customers with your dealer code appear here."},
            }
        ],
    }  # fmt: skip
    return render_template("portal.html", page=page)


def register(app: Flask) -> None:
    app.register_blueprint(bp)
