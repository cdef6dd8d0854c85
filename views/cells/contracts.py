"""How contracts and orders look wherever they are named."""

from typing import Any

from sqlalchemy.orm import joinedload

from customerhub.contracts.risks import combine_risks
from models import Contract, Customer, CustomerOrder, InvoiceProfile
from models.enums import ContractStatus, OrderStatus, ProfileStatus
from views.framework.chips import risk_chip
from views.framework.columns import Cell
from views.framework.formatting import format_amount, format_date, get_today
from views.framework.labels import member_label
from views.http.urls import path_to

CONTRACT_TONES = {
    ContractStatus.DRAFT: "neutral",
    ContractStatus.LIVE: "green",
    ContractStatus.PASSIVE: "amber",
    ContractStatus.ENDED: "grey",
}
ORDER_TONES = {
    OrderStatus.PLACED: "neutral",
    OrderStatus.IN_PROGRESS: "blue",
    OrderStatus.DELIVERED: "green",
    OrderStatus.CANCELLED: "grey",
}
PROFILE_TONES = {
    ProfileStatus.NDA_PENDING: "amber",
    ProfileStatus.COMPLETED: "green",
    ProfileStatus.NDA_DECLINED: "red",
}
OPEN_ORDER_STATUSES = (OrderStatus.PLACED, OrderStatus.IN_PROGRESS)
LOAD_CUSTOMER = {model: joinedload(model.customer).joinedload(Customer.status) for model in (Contract, CustomerOrder)}


def status_chip(row: Contract | CustomerOrder) -> dict[str, Any]:
    tones: dict[Any, str] = {**CONTRACT_TONES, **ORDER_TONES}
    return {"chip": member_label(row.status), "tone": tones[row.status]}


def overall_risk_chip(contract: Contract) -> Cell:
    """Red, amber or green by the worse of the two risks."""
    return risk_chip(combine_risks(contract.business_risk, contract.contract_risk))


def profile_cell(profile: InvoiceProfile) -> Cell:
    return [profile.name, {"chip": profile.status.value, "tone": PROFILE_TONES[profile.status]}]


def contract_link(contract: Contract | None) -> Cell:
    return {"text": str(contract), "url": path_to("contracts.details_view", contract.id)} if contract else None


def number_link(row: Contract | CustomerOrder, screen: str) -> Cell:
    return {"text": row.number, "url": path_to(f"{screen}.details_view", row.id)}


def value_cell(contract: Contract) -> str | None:
    return format_amount(contract.value) or None


def is_late(order: CustomerOrder) -> bool:
    """Whether an order is not delivered though the day on which it was wanted is past."""
    return order.status in OPEN_ORDER_STATUSES and order.wanted_on is not None and order.wanted_on < get_today()


def requested_date_cell(order: CustomerOrder) -> Cell:
    requested_date = format_date(order.wanted_on) or None
    return [requested_date, {"chip": "Late", "tone": "red"}] if is_late(order) else requested_date
