"""Whether a customer may enter a contract or order something: one check for forms, partner pages and operations."""

from datetime import date
from typing import Final

from customerhub.approvals import blacklist
from customerhub.core.errors import WrongState
from customerhub.core.permissions import STAFF, Actor
from customerhub.customers.alerts import list_alerts
from customerhub.customers.records import required_values_of
from customerhub.customers.rules import list_missing_fields
from models import Alert, Customer
from models.enums import AlertRule, Stage, StatusBehaviour

NOT_NOW: Final = "Contracts cannot be added for this customer at present. Please contact us"
NOT_LIVE: Final = "Contracts can be added once the customer is live"


def require_eligible(customer: Customer, *, actor: Actor) -> None:
    """Raises WrongState, saying why as far as `actor` may know, where `customer` may not enter a contract today."""
    is_staff = actor.user is None or actor.user.role in STAFF
    if customer.stage is not Stage.BILLING:
        raise WrongState(f"{NOT_LIVE}. {customer} is in {customer.stage.value}" if is_staff else NOT_LIVE)
    try:
        _require_internal_conditions(customer)
    except WrongState as error:
        raise error if is_staff else WrongState(NOT_NOW) from None


def _require_internal_conditions(customer: Customer) -> None:
    """What only we know of: the blacklist, what is missing, that a customer was dropped."""
    blacklist.refuse_blacklisted(customer, "contracted")
    if customer.status.behaviour is StatusBehaviour.NONE:
        raise WrongState(f"{customer} is {customer.status.name} and cannot have contracts")
    missing = [] if customer.is_prospect else list_missing_fields(required_values_of(customer))
    if missing:
        names = ", ".join(field.removesuffix("_id").replace("_", " ") for field, _ in missing)
        raise WrongState(f"Required details of {customer} are missing: {names}. They are optional only for prospects")


def refusal_reason(customer: Customer, *, actor: Actor) -> str | None:
    """As `require_eligible`, as a sentence to show above an empty form; None where the customer is eligible."""
    try:
        require_eligible(customer, actor=actor)
    except WrongState as error:
        return error.message
    return None


def list_visible_alerts(customer: Customer, *, actor: Actor, as_of: date) -> list[Alert]:
    """The alerts that `actor` is to see where a contract is made, the most severe first.

    Partners do not see who is blacklisted.
    """
    found = list_alerts(customer, as_of=as_of)
    if actor.user is None or actor.user.role in STAFF:
        return found
    return [alert for alert in found if alert.rule is not AlertRule.BLACKLISTED]
