"""The columns and filters of the list of customers."""

from sqlalchemy.orm import joinedload, selectinload

from customerhub.customers.choice_rules import CHOICE_RULES, STAFF_ONLY
from models import CatalogItem, ComplianceDocument, Customer, CustomerGroup, CustomerStatus, NotificationTemplate, User
from models.enums import BillingCycle, CustomerKind, Risk, Stage
from views.cells.customers import customer_link
from views.framework.chips import risk_chip, stage_chip
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.filters import Filter
from views.framework.formatting import format_amount, format_date
from views.framework.labels import member_label

COLUMNS = (
    Column(
        "name",
        "Name",
        customer_link,
        sort=Customer.sort_name,
        load_options=(joinedload(Customer.status),),
        export_text=str,
    ),
    Column("reference", "Reference", lambda row: row.reference, sort=Customer.reference_key, collapsed_format="{}"),
    Column(
        "account_number",
        "Account no.",
        lambda row: row.account_number,
        sort=Customer.account_number,
        collapsed_format="{}",
    ),
    Column(
        "region",
        "Region",
        lambda row: row.region.name if row.region else None,
        load_options=(joinedload(Customer.region),),
        collapsed_format="{}",
    ),
    Column("risk", "Risk", lambda row: risk_chip(row.risk)),
    Column("stage", "Stage", lambda row: stage_chip(row.stage)),
    Column(
        "balance",
        "Balance",
        lambda row: format_amount(row.balance),
        align="right",
        load_options=(joinedload(Customer.accounts),),
    ),
    Column(
        "account_manager",
        "Account manager",
        lambda row: row.account_manager.name if row.account_manager else None,
        load_options=(joinedload(Customer.account_manager),),
    ),
    Column(
        "start_date",
        "Start",
        lambda row: format_date(row.start_date),
        sort=Customer.start_date,
        align="right",
        collapsed_format="since {}",
    ),
    Column(
        "status",
        "Status",
        lambda row: {"chip": row.status.name, "colour": row.status.colour},
        default_visible=False,
        load_options=(joinedload(Customer.status),),
    ),
    Column("kind", "Kind", lambda row: member_label(row.kind), default_visible=False),
    Column("email", "Email", lambda row: row.email, default_visible=False, no_truncate=True),
    Column("contact_number", "Contact number", lambda row: row.contact_number, default_visible=False),
    Column(
        "credit_limit",
        "Credit limit",
        lambda row: format_amount(row.credit_limit),
        align="right",
        default_visible=False,
    ),
    Column(
        "dealer",
        "Partner (dealer code)",
        lambda row: row.dealer.code if row.dealer else None,
        default_visible=False,
        load_options=(joinedload(Customer.dealer),),
    ),
    Column(
        "group",
        "Group",
        lambda row: row.group.name if row.group else None,
        default_visible=False,
        load_options=(joinedload(Customer.group),),
    ),
    Column("billing_cycle", "Billing cycle", lambda row: member_label(row.billing_cycle), default_visible=False),
    Column(
        "departments",
        "Departments",
        lambda row: ", ".join(d.name for d in row.departments),
        default_visible=False,
        load_options=(selectinload(Customer.departments),),
    ),
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
