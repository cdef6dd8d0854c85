"""What the pages of partners share: their access check, their menu, and the handling of forms."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, request, url_for
from sqlalchemy.orm import joinedload

from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission, select_visible
from models import Customer
from models.base import db
from models.enums import CustomerKind
from views.framework.form_binding import attach_errors
from views.http import form_tokens
from views.http.actor import current_actor
from views.partner import forms

bp = Blueprint("partner", __name__, url_prefix="/partner")


def require_partner() -> Actor:
    """Who asks; ends the request with 403 where they are no partner."""
    actor = current_actor()
    if not actor.has_permission(Permission.PARTNER_PAGES):
        abort(403)
    return actor


def get_customer(customer_id: int, actor: Actor) -> Customer:
    """The customer with this id; ends the request with 404 where it is not the partner's."""
    if customer_id.bit_length() > 63:  # more than a key can be
        abort(404)
    customer: Customer | None = db.session.scalars(
        select_visible(Customer, actor).where(Customer.id == customer_id).options(joinedload(Customer.status))
    ).first()
    if customer is None:
        abort(404)
    return customer


def build_menu(active: str) -> list[dict[str, Any]]:
    entries = (
        ("customers", "Customers", url_for("partner.home")),
        *list_registration_entries(),
    )
    return [{"label": label, "url": url, "active": name == active} for name, label, url in entries]


def list_registration_entries() -> list[tuple[str, str, str]]:
    """The way to the registration, where one may register."""
    if not current_actor().has_permission(Permission.CUSTOMERS_REGISTER):
        return []
    return [("register", "Register", url_for("partner.register_view", kind=CustomerKind.COMPANY.value))]


def open_customer_request(customer_id: int) -> tuple[Actor, Customer, str, form_tokens.DuplicateSubmission | None]:
    """Who asks for a page of a customer, the customer, the address of its record, and how the form at hand was sent
    before, with other entries; the same form sent again leads where it led.
    """
    actor = require_partner()
    duplicate_submission = form_tokens.claim_token() if request.method == "POST" else None
    row = get_customer(customer_id, actor)
    record_url = url_for("partner.details", customer_id=row.id)
    if duplicate_submission is not None and duplicate_submission.is_same:
        abort(duplicate_submission.redirect_again(record_url))
    return actor, row, record_url, duplicate_submission


def list_resubmission_errors(duplicate_submission: form_tokens.DuplicateSubmission | None) -> list[str]:
    """What is said above a form that was sent before, with other entries."""
    return [form_tokens.SAVED_WITH_OTHER_ENTRIES] if duplicate_submission is not None else []


def run_and_commit(
    action: Callable[[], Any], form: Any, errors: list[str], build_redirect_url: Callable[[Any], str]
) -> str | None:
    """Do it and commit; the address that it leads to. None where it was refused: the reasons are beside the fields and
    in `errors`.
    """
    try:
        address = build_redirect_url(action())
        form_tokens.set_redirect(address)
        db.session.commit()
    except HubError as error:
        db.session.rollback()
        errors += attach_errors(form, forms.map_to_form_fields(error), keep_existing=True)
        return None
    return address
