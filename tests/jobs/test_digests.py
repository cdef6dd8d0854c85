"""The daily digests: in the morning of each organisation, once, to who wants one and has work."""

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from sqlalchemy import select, text

import models
from customerhub.core import history
from customerhub.core.job_runs import IncompleteRun
from customerhub.core.permissions import Actor
from customerhub.mail.delivery import hold_due
from customerhub.work import digest
from jobs import digests
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState, Role, TaskKind, TaskState
from tests.support import factories as make
from tests.support.statements import watch_statements
from tests.support.work import add_failing_job, add_work

DAY = date(2026, 6, 10)
WORDS = (
    *("Failed jobs", "Failed messages", "My tasks", "Follow-ups due", "My cases", "Mentions", "Overdue reviews"),
    *("Expiring documents", "3 days late", "Expired", "7 Jun 2026", "Reminders: remind"),
)
MORNING = datetime(2026, 6, 10, 7, 15, tzinfo=UTC)


@pytest.fixture
def organisation(session: Any) -> models.Organisation:
    return make.OrganisationFactory(name="Northern Telecom", timezone="UTC")


@pytest.fixture(autouse=True)
def nobody_acts() -> Any:
    with history.act_as(Actor(None, 0), "test"):
        yield


def make_worker(organisation: models.Organisation, *, has_work: bool = True, **values: Any) -> models.User:
    """Somebody who wants a digest."""
    user = make.UserFactory(organisation=organisation, **{"role": Role.AGENT, "daily_digest": True, **values})
    if has_work:
        add_work(organisation, user.id, today=DAY, name=f"Customer of {user.name}")
    return user


def plan(at: datetime = MORNING) -> str:
    db.session.commit()
    with time_machine.travel(at, tick=False):
        return digests.plan()


def list_digests(*conditions: Any) -> list[OutboxMessage]:
    query = select(OutboxMessage).where(OutboxMessage.purpose == digest.PURPOSE, *conditions)
    return list(db.session.scalars(query.order_by(OutboxMessage.id)))


def list_recipients() -> list[str]:
    return [message.recipient for message in list_digests()]


def test_who_wants_one_and_has_work_gets_one_a_day(organisation: models.Organisation):
    user = make_worker(organisation)
    make_worker(organisation, daily_digest=False)
    make_worker(organisation, has_work=False)
    make_worker(organisation, active=False)
    make_worker(organisation, role=Role.PARTNER, has_work=False)
    assert plan() == "1 digest planned"
    assert list_recipients() == [user.email]
    assert plan() == "0 digests planned", "a second run sends nobody a second one"
    assert plan(MORNING + timedelta(hours=4)) == "0 digests planned"
    assert plan(MORNING + timedelta(days=1)) == "1 digest planned"


def test_it_is_off_unless_it_is_chosen(organisation: models.Organisation):
    user = make.UserFactory(organisation=organisation)
    add_work(organisation, user.id, today=DAY)
    db.session.commit()
    db.session.expire_all()
    assert user.daily_digest is False
    assert plan() == "0 digests planned"


@pytest.mark.parametrize(
    ("zone", "at", "is_sent"),
    [
        ("UTC", datetime(2026, 6, 10, 6, 59, tzinfo=UTC), False),
        ("UTC", datetime(2026, 6, 10, 7, 0, tzinfo=UTC), True),
        ("UTC", datetime(2026, 6, 10, 11, 59, tzinfo=UTC), True),
        ("UTC", datetime(2026, 6, 10, 12, 0, tzinfo=UTC), False),
        ("Pacific/Kiritimati", datetime(2026, 6, 9, 18, 15, tzinfo=UTC), True),
        ("America/New_York", datetime(2026, 6, 10, 10, 15, tzinfo=UTC), False),
        ("America/New_York", datetime(2026, 6, 10, 11, 15, tzinfo=UTC), True),
        ("Asia/Kathmandu", datetime(2026, 6, 10, 1, 15, tzinfo=UTC), True),
    ],
)
def test_it_is_sent_in_the_morning_of_the_organisation(
    organisation: models.Organisation, zone: str, at: datetime, is_sent: bool
):
    make_worker(organisation)
    organisation.timezone = zone
    plan(at)
    keys = [message.reason_key for message in list_digests()]
    assert len(keys) == is_sent
    assert all(key.endswith(" 2026-06-10") for key in keys), "the key names the organisation's day"


def test_a_killed_worker_sends_nobody_a_second_one(organisation: models.Organisation, monkeypatch: pytest.MonkeyPatch):
    users = [make_worker(organisation) for _ in range(3)]
    db.session.commit()
    monkeypatch.setattr(digests, "CHUNK", 1)
    count = 0

    def die_at_the_second(statement: str, _parameters: Any) -> None:
        nonlocal count
        count += statement.startswith("INSERT INTO outbox_message")
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), watch_statements(die_at_the_second):
        plan()
    db.session.rollback()
    assert list_recipients() == [users[0].email]
    assert plan() == "2 digests planned"
    assert list_recipients() == [user.email for user in users]


def test_one_organisation_that_fails_stops_no_other(organisation: models.Organisation):
    other = make.OrganisationFactory(timezone="UTC")
    make_worker(organisation)
    user = make_worker(other)
    db.session.commit()
    statement = text("UPDATE organisation SET timezone = 'Nowhere/At_all' WHERE id = :id")
    db.session.execute(statement, {"id": organisation.id})
    with pytest.raises(IncompleteRun, match=r"^1 digest planned; failed for 1 organisation$"):
        plan()
    assert list_recipients() == [user.email]


def test_an_organisation_that_is_switched_off_sends_none(organisation: models.Organisation):
    make_worker(organisation)
    organisation.active = False
    assert plan() == "0 digests planned"


def test_visitors_get_one_for_each_organisation_where_they_have_work(organisation: models.Organisation):
    home, empty = make.OrganisationFactory(name="Home", timezone="UTC"), make.OrganisationFactory(timezone="UTC")
    visitor = make_worker(home, role=Role.ADMIN, platform=True)
    stranger = make_worker(home, role=Role.ADMIN)
    customer = make.CustomerFactory(organisation=empty)  # with work that is nobody's
    make.ComplianceDocumentFactory(organisation=empty, customer_id=customer.id, file_id=None, expiry_date=DAY)
    case_customer = make.CustomerFactory(organisation=organisation)
    make.NoteFactory(organisation=organisation, customer_id=case_customer.id, follow_up_on=DAY, assignee_id=visitor.id)
    assert plan() == "3 digests planned"
    by_organisation = {(message.organisation_id, message.recipient) for message in list_digests()}
    assert by_organisation == {
        (home.id, visitor.email),
        (home.id, stranger.email),
        (organisation.id, visitor.email),
    }
    [abroad] = list_digests(OutboxMessage.organisation_id == organisation.id)
    assert "switch to Northern Telecom before you open" in " ".join(abroad.text_body.split())


def test_a_visitor_is_looked_at_only_where_work_waits_for_them(organisation: models.Organisation):
    home = make.OrganisationFactory(name="Home", timezone="UTC")
    first, second, idle = (make.UserFactory(organisation=home, platform=True, daily_digest=True) for _ in range(3))
    stranger = make.UserFactory(organisation=home, daily_digest=True)
    customer = make.CustomerFactory(organisation=organisation)
    owned: dict[str, Any] = {"organisation": organisation, "customer_id": customer.id}
    for user in (first, stranger):
        make.ApprovalTaskFactory(**owned, kind=TaskKind.RECHECK, assignee_id=user.id, state=TaskState.APPROVED)
        make.NoteFactory(**owned, assignee_id=user.id, follow_up_on=DAY)
    make.ApprovalTaskFactory(**owned, assignee_id=second.id)
    make.NoteFactory(**owned, assignee_id=idle.id, follow_up_on=DAY + timedelta(days=1))
    make.NoteFactory(**owned, assignee_id=idle.id, follow_up_on=DAY, done_at=MORNING)
    foreign_customer = make.CustomerFactory(organisation=home)
    make.ApprovalTaskFactory(organisation=home, customer_id=foreign_customer.id, assignee_id=idle.id)
    db.session.commit()
    assert digest.list_recipient_ids(organisation, day=DAY) == [first.id, second.id]
    assert digest.list_recipient_ids(organisation, day=DAY + timedelta(days=1)) == [first.id, second.id, idle.id]


def test_it_says_what_the_start_page_says(organisation: models.Organisation):
    add_failing_job()
    user = make_worker(organisation, role=Role.ADMIN, platform=True, name="Ünal <b>O'Neil</b> مدير")
    plan()
    [message] = list_digests()
    assert message.subject == "10 items waiting for you"
    hub = "http"
    for body in (message.text_body, unescape(message.html_body)):
        for words in (*WORDS, f"Customer of {user.name}"):
            assert words in body or words in " ".join(body.split()), words
        paths = re.findall(r"https?://[^\s\"<>]+", body)
        assert paths
        assert all(path.startswith(hub) for path in paths)
        assert any(path.endswith("/profile/") for path in paths), "one click to where it is switched off"
        assert any("/admin/tasks/?f=state%3Ais%3Aopen" in path for path in paths)
    assert "<b>O'Neil" not in message.html_body.replace("&#39;", "'")
    assert 'href="/' not in message.html_body, "every link is a whole address"


def test_without_a_mail_server_it_is_held_and_an_old_one_is_never_sent(organisation: models.Organisation):
    make_worker(organisation)
    plan()
    with time_machine.travel(MORNING, tick=False):
        assert hold_due(now=MORNING) == 1
    assert [message.state for message in list_digests()] == [OutboxState.HELD]
    next_morning = MORNING + timedelta(days=1)
    plan(next_morning)
    with time_machine.travel(next_morning, tick=False):
        assert hold_due(now=next_morning) == 1
    plan(next_morning + timedelta(hours=1))
    db.session.expire_all()
    assert [message.state for message in list_digests()] == [OutboxState.CANCELLED, OutboxState.HELD]


def test_other_mails_that_are_held_stay(organisation: models.Organisation):
    make_worker(organisation, has_work=False)
    other = make.OutboxMessageFactory(organisation=organisation, state=OutboxState.HELD, next_attempt_at=None)
    foreign = make.OutboxMessageFactory(state=OutboxState.HELD, purpose=digest.PURPOSE, next_attempt_at=None)
    failed = make.OutboxMessageFactory(organisation=organisation, state=OutboxState.FAILED, purpose=digest.PURPOSE)
    db.session.commit()
    withdrawn = digest.withdraw_old_digests(organisation.id, day=DAY, now=MORNING)
    db.session.expire_all()
    assert withdrawn == 0
    assert [each.state for each in (other, foreign)] == [OutboxState.HELD] * 2
    assert failed.state is OutboxState.FAILED


def test_a_digest_that_waits_is_replaced_by_the_next(organisation: models.Organisation):
    make_worker(organisation)
    plan()
    plan(MORNING + timedelta(days=1))
    db.session.expire_all()
    assert [message.state for message in list_digests()] == [OutboxState.CANCELLED, OutboxState.WAITING]
    plan(MORNING + timedelta(days=1, hours=1))
    db.session.expire_all()
    assert [message.state for message in list_digests()] == [OutboxState.CANCELLED, OutboxState.WAITING]
