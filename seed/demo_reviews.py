"""Reviews that were done in the demo, and customers whose reminders bring the performance report."""

from datetime import timedelta

from sqlalchemy import select

from customerhub.core import history
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.customers.record_review import record_review
from customerhub.customers.review_schedule import find_latest_due_date
from models import Customer, Review, User
from models.base import db

NOTES = (
    "Contacts and addresses confirmed. No open points.",
    "New certificate requested, expected this month.",
    "Growing: offer more seats in spring.",
    None,
)


def seed_reviews(organisation_id: int, *, agent: User) -> None:
    """Record the last review of every third customer, once. The caller commits."""
    if db.session.scalar(select(Review.id).where(Review.organisation_id == organisation_id).limit(1)):
        return
    actor, today = Actor(agent, organisation_id), organisation_today(organisation_id)
    customers = db.session.scalars(
        select(Customer)
        .where(Customer.organisation_id == organisation_id, Customer.review_start_date.is_not(None))
        .order_by(Customer.id)
    ).all()
    with history.act_as(actor, "demo"):
        for number, customer in enumerate(customers):
            customer.automatic_report = number % 4 == 1
            if number % 3 != 1 or customer.review_start_date is None or customer.review_frequency is None:
                continue
            due = find_latest_due_date(customer.review_start_date, customer.review_frequency, today)
            if due is not None:
                done_on = min(due + timedelta(days=number % 5), today)
                record_review(customer, done_on=done_on, note=NOTES[number % len(NOTES)], actor=actor)
    db.session.flush()
