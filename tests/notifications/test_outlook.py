"""What is told ahead is what the daily job then does, day by day."""

from datetime import date, timedelta

import pytest
from sqlalchemy import delete

from customerhub.notifications.outlook import outlook
from models import Customer, OutboxMessage, Reminder
from models.base import db
from models.enums import ReminderKind, TemplatePurpose
from tests import factories as make
from tests.notifications.book import make_book

DAY = date(2026, 1, 31)


@pytest.fixture
def book(session):
    return make_book()


def ahead(days: int) -> date:
    return DAY + timedelta(days=days)


def keys(planned):
    return [(each.on, each.kind.value, each.document_id, each.due_on, each.days_before) for each in planned]


@pytest.mark.parametrize(
    ("start", "frequency", "expiries"),
    [
        (DAY, 1, []),
        (ahead(-1), 1, [0, 1]),
        (ahead(-40), 3, [-1, 30, 31]),
        (ahead(20), 12, [14, 13, 45]),
        (ahead(-500), 12, [7, 8, 200]),
        (None, None, [-400]),
    ],
)
def test_what_is_told_ahead_comes_true(book, start, frequency, expiries):
    customer = book.customer(start=start, frequency=frequency)
    for days in expiries:
        book.document(customer, ahead(days))
    db.session.commit()
    db.session.expire_all()
    told = outlook(db.session.get_one(Customer, customer.id), as_of=DAY)
    until = max([each.on for each in told], default=DAY)
    came = []
    day = DAY
    while day <= until:
        before = len(book.planned())
        book.run(day)
        came += [(day, *key) for key in book.planned()[before:]]
        day += timedelta(days=1)
    expected = [
        (each.on, each.kind.value, each.document_id or customer.id, each.due_on.isoformat(), each.days_before)
        for each in told
    ]
    last_review = max([each.on for each in told if each.kind is ReminderKind.REVIEW], default=until)
    assert sorted(expected) == sorted(each for each in came if each[1] != "review" or each[0] <= last_review)
    assert [each.obstacle for each in told] == [None] * len(told)


def test_what_was_planned_is_no_longer_to_come(book):
    customer = book.customer(start=DAY, frequency=3)
    book.document(customer, ahead(10))
    assert [each.on for each in outlook(customer, as_of=DAY)][:2] == [DAY, DAY]
    book.run(DAY)
    left = outlook(db.session.get_one(Customer, customer.id), as_of=DAY)
    assert [(each.on, each.days_before) for each in left] == [
        (ahead(3), 7), (ahead(9), 1), (ahead(10), 0), (date(2026, 4, 30), 0), (date(2026, 7, 31), 0),
        (date(2026, 10, 31), 0),
    ]  # fmt: skip


def test_each_that_does_not_come_says_why(book):
    customer = book.customer(start=ahead(-5), frequency=1, reviewer_email=None)
    book.document(customer, ahead(1), template_id=book.templates[TemplatePurpose.COMPLIANCE].id)
    book.change(book.templates[TemplatePurpose.COMPLIANCE], active=False)
    told = outlook(db.session.get_one(Customer, customer.id), as_of=DAY)
    assert [(each.on, each.kind.value, each.obstacle) for each in told] == [
        (DAY, "compliance", "The template “compliance document” is switched off"),
        (DAY, "review", "It has no reviewer email"),
        (ahead(1), "compliance", "The template “compliance document” is switched off"),
        (date(2026, 2, 26), "review", "It has no reviewer email"),
        (date(2026, 3, 26), "review", "It has no reviewer email"),
        (date(2026, 4, 26), "review", "It has no reviewer email"),
    ]
    assert book.run(DAY).planned == 0


def test_a_review_that_was_done_early_is_not_announced(book):
    customer = book.customer(start=ahead(5), frequency=6)
    make.ReviewFactory(organisation=book.organisation, customer_id=customer.id, due_on=ahead(5), done_on=DAY)
    told = outlook(customer, as_of=DAY)
    assert [each.obstacle for each in told] == ["It was done before", None, None]


def test_what_a_run_for_a_day_to_come_has_planned_is_not_announced(book):
    customer = book.customer(start=DAY, frequency=1)
    document = book.document(customer, ahead(40))
    book.run(ahead(35))  # a review on 28 February, and the document 7 days before
    told = outlook(db.session.get_one(Customer, customer.id), as_of=DAY)
    assert [(each.on, each.document_id, each.days_before) for each in told] == [
        (DAY, 0, 0), (ahead(39), document.id, 1), (ahead(40), document.id, 0), (date(2026, 3, 31), 0, 0),
        (date(2026, 4, 30), 0, 0),
    ]  # fmt: skip
    day, came = DAY, []
    while day <= date(2026, 4, 30):
        came += [day] * book.run(day).planned
        day += timedelta(days=1)
    assert came == sorted(each.on for each in told)


def test_nothing_is_told_of_whoever_has_no_plan(book):
    assert outlook(book.customer(start=None), as_of=DAY) == []


def test_looking_ahead_writes_nothing(book):
    customer = book.customer(start=DAY)
    outlook(customer, as_of=DAY)
    assert db.session.execute(delete(Reminder)).rowcount == 0
    assert db.session.execute(delete(OutboxMessage)).rowcount == 0
    assert not db.session.dirty
