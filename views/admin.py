"""The generated screens, all of them, on one Flask-Admin."""

from flask import Flask
from flask_admin import Admin, AdminIndexView
from flask_admin.theme import Bootstrap4Theme

from models import (
    Alert,
    ApprovalTask,
    Attachment,
    BilledUser,
    BlacklistEntry,
    BusinessEntity,
    CatalogItem,
    Commodity,
    Contract,
    Customer,
    CustomerCase,
    CustomerGroup,
    CustomerImport,
    CustomerOrder,
    CustomerStatus,
    CustomField,
    Dealer,
    DefaultValueSet,
    Department,
    Envelope,
    History,
    InvoiceType,
    ListExport,
    Location,
    Note,
    NotificationTemplate,
    OperationRun,
    Organisation,
    OutboxMessage,
    PaymentMethod,
    PaymentTerms,
    Product,
    SigningKey,
    SigningSettings,
    Tag,
    Tariff,
    User,
    VatRate,
)
from views.activity.attachments import AttachmentView
from views.activity.notes import NoteView
from views.approvals.alerts import AlertView
from views.approvals.blacklist import BlacklistView
from views.approvals.tasks import TaskView
from views.cases.cases import CaseView
from views.contracts.contracts import ContractView
from views.contracts.orders import OrderView
from views.customers.customers import CustomerView
from views.customers.groups import GroupView
from views.customers.imports import ImportView
from views.framework.model_view import HubModelView
from views.notifications.outbox import OutboxView
from views.notifications.templates import TemplateView
from views.setup.billed_users import BilledUserView
from views.setup.business_entities import BusinessEntityView
from views.setup.catalogs import CatalogView
from views.setup.commodities import CommodityView
from views.setup.custom_fields import CustomFieldView
from views.setup.dealers import DealerView
from views.setup.default_values import DefaultValueView
from views.setup.departments import DepartmentView
from views.setup.invoice_types import InvoiceTypeView
from views.setup.locations import LocationView
from views.setup.organisations import OrganisationView
from views.setup.payment_methods import PaymentMethodView
from views.setup.payment_terms import PaymentTermsView
from views.setup.products import ProductView
from views.setup.statuses import StatusView
from views.setup.tags import TagView
from views.setup.tariffs import TariffView
from views.setup.vat_rates import VatRateView
from views.signing.keys import SigningKeyView
from views.signing.settings import SigningSettingsView
from views.signing.signatures import SignatureView
from views.system.exports import ExportView
from views.system.history import HistoryView
from views.system.operation_runs import OperationRunView
from views.users.portal_users import PortalUserView
from views.users.users import UserView

SCREENS = (
    (CustomerView, Customer, "customers"),
    (GroupView, CustomerGroup, "groups"),
    (ContractView, Contract, "contracts"),
    (OrderView, CustomerOrder, "orders"),
    (SignatureView, Envelope, "signatures"),
    (CaseView, CustomerCase, "cases"),
    (NoteView, Note, "notes"),
    (AttachmentView, Attachment, "attachments"),
    (TaskView, ApprovalTask, "tasks"),
    (BlacklistView, BlacklistEntry, "blacklist"),
    (AlertView, Alert, "alerts"),
    (OrganisationView, Organisation, "organisations"),
    (BusinessEntityView, BusinessEntity, "business-entities"),
    (SigningSettingsView, SigningSettings, "esignature"),
    (SigningKeyView, SigningKey, "signing-keys"),
    (CatalogView, CatalogItem, "catalogs"),
    (DepartmentView, Department, "departments"),
    (CommodityView, Commodity, "commodities"),
    (LocationView, Location, "locations"),
    (BilledUserView, BilledUser, "billed-users"),
    (StatusView, CustomerStatus, "statuses"),
    (TemplateView, NotificationTemplate, "templates"),
    (ProductView, Product, "products"),
    (TariffView, Tariff, "tariffs"),
    (PaymentMethodView, PaymentMethod, "payment-methods"),
    (PaymentTermsView, PaymentTerms, "payment-terms"),
    (VatRateView, VatRate, "vat-rates"),
    (InvoiceTypeView, InvoiceType, "invoice-types"),
    (TagView, Tag, "tags"),
    (DefaultValueView, DefaultValueSet, "default-values"),
    (CustomFieldView, CustomField, "custom-fields"),
    (DealerView, Dealer, "dealers"),
    (UserView, User, "users"),
    (PortalUserView, User, "portal-users"),
    (OutboxView, OutboxMessage, "outbox"),
    (ImportView, CustomerImport, "imports"),
    (ExportView, ListExport, "exports"),
    (OperationRunView, OperationRun, "operation-runs"),
    (HistoryView, History, "history"),
)
_EXTENSION = "hub_screens"


class HiddenIndexView(AdminIndexView):
    """Flask-Admin wants an index of its own; ours is views/system/home.py, so this one is never shown."""

    def is_visible(self) -> bool:
        return False

    def is_accessible(self) -> bool:
        return False


def register(app: Flask) -> None:
    admin = Admin(
        app,
        name="Customer Hub",
        url="/admin/flask-admin",
        endpoint="flask_admin_index",
        index_view=HiddenIndexView(url="/admin/flask-admin", endpoint="flask_admin_index"),
        theme=Bootstrap4Theme(base_template="layout/base.html"),
    )
    screens = [view(model, endpoint) for view, model, endpoint in SCREENS]
    admin.add_views(*screens)
    app.extensions[_EXTENSION] = screens


def list_screens(app: Flask) -> list[HubModelView]:
    """The generated screens of `app`."""
    screens: list[HubModelView] = app.extensions[_EXTENSION]
    return screens
