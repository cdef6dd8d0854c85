"""What waits for somebody, what of it is new, and what neither costs."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import insert, select, text

import models
from customerhub.activity import follow_ups
from customerhub.core import clock, history, job_runs
from customerhub.core.permissions import Actor
from customerhub.work.kinds import KINDS, describe_lateness
from customerhub.work.visits import build_marks, build_times, record_visit
from customerhub.work.work_list import count_by_kind, count_own_work, list_work
from models.base import db, get_table
from models.enums import OutboxState, Role
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, own_organisation
from tests.support.work import KINDS_BY_ROLE, add_failing_job, add_others_work, add_work

TODAY = date(2026, 6, 10)
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


def count_kinds(actor: Actor, today: date = TODAY) -> dict[str, int]:
    return {kind.name: count for kind, count in count_by_kind(actor, today=today) if count}


def count_unread(actor: Actor, today: date = TODAY) -> int:
    return count_own_work(actor, today=today).unread


@pytest.fixture
def empty(organisations: TwoOrganisations) -> TwoOrganisations:
    """Nothing waits for anybody of ours; other rows stay as they are."""
    for statement in (
        "UPDATE compliance_document SET expiry_date = '2040-01-01'",
        "DELETE FROM alert",
        "UPDATE outbox_message SET state = 'sent'",
        "UPDATE approval_task SET due_on = NULL",
        "UPDATE signing_request SET state = 'done'",
    ):
        db.session.execute(text(statement))
    db.session.commit()
    return organisations


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MANAGER, Role.AGENT])
def test_everybody_has_their_own_work_and_managers_that_of_all(empty: TwoOrganisations, role: Role):
    organisation, user_id = own_organisation(empty), empty.own.users[role]
    other = make.UserFactory(organisation=organisation)
    add_work(organisation, user_id, today=TODAY)
    add_others_work(organisation, other.id, today=TODAY)
    foreign = db.session.get_one(models.Organisation, empty.foreign.id)
    add_work(foreign, empty.foreign.users[role], today=TODAY)
    db.session.commit()
    counts = count_kinds(actor_of(empty, role))
    expected = dict.fromkeys(KINDS_BY_ROLE[role.value] - {"jobs"}, 1)
    if role is not Role.AGENT:
        expected |= {"reviews": 2, "documents": 2, "messages": 2, "signatures": 2}
    assert counts == expected


def test_partners_and_portal_users_have_none(empty: TwoOrganisations):
    for role in (Role.PARTNER, Role.CUSTOMER):
        actor = actor_of(empty, role)
        assert count_by_kind(actor, today=TODAY) == []
        assert list_work(actor, today=TODAY, marks=build_marks(None, empty.own.id)) == []


def test_a_deactivated_user_has_none(empty: TwoOrganisations):
    actor = actor_of(empty, Role.AGENT)
    assert actor.user is not None
    actor.user.active = False
    with db.session.no_autoflush:
        assert count_by_kind(actor, today=TODAY) == []


def test_failing_jobs_are_for_who_looks_after_the_hub(empty: TwoOrganisations):
    platform = Actor.from_user(db.session.get_one(models.User, empty.platform_user))
    add_failing_job()
    db.session.flush()
    assert count_kinds(platform)["jobs"] == 1
    assert "jobs" not in count_kinds(actor_of(empty, Role.ADMIN)), "the hub serves two organisations"


def test_a_job_fails_until_a_run_of_it_succeeds(empty: TwoOrganisations):
    def run(at: datetime, succeeded: bool) -> None:
        job_runs.start_run("jobs.mail.sweep", now=at)
        job_runs.finish_run("jobs.mail.sweep", started_at=at, now=at, succeeded=succeeded, message="x")

    def failing_since(at: datetime) -> list[datetime]:
        rows = db.session.scalars(
            job_runs.select_failing_runs(since=at - job_runs.MAX_AGE), execution_options={"populate_existing": True}
        ).all()
        return [row.failed_since for row in rows]

    later, latest = NOON + timedelta(minutes=1), NOON + timedelta(minutes=2)
    run(NOON, succeeded=False)
    run(later, succeeded=False)
    job_runs.start_run("jobs.mail.sweep", now=latest)
    assert failing_since(latest) == [NOON], "also while the next one is under way"
    assert failing_since(latest + timedelta(days=3)) == [], "it is none of the schedule any more"
    run(latest, succeeded=True)
    assert failing_since(latest) == []


def test_what_is_most_urgent_comes_first_with_its_lateness_in_words(empty: TwoOrganisations):
    organisation, user_id = own_organisation(empty), empty.own.users[Role.AGENT]
    late = add_work(organisation, user_id, today=TODAY, name="مؤسسة " + "x" * 54)
    for days in (5, 0, None):
        customer = make.CustomerFactory(organisation=organisation)
        due_on = TODAY + timedelta(days=days) if days is not None else None
        make.ApprovalTaskFactory(organisation=organisation, customer_id=customer.id, assignee_id=user_id, due_on=due_on)
    db.session.commit()
    groups = {
        each.kind.name: each
        for each in list_work(
            actor_of(empty, Role.AGENT), today=TODAY, marks=build_marks(None, organisation.id), limit=3
        )
    }
    late_kinds = ["signatures", "tasks", "follow-ups", "reviews", "documents"]
    assert list(groups) == [*late_kinds, "cases", "mentions", "waiting-signatures"], "late ones first"
    tasks = [listed.item for listed in groups["tasks"].items]
    assert groups["tasks"].count == 4
    assert [(item.state, item.is_late) for item in tasks] == [
        ("3 days late", True),
        ("Due today", False),
        (None, False),
    ]
    assert tasks[0].customer is late
    review, document = groups["reviews"].items[0].item, groups["documents"].items[0].item
    assert (review.state, review.is_late) == ("40 days late", True)
    assert (document.state, document.due_on) == ("Expired", TODAY - timedelta(days=3))


@pytest.mark.parametrize(("days", "words"), [(-1, None), (0, "Due today"), (1, "1 day late"), (400, "400 days late")])
def test_lateness_in_words(days: int, words: str | None):
    assert describe_lateness(TODAY - timedelta(days=days), TODAY) == words
    assert describe_lateness(None, TODAY) is None


def test_two_documents_of_a_customer_are_one_row(empty: TwoOrganisations):
    organisation, user_id = own_organisation(empty), empty.own.users[Role.AGENT]
    customer = add_work(organisation, user_id, today=TODAY)
    make.ComplianceDocumentFactory(
        organisation=organisation, customer_id=customer.id, file_id=None, expiry_date=TODAY + timedelta(days=30)
    )
    db.session.commit()
    actor, marks = actor_of(empty, Role.AGENT), build_marks(None, organisation.id)
    [group] = [each for each in list_work(actor, today=TODAY, marks=marks) if each.kind.name == "documents"]
    assert group.count == 1
    assert group.items[0].item.text.endswith(" and 1 more")


# --- What is new -------------------------------------------------------------------------------------------------


def test_all_is_unread_until_somebody_looks(empty: TwoOrganisations):
    agent = actor_of(empty, Role.AGENT)
    assert count_unread(agent) == 0
    add_work(own_organisation(empty), empty.own.users[Role.AGENT], today=TODAY)
    db.session.commit()
    assert count_unread(agent) == len(KINDS_BY_ROLE["agent"] - {"waiting-signatures"}), "one asked for these oneself"
    with time_machine.travel(clock.get_now() + timedelta(minutes=1)):
        record_visit(agent)
        record_visit(agent)
    assert count_unread(agent) == 0
    assert count_own_work(agent, today=TODAY).seen_at is not None
    assert count_unread(actor_of(empty, Role.MANAGER)) > 0, "others have not looked"


def test_what_is_given_to_somebody_is_new_however_old_it_is(empty: TwoOrganisations):
    agent, manager = actor_of(empty, Role.AGENT), actor_of(empty, Role.MANAGER)
    customer = empty.own.customers[0]
    note = make.NoteFactory(organisation=own_organisation(empty), customer_id=customer, follow_up_on=TODAY)
    db.session.commit()
    record_visit(agent)
    with time_machine.travel(clock.get_now() + timedelta(minutes=1)), history.act_as(manager, "test"):
        assert follow_ups.assign_follow_ups([note], assignee_id=agent.id, actor=manager) == {}
        db.session.commit()
    assert count_unread(agent) == 1
    with time_machine.travel(clock.get_now() + timedelta(minutes=2)):
        record_visit(agent)
        note.text = "Changed"
        with history.act_as(manager, "test"):
            db.session.commit()
    assert count_unread(agent) == 0, "a change is nothing new"
    with history.act_as(manager, "test"):
        note.assignee_id = None
        db.session.commit()
    assert note.assigned_at is None


def test_what_becomes_due_late_or_close_to_its_end_is_new(empty: TwoOrganisations):
    organisation, agent = own_organisation(empty), actor_of(empty, Role.AGENT)
    with time_machine.travel(NOON - timedelta(hours=1)):
        customer = make.CustomerFactory(organisation=organisation, account_manager_id=agent.id)
        owned = {"organisation": organisation, "customer_id": customer.id}
        make.ApprovalTaskFactory(**owned, assignee_id=agent.id, due_on=TODAY)
        make.NoteFactory(**owned, assignee_id=agent.id, follow_up_on=TODAY + timedelta(days=1))
        make.ComplianceDocumentFactory(**owned, file_id=None, expiry_date=TODAY + timedelta(days=31))
        make.ComplianceDocumentFactory(**owned, file_id=None, expiry_date=TODAY)
        db.session.commit()
    with time_machine.travel(NOON):
        record_visit(agent)
    assert count_unread(agent, TODAY) == 0
    tomorrow = TODAY + timedelta(days=1)
    assert count_unread(agent, tomorrow) == 3
    marks = build_marks(NOON, organisation.id)
    groups = list_work(agent, today=tomorrow, marks=marks)
    assert {each.kind.name for each in groups if each.items[0].is_new} == {"tasks", "follow-ups", "documents"}
    with time_machine.travel(NOON + timedelta(days=1)):
        record_visit(agent)
    assert count_unread(agent, tomorrow) == 0


def test_a_visit_is_of_one_organisation(empty: TwoOrganisations):
    user = db.session.get_one(models.User, empty.platform_user)
    at_home, abroad = Actor.from_user(user), Actor.from_user(user, empty.foreign.id)
    add_work(own_organisation(empty), user.id, today=TODAY)
    make.NoteFactory(
        organisation_id=empty.foreign.id,
        customer_id=empty.foreign.customers[0],
        follow_up_on=TODAY,
        assignee_id=user.id,
    )
    db.session.commit()
    with time_machine.travel(clock.get_now() + timedelta(minutes=1)):
        record_visit(at_home)
    assert count_unread(at_home) == 0
    assert count_unread(abroad) == 1


# --- What it costs -----------------------------------------------------------------------------------------------


def test_pages_count_by_one_statement_and_lists_take_one_a_kind(empty: TwoOrganisations):
    organisation, manager = own_organisation(empty), actor_of(empty, Role.MANAGER)
    marks = build_marks(None, organisation.id)

    def count_statements(work: Any) -> int:
        db.session.commit()
        assert manager.user is not None
        assert manager.user.name
        with record_statements() as statements:
            work()
        return len([each for each in statements if each.startswith("SELECT")])

    for _ in range(6):
        add_work(organisation, empty.own.users[Role.MANAGER], today=TODAY)
    assert count_statements(lambda: count_own_work(manager, today=TODAY)) == 1
    kinds = len(KINDS_BY_ROLE["manager"]) - 1  # nobody else's task is late
    # two more load the documents of the customers and the signers of what waits for a signature
    assert count_statements(lambda: list_work(manager, today=TODAY, marks=marks)) == 1 + kinds + 2
    assert len(KINDS) == len(KINDS_BY_ROLE["admin"])


def test_counts_end_at_a_hundred(empty: TwoOrganisations):
    organisation = own_organisation(empty)
    message = make.OutboxMessageFactory(organisation=organisation, state=OutboxState.FAILED, next_attempt_at=None)
    db.session.commit()
    table = get_table(models.OutboxMessage)
    row = dict(db.session.execute(select(table).where(table.c.id == message.id)).mappings().one())
    del row["id"]
    connection, manager = db.session.connection(), actor_of(empty, Role.MANAGER)
    connection.execute(insert(table), [row | {"reason_key": f"copy {number}"} for number in range(98)])
    assert count_kinds(manager) == {"messages": 99}
    connection.execute(insert(table), [row | {"reason_key": f"more {number}"} for number in range(2)])
    assert count_kinds(manager) == {"messages": 100}


@pytest.mark.parametrize("is_new", [False, True])
def test_expiring_documents_are_found_by_the_index(empty: TwoOrganisations, is_new: bool):
    manager, times = actor_of(empty, Role.MANAGER), build_times(TODAY)
    [kind] = [each for each in KINDS if each.name == "documents"]
    marks = build_marks(NOON - timedelta(days=3), empty.own.id)
    query = kind.select_new(manager, times, marks) if is_new else kind.select(manager, times)
    is_sqlite = db.engine.dialect.name == "sqlite"
    if not is_sqlite:
        for way in ("seqscan", "nestloop"):  # which small tables are read by
            db.session.execute(text(f"SET LOCAL enable_{way} = off"))
    sql = query.with_only_columns(kind.key).compile(db.engine, compile_kwargs={"literal_binds": True})
    rows = db.session.execute(text(f"{'EXPLAIN QUERY PLAN' if is_sqlite else 'EXPLAIN'} {sql}")).all()
    plan = "\n".join(str(row[-1]) for row in rows)
    assert "ix_compliance_document_expiry" in plan, plan
    conditions = (
        r"\(organisation_id=\? AND expiry_date" if is_sqlite else r"\(organisation_id = \d+\) AND \(expiry_date"
    )
    assert re.search(conditions, plan), plan
