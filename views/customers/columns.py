"""The columns and filters of the list of customers."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from sqlalchemy import func, inspect, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.spreadsheets import CellKind
from customerhub.customers.choice_rules import CHOICE_RULES, STAFF_ONLY
from customerhub.customers.importing.custom_columns import load_columns
from models import (
    Account,
    Address,
    CatalogItem,
    ComplianceDocument,
    Contact,
    Contract,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Dealer,
    Department,
    InvoiceType,
    NotificationTemplate,
    Tag,
    User,
    customer_department,
    customer_invoice_type,
    customer_tag,
)
from models.enums import AddressKind, BillingCycle, CustomerKind, Risk, Stage
from views.cells.customers import customer_link
from views.customers.markup_columns import MARKUP_COLUMNS, MARKUP_FILTERS
from views.framework.chips import risk_chip, stage_chip, tag_chip
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.exported import Exported, Gathered, Related
from views.framework.field_columns import (
    build_columns,
    build_filters,
    build_member_sort,
    build_related_sort,
    short_name,
)
from views.framework.filters import Filter, LinkFilter
from views.framework.formatting import format_amount, format_date
from views.framework.labels import member_label


def _select_mailing_address(part: Any) -> Any:
    """A part of the customer's mailing address, of which there is one at the most."""
    is_mailing_address = (Address.customer_id == Customer.id) & (Address.kind == AddressKind.MAILING)
    return select(part).where(is_mailing_address).correlate(Customer).scalar_subquery()


def _find_mailing_address(customer: Customer) -> str | None:
    return next((str(each) for each in customer.addresses if each.kind is AddressKind.MAILING), None)


NOT_LISTED = ("id", "organisation_id", "version", "correspondence_modes")


def list_other_fields(*names: str) -> list[str]:
    """The columns of a customer that people see, without those that are called by one of `names` already."""
    columns = [*(column for column in inspect(Customer).columns if not column.info.get("untracked"))]
    keys = [*(column.key for column in columns if column.key not in NOT_LISTED), "created_at"]
    return [key for key in keys if not {key, short_name(key)} & {*names}]


def _select_first_department() -> Any:
    names = select(func.min(Department.name_key)).join(customer_department)
    return names.where(customer_department.c.customer_id == Customer.id).correlate(Customer).scalar_subquery()


def _select_first_tag() -> Any:
    names = select(func.min(Tag.name_key)).join(customer_tag)
    return names.where(customer_tag.c.customer_id == Customer.id).correlate(Customer).scalar_subquery()


BALANCE = select(func.sum(Account.balance)).where(Account.customer_id == Customer.id).correlate(Customer)

_DECLARED_COLUMNS = (
    Column(
        "name",
        "Name",
        customer_link,
        sort=Customer.sort_name,
        load_options=(joinedload(Customer.status),),
        export_text=str,
        export=Exported(Customer.name),
    ),
    Column(
        "reference",
        "Reference",
        lambda row: row.reference,
        sort=Customer.reference_key,
        collapsed_format="{}",
        export=Exported(Customer.reference),
    ),
    Column(
        "account_number",
        "Account no.",
        lambda row: row.account_number,
        sort=Customer.account_number,
        collapsed_format="{}",
        export=Exported(Customer.account_number),
    ),
    Column(
        "region",
        "Region",
        lambda row: row.region.name if row.region else None,
        sort=build_related_sort(Customer.region),
        load_options=(joinedload(Customer.region),),
        collapsed_format="{}",
        export=Exported(Related(Customer.region, CatalogItem.name)),
    ),
    Column(
        "risk",
        "Risk",
        lambda row: risk_chip(row.risk),
        sort=build_member_sort(Customer.risk, Risk),
        export=Exported(Customer.risk),
    ),
    Column(
        "stage",
        "Stage",
        lambda row: stage_chip(row.stage),
        sort=build_member_sort(Customer.stage, Stage),
        export=Exported(Customer.stage, render=member_label),
    ),
    Column(
        "balance",
        "Balance",
        lambda row: format_amount(row.balance),
        sort=func.coalesce(BALANCE.scalar_subquery(), 0),
        align="right",
        load_options=(joinedload(Customer.accounts),),
        export=Exported(
            BALANCE.scalar_subquery(), kind=CellKind.AMOUNT, render=lambda balance: balance or Decimal("0.00")
        ),
    ),
    Column(
        "account_manager",
        "Account manager",
        lambda row: row.account_manager.name if row.account_manager else None,
        sort=build_related_sort(Customer.account_manager),
        load_options=(joinedload(Customer.account_manager),),
        export=Exported(Related(Customer.account_manager, User.name)),
    ),
    Column(
        "start_date",
        "Start",
        lambda row: format_date(row.start_date),
        sort=Customer.start_date,
        align="right",
        collapsed_format="since {}",
        export=Exported(Customer.start_date, kind=CellKind.DATE),
    ),
    Column(
        "status",
        "Status",
        lambda row: {"chip": row.status.name, "colour": row.status.colour},
        sort=build_related_sort(Customer.status),
        default_visible=False,
        load_options=(joinedload(Customer.status),),
        export=Exported(Related(Customer.status, CustomerStatus.name)),
    ),
    Column(
        "email",
        "Email",
        lambda row: row.email,
        sort=func.lower(Customer.email),
        default_visible=False,
        no_truncate=True,
        export=Exported(Customer.email),
    ),
    Column(
        "dealer",
        "Partner (dealer code)",
        lambda row: row.dealer.code if row.dealer else None,
        sort=select(Dealer.code_key).where(Dealer.id == Customer.dealer_id).correlate(Customer).scalar_subquery(),
        default_visible=False,
        load_options=(joinedload(Customer.dealer),),
        export=Exported(Related(Customer.dealer, Dealer.code)),
    ),
    Column(
        "departments",
        "Departments",
        lambda row: ", ".join(d.name for d in row.departments),
        sort=_select_first_department(),
        default_visible=False,
        load_options=(selectinload(Customer.departments),),
        export=Exported(Gathered(Customer.departments, Department.name), render=", ".join),
    ),
    Column(
        "tags",
        "Tags",
        lambda row: [tag_chip(tag) for tag in row.tags],
        sort=_select_first_tag(),
        default_visible=False,
        load_options=(selectinload(Customer.tags),),
        no_truncate=True,
        export_text=lambda row: ", ".join(tag.name for tag in row.tags),
        export=Exported(Gathered(Customer.tags, Tag.name), render=", ".join),
    ),
    Column(
        "address",
        "Address",
        _find_mailing_address,
        sort=func.lower(_select_mailing_address(Address.lines)),
        default_visible=False,
        load_options=(selectinload(Customer.addresses),),
        export=Exported(
            *(_select_mailing_address(part) for part in (Address.lines, Address.postal_code, Address.city)),
            _select_mailing_address(Address.country),
            render=lambda *parts: ", ".join(filter(None, parts)),
        ),
    ),
)
# Fields that lists call otherwise than the form does.
FIELD_LABELS = {
    "account_number": "Account no.",
    "dealer_id": "Partner (dealer code)",
    "created_at": "Created",
}

# Every other field of the record. With them an export of all columns has what an import takes.
COLUMNS = (
    *_DECLARED_COLUMNS,
    *MARKUP_COLUMNS,
    *build_columns(
        Customer,
        list_other_fields(*(each.name for each in _DECLARED_COLUMNS)),
        labels=FIELD_LABELS,
    ),
)


def list_import_columns(columns: Iterable[Column], organisation_id: int) -> list[str]:
    """The names of those of `columns` that an import into this organisation takes, one for each field that it fills."""
    imported = load_columns(organisation_id)
    names: dict[str, str] = {}
    for column in columns:
        field = imported.find_field(column.label)
        if field is not None:
            names.setdefault(field, column.name)
    return list(names.values())


def _build_link_filter(name: str, label: str, column: Any, target: Any) -> LinkFilter:
    """A filter by rows of `target` that the link table of `column` has for a customer."""
    row_key = column.table.c.customer_id
    return LinkFilter(name, label, column, "select", source=Source(target), row_key=row_key, model=Customer)


def _build_part_filter(name: str, label: str, column: Any, part: Any) -> Filter:
    """A filter by a text of the rows of `part` that belong to a customer."""
    return Filter(name, label, column, nullable=False, owner=part.customer_id, model=Customer)


_DECLARED_FILTERS = (
    Filter("status", "Status", Customer.status_id, "select", source=Source(CustomerStatus), nullable=False),
    Filter("risk", "Risk", Customer.risk, "select", members=Risk),
    Filter("stage", "Stage", Customer.stage, "select", members=Stage, nullable=False),
    Filter("region", "Region", Customer.region_id, "select", source=Source(CatalogItem, CHOICE_RULES["region_id"])),
    Filter(
        "account_manager",
        "Account manager",
        Customer.account_manager_id,
        "select",
        source=Source(User, STAFF_ONLY),
    ),
    Filter("billing_cycle", "Billing cycle", Customer.billing_cycle, "select", members=BillingCycle, nullable=False),
    Filter("kind", "Kind", Customer.kind, "select", members=CustomerKind, nullable=False),
    Filter("prospect", "Prospect", Customer.is_prospect, "yes"),
    Filter(
        "category", "Category", Customer.category_id, "select", source=Source(CatalogItem, CHOICE_RULES["category_id"])
    ),
    Filter("group", "Group", Customer.group_id, "select", source=Source(CustomerGroup)),
    Filter("start_date", "Start", Customer.start_date, "date"),
    Filter("credit_limit", "Credit limit", Customer.credit_limit, "number"),
    Filter("email", "Email", Customer.email),
    Filter(
        "expiry",
        "Document expires",
        ComplianceDocument.expiry_date,
        "date",
        nullable=False,
        owner=ComplianceDocument.customer_id,
        model=Customer,
    ),
    Filter(
        "review_template",
        "Review template",
        Customer.review_template_id,
        "select",
        source=Source(NotificationTemplate, CHOICE_RULES["review_template_id"]),
    ),
    Filter(
        "document_template",
        "Document template",
        ComplianceDocument.template_id,
        "select",
        source=Source(NotificationTemplate, CHOICE_RULES["template_id"]),
        nullable=False,
        owner=ComplianceDocument.customer_id,
        model=Customer,
    ),
    Filter(
        "account_type",
        "Account type",
        Account.type_id,
        "select",
        source=Source(CatalogItem, CHOICE_RULES["type_id"]),
        nullable=False,
        owner=Account.customer_id,
        model=Customer,
    ),
    *MARKUP_FILTERS,
    Filter("portal", "Portal access", Customer.portal_access, "yes"),
    _build_part_filter("any_account_number", "Number of any account", Account.number, Account),
    _build_part_filter("contract_number", "Contract number", Contract.number, Contract),
    _build_part_filter("contact_person", "Contact person", Contact.name, Contact),
    _build_link_filter("departments", "Departments", customer_department.c.department_id, Department),
    _build_link_filter("tags", "Tags", customer_tag.c.tag_id, Tag),
    _build_link_filter("invoice_types", "Invoice types", customer_invoice_type.c.invoice_type_id, InvoiceType),
)
_DECLARED_FILTER_FIELDS = ("is_prospect", "portal_access", *(each.name for each in _DECLARED_FILTERS))
FILTERS = (*_DECLARED_FILTERS, *build_filters(Customer, list_other_fields(*_DECLARED_FILTER_FIELDS), FIELD_LABELS))
