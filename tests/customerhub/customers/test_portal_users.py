"""The first portal user of a customer: created by every way to save one, once, and not while blacklisted or dropped."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import select

from customerhub.approvals import blacklist
from customerhub.core import clock, history
from customerhub.core.permissions import Actor, has_portal_permission
from customerhub.customers import approval_decisions, change_requests, registration
from customerhub.customers.merging import merge_customers
from customerhub.customers.portal_users import FIRST_PERMISSIONS
from customerhub.users import accounts, portal_accounts
from models import BlacklistEntry, Contact, Customer, CustomerStatus, History, User
from models.base import db
from models.enums import CustomerKind, OutboxState, PortalPermission, Role, Stage, StatusBehaviour, TaskKind
from tests.support.imports import import_now
from tests.support.people import make_user
from tests.support.portal_users import (
    build_customer,
    build_prospect,
    committed_change,
    list_history,
    list_mails,
    list_portal_users,
    list_users,
    save_and_commit,
    single_user,
    token_of,
)
from tests.support.workbooks import build_workbook, valid_row

# --- Made --------------------------------------------------------------------------------------------------------


def test_saving_a_customer_with_an_email_makes_its_first_portal_user(import_org, one_time_links):
    customer = build_customer(import_org)
    assert save_and_commit(customer, import_org) == []
    user = single_user(customer)
    assert (user.email, user.name, user.role) == ("accounts1@customer.example", "Customer 1", Role.CUSTOMER)
    assert (user.organisation_id, user.active, user.password_hash) == (import_org.id, True, None)
    assert (user.version, user.made_with_customer, user.sign_in_epoch) == (1, True, 0)
    assert user.portal_permissions == [
        "dashboard",
        "contracts",
        "invoices",
        "bill downloads",
        "payments",
        "documents",
        "cases",
    ]
    assert not has_portal_permission(user, PortalPermission.NUMBERS_AND_USAGE)
    assert (customer.portal_access, customer.version) == (True, 1)
    assert customer.portal_invited_at == user.created_at
    [mail] = list_mails()
    assert (mail.recipient, mail.customer_id, mail.organisation_id) == (user.email, customer.id, import_org.id)
    assert (mail.purpose, mail.state) == ("set password", OutboxState.WAITING)
    assert "Customer 1" in mail.text_body
    assert "72 hours" in mail.text_body
    assert one_time_links.read(token_of(mail)) is user
    assert user.link_until == user.created_at + timedelta(hours=72)
    assert portal_accounts.invitation_state_of(user, as_of=clock.get_now()) is portal_accounts.InvitationState.INVITED


def test_the_history_records_it_and_never_the_link(import_org):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    [user_entry] = [entry for entry in list_history("hub_user") if entry.customer_id == customer.id]
    assert (user_entry.action, user_entry.row_id, user_entry.title) == (
        "created",
        single_user(customer).id,
        "Customer 1",
    )
    assert (user_entry.actor_id, user_entry.source) == (import_org.user.id, "test")
    assert user_entry.changes == {
        "email": [None, "accounts1@customer.example"],
        "name": [None, "Customer 1"],
        "role": [None, "customer"],
        "active": [None, True],
        "customer": [None, "Customer 1"],
        "portal_permissions": [None, "dashboard, contracts, invoices, bill downloads, payments, documents, cases"],
    }
    [mail] = list_mails()
    entries = db.session.scalars(select(History))
    everything = json.dumps([[entry.changes, entry.reason, entry.title] for entry in entries])
    assert token_of(mail) not in everything
    assert "set-password" not in everything + mail.subject + mail.reason_key + (mail.why or "")


def create_on_form(import_org):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    return customer


def create_by_partner(import_org):
    partner = Actor.from_user(make_user(import_org.organisation, Role.PARTNER))
    with history.act_as(partner, "test"):
        customer = registration.register_customer(
            CustomerKind.COMPANY,
            name="Customer 1",
            contact_name="Customer 1",
            registration_number="HRB 1",
            email="accounts1@customer.example",
            actor=partner,
        )
        db.session.commit()
    assert customer.stage is Stage.NEW
    return customer


def create_by_import(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    return db.session.scalars(select(Customer).where(Customer.organisation_id == import_org.id)).one()


def add_email_later(import_org):
    customer = build_prospect(
        import_org, name="Customer 1", contacts=[Contact(organisation_id=import_org.id, name="Customer 1")]
    )
    save_and_commit(customer, import_org)
    assert (list_users(customer), customer.portal_invited_at, customer.portal_access) == ([], None, False)
    customer.email = "accounts1@customer.example"
    save_and_commit(customer, import_org)
    return customer


def add_email_by_import(import_org):
    customer = build_prospect(
        import_org,
        name="Customer 1",
        reference="REF1",
        contacts=[Contact(organisation_id=import_org.id, name="Customer 1")],
    )
    save_and_commit(customer, import_org)
    import_now(build_workbook([valid_row(1)]), import_org)
    return customer


def add_email_by_approved_update(import_org):
    contacts = [Contact(organisation_id=import_org.id, name="Customer 1")]
    partner = Actor.from_user(make_user(import_org.organisation, Role.PARTNER))
    customer = build_prospect(
        import_org, name="Customer 1", dealer_id=partner.access_scope.dealer_id, contacts=contacts
    )
    save_and_commit(customer, import_org)
    with committed_change(import_org):
        task = change_requests.propose_update(customer, values={"email": "accounts1@customer.example"}, actor=partner)
        assert list_users(customer) == []
        approval_decisions.approve_task(task, actor=import_org.actor)
    return customer


def add_email_by_merge(import_org):
    contacts = [Contact(organisation_id=import_org.id, name="Customer 1")]
    survivor, other = (
        build_prospect(import_org, name="Customer 1", contacts=contacts),
        build_prospect(import_org, 2, email=None),
    )
    save_and_commit(survivor, import_org)
    save_and_commit(other, import_org)
    with committed_change(import_org):
        other.portal_invited_at = clock.get_now()  # it had one, who is gone
        other.email = "accounts1@customer.example"
    with committed_change(import_org):
        merge_customers(survivor, other, fields_from_other=["email"], actor=import_org.actor)
    return survivor


CREATION_PATHS = [
    create_on_form,
    create_by_partner,
    create_by_import,
    add_email_later,
    add_email_by_import,
    add_email_by_approved_update,
    add_email_by_merge,
]


@pytest.mark.parametrize("way", CREATION_PATHS, ids=lambda way: way.__name__)
def test_every_way_to_save_a_customer_with_an_email_makes_one(import_org, one_time_links, way):
    customer = way(import_org)
    db.session.expire_all()
    user = single_user(customer)
    assert (user.email, user.name, user.role) == ("accounts1@customer.example", "Customer 1", Role.CUSTOMER)
    assert tuple(user.portal_permissions) == FIRST_PERMISSIONS
    assert customer.portal_access is True
    assert customer.portal_invited_at == user.created_at
    [mail] = list_mails(user.email)
    assert one_time_links.read(token_of(mail)) is user
    assert [entry.action for entry in list_history("hub_user") if entry.row_id == user.id] == ["created"]
    customer_changes = [entry.changes for entry in list_history("customer") if entry.row_id == customer.id]
    [opened] = [changes["portal_access"] for changes in customer_changes if "portal_access" in changes]
    assert opened == [None if way.__name__.startswith("create") else False, True]


@pytest.mark.parametrize(
    ("emails", "contacts", "name"),
    [
        ("a@x.example, b@x.example", [("Bea", "b@x.example"), ("Ann", "A@x.example")], "Ann"),
        ("a@x.example", [("Bea", "b@x.example"), ("Kim", None), ("Lee", None)], "Kim"),
        ("a@x.example", [("Bea", "b@x.example")], "Customer 1"),
        ("a@x.example", [], "Customer 1"),
    ],
)
def test_the_first_address_gets_it_in_the_name_of_who_reads_it(import_org, emails, contacts, name):
    people = [Contact(organisation_id=import_org.id, name=who, email=email) for who, email in contacts]
    customer = build_customer(import_org, email=emails, contacts=people)
    save_and_commit(customer, import_org)
    user = single_user(customer)
    assert (user.email, user.name) == ("a@x.example", name)
    assert [mail.recipient for mail in list_mails()] == ["a@x.example"]


# --- Once --------------------------------------------------------------------------------------------------------


def test_saving_again_makes_no_other_and_sends_nothing(import_org):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    for number in range(3):
        customer.name = f"Renamed {number}"
        customer.email = f"new{number}@customer.example"
        assert save_and_commit(customer, import_org) == []
    assert single_user(customer).email == "accounts1@customer.example"
    assert len(list_mails()) == 1


def test_whoever_was_switched_off_or_deleted_does_not_come_back(import_org):
    first, second = build_customer(import_org), build_customer(import_org, 2)
    save_and_commit(first, import_org)
    save_and_commit(second, import_org)
    with committed_change(import_org):
        accounts.deactivate(single_user(first), actor=import_org.actor)
        accounts.delete_user(single_user(second), actor=import_org.actor)
    for customer in (first, second):
        customer.website = "https://www.example.com"
        save_and_commit(customer, import_org)
    import_now(build_workbook([valid_row(1, name="Uno"), valid_row(2, name="Due")]), import_org)
    assert [user.active for user in list_users(first)] == [False]
    assert list_users(second) == []
    assert len(list_mails()) == 2


def test_a_customer_with_a_portal_user_made_by_hand_needs_no_first_one(import_org):
    customer = build_prospect(import_org)
    save_and_commit(customer, import_org)
    user = User(email="kim@x.example", name="Kim", role=Role.CUSTOMER, customer_id=customer.id)
    with committed_change(import_org):
        accounts.save_user(user, actor=import_org.actor)
    customer.email = "office@x.example"
    save_and_commit(customer, import_org)
    assert list_users(customer) == [user]
    assert list_mails() == []
    customer.email = "another@x.example"
    save_and_commit(customer, import_org)
    assert list_users(customer) == [user]


def test_the_portal_stays_closed_where_it_is_said_so(import_org):
    closed_customer = build_customer(import_org, portal_access=False)
    save_and_commit(closed_customer, import_org)
    assert (closed_customer.portal_access, len(list_users(closed_customer))) == (False, 1)
    closed = build_prospect(import_org, 2, portal_access=True)
    save_and_commit(closed, import_org)
    closed.portal_access, closed.email = False, "late@x.example"
    save_and_commit(closed, import_org)
    assert (closed.portal_access, len(list_users(closed))) == (False, 1)
    opened = build_customer(import_org, 3)
    save_and_commit(opened, import_org)
    opened.portal_access = False
    save_and_commit(opened, import_org)
    assert opened.portal_access is False


def remove_from_blacklist(customer, import_org):
    agent, manager = (Actor.from_user(make_user(import_org.organisation, role)) for role in (Role.AGENT, Role.MANAGER))
    with committed_change(import_org):
        task = blacklist.request_removal(customer, reason="Paid", actor=agent)
    with history.act_as(manager, "test"):
        approval_decisions.approve_task(task, actor=manager)
        db.session.commit()
    assert task.kind is TaskKind.REMOVAL


# --- None while blacklisted or dropped ---------------------------------------------------------------------------


def test_a_blacklisted_customer_gets_none_until_it_is_removed(import_org):
    with committed_change(import_org):
        db.session.add(
            BlacklistEntry(
                organisation_id=import_org.id, name="Listed", registration_number="HRB 1", reason="Never paid"
            )
        )
    customer = build_customer(import_org, registration_number="HRB 1")
    assert save_and_commit(customer, import_org) == []
    customer.website = "https://www.example.com"
    save_and_commit(customer, import_org)
    import_now(build_workbook([valid_row(1, name="Renamed")]), import_org)
    assert (list_users(customer), list_mails()) == ([], [])
    db.session.refresh(customer)
    assert (customer.portal_invited_at, customer.portal_access) == (None, False)
    remove_from_blacklist(customer, import_org)
    user = single_user(customer)
    assert (user.email, customer.portal_access) == ("accounts1@customer.example", True)
    assert [mail.recipient for mail in list_mails(user.email)] == [user.email]


def test_whoever_else_a_removal_frees_gets_theirs_too(import_org):
    corrected = build_prospect(import_org, registration_number="HRB 9")
    save_and_commit(corrected, import_org)
    with committed_change(import_org):
        for entry in ({"customer_id": corrected.id, "registration_number": "HRB 1"}, {"registration_number": "HRB 3"}):
            db.session.add(BlacklistEntry(organisation_id=import_org.id, name="Listed", reason="Never paid", **entry))
    freed, other = (build_customer(import_org, number, registration_number=f"HRB {number}") for number in (1, 3))
    for each in (freed, other):
        save_and_commit(each, import_org)
    assert list_portal_users() == []
    remove_from_blacklist(corrected, import_org)
    assert single_user(freed).email == freed.email
    assert len(list_mails(freed.email)) == 1
    assert (list_users(corrected), list_users(other), list_mails(other.email)) == ([], [], [])


def test_a_dropped_customer_gets_none(import_org):
    customer = build_prospect(import_org, reference="REF1")
    save_and_commit(customer, import_org)
    dropped = db.session.scalars(
        select(CustomerStatus).where(
            CustomerStatus.organisation_id == import_org.id, CustomerStatus.behaviour == StatusBehaviour.NONE
        )
    ).one()
    with committed_change(import_org):
        customer.status_id = dropped.id
    customer.email = "late@x.example"
    save_and_commit(customer, import_org)
    import_now(build_workbook([valid_row(1, email="later@x.example")]), import_org)
    assert (list_users(customer), list_mails()) == ([], [])
