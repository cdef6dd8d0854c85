"""Two organisations that know nothing of each other, with people in every role and rows in every table.

The world is made once for each kind of database; each test gets a copy of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import Base, db
from models.enums import CatalogType, PortalPermission, Role, TemplatePurpose, TransferState
from seed.reference import seed_reference
from tests import factories as make
from tests.conftest import DATABASE, let_go
from tests.databases import SEALED, Databases

FILLED = f"{SEALED}filled"


@dataclass
class Side:
    """One organisation. `users` has the id of a person in each role, `rows` that of a row of each table."""

    id: int
    users: dict[Role, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    customers: list[int] = field(default_factory=list)

    def row(self, model: Any) -> int:
        return self.rows[model.__tablename__]


@dataclass
class World:
    app: Flask
    ours: Side
    theirs: Side
    platform_user: int


def _fill() -> tuple[Side, Side, int]:
    ours, theirs = _side("Our Telecom"), _side("Their Telecom")
    own = db.session.get(models.Organisation, ours.id)
    person = make.UserFactory(organisation=own, name="Pat Platform", platform=True)
    return ours, theirs, person.id


def _side(name: str) -> Side:
    organisation = make.OrganisationFactory(name=name)
    seed_reference(organisation)
    side = Side(organisation.id)
    for role in (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.PARTNER):
        side.users[role] = make.UserFactory(organisation=organisation, role=role, name=f"The {role.value}").id
    for number in range(3):
        side.customers.append(_customer(organisation, side, number).id)
    side.users[Role.CUSTOMER] = make.UserFactory(
        organisation=organisation, role=Role.CUSTOMER, customer_id=side.customers[0], name="The customer",
        portal_permissions=[PortalPermission.DASHBOARD, PortalPermission.DOCUMENTS],
    ).id  # fmt: skip
    _others(organisation, side)
    for model in (mapper.class_ for mapper in Base.registry.mappers):
        if hasattr(model, "organisation_id") and hasattr(model, "id"):
            found = select(model.id).where(model.organisation_id == side.id).order_by(model.id).limit(1)
            side.rows[model.__tablename__] = db.session.scalar(found)
    side.rows |= {"organisation": side.id, "customer": side.customers[0]}
    return side


def _others(organisation: models.Organisation, side: Side) -> None:
    """A row in each of the tables that neither the reference data nor a customer fills. No work is left to be done."""
    for factory in (make.ProductFactory, make.OutboxMessageFactory, make.StoredFileFactory):
        factory(organisation=organisation)
    make.DefaultValueSetFactory(organisation=organisation)
    ended = {"state": TransferState.CANCELLED}  # a queued one that nobody begins is taken up again after a while
    make.CustomerImportFactory(organisation=organisation, **ended)
    make.ListExportFactory(organisation=organisation, user_id=side.users[Role.ADMIN], **ended)
    make.ImportRowFactory(import_id=_one(models.CustomerImport, organisation))
    make.SavedViewFactory(user_id=side.users[Role.ADMIN])
    _approvals(organisation, side)
    owned = {"organisation": organisation, "customer_id": side.customers[0]}
    for customer in (side.customers[0], side.customers[2]):
        _contracts(organisation, customer)
    make.ReviewFactory(**owned, done_by_id=side.users[Role.AGENT])
    make.ReminderFactory(**owned)
    make.OutboxAttachmentFactory(organisation=organisation)


def _contracts(organisation: models.Organisation, customer: int) -> None:
    owned = {"organisation": organisation, "customer_id": customer}
    profile = _one(models.InvoiceProfile, organisation, models.InvoiceProfile.customer_id == customer)
    contract = make.ContractFactory(**owned, invoice_profile_id=profile)
    make.CustomerOrderFactory(**owned, contract_id=contract.id)


def _approvals(organisation: models.Organisation, side: Side) -> None:
    owned = {"organisation": organisation, "customer_id": side.customers[0]}
    task = make.ApprovalTaskFactory(**owned, requester_id=side.users[Role.PARTNER])
    make.TaskCommentFactory(organisation=organisation, task_id=task.id, user_id=side.users[Role.AGENT])
    make.AlertFactory(**owned)
    make.BlacklistEntryFactory(organisation=organisation)
    make.MergedCustomerFactory(organisation=organisation, into_id=side.customers[0])


def _one(model: Any, organisation: models.Organisation, *where: Any) -> int:
    found = select(model.id).where(model.organisation_id == organisation.id, *where).order_by(model.id).limit(1)
    return db.session.scalars(found).one()


def _customer(organisation: models.Organisation, side: Side, number: int) -> models.Customer:
    """A customer of the partner's dealer with something in every tab."""
    dealer = db.session.get(models.User, side.users[Role.PARTNER]).dealer_id
    customer = make.CustomerFactory(
        organisation=organisation,
        name=f"{organisation.name} customer {number}",
        reference=f"REF-{number}",
        status_id=_one(models.CustomerStatus, organisation),
        region_id=_one(models.CatalogItem, organisation, models.CatalogItem.type == CatalogType.REGION),
        departments=[db.session.get(models.Department, _one(models.Department, organisation))],
        invoice_types=[db.session.get(models.InvoiceType, _one(models.InvoiceType, organisation))],
        account_manager_id=side.users[Role.AGENT],
        dealer_id=dealer,
        group_id=make.CustomerGroupFactory(organisation=organisation).id,
        review_start_date=make.date(2025, 1, 31),
        review_frequency=3,
        portal_access=True,
    )
    template = models.NotificationTemplate.purpose == TemplatePurpose.COMPLIANCE
    owned = {"organisation": organisation, "customer_id": customer.id}
    make.AddressFactory(**owned)
    make.ComplianceDocumentFactory(**owned, template_id=_one(models.NotificationTemplate, organisation, template))
    make.BillingLineFactory(**owned, department_id=_one(models.Department, organisation))
    make.InvoiceProfileFactory(**owned)
    make.LegalEntityFactory(**owned, business_entity_id=make.BusinessEntityFactory(organisation=organisation).id)
    customer.default_tariff_id = make.TariffRateFactory(organisation=organisation).tariff_id
    return customer


@pytest.fixture(scope="session")
def filled(session_app: Flask, databases: Databases) -> tuple[Side, Side, int]:
    """What is in the database that the copies are made of."""
    let_go(session_app)
    databases.fresh(DATABASE)
    with session_app.app_context(), history.acting(Actor(None, 0), "test"):
        made = _fill()
        db.session.commit()
    let_go(session_app)
    databases.fresh(FILLED, template=DATABASE)
    return made


@pytest.fixture
def world(anew: Callable[[str], Flask], filled: tuple[Side, Side, int]) -> Iterator[World]:
    """The two organisations as they were made, an empty queue and an empty folder for files."""
    app = anew(FILLED)
    with app.app_context():
        yield World(app, *filled)
