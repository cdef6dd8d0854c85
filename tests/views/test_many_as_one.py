"""What is done to many rows at once is what is done to one after the other: to each the same, by the same rules, with
the same history, comments and mails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
import time_machine

from customerhub.core import history
from customerhub.core.permissions import Actor
from models import Alert, ApprovalTask, CatalogItem, Contract, Customer, CustomerOrder, OutboxMessage, User
from models.base import Row, db
from models.enums import (
    AlertRule,
    ContractStatus,
    OrderStatus,
    OutboxState,
    Risk,
    Role,
    Severity,
    Stage,
    TaskKind,
    TaskState,
    TemplatePurpose,
)
from tests.support import factories as make
from tests.support.bulk_edit import EDIT, choose_changes, choose_tags, make_tagged_customer
from tests.support.many_as_one import find_outcome, list_differences, run_at_once, run_at_once_or_singly, run_one_by_one
from tests.support.screen_rows import make_bare_customer, make_contract, make_order
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.approvals.alerts import RAISE, AlertView
from views.approvals.blacklist import REMOVAL, REQUEST
from views.approvals.operations import OPERATIONS
from views.approvals.stage_operations import STAGE_OPERATIONS
from views.contracts.contracts import ContractView
from views.contracts.orders import OrderView
from views.customers.customers import DELETE
from views.customers.reviews import RECORD
from views.customers.tags import ADD as ADD_TAGS
from views.customers.tags import REMOVE as REMOVE_TAGS
from views.framework.operation import Operation
from views.notifications.outbox import CANCEL_MESSAGE, SEND_AGAIN
from views.setup.setup_view import DELETE as DELETE_SETUP
from views.users.portal_user_operations import OPERATIONS as PORTAL_USER_OPERATIONS
from views.users.users import OPERATIONS as USER_OPERATIONS

ROUNDS, ROWS = 4, 9
NOW = datetime(2026, 6, 1, 11, tzinfo=UTC)
TEXTS = (*["Because"] * 10, " \n ", "", "x" * 2001)
PROPOSALS = {
    TaskKind.PARTICULARS: {"website": [None, "https://new.example"]},
    TaskKind.BLACKLIST: {"reason": "Never paid"},
    TaskKind.REMOVAL: {"reason": "Paid all"},
}

MakeRow = Callable[[TwoOrganisations, Random], Row]
Values = dict[str, Any]


# --- Rows to which it can be done, or not ------------------------------------------------------------------------


def choose_person(organisations: TwoOrganisations, random: Random) -> int | None:
    """Nobody, somebody in a role, or somebody who may no longer sign in."""
    users = organisations.own.users
    former = make.UserFactory(organisation=own_organisation(organisations), role=Role.AGENT, active=False).id
    return random.choice([None, *(users[role] for role in (Role.PARTNER, Role.AGENT, Role.MANAGER)), former])


def make_customer(organisations: TwoOrganisations, random: Random) -> Customer:
    """One in any stage, the partner's or not, on the blacklist or not."""
    dealer_id = random.choice([None, db.session.get_one(User, organisations.own.users[Role.PARTNER]).dealer_id])
    number = f"HRB {random.randrange(10**9)}"
    customer = make_bare_customer(organisations, registration_number=number, dealer_id=dealer_id)
    customer.stage = random.choice([*Stage, Stage.NEW, Stage.REFERRED, Stage.PASSED, Stage.PASSED])
    if random.random() < 0.15:
        make.BlacklistEntryFactory(organisation=own_organisation(organisations), registration_number=number)
    db.session.flush()
    return customer


def make_task(organisations: TwoOrganisations, random: Random, kind: TaskKind, customer: Customer) -> ApprovalTask:
    """One of this kind, asked for and worked on by anybody, mostly open."""
    return make.ApprovalTaskFactory(
        organisation=own_organisation(organisations),
        kind=kind,
        customer_id=customer.id,
        subject=customer.name,
        state=random.choice([TaskState.OPEN] * 5 + [TaskState.DECLINED, TaskState.APPROVED]),
        requester_id=choose_person(organisations, random),
        assignee_id=choose_person(organisations, random),
        waits_for_requester=random.random() < 0.3,
        proposal=PROPOSALS.get(kind, {}),
    )


def make_any_task(organisations: TwoOrganisations, random: Random) -> ApprovalTask:
    return make_task(organisations, random, random.choice(list(TaskKind)), make_customer(organisations, random))


def make_onboarding_or_recheck(organisations: TwoOrganisations, random: Random) -> ApprovalTask:
    kind = random.choice([TaskKind.ONBOARDING, TaskKind.RECHECK])
    return make_task(organisations, random, kind, make_customer(organisations, random))


def make_onboarded_customer(organisations: TwoOrganisations, random: Random) -> Customer:
    """A customer with its onboarding, mostly; without one by whoever made the record."""
    customer = make_customer(organisations, random)
    if random.random() < 0.8:
        make_task(organisations, random, TaskKind.ONBOARDING, customer)
        return customer
    user_id = choose_person(organisations, random)
    creator = Actor(db.session.get_one(User, user_id) if user_id else None, organisations.own.id)
    with history.act_as(creator, "test"):
        history.record_event(customer, "created")
    return customer


def make_requested_customer(organisations: TwoOrganisations, random: Random) -> Customer:
    """A customer that somebody may have requested something about."""
    customer = make_customer(organisations, random)
    if random.random() < 0.4:
        make_task(organisations, random, random.choice(list(TaskKind)), customer)
    if random.random() < 0.5:
        make.BlacklistEntryFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    return customer


def make_reviewed_customer(organisations: TwoOrganisations, random: Random) -> Customer:
    """A customer with a plan of reviews or not, some of which were done, over its credit limit or not."""
    customer = make_customer(organisations, random)
    customer.risk = random.choice(list(Risk))
    if random.random() < 0.7:
        customer.review_start_date, customer.review_frequency = date(2025, 1, 31), random.choice([1, 3])
    if random.random() < 0.4:
        due_on = random.choice([None, date(2026, 4, 30), date(2026, 5, 31)])
        make.ReviewFactory(organisation=own_organisation(organisations), customer_id=customer.id, due_on=due_on)
    if random.random() < 0.3:
        customer.credit_limit, customer.accounts[0].balance = Decimal(5), Decimal(9)
    for rule in AlertRule:
        if random.random() < 0.3:
            make.AlertFactory(organisation=own_organisation(organisations), customer_id=customer.id, rule=rule)
    return customer


def make_edited_customer(organisations: TwoOrganisations, random: Random) -> Customer:
    """A customer that had its first portal user: a new one has another number on the second try."""
    customer = make_reviewed_customer(organisations, random)
    customer.portal_invited_at = NOW
    return customer


def make_any_alert(organisations: TwoOrganisations, random: Random) -> Alert:
    customer = make_customer(organisations, random)
    rule = random.choice([None, None, None, AlertRule.DOCUMENT])
    closed_at = random.choice([None, None, None, NOW])
    own = own_organisation(organisations)
    return make.AlertFactory(organisation=own, customer_id=customer.id, rule=rule, closed_at=closed_at)


def make_any_contract(organisations: TwoOrganisations, random: Random) -> Contract:
    contract = make_contract(random.choice([*ContractStatus, ContractStatus.LIVE, ContractStatus.LIVE]))(organisations)
    contract.start_date = random.choice([date(2024, 1, 1), date(2024, 1, 1), date(2026, 7, 1)])
    return contract


def make_any_order(organisations: TwoOrganisations, random: Random) -> CustomerOrder:
    order = make_order(OrderStatus.PLACED)(organisations)
    order.status = random.choice([*OrderStatus, OrderStatus.PLACED, OrderStatus.IN_PROGRESS])
    order.delivered_on = date(2026, 5, 1) if order.status is OrderStatus.DELIVERED else None
    order.ordered_on = random.choice([date(2024, 1, 1), date(2024, 1, 1), date(2026, 7, 1)])
    return order


def make_any_message(organisations: TwoOrganisations, random: Random) -> OutboxMessage:
    state = random.choice(list(OutboxState))
    return make.OutboxMessageFactory(
        organisation=own_organisation(organisations),
        state=state,
        claimed_until=random.choice([None, None, NOW.replace(hour=12)]) if state is OutboxState.WAITING else None,
        next_attempt_at=NOW if state is OutboxState.WAITING else None,
    )


def make_deletable_customer(organisations: TwoOrganisations, random: Random) -> Customer:
    """A customer with something in its record, and maybe something that keeps it."""
    customer = make_customer(organisations, random)
    owned = {"organisation": own_organisation(organisations), "customer_id": customer.id}
    if random.random() < 0.6:
        task = make_task(organisations, random, TaskKind.ONBOARDING, customer)
        make.TaskCommentFactory(
            organisation=owned["organisation"], task_id=task.id, user_id=choose_person(organisations, random)
        )
    for factory in (make.AddressFactory, make.ContactFactory, make.AlertFactory, make.ReminderFactory):
        if random.random() < 0.4:
            factory(**owned)
    for factory in (make.BillingLineFactory, make.AccountFactory, make.ReviewFactory):
        if random.random() < 0.1:
            factory(**owned)
    if random.random() < 0.3:
        unused = {"role": Role.CUSTOMER, "made_with_customer": True}
        make.UserFactory(**owned, **unused, last_sign_in_at=random.choice([None, None, NOW]))
    return customer


def make_catalog_entry(organisations: TwoOrganisations, random: Random) -> CatalogItem:
    """One that a customer may have."""
    entry = make.CatalogItemFactory(organisation=own_organisation(organisations))
    if random.random() < 0.4:
        make_bare_customer(organisations).category_id = entry.id
    return entry


def make_any_user(organisations: TwoOrganisations, random: Random) -> User:
    """Anybody, who may have been sent a link a moment ago."""
    role = random.choice([Role.AGENT, Role.ADMIN, Role.CUSTOMER])
    user = make_portal_user(organisations, random) if role is Role.CUSTOMER else None
    user = user or make.UserFactory(
        organisation=own_organisation(organisations),
        role=role,
        active=random.random() < 0.7,
        platform=random.random() < 0.2,
        password_hash=random.choice([None, "kept"]),
    )
    if random.random() < 0.3:
        purpose = TemplatePurpose.RESET if user.password_hash else TemplatePurpose.WELCOME
        key = f"{purpose.value} {user.id} {user.sign_in_epoch} {int(NOW.timestamp()) // 300}"
        make.OutboxMessageFactory(organisation=own_organisation(organisations), reason_key=key)
    return user


def make_portal_user(organisations: TwoOrganisations, random: Random) -> User:
    """One who has a password or not, and maybe tasks from the time when they were staff."""
    user = make.UserFactory(
        organisation=own_organisation(organisations),
        role=Role.CUSTOMER,
        customer_id=random.choice(organisations.own.customers),
        active=random.random() < 0.7,
        password_hash=random.choice([None, "kept"]),
        link_until=random.choice([None, NOW]),
        name=random.choice(["Kim", "Kim", " Kim "]),
    )
    if random.random() < 0.3:
        make.ApprovalTaskFactory(organisation=own_organisation(organisations), assignee_id=user.id)
    return user


# --- What is entered ---------------------------------------------------------------------------------------------


def choose_comment(random: Random) -> Values:
    return {"comment": random.choice(TEXTS)}


def choose_details(random: Random) -> Values:
    """What is entered for one customer, right or wrong."""
    return {
        name: random.choice([None, *[f"R {random.randrange(99)}"] * 4, "r" * 61])
        for name in ("credit_reference", "billing_reference")
    } | {"estimated_monthly_revenue": random.choice([None, *[Decimal("12.50")] * 4, Decimal(-1)])}


def choose_alert(random: Random) -> Values:
    return {
        "text": random.choice(["Ring first", "Ring first", "", "x" * 501]),
        "severity": random.choice(list(Severity)),
        "type_id": random.choice([None, None, 10**9]),
        "valid_until": random.choice([None, date(2026, 6, 1), date(2026, 5, 31)]),
    }


def choose_reason(random: Random) -> Values:
    return {"reason": random.choice(TEXTS)}


def choose_terms(random: Random) -> Values:
    return choose_reason(random) | {"valid_until": random.choice([None, date(2026, 6, 1), date(2026, 5, 31)])}


def choose_review(random: Random) -> Values:
    return {
        "done_on": random.choice([date(2026, 6, 1), date(2026, 5, 30), date(2026, 3, 3), date(2026, 6, 2)]),
        "risk": random.choice([None, Risk.LOW, Risk.HIGH]),
        "note": random.choice([None, "All is well", "x" * 2001]),
    }


def choose_end(random: Random) -> Values:
    return choose_reason(random) | {"end_date": random.choice([date(2026, 6, 1), date(2026, 6, 1), None])}


def choose_delivery(random: Random) -> Values:
    days = [date(2026, 5, 1), date(2026, 5, 1), date(2026, 6, 2), None]
    return choose_reason(random) | {"delivered_on": random.choice(days)}


def choose_nothing(_random: Random) -> Values:
    return {}


@dataclass(frozen=True)
class ManyCase:
    """An operation, how rows are made that it can, or cannot, be done to, and what is entered, for all and for each."""

    operation: Operation
    make_row: MakeRow
    choose_values: Callable[[Random], Values] = choose_nothing
    choose_own_values: Callable[[Random], Values] | None = None
    may_be_done_singly: bool = False  # where something is refused that nobody could tell beforehand

    @property
    def name(self) -> str:
        return f"{self.operation.name}, {self.make_row.__name__}"


def get_operation(operations: Sequence[Operation], name: str) -> Operation:
    return next(each for each in operations if each.name == name)


CASES = (
    ManyCase(EDIT, make_edited_customer, choose_changes),
    ManyCase(get_operation(OPERATIONS, "approve"), make_onboarding_or_recheck, choose_comment, choose_details),
    ManyCase(get_operation(OPERATIONS, "decline"), make_any_task, choose_comment),
    ManyCase(get_operation(OPERATIONS, "withdraw"), make_any_task, choose_comment),
    *(
        ManyCase(
            operation,
            make_onboarded_customer,
            choose_comment,
            choose_details if operation.name in ("pass", "bill") else None,
        )
        for operation in STAGE_OPERATIONS
    ),
    ManyCase(RAISE, make_customer, choose_alert),
    ManyCase(get_operation(AlertView.operations, "close"), make_any_alert),
    ManyCase(REQUEST, make_requested_customer, choose_terms),
    ManyCase(REMOVAL, make_requested_customer, choose_reason),
    *(ManyCase(operation, make_tagged_customer, choose_tags) for operation in (ADD_TAGS, REMOVE_TAGS)),
    ManyCase(RECORD, make_reviewed_customer, choose_review),
    ManyCase(get_operation(ContractView.operations, "passive"), make_any_contract, choose_reason),
    ManyCase(get_operation(ContractView.operations, "end"), make_any_contract, choose_end),
    ManyCase(get_operation(OrderView.operations, "start"), make_any_order, choose_reason),
    ManyCase(get_operation(OrderView.operations, "deliver"), make_any_order, choose_delivery),
    ManyCase(get_operation(OrderView.operations, "cancel"), make_any_order, choose_reason),
    ManyCase(SEND_AGAIN, make_any_message),
    ManyCase(CANCEL_MESSAGE, make_any_message),
    ManyCase(DELETE, make_deletable_customer, may_be_done_singly=True),
    ManyCase(get_operation(USER_OPERATIONS, "invite"), make_any_user),
    ManyCase(get_operation(USER_OPERATIONS, "sign-out"), make_any_user),
    *(ManyCase(operation, make_portal_user) for operation in PORTAL_USER_OPERATIONS),
    ManyCase(DELETE_SETUP, make_catalog_entry),
)


def list_related(rows: Sequence[Row]) -> list[Row]:
    """These rows, and what belongs to them."""
    ids = [row.id for row in rows if isinstance(row, Customer)]
    tasks = db.session.query(ApprovalTask).filter(ApprovalTask.customer_id.in_(ids))
    customers = [row.customer for row in rows if isinstance(row, ApprovalTask) and row.customer is not None]
    return [*rows, *customers, *tasks.order_by(ApprovalTask.id)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_many_at_once_are_as_one_after_the_other(organisations: TwoOrganisations, case: ManyCase):
    done = refused = 0
    for number in range(ROUNDS):
        random = Random(f"{case.name} {number}")
        with history.act_as(Actor(None, organisations.own.id), "test"):
            rows = [case.make_row(organisations, random) for _ in range(ROWS)]
            model = type(rows[0])
            foreign = organisations.foreign
            foreign_id = foreign.users[Role.CUSTOMER] if model is User else foreign.row_id(model)
            rows.append(db.session.get_one(model, foreign_id))
            random.shuffle(rows)
            db.session.commit()
        keys, changed = [row.id for row in rows], [row for row in list_related(rows) if random.random() < 0.15]
        own_values = {key: case.choose_own_values(random) for key in keys} if case.choose_own_values else {}
        role = random.choice([Role.ADMIN, Role.ADMIN, Role.MANAGER, Role.MANAGER, Role.AGENT])
        actor = Actor.from_user(db.session.get_one(User, organisations.own.users[role]))
        values = {"actor": actor, "values_by_id": own_values, **case.choose_values(random)}
        if not actor.has_permission(case.operation.permission):
            continue
        with time_machine.travel(NOW, tick=False), history.act_as(actor, "test"):
            run_many = run_at_once_or_singly if case.may_be_done_singly else run_at_once
            one, other = (
                find_outcome(run, case.operation, model, keys, changed, **values) for run in (run_one_by_one, run_many)
            )
        assert other == one, "\n".join([f"round {number}", *list_differences(one, other)])
        refused += len(one[0])
        done += len(keys) - len(one[0])
    assert done, "something was done"
    assert refused, "and something refused"
