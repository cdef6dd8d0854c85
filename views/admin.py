"""The generated screens, all of them, on one Flask-Admin."""

from flask import Flask
from flask_admin import Admin, AdminIndexView
from flask_admin.theme import Bootstrap4Theme

from models import (
    Alert,
    ApprovalTask,
    BilledUser,
    BlacklistEntry,
    BusinessEntity,
    CatalogItem,
    Commodity,
    Contract,
    Customer,
    CustomerGroup,
    CustomerImport,
    CustomerOrder,
    CustomerStatus,
    Dealer,
    DefaultValueSet,
    Department,
    History,
    InvoiceType,
    ListExport,
    Location,
    NotificationTemplate,
    Organisation,
    OutboxMessage,
    PaymentMethod,
    PaymentTerms,
    Product,
    Tariff,
    User,
    VatRate,
)
from views.alerts import AlertView
from views.billed_users import BilledUserView
from views.blacklist import BlacklistView
from views.business_entities import BusinessEntityView
from views.catalogs import CatalogView
from views.commodities import CommodityView
from views.contracts import ContractView
from views.customers import CustomerView
from views.dealers import DealerView
from views.default_values import DefaultValueView
from views.departments import DepartmentView
from views.exports import ExportView
from views.groups import GroupView
from views.history import HistoryView
from views.imports import ImportView
from views.invoice_types import InvoiceTypeView
from views.locations import LocationView
from views.orders import OrderView
from views.organisations import OrganisationView
from views.outbox import OutboxView
from views.payment_methods import PaymentMethodView
from views.payment_terms import PaymentTermsView
from views.portal_users import PortalUserView
from views.products import ProductView
from views.statuses import StatusView
from views.tariffs import TariffView
from views.tasks import TaskView
from views.templates import TemplateView
from views.users import UserView
from views.vat_rates import VatRateView

SCREENS = (
    (CustomerView, Customer, "customers"),
    (GroupView, CustomerGroup, "groups"),
    (ContractView, Contract, "contracts"),
    (OrderView, CustomerOrder, "orders"),
    (TaskView, ApprovalTask, "tasks"),
    (BlacklistView, BlacklistEntry, "blacklist"),
    (AlertView, Alert, "alerts"),
    (OrganisationView, Organisation, "organisations"),
    (BusinessEntityView, BusinessEntity, "business-entities"),
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
    (DefaultValueView, DefaultValueSet, "default-values"),
    (DealerView, Dealer, "dealers"),
    (UserView, User, "users"),
    (PortalUserView, User, "portal-users"),
    (OutboxView, OutboxMessage, "outbox"),
    (ImportView, CustomerImport, "imports"),
    (ExportView, ListExport, "exports"),
    (HistoryView, History, "history"),
)


class NoIndex(AdminIndexView):
    """Flask-Admin wants an index of its own; ours is views/home.py, so this one is never shown."""

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
        index_view=NoIndex(url="/admin/flask-admin", endpoint="flask_admin_index"),
        theme=Bootstrap4Theme(base_template="base.html"),
    )
    for view, model, endpoint in SCREENS:
        admin.add_view(view(model, endpoint))
