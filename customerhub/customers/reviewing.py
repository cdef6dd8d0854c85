"""Recording that a customer was reviewed."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from customerhub import history
from customerhub.customers import alerts
from customerhub.customers.records import save_customer
from customerhub.customers.reviews import answered_date
from customerhub.customers.rules import EARLIEST, clean_text
from customerhub.database import saving
from customerhub.errors import Invalid
from customerhub.permissions import Actor, Permission, require, require_own
from models import Customer, Review
from models.base import db
from models.enums import Risk

LONGEST_NOTE: Final = 2000


def record_review(
    customer: Customer, *, done_on: date, risk: Risk | None = None, note: str | None = None, actor: Actor
) -> Review:
    """Keep that a customer was reviewed on a day, and with which outcome: `risk`, where given, becomes its risk rating.

    The review answers the due date that `due_dates_of` tells. Raises Invalid with the field at fault.
    """
    require(actor, Permission.CUSTOMERS_EDIT)
    require_own(actor, customer)
    today = alerts.today(customer.organisation_id)
    if not EARLIEST <= done_on <= today:
        raise Invalid("Choose the day on which it was done: today or before", "done_on")
    try:
        said = clean_text(note or "", longest=LONGEST_NOTE, lines=True)
    except Invalid as error:
        raise Invalid(error.message, "note") from error
    outcome = risk or customer.risk
    if outcome is None:
        raise Invalid("Choose a risk: Low, Medium or High", "risk")
    due_on = due_dates_of([customer], done_on)[customer.id]
    review = Review(
        organisation_id=customer.organisation_id, customer_id=customer.id, due_on=due_on,
        done_on=done_on, done_by_id=actor.id, risk=outcome, note=said,
    )  # fmt: skip
    with saving():
        db.session.add(review)
    if customer.risk is not outcome:
        customer.risk = outcome
        with history.because("Outcome of a review"):
            save_customer(customer, actor=actor)
    alerts.review_customer(customer, as_of=today)
    return review


def due_dates_of(customers: Sequence[Customer], done_on: date) -> dict[int, date | None]:
    """The due date that a review done on `done_on` answers, by the customer's id; None where it answers none."""
    answered: dict[int, set[date]] = {customer.id: set() for customer in customers}
    query = select(Review.customer_id, Review.due_on).where(Review.customer_id.in_(answered))
    for key, due in db.session.execute(query):
        if due is not None:
            answered[key].add(due)
    return {
        each.id: answered_date(each.review_start_date, each.review_frequency, done_on, answered[each.id])
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
