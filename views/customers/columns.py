"""The columns and filters of the list of customers."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.spreadsheets import CellKind
from customerhub.customers.choice_rules import CHOICE_RULES, STAFF_ONLY
from models import (
    Account,
    Address,
    CatalogItem,
    ComplianceDocument,
    Customer,
    CustomerGroup,
    CustomerStatus,
    Dealer,
    Department,
    NotificationTemplate,
    User,
)
from models.enums import AddressKind, BillingCycle, CustomerKind, Risk, Stage
from views.cells.customers import customer_link
from views.framework.chips import risk_chip, stage_chip
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.exported import Exported, Gathered, Related
from views.framework.filters import Filter
from views.framework.formatting import format_amount, format_date
from views.framework.labels import member_label


def _select_mailing_address(part: Any) -> Any:
    """A part of the customer's mailing address, of which there is one at the most."""
    is_mailing_address = (Address.customer_id == Customer.id) & (Address.kind == AddressKind.MAILING)
    return select(part).where(is_mailing_address).correlate(Customer).scalar_subquery()


def _find_mailing_address(customer: Customer) -> str | None:
    return next((str(each) for each in customer.addresses if each.kind is AddressKind.MAILING), None)


def _hidden_column(name: str, label: str, attribute: Any, kind: CellKind = CellKind.TEXT) -> Column:
    """A column that shows a value of the customer as it is, once somebody chooses it."""
    return Column(
        name,
        label,
        lambda row: getattr(row, attribute.key),
        align="left" if kind is CellKind.TEXT else "right",
        default_visible=False,
        export=Exported(attribute, kind=kind),
    )


BALANCE = select(func.sum(Account.balance)).where(Account.customer_id == Customer.id).correlate(Customer)

COLUMNS = (
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
        load_options=(joinedload(Customer.region),),
        collapsed_format="{}",
        export=Exported(Related(Customer.region, CatalogItem.name)),
    ),
    Column("risk", "Risk", lambda row: risk_chip(row.risk), export=Exported(Customer.risk)),
    Column("stage", "Stage", lambda row: stage_chip(row.stage), export=Exported(Customer.stage, render=member_label)),
    Column(
        "balance",
        "Balance",
        lambda row: format_amount(row.balance),
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
        default_visible=False,
        load_options=(joinedload(Customer.status),),
        export=Exported(Related(Customer.status, CustomerStatus.name)),
    ),
    Column(
        "kind",
        "Kind",
        lambda row: member_label(row.kind),
        default_visible=False,
        export=Exported(Customer.kind, render=member_label),
    ),
    Column(
        "email",
        "Email",
        lambda row: row.email,
        default_visible=False,
        no_truncate=True,
        export=Exported(Customer.email),
    ),
    Column(
        "contact_number",
        "Contact number",
        lambda row: row.contact_number,
        default_visible=False,
        export=Exported(Customer.contact_number),
    ),
    Column(
        "credit_limit",
        "Credit limit",
        lambda row: format_amount(row.credit_limit),
        align="right",
        default_visible=False,
        export=Exported(Customer.credit_limit, kind=CellKind.AMOUNT),
    ),
    Column(
        "dealer",
        "Partner (dealer code)",
        lambda row: row.dealer.code if row.dealer else None,
        default_visible=False,
        load_options=(joinedload(Customer.dealer),),
        export=Exported(Related(Customer.dealer, Dealer.code)),
    ),
    Column(
        "group",
        "Group",
        lambda row: row.group.name if row.group else None,
        default_visible=False,
        load_options=(joinedload(Customer.group),),
        export=Exported(Related(Customer.group, CustomerGroup.name)),
    ),
    Column(
        "billing_cycle",
        "Billing cycle",
        lambda row: member_label(row.billing_cycle),
        default_visible=False,
        export=Exported(Customer.billing_cycle, render=member_label),
    ),
    Column(
        "departments",
        "Departments",
        lambda row: ", ".join(d.name for d in row.departments),
        default_visible=False,
        load_options=(selectinload(Customer.departments),),
        export=Exported(Gathered(Customer.departments, Department.name), render=", ".join),
    ),
    # What else an import takes: an export of all columns can be changed and imported.
    Column(
        "address",
        "Address",
        _find_mailing_address,
        default_visible=False,
        load_options=(selectinload(Customer.addresses),),
        export=Exported(
            *(_select_mailing_address(part) for part in (Address.lines, Address.postal_code, Address.city)),
            _select_mailing_address(Address.country),
            render=lambda *parts: ", ".join(filter(None, parts)),
        ),
    ),
    Column(
        "review_start_date",
        "Review start date",
        lambda row: format_date(row.review_start_date),
        align="right",
        default_visible=False,
        export=Exported(Customer.review_start_date, kind=CellKind.DATE),
    ),
    _hidden_column("review_frequency", "Review frequency", Customer.review_frequency, CellKind.COUNT),
    _hidden_column("reviewer_email", "Reviewer email", Customer.reviewer_email),
    Column(
        "review_template",
        "Review template",
        lambda row: row.review_template.name if row.review_template else None,
        default_visible=False,
        load_options=(joinedload(Customer.review_template),),
        export=Exported(Related(Customer.review_template, NotificationTemplate.name)),
    ),
    _hidden_column("credit_check_company", "Credit check company", Customer.credit_check_company),
    _hidden_column("year_end_day", "Financial year end: day", Customer.year_end_day, CellKind.COUNT),
    _hidden_column("year_end_month", "Financial year end: month", Customer.year_end_month, CellKind.COUNT),
    _hidden_column("relationship_note", "Relationship note", Customer.relationship_note),
)

FILTERS = (
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
    Filter("portal", "Portal access", Customer.portal_access, "yes"),
)
