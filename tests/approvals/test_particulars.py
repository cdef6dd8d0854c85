"""A change that a partner proposes: exactly that is applied, once, and only to what they saw."""

from datetime import date
from itertools import combinations

import pytest
from sqlalchemy import select

from customerhub import clock
from customerhub.approvals import decisions, particulars, tasks
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, Invalid, NotAllowed, NotFound
from customerhub.permissions import Actor
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerType, PortalPermission, Role, Stage, TaskKind, TaskState
from tests.approvals.conftest import acting, entries_of, mails, make_office, moved
from tests.people import make_user

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


def ask(office, customer, values, **more):
    with acting(office.partner):
        task = particulars.propose_update(customer, values=values, actor=office.partner, **more)
        db.session.commit()
    return task


def columns(customer, *, without=()):
    db.session.refresh(customer)
    told = {column.key for column in Customer.__table__.columns} - {"version", *without}
    return {name: getattr(customer, name) for name in told}


DERIVED = {"sort_name", "search_text", "identity_key", "registration_key", "vat_key", "phone_key"}


@pytest.mark.parametrize("names", [*((name,) for name in VALUES), *list(combinations(VALUES, 2))[::7], tuple(VALUES)])
def test_exactly_what_was_proposed_changes(office, names):
    customer = office.customer(portal_invited_at=clock.now())  # a first email address would bring a portal user
    before = columns(customer, without=(*names, *DERIVED))
    task = ask(office, customer, {name: VALUES[name] for name in names}, comment=" Moved ")
    assert columns(customer, without=(*names, *DERIVED)) == before
    assert {name: getattr(customer, name) for name in names} != {name: VALUES[name] for name in names}
    with acting(office.manager):
        decisions.approve_task(task, comment="Fine", actor=office.manager)
        db.session.commit()
    assert {name: getattr(customer, name) for name in names} == {name: VALUES[name] for name in names}
    assert columns(customer, without=(*names, *DERIVED)) == before
    told = entries_of(customer.id)[-1]
    assert (set(told.changes), told.reason, task.state) == (set(names), "Fine", TaskState.APPROVED)
    assert [mail.subject for mail in mails(office.partner.user)] == [f"{task.subject}: approved"]


def test_asking_changes_nothing_of_the_record(office):
    customer = office.customer(contact_number="030 1234567")
    version, told = customer.version, len(entries_of(customer.id))
    ask(office, customer, VALUES)
    db.session.refresh(customer)
    assert (customer.version, len(entries_of(customer.id)), customer.contact_number) == (version, told, "030 1234567")


def test_blank_is_blank_however_it_is_told(office):
    customer = office.customer(email="a@customer.example")
    for values in ({"website": ""}, {"website": None}, {"website": "  "}, {"email": " A@customer.example "[:0] or
                   "a@customer.example"}, {}):  # fmt: skip
        with pytest.raises(Invalid, match="Nothing would change"):
            ask(office, customer, values)
    customer.website = ""
    task = ask(office, customer, {"email": " ", "website": "", "vat_number": None})
    assert task.proposal == {"email": ["a@customer.example", None]}
    decisions.approve_task(task, actor=office.manager)
    assert customer.email is None


def test_what_is_proposed_is_tidied_as_every_save_does(office):
    task = ask(office, office.customer(), {"name": "  New \n name ", "website": "www.example.com"})
    assert task.proposal["name"][1] == "New name"
    assert task.proposal["website"][1] == "https://www.example.com"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 201}, "name"), ({"name": "a\x00b"}, "name"),
        ({"email": "nobody"}, "email"), ({"website": "no address"}, "website"),
        ({"registration_date": "2021-02-30"}, "registration_date"),
        ({"registration_date": "soon"}, "registration_date"),
        ({"registration_date": date(1800, 1, 1)}, "registration_date"), ({"customer_type": "club"}, "customer_type"),
        ({"vat_number": "DE1"}, "vat_number"), ({"contact_number": "+49"}, "contact_number"),
        ({"identity_number": "x" * 41}, "identity_number"), ({"registration_number": None}, "registration_number"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_when_it_is_asked_for(office, values, field):
    customer = office.customer()
    before = columns(customer)
    with pytest.raises(Invalid) as refused:
        ask(office, customer, {"contact_number": "030 1", **values})
    assert refused.value.field == field
    db.session.commit()
    assert columns(customer) == before
    assert tasks.find_latest(customer, TaskKind.PARTICULARS) is None


@pytest.mark.parametrize("name", ["stage", "dealer_id", "credit_limit", "kind", "version", "id", "unheard_of"])
def test_what_is_not_for_partners_to_ask_is_refused(office, name):
    with pytest.raises(Invalid, match="cannot be changed here"):
        ask(office, office.customer(), {name: "1", "website": "www.example.com"})


def test_a_record_that_moved_on_is_left_alone(office):
    customer = office.customer()
    task = ask(office, customer, {"email": "new@customer.example", "website": "www.example.com"})
    customer.email = "other@customer.example"
    save_customer(customer, actor=office.system)
    assert particulars.moved_on(task) == ["email"]
    with pytest.raises(Conflict, match=r"has changed since this was asked for \(email\)"):
        decisions.approve_task(task, actor=office.manager)
    assert (customer.website, task.is_open) == (None, True)
    customer.email = None
    customer.contact_number = "030 7"  # not what was asked for
    save_customer(customer, actor=office.system)
    decisions.approve_task(task, actor=office.manager)
    assert (customer.email, customer.contact_number) == ("new@customer.example", "030 7")


def test_one_request_waits_at_a_time(office):
    customer = office.customer()
    task = ask(office, customer, {"website": "www.example.com"})
    with pytest.raises(Conflict, match="asked for already"):
        ask(office, customer, {"email": "a@customer.example"})
    db.session.rollback()
    decisions.decline_task(task, comment="No", actor=office.manager)
    assert customer.website is None
    ask(office, customer, {"email": "a@customer.example"})


def test_what_breaks_a_rule_by_now_is_refused_and_stays_open(office):
    """Another customer has taken the number meanwhile."""
    customer = office.customer()
    task = ask(office, customer, {"registration_number": "HRB 5"})
    office.customer(registration_number="hrb-5")
    with acting(office.manager), pytest.raises(Conflict) as refused:
        decisions.approve_task(task, actor=office.manager)
    db.session.rollback()
    assert (refused.value.field, task.is_open) == ("registration_number", True)


def test_strangers_propose_nothing(office):
    customer = office.customer()
    portal = make_user(office.organisation, Role.CUSTOMER)
    for actor in (make_office("Another").manager, Actor.of(make_user(office.organisation, Role.PARTNER)),
                  Actor.of(portal)):  # fmt: skip
        with pytest.raises(NotFound):
            particulars.propose_update(customer, values={"website": "www.example.com"}, actor=actor)
    assert db.session.scalars(select(ApprovalTask).where(ApprovalTask.kind == TaskKind.PARTICULARS)).all() == []


ABILITIES = PortalPermission.DASHBOARD, PortalPermission.DOCUMENTS, PortalPermission.DENY_ALL


@pytest.mark.parametrize(("abilities", "is_open", "allowed"), [
    (ABILITIES[:1], True, True), (ABILITIES[:2], True, True), (ABILITIES[1:2], True, False), (ABILITIES, True, False),
    ((), True, False), (ABILITIES[:1], False, False),
])  # fmt: skip
def test_portal_users_ask_for_what_they_see(office, abilities, is_open, allowed):
    portal = make_user(office.organisation, Role.CUSTOMER)
    portal.portal_permissions = [each.value for each in abilities]
    own = db.session.get_one(Customer, portal.customer_id)
    own.portal_access = is_open

    def ask_for():
        return particulars.propose_update(own, values={"website": "www.example.com"}, actor=Actor.of(portal))

    if allowed:
        assert ask_for().proposal == {"website": [None, "https://www.example.com"]}
    else:
        with pytest.raises(NotAllowed, match="does not include this"):
            ask_for()


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER, Role.MANAGER])
def test_who_is_switched_off_asks_for_nothing(office, role):
    user = make_user(office.organisation, role, active=False)
    user.portal_permissions = [PortalPermission.DASHBOARD.value]
    customer = office.customer(dealer_id=user.dealer_id, portal_access=True)
    user.customer_id = customer.id if role is Role.CUSTOMER else None
    with pytest.raises(NotAllowed):
        particulars.propose_update(customer, values={"website": "www.example.com"}, actor=Actor.of(user))


@pytest.mark.parametrize(("name", "number", "typed"), [
    ("identity_number", "ID 5", "i.d.5"), ("registration_number", "HRB 5", "hrb-5"),
    ("vat_number", "DE136695976", "de 136695976"),
])  # fmt: skip
def test_a_number_that_another_customer_has_is_not_even_asked_for(office, name, number, typed):
    office.customer(**{"registration_number": "R 1"} | {name: number})
    elsewhere = make_office("Another")
    elsewhere.customer(**{name: "DE811569869"})
    customer = office.customer()
    with pytest.raises(Invalid, match="Another customer has this") as refused:
        ask(office, customer, {name: typed, "website": "www.example.com"})
    assert refused.value.field == name
    db.session.rollback()
    assert ask(office, customer, {name: "DE811569869"}).is_open


def test_what_somebody_proposed_of_a_live_customer_is_checked_by_others(office):
    """One of the staff asks, another approves: neither is the one who checks."""
    customer = office.customer(Stage.BILLING)
    with acting(office.agent):
        task = particulars.propose_update(customer, values={"name": "Renamed"}, actor=office.agent)
    with acting(office.manager):
        decisions.approve_task(task, actor=office.manager)
        db.session.commit()
    again = office.task(customer, TaskKind.RECHECK)
    assert tasks.askers(again) == {office.agent.id, office.manager.id}
    assert again.proposal["was"] == {"name": task.proposal["name"][0]}


def test_a_new_name_for_a_checked_customer_has_it_checked_anew(office):
    customer = office.customer(Stage.PASSED)
    task = ask(office, customer, {"name": "Renamed"})
    with acting(office.agent):
        tasks.claim_task(task, actor=office.agent)
        decisions.approve_task(task, actor=office.agent)
    told = moved(customer)[-1]
    assert (customer.stage, office.task(customer).is_open) == (Stage.NEW, True)
    assert told.changes["stage"] == ["Passed Credit Ref", "New"]
    assert "Back to be checked: name changed" in told.reason


def test_a_new_name_for_a_live_customer_opens_a_re_check(office):
    customer = office.customer(Stage.BILLING)
    task = ask(office, customer, {"name": "Renamed"})
    decisions.approve_task(task, actor=office.manager)
    assert (customer.stage, office.task(customer, TaskKind.RECHECK).is_open) == (Stage.BILLING, True)


def test_who_proposed_decides_nothing(office):
    with acting(office.manager):
        task = particulars.propose_update(
            office.customer(), values={"website": "www.example.com"}, actor=office.manager
        )
        with pytest.raises(NotAllowed, match="nobody decides their own request"):
            decisions.approve_task(task, actor=office.manager)
