"""Recording that a customer was reviewed."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.core import history, organisation_dates
from customerhub.core.database import ROW_CHANGED_MEANWHILE, save_changes
from customerhub.core.dates import EARLIEST_DATE
from customerhub.core.errors import Conflict, HubError, Invalid, raise_refusal
from customerhub.core.many_rows import add_rows, lock_rows, split_refused
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import clean_text
from customerhub.customers import alerts
from customerhub.customers.records import save_customer
from customerhub.customers.review_schedule import find_answered_due_date
from models import Customer, Review
from models.base import db
from models.enums import Risk

MAX_NOTE_LENGTH: Final = 2000


def record_review(
    customer: Customer, *, done_on: date, risk: Risk | None = None, note: str | None = None, actor: Actor
) -> Review:
    """Keep that a customer was reviewed on a day, and with which outcome: `risk`, where given, becomes its risk rating.

    The review answers the due date that `find_answered_due_dates` gives. Raises Invalid with the field at fault.
    """
    reviews, refusals = record_reviews([customer], done_on=done_on, risk=risk, note=note, actor=actor)
    raise_refusal(refusals)
    return reviews[0]


def record_reviews(
    customers: Sequence[Customer], *, done_on: date, risk: Risk | None = None, note: str | None = None, actor: Actor
) -> tuple[list[Review], dict[int, HubError]]:
    """As `record_review`, of many at once: the reviews, and why not, by the id of each customer without one.

    A customer whose risk rating changes is saved by itself, as every rule of a save is asked about it then: raises what
    `save_customer` raises where that is refused.
    """
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    today = organisation_dates.organisation_today(actor.organisation_id)
    rated = [customer for customer in customers if risk is not None and customer.risk is not risk]
    changed_ids = lock_rows(rated) if len(customers) > 1 else ()

    def check(customer: Customer) -> Customer:
        require_access(actor, customer)
        if not EARLIEST_DATE <= done_on <= today:
            raise Invalid("Choose the review date: today or earlier", "done_on")
        _clean_note(note)
        if risk is None and customer.risk is None:
            raise Invalid("Choose a risk: Low, Medium or High", "risk")
        if customer.id in changed_ids:
            raise Conflict(ROW_CHANGED_MEANWHILE)
        return customer

    accepted, refusals = split_refused(customers, check)
    if not accepted:
        return [], refusals
    common_values = {"done_on": done_on, "done_by_id": actor.id, "note": _clean_note(note)}
    reviews = _build_reviews(accepted, risk, common_values)
    with save_changes():
        add_rows(reviews, "customer_id")
    for customer in accepted:
        if customer in rated:
            customer.risk = risk
            with history.with_reason("Outcome of a review"):
                save_customer(customer, actor=actor)
    alerts.refresh_many_alerts(accepted, as_of=today)
    return reviews, refusals


def _build_reviews(customers: Sequence[Customer], risk: Risk | None, common_values: dict[str, Any]) -> list[Review]:
    """A review of each of these customers, with the due date that it answers."""
    due_dates = find_answered_due_dates(customers, common_values["done_on"])
    return [
        Review(
            organisation_id=customer.organisation_id,
            customer_id=customer.id,
            due_on=due_dates[customer.id],
            risk=risk or customer.risk,
            **common_values,
        )
        for customer in customers
    ]


def _clean_note(note: str | None) -> str | None:
    return clean_text(note or "", max_length=MAX_NOTE_LENGTH, multiline=True, field="note")


def find_answered_due_dates(customers: Sequence[Customer], done_on: date) -> dict[int, date | None]:
    """The due date that a review done on `done_on` answers, by the customer's id; None where it answers none."""
    answered_dates: dict[int, set[date]] = {customer.id: set() for customer in customers}
    query = select(Review.customer_id, Review.due_on).where(Review.customer_id.in_(answered_dates))
    for key, due in db.session.execute(query):
        if due is not None:
            answered_dates[key].add(due)
    return {
        each.id: find_answered_due_date(each.review_start_date, each.review_frequency, done_on, answered_dates[each.id])
        if each.review_start_date is not None and each.review_frequency is not None
        else None
        for each in customers
    }


def list_reviews(customer: Customer) -> list[Review]:
    """The reviews of a customer that were done, the newest first."""
    return list(
        db.session.scalars(
            select(Review)
            .where(Review.customer_id == customer.id)
            .options(joinedload(Review.done_by))
            .order_by(Review.done_on.desc(), Review.id.desc())
        )
    )
