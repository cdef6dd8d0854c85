"""Cases: opened, assigned, brought through their statuses, and what each side reads and writes."""

from typing import Any

import pytest

from customerhub.cases import cases
from customerhub.cases.conversation import list_notes, reply_from_portal, write_note
from customerhub.cases.statuses import CASE_STATUSES, CLOSE, REOPEN, START, WAIT
from customerhub.core import clock, history
from customerhub.core.errors import Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.core.permissions import Actor, select_visible
from customerhub.customers.deletion import delete_customer
from customerhub.users.accounts import save_user
from customerhub.work.kinds import CASES
from customerhub.work.visits import build_times
from customerhub.work.work_list import count_own_work
from models import Customer, CustomerCase, OutboxMessage, User
from models.base import db
from models.enums import CaseStatus, PortalPermission, Role
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.screen_rows import make_bare_customer
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation

S = CaseStatus


def open_case(actor: Actor, customer: Customer, **values: Any) -> CustomerCase:
    with history.act_as(actor, "test"):
        case = CustomerCase(customer_id=customer.id, **{"subject": "Line is dead", **values})
        return cases.save_case(case, actor=actor)


def list_mails() -> list[tuple[str, str]]:
    query = db.session.query(OutboxMessage).filter_by(purpose="case").order_by(OutboxMessage.id)
    return [(message.recipient, message.subject.partition(":")[0]) for message in query]


@pytest.fixture
def agent(organisations: TwoOrganisations) -> Actor:
    return actor_of(organisations, Role.AGENT)


@pytest.fixture
def portal(organisations: TwoOrganisations) -> Actor:
    """A portal user of our first customer."""
    return actor_of(organisations, Role.CUSTOMER)


@pytest.mark.parametrize("transition", CASE_STATUSES.choices, ids=lambda each: each.name)
@pytest.mark.parametrize("status", list(S))
def test_people_change_the_status_by_the_table_and_no_other_way(
    organisations: TwoOrganisations, agent: Actor, transition: Any, status: CaseStatus
):
    case = make.CustomerCaseFactory(organisation=own_organisation(organisations), status=status)
    with history.act_as(agent, "test"):
        if status not in transition.from_states:
            with pytest.raises(WrongState):
                cases.change_case_status(case, transition, actor=agent)
            assert case.status is status
            return
        cases.change_case_status(case, transition, actor=agent)
    assert case.status is transition.to_state
    assert (case.closed_at is None) == (case.status is not S.CLOSED)


def list_open_cases(actor: Actor) -> list[CustomerCase]:
    return list(db.session.scalars(CASES.select(actor, build_times(clock.get_today())).order_by(*CASES.order)))


def test_a_case_gets_a_number_and_its_assignee_hears_of_it(organisations: TwoOrganisations, agent: Actor):
    manager = actor_of(organisations, Role.MANAGER)
    first = open_case(agent, get_customer(organisations), assignee_id=manager.id)
    second = open_case(agent, get_customer(organisations))
    assert first.number != second.number
    assert (first.status, first.requester_id) == (S.OPEN, agent.id)
    assert list_mails() == [(manager.user.email, "Case assigned to you")]
    assert list_open_cases(manager) == [first]
    assert count_own_work(manager, today=clock.get_today()).open_cases == 1


def test_many_cases_are_assigned_and_closed_at_once(organisations: TwoOrganisations, agent: Actor):
    manager = actor_of(organisations, Role.MANAGER)
    rows = [open_case(agent, get_customer(organisations)) for _ in range(3)]
    with history.act_as(agent, "test"):
        assert cases.change_case_statuses(rows[:1], CLOSE, actor=agent) == {}
        assert cases.assign_cases(rows, assignee_id=manager.id, actor=agent).keys() == {rows[0].id}
        assert cases.change_case_statuses(rows, CLOSE, actor=agent).keys() == {rows[0].id}
    assert {row.status for row in rows} == {S.CLOSED}
    assert [mail for mail in list_mails() if mail[0] == manager.user.email] == [
        (manager.user.email, "2 cases assigned to you")
    ]
    assert list_open_cases(manager) == []


def test_status_number_and_customer_are_not_edited(organisations: TwoOrganisations, agent: Actor):
    for name, value in (("status", S.CLOSED), ("number", "S1"), ("customer_id", organisations.own.customers[1])):
        case = open_case(agent, get_customer(organisations))
        with history.act_as(agent, "test"), db.session.no_autoflush:
            setattr(case, name, value)
            with pytest.raises(WrongState):
                cases.save_case(case, actor=agent)
            db.session.expire(case)


@pytest.mark.parametrize("values", [{"subject": " "}, {"subject": "x" * 201}, {"assignee_id": Role.PARTNER}])
def test_a_wrong_case_is_refused(organisations: TwoOrganisations, agent: Actor, values: dict[str, Any]):
    chosen = {name: organisations.own.users[each] if isinstance(each, Role) else each for name, each in values.items()}
    with pytest.raises(Invalid):
        open_case(agent, get_customer(organisations), **chosen)


def test_customers_read_what_is_visible_to_them_and_nothing_else(
    organisations: TwoOrganisations, agent: Actor, portal: Actor
):
    case = open_case(agent, get_customer(organisations))
    with history.act_as(agent, "test"):
        write_note(case, text="Never pays", actor=agent)
        write_note(case, text="We look into it", is_visible=True, actor=agent)
    assert [note.text for note in list_notes(case, actor=portal)] == ["We look into it"]
    assert [note.text for note in list_notes(case, actor=agent)] == ["Never pays", "We look into it"]
    assert list_mails() == [(portal.user.email, "Reply")]
    others = open_case(agent, get_customer(organisations, 1))
    with pytest.raises(NotFound):
        list_notes(others, actor=portal)
    with history.act_as(portal, "test"), pytest.raises(NotFound):
        reply_from_portal(others, "Mine?", actor=portal)
    visible = db.session.scalars(select_visible(CustomerCase, portal)).all()
    assert {each.customer_id for each in visible} == {get_customer(organisations).id}
    assert db.session.scalars(select_visible(CustomerCase, actor_of(organisations, Role.PARTNER))).all() == []


@pytest.mark.parametrize(
    ("transitions", "status"),
    [((), S.OPEN), ((START,), S.IN_PROGRESS), ((WAIT,), S.IN_PROGRESS), ((CLOSE,), S.OPEN)],
    ids=["open", "in progress", "waiting", "closed"],
)
def test_a_reply_of_the_customer_brings_a_case_on(
    organisations: TwoOrganisations, agent: Actor, portal: Actor, transitions: Any, status: CaseStatus
):
    case = open_case(agent, get_customer(organisations), assignee_id=agent.id)
    with history.act_as(agent, "test"):
        for each in transitions:
            cases.change_case_status(case, each, actor=agent)
    with history.act_as(portal, "test"):
        reply_from_portal(case, "Still dead", actor=portal)
    assert (case.status, case.closed_at) == (status, None)
    assert list_mails()[-1] == (agent.user.email, "Reply")
    assert case.replied_at is not None


def test_a_case_from_the_portal_is_of_the_own_customer(organisations: TwoOrganisations, portal: Actor):
    with history.act_as(portal, "test"):
        case = cases.open_portal_case("Please ring", "At noon", actor=portal)
    assert (case.customer_id, case.requester_id, case.assignee_id) == (portal.user.customer_id, portal.id, None)
    assert [(note.text, note.is_visible) for note in list_notes(case, actor=portal)] == [("At noon", True)]


@pytest.mark.parametrize("refusal", ["permission", "denied", "access"])
def test_cases_in_the_portal_are_a_permission(organisations: TwoOrganisations, portal: Actor, refusal: str):
    if refusal == "access":
        change_row(organisations, get_customer(organisations), portal_access=False)
    else:
        everything = [each.value for each in PortalPermission]
        without_cases = [each for each in everything if each not in ("cases", "deny all")]
        permissions = everything if refusal == "denied" else without_cases
        change_row(organisations, portal.user, portal_permissions=permissions)
    with history.act_as(portal, "test"), pytest.raises(NotAllowed):
        cases.open_portal_case("Please ring", "At noon", actor=portal)


def test_portal_users_who_may_not_see_cases_get_no_mail(organisations: TwoOrganisations, agent: Actor, portal: Actor):
    change_row(organisations, portal.user, portal_permissions=[PortalPermission.DASHBOARD.value])
    case = open_case(agent, get_customer(organisations))
    with history.act_as(agent, "test"):
        write_note(case, text="We look into it", is_visible=True, actor=agent)
        cases.change_case_status(case, CLOSE, actor=agent)
        cases.change_case_status(case, REOPEN, actor=agent)
    assert list_mails() == []


def test_who_opened_a_case_hears_of_it_and_not_the_whole_company(
    organisations: TwoOrganisations, agent: Actor, portal: Actor
):
    other = make.UserFactory(
        organisation=own_organisation(organisations),
        role=Role.CUSTOMER,
        customer_id=portal.user.customer_id,
        portal_permissions=[PortalPermission.CASES.value],
    )
    with history.act_as(portal, "test"):
        own = cases.open_portal_case("Please ring", "At noon", actor=portal)
    of_staff = open_case(agent, get_customer(organisations))
    with history.act_as(agent, "test"):
        cases.change_case_status(own, CLOSE, actor=agent)
        assert list_mails() == [(portal.user.email, "Closed")]
        cases.change_case_status(of_staff, CLOSE, actor=agent)
    assert sorted(list_mails()[1:]) == sorted([(portal.user.email, "Closed"), (other.email, "Closed")])


@pytest.mark.parametrize("text", ["", " \u200b", "x" * 10_001, "a\x00"])
def test_a_note_that_says_nothing_or_too_much_is_refused(organisations: TwoOrganisations, agent: Actor, text: str):
    case = open_case(agent, get_customer(organisations))
    with history.act_as(agent, "test"), pytest.raises(Invalid):
        write_note(case, text=text, actor=agent)


def test_others_open_and_change_nothing(organisations: TwoOrganisations, agent: Actor, portal: Actor):
    case = open_case(agent, get_customer(organisations))
    for actor in (portal, actor_of(organisations, Role.PARTNER)):
        with history.act_as(actor, "test"):
            for attempt in (
                lambda: open_case(actor, get_customer(organisations)),  # noqa: B023
                lambda: write_note(case, text="Hello", actor=actor),  # noqa: B023
                lambda: cases.assign_case(case, assignee_id=agent.id, actor=actor),  # noqa: B023
                lambda: cases.change_case_status(case, CLOSE, actor=actor),  # noqa: B023
            ):
                with pytest.raises(NotAllowed):
                    attempt()
    with pytest.raises(NotFound):
        open_case(agent, db.session.get_one(Customer, organisations.foreign.customers[0]))


def test_cases_of_who_leaves_are_nobodys(organisations: TwoOrganisations, agent: Actor):
    admin = actor_of(organisations, Role.ADMIN)
    live, closed = (open_case(agent, get_customer(organisations), assignee_id=agent.id) for _ in range(2))
    with history.act_as(agent, "test"):
        cases.change_case_status(closed, CLOSE, actor=agent)
    with history.act_as(admin, "test"):
        user = db.session.get_one(User, agent.id)
        user.active = False
        save_user(user, actor=admin)
    assert (live.assignee_id, closed.assignee_id) == (None, agent.id)


def test_a_customer_with_a_case_is_not_deleted(organisations: TwoOrganisations):
    admin = actor_of(organisations, Role.ADMIN)
    customer = make_bare_customer(organisations)
    make.CustomerCaseFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    with history.act_as(admin, "test"), pytest.raises(StillLinked, match="1 case"):
        delete_customer(customer, actor=admin)
