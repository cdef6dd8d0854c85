"""Contracts and orders of the demo, in every status: the partner's live customers have some of each."""

import random
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO

from sqlalchemy import select

from customerhub import clock, history, storage
from customerhub.contracts import moves
from customerhub.contracts.contracts import add_contract, move_contract, save_contract
from customerhub.contracts.eligibility import why_not
from customerhub.contracts.invoice_profiles import add_profile
from customerhub.contracts.orders import move_order, save_order
from customerhub.customers.records import save_customer
from customerhub.permissions import Actor
from models import BusinessEntity, Contract, Customer, CustomerOrder, InvoiceProfile, User
from models.base import db
from models.enums import ContractStatus, OrderStatus, Risk, Stage

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus
# What the live customers have signed, by turns.
PLANS: tuple[tuple[ContractStatus, ...], ...] = ((LIVE, ENDED), (LIVE, DRAFT), (), (PASSIVE, LIVE), (LIVE,), (DRAFT,))
NAMES = (
    "Office lines", "Hosted telephony", "Branch internet", "Data centre racks", "Mobile fleet", "Support, working hours"
)  # fmt: skip
SUPPLIERS = ("Nordkabel Netze", "Rheinfunk", None)
CONTRACT_WAYS = {PASSIVE: "passive", ENDED: "end"}
ORDER_WAYS = {
    OrderStatus.IN_PROGRESS: ("start",), OrderStatus.DELIVERED: ("start", "deliver"), OrderStatus.CANCELLED: ("cancel",)
}  # fmt: skip


def seed_contracts(organisation_id: int, *, agent: User, partner: User) -> None:
    """Give live customers of the demo contracts and orders, once. The caller commits."""
    if db.session.scalar(select(Contract.id).where(Contract.organisation_id == organisation_id).limit(1)):
        return
    worker, dealer = Actor(agent, organisation_id), Actor(partner, organisation_id)
    own = (Customer.organisation_id == organisation_id, Customer.stage == Stage.BILLING)
    customers = db.session.scalars(select(Customer).where(*own).order_by(Customer.id)).all()
    dice = random.Random(2025)  # noqa: S311  (variety, not secrecy)
    for number, customer in enumerate(each for each in customers if why_not(each, actor=worker) is None):
        is_partners = customer.dealer_id is not None and customer.dealer_id == partner.dealer_id
        with history.acting(worker, "demo"):
            for turn, status in enumerate((LIVE,) if is_partners else PLANS[number % len(PLANS)]):
                _sign(customer, status, NAMES[(number + turn) % len(NAMES)], dice, worker)
        if is_partners:
            with history.acting(dealer, "demo"):
                add_contract(
                    customer, name="Second site", start_date=clock.today() + timedelta(days=14), connections=15,
                    profile_name="Second site", profile_email=customer.email, actor=dealer,
                )  # fmt: skip


def _sign(customer: Customer, status: ContractStatus, name: str, dice: random.Random, worker: Actor) -> None:
    """Make a contract and bring it to `status`, with orders where there is something to order on it."""
    today = clock.today()
    start = min((customer.start_date or today) + timedelta(days=10), today)
    if status is DRAFT:
        start = today + timedelta(days=dice.choice((7, 21)))
    entity = db.session.scalar(
        select(BusinessEntity.id).where(BusinessEntity.organisation_id == customer.organisation_id).limit(1)
    )
    connections = dice.choice((4, 10, 12, 25, 40, 120))
    contract = Contract(
        customer_id=customer.id, name=name, connections=connections, start_date=start,
        invoice_profile_id=_profile(customer, status is not DRAFT, worker).id, supplier=dice.choice(SUPPLIERS),
        value=Decimal(connections * dice.choice((90, 240, 420))), business_risk=dice.choices(list(Risk), (6, 3, 1))[0],
        contract_risk=dice.choices(list(Risk), (6, 3, 1))[0], business_entity_id=entity,
        end_date=today + timedelta(days=dice.randrange(60, 1000)) if status is LIVE and dice.random() < 0.6 else None,
    )  # fmt: skip
    save_contract(contract, actor=worker)
    if status is not DRAFT:
        _order(contract, "First installation", OrderStatus.DELIVERED, connections, start, worker)
    if status is LIVE:
        since = max(start, today - timedelta(days=dice.choice((6, 30))))
        _order(contract, "Extension", dice.choice(list(OrderStatus)), dice.choice((2, 5, 8)), since, worker)
    if status in CONTRACT_WAYS:
        move = moves.OF_CONTRACTS[CONTRACT_WAYS[status]]
        over = min(start + timedelta(days=400), today)
        move_contract(contract, move, end_date=over, reason="Moved to another city", actor=worker)


def _profile(customer: Customer, completed: bool, worker: Actor) -> InvoiceProfile:
    """An invoice profile of the customer that is completed, or one that is not."""
    wanted = (each for each in customer.invoice_profiles if (each.nda_file_id is not None) is completed)
    found = next(wanted, None)
    if found is None:
        name = "Headquarters" if completed else "Branches"
        found = add_profile(customer, name=name, email=customer.email or "", actor=worker)
    if completed and found.nda_file_id is None:
        file = storage.store(
            BytesIO(_signed(customer.name)), "nda-signed.pdf", None, organisation_id=customer.organisation_id,
            actor=worker,
        )  # fmt: skip
        found.nda_file_id = file.id
        save_customer(customer, actor=worker)
    return found


def _order(contract: Contract, what: str, status: OrderStatus, connections: int, day: date, worker: Actor) -> None:
    today = clock.today()
    order = CustomerOrder(
        customer_id=contract.customer_id, contract_id=contract.id, connections=connections, ordered_on=day,
        description=what,
        wanted_on=min(day + timedelta(days=26), today + timedelta(days=26)),
    )  # fmt: skip
    save_order(order, actor=worker)
    delivered = min(day + timedelta(days=12), today)
    for name in ORDER_WAYS.get(status, ()):
        move_order(order, moves.OF_ORDERS[name], delivered_on=delivered, actor=worker)


def _signed(name: str) -> bytes:
    """A PDF of one page that stands for a signed NDA."""
    text = f"Non-disclosure agreement with {name}. Made up for the demo."
    for special in "\\()":
        text = text.replace(special, f"\\{special}")
    shown = text.encode("cp1252", "replace")
    drawn = b"BT /F1 12 Tf 72 770 Td (" + shown + b") Tj ET"
    parts = (
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica "
        b"/Encoding /WinAnsiEncoding >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn),
    )  # fmt: skip
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, end = len(parts) + 1, len(made)
    made += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    return made + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, end)
