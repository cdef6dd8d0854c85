"""The form of a contract as the hub brings it."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import func, select

from customerhub.custom_fields.places import MORE_TAB
from customerhub.form_layouts.layouts import CORE, FormDescription, Section
from models import Contract
from models.base import db
from models.enums import ContractStatus, CustomFieldOwner

CUSTOMER_FIELD: Final = "customer_id"  # chosen before all others
RISK_TAB: Final = ("risk", "Risk")
_ALWAYS: Final = "Always required"
MAIN: Final = (
    "name",
    "number",
    "invoice_profile_id",
    "connections",
    "start_date",
    "end_date",
    "value",
    "business_entity_id",
    "supplier",
    "business_risk",
    "contract_risk",
)
REQUIRABLE: Final = frozenset({"end_date", "value", "business_entity_id", "supplier", "business_risk", "contract_risk"})
# What partners do not see is not asked of them; staff fill it in, and their form asks for it.
STAFF_FIELDS: Final = frozenset({"business_entity_id", "supplier", "business_risk", "contract_risk"})
CONTRACT_FORM: Final = FormDescription(
    owner=CustomFieldOwner.CONTRACT,
    sections=(Section(CORE, "Above the tabs", MAIN), Section(*RISK_TAB, ()), Section(*MORE_TAB, ())),
    custom_section=CORE,
    needed=dict.fromkeys(("name", "invoice_profile_id", "start_date"), _ALWAYS),
    requirable=REQUIRABLE,
    leading=(CUSTOMER_FIELD,),
    always_required=frozenset({"name", "invoice_profile_id", "start_date"}),
)


def count_missing(names: Iterable[str], organisation_id: int) -> dict[str, int]:
    """How many contracts lack each of these fields; those that have ended are not changed and not counted."""
    counted = list(names)
    counts = [func.count().filter(getattr(Contract, name).is_(None)) for name in counted]
    is_meant = (Contract.organisation_id == organisation_id, Contract.status != ContractStatus.ENDED)
    return dict(zip(counted, db.session.execute(select(*counts).where(*is_meant)).one(), strict=True))
