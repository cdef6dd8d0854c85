"""Whether a customer may enter a contract or order something: one check for forms, look-ups, partner pages and
operations.
"""

from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select

from customerhub.approvals import blacklist
from customerhub.core.errors import WrongState
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import STAFF, Actor
from customerhub.customers.alerts import list_alerts
from customerhub.customers.records import required_values_of
from customerhub.customers.rules import REQUIRED_FIELDS, list_missing_fields
from models import Alert, Customer, CustomerStatus
from models.base import db
from models.enums import AlertRule, Stage, StatusBehaviour

NOT_NOW: Final = "Contracts cannot be added for this customer at present. Please contact us"
NOT_LIVE: Final = "Contracts can be added once the customer is live"


def build_eligible_condition(organisation_id: int) -> ColumnElement[bool]:
    """The condition that a customer of the organisation may enter a contract today."""
    is_complete = and_(*map(_build_presence_condition, REQUIRED_FIELDS))
    return and_(*_build_state_conditions(organisation_id), or_(Customer.is_prospect, is_complete))


def _build_state_conditions(organisation_id: int) -> tuple[ColumnElement[bool], ...]:
    """That a customer is live, not blacklisted and not dropped."""
    ended = select(CustomerStatus.id).where(
        CustomerStatus.organisation_id == organisation_id, CustomerStatus.behaviour == StatusBehaviour.NONE
    )
    blacklisted = blacklist.select_blacklisted_ids(organisation_id, organisation_today(organisation_id))
    return Customer.stage == Stage.BILLING, Customer.id.not_in(blacklisted), Customer.status_id.not_in(ended)


def _build_presence_condition(name: str) -> Any:
    """The condition that a customer has something in a column, or rows in a list."""
    attribute: Any = getattr(Customer, name)
    if name in Customer.__mapper__.relationships:
        return attribute.any()
    is_text = attribute.type.python_type is str
    return and_(attribute.is_not(None), attribute != "") if is_text else attribute.is_not(None)


def require_eligible(customer: Customer, *, actor: Actor) -> None:
    """Raises WrongState, saying why as far as `actor` may know, where `customer` may not enter a contract today."""
    is_staff = actor.user is None or actor.user.role in STAFF
    conditions = _build_state_conditions(customer.organisation_id)
    with db.session.no_autoflush:
        query = select(*conditions).where(Customer.id == customer.id)
        is_live, is_unlisted, is_current = tuple(db.session.execute(query).one())
    if not is_live:
        raise WrongState(f"{NOT_LIVE}. {customer} is in {customer.stage.value}" if is_staff else NOT_LIVE)
    reason = _find_internal_reason(customer, is_unlisted=is_unlisted, is_current=is_current)
    if reason is not None:
        raise WrongState(reason if is_staff else NOT_NOW)


def _find_internal_reason(customer: Customer, *, is_unlisted: bool, is_current: bool) -> str | None:
    """Why a live customer may not, where only we know of it: the blacklist, its status, what is missing."""
    if not is_unlisted:
        return blacklist.describe_refusal(customer, "contracted")
    if not is_current:
        return f"{customer} is {customer.status.name} and cannot have contracts"
    missing = [] if customer.is_prospect else list_missing_fields(required_values_of(customer))
    if not missing:
        return None
    names = ", ".join(field.removesuffix("_id").replace("_", " ") for field, _ in missing)
    return f"Required details of {customer} are missing: {names}. They are optional only for prospects"


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
