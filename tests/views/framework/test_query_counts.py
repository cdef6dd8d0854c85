"""No page asks the database more often for twenty rows than for two."""

from datetime import date
from typing import Any

import pytest

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import AddressKind, PortalPermission, Role
from seed.reference import seed_reference
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.screen_table import SCREENS
from tests.support.statements import record_statements
from tests.support.work import add_work
from views.admin import SCREENS as HUB_SCREENS

PLAIN_FACTORIES = (
    make.CatalogItemFactory,
    make.DepartmentFactory,
    make.CommodityFactory,
    make.LocationFactory,
    make.BilledUserFactory,
    make.CustomerStatusFactory,
    make.NotificationTemplateFactory,
    make.PaymentTermsFactory,
    make.PaymentMethodFactory,
    make.VatRateFactory,
    make.InvoiceTypeFactory,
    make.TagFactory,
    make.ProductFactory,
    make.TariffFactory,
    make.DefaultValueSetFactory,
    make.CustomFieldFactory,
    make.BusinessEntityFactory,
    make.DealerFactory,
    make.UserFactory,
    make.OutboxMessageFactory,
    make.CustomerImportFactory,
)


class GrowingOrg:
    """An organisation that can be filled further, and the people who look at it."""

    def __init__(self, app: Any) -> None:
        self.organisation = make.OrganisationFactory()
        with history.act_as(Actor(None, self.organisation.id), "test"):
            seed_reference(self.organisation)
        self.admin = make.UserFactory(organisation=self.organisation, platform=True)
        self.customer = self._make_customer(stage=models.enums.Stage.BILLING)
        self.contract = self._make_contract(self.customer)
        self.tariff = make.TariffFactory(organisation=self.organisation)
        self.customer_import = make.CustomerImportFactory(
            organisation=self.organisation, state=models.enums.TransferState.READY
        )
        self.task = make.ApprovalTaskFactory(organisation=self.organisation, customer_id=self.customer.id)
        make.SigningSettingsFactory(organisation=self.organisation)
        self.partner = make.UserFactory(
            organisation=self.organisation, role=Role.PARTNER, dealer_id=self.customer.dealer_id
        )
        self.portal_user = make.UserFactory(
            organisation=self.organisation,
            role=Role.CUSTOMER,
            customer_id=self.customer.id,
            portal_permissions=[
                PortalPermission.DASHBOARD,
                PortalPermission.CONTRACTS,
                PortalPermission.DOCUMENTS,
                PortalPermission.CASES,
            ],
        )
        self.address_kinds = list(AddressKind)
        self.app = app

    def _make_customer(self, **values: Any) -> models.Customer:
        """A customer each of whose choices is a row of its own."""
        owner = {"organisation": self.organisation}
        return make.CustomerFactory(
            **owner,
            group_id=make.CustomerGroupFactory(**owner).id,
            dealer_id=make.DealerFactory(**owner).id,
            account_manager_id=make.UserFactory(**owner).id,
            portal_access=True,
            **values,
        )

    def _make_contract(self, customer: models.Customer) -> models.Contract:
        """A contract with an account, a profile, a business entity and an order of its own."""
        owned = {"organisation": self.organisation, "customer_id": customer.id}
        entity = make.BusinessEntityFactory(organisation=self.organisation)
        contract = make.ContractFactory(**owned, business_entity_id=entity.id)
        make.CustomerOrderFactory(**owned, contract_id=contract.id)
        return contract

    def add_rows(self, count: int) -> None:
        with history.act_as(Actor(None, self.organisation.id), "test"):
            self._add_rows(count)
            db.session.commit()

    def _add_rows(self, count: int) -> None:
        owner = {"organisation": self.organisation}
        for number in range(count):
            for factory in PLAIN_FACTORIES:
                factory(**owner)
            member = self._make_customer()
            make.CustomerGroupFactory(**owner, parent_id=member.id)
            member.dealer_id, member.group_id = self.customer.dealer_id, self.customer.group_id
            make.UserFactory(**owner, role=Role.CUSTOMER, customer_id=self.customer.id)
            make.ListExportFactory(**owner, user_id=self.admin.id)
            make.OperationRunFactory(**owner, user_id=self.admin.id)
            make.TariffRateFactory(**owner, tariff_id=self.tariff.id)
            make.ImportRowFactory(import_id=self.customer_import.id, name=f"Row {number}")
            make.SavedViewFactory(user_id=self.admin.id) if number < 10 else None
            self._add_parts(**owner, customer_id=self.customer.id)
            self._add_approvals(member, **owner)
            for customer in (member, self.customer):
                self._make_contract(customer)
            own = {**owner, "customer_id": self.customer.id}
            make.CustomerOrderFactory(**own, contract_id=self.contract.id)

    def _add_approvals(self, member: models.Customer, **owner: Any) -> None:
        """Something to decide, to be warned of and to be kept out, of a customer and a person of its own each."""
        member.category_id = make.CatalogItemFactory(**owner, type=models.enums.CatalogType.CATEGORY).id
        people = {f"{name}_id": make.UserFactory(**owner).id for name in ("requester", "assignee", "decided_by")}
        make.ApprovalTaskFactory(**owner, customer_id=member.id, **people)
        done = models.enums.TaskState.APPROVED
        make.ApprovalTaskFactory(**owner, customer_id=self.customer.id, state=done, **people)
        make.TaskCommentFactory(**owner, task_id=self.task.id, user_id=make.UserFactory(**owner).id)
        kind = make.CatalogItemFactory(**owner, type=models.enums.CatalogType.ALERT_TYPE)
        for customer in (member, self.customer):
            make.AlertFactory(**owner, customer_id=customer.id, type_id=kind.id)
        make.BlacklistEntryFactory(**owner, customer_id=make.CustomerFactory(**owner).id)
        make.MergedCustomerFactory(**owner, into_id=self.customer.id)
        self._add_messages(**owner, customer_id=self.customer.id)
        self._add_activity(**owner, customer_id=self.customer.id)

    def _add_activity(self, **owned: Any) -> None:
        """A note that mentions somebody, a file and a case with an answer, each of people of its own."""
        owner = {"organisation": self.organisation}
        people = [make.UserFactory(**owner).id for _ in range(4)]
        note = make.NoteFactory(**owned, author_id=people[0], assignee_id=people[1], follow_up_on=date(2025, 1, 31))
        make.NoteMentionFactory(**owner, note_id=note.id, user_id=people[2])
        make.AttachmentFactory(
            **owned, file_id=make.StoredFileFactory(**owner).id, uploaded_by_id=people[0], contract_id=self.contract.id
        )
        case = make.CustomerCaseFactory(**owned, assignee_id=people[1], requester_id=people[3])
        make.CaseNoteFactory(**owner, case_id=case.id)
        make.TaskFileFactory(**owner, task_id=self.task.id, user_id=people[0])
        add_work(self.organisation, self.admin.id, today=clock.get_today())
        make.CustomFieldFactory(**owner)

    def _add_messages(self, **owned: Any) -> None:
        reviewer = make.UserFactory(organisation=self.organisation)
        make.ReviewFactory(**owned, due_on=None, done_by_id=reviewer.id)
        message = make.OutboxMessageFactory(**owned)
        make.ReminderFactory(**owned, due_on=date.fromordinal(700_000 + message.id), message_id=message.id)

    def _add_parts(self, **owned: Any) -> None:
        for factory in (make.ContactFactory, make.ComplianceDocumentFactory, make.InvoiceProfileFactory):
            factory(**owned)
        owner = {"organisation": self.organisation}
        make.BillingLineFactory(**owned, department_id=make.DepartmentFactory(**owner).id)
        make.LegalEntityFactory(**owned, business_entity_id=make.BusinessEntityFactory(**owner).id)
        make.SigningKeyFactory(**owner)
        make.EnvelopeSignerFactory(**owner, envelope_id=make.EnvelopeFactory(**owned).id)
        self.customer.departments.append(make.DepartmentFactory(**owner))
        if self.address_kinds:
            make.AddressFactory(**owned, kind=self.address_kinds.pop())


def screen_addresses(growing_org: GrowingOrg) -> dict[str, tuple[int, str]]:
    """The pages of every screen, as (who opens it, its address)."""
    admin = growing_org.admin.id
    addresses = {}
    for endpoint, screen in SCREENS.items():
        home = f"/admin/{endpoint}"
        newest = db.session.query(screen.model.id).order_by(screen.model.id.desc())
        if endpoint == "portal-users":
            newest = newest.filter_by(role=models.enums.Role.CUSTOMER)
        key = newest.limit(1).scalar() if endpoint != "organisations" else growing_org.organisation.id
        addresses |= {
            f"{endpoint} list": (admin, home + screen.list_query),
            f"{endpoint} export": (admin, f"{home}/export/csv/"),
        }
        addresses |= {f"{endpoint} record": (admin, f"{home}/details/?id={key}")}
        addresses |= {f"{endpoint} changes": (admin, f"{home}/details/?id={key}&tab=history")}
        if screen.editors:
            addresses |= {f"{endpoint} form": (admin, f"{home}/edit/?id={key}")}
        if screen.creators:
            addresses |= {f"{endpoint} new": (admin, f"{home}/new/")}
        for act in screen.operations:
            own_id = growing_org.organisation.id
            own = {"id": own_id} if endpoint == "organisations" else {"organisation_id": own_id}
            rows = newest.filter_by(**own).limit(2 if act == "merge" else None)
            keys = "&".join(f"id={key}" for (key,) in rows)
            addresses[f"{endpoint} {act}"] = (admin, f"{home}/operation/{act}/?{keys}")
    addresses["customers export choice"] = (admin, "/admin/list/customers/export")
    # the others are thousands
    return addresses | {"history export": (admin, "/admin/history/export/csv/?f=table:is:organisation")}


def customer_addresses(growing_org: GrowingOrg) -> dict[str, tuple[int, str]]:
    admin, customer = growing_org.admin.id, f"/admin/customers/details/?id={growing_org.customer.id}"
    tabs = (
        "",
        "activity",
        "contracts",
        "profiles",
        "billing-lines",
        "accounts",
        "attachments",
        "cases",
        "alerts",
        "compliance",
        "reviews",
        "tasks",
        "portal",
        "messages",
        "history",
    )
    return {f"customer {tab}": (admin, f"{customer}&tab={tab}") for tab in tabs} | {
        "customer form": (admin, f"/admin/customers/edit/?id={growing_org.customer.id}"),
        "customer peek": (admin, f"/admin/customers/peek/?id={growing_org.customer.id}"),
        "group record": (admin, f"/admin/groups/details/?id={growing_org.customer.group_id}"),
        "look-up": (admin, "/admin/customers/ajax/lookup/?name=customer.account_manager_id&query=p&limit=20"),
        "customers of a group": (admin, f"/admin/customers/?f=group:is:{growing_org.customer.group_id}"),
        "contract of a customer": (admin, f"/admin/contracts/new/?customer_id={growing_org.customer.id}"),
        "contract with orders": (admin, f"/admin/contracts/details/?id={growing_org.contract.id}"),
        "order of a customer": (
            admin,
            f"/admin/orders/new/?customer_id={growing_org.customer.id}&contract_id={growing_org.contract.id}",
        ),
    }


def outside_addresses(growing_org: GrowingOrg) -> dict[str, tuple[int, str]]:
    """The pages of partners and customers."""
    own = f"/partner/customers/{growing_org.customer.id}/"
    return {
        "partner": (growing_org.partner.id, "/partner/"),
        "partner live": (growing_org.partner.id, "/partner/?stage=Billing"),
        "partner customer": (growing_org.partner.id, own),
        "partner contract": (growing_org.partner.id, f"{own}contracts/new/"),
        "partner update": (growing_org.partner.id, f"{own}update/"),
        "partner register": (growing_org.partner.id, "/partner/register/company/"),
        "portal": (growing_org.portal_user.id, "/portal/"),
        "portal cases": (growing_org.portal_user.id, "/portal/cases/"),
    }


def page_addresses(growing_org: GrowingOrg) -> dict[str, tuple[int, str]]:
    """Every page, as (who opens it, its address)."""
    admin, chosen = growing_org.admin.id, f"preview_customer={growing_org.customer.id}"
    template = db.session.query(models.NotificationTemplate.id).filter_by(
        organisation_id=growing_org.organisation.id, purpose=models.enums.TemplatePurpose.COMPLIANCE
    )
    other_addresses = {
        "tariff form": (admin, f"/admin/tariffs/edit/?id={growing_org.tariff.id}"),
        "tariff record": (admin, f"/admin/tariffs/details/?id={growing_org.tariff.id}"),
        "import preview": (admin, f"/admin/imports/details/?id={growing_org.customer_import.id}"),
        "import errors": (admin, f"/admin/imports/errors/?id={growing_org.customer_import.id}"),
        "import template": (admin, "/admin/imports/template/"),
        "template preview": (admin, f"/admin/templates/preview/?id={template.limit(1).scalar()}&{chosen}"),
        "documents of a preview": (admin, f"/admin/templates/documents/?{chosen}"),
        "start": (admin, "/admin/"),
        "bell": (admin, "/admin/work/"),
        "jobs": (admin, "/admin/schedule/"),
        "suggestions": (admin, "/admin/search/suggest?q=cus"),
        "task page": (admin, f"/admin/tasks/details/?id={growing_org.task.id}"),
    }
    return (
        screen_addresses(growing_org)
        | customer_addresses(growing_org)
        | outside_addresses(growing_org)
        | other_addresses
    )


def statements_by_page(growing_org: GrowingOrg) -> dict[str, list[str]]:
    """The statements of each page."""
    browsers = {
        person.id: Browser(growing_org.app, person.id)
        for person in (growing_org.admin, growing_org.partner, growing_org.portal_user)
    }
    statements_of_pages = {}
    for name, (person, url) in page_addresses(growing_org).items():
        db.session.commit()
        with record_statements() as page_statements:
            answer = browsers[person].get(url)
        assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.location}"
        statements_of_pages[name] = page_statements
    return statements_of_pages


@pytest.fixture
def growing_org(app: Any, session: Any) -> GrowingOrg:
    growing_org = GrowingOrg(app)
    for view, _, endpoint in HUB_SCREENS:  # every column there is
        names = [column.name for column in view.columns]
        session.add(models.ListPreference(user_id=growing_org.admin.id, screen=endpoint, columns=names))
    growing_org.add_rows(2)
    return growing_org


@pytest.mark.slow
def test_no_page_asks_more_often_for_more_rows(growing_org: GrowingOrg):
    few = statements_by_page(growing_org)
    growing_org.add_rows(18)
    many = statements_by_page(growing_org)
    more = {
        name: (len(few[name]), len(many[name]), sorted(set(many[name]) - set(few[name]))[:2])
        for name in few
        if len(many[name]) > len(few[name])
    }
    assert {name: pair[:2] for name, pair in more.items()} == {}
    assert few.keys() == many.keys()
    assert max(len(page_statements) for page_statements in many.values()) < 40
