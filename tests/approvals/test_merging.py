"""Two customers become one: nothing is lost, nothing stays behind, and the old addresses lead on."""

from datetime import date

import pytest
from sqlalchemy import Table, func, select

from customerhub.approvals import decisions, particulars, tasks
from customerhub.customers import merging
from customerhub.customers.merging import (
    CHOSEN,
    choosable_fields,
    differing,
    find_survivor,
    merge_customers,
    merged_into,
)
from customerhub.customers.records import save_customer
from customerhub.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.links import columns_to, linked_rows
from models import (
    Account,
    Address,
    Alert,
    ApprovalTask,
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
from models.enums import AddressKind, ApprovalPolicy, CustomerKind, Role, Stage, TaskKind, TaskState
from tests import factories as make
from tests.approvals.conftest import acting, entries_of, mails, make_office
from tests.customerhub.conftest import actor_in
from tests.world import World

CUSTOMER = Customer.__table__
REFERENCES = [
    (table, column) for table in Base.metadata.sorted_tables for column in columns_to(table, CUSTOMER)
]  # fmt: skip


def merge(office, survivor, other, **more):
    with acting(office.manager):
        merge_customers(survivor, other, actor=office.manager, **more)
        db.session.commit()


# --- Everything linked -------------------------------------------------------------------------------------------


def counts() -> dict[str, int]:
    tables = {table for table, _ in REFERENCES}
    return {table.name: db.session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def owners(table: Table, column) -> list[int]:
    return list(db.session.connection().execute(select(column).where(column.is_not(None))).scalars())


def test_every_table_that_refers_to_a_customer_is_moved(world: World):
    """The tables are asked of the metadata, so that a new one cannot be forgotten."""
    manager = actor_in(world, Role.MANAGER)
    survivor, other, third = (db.session.get_one(Customer, key) for key in world.ours.customers)
    with acting(manager):
        _fill(world, other)
        db.session.commit()
    filled = {table.name for table, column in REFERENCES if other.id in owners(table, column)}
    assert filled == {table.name for table, _ in REFERENCES}, "a table with a reference to a customer has no row here"
    before, key, accounts = counts(), other.id, len(third.accounts)
    with acting(manager):
        merge_customers(survivor, other, actor=manager)
        db.session.commit()
    assert [table.name for table, column in REFERENCES if key in owners(table, column)] == []
    gone = {"address": 1, "customer_department": 1, "customer_invoice_type": 1, "merged_customer": -1}
    assert {name: before[name] - number for name, number in counts().items() if before[name] != number} == gone
    assert survivor.main_account.number == survivor.account_number
    db.session.expire(third)
    assert len(third.accounts) == accounts


def _fill(world: World, other: Customer) -> None:
    """A row in every table that does not come with every customer of the world."""
    organisation = db.session.get_one(Organisation, world.ours.id)
    owned = {"organisation": organisation, "customer_id": other.id}
    make.ApprovalTaskFactory(**owned, kind=TaskKind.BLACKLIST)
    make.AlertFactory(**owned)
    make.BlacklistEntryFactory(**owned, removed_at=make.clock.now())
    make.MergedCustomerFactory(organisation_id=world.ours.id, into_id=other.id)
    make.CustomerGroupFactory(organisation_id=world.ours.id, parent_id=other.id)
    make.OutboxMessageFactory(**owned)
    make.UserFactory(**owned, role=Role.CUSTOMER)
    contract = make.ContractFactory(organisation=organisation, customer_id=other.id)
    make.CustomerOrderFactory(**owned, contract_id=contract.id)
    make.ReviewFactory(**owned)
    make.ReminderFactory(**owned, due_on=date(2025, 4, 30))


def test_every_customer_table_can_be_filled_by_a_test():
    assert {table.name for table, _ in REFERENCES} - set(make.FACTORIES) == set(CHOSEN)


# --- What there may be once --------------------------------------------------------------------------------------


def test_addresses_of_one_kind_and_profiles_of_one_name(office):
    survivor, other = office.customer(), office.customer()
    for customer, lines in ((survivor, "Ours"), (other, "Theirs")):
        for kind in (AddressKind.MAILING, AddressKind.REGISTERED)[: 2 if customer is other else 1]:
            customer.addresses.append(Address(organisation_id=office.id, kind=kind, lines=lines))
        profile = InvoiceProfile(organisation_id=office.id, name="Main" if customer is survivor else "MAIN",
                                 email="a@customer.example")  # fmt: skip
        customer.invoice_profiles.append(profile)
        save_customer(customer, actor=office.system)
    number = other.account_number
    merge(office, survivor, other)
    assert {(each.kind, each.lines) for each in survivor.addresses} == {
        (AddressKind.MAILING, "Ours"), (AddressKind.REGISTERED, "Theirs"),
    }  # fmt: skip
    assert [profile.name for profile in survivor.invoice_profiles] == ["Main", f"MAIN ({number})"]


def test_reviews_and_reminders_of_one_day(office):
    """Both reviews were done, and both reminders sent; for each due date one of them counts."""
    survivor, other = office.customer(), office.customer()
    organisation = db.session.get_one(Organisation, office.id)
    for customer in (survivor, other):
        owned = {"organisation": organisation, "customer_id": customer.id}
        make.ReviewFactory(**owned, note=str(customer))
        make.ReminderFactory(**owned)
    make.ReminderFactory(organisation=organisation, customer_id=other.id, due_on=date(2025, 4, 30))
    db.session.commit()
    merge(office, survivor, other)
    reviews = db.session.scalars(select(Review).order_by(Review.id)).all()
    assert [(each.customer_id, each.due_on) for each in reviews] == [
        (survivor.id, date(2025, 1, 31)), (survivor.id, None),
    ]  # fmt: skip
    reminders = db.session.scalars(select(Reminder).order_by(Reminder.due_on)).all()
    assert [(each.customer_id, each.due_on) for each in reminders] == [
        (survivor.id, date(2025, 1, 31)), (survivor.id, date(2025, 4, 30)),
    ]  # fmt: skip
    assert db.session.scalar(select(func.count()).select_from(OutboxMessage)) == 3


def test_the_longest_name_of_a_profile_still_fits(office):
    survivor, other = office.customer(), office.customer()
    longest = InvoiceProfile.__table__.c.name.type.length
    for customer in (survivor, other):
        profile = InvoiceProfile(organisation_id=office.id, name="x" * longest, email="a@customer.example")
        customer.invoice_profiles.append(profile)
        save_customer(customer, actor=office.system)
    merge(office, survivor, other)
    assert {len(profile.name) for profile in survivor.invoice_profiles} == {longest}


def test_accounts_are_kept_and_one_is_the_main_one(office):
    survivor, other = office.customer(), office.customer()
    numbers = {survivor.account_number, other.account_number}
    merge(office, survivor, other)
    assert {account.number for account in survivor.accounts} == numbers
    assert [account.number for account in survivor.accounts if account.is_main] == [survivor.account_number]


@pytest.mark.parametrize("stays", list(Stage))
@pytest.mark.parametrize("goes", list(Stage))
def test_a_task_goes_on_only_where_there_is_something_to_decide(office, stays, goes):
    survivor, other = office.customer(stays), office.customer(goes)
    for customer in (survivor, other):
        if customer.stage is Stage.BILLING:
            customer.name = f"{customer.name} renamed"
            save_customer(customer, actor=office.system)
    merge(office, survivor, other)
    found = db.session.scalars(select(ApprovalTask).where(ApprovalTask.state == TaskState.OPEN)).all()
    kinds = {Stage.NEW: TaskKind.ONBOARDING, Stage.REFERRED: TaskKind.ONBOARDING, Stage.PASSED: TaskKind.ONBOARDING,
             Stage.BILLING: TaskKind.RECHECK}  # fmt: skip
    assert survivor.stage is stays
    assert [task.kind for task in found] == ([kinds[stays]] if stays in kinds else [])
    assert not any(task.waits_for_requester for task in db.session.scalars(select(ApprovalTask)) if not task.is_open)
    if stays in (Stage.NEW, Stage.REFERRED):
        office.move(survivor, "pass")


def test_an_update_asked_for_the_other_is_decided_by_what_is_there_now(office):
    survivor, other = office.customer(website="https://a.example.com"), office.customer()
    with acting(office.partner):
        task = particulars.propose_update(other, values={"website": "b.example.com"}, actor=office.partner)
    merge(office, survivor, other)
    assert task.customer_id == survivor.id
    with pytest.raises(Conflict, match="website"):
        decisions.approve_task(task, actor=office.manager)


@pytest.mark.parametrize("own_stays", [True, False])
@pytest.mark.parametrize("stage", [Stage.NEW, Stage.FAILED])
def test_nobody_comes_to_decide_their_own_request_by_a_merge(office, own_stays, stage):
    """The manager made one of the two, a partner the other; whichever stays, somebody else decides."""
    office.organisation.approval_policy = ApprovalPolicy.ALL
    own, others = office.customer(by=office.manager), office.customer()
    survivor, other = (own, others) if own_stays else (others, own)
    if stage is Stage.FAILED:
        office.move(survivor, "fail", by=office.admin)
    merge(office, survivor, other)
    move = "refer" if stage is Stage.FAILED else "pass"
    with pytest.raises(NotAllowed, match="nobody decides their own request"):
        office.move(survivor, move)
    db.session.rollback()
    office.move(survivor, move, by=office.admin)
    task = office.task(survivor)
    assert task.is_open
    with pytest.raises(NotAllowed, match="nobody decides their own request"):
        tasks.claim_task(task, actor=office.manager)


def test_of_two_re_checks_that_become_one_neither_who_asked_decides(office):
    survivor, other = (office.customer(Stage.BILLING) for _ in range(2))
    for customer, actor in ((survivor, office.agent), (other, office.other_agent)):
        with acting(actor):
            customer.name = f"Renamed by {actor.name}"
            save_customer(customer, actor=actor)
    kept = office.task(survivor, TaskKind.RECHECK)
    with acting(office.manager):
        tasks.assign_tasks([kept], assignee_id=office.other_agent.id, actor=office.manager)
    merge(office, survivor, other)
    assert (kept.is_open, kept.assignee_id) == (True, None)
    for actor in (office.agent, office.other_agent):
        with pytest.raises(NotAllowed, match="nobody decides their own request"):
            decisions.approve_task(kept, actor=actor)
    decisions.approve_task(kept, actor=office.manager)


def test_a_merge_of_live_customers_changes_nothing_of_what_was_decided(office):
    survivor, other = office.customer(Stage.BILLING), office.customer(by=office.agent)
    done = office.task(survivor)
    before = done.version
    merge(office, survivor, other)
    assert (done.version, tasks.askers(done)) == (before, {office.partner.id})


def test_who_asked_hears_that_their_request_ends(office):
    survivor, other = office.customer(), office.customer()
    for customer, site in ((survivor, "a"), (other, "b")):
        with acting(office.partner):
            particulars.propose_update(customer, values={"website": f"www.{site}.example"}, actor=office.partner)
    survivor.name, other.name = "Stays", "Goes"
    db.session.commit()
    merge(office, survivor, other)
    [mail] = mails(office.partner.user)
    assert mail.subject.endswith(": withdrawn")
    assert f"/partner/customers/{survivor.id}/" in mail.text_body
    assert mail.customer_id == survivor.id


def test_alerts_move_and_rules_are_asked_again(office):
    survivor, other = office.customer(), office.customer(credit_limit=5)
    other.accounts[0].balance = 10
    db.session.add(Alert(organisation_id=office.id, customer_id=other.id, text="Ask first"))
    save_customer(other, actor=office.system)
    merge(office, survivor, other, take=["credit_limit"])
    texts = set(db.session.scalars(select(Alert.text).where(Alert.customer_id == survivor.id)))
    assert texts == {"Ask first", "The balance is above the credit limit"}


# --- Values ------------------------------------------------------------------------------------------------------


def test_each_field_is_kept_from_whom_it_was_chosen(office):
    survivor = office.customer(website="https://a.example.com", email="a@customer.example", contact_number="030 1")
    other = office.customer(website="https://b.example.com", email="b@customer.example", vat_number="DE136695976")
    number, reference = other.registration_number, survivor.registration_number
    assert set(differing(survivor, other)) == {
        "name", "registration_number", "website", "email", "contact_number", "vat_number",
    }  # fmt: skip
    merge(office, survivor, other, take=["website", "vat_number", "registration_number", "contact_number"])
    assert (survivor.website, survivor.email) == ("https://b.example.com", "a@customer.example")
    assert (survivor.vat_number, survivor.contact_number) == ("DE136695976", None)
    assert survivor.registration_number == number != reference


@pytest.mark.parametrize("name", ["id", "account_number", "stage", "status_id", "version", "search_text", "unheard_of"])
def test_what_the_system_keeps_is_no_choice(office, name):
    assert name not in choosable_fields()
    with pytest.raises(Invalid, match="no choice"):
        merge(office, office.customer(), office.customer(), take=[name])


def test_a_fact_taken_from_the_other_has_the_checked_one_checked_anew(office):
    survivor, other = office.customer(Stage.PASSED), office.customer()
    merge(office, survivor, other, take=["name"])
    assert (survivor.stage, office.task(survivor).is_open) == (Stage.NEW, True)


# --- The way there -----------------------------------------------------------------------------------------------


def test_old_ids_lead_to_the_one_that_stays_in_the_end(office):
    first, second, third, fourth = (office.customer(name=f"Number {n}") for n in range(4))
    keys = [each.id for each in (first, second, third)]
    merge(office, second, first)
    merge(office, third, second)
    merge(office, fourth, third)
    assert {find_survivor(key, actor=office.manager) for key in keys} == {fourth.id}
    assert {old.old_id for old in merged_into(fourth)} == set(keys)
    assert find_survivor(fourth.id, actor=office.manager) is None
    assert find_survivor(keys[0], actor=make_office("Another Telecom").manager) is None


def test_the_history_says_what_moved_and_why(office):
    survivor, other = office.customer(), office.customer()
    name, number, key = other.name, other.account_number, other.id
    merge(office, survivor, other)
    [told] = [entry for entry in entries_of(survivor.id) if entry.action == "merged"]
    assert told.changes["customer"] == [None, f"{name} ({number})"]
    assert "1 account" in told.changes["moved"][1]
    assert (told.actor_name, told.reason) == ("manager 1", f"Merged: {name} ({number})")
    gone = db.session.scalars(select(History).where(History.row_id == key, History.action == "deleted")).all()
    assert [(entry.table_name, entry.reason) for entry in gone] == [("customer", f"Merged: {name} ({number})")]


def test_who_cannot_be_merged(office):
    customer, consumer = office.customer(), office.customer(kind=CustomerKind.CONSUMER)
    with pytest.raises(WrongState, match="with itself"):
        merge(office, customer, customer)
    with pytest.raises(WrongState, match="consumer"):
        merge(office, customer, consumer)
    stranger = make_office("Another Telecom")
    theirs = stranger.customer()
    for survivor, other in ((customer, theirs), (theirs, customer)):
        with pytest.raises(NotFound):
            merge(office, survivor, other)
    for actor in (office.agent, office.partner):
        with pytest.raises(NotAllowed):
            merge_customers(customer, office.customer(), actor=actor)


def test_a_merge_that_fails_leaves_nothing_half(office):
    survivor, other = office.customer(), office.customer(website="https://b.example.com")
    other.accounts[0].balance = 10
    survivor.is_prospect, keys = True, (survivor.id, other.id)
    db.session.add(User(organisation_id=office.id, email="p@customer.example", name="P", role=Role.CUSTOMER,
                        customer_id=other.id))  # fmt: skip
    db.session.commit()
    links = [linked_rows(row) for row in (survivor, other)]
    told = db.session.scalar(select(func.count(History.id)))
    survivor.reviewer_email = "broken"  # so that the last step, saving the record, is refused
    db.session.flush()
    with pytest.raises(Invalid), acting(office.manager):
        merge_customers(survivor, other, take=["website"], actor=office.manager)
    db.session.rollback()
    rows = [db.session.get_one(Customer, key) for key in keys]
    assert [linked_rows(row) for row in rows] == links
    assert (db.session.scalar(select(func.count(History.id))), rows[0].website) == (told, None)
    assert db.session.scalar(select(func.count(MergedCustomer.id))) == 0


def test_what_moves_is_told_beforehand(office):
    customer = office.customer()
    assert dict(merging.what_moves(customer)) == {"account": 1, "approval_task": 1, "contact": 1}
    assert db.session.scalar(select(func.count(Account.id))) == 1
    assert tasks.find_open(customer, TaskKind.ONBOARDING) is not None
