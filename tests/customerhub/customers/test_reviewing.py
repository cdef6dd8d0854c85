"""Reviews are recorded: they answer a due date, set the risk, and end the alert that one is overdue."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from sqlalchemy import select

from customerhub.core import clock
from customerhub.core.errors import Invalid, NotAllowed, NotFound
from customerhub.customers import alerts
from customerhub.customers.record_review import MAX_NOTE_LENGTH, list_reviews, record_review
from models import Customer, CustomerStatus, History, Organisation, Review
from models.base import db
from models.enums import AlertRule, Risk, Stage, StatusBehaviour
from tests.customerhub.approvals.conftest import make_approval_org

TODAY = clock.get_today()


def days_ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def make_reviewed_customer(
    approval_org, *, start: date, frequency: int = 3, known_for: int = 400, **values
) -> Customer:
    """A customer that has been in the books for some days."""
    customer = approval_org.make_customer(Stage.BILLING, review_start_date=start, review_frequency=frequency, **values)
    customer.created_at = clock.get_now() - timedelta(days=known_for)
    db.session.commit()
    return customer


def is_review_overdue(customer) -> bool:
    alerts.refresh_alerts(customer, as_of=TODAY)
    return AlertRule.REVIEW in {alert.rule for alert in alerts.list_alerts(customer, as_of=TODAY)}


def test_a_review_answers_the_due_date_and_sets_the_risk(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(20), risk=Risk.LOW)
    review = record_review(
        customer, done_on=days_ago(1), risk=Risk.HIGH, note="  Late\r\nagain ", actor=approval_org.agent
    )
    db.session.commit()
    assert (review.due_on, review.done_on, review.risk, review.note) == (
        days_ago(20),
        days_ago(1),
        Risk.HIGH,
        "Late\nagain",
    )
    assert (review.done_by_id, customer.risk) == (approval_org.agent.id, Risk.HIGH)
    changed = db.session.scalars(
        select(History).where(History.table_name == "customer", History.action == "changed").order_by(History.id.desc())
    ).first()
    assert (changed.changes["risk"], changed.reason) == (["Low", "High"], "Outcome of a review")


def test_the_risk_stays_where_none_is_given(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(20), risk=Risk.MEDIUM)
    assert record_review(customer, done_on=TODAY, actor=approval_org.agent).risk is Risk.MEDIUM
    nobody_knows = make_reviewed_customer(approval_org, start=days_ago(20))
    with pytest.raises(Invalid, match="Choose a risk") as error_info:
        record_review(nobody_knows, done_on=TODAY, actor=approval_org.agent)
    assert error_info.value.field == "risk"
    assert list_reviews(nobody_knows) == []


def test_a_second_one_does_not_use_up_the_next_date(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(20), risk=Risk.LOW)
    for _ in range(2):
        record_review(customer, done_on=TODAY, actor=approval_org.agent)
    assert [review.due_on for review in list_reviews(customer)] == [None, days_ago(20)]


@pytest.mark.parametrize("done_on", [TODAY + timedelta(days=2), date(1899, 12, 31)])
def test_a_day_that_cannot_be(approval_org, done_on):
    customer = make_reviewed_customer(approval_org, start=days_ago(20), risk=Risk.LOW)
    with pytest.raises(Invalid, match="today or earlier") as error_info:
        record_review(customer, done_on=done_on, actor=approval_org.agent)
    assert error_info.value.field == "done_on"


@pytest.mark.parametrize("note", ["x" * (MAX_NOTE_LENGTH + 1), "hidden \x00"])
def test_a_note_that_cannot_be(approval_org, note):
    customer = make_reviewed_customer(approval_org, start=days_ago(20), risk=Risk.LOW)
    with pytest.raises(Invalid) as error_info:
        record_review(customer, done_on=TODAY, note=note, actor=approval_org.agent)
    assert error_info.value.field == "note"


def test_who_may(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(20), risk=Risk.LOW)
    with pytest.raises(NotAllowed):
        record_review(customer, done_on=TODAY, actor=approval_org.partner)
    with pytest.raises(NotFound):
        record_review(customer, done_on=TODAY, actor=make_approval_org("Their Telecom").agent)
    assert db.session.scalars(select(Review)).all() == []


def test_an_overdue_review_is_warned_of_until_it_is_recorded(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(15), risk=Risk.LOW)
    assert is_review_overdue(customer)
    record_review(customer, done_on=TODAY, actor=approval_org.agent)
    assert not is_review_overdue(customer)


@pytest.mark.parametrize(
    ("start", "known_for", "is_warned"),
    [(15, 400, True), (14, 400, False), (90, 14, False), (90, 15, True), (-1, 400, False)],
)
def test_the_days_of_grace(approval_org, start, known_for, is_warned):
    customer = make_reviewed_customer(approval_org, start=days_ago(start), frequency=12, known_for=known_for)
    assert is_review_overdue(customer) is is_warned


def test_grace_is_the_organisations_and_dropped_customers_are_left_alone(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(15))
    organisation = db.session.get_one(Organisation, approval_org.id)
    organisation.review_grace_days = 15
    assert not is_review_overdue(customer)
    organisation.review_grace_days = 0
    assert is_review_overdue(customer)
    dropped = CustomerStatus(organisation_id=approval_org.id, name="Dropped", behaviour=StatusBehaviour.NONE)
    db.session.add(dropped)
    db.session.flush()
    customer.status_id = dropped.id
    assert not is_review_overdue(customer)


def test_grace_is_counted_from_the_day_that_it_was_for_the_organisation(approval_org):
    customer = make_reviewed_customer(approval_org, start=days_ago(90), frequency=12)
    customer.created_at = datetime.combine(days_ago(15), time(23, 30), UTC)
    assert is_review_overdue(customer)
    db.session.get_one(Organisation, approval_org.id).timezone = "Asia/Tokyo"  # where the next day had begun
    assert not is_review_overdue(customer)


def test_all_customers_at_once_agree_with_each_by_itself(approval_org):
    reviewed_customers = [
        make_reviewed_customer(
            approval_org, start=days_ago(days), frequency=frequency, known_for=400 if days % 2 else 20, risk=Risk.LOW
        )
        for days in (-3, 0, 13, 14, 15, 100, 400)
        for frequency in (1, 12)
    ]
    for customer in reviewed_customers[::3]:
        record_review(customer, done_on=TODAY, actor=approval_org.agent)
    db.session.commit()
    alone = {customer.id for customer in reviewed_customers if is_review_overdue(customer)}
    assert 3 <= len(alone) < len(reviewed_customers) / 2
    db.session.rollback()
    alerts.refresh_all_alerts(approval_org.id, as_of=TODAY)
    assert {
        customer.id
        for customer in reviewed_customers
        if AlertRule.REVIEW in {alert.rule for alert in alerts.list_alerts(customer, as_of=TODAY)}
    } == alone
