"""Two organisations that know nothing of each other, with people in every role and rows in every table.

The data is made once for each kind of database; each test gets a copy of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models.base import Base, db
from models.enums import CatalogType, CustomFieldKind, PortalPermission, Role, TemplatePurpose, TransferState
from seed.reference import seed_reference
from tests.conftest import DATABASE, close_connections
from tests.support import factories as make
from tests.support.databases import TEMPLATE_PREFIX, Databases

FILLED_TEMPLATE = f"{TEMPLATE_PREFIX}two_organisations"


@dataclass
class OrganisationRows:
    """One organisation. `users` has the id of a person in each role, `rows` that of a row of each table."""

    id: int
    users: dict[Role, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    customers: list[int] = field(default_factory=list)

    def row_id(self, model: Any) -> int:
        return self.rows[model.__tablename__]


@dataclass
class TwoOrganisations:
    app: Flask
    own: OrganisationRows
    foreign: OrganisationRows
    platform_user: int


def own_organisation(organisations: TwoOrganisations) -> models.Organisation:
    return db.session.get_one(models.Organisation, organisations.own.id)


def get_customer(organisations: TwoOrganisations, number: int = 0) -> models.Customer:
    return db.session.get_one(models.Customer, organisations.own.customers[number])


def change_row(organisations: TwoOrganisations, row: Any, **values: Any) -> None:
    """Set `values` of a row of the own organisation, and commit."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def _make_organisations() -> tuple[OrganisationRows, OrganisationRows, int]:
    own, foreign = _make_organisation("Our Telecom"), _make_organisation("Their Telecom")
    organisation = db.session.get(models.Organisation, own.id)
    person = make.UserFactory(organisation=organisation, name="Pat Platform", platform=True)
    return own, foreign, person.id


def _make_organisation(name: str) -> OrganisationRows:
    organisation = make.OrganisationFactory(name=name)
    seed_reference(organisation)
    side = OrganisationRows(organisation.id)
    for role in (Role.ADMIN, Role.MANAGER, Role.AGENT, Role.PARTNER):
        side.users[role] = make.UserFactory(organisation=organisation, role=role, name=f"The {role.value}").id
    for number in range(3):
        side.customers.append(_make_customer(organisation, side, number).id)
    side.users[Role.CUSTOMER] = make.UserFactory(
        organisation=organisation,
        role=Role.CUSTOMER,
        customer_id=side.customers[0],
        name="The customer",
        portal_permissions=[PortalPermission.DASHBOARD, PortalPermission.DOCUMENTS, PortalPermission.CASES],
    ).id
    _add_other_rows(organisation, side)
    for model in (mapper.class_ for mapper in Base.registry.mappers):
        if hasattr(model, "organisation_id") and hasattr(model, "id"):
            first_id = select(model.id).where(model.organisation_id == side.id).order_by(model.id).limit(1)
            side.rows[model.__tablename__] = db.session.scalar(first_id)
    side.rows |= {"organisation": side.id, "customer": side.customers[0]}
    return side


def _add_other_rows(organisation: models.Organisation, side: OrganisationRows) -> None:
    """A row in each of the tables that neither the reference data nor a customer fills. No work is left to be done."""
    for factory in (make.ProductFactory, make.OutboxMessageFactory, make.StoredFileFactory):
        factory(organisation=organisation)
    make.DefaultValueSetFactory(organisation=organisation)
    make.FormLayoutFactory(organisation=organisation)
    field = make.CustomFieldFactory(organisation=organisation, kind=CustomFieldKind.CHOICE, active=False)
    make.CustomFieldChoiceFactory(organisation=organisation, field_id=field.id)
    cancelled = {"state": TransferState.CANCELLED}  # a queued one that nobody begins is taken up again after a while
    make.CustomerImportFactory(organisation=organisation, **cancelled)
    make.ListExportFactory(organisation=organisation, user_id=side.users[Role.ADMIN], **cancelled)
    make.OperationRunFactory(organisation=organisation, user_id=side.users[Role.ADMIN], **cancelled)
    make.OperationRunRowFactory(run_id=_first_id(models.OperationRun, organisation))
    make.ImportRowFactory(import_id=_first_id(models.CustomerImport, organisation))
    make.SavedViewFactory(user_id=side.users[Role.ADMIN])
    _add_approvals(organisation, side)
    owned = {"organisation": organisation, "customer_id": side.customers[0]}
    for customer in (side.customers[0], side.customers[2]):
        _add_contracts(organisation, customer)
    make.ReviewFactory(**owned, done_by_id=side.users[Role.AGENT])
    make.ReminderFactory(**owned)
    make.OutboxAttachmentFactory(organisation=organisation)
    _add_activity(organisation, side)
    _add_signatures(organisation, side)


def _add_signatures(organisation: models.Organisation, side: OrganisationRows) -> None:
    """The set-up of signing, as far as it has no secrets, and a document that waits for a signature."""
    own = {"organisation": organisation}
    make.SigningSettingsFactory(**own)
    make.SigningKeyFactory(**own, active=False)
    is_customers = models.InvoiceProfile.customer_id == side.customers[2]
    profile_id = _first_id(models.InvoiceProfile, organisation, is_customers)
    envelope = make.EnvelopeFactory(**own, customer_id=side.customers[2], invoice_profile_id=profile_id)
    make.EnvelopeSignerFactory(**own, envelope_id=envelope.id)
    make.SigningRequestFactory(**own, envelope_id=envelope.id)
    make.SigningEventFactory(**own, envelope_id=envelope.id)


def _add_activity(organisation: models.Organisation, side: OrganisationRows) -> None:
    owned = {"organisation": organisation, "customer_id": side.customers[0]}
    note = make.NoteFactory(**owned, author_id=side.users[Role.ADMIN])
    seen = {"user_id": side.users[Role.AGENT], "seen_at": clock.get_now()}
    make.NoteMentionFactory(organisation=organisation, note_id=note.id, **seen)
    make.AttachmentFactory(**owned, uploaded_by_id=side.users[Role.ADMIN])
    case = make.CustomerCaseFactory(**owned, requester_id=side.users[Role.CUSTOMER])
    make.CaseNoteFactory(organisation=organisation, case_id=case.id, user_id=side.users[Role.CUSTOMER], is_visible=True)


def _add_contracts(organisation: models.Organisation, customer: int) -> None:
    owned = {"organisation": organisation, "customer_id": customer}
    profile = _first_id(models.InvoiceProfile, organisation, models.InvoiceProfile.customer_id == customer)
    contract = make.ContractFactory(**owned, invoice_profile_id=profile)
    make.CustomerOrderFactory(**owned, contract_id=contract.id)


def _add_approvals(organisation: models.Organisation, side: OrganisationRows) -> None:
    owned = {"organisation": organisation, "customer_id": side.customers[0]}
    task = make.ApprovalTaskFactory(**owned, requester_id=side.users[Role.PARTNER])
    make.TaskCommentFactory(organisation=organisation, task_id=task.id, user_id=side.users[Role.AGENT])
    make.TaskFileFactory(organisation=organisation, task_id=task.id, user_id=side.users[Role.AGENT])
    make.AlertFactory(**owned)
    make.BlacklistEntryFactory(organisation=organisation)
    make.MergedCustomerFactory(organisation=organisation, into_id=side.customers[0])


def _first_id(model: Any, organisation: models.Organisation, *where: Any) -> int:
    first_id = select(model.id).where(model.organisation_id == organisation.id, *where).order_by(model.id).limit(1)
    return db.session.scalars(first_id).one()


def _make_customer(organisation: models.Organisation, side: OrganisationRows, number: int) -> models.Customer:
    """A customer of the partner's dealer with something in every tab."""
    dealer = db.session.get(models.User, side.users[Role.PARTNER]).dealer_id
    customer = make.CustomerFactory(
        organisation=organisation,
        name=f"{organisation.name} customer {number}",
        reference=f"REF-{number}",
        status_id=_first_id(models.CustomerStatus, organisation),
        region_id=_first_id(models.CatalogItem, organisation, models.CatalogItem.type == CatalogType.REGION),
        departments=[db.session.get(models.Department, _first_id(models.Department, organisation))],
        invoice_types=[db.session.get(models.InvoiceType, _first_id(models.InvoiceType, organisation))],
        tags=[make.TagFactory(organisation=organisation)],
        account_manager_id=side.users[Role.AGENT],
        dealer_id=dealer,
        group_id=make.CustomerGroupFactory(organisation=organisation).id,
        review_start_date=date(2025, 1, 31),
        review_frequency=3,
        portal_access=True,
    )
    template = models.NotificationTemplate.purpose == TemplatePurpose.COMPLIANCE
    owned = {"organisation": organisation, "customer_id": customer.id}
    make.AddressFactory(**owned)
    make.ComplianceDocumentFactory(**owned, template_id=_first_id(models.NotificationTemplate, organisation, template))
    make.BillingLineFactory(**owned, department_id=_first_id(models.Department, organisation))
    make.CallMarkupFactory(**owned)
    make.InvoiceProfileFactory(**owned)
    make.LegalEntityFactory(**owned, business_entity_id=make.BusinessEntityFactory(organisation=organisation).id)
    customer.default_tariff_id = make.TariffRateFactory(organisation=organisation).tariff_id
    return customer


@pytest.fixture(scope="session")
def filled_database(session_app: Flask, databases: Databases) -> tuple[OrganisationRows, OrganisationRows, int]:
    """What is in the database that the copies are made of."""
    close_connections(session_app)
    databases.create(DATABASE)
    with session_app.app_context(), history.act_as(Actor(None, 0), "test"):
        organisations = _make_organisations()
        db.session.commit()
    close_connections(session_app)
    databases.create(FILLED_TEMPLATE, template=DATABASE)
    return organisations


@pytest.fixture
def organisations(
    reset_app: Callable[[str], Flask], filled_database: tuple[OrganisationRows, OrganisationRows, int]
) -> Iterator[TwoOrganisations]:
    """The two organisations as they were made, an empty queue and an empty folder for files."""
    app = reset_app(FILLED_TEMPLATE)
    with app.app_context():
        yield TwoOrganisations(app, *filled_database)
