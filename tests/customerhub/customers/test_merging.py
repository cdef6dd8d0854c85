"""Two customers become one: nothing is lost, nothing stays behind."""

from datetime import date

import pytest
from sqlalchemy import Table, func, select

from customerhub.approvals import tasks
from customerhub.core import clock
from customerhub.core.errors import Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.core.references import list_references, list_referring_columns
from customerhub.customers import merging
from customerhub.customers.merging import (
    JOINED_TABLES,
    find_survivor_id,
    list_choosable_fields,
    list_differing_fields,
    list_merged_customers,
    merge_customers,
)
from customerhub.customers.records import save_customer
from models import (
    Account,
    Address,
    Customer,
    History,
    InvoiceProfile,
    MergedCustomer,
    Organisation,
    OutboxMessage,
    Reminder,
    Review,
    User,
)
from models.base import Base, db
from models.enums import AddressKind, CustomerKind, Role, Stage, TaskKind
from tests.customerhub.approvals.conftest import acting, list_history, make_approval_org
from tests.customerhub.conftest import actor_of
from tests.support import factories as make
from tests.support.custom_fields import add_field
from tests.support.merging import merge_records
from tests.support.two_organisations import TwoOrganisations

CUSTOMER = Customer.__table__


REFERENCES = [
    (table, column) for table in Base.metadata.sorted_tables for column in list_referring_columns(table, CUSTOMER)
]


def count_rows() -> dict[str, int]:
    tables = {table for table, _ in REFERENCES}
    return {table.name: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def owner_ids(table: Table, column) -> list[int]:
    return list(db.session.connection().execute(select(column).where(column.is_not(None))).scalars())


# --- Everything linked -------------------------------------------------------------------------------------------


def test_every_table_that_refers_to_a_customer_is_moved(organisations: TwoOrganisations):
    """The tables are asked of the metadata, so that a new one cannot be forgotten."""
    manager = actor_of(organisations, Role.MANAGER)
    survivor, other, third = (db.session.get_one(Customer, key) for key in organisations.own.customers)
    with acting(manager):
        _add_referring_rows(organisations, other)
        db.session.commit()
    filled = {table.name for table, column in REFERENCES if other.id in owner_ids(table, column)}
    assert filled == {table.name for table, _ in REFERENCES}, "a table with a reference to a customer has no row here"
    before, key, accounts = count_rows(), other.id, len(third.accounts)
    with acting(manager):
        merge_customers(survivor, other, actor=manager)
        db.session.commit()
    assert [table.name for table, column in REFERENCES if key in owner_ids(table, column)] == []
    expected_losses = {"address": 1, "call_markup": 1, "customer_department": 1, "customer_invoice_type": 1}
    expected_losses["merged_customer"] = -1
    assert {
        name: before[name] - number for name, number in count_rows().items() if before[name] != number
    } == expected_losses
    assert survivor.main_account.number == survivor.account_number
    db.session.expire(third)
    assert len(third.accounts) == accounts


def _add_referring_rows(organisations: TwoOrganisations, other: Customer) -> None:
    """A row in every table that does not come with every customer of the two organisations."""
    organisation = db.session.get_one(Organisation, organisations.own.id)
    owned = {"organisation": organisation, "customer_id": other.id}
    make.ApprovalTaskFactory(**owned, kind=TaskKind.BLACKLIST)
    make.AlertFactory(**owned)
    make.BlacklistEntryFactory(**owned, removed_at=clock.get_now())
    make.MergedCustomerFactory(organisation_id=organisations.own.id, into_id=other.id)
    make.CustomerGroupFactory(organisation_id=organisations.own.id, parent_id=other.id)
    make.OutboxMessageFactory(**owned)
    make.UserFactory(**owned, role=Role.CUSTOMER)
    contract = make.ContractFactory(organisation=organisation, customer_id=other.id)
    make.CustomerOrderFactory(**owned, contract_id=contract.id)
    make.ReviewFactory(**owned)
    make.ReminderFactory(**owned, due_on=date(2025, 4, 30))
    for factory in (make.NoteFactory, make.AttachmentFactory, make.CustomerCaseFactory, make.EnvelopeFactory):
        factory(**owned)
    definition = add_field(Actor(None, organisation.id))
    setattr(other, definition.name, "joined")


def test_every_customer_table_can_be_filled_by_a_test():
    assert {table.name for table, _ in REFERENCES} - set(make.FACTORIES) == set(JOINED_TABLES)


# --- What there may be once --------------------------------------------------------------------------------------


def test_addresses_of_one_kind_and_profiles_of_one_name(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer()
    for customer, lines in ((survivor, "Ours"), (other, "Theirs")):
        for kind in (AddressKind.MAILING, AddressKind.REGISTERED)[: 2 if customer is other else 1]:
            customer.addresses.append(Address(organisation_id=approval_org.id, kind=kind, lines=lines))
        profile = InvoiceProfile(
            organisation_id=approval_org.id, name="Main" if customer is survivor else "MAIN", email="a@customer.example"
        )
        customer.invoice_profiles.append(profile)
        save_customer(customer, actor=approval_org.system)
    number = other.account_number
    merge_records(approval_org, survivor, other)
    assert {(each.kind, each.lines) for each in survivor.addresses} == {
        (AddressKind.MAILING, "Ours"),
        (AddressKind.REGISTERED, "Theirs"),
    }
    assert [profile.name for profile in survivor.invoice_profiles] == ["Main", f"MAIN ({number})"]


def test_reviews_and_reminders_of_one_day(approval_org):
    """Both reviews were done, and both reminders sent; for each due date one of them counts."""
    survivor, other = approval_org.make_customer(), approval_org.make_customer()
    organisation = db.session.get_one(Organisation, approval_org.id)
    for customer in (survivor, other):
        owned = {"organisation": organisation, "customer_id": customer.id}
        make.ReviewFactory(**owned, note=str(customer))
        make.ReminderFactory(**owned)
    make.ReminderFactory(organisation=organisation, customer_id=other.id, due_on=date(2025, 4, 30))
    db.session.commit()
    merge_records(approval_org, survivor, other)
    reviews = db.session.scalars(select(Review).order_by(Review.id)).all()
    assert [(each.customer_id, each.due_on) for each in reviews] == [
        (survivor.id, date(2025, 1, 31)),
        (survivor.id, None),
    ]
    reminders = db.session.scalars(select(Reminder).order_by(Reminder.due_on)).all()
    assert [(each.customer_id, each.due_on) for each in reminders] == [
        (survivor.id, date(2025, 1, 31)),
        (survivor.id, date(2025, 4, 30)),
    ]
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 3


def test_the_longest_name_of_a_profile_still_fits(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer()
    longest = InvoiceProfile.__table__.c.name.type.length
    for customer in (survivor, other):
        profile = InvoiceProfile(organisation_id=approval_org.id, name="x" * longest, email="a@customer.example")
        customer.invoice_profiles.append(profile)
        save_customer(customer, actor=approval_org.system)
    merge_records(approval_org, survivor, other)
    assert {len(profile.name) for profile in survivor.invoice_profiles} == {longest}


def test_accounts_are_kept_and_one_is_the_main_one(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer()
    numbers = {survivor.account_number, other.account_number}
    merge_records(approval_org, survivor, other)
    assert {account.number for account in survivor.accounts} == numbers
    assert [account.number for account in survivor.accounts if account.is_main] == [survivor.account_number]


# --- Values ------------------------------------------------------------------------------------------------------


def test_each_field_is_kept_from_whom_it_was_chosen(approval_org):
    survivor = approval_org.make_customer(
        website="https://a.example.com", email="a@customer.example", contact_number="030 1"
    )
    other = approval_org.make_customer(
        website="https://b.example.com", email="b@customer.example", vat_number="DE136695976"
    )
    number, reference = other.registration_number, survivor.registration_number
    assert set(list_differing_fields(survivor, other)) == {
        "name",
        "registration_number",
        "website",
        "email",
        "contact_number",
        "vat_number",
    }
    merge_records(
        approval_org,
        survivor,
        other,
        fields_from_other=["website", "vat_number", "registration_number", "contact_number"],
    )
    assert (survivor.website, survivor.email) == ("https://b.example.com", "a@customer.example")
    assert (survivor.vat_number, survivor.contact_number) == ("DE136695976", None)
    assert survivor.registration_number == number != reference


@pytest.mark.parametrize("name", ["id", "account_number", "stage", "status_id", "version", "search_text", "unheard_of"])
def test_what_the_system_keeps_is_no_choice(approval_org, name):
    assert name not in list_choosable_fields()
    with pytest.raises(Invalid, match="Unknown fields"):
        merge_records(
            approval_org, approval_org.make_customer(), approval_org.make_customer(), fields_from_other=[name]
        )


def test_a_fact_taken_from_the_other_has_the_checked_one_checked_anew(approval_org):
    survivor, other = approval_org.make_customer(Stage.PASSED), approval_org.make_customer()
    merge_records(approval_org, survivor, other, fields_from_other=["name"])
    assert (survivor.stage, approval_org.task_of(survivor).is_open) == (Stage.NEW, True)


# --- The way there -----------------------------------------------------------------------------------------------


def test_old_ids_lead_to_the_one_that_stays_in_the_end(approval_org):
    first, second, third, fourth = (approval_org.make_customer(name=f"Number {n}") for n in range(4))
    keys = [each.id for each in (first, second, third)]
    merge_records(approval_org, second, first)
    merge_records(approval_org, third, second)
    merge_records(approval_org, fourth, third)
    assert {find_survivor_id(key, actor=approval_org.manager) for key in keys} == {fourth.id}
    assert {old.old_id for old in list_merged_customers(fourth)} == set(keys)
    assert find_survivor_id(fourth.id, actor=approval_org.manager) is None
    assert find_survivor_id(keys[0], actor=make_approval_org("Another Telecom").manager) is None


def test_the_history_says_what_moved_and_why(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer()
    name, number, key = other.name, other.account_number, other.id
    merge_records(approval_org, survivor, other)
    [merge_entry] = [entry for entry in list_history(survivor.id) if entry.action == "merged"]
    assert merge_entry.changes["customer"] == [None, f"{name} ({number})"]
    assert "1 account" in merge_entry.changes["moved"][1]
    assert (merge_entry.actor_name, merge_entry.reason) == ("manager 1", f"Merged: {name} ({number})")
    deletions = db.session.scalars(select(History).where(History.row_id == key, History.action == "deleted")).all()
    assert [(entry.table_name, entry.reason) for entry in deletions] == [("customer", f"Merged: {name} ({number})")]


def test_who_cannot_be_merged(approval_org):
    customer, consumer = approval_org.make_customer(), approval_org.make_customer(kind=CustomerKind.CONSUMER)
    with pytest.raises(WrongState, match="with itself"):
        merge_records(approval_org, customer, customer)
    with pytest.raises(WrongState, match="consumer"):
        merge_records(approval_org, customer, consumer)
    stranger = make_approval_org("Another Telecom")
    foreign_customer = stranger.make_customer()
    for survivor, other in ((customer, foreign_customer), (foreign_customer, customer)):
        with pytest.raises(NotFound):
            merge_records(approval_org, survivor, other)
    for actor in (approval_org.agent, approval_org.partner):
        with pytest.raises(NotAllowed):
            merge_customers(customer, approval_org.make_customer(), actor=actor)


def test_a_merge_that_fails_leaves_nothing_half(approval_org):
    survivor, other = approval_org.make_customer(), approval_org.make_customer(website="https://b.example.com")
    other.accounts[0].balance = 10
    survivor.is_prospect, keys = True, (survivor.id, other.id)
    db.session.add(
        User(
            organisation_id=approval_org.id,
            email="p@customer.example",
            name="P",
            role=Role.CUSTOMER,
            customer_id=other.id,
        )
    )
    db.session.commit()
    links = [list_references(row) for row in (survivor, other)]
    history_count = db.session.scalar(select(func.count(History.id)))
    survivor.reviewer_email = "broken"  # so that the last step, saving the record, is refused
    db.session.flush()
    with pytest.raises(Invalid), acting(approval_org.manager):
        merge_customers(survivor, other, fields_from_other=["website"], actor=approval_org.manager)
    db.session.rollback()
    rows = [db.session.get_one(Customer, key) for key in keys]
    assert [list_references(row) for row in rows] == links
    assert (db.session.scalar(select(func.count(History.id))), rows[0].website) == (history_count, None)
    assert db.session.scalar(select(func.count(MergedCustomer.id))) == 0


def test_what_moves_is_shown_beforehand(approval_org):
    customer = approval_org.make_customer()
    assert dict(merging.count_rows_to_move(customer)) == {"account": 1, "approval_task": 1, "contact": 1}
    assert db.session.scalar(select(func.count(Account.id))) == 1
    assert tasks.find_open_task(customer, TaskKind.ONBOARDING) is not None
