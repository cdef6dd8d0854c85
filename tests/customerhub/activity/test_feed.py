"""The feed of a customer: everything that happened, in order, by a bounded number of statements."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from customerhub.activity.feed import EventKind, list_events
from customerhub.activity.notes import delete_note
from customerhub.core import clock
from customerhub.core.errors import NotAllowed, NotFound
from customerhub.core.permissions import Actor
from customerhub.customers.merging import merge_customers
from models import Customer, History
from models.base import db
from models.enums import Role
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation

NOW = clock.get_now()


@pytest.fixture
def customer(organisations: TwoOrganisations) -> Customer:
    """One with something of every kind."""
    row = get_customer(organisations, 1)
    owned: dict[str, Any] = {"organisation": own_organisation(organisations), "customer_id": row.id}
    make.NoteFactory(**owned, text="Rang")
    make.OutboxMessageFactory(**owned, subject="Review due")
    make.ApprovalTaskFactory(**owned)
    make.AttachmentFactory(**owned)
    make.ContractFactory(**owned)
    case = make.CustomerCaseFactory(**owned)
    make.CaseNoteFactory(organisation=own_organisation(organisations), case_id=case.id, text="Since Monday")
    return row


def titles(customer: Customer, kind: EventKind | None, actor: Actor) -> list[str]:
    rows = [event.row for event in list_events(customer, kind, actor=actor, limit=100)]
    return [f"{row.action} {row.table_name}" if isinstance(row, History) else type(row).__name__ for row in rows]


def test_each_kind_has_its_own_and_everything_has_all(customer: Customer, admin: Actor):
    by_kind = {kind: titles(customer, kind, admin) for kind in EventKind}
    assert by_kind[EventKind.NOTES] == ["Note"], "the note itself stands for its creation"
    assert by_kind[EventKind.MAILS] == ["OutboxMessage"]
    assert by_kind[EventKind.TASKS] == ["created approval_task"]
    assert by_kind[EventKind.CONTRACTS] == ["created contract"]
    assert sorted(by_kind[EventKind.CASES]) == ["CaseNote", "created customer_case"]
    assert by_kind[EventKind.ATTACHMENTS] == ["created attachment"]
    assert "created customer" in by_kind[EventKind.CHANGES]
    everything = titles(customer, None, admin)
    assert sorted(everything) == sorted(title for each in by_kind.values() for title in each)
    events = list_events(customer, actor=admin, limit=100)
    assert [event.at for event in events] == sorted((event.at for event in events), reverse=True)


def test_a_deleted_note_is_still_told_of(organisations: TwoOrganisations, customer: Customer, admin: Actor):
    note = make.NoteFactory(organisation=own_organisation(organisations), customer_id=customer.id, text="Gone")
    delete_note(note, actor=admin)
    assert titles(customer, EventKind.NOTES, admin) == ["deleted note", "created note", "Note"]


def test_pages_are_the_whole_without_gaps(customer: Customer, admin: Actor):
    whole = list_events(customer, actor=admin, limit=1000)
    pages = [
        event
        for offset in range(0, len(whole) + 3, 3)
        for event in list_events(customer, actor=admin, offset=offset, limit=3)
    ]
    assert [event.row for event in pages] == [event.row for event in whole]


def test_others_see_nothing_of_it(organisations: TwoOrganisations, customer: Customer):
    assert titles(customer, None, actor_of(organisations, Role.AGENT)) == titles(
        customer, None, actor_of(organisations, Role.ADMIN)
    )
    for role in (Role.PARTNER, Role.CUSTOMER):
        with pytest.raises(NotAllowed):
            titles(customer, None, actor_of(organisations, role))
    with pytest.raises(NotFound):
        titles(customer, None, Actor(None, organisations.foreign.id))


def test_what_happened_to_a_merged_customer_is_there(organisations: TwoOrganisations, customer: Customer, admin: Actor):
    survivor = get_customer(organisations, 2)
    merge_customers(survivor, customer, actor=admin)
    found = titles(survivor, None, admin)
    assert found.count("created customer") == 2
    assert {"Note", "CaseNote", "OutboxMessage"} <= set(found)


def test_ten_thousand_events_take_as_many_statements_as_ten(customer: Customer, admin: Actor):
    def count_statements(offset: int) -> int:
        db.session.expire_all()
        db.session.refresh(customer)
        with record_statements() as statements:
            assert len(list_events(customer, actor=admin, offset=offset, limit=30)) <= 30
        return len(statements)

    few = count_statements(0)
    entry = {
        "organisation_id": customer.organisation_id,
        "actor_name": "Kim",
        "source": "test",
        "action": "changed",
        "table_name": "customer",
        "row_id": customer.id,
        "customer_id": customer.id,
        "title": customer.name,
        "changes": {"name": ["a", "b"]},
    }
    rows = [entry | {"at": NOW - timedelta(minutes=number)} for number in range(10_000)]
    db.session.connection().execute(insert(History), rows)
    assert max(count_statements(offset) for offset in (0, 5_000, 9_990)) <= few <= 10
