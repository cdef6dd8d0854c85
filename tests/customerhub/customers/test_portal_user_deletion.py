"""What becomes of portal users when their customer is deleted or merged."""

import pytest

from customerhub.core import clock, history
from customerhub.core.errors import Conflict, StillLinked
from customerhub.core.permissions import Actor
from customerhub.customers.deletion import delete_customer, deletion_refusal_reasons
from customerhub.customers.merging import merge_customers
from customerhub.users import accounts, invitations
from customerhub.users import sign_in as user_sign_in
from models import Customer, OutboxMessage, User
from models.base import db
from models.enums import OutboxState, Role
from tests.support.portal_users import (
    build_customer,
    committed_change,
    list_history,
    list_mails,
    list_portal_users,
    list_users,
    save_and_commit,
    single_user,
)
from tests.support.races import start_concurrently

PHRASE = "a quite different phrase"


def delete_and_commit(customer, import_org):
    with committed_change(import_org):
        delete_customer(customer, actor=import_org.actor)


def test_a_portal_user_who_never_came_goes_with_the_customer_and_so_does_its_mail(import_org, one_time_links):
    customer, other = build_customer(import_org), build_customer(import_org, 2)
    save_and_commit(customer, import_org)
    save_and_commit(other, import_org)
    user = single_user(customer)
    with committed_change(import_org):
        user.portal_permissions = ["dashboard"]
        db.session.flush()
        invitations.renew_link(user, links=one_time_links, actor=import_org.actor)
        list_mails(user.email)[0].state = OutboxState.SENT
    key, user_id = customer.id, user.id
    assert deletion_refusal_reasons([customer, other]) == {}
    delete_and_commit(customer, import_org)
    assert db.session.get(Customer, key) is None
    assert [left.customer_id for left in list_portal_users()] == [other.id]
    assert [mail.recipient for mail in list_mails()] == ["accounts2@customer.example"]
    deleted_entries = [entry for entry in list_history("hub_user") if entry.row_id == user_id][-1]
    assert (deleted_entries.action, deleted_entries.changes["email"]) == (
        "deleted",
        ["accounts1@customer.example", None],
    )


def test_a_portal_user_who_came_keeps_the_customer(import_org):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    user = single_user(customer)
    with history.act_as(Actor.from_user(user), "test"):
        user_sign_in.set_password(user, PHRASE)
        user_sign_in.record_sign_in(user, password=PHRASE, at=clock.get_now())
        db.session.commit()
    refusal_reason = deletion_refusal_reasons([customer])[customer.id]
    assert refusal_reason == "Customer 1 still has 1 user and 1 message and cannot be deleted."
    with history.act_as(import_org.actor, "test"), pytest.raises(StillLinked):
        delete_customer(customer, actor=import_org.actor)


def test_what_was_made_by_hand_or_sent_besides_keeps_the_customer(import_org):
    customer, second = build_customer(import_org), build_customer(import_org, 2)
    save_and_commit(customer, import_org)
    save_and_commit(second, import_org)
    with committed_change(import_org):
        accounts.save_user(
            User(email="kim@x.example", name="Kim", role=Role.CUSTOMER, customer_id=customer.id), actor=import_org.actor
        )
        db.session.add(
            OutboxMessage(
                organisation_id=import_org.id,
                reason_key="review 1",
                purpose="review due",
                subject="Due",
                recipient="a@x.example",
                text_body="Due",
                html_body="Due",
                customer_id=second.id,
            )
        )
    assert {
        key: refusal_reason.partition(" still has ")[2]
        for key, refusal_reason in deletion_refusal_reasons([customer, second]).items()
    } == {
        customer.id: "1 user and cannot be deleted.",
        second.id: "1 message and cannot be deleted.",
    }


def test_who_signs_in_while_the_customer_is_being_deleted_is_not_lost(app, import_org):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    user_id = single_user(customer).id

    def come(actor):
        user = db.session.get_one(User, user_id)
        user_sign_in.set_password(user, PHRASE)
        user_sign_in.record_sign_in(user, password=PHRASE, at=clock.get_now())

    key = import_org.user.id
    db.session.commit()  # no lock is held here
    start_concurrently(app, key, come)()
    db.session.expire_all()
    with history.act_as(import_org.actor, "test"), pytest.raises((StillLinked, Conflict)):
        delete_customer(db.session.get_one(Customer, customer.id), actor=import_org.actor)
    db.session.rollback()
    assert db.session.get(User, user_id) is not None


def test_merging_keeps_the_users_of_both(import_org):
    survivor, other = build_customer(import_org), build_customer(import_org, 2)
    save_and_commit(survivor, import_org)
    save_and_commit(other, import_org)
    with committed_change(import_org):
        merge_customers(survivor, other, actor=import_org.actor)
    assert [user.email for user in list_users(survivor)] == ["accounts1@customer.example", "accounts2@customer.example"]
    assert len(list_mails()) == 2
    refusal_reason = deletion_refusal_reasons([survivor])[survivor.id]
    assert refusal_reason == "Customer 1 still has 2 accounts and cannot be deleted."
