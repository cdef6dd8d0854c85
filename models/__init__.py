"""The tables."""

import models.postgresql  # listens to every engine
import models.sqlite  # noqa: F401  (so does this)
from models.activity import Attachment, Note, NoteMention
from models.approvals import Alert, ApprovalTask, BlacklistEntry, MergedCustomer, TaskComment, TaskFile
from models.base import Base, Key, OrganisationRow, Row, db
from models.cases import CaseNote, CustomerCase
from models.contracts import Contract, CustomerOrder
from models.custom_fields import CustomField, CustomFieldChoice
from models.customer import Customer, CustomerGroup, customer_department, customer_invoice_type, customer_tag
from models.customer_parts import (
    Account,
    Address,
    BillingLine,
    CallMarkup,
    ComplianceDocument,
    Contact,
    CustomerPart,
    InvoiceProfile,
    LegalEntity,
)
from models.form_layouts import FormLayout
from models.history import History
from models.job_runs import PeriodicRun
from models.operation_runs import OperationRun, OperationRunRow
from models.organisation import BusinessEntity, NumberSequence, Organisation, StoredFile
from models.outbox import MailOutage, OutboxAttachment, OutboxMessage
from models.reviews import Reminder, Review
from models.sessions import EndedSession, UsedForm
from models.setup import (
    BilledUser,
    CatalogItem,
    Commodity,
    CustomerStatus,
    DefaultValueSet,
    Department,
    InvoiceType,
    Location,
    NamedRow,
    NotificationTemplate,
    PaymentMethod,
    PaymentTerms,
    Product,
    Tag,
    Tariff,
    TariffRate,
    VatRate,
)
from models.signing import Envelope, EnvelopeSigner, SigningEvent, SigningKey, SigningRequest, SigningSettings
from models.transfers import CustomerImport, ImportRow, ListExport
from models.users import Dealer, ListPreference, SavedView, User, WorkVisit

__all__ = [
    "Account",
    "Address",
    "Alert",
    "ApprovalTask",
    "Attachment",
    "Base",
    "BilledUser",
    "BillingLine",
    "BlacklistEntry",
    "BusinessEntity",
    "CallMarkup",
    "CaseNote",
    "CatalogItem",
    "Commodity",
    "ComplianceDocument",
    "Contact",
    "Contract",
    "CustomField",
    "CustomFieldChoice",
    "Customer",
    "CustomerCase",
    "CustomerGroup",
    "CustomerImport",
    "CustomerOrder",
    "CustomerPart",
    "CustomerStatus",
    "Dealer",
    "DefaultValueSet",
    "Department",
    "EndedSession",
    "Envelope",
    "EnvelopeSigner",
    "FormLayout",
    "History",
    "ImportRow",
    "InvoiceProfile",
    "InvoiceType",
    "Key",
    "LegalEntity",
    "ListExport",
    "ListPreference",
    "Location",
    "MailOutage",
    "MergedCustomer",
    "NamedRow",
    "Note",
    "NoteMention",
    "NotificationTemplate",
    "NumberSequence",
    "OperationRun",
    "OperationRunRow",
    "Organisation",
    "OrganisationRow",
    "OutboxAttachment",
    "OutboxMessage",
    "PaymentMethod",
    "PaymentTerms",
    "PeriodicRun",
    "Product",
    "Reminder",
    "Review",
    "Row",
    "SavedView",
    "SigningEvent",
    "SigningKey",
    "SigningRequest",
    "SigningSettings",
    "StoredFile",
    "Tag",
    "Tariff",
    "TariffRate",
    "TaskComment",
    "TaskFile",
    "UsedForm",
    "User",
    "VatRate",
    "WorkVisit",
    "customer_department",
    "customer_invoice_type",
    "customer_tag",
    "db",
]
