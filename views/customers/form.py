"""The form of a customer: core fields on top, the rest in tabs, as SCREENS has it."""

from collections.abc import Collection, Sequence
from typing import Any

from flask import url_for
from sqlalchemy import select

from customerhub.core.errors import Invalid
from customerhub.core.money import format_unit_price
from customerhub.customers import rules
from customerhub.customers.choice_rules import status_rule
from customerhub.customers.review_schedule import list_next_due_dates
from customerhub.customers.statuses import list_choosable_behaviours
from customerhub.form_layouts.layouts import Layout
from models import (
    Account,
    Address,
    BillingLine,
    CallMarkup,
    Commodity,
    ComplianceDocument,
    Contact,
    Customer,
    CustomerStatus,
    InvoiceProfile,
    LegalEntity,
)
from models.base import db
from models.enums import AddressKind
from views.cells.customers import build_missing_setup_banners
from views.framework.choices import Source
from views.framework.date_field import read_date
from views.framework.form_parts import FieldPair, FormText
from views.framework.formatting import format_amount, format_date, get_today
from views.framework.forms import Inline
from views.http.actor import current_actor

# What belongs to one customer: a bulk edit asks for it for each, the last of them though no form has them.
OWN_FIELDS = (
    "name",
    "reference",
    "account_number",
    "identity_number",
    "registration_number",
    "vat_number",
)
FURTHER_OWN_FIELDS = ("credit_reference", "billing_reference", "estimated_monthly_revenue")


# Where the record shows what these hold; the overview has the rest.
RECORD_TABS = {
    "review": "reviews",
    "compliance": "compliance",
    "billing": "billing-lines",
    "accounts": "accounts",
    "portal": "portal",
    "profiles": "profiles",
    "contracts": "contracts",
}
FIELD_PAIRS = (FieldPair("Financial year end", ("year_end_month", "year_end_day")),)
CONTRACTS = ("contracts", "Contracts", ())  # of a customer that there is: they are shown, and changed by themselves


def build_commodity_picker() -> dict[str, Any]:
    """The commodities to pick billing lines from; a line begins with the prices of its commodity."""
    labels_by_id = {key: label for key, label, active in Source(Commodity).list_choices() if active}
    rows = db.session.execute(
        select(Commodity.id, Commodity.unit, Commodity.default_minimum_cost, Commodity.default_cost_per_unit).where(
            Commodity.id.in_(labels_by_id)
        )
    )
    prices_by_id = {key: (unit, format_amount(least), format_unit_price(each)) for key, unit, least, each in rows}
    return {
        "title": "Commodities",
        "field": "commodity_id",
        "banners": build_missing_setup_banners(
            [] if labels_by_id else [("commodity", url_for("commodities.create_view"))], current_actor()
        ),
        "choices": [
            (key, label, f"{each} per {unit}", {"minimum_cost": least, "cost_per_unit": each})
            for key, label in labels_by_id.items()
            for unit, least, each in [prices_by_id[key]]
        ],
    }


INLINES = (
    Inline(
        "compliance_documents",
        ComplianceDocument,
        ("certificate", "expiry_date", "reviewer_email", "template_id", "file_id"),
        label="Compliance documents",
        add_label="+ Add document",
    ),
    Inline(
        "billing_lines",
        BillingLine,
        (
            "commodity_id",
            "minimum_cost",
            "cost_per_unit",
            "location_id",
            "department_id",
            "billed_user_id",
            "active_from",
            "active_to",
        ),
        label="Billing lines",
        picker=build_commodity_picker,
        folded=("active_from", "active_to"),
        folded_label="Dates",
    ),
    Inline(
        "call_markups",
        CallMarkup,
        ("call_class", "percent"),
        label="Markups per call class",
        add_label="+ Add markup",
        differs="call_class",
    ),
    Inline(
        "accounts",
        Account,
        ("number", "type_id", "purpose", "business_entity_id"),
        label="Accounts",
        add_label="+ Add account",
        optional=("number",),
        kept_text=lambda account: "Main account" if account.is_main else "",
    ),
    Inline("contacts", Contact, ("name", "role", "email", "phone"), label="Contacts", add_label="+ Add contact"),
    Inline(
        "addresses",
        Address,
        ("kind", "lines", "postal_code", "city", "country"),
        label="Addresses",
        add_label="+ Add address",
        differs="kind",
    ),
    Inline(
        "legal_entities",
        LegalEntity,
        ("name", "registration_number", "vat_number", "address", "business_entity_id"),
        label="Legal entities",
        add_label="+ Add legal entity",
    ),
    Inline(
        "invoice_profiles",
        InvoiceProfile,
        ("name", "email", "nda_file_id"),
        label="Invoice profiles",
        add_label="+ Add profile",
    ),
)


FIELD_ARGS: dict[str, dict[str, Any]] = {
    "region_id": {"marked_required": True},
    "departments": {"marked_required": True},
    "start_date": {"marked_required": True},
    "risk": {"marked_required": True},
    "account_number": {"required": False, "description": "Leave blank to assign automatically"},
    "reference": {"marked_required": True, "description": "Unique short code, e.g. ACME"},
    "email": {"marked_required": True, "description": "Separate several with commas"},
    "is_prospect": {"description": "Required for prospects: name, identity or registration number and one contact"},
    "identity_number": {"render_kw": {"data-show-when": "kind=consumer", "required": False}},
    "registration_number": {"render_kw": {"data-show-when": "kind=company", "required": False}},
    "registration_date": {"render_kw": {"data-show-when": "kind=company"}},
    "customer_type": {"render_kw": {"data-show-when": "kind=company"}},
    "relationship_note": {"render_kw": {"data-show-when": "existing_relationship=y"}},
    "status_id": {"required": False},
    "year_end_month": {"blank": "Month"},
    "year_end_day": {"blank": "Day", "render_kw": {"data-days-of": "year_end_month"}},
    "automatic_report": {"description": "Attach the performance report to the reminder"},
    "markup": {"description": "On calls without a rate and without a markup of their class"},
    "annual_increase_profile": {"description": "For reports only; prices are not changed"},
    "annual_increase_percent": {"render_kw": {"data-show-when": "annual_increase_profile=fixed"}},
    "annual_increase_date": {"render_kw": {"data-show-when": "annual_increase_profile=CPI|RPI|fixed"}},
    "low_usage_minimum": {
        "description": "Invoices below this amount get a Low Usage Charge for the difference",
        "render_kw": {"data-show-when": "empty_or_low=low usage charge"},
    },
    "billing_day": {"description": "1 to 31; the last day in shorter months"},
    "portal_access": {"description": "If off, portal users see nothing after signing in"},
}


def mark_required_fields(form: Any, required: Collection[str], *, is_prospect: bool) -> None:
    """Mark what a customer must have, and keep the marks of the other kind ready for the script of the form. `required`
    are the fields that the organisation requires of customers that are no prospects.
    """
    of_customers, of_prospects = {*rules.REQUIRED_FIELDS, *required}, set(rules.PROSPECT_FIELDS)
    for name in of_customers | of_prospects:
        field = form[name]
        if name in required:
            field.render_kw = {**(field.render_kw or {}), "required": False}  # the operation says what is missing
        if name in of_customers and name in of_prospects:
            field.flags.required = True
            continue
        field.required_when = "is_prospect=" if name in of_customers else "is_prospect=y"
        field.flags.required = is_prospect is (name in of_prospects)


def list_core_parts(
    row: Customer | None, layout: Layout, core: Sequence[str | FieldPair], organisation_name: str
) -> list[str | FieldPair | FormText]:
    """What stands above the tabs, in order: the fields of `core`, and between them what is set elsewhere."""
    address = next((each for each in row.addresses if each.kind is AddressKind.MAILING), None) if row else None
    section = layout.find_section("addresses")
    address_text = FormText(
        "Address",
        str(address) if address else "No mailing address",
        link_label="Edit addresses" if address else "Add address",
        link_url=f"#{section}" if section else "",
    )
    after_reference = core.index("reference") + 1 if "reference" in core else len(core)
    return [
        FormText("Organisation", organisation_name),
        *core[:after_reference],
        address_text,
        *core[after_reference:],
    ]


def offer_statuses(form: Any, row: Customer) -> None:
    """Let the form of `row` offer the statuses that its present one may be changed to by editing."""
    if "status_id" in form:
        form["status_id"].source = Source(CustomerStatus, status_rule(list_choosable_behaviours(row.status.behaviour)))


def list_review_dates(start: str, frequency: str) -> list[str]:
    """The next review dates in words, or what is missing to calculate them."""
    try:
        first, months = read_date(start), rules.clean_frequency(frequency)
    except Invalid:
        return []
    if first is None or months is None:
        return ["Enter a start date and a frequency to see the next reviews."]
    return [format_date(due) for due in list_next_due_dates(first, months, get_today())]
