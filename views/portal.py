"""What a customer sees: their own record, and nothing else."""

from typing import Any

from flask import Blueprint, Flask, abort, render_template
from flask_login import current_user, login_required
from sqlalchemy.orm import joinedload

from customerhub.permissions import Permission, has_ability, scope
from models import Contract, Customer
from models.base import db
from models.enums import PortalPermission
from views.actor import current_actor
from views.columns import amount, day, formats
from views.contract_cells import status_chip
from views.customer_contracts import columns_of, newest, shown_note, tallies
from views.files import told
from views.loading import with_choices

bp = Blueprint("portal", __name__, url_prefix="/portal")


def may_see(ability: PortalPermission) -> bool:
    """Whether the signed-in portal user has an ability."""
    return has_ability(current_user, ability)


@bp.get("/")
@login_required
def home() -> Any:
    actor = current_actor()
    if not actor.may(Permission.PORTAL):
        abort(403)
    customer = db.session.scalars(scope(Customer, actor).options(joinedload(Customer.status))).first()
    if customer is None or not customer.portal_access:
        return render_template(
            "portal.html",
            page={"title": "Not open yet", "cards": [{"title": "Your portal", "text": "Please ask your contact with us "
                                                      "to open it for you."}]},
        )  # fmt: skip
    page: dict[str, Any] = {"title": customer.name, "cards": [], "tables": []}
    if may_see(PortalPermission.DASHBOARD):
        page["cards"] += _cards(customer)
    if may_see(PortalPermission.CONTRACTS):
        page["tables"].append(_contracts(customer))
    if may_see(PortalPermission.DOCUMENTS):
        page["tables"].append(_documents(customer))
    if not page["cards"] and not page["tables"]:
        page["cards"].append({"title": "Nothing to show", "text": "Your access does not include any page yet."})
    return render_template("portal.html", page=page)


def _cards(customer: Customer) -> list[dict[str, Any]]:
    return [
        {"title": "Balance", "figure": f"{amount(customer.balance)} {formats().currency}"},
        {
            "title": "Your details",
            "items": [
                ("Account no.", customer.account_number),
                ("Email", customer.email),
                ("Contact number", customer.contact_number),
                ("Customer since", day(customer.start_date)),
            ],
        },
    ]


def _contracts(customer: Customer) -> dict[str, Any]:
    mine = Contract.customer_id == customer.id
    return {
        "title": "Contracts",
        "text": shown_note(tallies(Contract, mine)).strip() or None,
        "columns": columns_of("Number", "Name", "Connections", "Status", "Start", "End"),
        "rows": [
            [each.number, each.name, f"{each.connections:,}", status_chip(each), day(each.start_date),
             day(each.end_date) or None]
            for each in newest(Contract, mine)
        ],
        "empty": {"title": "No contracts", "text": "What you sign with us appears here."},
    }  # fmt: skip


def _documents(customer: Customer) -> dict[str, Any]:
    def file(file_id: int | None) -> Any:
        found = told(file_id) if file_id else None
        return {"text": found["name"], "url": found["url"]} if found else None

    documents = with_choices(customer.compliance_documents)
    return {
        "title": "Documents",
        "columns": [{"label": "Certificate"}, {"label": "Valid until"}, {"label": "File"}],
        "rows": [[d.certificate, day(d.expiry_date), file(d.file_id)] for d in documents],
        "empty": {"title": "No documents", "text": "Documents we keep for you appear here."},
    }


def register(app: Flask) -> None:
    app.register_blueprint(bp)
