"""Contracts and orders of the demo, in every status: the partner's live customers have some of each."""

import random
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

from sqlalchemy import select

from customerhub.contracts import transitions
from customerhub.contracts.contracts import add_contract, change_contract_status, save_contract
from customerhub.contracts.eligibility import refusal_reason
from customerhub.contracts.orders import change_order_status, save_order
from customerhub.core import history, storage
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from customerhub.customers.invoice_profiles import add_profile
from customerhub.customers.records import save_customer
from models import BusinessEntity, Contract, Customer, CustomerOrder, InvoiceProfile, User
from models.base import db
from models.enums import ContractStatus, OrderStatus, Risk, Stage

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus
# What the live customers have signed, by turns.
PLANS: tuple[tuple[ContractStatus, ...], ...] = ((LIVE, ENDED), (LIVE, DRAFT), (), (PASSIVE, LIVE), (LIVE,), (DRAFT,))
NAMES = (
    "Office lines",
    "Hosted telephony",
    "Branch internet",
    "Data centre racks",
    "Mobile fleet",
    "Support, working hours",
)
SUPPLIERS = ("Nordkabel Netze", "Rheinfunk", None)
CONTRACT_TRANSITIONS = {PASSIVE: "passive", ENDED: "end"}
ORDER_TRANSITIONS = {
    OrderStatus.IN_PROGRESS: ("start",),
    OrderStatus.DELIVERED: ("start", "deliver"),
    OrderStatus.CANCELLED: ("cancel",),
}


def seed_contracts(organisation_id: int, *, agent: User, partner: User) -> None:
    """Give live customers of the demo contracts and orders, once. The caller commits."""
    if db.session.scalar(select(Contract.id).where(Contract.organisation_id == organisation_id).limit(1)):
        return
    agent_actor, partner_actor = Actor(agent, organisation_id), Actor(partner, organisation_id)
    live_filter = (Customer.organisation_id == organisation_id, Customer.stage == Stage.BILLING)
    customers = db.session.scalars(select(Customer).where(*live_filter).order_by(Customer.id)).all()
    dice = random.Random(2025)  # noqa: S311  (variety, not secrecy)
    for number, customer in enumerate(each for each in customers if refusal_reason(each, actor=agent_actor) is None):
        is_partners = customer.dealer_id is not None and customer.dealer_id == partner.dealer_id
        with history.act_as(agent_actor, "demo"):
            for turn, status in enumerate((LIVE,) if is_partners else PLANS[number % len(PLANS)]):
                _create_contract(customer, status, NAMES[(number + turn) % len(NAMES)], dice, agent_actor)
        if is_partners:
            with history.act_as(partner_actor, "demo"):
                add_contract(
                    customer,
                    name="Second site",
                    start_date=organisation_today(customer.organisation_id) + timedelta(days=14),
                    connections=15,
                    profile_name="Second site",
                    profile_email=customer.email,
                    actor=partner_actor,
                )


def _create_contract(
    customer: Customer, status: ContractStatus, name: str, dice: random.Random, agent_actor: Actor
) -> None:
    """Make a contract and bring it to `status`, with orders where there is something to order on it."""
    today = organisation_today(customer.organisation_id)
    start = min((customer.start_date or today) + timedelta(days=10), today)
    if status is DRAFT:
        start = today + timedelta(days=dice.choice((7, 21)))
    entity = db.session.scalar(
        select(BusinessEntity.id).where(BusinessEntity.organisation_id == customer.organisation_id).limit(1)
    )
    connections = dice.choice((4, 10, 12, 25, 40, 120))
    contract = Contract(
        customer_id=customer.id,
        name=name,
        connections=connections,
        start_date=start,
        invoice_profile_id=_ensure_profile(customer, status is not DRAFT, agent_actor).id,
        supplier=dice.choice(SUPPLIERS),
        value=Decimal(connections * dice.choice((90, 240, 420))),
        business_risk=dice.choices(list(Risk), (6, 3, 1))[0],
        contract_risk=dice.choices(list(Risk), (6, 3, 1))[0],
        business_entity_id=entity,
        end_date=today + timedelta(days=dice.randrange(60, 1000)) if status is LIVE and dice.random() < 0.6 else None,
    )
    save_contract(contract, actor=agent_actor)
    if status is not DRAFT:
        _create_order(contract, "First installation", OrderStatus.DELIVERED, connections, start, agent_actor)
    if status is LIVE:
        ordered_on = max(start, today - timedelta(days=dice.choice((6, 30))))
        _create_order(
            contract, "Extension", dice.choice(list(OrderStatus)), dice.choice((2, 5, 8)), ordered_on, agent_actor
        )
    if status in CONTRACT_TRANSITIONS:
        transition = transitions.CONTRACT_STATUSES.get_transition(CONTRACT_TRANSITIONS[status])
        end_date = min(start + timedelta(days=400), today)
        change_contract_status(
            contract, transition, end_date=end_date, reason="Moved to another city", actor=agent_actor
        )


def _ensure_profile(customer: Customer, is_completed: bool, agent_actor: Actor) -> InvoiceProfile:
    """An invoice profile of the customer that is completed, or one that is not."""
    matching_profiles = (each for each in customer.invoice_profiles if (each.nda_file_id is not None) is is_completed)
    profile = next(matching_profiles, None)
    if profile is None:
        name = "Headquarters" if is_completed else "Branches"
        profile = add_profile(customer, name=name, email=customer.email or "", actor=agent_actor)
    if is_completed and profile.nda_file_id is None:
        file = storage.store_file(
            BytesIO(_build_signed_nda(customer.name)),
            "nda-signed.pdf",
            None,
            organisation_id=customer.organisation_id,
            actor=agent_actor,
        )
        profile.nda_file_id = file.id
        save_customer(customer, actor=agent_actor)
    return profile


def _create_order(
    contract: Contract, description: str, status: OrderStatus, connections: int, day: date, agent_actor: Actor
) -> None:
    today = organisation_today(contract.organisation_id)
    order = CustomerOrder(
        customer_id=contract.customer_id,
        contract_id=contract.id,
        connections=connections,
        ordered_on=day,
        description=description,
        wanted_on=min(day + timedelta(days=26), today + timedelta(days=26)),
    )
    save_order(order, actor=agent_actor)
    delivered_on = min(day + timedelta(days=12), today)
    for name in ORDER_TRANSITIONS.get(status, ()):
        change_order_status(
            order, transitions.ORDER_STATUSES.get_transition(name), delivered_on=delivered_on, actor=agent_actor
        )


def _build_signed_nda(name: str) -> bytes:
    """A PDF of one page that stands for a signed NDA."""
    text = f"Non-disclosure agreement with {name}. Made up for the demo."
    for special in "\\()":
        text = text.replace(special, f"\\{special}")
    encoded_text = text.encode("cp1252", "replace")
    content_stream = b"BT /F1 12 Tf 72 770 Td (" + encoded_text + b") Tj ET"
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica "
        b"/Encoding /WinAnsiEncoding >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content_stream), content_stream),
    )
    document, offsets = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in offsets)
    size, end = len(parts) + 1, len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return document + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, end)
