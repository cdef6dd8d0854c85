"""Every generated screen: who may see it, who may change it, and what a right entry on its form is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import models
from models.enums import Role
from tests.support import factories as make
from tests.support.screen_operations import (
    ADMINS,
    CASE_OPERATIONS,
    CONTRACT_OPERATIONS,
    CUSTOMER_OPERATIONS,
    MANAGERS,
    NOBODY,
    NOTE_OPERATIONS,
    ORDER_OPERATIONS,
    PORTAL_USER_OPERATIONS,
    STAFF,
    TASK_OPERATIONS,
    USER_OPERATIONS,
    ScreenOperation,
    delete_operation,
    is_deleted,
)
from tests.support.screen_rows import (
    FIRST,
    SECOND,
    make_alert,
    make_attachment,
    make_done_import,
    make_failed_message,
    make_field,
    new_case_values,
    new_contract_values,
    new_customer_values,
    new_order_values,
    numbered,
    numbers,
)
from tests.support.signature_operations import (
    ESIGNATURE_OPERATIONS,
    NDA_OPERATIONS,
    SENDING_OPERATIONS,
    SIGNATURE_OPERATIONS,
)
from tests.support.two_organisations import OrganisationRows, TwoOrganisations


@dataclass(frozen=True)
class Screen:
    """`new` fills the form of a new row, `changed` is the column that an edit changes; where it is blank none may.
    `listed` is the address of the list that has every row of the two organisations; `key` finds the row of an
    organisation to open where not every row of the table is one of the screen's.
    """

    model: Any
    readers: frozenset[str] = STAFF
    editors: frozenset[str] = ADMINS
    creator_roles: frozenset[str] | None = None
    new_values: Callable[[TwoOrganisations], dict[str, Any]] = field(default=lambda _world: {"name": numbered("New")})
    edited_column: str = "name"
    make_edited_value: Callable[[], str] = field(default=lambda: numbered("Changed"))
    operations: dict[str, ScreenOperation] = field(default_factory=dict)
    lookup_url: str = ""
    marker: str = ""
    list_query: str = "/"
    key: Callable[[OrganisationRows], int] | None = None

    def row_of(self, side: OrganisationRows) -> int:
        return self.key(side) if self.key else side.row_id(self.model)

    @property
    def creators(self) -> frozenset[str]:
        return self.editors if self.creator_roles is None else self.creator_roles


SCREENS: dict[str, Screen] = {
    "customers": Screen(
        models.Customer,
        editors=STAFF,
        new_values=new_customer_values,
        operations=CUSTOMER_OPERATIONS | SENDING_OPERATIONS,
        lookup_url="customer.account_manager_id",
    ),
    "groups": Screen(
        models.CustomerGroup,
        editors=STAFF,
        operations=delete_operation(make.CustomerGroupFactory, STAFF),
        lookup_url="customer_group.parent_id",
    ),
    "contracts": Screen(
        models.Contract,
        editors=STAFF,
        new_values=new_contract_values,
        operations=CONTRACT_OPERATIONS,
        lookup_url="contract.customer_id",
    ),
    "orders": Screen(
        models.CustomerOrder,
        editors=STAFF,
        new_values=new_order_values,
        edited_column="description",
        operations=ORDER_OPERATIONS,
        lookup_url="customer_order.customer_id",
    ),
    "cases": Screen(
        models.CustomerCase,
        editors=STAFF,
        new_values=new_case_values,
        edited_column="subject",
        operations=CASE_OPERATIONS,
        lookup_url="customer_case.customer_id",
        list_query="/?f=status:is:open",
    ),
    "signatures": Screen(
        models.Envelope,
        editors=NOBODY,
        operations=SIGNATURE_OPERATIONS,
        list_query="/?f=status:is:sent",
    ),
    "notes": Screen(
        models.Note,
        editors=ADMINS,
        creator_roles=STAFF,
        new_values=lambda organisations: {"customer_id": str(organisations.own.customers[0]), "text": numbered("New")},
        edited_column="text",
        operations=NOTE_OPERATIONS,
        lookup_url="note.customer_id",
    ),
    "attachments": Screen(
        models.Attachment,
        editors=STAFF,
        creator_roles=NOBODY,
        edited_column="description",
        operations={"delete": ScreenOperation(STAFF, make_attachment, is_deleted)},
        lookup_url="attachment.customer_id",
    ),
    "tasks": Screen(models.ApprovalTask, editors=NOBODY, operations=TASK_OPERATIONS, list_query="/?f=state:is:open"),
    "blacklist": Screen(models.BlacklistEntry, editors=NOBODY),
    "alerts": Screen(
        models.Alert,
        editors=NOBODY,
        operations={"close": ScreenOperation(STAFF, make_alert, lambda row: row.closed_at is not None)},
    ),
    "organisations": Screen(
        models.Organisation,
        marker="Time zone",
        creator_roles=frozenset({"platform"}),
        new_values=lambda _world: {
            "name": numbered("New"),
            "currency": "CHF",
            "country": "CH",
            "timezone": "Europe/Zurich",
        },
        operations=NDA_OPERATIONS,
    ),
    "esignature": Screen(
        models.SigningSettings,
        marker="eSignature",
        creator_roles=NOBODY,
        edited_column="account_id",
        make_edited_value=lambda: str(uuid4()),
        operations=ESIGNATURE_OPERATIONS,
    ),
    "signing-keys": Screen(
        models.SigningKey,
        new_values=lambda _world: {"name": numbered("New"), "secret": "from DocuSign"},
        operations=delete_operation(make.SigningKeyFactory),
    ),
    "business-entities": Screen(
        models.BusinessEntity,
        operations=delete_operation(make.BusinessEntityFactory),
        new_values=lambda _world: {"name": numbered("New"), "registered_name": "New Ltd", "address": "1 Street"},
    ),
    "catalogs": Screen(
        models.CatalogItem,
        operations=delete_operation(make.CatalogItemFactory),
        new_values=lambda _world: {"name": numbered("New"), "type": "region"},
    ),
    "departments": Screen(models.Department, operations=delete_operation(make.DepartmentFactory)),
    "commodities": Screen(
        models.Commodity,
        operations=delete_operation(make.CommodityFactory),
        new_values=lambda _world: {"name": numbered("New"), "unit": "kWh"},
    ),
    "locations": Screen(models.Location, operations=delete_operation(make.LocationFactory)),
    "billed-users": Screen(models.BilledUser, operations=delete_operation(make.BilledUserFactory)),
    "statuses": Screen(
        models.CustomerStatus,
        operations=delete_operation(make.CustomerStatusFactory),
        new_values=lambda _world: {"name": numbered("New"), "behaviour": "bill"},
    ),
    "templates": Screen(
        models.NotificationTemplate,
        operations=delete_operation(make.NotificationTemplateFactory),
        new_values=lambda _world: {"name": numbered("New"), "purpose": "review due", "subject": "A", "body": "B"},
    ),
    "products": Screen(
        models.Product,
        operations=delete_operation(make.ProductFactory),
        new_values=lambda _world: {"name": numbered("New"), "code": numbered("N"), "kind": "feature"},
    ),
    "tariffs": Screen(models.Tariff, operations=delete_operation(make.TariffFactory)),
    "payment-methods": Screen(models.PaymentMethod, operations=delete_operation(make.PaymentMethodFactory)),
    "payment-terms": Screen(models.PaymentTerms, operations=delete_operation(make.PaymentTermsFactory)),
    "vat-rates": Screen(
        models.VatRate,
        operations=delete_operation(make.VatRateFactory),
        new_values=lambda _world: {"name": numbered("New"), "percent": "7.7"},
    ),
    "tags": Screen(models.Tag, operations=delete_operation(make.TagFactory)),
    "invoice-types": Screen(models.InvoiceType, operations=delete_operation(make.InvoiceTypeFactory)),
    "default-values": Screen(
        models.DefaultValueSet,
        operations=delete_operation(make.DefaultValueSetFactory),
        lookup_url="customer.account_manager_id",
    ),
    "custom-fields": Screen(
        models.CustomField,
        operations={
            "remove": ScreenOperation(ADMINS, make_field(FIRST), lambda row: row.removed_at is not None),
            "up": ScreenOperation(ADMINS, make_field(SECOND), lambda row: row.position < FIRST),
            "down": ScreenOperation(ADMINS, make_field(FIRST), lambda row: row.position < FIRST),
        },
        new_values=lambda _world: {
            "name": numbered("New"),
            "owner": "customer",
            "kind": "text",
            "requirement": "optional",
        },
    ),
    "dealers": Screen(
        models.Dealer,
        operations=delete_operation(make.DealerFactory),
        marker="Nordwind",
        edited_column="code",
        new_values=lambda _world: {"name": numbered("New"), "code": numbered("N")},
    ),
    "users": Screen(
        models.User,
        readers=MANAGERS,
        operations=USER_OPERATIONS,
        lookup_url="hub_user.customer_id",
        new_values=lambda _world: {
            "name": numbered("New"),
            "email": f"new{next(numbers)}@hub.example",
            "role": "agent",
        },
    ),
    "portal-users": Screen(
        models.User,
        editors=STAFF,
        operations=PORTAL_USER_OPERATIONS,
        lookup_url="hub_user.customer_id",
        marker="Our Telecom customer 0",
        key=lambda side: side.users[Role.CUSTOMER],
        new_values=lambda organisations: {
            "name": numbered("New"),
            "email": f"new{next(numbers)}@hub.example",
            "customer_id": str(organisations.own.customers[1]),
        },
    ),
    "outbox": Screen(
        models.OutboxMessage,
        readers=MANAGERS,
        editors=NOBODY,
        operations={
            "send-again": ScreenOperation(
                ADMINS, make_failed_message, lambda row: row.state is models.enums.OutboxState.WAITING
            ),
            "cancel": ScreenOperation(
                ADMINS, make_failed_message, lambda row: row.state is models.enums.OutboxState.CANCELLED
            ),
        },
    ),
    "exports": Screen(models.ListExport, editors=NOBODY),
    "operation-runs": Screen(models.OperationRun, editors=NOBODY),
    "imports": Screen(
        models.CustomerImport,
        editors=NOBODY,
        operations={
            "revert": ScreenOperation(
                STAFF, make_done_import, lambda row: row.state is not models.enums.TransferState.DONE
            )
        },
    ),
    "history": Screen(models.History, editors=NOBODY),
}
