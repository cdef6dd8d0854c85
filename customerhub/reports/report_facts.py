"""The facts of a customer's performance report. `report_data` reads them, `report_layout` lays them out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from customerhub.mail.letterhead import Brand
from customerhub.usage.cost_tracker import CostLine, calculate_monthly_costs
from models.enums import ContractStatus, DateFormat, OrderStatus, OutboxState, Risk, Severity, StatusBehaviour


@dataclass(frozen=True)
class CustomerDetails:
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
class CreditStanding:
    """The customer's status, risk and credit."""

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
    booked_to: str | None
    minimum_cost: Decimal
    cost_per_unit: Decimal
    active_from: date | None
    active_to: date | None


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
    """What was planned and done up to the day of the report. `open_due_date` is the latest due date, where no review
    answers it; `overdue` whether its days of grace are over.
    """

    frequency: int | None
    reviewer: str | None
    past_reviews: Sequence[ReviewFact]
    next_dates: Sequence[date]
    open_due_date: date | None
    overdue: bool


@dataclass(frozen=True)
class MessageFact:
    day: date
    subject: str
    recipient: str
    state: OutboxState


@dataclass(frozen=True)
class ReportData:
    """The content of a report. `created_on` is the day on which it is created, `as_of` the one that it is about."""

    as_of: date
    created_on: date
    organisation: str
    currency: str
    date_format: DateFormat
    brand: Brand
    customer: CustomerDetails
    standing: CreditStanding
    review: ReviewState
    logo: tuple[str, bytes] | None = None
    accounts: Sequence[AccountFact] = ()
    contracts: Sequence[ContractFact] = ()
    orders: Sequence[OrderFact] = ()
    lines: Sequence[LineFact] = ()
    documents: Sequence[DocumentFact] = ()
    alerts: Sequence[tuple[Severity, str]] = ()
    messages: Sequence[MessageFact] = ()
    message_count: int = 0
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
        return calculate_monthly_costs(lines, self.months, as_of=self.as_of)
