"""The first portal user of a customer: by every way to save one, once, and never in somebody else's place."""

import json
import multiprocessing
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select

from app import create_app
from customerhub import clock, history, notices
from customerhub.approvals import blacklist, decisions, particulars
from customerhub.customers import registration
from customerhub.customers.merging import merge_customers
from customerhub.customers.portal_users import FIRST_PERMISSIONS, TAKEN
from customerhub.customers.records import delete_customer, save_customer, why_not_deleted
from customerhub.errors import Conflict, StillLinked, WrongState
from customerhub.permissions import Actor, has_ability
from customerhub.users import accounts, portal_accounts
from customerhub.users import sign_in as signing
from customerhub.users.links import OneTimeLinks
from models import (
    BlacklistEntry,
    Contact,
    Customer,
    CustomerStatus,
    History,
    NotificationTemplate,
    OutboxMessage,
    User,
)
from models.base import db
from models.enums import (
    CustomerKind,
    OutboxState,
    PortalPermission,
    Role,
    Stage,
    StatusBehaviour,
    TaskKind,
    TemplatePurpose,
)
from tests.approvals.racing import meanwhile
from tests.customers.conftest import make_house
from tests.customers.importing import import_now
from tests.customers.portal import (
    changing,
    full,
    mails,
    portal_users,
    prospect,
    save,
    the_user_of,
    token_in,
    users_of,
)
from tests.customers.workbooks import good_row, written
from tests.databases import settings_for
from tests.people import PASSWORD, make_user

PHRASE = "a quite different phrase"


@pytest.fixture
def links(app):
    return OneTimeLinks.of(app.config["HUB"])


def as_kept(user):
    """Everything that the database holds of a user."""
    columns = User.__table__.columns
    return dict(db.session.execute(select(*columns).where(User.id == user.id)).one()._mapping)


def history_of(table):
    return list(db.session.scalars(select(History).where(History.table_name == table).order_by(History.id)))


# --- Made --------------------------------------------------------------------------------------------------------


def test_saving_a_customer_with_an_email_makes_its_first_portal_user(house, links):
    customer = full(house)
    assert save(customer, house) == []
    user = the_user_of(customer)
    assert (user.email, user.name, user.role) == ("accounts1@customer.example", "Customer 1", Role.CUSTOMER)
    assert (user.organisation_id, user.active, user.password_hash) == (house.id, True, None)
    assert (user.version, user.made_with_customer, user.sign_in_epoch) == (1, True, 0)
    assert user.portal_permissions == [
        "dashboard", "contracts", "invoices", "bill downloads", "payments", "documents",
    ]  # fmt: skip
    assert not has_ability(user, PortalPermission.NUMBERS_AND_USAGE)
    assert (customer.portal_access, customer.version) == (True, 1)
    assert customer.portal_invited_at == user.created_at
    [mail] = mails()
    assert (mail.recipient, mail.customer_id, mail.organisation_id) == (user.email, customer.id, house.id)
    assert (mail.purpose, mail.state) == ("set password", OutboxState.WAITING)
    assert "Customer 1" in mail.text_body
    assert "72 hours" in mail.text_body
    assert links.read(token_in(mail)) is user
    assert user.link_until == user.created_at + timedelta(hours=72)
    assert portal_accounts.standing(user, as_of=clock.now()) is portal_accounts.Standing.INVITED


def test_the_history_tells_of_it_and_never_of_the_link(house):
    customer = full(house)
    save(customer, house)
    [told] = [entry for entry in history_of("hub_user") if entry.customer_id == customer.id]
    assert (told.action, told.row_id, told.title) == ("created", the_user_of(customer).id, "Customer 1")
    assert (told.actor_id, told.source) == (house.user.id, "test")
    assert told.changes == {
        "email": [None, "accounts1@customer.example"], "name": [None, "Customer 1"], "role": [None, "customer"],
        "active": [None, True], "customer": [None, "Customer 1"],
        "portal_permissions": [None, "dashboard, contracts, invoices, bill downloads, payments, documents"],
    }  # fmt: skip
    [mail] = mails()
    entries = db.session.scalars(select(History))
    everything = json.dumps([[entry.changes, entry.reason, entry.title] for entry in entries])
    assert token_in(mail) not in everything
    assert "set-password" not in everything + mail.subject + mail.reason_key + (mail.why or "")


def made_on_the_form(house):
    customer = full(house)
    save(customer, house)
    return customer


def made_by_a_partner(house):
    partner = Actor.of(make_user(house.organisation, Role.PARTNER))
    with history.acting(partner, "test"):
        customer = registration.register_customer(
            CustomerKind.COMPANY, name="Customer 1", contact_name="Customer 1", registration_number="HRB 1",
            email="accounts1@customer.example", actor=partner,
        )  # fmt: skip
        db.session.commit()
    assert customer.stage is Stage.NEW
    return customer


def made_by_an_import(house):
    import_now(written([good_row(1)]), house)
    return db.session.scalars(select(Customer).where(Customer.organisation_id == house.id)).one()


def given_an_email_later(house):
    customer = prospect(house, name="Customer 1", contacts=[Contact(organisation_id=house.id, name="Customer 1")])
    save(customer, house)
    assert (users_of(customer), customer.portal_invited_at, customer.portal_access) == ([], None, False)
    customer.email = "accounts1@customer.example"
    save(customer, house)
    return customer


def given_an_email_by_an_import(house):
    customer = prospect(house, name="Customer 1", reference="REF1",
                        contacts=[Contact(organisation_id=house.id, name="Customer 1")])  # fmt: skip
    save(customer, house)
    import_now(written([good_row(1)]), house)
    return customer


def given_an_email_by_an_approved_update(house):
    contacts = [Contact(organisation_id=house.id, name="Customer 1")]
    partner = Actor.of(make_user(house.organisation, Role.PARTNER))
    customer = prospect(house, name="Customer 1", dealer_id=partner.sight.dealer_id, contacts=contacts)
    save(customer, house)
    with changing(house):
        asked = particulars.propose_update(customer, values={"email": "accounts1@customer.example"}, actor=partner)
        assert users_of(customer) == []
        decisions.approve_task(asked, actor=house.actor)
    return customer


def given_an_email_by_a_merge(house):
    contacts = [Contact(organisation_id=house.id, name="Customer 1")]
    survivor, other = prospect(house, name="Customer 1", contacts=contacts), prospect(house, 2, email=None)
    save(survivor, house)
    save(other, house)
    with changing(house):
        other.portal_invited_at = clock.now()  # it had one, who is gone
        other.email = "accounts1@customer.example"
    with changing(house):
        merge_customers(survivor, other, take=["email"], actor=house.actor)
    return survivor


WAYS = [
    made_on_the_form, made_by_a_partner, made_by_an_import, given_an_email_later, given_an_email_by_an_import,
    given_an_email_by_an_approved_update, given_an_email_by_a_merge,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_every_way_to_save_a_customer_with_an_email_makes_one(house, links, way):
    customer = way(house)
    db.session.expire_all()
    user = the_user_of(customer)
    assert (user.email, user.name, user.role) == ("accounts1@customer.example", "Customer 1", Role.CUSTOMER)
    assert tuple(user.portal_permissions) == FIRST_PERMISSIONS
    assert customer.portal_access is True
    assert customer.portal_invited_at == user.created_at
    [mail] = mails(user.email)
    assert links.read(token_in(mail)) is user
    assert [entry.action for entry in history_of("hub_user") if entry.row_id == user.id] == ["created"]
    told = [entry.changes for entry in history_of("customer") if entry.row_id == customer.id]
    [opened] = [changes["portal_access"] for changes in told if "portal_access" in changes]
    assert opened == [None if way.__name__.startswith("made") else False, True]


@pytest.mark.parametrize(
    ("emails", "contacts", "name"),
    [
        ("a@x.example, b@x.example", [("Bea", "b@x.example"), ("Ann", "A@x.example")], "Ann"),
        ("a@x.example", [("Bea", "b@x.example"), ("Kim", None), ("Lee", None)], "Kim"),
        ("a@x.example", [("Bea", "b@x.example")], "Customer 1"),
        ("a@x.example", [], "Customer 1"),
    ],
)
def test_the_first_address_gets_it_in_the_name_of_who_reads_it(house, emails, contacts, name):
    people = [Contact(organisation_id=house.id, name=who, email=email) for who, email in contacts]
    customer = full(house, email=emails, contacts=people)
    save(customer, house)
    user = the_user_of(customer)
    assert (user.email, user.name) == ("a@x.example", name)
    assert [mail.recipient for mail in mails()] == ["a@x.example"]


# --- Once --------------------------------------------------------------------------------------------------------


def test_saving_again_makes_no_other_and_sends_nothing(house):
    customer = full(house)
    save(customer, house)
    for number in range(3):
        customer.name = f"Renamed {number}"
        customer.email = f"new{number}@customer.example"
        assert save(customer, house) == []
    assert the_user_of(customer).email == "accounts1@customer.example"
    assert len(mails()) == 1


def test_whoever_was_switched_off_or_deleted_does_not_come_back(house):
    first, second = full(house), full(house, 2)
    save(first, house)
    save(second, house)
    with changing(house):
        accounts.deactivate(the_user_of(first), actor=house.actor)
        accounts.delete_user(the_user_of(second), actor=house.actor)
    for customer in (first, second):
        customer.website = "https://www.example.com"
        save(customer, house)
    import_now(written([good_row(1, name="Uno"), good_row(2, name="Due")]), house)
    assert [user.active for user in users_of(first)] == [False]
    assert users_of(second) == []
    assert len(mails()) == 2


def test_a_customer_with_a_portal_user_made_by_hand_needs_no_first_one(house):
    customer = prospect(house)
    save(customer, house)
    user = User(email="kim@x.example", name="Kim", role=Role.CUSTOMER, customer_id=customer.id)
    with changing(house):
        accounts.save_user(user, actor=house.actor)
    customer.email = "office@x.example"
    save(customer, house)
    assert users_of(customer) == [user]
    assert mails() == []
    customer.email = "another@x.example"
    save(customer, house)
    assert users_of(customer) == [user]


def test_the_portal_stays_closed_where_it_is_said_so(house):
    said = full(house, portal_access=False)
    save(said, house)
    assert (said.portal_access, len(users_of(said))) == (False, 1)
    closed = prospect(house, 2, portal_access=True)
    save(closed, house)
    closed.portal_access, closed.email = False, "late@x.example"
    save(closed, house)
    assert (closed.portal_access, len(users_of(closed))) == (False, 1)
    opened = full(house, 3)
    save(opened, house)
    opened.portal_access = False
    save(opened, house)
    assert opened.portal_access is False


# --- Taken -------------------------------------------------------------------------------------------------------


def somebody_of_ours(house):
    return make_user(house.organisation, Role.AGENT, email="Kim@X.example", name="Secret Kim")


def somebody_elsewhere(house):
    other = make_house(db.session, "Secret Telecom")
    customer = full(other, email="Kim@X.example", name="Secret Customer")
    save(customer, other)
    db.session.query(OutboxMessage).delete()
    db.session.commit()
    return the_user_of(customer)


def another_customer_of_ours(house):
    customer = full(house, 9, email="Kim@X.example", name="Secret Customer")
    save(customer, house)
    db.session.query(OutboxMessage).delete()
    db.session.commit()
    return the_user_of(customer)


@pytest.mark.parametrize("whose", [somebody_of_ours, somebody_elsewhere, another_customer_of_ours])
@pytest.mark.parametrize("email", ["Kim@x.example", "kim@X.EXAMPLE"])
def test_an_address_that_has_an_account_is_never_taken_over(house, whose, email):
    owner = whose(house)
    db.session.commit()
    before, told_of_owner = as_kept(owner), [entry.id for entry in history_of("hub_user")]
    customer = full(house, email=f"{email}, second@x.example")
    [told] = save(customer, house)
    kept = email.replace("X.EXAMPLE", "x.example")
    assert told == f"{kept} already has an account, so no portal user was made. Add another address under Portal users."
    assert "Secret" not in told
    assert as_kept(owner) == before
    assert (users_of(customer), mails()) == ([], [])
    assert [entry.id for entry in history_of("hub_user")] == told_of_owner
    assert [entry.changes for entry in history_of("customer") if entry.action == "got no portal user"] == [
        {"email": [None, kept]}
    ]
    assert save(customer, house) == []  # it is said once
    customer.email = "free@x.example"
    assert save(customer, house) == []
    assert users_of(customer) == []


def test_a_partner_is_not_told_who_has_an_account(house):
    somebody_of_ours(house)
    partner = Actor.of(make_user(house.organisation, Role.PARTNER))
    told = []
    listening = notices.begin(told.append)
    with history.acting(partner, "test"):
        made = registration.register_customer(
            CustomerKind.COMPANY, name="Nordwind", contact_name="Kim", registration_number="HRB 1",
            email="kim@x.example", actor=partner,
        )  # fmt: skip
        db.session.commit()
    notices.end(listening)
    assert told == []
    assert users_of(made) == []


def test_an_address_whose_key_is_too_long_to_sign_in_with_keeps_nobody_from_saving(house):
    """The capital of ΐ is three letters, and so is what it is compared by."""
    local = "ΐ" * 30
    host = ".".join(["ΐ" * 12] * 5) + ".example"
    customer = full(house, email=f"{local}@{host}")
    told = save(customer, house)
    db.session.refresh(customer)
    assert customer.portal_invited_at is not None
    if users_of(customer):
        assert told == []  # it fits after all
    else:
        assert "no portal user was made" in told[0]


# --- At once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_of_two_who_save_one_address_at_once_one_gets_it_and_both_are_saved(app, house, ends):
    told = []
    organisation_id, key = house.id, house.user.id

    def save_one(number, email, actor):
        customer = Customer(
            organisation_id=organisation_id, name=f"Prospect {number}", registration_number=f"HRB {number}",
            is_prospect=True, contacts=[Contact(organisation_id=organisation_id, name="Kim")], email=email,
        )  # fmt: skip
        return save_customer(customer, actor=actor)

    def other(actor):
        listening = notices.begin(told.append)
        customer = save_one(2, "same@x.example", actor)
        db.session.commit()
        notices.end(listening)
        return customer.id

    with history.acting(house.actor, "test"):
        mine = save_one(1, "SAME@x.example", house.actor).id
        outcome = meanwhile(app, key, other)
        getattr(db.session, ends)()
        theirs = outcome()
    db.session.expire_all()
    if ends == "commit":
        assert [user.customer_id for user in portal_users()] == [mine]
        assert told == [TAKEN.format("same@x.example")]
        assert db.session.get(Customer, theirs).portal_invited_at is not None
    else:
        assert [user.customer_id for user in portal_users()] == [theirs]
        assert told == []
    assert len(mails()) == 1


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
                organisation_id=organisation_id, name=f"Prospect {key} {number}", is_prospect=True,
                registration_number=f"HRB {key} {number}", email=f"shared{number}@x.example",
                contacts=[Contact(organisation_id=organisation_id, name="Kim")],
            )  # fmt: skip
            with history.acting(actor, "test"):
                save_customer(customer, actor=actor)
                db.session.commit()
            done += 1
        results.put(done)


def test_processes_that_save_the_same_addresses_at_once_make_one_user_each(house, settings, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    barrier, results = spawn.Barrier(3), spawn.Queue()
    count, url = 6, settings.database_url
    processes = [
        spawn.Process(
            target=_save_in_a_process, args=(url, tmp_path, key, house.id, list(range(count)), barrier, results)
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
    assert sorted(user.email for user in portal_users()) == [f"shared{number}@x.example" for number in range(count)]
    assert sorted(mail.recipient for mail in mails()) == [f"shared{number}@x.example" for number in range(count)]
    assert len([entry for entry in history_of("customer") if entry.action == "got no portal user"]) == 2 * count


def test_two_who_save_the_same_customer_at_once_make_one_user(app, house):
    customer = prospect(house)
    save(customer, house)
    with changing(house):  # as an import of before left it
        db.session.execute(
            Customer.__table__.update().where(Customer.__table__.c.id == customer.id).values(email="late@x.example")
        )
    key = customer.id

    def other(actor):
        save_customer(db.session.get_one(Customer, key), actor=actor)

    db.session.expire_all()
    with history.acting(house.actor, "test"):
        save_customer(db.session.get_one(Customer, key), actor=house.actor)
        outcome = meanwhile(app, house.user.id, other)
        db.session.commit()
        with suppress(Conflict):  # who comes second may be told that the record was saved meanwhile
            outcome()
    assert len(portal_users()) == 1
    assert len(mails()) == 1


# --- None while blacklisted or dropped ---------------------------------------------------------------------------


def take_off_the_blacklist(customer, house):
    agent, manager = (Actor.of(make_user(house.organisation, role)) for role in (Role.AGENT, Role.MANAGER))
    with changing(house):
        asked = blacklist.request_removal(customer, reason="Paid", actor=agent)
    with history.acting(manager, "test"):
        decisions.approve_task(asked, actor=manager)
        db.session.commit()
    assert asked.kind is TaskKind.REMOVAL


def test_a_blacklisted_customer_gets_none_until_it_is_removed(house):
    with changing(house):
        db.session.add(BlacklistEntry(organisation_id=house.id, name="Listed", registration_number="HRB 1",
                                      reason="Never paid"))  # fmt: skip
    customer = full(house, registration_number="HRB 1")
    assert save(customer, house) == []
    customer.website = "https://www.example.com"
    save(customer, house)
    import_now(written([good_row(1, name="Renamed")]), house)
    assert (users_of(customer), mails()) == ([], [])
    db.session.refresh(customer)
    assert (customer.portal_invited_at, customer.portal_access) == (None, False)
    take_off_the_blacklist(customer, house)
    user = the_user_of(customer)
    assert (user.email, customer.portal_access) == ("accounts1@customer.example", True)
    assert [mail.recipient for mail in mails(user.email)] == [user.email]


def test_whoever_else_a_removal_frees_gets_theirs_too(house):
    corrected = prospect(house, registration_number="HRB 9")
    save(corrected, house)
    with changing(house):
        for entry in ({"customer_id": corrected.id, "registration_number": "HRB 1"}, {"registration_number": "HRB 3"}):
            db.session.add(BlacklistEntry(organisation_id=house.id, name="Listed", reason="Never paid", **entry))
    freed, other = (full(house, number, registration_number=f"HRB {number}") for number in (1, 3))
    for each in (freed, other):
        save(each, house)
    assert portal_users() == []
    take_off_the_blacklist(corrected, house)
    assert the_user_of(freed).email == freed.email
    assert len(mails(freed.email)) == 1
    assert (users_of(corrected), users_of(other), mails(other.email)) == ([], [], [])


def test_a_dropped_customer_gets_none(house):
    customer = prospect(house, reference="REF1")
    save(customer, house)
    dropped = db.session.scalars(
        select(CustomerStatus).where(
            CustomerStatus.organisation_id == house.id, CustomerStatus.behaviour == StatusBehaviour.NONE
        )
    ).one()
    with changing(house):
        customer.status_id = dropped.id
    customer.email = "late@x.example"
    save(customer, house)
    import_now(written([good_row(1, email="later@x.example")]), house)
    assert (users_of(customer), mails()) == ([], [])


# --- The link ----------------------------------------------------------------------------------------------------


def test_the_link_works_once_for_72_hours(house, links):
    begun = clock.now()
    with time_machine.travel(begun, tick=False):
        customer = full(house)
        save(customer, house)
    user = the_user_of(customer)
    token = token_in(mails()[0])
    assert links.read(token, as_of=begun + timedelta(hours=72, seconds=-1)) is user
    with pytest.raises(WrongState, match="expired or was used"):
        links.read(token, as_of=begun + timedelta(hours=72, seconds=1))
    later = begun + timedelta(hours=73)
    assert portal_accounts.standing(user, as_of=later) is portal_accounts.Standing.EXPIRED
    with history.acting(Actor.of(user), "test"):
        signing.set_password(user, PHRASE)
        db.session.commit()
    with pytest.raises(WrongState):
        links.read(token)
    assert portal_accounts.standing(user, as_of=begun) is portal_accounts.Standing.ACTIVE


def test_a_link_sent_again_ends_the_one_before_however_soon(house, links):
    customer = full(house)
    save(customer, house)
    user = the_user_of(customer)
    agent = Actor.of(make_user(house.organisation, Role.AGENT))
    for _ in range(2):
        with history.acting(agent, "test"):
            accounts.renew_link(user, links=links, actor=agent)
            db.session.commit()
    tokens = [token_in(mail) for mail in mails(user.email)]
    assert len(set(tokens)) == 3
    for old in tokens[:2]:
        with pytest.raises(WrongState):
            links.read(old)
    assert links.read(tokens[2]) is user
    told = [entry.action for entry in history_of("hub_user") if entry.row_id == user.id]
    assert told == ["created", "sent a new password link", "sent a new password link"]


def test_a_reset_signs_out_and_keeps_the_password_until_another_is_chosen(house, links):
    customer = full(house)
    save(customer, house)
    user = the_user_of(customer)
    with history.acting(Actor.of(user), "test"):
        signing.set_password(user, PHRASE)
        db.session.commit()
    epoch = user.sign_in_epoch
    with changing(house):
        mail = accounts.renew_link(user, links=links, actor=house.actor)
    assert (mail.purpose, user.sign_in_epoch) == ("reset password", epoch + 1)
    assert user.link_until - clock.now() < timedelta(hours=2, seconds=1)
    assert signing.authenticate(user.email, PHRASE) is user


# --- Deleting the customer ---------------------------------------------------------------------------------------


def remove(customer, house):
    with changing(house):
        delete_customer(customer, actor=house.actor)


def test_a_portal_user_who_never_came_goes_with_the_customer_and_so_does_its_mail(house, links):
    customer, other = full(house), full(house, 2)
    save(customer, house)
    save(other, house)
    user = the_user_of(customer)
    with changing(house):
        user.portal_permissions = ["dashboard"]
        db.session.flush()
        accounts.renew_link(user, links=links, actor=house.actor)
        mails(user.email)[0].state = OutboxState.SENT
    key, user_id = customer.id, user.id
    assert why_not_deleted([customer, other]) == {}
    remove(customer, house)
    assert db.session.get(Customer, key) is None
    assert [left.customer_id for left in portal_users()] == [other.id]
    assert [mail.recipient for mail in mails()] == ["accounts2@customer.example"]
    gone = [entry for entry in history_of("hub_user") if entry.row_id == user_id][-1]
    assert (gone.action, gone.changes["email"]) == ("deleted", ["accounts1@customer.example", None])


def test_a_portal_user_who_came_keeps_the_customer(house):
    customer = full(house)
    save(customer, house)
    user = the_user_of(customer)
    with history.acting(Actor.of(user), "test"):
        signing.set_password(user, PHRASE)
        signing.note_sign_in(user, password=PHRASE, at=clock.now())
        db.session.commit()
    told = why_not_deleted([customer])[customer.id]
    assert told == "Customer 1 still has 1 user and 1 message. Drop the customer instead of deleting it."
    with history.acting(house.actor, "test"), pytest.raises(StillLinked):
        delete_customer(customer, actor=house.actor)


def test_what_was_made_by_hand_or_sent_besides_keeps_the_customer(house):
    customer, second = full(house), full(house, 2)
    save(customer, house)
    save(second, house)
    with changing(house):
        accounts.save_user(
            User(email="kim@x.example", name="Kim", role=Role.CUSTOMER, customer_id=customer.id), actor=house.actor
        )
        db.session.add(
            OutboxMessage(organisation_id=house.id, reason_key="review 1", purpose="review due", subject="Due",
                          recipient="a@x.example", text_body="Due", html_body="Due", customer_id=second.id)
        )  # fmt: skip
    assert {key: told.partition(" still has ")[2] for key, told in why_not_deleted([customer, second]).items()} == {
        customer.id: "1 user. Drop the customer instead of deleting it.",
        second.id: "1 message. Drop the customer instead of deleting it.",
    }


def test_who_signs_in_while_the_customer_is_being_deleted_is_not_lost(app, house):
    customer = full(house)
    save(customer, house)
    user_id = the_user_of(customer).id

    def come(actor):
        user = db.session.get_one(User, user_id)
        signing.set_password(user, PHRASE)
        signing.note_sign_in(user, password=PHRASE, at=clock.now())

    key = house.user.id
    db.session.commit()  # no lock is held here
    meanwhile(app, key, come)()
    db.session.expire_all()
    with history.acting(house.actor, "test"), pytest.raises((StillLinked, Conflict)):
        delete_customer(db.session.get_one(Customer, customer.id), actor=house.actor)
    db.session.rollback()
    assert db.session.get(User, user_id) is not None


def test_merging_keeps_the_users_of_both(house):
    survivor, other = full(house), full(house, 2)
    save(survivor, house)
    save(other, house)
    with changing(house):
        merge_customers(survivor, other, actor=house.actor)
    assert [user.email for user in users_of(survivor)] == ["accounts1@customer.example", "accounts2@customer.example"]
    assert len(mails()) == 2
    told = why_not_deleted([survivor])[survivor.id]
    assert told == "Customer 1 still has 2 accounts. Drop the customer instead of deleting it."


# --- The mail of an organisation with its own words --------------------------------------------------------------


def test_the_mail_is_in_the_organisations_own_words(house):
    with changing(house):
        db.session.add(
            NotificationTemplate(organisation_id=house.id, name="Welcome", purpose=TemplatePurpose.WELCOME,
                                 subject="{{name}} & co", body="Dear {{name}},\n\nsee {{link}} as {{email}}.")
        )  # fmt: skip
    import_now(written([good_row(1, name="Uno <b>"), good_row(2, name="Königlich & Essen")]), house)
    one, two = mails()
    assert (one.subject, two.subject) == ("Uno <b> & co", "Königlich & Essen & co")
    assert "Dear Königlich & Essen," in two.text_body
    assert "Dear Uno &lt;b&gt;," in one.html_body
    assert token_in(one) != token_in(two)
    assert PASSWORD not in one.text_body
