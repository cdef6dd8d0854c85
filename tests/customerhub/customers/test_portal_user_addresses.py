"""Email addresses that already have an account, and processes that save the same one at once."""

from contextlib import suppress

import pytest
from sqlalchemy import select

from app import create_app
from customerhub.core import history, notices
from customerhub.core.errors import Conflict
from customerhub.core.permissions import Actor
from customerhub.customers import registration
from customerhub.customers.portal_users import EMAIL_TAKEN
from customerhub.customers.records import save_customer
from models import Contact, Customer, OutboxMessage, User
from models.base import db
from models.enums import CustomerKind, Role
from tests.customerhub.customers.conftest import make_import_org
from tests.support.databases import settings_for
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
)
from tests.support.races import get_process_context, start_concurrently


def stored_values(user):
    """Everything that the database holds of a user."""
    columns = User.__table__.columns
    return dict(db.session.execute(select(*columns).where(User.id == user.id)).one()._mapping)


def make_own_staff(import_org):
    return make_user(import_org.organisation, Role.AGENT, email="Kim@X.example", name="Secret Kim")


def make_foreign_staff(import_org):
    other = make_import_org(db.session, "Secret Telecom")
    customer = build_customer(other, email="Kim@X.example", name="Secret Customer")
    save_and_commit(customer, other)
    db.session.query(OutboxMessage).delete()
    db.session.commit()
    return single_user(customer)


def make_second_portal_user(import_org):
    customer = build_customer(import_org, 9, email="Kim@X.example", name="Secret Customer")
    save_and_commit(customer, import_org)
    db.session.query(OutboxMessage).delete()
    db.session.commit()
    return single_user(customer)


# --- Taken -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whose", [make_own_staff, make_foreign_staff, make_second_portal_user])
@pytest.mark.parametrize("email", ["Kim@x.example", "kim@X.EXAMPLE"])
def test_an_address_that_has_an_account_is_never_taken_over(import_org, whose, email):
    owner = whose(import_org)
    db.session.commit()
    before, owner_history = stored_values(owner), [entry.id for entry in list_history("hub_user")]
    customer = build_customer(import_org, email=f"{email}, second@x.example")
    [message] = save_and_commit(customer, import_org)
    stored_email = email.replace("X.EXAMPLE", "x.example")
    assert (
        message
        == f"{stored_email} already has an account, so no portal user was created. Add another address under Portal "
        "users."
    )
    assert "Secret" not in message
    assert stored_values(owner) == before
    assert (list_users(customer), list_mails()) == ([], [])
    assert [entry.id for entry in list_history("hub_user")] == owner_history
    assert [entry.changes for entry in list_history("customer") if entry.action == "got no portal user"] == [
        {"email": [None, stored_email]}
    ]
    assert save_and_commit(customer, import_org) == []  # it is said once
    customer.email = "free@x.example"
    assert save_and_commit(customer, import_org) == []
    assert list_users(customer) == []


def test_a_partner_does_not_see_who_has_an_account(import_org):
    make_own_staff(import_org)
    partner = Actor.from_user(make_user(import_org.organisation, Role.PARTNER))
    messages = []
    listening = notices.start_listening(messages.append)
    with history.act_as(partner, "test"):
        customer = registration.register_customer(
            CustomerKind.COMPANY,
            name="Nordwind",
            contact_name="Kim",
            registration_number="HRB 1",
            email="kim@x.example",
            actor=partner,
        )
        db.session.commit()
    notices.stop_listening(listening)
    assert messages == []
    assert list_users(customer) == []


def test_an_address_whose_key_is_too_long_to_sign_in_with_keeps_nobody_from_saving(import_org):
    """The capital of ΐ is three letters, and so is what it is compared by."""
    local = "ΐ" * 30
    host = ".".join(["ΐ" * 12] * 5) + ".example"
    customer = build_customer(import_org, email=f"{local}@{host}")
    messages = save_and_commit(customer, import_org)
    db.session.refresh(customer)
    assert customer.portal_invited_at is not None
    if list_users(customer):
        assert messages == []  # it fits after all
    else:
        assert "no portal user was created" in messages[0]


# --- At once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_of_two_who_save_one_address_at_once_one_gets_it_and_both_are_saved(app, import_org, ends):
    messages = []
    organisation_id, key = import_org.id, import_org.user.id

    def save_one(number, email, actor):
        customer = Customer(
            organisation_id=organisation_id,
            name=f"Prospect {number}",
            registration_number=f"HRB {number}",
            is_prospect=True,
            contacts=[Contact(organisation_id=organisation_id, name="Kim")],
            email=email,
        )
        return save_customer(customer, actor=actor)

    def other(actor):
        listening = notices.start_listening(messages.append)
        customer = save_one(2, "same@x.example", actor)
        db.session.commit()
        notices.stop_listening(listening)
        return customer.id

    with history.act_as(import_org.actor, "test"):
        first_customer = save_one(1, "SAME@x.example", import_org.actor).id
        outcome = start_concurrently(app, key, other)
        getattr(db.session, ends)()
        second_customer = outcome()
    db.session.expire_all()
    if ends == "commit":
        assert [user.customer_id for user in list_portal_users()] == [first_customer]
        assert messages == [EMAIL_TAKEN.format("same@x.example")]
        assert db.session.get(Customer, second_customer).portal_invited_at is not None
    else:
        assert [user.customer_id for user in list_portal_users()] == [second_customer]
        assert messages == []
    assert len(list_mails()) == 1


def _save_in_a_process(url, folder, key, organisation_id, numbers, barrier, results):
    app = create_app(settings_for(url, folder))
    with app.app_context():
        actor = Actor(None, organisation_id)
        db.session.execute(select(1))
        db.session.rollback()
        barrier.wait(60)
        done = 0
        for number in numbers:
            customer = Customer(
                organisation_id=organisation_id,
                name=f"Prospect {key} {number}",
                is_prospect=True,
                registration_number=f"HRB {key} {number}",
                email=f"shared{number}@x.example",
                contacts=[Contact(organisation_id=organisation_id, name="Kim")],
            )
            with history.act_as(actor, "test"):
                save_customer(customer, actor=actor)
                db.session.commit()
            done += 1
        results.put(done)


@pytest.mark.slow
def test_processes_that_save_the_same_addresses_at_once_make_one_user_each(import_org, settings, tmp_path):
    context = get_process_context()
    barrier, results = context.Barrier(3), context.Queue()
    count, url = 6, settings.database_url
    processes = [
        context.Process(
            target=_save_in_a_process, args=(url, tmp_path, key, import_org.id, list(range(count)), barrier, results)
        )
        for key in range(3)
    ]
    db.session.commit()  # no lock is held here
    for process in processes:
        process.start()
    done = [results.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
        process.close()
    assert done == [count] * 3
    db.session.expire_all()
    assert db.session.query(Customer).count() == 3 * count
    assert sorted(user.email for user in list_portal_users()) == [
        f"shared{number}@x.example" for number in range(count)
    ]
    assert sorted(mail.recipient for mail in list_mails()) == [f"shared{number}@x.example" for number in range(count)]
    assert len([entry for entry in list_history("customer") if entry.action == "got no portal user"]) == 2 * count


def test_two_who_save_the_same_customer_at_once_make_one_user(app, import_org):
    customer = build_prospect(import_org)
    save_and_commit(customer, import_org)
    with committed_change(import_org):  # as an import of before left it
        db.session.execute(
            Customer.__table__.update().where(Customer.__table__.c.id == customer.id).values(email="late@x.example")
        )
    key = customer.id

    def other(actor):
        save_customer(db.session.get_one(Customer, key), actor=actor)

    db.session.expire_all()
    with history.act_as(import_org.actor, "test"):
        save_customer(db.session.get_one(Customer, key), actor=import_org.actor)
        outcome = start_concurrently(app, import_org.user.id, other)
        db.session.commit()
        with suppress(Conflict):  # who comes second may be told that the record was saved meanwhile
            outcome()
    assert len(list_portal_users()) == 1
    assert len(list_mails()) == 1
