"""What the pages of partners have in common: whose they are, their menu, and how a form is sent."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, request, url_for
from sqlalchemy.orm import joinedload

from customerhub.errors import HubError
from customerhub.permissions import Actor, Permission, scope
from models import Customer
from models.base import db
from models.enums import CustomerKind
from views import once, partner_forms
from views.actor import current_actor
from views.filling import tell

bp = Blueprint("partner", __name__, url_prefix="/partner")


def partner() -> Actor:
    """Who asks; ends the request with 403 where they are no partner."""
    actor = current_actor()
    if not actor.may(Permission.PARTNER_PAGES):
        abort(403)
    return actor


def customer_of(customer_id: int, actor: Actor) -> Customer:
    """The customer with this id; ends the request with 404 where it is not the partner's."""
    if customer_id.bit_length() > 63:  # more than a key can be
        abort(404)
    found = db.session.scalars(
        scope(Customer, actor).where(Customer.id == customer_id).options(joinedload(Customer.status))
    ).first()
    if found is None:
        abort(404)
    return found


def nav(active: str) -> list[dict[str, Any]]:
    entries = (
        ("customers", "Customers", url_for("partner.home")),
        *registering(),
    )
    return [{"label": label, "url": url, "active": name == active} for name, label, url in entries]


def registering() -> list[tuple[str, str, str]]:
    """The way to the registration, where one may register."""
    if not current_actor().may(Permission.CUSTOMERS_REGISTER):
        return []
    return [("register", "Register", url_for("partner.register_view", kind=CustomerKind.COMPANY.value))]


def asked_of(customer_id: int) -> tuple[Actor, Customer, str, once.Sent | None]:
    """Who asks for a page of a customer, the customer, the address of its record, and how the form at hand was sent
    before, with other entries; the same form sent again leads where it led.
    """
    actor = partner()
    sent = once.claim() if request.method == "POST" else None
    row = customer_of(customer_id, actor)
    here = url_for("partner.details", customer_id=row.id)
    if sent is not None and sent.is_same:
        abort(sent.lead_on(here))
    return actor, row, here, sent


def done(act: Callable[[], Any], form: Any, errors: list[str], leads_to: Callable[[Any], str]) -> str | None:
    """Do it and commit; the address that it leads to. None where it was refused: the reasons are beside the fields and
    in `errors`.
    """
    try:
        address = leads_to(act())
        once.lead_to(address)
        db.session.commit()
    except HubError as error:
        db.session.rollback()
        errors += tell(form, partner_forms.placed(error), beside=True)
        return None
    return address
