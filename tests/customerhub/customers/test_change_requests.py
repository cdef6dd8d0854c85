"""A change that a partner proposes: exactly that is applied, once, and only to what they saw."""

from datetime import date
from itertools import combinations

import pytest
from sqlalchemy import select

from customerhub.approvals import assignment, tasks
from customerhub.core import clock
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound
from customerhub.core.permissions import Actor
from customerhub.customers import approval_decisions, change_requests
from customerhub.customers.records import save_customer
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerType, PortalPermission, Role, Stage, TaskKind, TaskState
from tests.customerhub.approvals.conftest import acting, list_history, list_mails, make_approval_org, stage_entries
from tests.support.people import make_user

VALUES = {
    "name": "Nordwind Logistik GmbH",
    "customer_type": CustomerType.PRIVATE_LIMITED,
    "identity_number": "ID 77",
    "registration_number": "HRB 777",
    "registration_date": date(2020, 2, 29),
    "vat_number": "DE136695976",
    "vat_registration_date": date(2021, 1, 31),
    "email": "new@customer.example, second@customer.example",
    "contact_number": "+49 30 40485210",
    "website": "https://www.example.com",
}


def propose_update(approval_org, customer, values, **more):
    with acting(approval_org.partner):
        task = change_requests.propose_update(customer, values=values, actor=approval_org.partner, **more)
        db.session.commit()
    return task


def column_values(customer, *, excluded=()):
    db.session.refresh(customer)
    names = {column.key for column in Customer.__table__.columns} - {"version", *excluded}
    return {name: getattr(customer, name) for name in names}


DERIVED_COLUMNS = {"sort_name", "search_text", "identity_key", "registration_key", "vat_key", "phone_key"}


@pytest.mark.parametrize("names", [*((name,) for name in VALUES), *list(combinations(VALUES, 2))[::7], tuple(VALUES)])
def test_exactly_what_was_proposed_changes(approval_org, names):
    customer = approval_org.make_customer(
        portal_invited_at=clock.get_now()
    )  # a first email address would bring a portal user
    before = column_values(customer, excluded=(*names, *DERIVED_COLUMNS))
    task = propose_update(approval_org, customer, {name: VALUES[name] for name in names}, comment=" Moved ")
    assert column_values(customer, excluded=(*names, *DERIVED_COLUMNS)) == before
    assert {name: getattr(customer, name) for name in names} != {name: VALUES[name] for name in names}
    with acting(approval_org.manager):
        approval_decisions.approve_task(task, comment="Fine", actor=approval_org.manager)
        db.session.commit()
    assert {name: getattr(customer, name) for name in names} == {name: VALUES[name] for name in names}
    assert column_values(customer, excluded=(*names, *DERIVED_COLUMNS)) == before
    last_entry = list_history(customer.id)[-1]
    assert (set(last_entry.changes), last_entry.reason, task.state) == (set(names), "Fine", TaskState.APPROVED)
    assert [mail.subject for mail in list_mails(approval_org.partner.user)] == [f"{task.subject}: approved"]


def test_asking_changes_nothing_of_the_record(approval_org):
    customer = approval_org.make_customer(contact_number="030 1234567")
    version, history_count = customer.version, len(list_history(customer.id))
    propose_update(approval_org, customer, VALUES)
    db.session.refresh(customer)
    assert (customer.version, len(list_history(customer.id)), customer.contact_number) == (
        version,
        history_count,
        "030 1234567",
    )


def test_blank_is_blank_however_it_is_written(approval_org):
    customer = approval_org.make_customer(email="a@customer.example")
    for values in (
        {"website": ""},
        {"website": None},
        {"website": "  "},
        {"email": " A@customer.example "[:0] or "a@customer.example"},
        {},
    ):
        with pytest.raises(Invalid, match="No changes entered"):
            propose_update(approval_org, customer, values)
    customer.website = ""
    task = propose_update(approval_org, customer, {"email": " ", "website": "", "vat_number": None})
    assert task.proposal == {"email": ["a@customer.example", None]}
    approval_decisions.approve_task(task, actor=approval_org.manager)
    assert customer.email is None


def test_what_is_proposed_is_tidied_as_every_save_does(approval_org):
    task = propose_update(
        approval_org, approval_org.make_customer(), {"name": "  New \n name ", "website": "www.example.com"}
    )
    assert task.proposal["name"][1] == "New name"
    assert task.proposal["website"][1] == "https://www.example.com"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"website": "no address"}, "website"),
        ({"registration_date": "2021-02-30"}, "registration_date"),
        ({"registration_date": "soon"}, "registration_date"),
        ({"registration_date": date(1800, 1, 1)}, "registration_date"),
        ({"customer_type": "club"}, "customer_type"),
        ({"vat_number": "DE1"}, "vat_number"),
        ({"contact_number": "+49"}, "contact_number"),
        ({"identity_number": "x" * 41}, "identity_number"),
        ({"registration_number": None}, "registration_number"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_asked_for(approval_org, values, field):
    customer = approval_org.make_customer()
    before = column_values(customer)
    with pytest.raises(Invalid) as error_info:
        propose_update(approval_org, customer, {"contact_number": "030 1", **values})
    assert error_info.value.field == field
    db.session.commit()
    assert column_values(customer) == before
    assert tasks.find_latest_task(customer, TaskKind.PARTICULARS) is None


@pytest.mark.parametrize("name", ["stage", "dealer_id", "credit_limit", "kind", "version", "id", "unheard_of"])
def test_what_is_not_for_partners_to_ask_is_refused(approval_org, name):
    with pytest.raises(Invalid, match="cannot be changed here"):
        propose_update(approval_org, approval_org.make_customer(), {name: "1", "website": "www.example.com"})


def test_a_record_that_moved_on_is_left_alone(approval_org):
    customer = approval_org.make_customer()
    task = propose_update(approval_org, customer, {"email": "new@customer.example", "website": "www.example.com"})
    customer.email = "other@customer.example"
    save_customer(customer, actor=approval_org.system)
    assert change_requests.list_outdated_fields(task) == ["email"]
    with pytest.raises(Conflict, match=r"has changed since this request \(email\)"):
        approval_decisions.approve_task(task, actor=approval_org.manager)
    assert (customer.website, task.is_open) == (None, True)
    customer.email = None
    customer.contact_number = "030 7"  # not what was asked for
    save_customer(customer, actor=approval_org.system)
    approval_decisions.approve_task(task, actor=approval_org.manager)
    assert (customer.email, customer.contact_number) == ("new@customer.example", "030 7")


def test_one_request_waits_at_a_time(approval_org):
    customer = approval_org.make_customer()
    task = propose_update(approval_org, customer, {"website": "www.example.com"})
    with pytest.raises(Conflict, match="is already open"):
        propose_update(approval_org, customer, {"email": "a@customer.example"})
    db.session.rollback()
    approval_decisions.decline_task(task, comment="No", actor=approval_org.manager)
    assert customer.website is None
    propose_update(approval_org, customer, {"email": "a@customer.example"})


def test_what_breaks_a_rule_by_now_is_refused_and_stays_open(approval_org):
    """Another customer has taken the number meanwhile."""
    customer = approval_org.make_customer()
    task = propose_update(approval_org, customer, {"registration_number": "HRB 5"})
    approval_org.make_customer(registration_number="hrb-5")
    with acting(approval_org.manager), pytest.raises(Conflict) as error_info:
        approval_decisions.approve_task(task, actor=approval_org.manager)
    db.session.rollback()
    assert (error_info.value.field, task.is_open) == ("registration_number", True)


def test_strangers_propose_nothing(approval_org):
    customer = approval_org.make_customer()
    portal = make_user(approval_org.organisation, Role.CUSTOMER)
    for actor in (
        make_approval_org("Another").manager,
        Actor.from_user(make_user(approval_org.organisation, Role.PARTNER)),
        Actor.from_user(portal),
    ):
        with pytest.raises(NotFound):
            change_requests.propose_update(customer, values={"website": "www.example.com"}, actor=actor)
    assert db.session.scalars(select(ApprovalTask).where(ApprovalTask.kind == TaskKind.PARTICULARS)).all() == []


ABILITIES = PortalPermission.DASHBOARD, PortalPermission.DOCUMENTS, PortalPermission.DENY_ALL


@pytest.mark.parametrize(
    ("abilities", "is_open", "allowed"),
    [
        (ABILITIES[:1], True, True),
        (ABILITIES[:2], True, True),
        (ABILITIES[1:2], True, False),
        (ABILITIES, True, False),
        ((), True, False),
        (ABILITIES[:1], False, False),
    ],
)
def test_portal_users_ask_for_what_they_see(approval_org, abilities, is_open, allowed):
    portal = make_user(approval_org.organisation, Role.CUSTOMER)
    portal.portal_permissions = [each.value for each in abilities]
    own = db.session.get_one(Customer, portal.customer_id)
    own.portal_access = is_open

    def ask_for():
        return change_requests.propose_update(own, values={"website": "www.example.com"}, actor=Actor.from_user(portal))

    if allowed:
        assert ask_for().proposal == {"website": [None, "https://www.example.com"]}
    else:
        with pytest.raises(NotAllowed, match="do not have access to this"):
            ask_for()


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER, Role.MANAGER])
def test_who_is_switched_off_asks_for_nothing(approval_org, role):
    user = make_user(approval_org.organisation, role, active=False)
    user.portal_permissions = [PortalPermission.DASHBOARD.value]
    customer = approval_org.make_customer(dealer_id=user.dealer_id, portal_access=True)
    user.customer_id = customer.id if role is Role.CUSTOMER else None
    with pytest.raises(NotAllowed):
        change_requests.propose_update(customer, values={"website": "www.example.com"}, actor=Actor.from_user(user))


@pytest.mark.parametrize(
    ("name", "number", "written_number"),
    [
        ("identity_number", "ID 5", "i.d.5"),
        ("registration_number", "HRB 5", "hrb-5"),
        ("vat_number", "DE136695976", "de 136695976"),
    ],
)
def test_a_number_that_another_customer_has_is_not_even_asked_for(approval_org, name, number, written_number):
    approval_org.make_customer(**{"registration_number": "R 1"} | {name: number})
    elsewhere = make_approval_org("Another")
    elsewhere.make_customer(**{name: "DE811569869"})
    customer = approval_org.make_customer()
    with pytest.raises(Invalid, match="Another customer has this") as error_info:
        propose_update(approval_org, customer, {name: written_number, "website": "www.example.com"})
    assert error_info.value.field == name
    db.session.rollback()
    assert propose_update(approval_org, customer, {name: "DE811569869"}).is_open


def test_what_somebody_proposed_of_a_live_customer_is_checked_by_others(approval_org):
    """One of the staff asks, another approves: neither is the one who checks."""
    customer = approval_org.make_customer(Stage.BILLING)
    with acting(approval_org.agent):
        task = change_requests.propose_update(customer, values={"name": "Renamed"}, actor=approval_org.agent)
    with acting(approval_org.manager):
        approval_decisions.approve_task(task, actor=approval_org.manager)
        db.session.commit()
    again = approval_org.task_of(customer, TaskKind.RECHECK)
    assert tasks.list_requesters(again) == {approval_org.agent.id, approval_org.manager.id}
    assert again.proposal["was"] == {"name": task.proposal["name"][0]}


def test_a_new_name_for_a_checked_customer_has_it_checked_anew(approval_org):
    customer = approval_org.make_customer(Stage.PASSED)
    task = propose_update(approval_org, customer, {"name": "Renamed"})
    with acting(approval_org.agent):
        assignment.claim_task(task, actor=approval_org.agent)
        approval_decisions.approve_task(task, actor=approval_org.agent)
    last_entry = stage_entries(customer)[-1]
    assert (customer.stage, approval_org.task_of(customer).is_open) == (Stage.NEW, True)
    assert last_entry.changes["stage"] == ["Passed Credit Ref", "New"]
    assert "Returned for credit check: name changed" in last_entry.reason


def test_a_new_name_for_a_live_customer_opens_a_re_check(approval_org):
    customer = approval_org.make_customer(Stage.BILLING)
    task = propose_update(approval_org, customer, {"name": "Renamed"})
    approval_decisions.approve_task(task, actor=approval_org.manager)
    assert (customer.stage, approval_org.task_of(customer, TaskKind.RECHECK).is_open) == (Stage.BILLING, True)


def test_who_proposed_decides_nothing(approval_org):
    with acting(approval_org.manager):
        task = change_requests.propose_update(
            approval_org.make_customer(), values={"website": "www.example.com"}, actor=approval_org.manager
        )
        with pytest.raises(NotAllowed, match="cannot decide your own request"):
            approval_decisions.approve_task(task, actor=approval_org.manager)
