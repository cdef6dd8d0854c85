"""The daily look at all alerts: every active organisation, by its own day, as often as one likes."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from rq.timeouts import JobTimeoutException
from sqlalchemy import select

from customerhub.core import history
from customerhub.core.job_runs import IncompleteRun
from customerhub.core.permissions import Actor
from jobs import alerts
from jobs.schedule import SCHEDULE
from models import Alert, ComplianceDocument, Customer, History
from models.base import db
from models.enums import AlertRule
from tests.support.people import make_customer, make_organisation, system_actor
from tests.support.slow_jobs import slow_statements


def add_customer_with_document(organisation, expiry_date) -> Customer:
    customer = make_customer(organisation)
    with history.act_as(system_actor(organisation), "test"):
        customer.compliance_documents.append(
            ComplianceDocument(organisation_id=organisation.id, certificate="ISO", expiry_date=expiry_date)
        )
        db.session.commit()
    return customer


def warned_customer_ids() -> set[int]:
    """The customers of whom it is warned that a document has expired."""
    standing = Alert.closed_at.is_(None), Alert.rule == AlertRule.DOCUMENT
    return set(db.session.scalars(select(Alert.customer_id).where(*standing)))


@pytest.fixture
def noon():
    """Noon in London on a day in June: it is the next day in Kiribati already."""
    with time_machine.travel(datetime(2026, 6, 1, 11, tzinfo=UTC), tick=False):
        yield datetime(2026, 6, 1, 11, tzinfo=UTC).date()


def test_every_organisation_is_asked_by_its_own_day(session, noon):
    london, kiribati, closed = (make_organisation(name) for name in ("London", "Kiribati", "Closed"))
    with history.act_as(system_actor(london), "test"):
        london.timezone, kiribati.timezone, closed.active = "Europe/London", "Pacific/Kiritimati", False
        session.commit()
    yesterday = noon - timedelta(days=1)
    keys = {organisation.name: add_customer_with_document(organisation, noon).id for organisation in (london, kiribati)}
    late = {add_customer_with_document(organisation, yesterday).id for organisation in (london, kiribati)}
    add_customer_with_document(closed, yesterday)
    alerts.review()
    assert warned_customer_ids() == {keys["Kiribati"], *late}


def test_a_second_time_changes_nothing_and_what_is_mended_goes(session, noon):
    customer = add_customer_with_document(make_organisation(), noon - timedelta(days=1))
    for _ in range(3):
        alerts.review()
    entries = session.scalars(select(History).where(History.table_name == "alert")).all()
    assert [(entry.action, entry.source, entry.actor_name) for entry in entries] == [
        ("created", "daily rules", "system")
    ]
    with history.act_as(Actor(None, customer.organisation_id), "test"):
        customer.compliance_documents[0].expiry_date = noon
        session.commit()
    alerts.review()
    assert warned_customer_ids() == set()
    last = session.scalars(select(History).where(History.table_name == "alert").order_by(History.id.desc())).first()
    assert (last.action, list(last.changes)) == ("changed", ["closed_at"])


def test_one_organisation_that_fails_stops_no_other(session, noon, caplog):
    broken, sound = make_organisation("Broken"), make_organisation("Sound")
    with history.act_as(system_actor(broken), "test"):
        broken.timezone = "Nowhere/Land"
        session.commit()
    customer = add_customer_with_document(sound, noon - timedelta(days=1))
    with pytest.raises(IncompleteRun, match="of 1 of 2 organisations could not be reviewed"):
        alerts.review()
    assert warned_customer_ids() == {customer.id}
    assert f"the alerts of organisation {broken.id} could not be reviewed" in caplog.text


def test_it_is_in_the_schedule_every_hour():
    """The days of organisations begin at different hours."""
    [entry] = [entry for entry in SCHEDULE if entry.function is alerts.review]
    minute, *rest = entry.cron.split()
    assert int(minute) < 60
    assert rest == ["*"] * 4


def test_a_job_that_took_too_long_ends_at_once(session, noon):
    customers = [
        add_customer_with_document(make_organisation(name), noon - timedelta(days=1)) for name in ("Slow", "Next")
    ]
    with pytest.raises(JobTimeoutException), slow_statements("INSERT INTO alert"):
        alerts.review()
    db.session.rollback()
    assert warned_customer_ids() == set()
    alerts.review()
    assert warned_customer_ids() == {customer.id for customer in customers}
