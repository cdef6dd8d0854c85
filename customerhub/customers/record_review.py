"""Recording that a customer was reviewed."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub.core import history, organisation_dates
from customerhub.core.database import save_changes
from customerhub.core.dates import EARLIEST_DATE
from customerhub.core.errors import Invalid
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
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    require_access(actor, customer)
    today = organisation_dates.organisation_today(customer.organisation_id)
    if not EARLIEST_DATE <= done_on <= today:
        raise Invalid("Choose the review date: today or earlier", "done_on")
    cleaned_note = clean_text(note or "", max_length=MAX_NOTE_LENGTH, multiline=True, field="note")
    outcome = risk or customer.risk
    if outcome is None:
        raise Invalid("Choose a risk: Low, Medium or High", "risk")
    due_on = find_answered_due_dates([customer], done_on)[customer.id]
    review = Review(
        organisation_id=customer.organisation_id,
        customer_id=customer.id,
        due_on=due_on,
        done_on=done_on,
        done_by_id=actor.id,
        risk=outcome,
        note=cleaned_note,
    )
    with save_changes():
        db.session.add(review)
    if customer.risk is not outcome:
        customer.risk = outcome
        with history.with_reason("Outcome of a review"):
            save_customer(customer, actor=actor)
    alerts.refresh_alerts(customer, as_of=today)
    return review


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
