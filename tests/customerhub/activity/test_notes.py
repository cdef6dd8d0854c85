"""Notes, the colleagues whom they mention, and their follow-ups."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.activity import follow_ups, notes
from customerhub.activity.mentions import Colleague, list_mentioned, search_colleagues, see_mention, split_text
from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.customers.merging import merge_customers
from customerhub.users.accounts import save_user
from customerhub.work.kinds import FOLLOW_UPS, MENTIONS
from customerhub.work.visits import build_times
from customerhub.work.work_list import count_by_kind, count_own_work
from models import Customer, History, Note, NoteMention, OutboxMessage, User
from models.base import db
from models.enums import Role
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation

MAX, MAXINE = Colleague(1, "Max", "max@hub.example"), Colleague(2, "Max Manager", "maxine@hub.example")


def mentioned(text: str, *colleagues: Colleague) -> list[int]:
    return [piece.user_id for piece in split_text(text, colleagues) if piece.user_id is not None]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("@Max please", [1]),
        ("@max manager, please", [2]),
        ("(@MAX MANAGER)", [2]),
        ("@Max Managers", [1]),
        ("@Maximilian", []),
        ("write to max@hub.example", []),
        ("@max@hub.example and @maxine@hub.example.", [1, 2]),
        ("a@Max", []),
        ("@@Max", []),
        ("Max", []),
    ],
)
def test_a_mention_is_an_at_and_a_whole_name_or_address(text: str, ids: list[int]):
    assert mentioned(text, MAX, MAXINE) == ids


def test_a_name_that_two_have_means_neither_but_their_addresses_do():
    twins = Colleague(1, "Kim", "kim1@hub.example"), Colleague(2, "kim", "kim2@hub.example")
    assert mentioned("@Kim or @kim2@hub.example", *twins) == [2]


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=12), max_size=4))
def test_the_pieces_of_a_text_are_the_text(text: str, names: list[str]):
    colleagues = [Colleague(number, name, f"{number}@hub.example") for number, name in enumerate(names)]
    assert "".join(piece.text for piece in split_text(text, colleagues)) == text


def write_note(actor: Actor, customer: Customer, **values: Any) -> Note:
    note = Note(customer_id=customer.id, **{"text": "Rang", **values})
    with history.act_as(actor, "test"):
        return notes.save_note(note, actor=actor)


def mails_about_notes() -> list[tuple[str, str]]:
    query = db.session.query(OutboxMessage).filter_by(purpose="note").order_by(OutboxMessage.id)
    return [(message.recipient, message.subject) for message in query]


def count_mentions(actor: Actor) -> int:
    return dict(count_by_kind(actor, today=date(2030, 1, 1)))[MENTIONS]


def list_due_follow_ups(actor: Actor, *, today: date) -> list[Note]:
    return list(db.session.scalars(FOLLOW_UPS.select(actor, build_times(today)).order_by(*FOLLOW_UPS.order)))


def test_whom_a_note_mentions_is_notified_once(organisations: TwoOrganisations):
    agent, customer = actor_of(organisations, Role.AGENT), get_customer(organisations)
    manager = db.session.get_one(User, organisations.own.users[Role.MANAGER])
    make.UserFactory(organisation_id=organisations.foreign.id, name="Foreign Person")
    text = "@The manager, @The agent, @The partner and @Foreign Person: look"
    note = write_note(agent, customer, text=text)
    assert [(each.user_id, each.seen_at is None) for each in note.mentions] == [
        (manager.id, True),
        (agent.id, False),  # who writes their own name knows
    ]
    assert mails_about_notes() == [(manager.email, f"The agent mentioned you: {customer.name}")]
    assert count_mentions(Actor.from_user(manager)) == 1
    with history.act_as(agent, "test"):
        note.text = "Changed. @The manager and @The admin"
        notes.save_note(note, actor=agent)
    assert len(mails_about_notes()) == 2, "who was mentioned before is not notified again"
    note_of_mention = see_mention(note.mentions[0].id, actor=Actor.from_user(manager))
    assert note_of_mention is note
    assert count_mentions(Actor.from_user(manager)) == 0


def test_who_wants_no_mail_gets_none_and_is_mentioned_all_the_same(organisations: TwoOrganisations):
    manager = db.session.get_one(User, organisations.own.users[Role.MANAGER])
    with history.act_as(actor_of(organisations, Role.ADMIN), "test"):
        manager.notify_by_email = False
        db.session.flush()
    note = write_note(actor_of(organisations, Role.AGENT), get_customer(organisations), text="@The manager")
    assert [each.user_id for each in note.mentions] == [manager.id]
    assert mails_about_notes() == []


def test_nobody_sees_a_mention_of_somebody_else(organisations: TwoOrganisations):
    note = write_note(actor_of(organisations, Role.AGENT), get_customer(organisations), text="@The manager")
    with pytest.raises(NotFound):
        see_mention(note.mentions[0].id, actor=actor_of(organisations, Role.ADMIN))


def test_colleagues_are_active_staff_of_the_organisation(organisations: TwoOrganisations):
    actor = actor_of(organisations, Role.AGENT)
    make.UserFactory(organisation=own_organisation(organisations), name="The gone", active=False)
    names = [each.name for each in search_colleagues("the ", 20, actor=actor)]
    assert names == ["The admin", "The agent", "The manager"]
    assert list_mentioned("@The gone @The customer", actor.organisation_id) == []


def test_notes_are_changed_and_deleted_by_their_authors_and_administrators(organisations: TwoOrganisations):
    agent, manager, admin = (actor_of(organisations, role) for role in (Role.AGENT, Role.MANAGER, Role.ADMIN))
    note = write_note(agent, get_customer(organisations), text="Mine")
    key = note.id
    for change in (
        lambda: notes.save_note(note, actor=manager),
        lambda: notes.delete_note(note, actor=manager),
    ):
        with history.act_as(manager, "test"), pytest.raises(NotAllowed, match="only your own"):
            change()
    with history.act_as(admin, "test"):
        note.text = "Corrected"
        notes.save_note(note, actor=admin)
        assert note.author_id == agent.id
        notes.delete_note(note, actor=admin)
    entries = db.session.query(History).filter_by(table_name="note", row_id=key).order_by(History.id)
    assert [(each.action, each.actor_name, each.changes.get("text")) for each in entries] == [
        ("created", "The agent", [None, "Mine"]),
        ("changed", "The admin", ["Mine", "Corrected"]),
        ("deleted", "The admin", ["Corrected", None]),
    ]
    assert {each.customer_id for each in entries} == {get_customer(organisations).id}


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_only_staff_write_notes(organisations: TwoOrganisations, role: Role):
    with pytest.raises(NotAllowed):
        write_note(actor_of(organisations, role), get_customer(organisations))


def test_no_note_is_written_about_a_customer_of_others(organisations: TwoOrganisations):
    foreign = db.session.get_one(Customer, organisations.foreign.customers[0])
    with pytest.raises(NotFound):
        write_note(actor_of(organisations, Role.AGENT), foreign)
    with pytest.raises(Invalid, match="Choose a customer"):
        notes.save_note(Note(text="x"), actor=actor_of(organisations, Role.AGENT))


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"text": " \u200b "}, "text"),
        ({"text": "x" * 10_001}, "text"),
        ({"text": "a\x00b"}, "text"),
        ({"follow_up_on": date(2000, 1, 1)}, "follow_up_on"),
        ({"follow_up_on": date(9999, 12, 31)}, "follow_up_on"),
        ({"follow_up_on": date(2090, 1, 1), "assignee_id": Role.PARTNER}, "assignee_id"),
    ],
)
def test_a_wrong_note_is_refused_by_its_field(organisations: TwoOrganisations, values: dict[str, Any], field: str):
    chosen = {name: organisations.own.users[each] if isinstance(each, Role) else each for name, each in values.items()}
    with pytest.raises(Invalid) as refusal:
        write_note(actor_of(organisations, Role.AGENT), get_customer(organisations), **chosen)
    assert [name for name, _ in refusal.value.problems] == [field]


def test_a_follow_up_is_the_authors_unless_it_is_assigned(organisations: TwoOrganisations):
    agent, manager = (actor_of(organisations, role) for role in (Role.AGENT, Role.MANAGER))
    customer, today = get_customer(organisations), organisation_today(organisations.own.id)
    own = write_note(agent, customer, follow_up_on=today)
    assert own.assignee_id == agent.id
    given = write_note(agent, customer, follow_up_on=today + timedelta(1), assignee_id=manager.id, text="@The manager")
    assert mails_about_notes() == [(manager.user.email, f"Follow-up: {customer.name}")], "one mail, not two"
    assert write_note(agent, customer, assignee_id=manager.id).assignee_id is None, (
        "nothing to be done, nobody to do it"
    )
    assert list_due_follow_ups(agent, today=today) == [own]
    assert list_due_follow_ups(manager, today=today) == []
    assert list_due_follow_ups(manager, today=today + timedelta(1)) == [given]
    assert count_own_work(agent, today=today).due_follow_ups == 1


def test_a_follow_up_is_done_once_and_opened_again(organisations: TwoOrganisations):
    agent = actor_of(organisations, Role.AGENT)
    today = organisation_today(organisations.own.id)
    note = write_note(agent, get_customer(organisations), follow_up_on=today)
    with history.act_as(agent, "test"):
        follow_ups.complete_follow_up(note, actor=agent)
        assert note.done_by_id == agent.id
        with pytest.raises(WrongState, match="Already done"):
            follow_ups.complete_follow_up(note, actor=agent)
        follow_ups.reopen_follow_up(note, actor=agent)
        with pytest.raises(WrongState, match="Still open"):
            follow_ups.reopen_follow_up(note, actor=agent)
        follow_ups.complete_follow_up(note, actor=agent)
        note.follow_up_on = today + timedelta(7)
        notes.save_note(note, actor=agent)
    assert note.done_at is None, "another date is another thing to do"


def test_many_follow_ups_are_assigned_by_one_mail(organisations: TwoOrganisations):
    agent, manager = (actor_of(organisations, role) for role in (Role.AGENT, Role.MANAGER))
    due = organisation_today(organisations.own.id)
    open_notes = [write_note(agent, get_customer(organisations), follow_up_on=due) for _ in range(3)]
    bare = write_note(agent, get_customer(organisations))
    with history.act_as(agent, "test"):
        refusals = follow_ups.assign_follow_ups([*open_notes, bare], assignee_id=manager.id, actor=agent)
    assert refusals.keys() == {bare.id}
    assert {note.assignee_id for note in open_notes} == {manager.id}
    assert mails_about_notes() == [(manager.user.email, "3 follow-ups assigned to you")]


def test_follow_ups_of_who_leaves_are_nobodys(organisations: TwoOrganisations):
    agent, admin = actor_of(organisations, Role.AGENT), actor_of(organisations, Role.ADMIN)
    note = write_note(agent, get_customer(organisations), follow_up_on=organisation_today(organisations.own.id))
    with history.act_as(admin, "test"):
        user = db.session.get_one(User, agent.id)
        user.active = False
        save_user(user, actor=admin)
    assert note.assignee_id is None
    assert note.author_id == user.id


def test_two_who_change_one_note_do_not_overwrite_each_other(organisations: TwoOrganisations):
    agent = actor_of(organisations, Role.AGENT)
    note = write_note(agent, get_customer(organisations))
    db.session.execute(
        Note.__table__.update().values(version=Note.__table__.c.version + 1).where(Note.__table__.c.id == note.id)
    )
    note.text = "Mine"
    with history.act_as(agent, "test"), pytest.raises(Conflict):
        notes.save_note(note, actor=agent)


def test_merging_moves_notes_with_their_mentions_attachments_and_cases(organisations: TwoOrganisations, admin: Actor):
    survivor, other = get_customer(organisations, 1), get_customer(organisations, 2)
    owned = {"organisation": own_organisation(organisations), "customer_id": other.id}
    moved = [make.NoteFactory(**owned), make.AttachmentFactory(**owned), make.CustomerCaseFactory(**owned)]
    mention = make.NoteMentionFactory(
        organisation=own_organisation(organisations), note_id=moved[0].id, user_id=admin.id
    )
    merge_customers(survivor, other, actor=admin)
    db.session.expire_all()
    assert {each.customer_id for each in moved} == {survivor.id}
    assert db.session.get_one(NoteMention, mention.id).note_id == moved[0].id
