"""Whether a customer may enter a contract or order something: one check for forms, partner pages and operations."""

from datetime import date
from typing import Final

from customerhub.approvals import blacklist
from customerhub.customers.alerts import list_alerts
from customerhub.customers.records import particulars_of
from customerhub.customers.rules import missing_particulars
from customerhub.errors import WrongState
from customerhub.permissions import STAFF, Actor
from models import Alert, Customer
from models.enums import AlertRule, Stage, StatusBehaviour

NOT_NOW: Final = "We cannot take a contract for this customer at present. Ask us"
NOT_LIVE: Final = "Contracts can be added once the customer is live"


def require_may_enter(customer: Customer, *, actor: Actor) -> None:
    """Raises WrongState, saying why as far as `actor` may know, where `customer` may not enter a contract today."""
    is_ours = actor.user is None or actor.user.role in STAFF
    if customer.stage is not Stage.BILLING:
        raise WrongState(f"{NOT_LIVE}. {customer} is in {customer.stage.value}" if is_ours else NOT_LIVE)
    try:
        _require_sound(customer)
    except WrongState as error:
        raise error if is_ours else WrongState(NOT_NOW) from None


def _require_sound(customer: Customer) -> None:
    """What only we know of: the blacklist, what is missing, that a customer was dropped."""
    blacklist.refuse_blacklisted(customer, "contracted")
    if customer.status.behaviour is StatusBehaviour.NONE:
        raise WrongState(f"{customer} is {customer.status.name} and has no contracts any more")
    missing = [] if customer.is_prospect else missing_particulars(particulars_of(customer))
    if missing:
        names = ", ".join(field.removesuffix("_id").replace("_", " ") for field, _ in missing)
        raise WrongState(f"Particulars of {customer} are missing: {names}. Only a prospect needs none of them")


def why_not(customer: Customer, *, actor: Actor) -> str | None:
    """As `require_may_enter`, in a sentence to show before anybody has typed anything; None where it may."""
    try:
        require_may_enter(customer, actor=actor)
    except WrongState as error:
        return error.message
    return None


def alerts_for(customer: Customer, *, actor: Actor, as_of: date) -> list[Alert]:
    """The alerts that `actor` is to see where a contract is made, the most severe first.

    Partners are not told who is blacklisted.
    """
    found = list_alerts(customer, as_of=as_of)
    if actor.user is None or actor.user.role in STAFF:
        return found
    return [alert for alert in found if alert.rule is not AlertRule.BLACKLISTED]
