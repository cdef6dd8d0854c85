"""No page asks the database more often for twenty rows than for two."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import AddressKind, PortalPermission, Role
from seed.reference import seed_reference
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import SCREENS
from views.admin import SCREENS as SHOWN

PLAIN = (
    make.CatalogItemFactory, make.DepartmentFactory, make.CommodityFactory, make.LocationFactory,
    make.BilledUserFactory, make.CustomerStatusFactory, make.NotificationTemplateFactory, make.PaymentTermsFactory,
    make.PaymentMethodFactory, make.VatRateFactory, make.InvoiceTypeFactory, make.ProductFactory, make.TariffFactory,
    make.DefaultValueSetFactory, make.BusinessEntityFactory, make.DealerFactory, make.UserFactory,
    make.OutboxMessageFactory, make.CustomerImportFactory,
)  # fmt: skip


class House:
    """An organisation that can be filled further, and the people who look at it."""

    def __init__(self, app: Any) -> None:
        self.organisation = make.OrganisationFactory()
        with history.acting(Actor(None, self.organisation.id), "test"):
            seed_reference(self.organisation)
        self.admin = make.UserFactory(organisation=self.organisation, platform=True)
        self.customer = self._customer(stage=models.enums.Stage.BILLING)
        self.contract = self._contract(self.customer)
        self.tariff = make.TariffFactory(organisation=self.organisation)
        self.imported = make.CustomerImportFactory(
            organisation=self.organisation, state=models.enums.TransferState.READY
        )
        self.task = make.ApprovalTaskFactory(organisation=self.organisation, customer_id=self.customer.id)
        self.partner = make.UserFactory(
            organisation=self.organisation, role=Role.PARTNER, dealer_id=self.customer.dealer_id
        )
        self.portal_user = make.UserFactory(
            organisation=self.organisation, role=Role.CUSTOMER, customer_id=self.customer.id,
            portal_permissions=[PortalPermission.DASHBOARD, PortalPermission.CONTRACTS, PortalPermission.DOCUMENTS],
        )  # fmt: skip
        self.kinds = list(AddressKind)
        self.app = app

    def _customer(self, **values: Any) -> models.Customer:
        """A customer each of whose choices is a row of its own."""
        owner = {"organisation": self.organisation}
        return make.CustomerFactory(
            **owner, group_id=make.CustomerGroupFactory(**owner).id, dealer_id=make.DealerFactory(**owner).id,
            account_manager_id=make.UserFactory(**owner).id, portal_access=True, **values,
        )  # fmt: skip

    def _contract(self, customer: models.Customer) -> models.Contract:
        """A contract with an account, a profile, a business entity and an order of its own."""
        owned = {"organisation": self.organisation, "customer_id": customer.id}
        entity = make.BusinessEntityFactory(organisation=self.organisation)
        contract = make.ContractFactory(**owned, business_entity_id=entity.id)
        make.CustomerOrderFactory(**owned, contract_id=contract.id)
        return contract

    def grow(self, count: int) -> None:
        with history.acting(Actor(None, self.organisation.id), "test"):
            self._grow(count)
            db.session.commit()

    def _grow(self, count: int) -> None:
        owner = {"organisation": self.organisation}
        for number in range(count):
            for factory in PLAIN:
                factory(**owner)
            member = self._customer()
            make.CustomerGroupFactory(**owner, parent_id=member.id)
            member.dealer_id, member.group_id = self.customer.dealer_id, self.customer.group_id
            make.UserFactory(**owner, role=Role.CUSTOMER, customer_id=self.customer.id)
            make.ListExportFactory(**owner, user_id=self.admin.id)
            make.TariffRateFactory(**owner, tariff_id=self.tariff.id)
            make.ImportRowFactory(import_id=self.imported.id, name=f"Row {number}")
            make.SavedViewFactory(user_id=self.admin.id) if number < 10 else None
            self._grow_parts(**owner, customer_id=self.customer.id)
            self._grow_approvals(member, **owner)
            for customer in (member, self.customer):
                self._contract(customer)
            own = {**owner, "customer_id": self.customer.id}
            make.CustomerOrderFactory(**own, contract_id=self.contract.id)

    def _grow_approvals(self, member: models.Customer, **owner: Any) -> None:
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
        self._grow_messages(**owner, customer_id=self.customer.id)

    def _grow_messages(self, **owned: Any) -> None:
        reviewer = make.UserFactory(organisation=self.organisation)
        make.ReviewFactory(**owned, due_on=None, done_by_id=reviewer.id)
        message = make.OutboxMessageFactory(**owned)
        make.ReminderFactory(**owned, due_on=make.date.fromordinal(700_000 + message.id), message_id=message.id)

    def _grow_parts(self, **owned: Any) -> None:
        for factory in (make.ContactFactory, make.ComplianceDocumentFactory, make.InvoiceProfileFactory):
            factory(**owned)
        owner = {"organisation": self.organisation}
        make.BillingLineFactory(**owned, department_id=make.DepartmentFactory(**owner).id)
        make.LegalEntityFactory(**owned, business_entity_id=make.BusinessEntityFactory(**owner).id)
        self.customer.departments.append(make.DepartmentFactory(**owner))
        if self.kinds:
            make.AddressFactory(**owned, kind=self.kinds.pop())


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def pages(house: House) -> dict[str, tuple[int, str]]:
    """Every page, as (who opens it, its address)."""
    admin = house.admin.id
    found = {}
    for endpoint, screen in SCREENS.items():
        home = f"/admin/{endpoint}"
        newest = db.session.query(screen.model.id).order_by(screen.model.id.desc())
        if endpoint == "portal-users":
            newest = newest.filter_by(role=models.enums.Role.CUSTOMER)
        key = newest.limit(1).scalar() if endpoint != "organisations" else house.organisation.id
        found |= {
            f"{endpoint} list": (admin, home + screen.listed),
            f"{endpoint} export": (admin, f"{home}/export/csv/"),
        }
        found |= {f"{endpoint} record": (admin, f"{home}/details/?id={key}")}
        found |= {f"{endpoint} changes": (admin, f"{home}/details/?id={key}&tab=history")}
        if screen.edits:
            found |= {f"{endpoint} form": (admin, f"{home}/edit/?id={key}"), f"{endpoint} new": (admin, f"{home}/new/")}
        for act in screen.acts:
            rows = newest.filter_by(organisation_id=house.organisation.id).limit(2 if act == "merge" else None)
            keys = "&".join(f"id={key}" for (key,) in rows)
            found[f"{endpoint} {act}"] = (admin, f"{home}/operation/{act}/?{keys}")
    found["history export"] = (admin, "/admin/history/export/csv/?f=table:is:organisation")  # the others are thousands
    customer = f"/admin/customers/details/?id={house.customer.id}"
    tabs = (
        "",
        "contracts",
        "profiles",
        "billing-lines",
        "compliance",
        "reviews",
        "tasks",
        "portal",
        "messages",
        "history",
    )
    own = f"/partner/customers/{house.customer.id}/"
    template = db.session.query(models.NotificationTemplate.id).filter_by(
        organisation_id=house.organisation.id, purpose=models.enums.TemplatePurpose.COMPLIANCE
    )
    chosen = f"preview_customer={house.customer.id}"
    return found | {f"customer {tab}": (admin, f"{customer}&tab={tab}") for tab in tabs} | {
        "customer form": (admin, f"/admin/customers/edit/?id={house.customer.id}"),
        "customer peek": (admin, f"/admin/customers/peek/?id={house.customer.id}"),
        "group record": (admin, f"/admin/groups/details/?id={house.customer.group_id}"),
        "tariff form": (admin, f"/admin/tariffs/edit/?id={house.tariff.id}"),
        "tariff record": (admin, f"/admin/tariffs/details/?id={house.tariff.id}"),
        "import preview": (admin, f"/admin/imports/details/?id={house.imported.id}"),
        "import errors": (admin, f"/admin/imports/errors/?id={house.imported.id}"),
        "import template": (admin, "/admin/imports/template/"),
        "template preview": (admin, f"/admin/templates/preview/?id={template.limit(1).scalar()}&{chosen}"),
        "documents of a preview": (admin, f"/admin/templates/documents/?{chosen}"),
        "start": (admin, "/admin/"),
        "jobs": (admin, "/admin/schedule/"),
        "suggestions": (admin, "/admin/search/suggest?q=cus"),
        "look-up": (admin, "/admin/customers/ajax/lookup/?name=customer.account_manager_id&query=p&limit=20"),
        "task page": (admin, f"/admin/tasks/details/?id={house.task.id}"),
        "customers of a group": (admin, f"/admin/customers/?f=group:is:{house.customer.group_id}"),
        "partner": (house.partner.id, "/partner/"),
        "partner live": (house.partner.id, "/partner/?stage=Billing"),
        "partner customer": (house.partner.id, own),
        "contract of a customer": (admin, f"/admin/contracts/new/?customer_id={house.customer.id}"),
        "contract with orders": (admin, f"/admin/contracts/details/?id={house.contract.id}"),
        "order of a customer": (
            admin, f"/admin/orders/new/?customer_id={house.customer.id}&contract_id={house.contract.id}"
        ),
        "partner contract": (house.partner.id, f"{own}contracts/new/"),
        "partner update": (house.partner.id, f"{own}update/"),
        "partner register": (house.partner.id, "/partner/register/company/"),
        "portal": (house.portal_user.id, "/portal/"),
    }  # fmt: skip


def asked(house: House) -> dict[str, list[str]]:
    """The statements of each page."""
    browsers = {person.id: Browser(house.app, person.id) for person in (house.admin, house.partner, house.portal_user)}
    found = {}
    for name, (person, url) in pages(house).items():
        db.session.commit()
        with statements() as seen:
            answer = browsers[person].get(url)
        assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.location}"
        found[name] = seen
    return found


@pytest.fixture
def house(app: Any, session: Any) -> House:
    house = House(app)
    for view, _, endpoint in SHOWN:  # every column there is
        names = [column.name for column in view.columns]
        session.add(models.ListPreference(user_id=house.admin.id, screen=endpoint, columns=names))
    house.grow(2)
    return house


def test_no_page_asks_more_often_for_more_rows(house: House):
    few = asked(house)
    house.grow(18)
    many = asked(house)
    more = {
        name: (len(few[name]), len(many[name]), sorted(set(many[name]) - set(few[name]))[:2])
        for name in few
        if len(many[name]) > len(few[name])
    }
    assert {name: pair[:2] for name, pair in more.items()} == {}
    assert few.keys() == many.keys()
    assert max(len(seen) for seen in many.values()) < 40
