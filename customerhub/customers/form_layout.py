"""The form of a customer as the hub brings it, and one more layout that can be chosen for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from customerhub.custom_fields.places import MORE_TAB
from customerhub.customers.rules import REQUIRED_FIELDS
from customerhub.form_layouts.layouts import CORE, FormDescription, LayoutDraft, Section
from models.enums import CustomerKind, CustomFieldOwner

MAIN: Final = (
    "region_id",
    "departments",
    "name",
    "contact_number",
    "reference",
    "email",
    "start_date",
    "risk",
    "is_prospect",
)
IDENTITY: Final = (
    "kind",
    "customer_type",
    "category_id",
    "identity_number",
    "registration_number",
    "registration_date",
    "vat_number",
    "vat_registration_date",
    "website",
    "account_number",
)
FINANCIAL: Final = (
    "year_end_month",
    "year_end_day",
    "credit_check_company",
    "total_spend",
    "credit_limit",
    "existing_relationship",
    "relationship_note",
)
REVIEW: Final = ("review_start_date", "review_frequency", "reviewer_email", "review_template_id", "automatic_report")
BILLING: Final = (
    "billing_lines",
    "status_id",
    "billing_cycle",
    "billing_day",
    "payment_method_id",
    "payment_terms_id",
    "vat_rate_id",
    "empty_or_low",
    "low_usage_minimum",
    "business_entity_id",
    "bill_length_mailed",
    "bill_length_downloaded",
    "bill_length_printed",
    "invoice_types",
    "subscription_type_id",
    "number_of_users",
    "default_tariff_id",
    "call_markups",
    "markup",
    "annual_increase_profile",
    "annual_increase_percent",
    "annual_increase_date",
)
PEOPLE: Final = ("responsible_manager_id", "service_manager_id", "account_manager_id", "dealer_id", "group_id")
MARKETING: Final = ("segment_id", "channel_id", "tags", "promotional_emails")


SECTIONS: Final = (
    Section(CORE, "Above the tabs", MAIN),
    Section("identity", "Identity", IDENTITY),
    Section("financial", "Financial", FINANCIAL),
    Section("review", "Review", REVIEW),
    Section("compliance", "Compliance", ("compliance_documents",)),
    Section("billing", "Billing", BILLING),
    Section("accounts", "Accounts", ("accounts",)),
    Section("people", "Account team", PEOPLE),
    Section("marketing", "Marketing", MARKETING),
    Section(*MORE_TAB, ()),
    Section("contacts", "Contacts", ("contacts",)),
    Section("addresses", "Addresses", ("addresses", "correspondence_name", "correspondence_modes", "legal_entities")),
    Section("portal", "Portal", ("portal_access",)),
    Section("profiles", "Invoice profiles", ("invoice_profiles",)),
)

_ALWAYS = "Always required"
_FULL = "Required of every customer that is not a prospect"
_PROSPECT = "Required of prospects"
_DECIDES = "Other fields depend on it"
NEEDED: Final = {
    "name": _ALWAYS,
    **dict.fromkeys(("reference", "email", "region_id", "start_date", "risk", "departments"), _FULL),
    **dict.fromkeys(("identity_number", "registration_number", "contacts"), _PROSPECT),
    **dict.fromkeys(("is_prospect", "kind"), _DECIDES),
}
# What may be blank, has one value, and is asked for whatever the other fields hold.
REQUIRABLE: Final = frozenset(
    {
        *("contact_number", "customer_type", "category_id", "registration_number", "registration_date", "vat_number"),
        *("vat_registration_date", "website", "year_end_month", "credit_check_company", "total_spend", "credit_limit"),
        *("review_start_date", "review_frequency", "reviewer_email", "review_template_id", "payment_method_id"),
        *("payment_terms_id", "vat_rate_id", "business_entity_id", "subscription_type_id", "number_of_users"),
        *("default_tariff_id", "markup", "responsible_manager_id", "service_manager_id", "account_manager_id"),
        *("dealer_id", "group_id", "segment_id", "channel_id", "correspondence_name", "identity_number"),
    }
)
LISTS: Final = frozenset(
    {
        *("compliance_documents", "billing_lines", "call_markups", "accounts", "contacts", "addresses"),
        *("legal_entities", "invoice_profiles"),
    }
)
PARENTS: Final = {
    "relationship_note": "existing_relationship",
    "low_usage_minimum": "empty_or_low",
    "annual_increase_percent": "annual_increase_profile",
    "annual_increase_date": "annual_increase_profile",
    # One is refused without the other.
    "review_frequency": "review_start_date",
    "review_start_date": "review_frequency",
}
# The fields that only customers of one kind have.
FIELDS_OF_KIND: Final = {
    "identity_number": CustomerKind.CONSUMER,
    "registration_number": CustomerKind.COMPANY,
    "registration_date": CustomerKind.COMPANY,
    "customer_type": CustomerKind.COMPANY,
}


def _is_asked(name: str, values: Mapping[str, Any]) -> bool:
    """A prospect needs no more than every prospect, and nobody what only customers of the other kind have."""
    kind = values.get("kind") or CustomerKind.COMPANY
    return not values.get("is_prospect") and FIELDS_OF_KIND.get(name, kind) == kind


CUSTOMER_FORM: Final = FormDescription(
    owner=CustomFieldOwner.CUSTOMER,
    sections=SECTIONS,
    custom_section=MORE_TAB[0],
    needed=NEEDED,
    requirable=REQUIRABLE,
    lists=LISTS,
    companions={"year_end_month": ("year_end_day",)},
    parents=PARENTS,
    always_required=frozenset(REQUIRED_FIELDS),
    deciding=("is_prospect", "kind"),
    is_asked=_is_asked,
)


@dataclass(frozen=True)
class ReadyLayout:
    """A layout that is chosen by one press: its `first` fields lead above the tabs, `required` ones must be filled."""

    name: str
    label: str
    explanation: str
    first: tuple[str, ...]
    required: frozenset[str]


DETAILED: Final = ReadyLayout(
    "detailed",
    "Detailed customer form",
    "Segment, status, acquisition channel and responsible manager stand above the tabs and are required.",
    ("name", "segment_id", "status_id", "channel_id", "responsible_manager_id"),
    frozenset({"segment_id", "channel_id", "responsible_manager_id"}),
)


def build_ready_draft(ready: ReadyLayout) -> LayoutDraft:
    """`ready` as something to change and save."""
    places = {each.name: tuple(name for name in each.fields if name not in ready.first) for each in SECTIONS}
    return LayoutDraft({**places, CORE: (*ready.first, *places[CORE])}, frozenset(), ready.required)
