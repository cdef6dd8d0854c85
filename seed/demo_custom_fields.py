"""Custom fields of the demo, one of each kind, with values in most customers, contracts and invoice profiles."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from customerhub.core import history
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.custom_fields.fields import save_field
from models import Contract, Customer, CustomField, CustomFieldChoice, InvoiceProfile
from models.base import db
from models.enums import CustomFieldKind, CustomFieldOwner

K, OWNERS = CustomFieldKind, CustomFieldOwner
FIELDS: tuple[dict[str, Any], ...] = (
    {
        "owner": OWNERS.CUSTOMER,
        "name": "Service level",
        "kind": K.CHOICE,
        "help": "Response time that was agreed",
        "choices": ("Gold", "Silver", "Bronze"),
    },
    {"owner": OWNERS.CUSTOMER, "name": "Sites", "kind": K.NUMBER},
    {
        "owner": OWNERS.CUSTOMER,
        "name": "IT budget",
        "kind": K.AMOUNT,
        "tab": "financial",
        "help": "A year, as stated by the customer",
    },
    {"owner": OWNERS.CUSTOMER, "name": "Framework agreement ends", "kind": K.DATE},
    {
        "owner": OWNERS.CUSTOMER,
        "name": "Reference customer",
        "kind": K.YES_NO,
        "tab": "marketing",
        "help": "May be named in offers",
    },
    {"owner": OWNERS.CUSTOMER, "name": "Project page", "kind": K.LINK},
    {"owner": OWNERS.CUSTOMER, "name": "Nickname", "kind": K.TEXT, "help": "What we call them among ourselves"},
    {"owner": OWNERS.CONTRACT, "name": "Signed by", "kind": K.TEXT},
    {"owner": OWNERS.CONTRACT, "name": "Notice period (months)", "kind": K.NUMBER},
    {"owner": OWNERS.INVOICE_PROFILE, "name": "Purchase order no.", "kind": K.TEXT},
)
SIGNATORIES = ("Managing director", "Head of purchasing", "Head of IT")
BLANK_EVERY = 5  # so many-th customer has nothing in its custom fields


def seed_custom_fields(organisation_id: int) -> None:
    """Add the fields and fill them, once. The caller commits."""
    if db.session.scalar(select(CustomField.id).where(CustomField.organisation_id == organisation_id).limit(1)):
        return
    actor = Actor(None, organisation_id)
    with history.act_as(actor, "demo"):
        fields = {field.key: field for field in (_add_field(each, actor) for each in FIELDS)}
        levels = [choice.id for choice in fields["service_level"].choices]
        for number, customer in enumerate(_list_rows(Customer, organisation_id)):
            if number % BLANK_EVERY:
                _set_values(customer, _build_customer_values(customer, number, levels))
        for number, contract in enumerate(_list_rows(Contract, organisation_id)):
            signatory = SIGNATORIES[number % len(SIGNATORIES)]
            _set_values(contract, {"signed_by": signatory, "notice_period_months": Decimal(3 + number % 4 * 3)})
        for number, profile in enumerate(_list_rows(InvoiceProfile, organisation_id)):
            _set_values(profile, {"purchase_order_no": f"PO-{20260 + number}"})
        db.session.flush()


def _add_field(columns: dict[str, Any], actor: Actor) -> CustomField:
    choices = [CustomFieldChoice(name=each) for each in columns.get("choices", ())]
    return save_field(CustomField(**columns | {"choices": choices}), actor=actor)


def _list_rows(model: Any, organisation_id: int) -> list[Any]:
    return list(db.session.scalars(select(model).where(model.organisation_id == organisation_id).order_by(model.id)))


def _set_values(row: Any, values: dict[str, Any]) -> None:
    for key, value in values.items():
        setattr(row, f"custom_{key}", value)


def _build_customer_values(customer: Customer, number: int, levels: list[int]) -> dict[str, Any]:
    ends_on = organisation_today(customer.organisation_id) + timedelta(days=number * 23 - 120)
    return {
        "service_level": levels[number % len(levels)],
        "sites": Decimal(1 + number * 7 % 24),
        "it_budget": Decimal(12_500 * (1 + number % 9)),
        "framework_agreement_ends": date(ends_on.year, ends_on.month, min(ends_on.day, 28)),
        "reference_customer": number % 3 == 0,
        "project_page": f"https://projects.demo.example/{(customer.reference or str(number)).lower()}",
        "nickname": customer.name.split()[0],
    }
