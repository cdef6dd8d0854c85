"""The performance report of a customer: what it tells. `report_pages` says how it is laid out.

Invoices, payments and usage have no tables yet: their lists are empty, and the report says so in words.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub import clock, formats, rendering, storage
from customerhub.customers import alerts
from customerhub.customers.reviews import is_overdue, next_reviews, waiting_review
from customerhub.customers.rules import EARLIEST
from customerhub.database import saving
from customerhub.errors import HubError, Invalid
from customerhub.notifications.letterhead import Brand, brand_of
from customerhub.permissions import Actor, Permission, require, require_own
from customerhub.usage.cost_tracker import CostLine, costs_by_month, last_months
from models import (
    Account,
    Address,
    BillingLine,
    BusinessEntity,
    ComplianceDocument,
    Contact,
    Contract,
    Customer,
    CustomerOrder,
    ListExport,
    Organisation,
    OutboxMessage,
    Review,
    StoredFile,
)
from models.base import db
from models.enums import (
    AlertRule,
    ContractStatus,
    DateFormat,
    OrderStatus,
    OutboxState,
    Risk,
    Severity,
    StatusBehaviour,
)

SCREEN: Final = "report"  # what a ListExport is of that is a report
FORMAT: Final = "pdf"
MOST_MESSAGES: Final = 40  # that are listed, the newest
LARGEST_LOGO: Final = storage.MIB
# What a logo may be, told by its first bytes, and what it is called for the template.
PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "logo.png",
    b"\xff\xd8\xff": "logo.jpg",
    b"<svg": "logo.svg",
    b"<?xml": "logo.svg",
}
# Alerts that the report tells by the facts behind them, as of its day.
TOLD_BY_FACTS: Final = (AlertRule.CREDIT_LIMIT, AlertRule.DOCUMENT, AlertRule.REVIEW)
_NO_PATH: Final = str.maketrans("/\\", "--")  # a name such as Larsen A/S is no path
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Particulars:
    """The customer's record. Texts are as people read them, None where there is nothing."""

    name: str
    account_number: str
    reference: str | None
    is_prospect: bool
    kind: str
    type: str | None
    numbers: Sequence[tuple[str, str]]
    region: str | None
    departments: Sequence[str]
    group: str | None
    dealer: str | None
    managers: Sequence[tuple[str, str]]
    start_date: date | None
    email: str | None
    phone: str | None
    website: str | None
    address: str | None
    contacts: Sequence[tuple[str, str, str]]
    billing: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Standing:
    """How the customer stands with us."""

    status: str
    colour: str
    behaviour: StatusBehaviour
    stage: str
    risk: Risk | None
    credit_limit: Decimal | None
    credit_check: str | None
    credit_reference: str | None


@dataclass(frozen=True)
class AccountFact:
    number: str
    type: str | None
    is_main: bool
    balance: Decimal


@dataclass(frozen=True)
class ContractFact:
    number: str
    name: str
    status: ContractStatus
    risk: Risk | None
    value: Decimal | None
    connections: int
    start_date: date
    end_date: date | None


@dataclass(frozen=True)
class OrderFact:
    number: str
    description: str
    connections: int
    ordered_on: date
    wanted_on: date | None
    delivered_on: date | None
    status: OrderStatus


@dataclass(frozen=True)
class LineFact:
    """A billing line. `active_from` is the customer's first day where the line itself has none."""

    key: int
    commodity: str
    unit: str
    place: str | None
    minimum_cost: Decimal
    cost_per_unit: Decimal
    active_from: date | None
    active_to: date | None


@dataclass(frozen=True)
class InvoiceFact:
    number: str
    issued_on: date
    due_on: date
    total: Decimal
    paid: Decimal
    state: str


@dataclass(frozen=True)
class PaymentFact:
    paid_on: date
    amount: Decimal
    method: str
    reference: str | None = None


@dataclass(frozen=True)
class UsageFact:
    """Units of a billing line that were used in a month, which is known by its first day."""

    line_key: int
    month: date
    units: Decimal


@dataclass(frozen=True)
class DocumentFact:
    certificate: str
    expiry_date: date
    reviewer: str | None
    on_file: bool


@dataclass(frozen=True)
class ReviewFact:
    done_on: date
    due_on: date | None
    done_by: str | None
    risk: Risk
    note: str | None


@dataclass(frozen=True)
class ReviewState:
    """What was planned and done up to the day of the report. `waiting` is the latest due date, where no review
    answers it; `overdue` whether its days of grace are over.
    """

    frequency: int | None
    reviewer: str | None
    done: Sequence[ReviewFact]
    following: Sequence[date]
    waiting: date | None
    overdue: bool


@dataclass(frozen=True)
class MessageFact:
    on: date
    subject: str
    recipient: str
    state: OutboxState


@dataclass(frozen=True)
class ReportData:
    """All that a report tells. `made_on` is the day on which it is made, `as_of` the one that it is about."""

    as_of: date
    made_on: date
    organisation: str
    currency: str
    dates: DateFormat
    brand: Brand
    customer: Particulars
    standing: Standing
    review: ReviewState
    logo: tuple[str, bytes] | None = None
    accounts: Sequence[AccountFact] = ()
    contracts: Sequence[ContractFact] = ()
    orders: Sequence[OrderFact] = ()
    lines: Sequence[LineFact] = ()
    documents: Sequence[DocumentFact] = ()
    alerts: Sequence[tuple[Severity, str]] = ()
    messages: Sequence[MessageFact] = ()
    messages_in_all: int = 0
    invoices: Sequence[InvoiceFact] = ()
    payments: Sequence[PaymentFact] = ()
    usage: Sequence[UsageFact] = ()
    months: Sequence[date] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        return sum((account.balance for account in self.accounts), Decimal(0))

    @property
    def costs(self) -> dict[str, list[Decimal]]:
        """What each commodity cost in each of `months`."""
        lines = [
            CostLine(each.key, each.commodity, each.minimum_cost, each.cost_per_unit, each.active_from, each.active_to)
            for each in self.lines
        ]
        usage = {(used.line_key, used.month): used.units for used in self.usage}
        return costs_by_month(lines, self.months, as_of=self.as_of, usage=usage)


# --- Reading it --------------------------------------------------------------------------------------------------


def report_data(customer: Customer, *, as_of: date) -> ReportData:
    """What there is to report of `customer` as of a day, read with a fixed number of queries.

    What has a date of its own is told as of that day: what is due, overdue, expired or active, and costs, reviews and
    messages up to it. What has none, such as the status and balances, is told as it is now.
    """
    row = db.session.scalars(_record(customer.id)).unique().one()
    organisation = db.session.get_one(Organisation, row.organisation_id)
    entity = row.business_entity or _first_entity(organisation.id)
    documents = _rows(ComplianceDocument, row, ComplianceDocument.expiry_date)
    contracts = _rows(Contract, row, Contract.start_date.desc(), Contract.number)
    orders = _rows(CustomerOrder, row, CustomerOrder.ordered_on.desc(), CustomerOrder.number)
    messages, messages_in_all = _messages(row, as_of, ZoneInfo(organisation.timezone))
    return ReportData(
        as_of=as_of,
        made_on=clock.today(organisation.timezone),
        organisation=organisation.name,
        currency=organisation.currency,
        dates=organisation.date_format,
        brand=brand_of(entity) if entity is not None else Brand(organisation.name),
        logo=_picture(entity.logo) if entity is not None else None,
        customer=_particulars(row),
        standing=Standing(
            row.status.name, row.status.colour, row.status.behaviour, row.stage.value, row.risk, row.credit_limit,
            row.credit_check_company, row.credit_reference,
        ),
        review=_reviews(row, organisation, as_of),
        accounts=[
            AccountFact(each.number, each.type.name if each.type else None, each.is_main, each.balance)
            for each in _rows(Account, row, load=[joinedload(Account.type)])
        ],
        contracts=[
            ContractFact(
                each.number, each.name, each.status, _worse(each.business_risk, each.contract_risk), each.value,
                each.connections, each.start_date, each.end_date,
            )
            for each in contracts
        ],
        orders=[
            OrderFact(
                each.number, each.description, each.connections, each.ordered_on, each.wanted_on, each.delivered_on,
                each.status,
            )
            for each in orders
        ],
        lines=_lines(row),
        documents=[
            DocumentFact(each.certificate, each.expiry_date, each.reviewer_email, each.file_id is not None)
            for each in documents
        ],
        alerts=[
            (each.severity, each.text)
            for each in alerts.list_alerts(row, as_of=as_of)
            if each.rule not in TOLD_BY_FACTS
        ],
        messages=messages,
        messages_in_all=messages_in_all,
        months=last_months(as_of),
    )  # fmt: skip


def _record(customer_id: int) -> Select[Any]:
    """The customer with all single rows that the report names."""
    to_one = (
        Customer.status, Customer.region, Customer.category, Customer.group, Customer.dealer, Customer.payment_method,
        Customer.payment_terms, Customer.account_manager, Customer.service_manager, Customer.responsible_manager,
    )  # fmt: skip
    entity = joinedload(Customer.business_entity)
    return (
        select(Customer)
        .where(Customer.id == customer_id)
        .options(*map(joinedload, to_one), entity.joinedload(BusinessEntity.logo), selectinload(Customer.departments))
        .execution_options(populate_existing=True)
    )


def _first_entity(organisation_id: int) -> BusinessEntity | None:
    """The business entity whose brand is worn where a customer has none."""
    return db.session.scalar(
        select(BusinessEntity)
        .where(BusinessEntity.organisation_id == organisation_id, BusinessEntity.active)
        .order_by(BusinessEntity.id)
        .limit(1)
        .options(joinedload(BusinessEntity.logo))
    )


def _rows(model: Any, customer: Customer, *order: Any, load: Sequence[Any] = ()) -> Sequence[Any]:
    """The rows of `model` that hang on a customer."""
    query = select(model).where(model.customer_id == customer.id).order_by(*order, model.id).options(*load)
    return db.session.scalars(query).all()


def _particulars(row: Customer) -> Particulars:
    addresses = _rows(Address, row)
    numbers = (
        ("Identity number", row.identity_number), ("Registration number", row.registration_number),
        ("VAT number", row.vat_number),
    )  # fmt: skip
    managers = (
        ("Account manager", row.account_manager), ("Service manager", row.service_manager),
        ("Responsible manager", row.responsible_manager),
    )  # fmt: skip
    billing = (
        ("Billing cycle", f"{row.billing_cycle.value.capitalize()}, day {row.billing_day}"),
        ("Payment method", row.payment_method.name if row.payment_method else None),
        ("Payment terms", row.payment_terms.name if row.payment_terms else None),
    )
    return Particulars(
        name=row.name,
        account_number=row.account_number,
        reference=row.reference,
        is_prospect=row.is_prospect,
        kind=row.kind.value,
        type=row.customer_type.value if row.customer_type else None,
        numbers=[(label, number) for label, number in numbers if number],
        region=row.region.name if row.region else None,
        departments=[each.name for each in row.departments],
        group=row.group.name if row.group else None,
        dealer=row.dealer.name if row.dealer else None,
        managers=[(label, each.name) for label, each in managers if each],
        start_date=row.start_date,
        email=row.email,
        phone=row.contact_number,
        website=row.website,
        address=str(addresses[0]) if addresses else None,
        contacts=[
            (each.name, each.role.value, ", ".join(filter(None, (each.email, each.phone))))
            for each in _rows(Contact, row)
        ],
        billing=[(label, text) for label, text in billing if text],
    )


def _lines(row: Customer) -> list[LineFact]:
    load = [joinedload(part) for part in (BillingLine.commodity, BillingLine.location, BillingLine.department)]
    return [
        LineFact(
            each.id, each.commodity.name, each.commodity.unit,
            ", ".join(part.name for part in (each.location, each.department) if part) or None,
            each.minimum_cost, each.cost_per_unit, each.active_from or row.start_date, each.active_to,
        )
        for each in _rows(BillingLine, row, load=load)
    ]  # fmt: skip


def _worse(*risks: Risk | None) -> Risk | None:
    order = list(Risk)
    return max((risk for risk in risks if risk), key=order.index, default=None)


def _reviews(row: Customer, organisation: Organisation, as_of: date) -> ReviewState:
    all_done = _rows(Review, row, Review.done_on.desc(), load=[joinedload(Review.done_by)])
    done = [each for each in all_done if each.done_on <= as_of]
    start, frequency = row.review_start_date, row.review_frequency
    following: list[date] = []
    waiting = None
    if start is not None and frequency is not None:
        following = next_reviews(start, frequency, as_of)
        last_answered = max((each.due_on for each in done if each.due_on), default=None)
        waiting = waiting_review(start, frequency, as_of, last_answered)
    dropped = row.status.behaviour is StatusBehaviour.NONE
    known_since, grace_days = clock.day_of(row.created_at, organisation.timezone), organisation.review_grace_days
    return ReviewState(
        frequency=frequency,
        reviewer=row.reviewer_email,
        done=[
            ReviewFact(each.done_on, each.due_on, each.done_by.name if each.done_by else None, each.risk, each.note)
            for each in done
        ],
        following=following,
        waiting=waiting,
        overdue=waiting is not None and not dropped and is_overdue(waiting, known_since, grace_days, as_of),
    )


def _messages(row: Customer, as_of: date, zone: ZoneInfo) -> tuple[list[MessageFact], int]:
    """The newest messages about a customer up to a day, and how many there are in all. What was cancelled is none."""
    end = datetime.combine(as_of + timedelta(days=1), time(), zone).astimezone(UTC)
    message = OutboxMessage
    about = (
        message.customer_id == row.id, message.created_at < end, message.state != OutboxState.CANCELLED,
    )  # fmt: skip
    rows = db.session.execute(
        select(message.created_at, message.sent_at, message.subject, message.recipient, message.state)
        .where(*about)
        .order_by(message.id.desc())
        .limit(MOST_MESSAGES)
    ).all()
    in_all = db.session.scalar(select(func.count()).select_from(message).where(*about)) or 0
    return [
        MessageFact(clock.day_of(sent_at or made_at, zone), subject, recipient, state)
        for made_at, sent_at, subject, recipient, state in rows
    ], in_all


def _picture(file: StoredFile | None) -> tuple[str, bytes] | None:
    """A logo as the template can show it; None for what is no picture, too large or gone."""
    if file is None or file.size > LARGEST_LOGO:
        return None
    try:
        with storage.open_file(file) as stream:
            content = stream.read()
    except HubError:
        return None
    name = next((name for first, name in PICTURES.items() if content.lstrip()[:8].startswith(first)), None)
    return (name, content) if name else None


# --- Making it ---------------------------------------------------------------------------------------------------


def render_report(data: ReportData) -> bytes:
    """The report as PDF, made in this process. Raises NotTypeset, RuntimeError in one that is not allowed to."""
    return _made(data, rendering.typeset)


def report_pdf(data: ReportData) -> bytes:
    """The report as PDF, made here where that is allowed, else in a process of its own. Raises NotTypeset."""
    return _made(data, rendering.pdf_of)


def _made(data: ReportData, make: Callable[[rendering.Document], bytes]) -> bytes:
    from customerhub.notifications.report_pages import document_of

    try:
        return make(document_of(data))
    except rendering.NotTypeset as error:
        if data.logo is None:
            raise
        log.warning("%s: made without its logo: %s", file_name(data), error)
        return make(document_of(replace(data, logo=None)))


def file_name(data: ReportData) -> str:
    name = data.customer.name[:120].translate(_NO_PATH)
    return f"Performance report {name} {data.as_of.isoformat()}.pdf"


def day_of(customer: Customer, as_of: date | None) -> date:
    """The day that a report of `customer` is about. Raises Invalid where there is none, or it is yet to come."""
    if as_of is None or not EARLIEST <= as_of <= alerts.today(customer.organisation_id):
        raise Invalid("Choose today or a day before", "as_of")
    return as_of


def request_report(customer: Customer, *, as_of: date | None, actor: Actor) -> ListExport:
    """Ask for the report of a customer as of a day, to be made by a job. Raises Invalid for a day to come."""
    require(actor, Permission.CUSTOMERS_VIEW)
    require_own(actor, customer)
    day = day_of(customer, as_of)
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    assert actor.id is not None
    wanted = ListExport(
        organisation_id=customer.organisation_id, user_id=actor.id, screen=SCREEN,
        title=f"Performance report {customer.name[:80]}, {formats.written(day, organisation.date_format)}",
        format=FORMAT, query={"customer": customer.id, "as_of": day.isoformat()},
    )  # fmt: skip
    with saving():
        db.session.add(wanted)
    return wanted
