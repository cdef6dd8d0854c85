"""Reads from the database what a customer's performance report contains."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core import clock, config, storage
from customerhub.core.errors import HubError
from customerhub.core.organisation_dates import organisation_today
from customerhub.customers import alerts
from customerhub.customers.review_schedule import find_unanswered_due_date, is_overdue, list_next_due_dates
from customerhub.mail.letterhead import Brand, brand_of, find_default_entity
from customerhub.reports.report_facts import (
    AccountFact,
    ContractFact,
    CreditStanding,
    CustomerDetails,
    DocumentFact,
    LineFact,
    MessageFact,
    OrderFact,
    ReportData,
    ReviewFact,
    ReviewState,
)
from customerhub.usage.cost_tracker import list_last_months
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
    Organisation,
    OutboxMessage,
    Review,
    StoredFile,
)
from models.base import db
from models.enums import (
    AlertRule,
    OutboxState,
    Risk,
    StatusBehaviour,
)

MOST_MESSAGES: Final = 40  # that are listed, the newest
LARGEST_LOGO: Final = config.MIB
# What a logo may be, told by its first bytes, and what it is called for the template.
LOGO_FILE_NAMES: Final = {
    b"\x89PNG\r\n\x1a\n": "logo.png",
    b"\xff\xd8\xff": "logo.jpg",
    b"<svg": "logo.svg",
    b"<?xml": "logo.svg",
}
# Alerts that the report tells by the facts behind them, as of its day.
ALERTS_SHOWN_AS_FACTS: Final = (AlertRule.CREDIT_LIMIT, AlertRule.DOCUMENT, AlertRule.REVIEW)


def build_report_data(customer: Customer, *, as_of: date) -> ReportData:
    """What there is to report of `customer` as of a day, read with a fixed number of queries.

    Dated facts are as of that day: what is due, overdue, expired or active, and costs, reviews and messages up to it.
    Undated ones, such as the status and balances, are as of now.
    """
    row = db.session.scalars(_build_customer_query(customer.id)).unique().one()
    organisation = db.session.get_one(Organisation, row.organisation_id)
    business_entity = row.business_entity or find_default_entity(organisation.id)
    documents = _list_document_facts(row)
    contracts, orders = _list_contract_facts(row), _list_order_facts(row)
    messages, message_count = _list_messages(row, as_of, ZoneInfo(organisation.timezone))
    return ReportData(
        as_of=as_of,
        created_on=organisation_today(organisation.id),
        organisation=organisation.name,
        currency=organisation.currency,
        date_format=organisation.date_format,
        brand=brand_of(business_entity) if business_entity is not None else Brand(organisation.name),
        logo=_read_logo(business_entity.logo) if business_entity is not None else None,
        customer=_build_customer_details(row),
        standing=_build_credit_standing(row),
        review=_build_review_state(row, organisation, as_of),
        accounts=[
            AccountFact(each.number, each.type.name if each.type else None, each.is_main, each.balance)
            for each in _list_rows(Account, row, load=[joinedload(Account.type)])
        ],
        contracts=contracts,
        orders=orders,
        lines=_list_line_facts(row),
        documents=documents,
        alerts=[
            (each.severity, each.text)
            for each in alerts.list_alerts(row, as_of=as_of)
            if each.rule not in ALERTS_SHOWN_AS_FACTS
        ],
        messages=messages,
        message_count=message_count,
        months=list_last_months(as_of),
    )


def _build_customer_query(customer_id: int) -> Select[Any]:
    """The customer with all single rows that the report names."""
    to_one = (
        Customer.status,
        Customer.region,
        Customer.category,
        Customer.group,
        Customer.dealer,
        Customer.payment_method,
        Customer.payment_terms,
        Customer.account_manager,
        Customer.service_manager,
        Customer.responsible_manager,
    )
    entity = joinedload(Customer.business_entity)
    return (
        select(Customer)
        .where(Customer.id == customer_id)
        .options(*map(joinedload, to_one), entity.joinedload(BusinessEntity.logo), selectinload(Customer.departments))
        .execution_options(populate_existing=True)
    )


def _list_rows(model: Any, customer: Customer, *order: Any, load: Sequence[Any] = ()) -> Sequence[Any]:
    """The rows of `model` that hang on a customer."""
    query = select(model).where(model.customer_id == customer.id).order_by(*order, model.id).options(*load)
    return db.session.scalars(query).all()


def _build_customer_details(row: Customer) -> CustomerDetails:
    addresses = _list_rows(Address, row)
    numbers = (
        ("Identity number", row.identity_number),
        ("Registration number", row.registration_number),
        ("VAT number", row.vat_number),
    )
    managers = (
        ("Account manager", row.account_manager),
        ("Service manager", row.service_manager),
        ("Responsible manager", row.responsible_manager),
    )
    return CustomerDetails(
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
            for each in _list_rows(Contact, row)
        ],
        billing=_list_billing_terms(row),
    )


def _list_billing_terms(row: Customer) -> list[tuple[str, str]]:
    """(label, text) of what is agreed on billing; what is not agreed is left out."""
    billing = (
        ("Billing cycle", f"{row.billing_cycle.value.capitalize()}, day {row.billing_day}"),
        ("Payment method", row.payment_method.name if row.payment_method else None),
        ("Payment terms", row.payment_terms.name if row.payment_terms else None),
    )
    return [(label, text) for label, text in billing if text]


def _build_credit_standing(row: Customer) -> CreditStanding:
    return CreditStanding(
        row.status.name,
        row.status.colour,
        row.status.behaviour,
        row.stage.value,
        row.risk,
        row.credit_limit,
        row.credit_check_company,
        row.credit_reference,
    )


def _list_document_facts(row: Customer) -> list[DocumentFact]:
    return [
        DocumentFact(each.certificate, each.expiry_date, each.reviewer_email, each.file_id is not None)
        for each in _list_rows(ComplianceDocument, row, ComplianceDocument.expiry_date)
    ]


def _list_contract_facts(row: Customer) -> list[ContractFact]:
    return [
        ContractFact(
            each.number,
            each.name,
            each.status,
            _find_worst_risk(each.business_risk, each.contract_risk),
            each.value,
            each.connections,
            each.start_date,
            each.end_date,
        )
        for each in _list_rows(Contract, row, Contract.start_date.desc(), Contract.number)
    ]


def _list_order_facts(row: Customer) -> list[OrderFact]:
    return [
        OrderFact(
            each.number,
            each.description,
            each.connections,
            each.ordered_on,
            each.wanted_on,
            each.delivered_on,
            each.status,
        )
        for each in _list_rows(CustomerOrder, row, CustomerOrder.ordered_on.desc(), CustomerOrder.number)
    ]


def _list_line_facts(row: Customer) -> list[LineFact]:
    load = [joinedload(part) for part in (BillingLine.commodity, BillingLine.location, BillingLine.department)]
    return [
        LineFact(
            each.id,
            each.commodity.name,
            each.commodity.unit,
            ", ".join(part.name for part in (each.location, each.department) if part) or None,
            each.minimum_cost,
            each.cost_per_unit,
            each.active_from or row.start_date,
            each.active_to,
        )
        for each in _list_rows(BillingLine, row, load=load)
    ]


def _find_worst_risk(*risks: Risk | None) -> Risk | None:
    order = list(Risk)
    return max((risk for risk in risks if risk), key=order.index, default=None)


def _build_review_state(row: Customer, organisation: Organisation, as_of: date) -> ReviewState:
    all_done = _list_rows(Review, row, Review.done_on.desc(), load=[joinedload(Review.done_by)])
    past_reviews = [each for each in all_done if each.done_on <= as_of]
    start, frequency = row.review_start_date, row.review_frequency
    next_dates: list[date] = []
    open_due_date = None
    if start is not None and frequency is not None:
        next_dates = list_next_due_dates(start, frequency, as_of)
        last_answered = max((each.due_on for each in past_reviews if each.due_on), default=None)
        open_due_date = find_unanswered_due_date(start, frequency, as_of, last_answered)
    dropped = row.status.behaviour is StatusBehaviour.NONE
    known_since, grace_days = clock.day_of(row.created_at, organisation.timezone), organisation.review_grace_days
    return ReviewState(
        frequency=frequency,
        reviewer=row.reviewer_email,
        past_reviews=[
            ReviewFact(each.done_on, each.due_on, each.done_by.name if each.done_by else None, each.risk, each.note)
            for each in past_reviews
        ],
        next_dates=next_dates,
        open_due_date=open_due_date,
        overdue=open_due_date is not None and not dropped and is_overdue(open_due_date, known_since, grace_days, as_of),
    )


def _list_messages(row: Customer, as_of: date, zone: ZoneInfo) -> tuple[list[MessageFact], int]:
    """The newest messages about a customer up to a day, and how many there are in all; cancelled ones do not count."""
    end = datetime.combine(as_of + timedelta(days=1), time(), zone).astimezone(UTC)
    message = OutboxMessage
    conditions = (
        message.customer_id == row.id,
        message.created_at < end,
        message.state != OutboxState.CANCELLED,
    )
    rows = db.session.execute(
        select(message.created_at, message.sent_at, message.subject, message.recipient, message.state)
        .where(*conditions)
        .order_by(message.id.desc())
        .limit(MOST_MESSAGES)
    ).all()
    message_count = db.session.scalar(select(func.count()).select_from(message).where(*conditions)) or 0
    return [
        MessageFact(clock.day_of(sent_at or made_at, zone), subject, recipient, state)
        for made_at, sent_at, subject, recipient, state in rows
    ], message_count


def _read_logo(file: StoredFile | None) -> tuple[str, bytes] | None:
    """A logo as the template can show it; None for what is no picture, too large or gone."""
    if file is None or file.size > LARGEST_LOGO:
        return None
    try:
        with storage.open_file(file) as stream:
            content = stream.read()
    except HubError:
        return None
    name = next((name for first, name in LOGO_FILE_NAMES.items() if content.lstrip()[:8].startswith(first)), None)
    return (name, content) if name else None
