"""Every generated screen: who may see it, who may change it, and what a right entry on its form is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import Any

import models
from models.base import db
from models.enums import ContractStatus, OrderStatus, ProfileStatus, Role, Stage, TaskKind, TaskState
from tests import factories as make
from tests.world import Side, World

STAFF = frozenset({"agent", "manager", "admin", "platform"})
MANAGERS = frozenset({"manager", "admin", "platform"})
ADMINS = frozenset({"admin", "platform"})
NOBODY: frozenset[str] = frozenset()

numbers = count(1)


def always(_world: World) -> dict[str, Any]:
    return {}


def nothing(_world: World) -> list[int]:
    return []


@dataclass(frozen=True)
class Act:
    """An operation of a screen: who may run it, a row to run it on, what to enter, and how to see that it was done."""

    roles: frozenset[str]
    row: Callable[[World], Any]
    done: Callable[[Any], bool]  # asked with the row as it is afterwards, or None
    entered: Callable[[World], dict[str, Any]] = always
    also: Callable[[World], list[int]] = nothing  # the ids of further rows that it is run on


@dataclass(frozen=True)
class Screen:
    """`new` fills the form of a new row, `changed` is the column that an edit changes; where it is blank none may.
    `listed` is the address of the list that has every row of the world; `key` tells which row of an organisation to
    open where not every row of the table is one of the screen's.
    """

    model: Any
    sees: frozenset[str] = STAFF
    edits: frozenset[str] = ADMINS
    makes: frozenset[str] | None = None
    new: Callable[[World], dict[str, Any]] = field(default=lambda _world: {"name": fresh("New")})
    changed: str = "name"
    acts: dict[str, Act] = field(default_factory=dict)
    lookup: str = ""
    marker: str = ""
    listed: str = "/"
    key: Callable[[Side], int] | None = None

    def row_of(self, side: Side) -> int:
        return self.key(side) if self.key else side.row(self.model)

    @property
    def creators(self) -> frozenset[str]:
        return self.edits if self.makes is None else self.makes


def fresh(word: str) -> str:
    return f"{word} {next(numbers)}"


def unlike() -> str:
    """A name that is like no other, so that nobody is warned of a duplicate."""
    return sha256(str(next(numbers)).encode()).hexdigest()[:16]


def gone(row: Any) -> bool:
    return row is None


def ours(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def deletable(factory: Any, roles: frozenset[str] = ADMINS) -> dict[str, Act]:
    return {"delete": Act(roles, lambda world: factory(organisation=ours(world)), gone)}


def new_customer(world: World) -> dict[str, Any]:
    known = db.session.get_one(models.Customer, world.ours.customers[0])
    return {
        "name": unlike(), "reference": fresh("N"), "email": f"{unlike()}@customer.example", "start_date": "2025-01-31",
        "risk": "Low", "region_id": str(known.region_id), "departments": [str(known.departments[0].id)],
        "kind": "company",
    }  # fmt: skip


def bare_customer(world: World, **values: Any) -> models.Customer:
    """One that nothing hangs on."""
    known = db.session.get_one(models.Customer, world.ours.customers[0])
    chosen = {"region_id": known.region_id, "status_id": known.status_id, "departments": list(known.departments)}
    return make.CustomerFactory(organisation=ours(world), **chosen, **values)


def somebody(active: bool = True) -> Callable[[World], models.User]:
    return lambda world: make.UserFactory(organisation_id=world.ours.id, role=Role.AGENT, active=active)


def was_invited(user: models.User) -> bool:
    mails = db.session.query(models.OutboxMessage).filter_by(recipient=user.email)
    return mails.count() == 1


def staged(stage: Stage) -> Callable[[World], models.Customer]:
    """A customer in a stage, whose onboarding is the agent's to decide."""

    def made(world: World) -> models.Customer:
        customer = bare_customer(world)
        customer.stage = stage
        is_open = stage is not Stage.FAILED
        make.ApprovalTaskFactory(
            organisation=ours(world), customer_id=customer.id, assignee_id=world.ours.users[Role.AGENT],
            state=TaskState.OPEN if is_open else TaskState.DECLINED,
        )  # fmt: skip
        return customer

    return made


def in_stage(stage: Stage) -> Callable[[Any], bool]:
    return lambda customer: customer.stage is stage


def asked_for(kind: TaskKind) -> Callable[[Any], bool]:
    return lambda customer: db.session.query(models.ApprovalTask).filter_by(customer_id=customer.id, kind=kind).count()


def listed_customer(world: World) -> models.Customer:
    customer = bare_customer(world)
    make.BlacklistEntryFactory(organisation=ours(world), customer_id=customer.id)
    return customer


def wants_report(customer: models.Customer) -> bool:
    asked = [each.query for each in db.session.query(models.ListExport).filter_by(screen="report", format="pdf")]
    return asked.count({"customer": customer.id, "as_of": "2025-06-30"}) == 1


def said(text: str) -> Callable[[World], dict[str, Any]]:
    return lambda _world: {"comment": text}


CUSTOMER_ACTS = {
    "assign": Act(
        MANAGERS,
        bare_customer,
        lambda row: row.account_manager_id is not None,
        lambda world: {"manager_id": str(world.ours.users[Role.AGENT])},
    ),
    "delete": Act(MANAGERS, bare_customer, gone),
    "pass": Act(STAFF, staged(Stage.NEW), in_stage(Stage.PASSED)),
    "refer": Act(STAFF, staged(Stage.NEW), in_stage(Stage.REFERRED), said("Who signs?")),
    "fail": Act(STAFF, staged(Stage.REFERRED), in_stage(Stage.FAILED), said("Never pays")),
    "bill": Act(STAFF, staged(Stage.PASSED), in_stage(Stage.BILLING), lambda _world: {"billing_reference": "B 1"}),
    "alert": Act(
        STAFF, bare_customer, lambda row: db.session.query(models.Alert).filter_by(customer_id=row.id).count() == 1,
        lambda _world: {"text": "Ring first", "severity": "info"},
    ),
    "review": Act(
        STAFF, bare_customer, lambda row: db.session.query(models.Review).filter_by(customer_id=row.id).count() == 1,
        lambda _world: {"done_on": "2025-06-30", "risk": "High"},
    ),
    "report": Act(STAFF, bare_customer, wants_report, lambda _world: {"as_of": "2025-06-30"}),
    "blacklist": Act(STAFF, bare_customer, asked_for(TaskKind.BLACKLIST), lambda _world: {"reason": "Never paid"}),
    "unblacklist": Act(STAFF, listed_customer, asked_for(TaskKind.REMOVAL), lambda _world: {"reason": "Paid all"}),
    "merge": Act(
        MANAGERS, bare_customer, gone, lambda _world: {"survivor": "second"}, lambda world: [bare_customer(world).id]
    ),
}  # fmt: skip


def a_task(**values: Any) -> Callable[[World], models.ApprovalTask]:
    """A task that a partner asked for and nobody has; `values` that end with _id may be roles."""

    def made(world: World) -> models.ApprovalTask:
        users = world.ours.users
        given = {name: users[value] if isinstance(value, Role) else value for name, value in values.items()}
        asked = {"requester_id": users[Role.PARTNER], "customer_id": bare_customer(world).id}
        return make.ApprovalTaskFactory(organisation=ours(world), **asked | given)

    return made


UPDATE = {"kind": TaskKind.PARTICULARS, "proposal": {"website": [None, "https://new.example"]}}
TASK_ACTS = {
    "claim": Act(STAFF, a_task(), lambda row: row.assignee_id is not None),
    "approve": Act(
        STAFF, a_task(assignee_id=Role.AGENT, **UPDATE), lambda row: row.customer.website == "https://new.example"
    ),
    "decline": Act(
        STAFF, a_task(assignee_id=Role.AGENT, **UPDATE), lambda row: row.state is TaskState.DECLINED, said("No")
    ),
    "assign": Act(
        MANAGERS, a_task(), lambda row: row.assignee_id is not None,
        lambda world: {"assignee_id": str(world.ours.users[Role.AGENT])},
    ),
    "release": Act(STAFF, a_task(assignee_id=Role.AGENT), lambda row: row.assignee_id is None),
    "due": Act(
        MANAGERS, a_task(), lambda row: str(row.due_on) == "2031-05-01", lambda _world: {"due_on": "2031-05-01"}
    ),
    "comment": Act(STAFF, a_task(), lambda row: [each.text for each in row.comments] == ["Look"], said("Look")),
    "withdraw": Act(
        STAFF, a_task(requester_id=Role.AGENT, kind=TaskKind.BLACKLIST, proposal={"reason": "Never paid"}),
        lambda row: row.state is TaskState.WITHDRAWN,
    ),
}  # fmt: skip


def an_alert(world: World) -> models.Alert:
    return make.AlertFactory(organisation=ours(world), customer_id=world.ours.customers[0])


def live_customer(world: World) -> models.Customer:
    return bare_customer(world, stage=Stage.BILLING)


def new_contract(world: World) -> dict[str, Any]:
    customer = live_customer(world)
    profile = make.InvoiceProfileFactory(organisation=ours(world), customer_id=customer.id)
    return {"customer_id": str(customer.id), "name": fresh("New"), "start_date": "2025-01-31",
            "invoice_profile_id": str(profile.id), "connections": "5"}  # fmt: skip


def new_order(world: World) -> dict[str, Any]:
    return {"customer_id": str(live_customer(world).id), "description": fresh("New"), "ordered_on": "2025-01-31",
            "connections": "5"}  # fmt: skip


def a_contract(status: ContractStatus) -> Callable[[World], models.Contract]:
    def made(world: World) -> models.Contract:
        owned = {"organisation": ours(world), "customer_id": live_customer(world).id}
        profile = make.InvoiceProfileFactory(
            **owned, status=ProfileStatus.COMPLETED, nda_file_id=make.StoredFileFactory(organisation=ours(world)).id
        )
        return make.ContractFactory(**owned, status=status, invoice_profile_id=profile.id)

    return made


def an_order(status: OrderStatus) -> Callable[[World], models.CustomerOrder]:
    return lambda world: make.CustomerOrderFactory(
        organisation=ours(world), customer_id=live_customer(world).id, status=status
    )


def became(status: Any) -> Callable[[Any], bool]:
    return lambda row: row.status is status


CONTRACT_ACTS = {
    "passive": Act(STAFF, a_contract(ContractStatus.LIVE), became(ContractStatus.PASSIVE)),
    "live": Act(STAFF, a_contract(ContractStatus.PASSIVE), became(ContractStatus.LIVE)),
    "end": Act(STAFF, a_contract(ContractStatus.LIVE), became(ContractStatus.ENDED),
               lambda _world: {"end_date": "2025-12-31"}),
}  # fmt: skip
ORDER_ACTS = {
    "start": Act(STAFF, an_order(OrderStatus.PLACED), became(OrderStatus.IN_PROGRESS)),
    "deliver": Act(STAFF, an_order(OrderStatus.IN_PROGRESS), became(OrderStatus.DELIVERED),
                   lambda _world: {"delivered_on": "2025-02-28"}),
    "cancel": Act(STAFF, an_order(OrderStatus.PLACED), became(OrderStatus.CANCELLED)),
}  # fmt: skip
USER_ACTS = {
    "invite": Act(ADMINS, somebody(), was_invited),
    "sign-out": Act(ADMINS, somebody(), lambda user: user.sign_in_epoch == 1),
    "deactivate": Act(ADMINS, somebody(), lambda user: not user.active),
    "activate": Act(ADMINS, somebody(active=False), lambda user: user.active),
    "delete": Act(ADMINS, somebody(), gone),
}


def portal_user(**values: Any) -> Callable[[World], models.User]:
    owned = {"role": Role.CUSTOMER, **values}
    return lambda world: make.UserFactory(organisation=ours(world), customer_id=world.ours.customers[1], **owned)


def has_link(user: models.User) -> bool:
    return was_invited(user) and user.sign_in_epoch == 1


PORTAL_USER_ACTS = {
    "invite": Act(STAFF, portal_user(), has_link),
    "reset": Act(STAFF, portal_user(password_hash="kept"), has_link),
    "disable": Act(STAFF, portal_user(), lambda user: not user.active),
    "enable": Act(STAFF, portal_user(active=False), lambda user: user.active),
}


def done_import(world: World) -> models.CustomerImport:
    return make.CustomerImportFactory(organisation=ours(world), state=models.enums.TransferState.DONE)


def failed_message(world: World) -> models.OutboxMessage:
    return make.OutboxMessageFactory(
        organisation=ours(world), state=models.enums.OutboxState.FAILED, next_attempt_at=None, last_error="550 no"
    )


SCREENS: dict[str, Screen] = {
    "customers": Screen(
        models.Customer, edits=STAFF, new=new_customer, acts=CUSTOMER_ACTS, lookup="customer.account_manager_id"
    ),
    "groups": Screen(
        models.CustomerGroup, edits=STAFF, acts=deletable(make.CustomerGroupFactory, STAFF),
        lookup="customer_group.parent_id",
    ),
    "contracts": Screen(
        models.Contract, edits=STAFF, new=new_contract, acts=CONTRACT_ACTS, lookup="contract.customer_id"
    ),
    "orders": Screen(
        models.CustomerOrder, edits=STAFF, new=new_order, changed="description", acts=ORDER_ACTS,
        lookup="customer_order.customer_id",
    ),
    "tasks": Screen(models.ApprovalTask, edits=NOBODY, acts=TASK_ACTS, listed="/?f=state:is:open"),
    "blacklist": Screen(models.BlacklistEntry, edits=NOBODY),
    "alerts": Screen(
        models.Alert, edits=NOBODY, acts={"close": Act(STAFF, an_alert, lambda row: row.closed_at is not None)}
    ),
    "organisations": Screen(
        models.Organisation, marker="Time zone", makes=frozenset({"platform"}),
        new=lambda _world: {"name": fresh("New"), "currency": "CHF", "country": "CH", "timezone": "Europe/Zurich"},
    ),
    "business-entities": Screen(
        models.BusinessEntity, acts=deletable(make.BusinessEntityFactory),
        new=lambda _world: {"name": fresh("New"), "registered_name": "New Ltd", "address": "1 Street"},
    ),
    "catalogs": Screen(
        models.CatalogItem, acts=deletable(make.CatalogItemFactory),
        new=lambda _world: {"name": fresh("New"), "type": "region"},
    ),
    "departments": Screen(models.Department, acts=deletable(make.DepartmentFactory)),
    "commodities": Screen(
        models.Commodity, acts=deletable(make.CommodityFactory),
        new=lambda _world: {"name": fresh("New"), "unit": "kWh"}
    ),
    "locations": Screen(models.Location, acts=deletable(make.LocationFactory)),
    "billed-users": Screen(models.BilledUser, acts=deletable(make.BilledUserFactory)),
    "statuses": Screen(
        models.CustomerStatus, acts=deletable(make.CustomerStatusFactory),
        new=lambda _world: {"name": fresh("New"), "behaviour": "bill"},
    ),
    "templates": Screen(
        models.NotificationTemplate, acts=deletable(make.NotificationTemplateFactory),
        new=lambda _world: {"name": fresh("New"), "purpose": "review due", "subject": "A", "body": "B"},
    ),
    "products": Screen(
        models.Product, acts=deletable(make.ProductFactory),
        new=lambda _world: {"name": fresh("New"), "code": fresh("N"), "kind": "feature"},
    ),
    "tariffs": Screen(models.Tariff, acts=deletable(make.TariffFactory)),
    "payment-methods": Screen(models.PaymentMethod, acts=deletable(make.PaymentMethodFactory)),
    "payment-terms": Screen(models.PaymentTerms, acts=deletable(make.PaymentTermsFactory)),
    "vat-rates": Screen(
        models.VatRate, acts=deletable(make.VatRateFactory), new=lambda _world: {"name": fresh("New"), "percent": "7.7"}
    ),
    "invoice-types": Screen(models.InvoiceType, acts=deletable(make.InvoiceTypeFactory)),
    "default-values": Screen(
        models.DefaultValueSet, acts=deletable(make.DefaultValueSetFactory), lookup="customer.account_manager_id"
    ),
    "dealers": Screen(
        models.Dealer, acts=deletable(make.DealerFactory), marker="Nordwind", changed="code",
        new=lambda _world: {"name": fresh("New"), "code": fresh("N")}
    ),
    "users": Screen(
        models.User, sees=MANAGERS, acts=USER_ACTS, lookup="hub_user.customer_id",
        new=lambda _world: {"name": fresh("New"), "email": f"new{next(numbers)}@hub.example", "role": "agent"},
    ),
    "portal-users": Screen(
        models.User, edits=STAFF, acts=PORTAL_USER_ACTS, lookup="hub_user.customer_id", marker="Our Telecom customer 0",
        key=lambda side: side.users[Role.CUSTOMER],
        new=lambda world: {"name": fresh("New"), "email": f"new{next(numbers)}@hub.example",
                           "customer_id": str(world.ours.customers[1])},
    ),
    "outbox": Screen(
        models.OutboxMessage, sees=MANAGERS, edits=NOBODY,
        acts={
            "send-again": Act(ADMINS, failed_message, lambda row: row.state is models.enums.OutboxState.WAITING),
            "cancel": Act(ADMINS, failed_message, lambda row: row.state is models.enums.OutboxState.CANCELLED),
        },
    ),
    "exports": Screen(models.ListExport, edits=NOBODY),
    "imports": Screen(
        models.CustomerImport, edits=NOBODY,
        acts={"revert": Act(STAFF, done_import, lambda row: row.state is not models.enums.TransferState.DONE)},
    ),
    "history": Screen(models.History, edits=NOBODY),
}  # fmt: skip
