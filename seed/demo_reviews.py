"""Reviews that were done in the demo, and customers whose reminders bring the performance report."""

from datetime import timedelta

from sqlalchemy import select

from customerhub import clock, history
from customerhub.customers.reviewing import record_review
from customerhub.customers.reviews import latest_review
from customerhub.permissions import Actor
from models import Customer, Review, User
from models.base import db

NOTES = (
    "Contacts and addresses are right. Nothing open.",
    "Asked for the new certificate; comes within the month.",
    "They grow: offer more seats in spring.",
    None,
)


def seed_reviews(organisation_id: int, *, agent: User) -> None:
    """Record the last review of every third customer, once. The caller commits."""
    if db.session.scalar(select(Review.id).where(Review.organisation_id == organisation_id).limit(1)):
        return
    actor, today = Actor(agent, organisation_id), clock.today()
    customers = db.session.scalars(
        select(Customer)
        .where(Customer.organisation_id == organisation_id, Customer.review_start_date.is_not(None))
        .order_by(Customer.id)
    ).all()
    with history.acting(actor, "demo"):
        for number, customer in enumerate(customers):
            customer.automatic_report = number % 4 == 1
            if number % 3 != 1 or customer.review_start_date is None or customer.review_frequency is None:
                continue
            due = latest_review(customer.review_start_date, customer.review_frequency, today)
            if due is not None:
                done_on = min(due + timedelta(days=number % 5), today)
                record_review(customer, done_on=done_on, note=NOTES[number % len(NOTES)], actor=actor)
    db.session.flush()
