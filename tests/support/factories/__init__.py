"""One factory for each table: rows that are right as they stand, so that a test names only what it is about.

`DepartmentFactory(organisation=ours)` flushes the row, recorded in the history as made by a test.
"""

from tests.support.factories.activity import (
    AttachmentFactory,
    CaseNoteFactory,
    CustomerCaseFactory,
    NoteFactory,
    NoteMentionFactory,
)
from tests.support.factories.approvals import (
    AlertFactory,
    ApprovalTaskFactory,
    BlacklistEntryFactory,
    TaskCommentFactory,
    TaskFileFactory,
)
from tests.support.factories.base import OrganisationFactory, OrganisationRow, Row, StoredFileFactory, related_id
from tests.support.factories.contracts import ContractFactory, CustomerOrderFactory
from tests.support.factories.customers import (
    AccountFactory,
    AddressFactory,
    BillingLineFactory,
    CallMarkupFactory,
    ComplianceDocumentFactory,
    ContactFactory,
    CustomerFactory,
    CustomerGroupFactory,
    CustomerPartFactory,
    InvoiceProfileFactory,
    LegalEntityFactory,
    MergedCustomerFactory,
    ReviewFactory,
)
from tests.support.factories.mail import OutboxAttachmentFactory, OutboxMessageFactory, ReminderFactory
from tests.support.factories.setup import (
    BilledUserFactory,
    BusinessEntityFactory,
    CatalogItemFactory,
    CommodityFactory,
    CustomerStatusFactory,
    CustomFieldChoiceFactory,
    CustomFieldFactory,
    DealerFactory,
    DefaultValueSetFactory,
    DepartmentFactory,
    FormLayoutFactory,
    InvoiceTypeFactory,
    LocationFactory,
    NotificationTemplateFactory,
    PaymentMethodFactory,
    PaymentTermsFactory,
    ProductFactory,
    TagFactory,
    TariffFactory,
    TariffRateFactory,
    VatRateFactory,
)
from tests.support.factories.transfers import (
    CustomerImportFactory,
    ImportRowFactory,
    ListExportFactory,
    OperationRunFactory,
    OperationRunRowFactory,
    PeriodicRunFactory,
)
from tests.support.factories.users import SavedViewFactory, UserFactory

__all__ = [
    "FACTORIES",
    "AccountFactory",
    "AddressFactory",
    "AlertFactory",
    "ApprovalTaskFactory",
    "AttachmentFactory",
    "BilledUserFactory",
    "BillingLineFactory",
    "BlacklistEntryFactory",
    "BusinessEntityFactory",
    "CallMarkupFactory",
    "CaseNoteFactory",
    "CatalogItemFactory",
    "CommodityFactory",
    "ComplianceDocumentFactory",
    "ContactFactory",
    "ContractFactory",
    "CustomFieldChoiceFactory",
    "CustomFieldFactory",
    "CustomerCaseFactory",
    "CustomerFactory",
    "CustomerGroupFactory",
    "CustomerImportFactory",
    "CustomerOrderFactory",
    "CustomerPartFactory",
    "CustomerStatusFactory",
    "DealerFactory",
    "DefaultValueSetFactory",
    "DepartmentFactory",
    "FormLayoutFactory",
    "ImportRowFactory",
    "InvoiceProfileFactory",
    "InvoiceTypeFactory",
    "LegalEntityFactory",
    "ListExportFactory",
    "LocationFactory",
    "MergedCustomerFactory",
    "NoteFactory",
    "NoteMentionFactory",
    "NotificationTemplateFactory",
    "OperationRunFactory",
    "OperationRunRowFactory",
    "OrganisationFactory",
    "OrganisationRow",
    "OutboxAttachmentFactory",
    "OutboxMessageFactory",
    "PaymentMethodFactory",
    "PaymentTermsFactory",
    "PeriodicRunFactory",
    "ProductFactory",
    "ReminderFactory",
    "ReviewFactory",
    "Row",
    "SavedViewFactory",
    "StoredFileFactory",
    "TagFactory",
    "TariffFactory",
    "TariffRateFactory",
    "TaskCommentFactory",
    "TaskFileFactory",
    "UserFactory",
    "VatRateFactory",
    "related_id",
]

FACTORIES: dict[str, type[Row]] = {
    kind._meta.model.__tablename__: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Row) and not kind._meta.abstract
}
