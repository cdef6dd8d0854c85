"""Reviews are recorded: they answer a due date, set the risk, and end the alert that one is overdue."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from customerhub import clock
from customerhub.customers import alerts
from customerhub.customers.reviewing import LONGEST_NOTE, list_reviews, record_review
from customerhub.errors import Invalid, NotAllowed, NotFound
from models import Customer, CustomerStatus, History, Organisation, Review
from models.base import db
from models.enums import AlertRule, Risk, Stage, StatusBehaviour
from tests.approvals.conftest import make_office, office

__all__ = ["office"]  # a fixture made elsewhere
TODAY = clock.today()


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def planned(office, *, start: date, frequency: int = 3, known_for: int = 400, **values) -> Customer:
    """A customer that has been in the books for some days."""
    customer = office.customer(Stage.BILLING, review_start_date=start, review_frequency=frequency, **values)
    customer.created_at = clock.now() - timedelta(days=known_for)
    db.session.commit()
    return customer


def overdue(customer) -> bool:
    alerts.review_customer(customer, as_of=TODAY)
    return AlertRule.REVIEW in {alert.rule for alert in alerts.list_alerts(customer, as_of=TODAY)}


def test_a_review_answers_the_due_date_and_sets_the_risk(office):
    customer = planned(office, start=ago(20), risk=Risk.LOW)
    made = record_review(customer, done_on=ago(1), risk=Risk.HIGH, note="  Late\r\nagain ", actor=office.agent)
    db.session.commit()
    assert (made.due_on, made.done_on, made.risk, made.note) == (ago(20), ago(1), Risk.HIGH, "Late\nagain")
    assert (made.done_by_id, customer.risk) == (office.agent.id, Risk.HIGH)
    changed = db.session.scalars(
        select(History).where(History.table_name == "customer", History.action == "changed").order_by(History.id.desc())
    ).first()
    assert (changed.changes["risk"], changed.reason) == (["Low", "High"], "Outcome of a review")


def test_the_risk_stays_where_none_is_given(office):
    customer = planned(office, start=ago(20), risk=Risk.MEDIUM)
    assert record_review(customer, done_on=TODAY, actor=office.agent).risk is Risk.MEDIUM
    nobody_knows = planned(office, start=ago(20))
    with pytest.raises(Invalid, match="Choose a risk") as refused:
        record_review(nobody_knows, done_on=TODAY, actor=office.agent)
    assert refused.value.field == "risk"
    assert list_reviews(nobody_knows) == []


def test_a_second_one_does_not_use_up_the_next_date(office):
    customer = planned(office, start=ago(20), risk=Risk.LOW)
    for _ in range(2):
        record_review(customer, done_on=TODAY, actor=office.agent)
    assert [review.due_on for review in list_reviews(customer)] == [None, ago(20)]


@pytest.mark.parametrize("done_on", [TODAY + timedelta(days=2), date(1899, 12, 31)])
def test_a_day_that_cannot_be(office, done_on):
    customer = planned(office, start=ago(20), risk=Risk.LOW)
    with pytest.raises(Invalid, match="today or before") as refused:
        record_review(customer, done_on=done_on, actor=office.agent)
    assert refused.value.field == "done_on"


@pytest.mark.parametrize("note", ["x" * (LONGEST_NOTE + 1), "hidden \x00"])
def test_a_note_that_cannot_be(office, note):
    customer = planned(office, start=ago(20), risk=Risk.LOW)
    with pytest.raises(Invalid) as refused:
        record_review(customer, done_on=TODAY, note=note, actor=office.agent)
    assert refused.value.field == "note"


def test_who_may(office):
    customer = planned(office, start=ago(20), risk=Risk.LOW)
    with pytest.raises(NotAllowed):
        record_review(customer, done_on=TODAY, actor=office.partner)
    with pytest.raises(NotFound):
        record_review(customer, done_on=TODAY, actor=make_office("Their Telecom").agent)
    assert db.session.scalars(select(Review)).all() == []


def test_an_overdue_review_is_warned_of_until_it_is_recorded(office):
    customer = planned(office, start=ago(15), risk=Risk.LOW)
    assert overdue(customer)
    record_review(customer, done_on=TODAY, actor=office.agent)
    assert not overdue(customer)


@pytest.mark.parametrize(
    ("start", "known_for", "is_warned"),
    [(15, 400, True), (14, 400, False), (90, 14, False), (90, 15, True), (-1, 400, False)],
)
def test_the_days_of_grace(office, start, known_for, is_warned):
    customer = planned(office, start=ago(start), frequency=12, known_for=known_for)
    assert overdue(customer) is is_warned


def test_grace_is_the_organisations_and_dropped_customers_are_left_alone(office):
    customer = planned(office, start=ago(15))
    organisation = db.session.get_one(Organisation, office.id)
    organisation.review_grace_days = 15
    assert not overdue(customer)
    organisation.review_grace_days = 0
    assert overdue(customer)
    dropped = CustomerStatus(organisation_id=office.id, name="Dropped", behaviour=StatusBehaviour.NONE)
    db.session.add(dropped)
    db.session.flush()
    customer.status_id = dropped.id
    assert not overdue(customer)


def test_grace_is_counted_from_the_day_that_it_was_for_the_organisation(office):
    customer = planned(office, start=ago(90), frequency=12)
    customer.created_at = datetime.combine(ago(15), time(23, 30), UTC)
    assert overdue(customer)
    db.session.get_one(Organisation, office.id).timezone = "Asia/Tokyo"  # where the next day had begun
    assert not overdue(customer)


def test_all_customers_at_once_agree_with_each_by_itself(office):
    made = [
        planned(office, start=ago(days), frequency=frequency, known_for=400 if days % 2 else 20, risk=Risk.LOW)
        for days in (-3, 0, 13, 14, 15, 100, 400) for frequency in (1, 12)
    ]  # fmt: skip
    for customer in made[::3]:
        record_review(customer, done_on=TODAY, actor=office.agent)
    db.session.commit()
    alone = {customer.id for customer in made if overdue(customer)}
    assert 3 <= len(alone) < len(made) / 2
    db.session.rollback()
    alerts.review_all(office.id, as_of=TODAY)
    assert {
        customer.id for customer in made
        if AlertRule.REVIEW in {alert.rule for alert in alerts.list_alerts(customer, as_of=TODAY)}
    } == alone  # fmt: skip
