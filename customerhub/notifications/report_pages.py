"""How a performance report is laid out: its facts as texts, tables and charts that a template prints.

Nothing here is markup. A template gets texts as data, so whatever people wrote is printed as they wrote it.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from customerhub import formats, money
from customerhub.notifications import charts
from customerhub.notifications.report import ReportData
from customerhub.notifications.values import NOTHING, when
from customerhub.rendering import Document
from models.enums import ContractStatus, OrderStatus, OutboxState, Risk, Severity, StatusBehaviour

TEMPLATE: Final = "report.typ"
TITLE: Final = "Customer performance report"
SOON_DAYS: Final = 30
MOST_ROWS: Final = 500  # of one table that are printed
MOST_COMMODITIES: Final = 5  # with a column of their own; the others are added up
MOST_NAMED: Final = 5  # documents that are named among what needs attention
LONGEST_NOTE: Final = 600
USUAL, SMALL = 8.4, 7.8  # points
WIDTH: Final = 493  # points, of a page without its margins
DIGIT: Final = 0.58  # how wide a digit is, of the size of the letters
GREEN, AMBER, RED, BLUE, GREY = "green", "amber", "red", "blue", "grey"
RISKS: Final = {Risk.LOW: GREEN, Risk.MEDIUM: AMBER, Risk.HIGH: RED}
CONTRACTS: Final = {
    ContractStatus.DRAFT: BLUE, ContractStatus.LIVE: GREEN, ContractStatus.PASSIVE: AMBER, ContractStatus.ENDED: GREY,
}  # fmt: skip
ORDERS: Final = {
    OrderStatus.PLACED: BLUE, OrderStatus.IN_PROGRESS: AMBER, OrderStatus.DELIVERED: GREEN, OrderStatus.CANCELLED: GREY,
}  # fmt: skip
MESSAGES: Final = {OutboxState.SENT: GREEN, OutboxState.FAILED: RED}
SEVERITIES: Final = {Severity.CRITICAL: RED, Severity.WARNING: AMBER, Severity.INFO: BLUE}
BEHAVIOURS: Final = {
    StatusBehaviour.BILL: "Billed as usual",
    StatusBehaviour.ACCRUE: "Charges pile up, nothing is billed",
    StatusBehaviour.FINAL: "The rest is billed, then dropped",
    StatusBehaviour.NONE: "Never billed",
}

Cell = str | dict[str, Any]
Block = dict[str, Any]


def document_of(data: ReportData) -> Document:
    """The report as a document to be typeset."""
    return _Pages(data).document()


def short(text: str, longest: int) -> str:
    """`text`, cut where it is longer than so many characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def counted(number: int, noun: str) -> str:
    """1 contract, 2 contracts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def chip(text: str, tone: str) -> Cell:
    return {"text": text, "tone": tone}


def columns(*labels: str, numbers: Sequence[str] = (), wide: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Columns of a table: those in `numbers` are aligned right, those in `wide` share the width that is left."""
    return [{"label": label, "right": label in numbers, "share": 1 if label in wide else 0} for label in labels]


def table(heads: Sequence[dict[str, Any]], rows: Sequence[Sequence[Cell]], total: Sequence[str] | None = None) -> Block:
    """A table. Of very many rows the first are printed, and it is told how many there are."""
    left_out = len(rows) - MOST_ROWS
    note = f"The first {MOST_ROWS} of {len(rows):,} are listed. Totals are of all." if left_out > 0 else None
    return {
        "kind": "table", "columns": list(heads), "rows": [list(row) for row in rows[:MOST_ROWS]], "total": total,
        "note": note, "size": SMALL if len(heads) > 7 else USUAL,
    }  # fmt: skip


def fitting(block: Block) -> Block:
    """A table whose columns of amounts share the width, in letters as small as its longest amount needs."""
    longest = max(len(amount) for amount in block["total"])
    share = WIDTH / len(block["columns"]) - 10
    return {**block, "size": min(block["size"], round(share / longest / DIGIT, 1))}


def empty(text: str) -> Block:
    return {"kind": "empty", "text": text}


def heading(text: str) -> Block:
    return {"kind": "heading", "text": text}


class _Pages:
    """The parts of one report."""

    def __init__(self, data: ReportData) -> None:
        self.data = data
        self.pictures: dict[str, bytes] = {}
        self.accent = charts.on_paper(data.brand.colour)

    def document(self) -> Document:
        data, customer = self.data, self.data.customer
        if data.logo is not None:
            self.pictures[data.logo[0]] = data.logo[1]
        known = (
            f"Account {customer.account_number}",
            f"Reference {customer.reference}" if customer.reference else None,
            customer.region,
            "Prospect" if customer.is_prospect else None,
        )
        parts: tuple[tuple[str, Callable[[], list[Block]]], ...] = (
            ("Customer", self.particulars),
            ("Status and risk", self.standing),
            ("Contracts and orders", self.contracts),
            ("Invoices and payments", self.invoices),
            ("Usage and cost by month", self.costs),
            ("Compliance documents", self.documents),
            ("Reviews", self.reviews),
            ("Messages", self.messages),
        )
        pages = {
            "title": TITLE,
            "customer": customer.name,
            "short_name": short(customer.name, 60),
            "known": [text for text in known if text],
            "as_of": self.day(data.as_of),
            "made": f"All amounts are in {data.currency}. Made on {self.day(data.made_on)} by {data.organisation}.",
            "replayed": self.replayed(),
            "accent": self.accent,
            "brand": data.brand.name,
            "foot": list(data.brand.foot),
            "logo": data.logo[0] if data.logo else None,
            "chips": self.chips(),
            "tiles": self.tiles(),
            "attention": self.attention(),
            "sections": [{"title": title, "blocks": make()} for title, make in parts],
        }
        return Document(TEMPLATE, pages, self.pictures)

    # --- How values are written ----------------------------------------------------------------------------------

    def day(self, day: date | None) -> str:
        return formats.written(day, self.data.dates) if day else NOTHING

    def amount(self, amount: Decimal | None) -> str:
        return money.shown(amount) or NOTHING

    def unit_price(self, price: Decimal) -> str:
        whole, _, decimals = f"{price:,f}".partition(".")
        return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"

    def replayed(self) -> str | None:
        """What is said where the report is about a day that is past."""
        data = self.data
        if data.as_of == data.made_on:
            return None
        return (
            f"Costs, reviews, messages and what was due or expired are told as of {self.day(data.as_of)}; the record, "
            f"status, risk, balances, contracts, orders and documents as they were on {self.day(data.made_on)}."
        )

    # --- First page ----------------------------------------------------------------------------------------------

    def chips(self) -> list[dict[str, str]]:
        standing = self.data.standing
        found = [{"text": standing.status, "colour": charts.on_paper(standing.colour)}]
        if standing.risk:
            found.append({"text": f"{standing.risk.value} risk", "tone": RISKS[standing.risk]})
        return [*found, {"text": standing.stage, "tone": GREY}]

    def tiles(self) -> list[dict[str, Any]]:
        """The figures on top."""
        data, limit = self.data, self.data.standing.credit_limit
        live = [each for each in data.contracts if each.status is ContractStatus.LIVE]
        worth = _sum(each.value for each in live)
        return [
            {
                "label": "Balance",
                "figure": self.amount(data.balance),
                "sub": f"of {self.amount(limit)} credit" if limit is not None else "No credit limit is set",
                "tone": RED if limit is not None and data.balance > limit else None,
            },
            {
                "label": "Cost of 12 months",
                "figure": self.amount(_sum(amount for row in data.costs.values() for amount in row)),
                "sub": f"since {_month(data.months[0])}",
                "tone": None,
            },
            {
                "label": "Live contracts",
                "figure": f"{len(live):,}",
                "sub": f"worth {self.amount(worth)}"
                if worth
                else f"of {counted(len(data.contracts), 'contract')}"
                if data.contracts
                else "No contracts yet",
                "tone": None,
            },
            self.document_tile(),
            self.review_tile(),
        ]

    def document_tile(self) -> dict[str, Any]:
        """How many documents are expired, or are valid."""
        in_all, expired, soon = len(self.data.documents), self.expired(), self.expiring()
        told = {"label": "Documents", "tone": RED if expired else AMBER if soon else None}
        if not in_all:
            return {**told, "figure": NOTHING, "sub": "None on record"}
        expiring = f"{soon or 'none'} expiring soon"
        if expired:
            return {**told, "figure": f"{expired} expired", "sub": f"of {in_all}, {expiring}"}
        return {**told, "figure": f"{in_all} valid", "sub": expiring.capitalize()}

    def review_tile(self) -> dict[str, Any]:
        review = self.data.review
        if review.waiting:
            tone = RED if review.overdue else AMBER
            return {"label": "Review due", "figure": self.day(review.waiting), "sub": self.ago(review.waiting),
                    "tone": tone}  # fmt: skip
        if not review.following:
            return {"label": "Next review", "figure": NOTHING, "sub": "None is planned", "tone": None}
        following = review.following[0]
        return {"label": "Next review", "figure": self.day(following), "sub": self.ago(following), "tone": None}

    def attention(self) -> list[dict[str, str]]:
        """What somebody should look at, the worst first."""
        data, limit, review = self.data, self.data.standing.credit_limit, self.data.review
        found = [(SEVERITIES[severity], text) for severity, text in data.alerts]
        if limit is not None and data.balance > limit:
            found.append((RED, f"The balance is {self.amount(data.balance - limit)} above the credit limit"))
        if review.overdue and review.waiting:
            found.append((RED, f"The review of {self.day(review.waiting)} is overdue"))
        elif review.waiting:
            found.append((AMBER, f"The review of {self.day(review.waiting)} waits to be recorded"))
        listed = [each for each in data.documents if (each.expiry_date - data.as_of).days <= SOON_DAYS]
        for each in listed[:MOST_NAMED]:
            gone = each.expiry_date < data.as_of
            verb = "expired" if gone else "expires"
            on = f"{verb} on {self.day(each.expiry_date)}, {self.ago(each.expiry_date)}"
            found.append((RED if gone else AMBER, f"{each.certificate} {on}"))
        if len(listed) > MOST_NAMED:
            more = counted(len(listed) - MOST_NAMED, "more document")
            found.append((AMBER, f"{more} expired, or expire within {SOON_DAYS} days"))
        order = (RED, AMBER, BLUE)
        return [{"tone": tone, "text": text} for tone, text in sorted(found, key=lambda pair: order.index(pair[0]))]

    def expired(self) -> int:
        return sum(each.expiry_date < self.data.as_of for each in self.data.documents)

    def expiring(self) -> int:
        return sum(0 <= (each.expiry_date - self.data.as_of).days <= SOON_DAYS for each in self.data.documents)

    def ago(self, day: date) -> str:
        return when(day, self.data.as_of)

    # --- Sections ------------------------------------------------------------------------------------------------

    def particulars(self) -> list[Block]:
        customer = self.data.customer
        items = [
            ("Kind", ", ".join(filter(None, (customer.kind.capitalize(), customer.type)))),
            *customer.numbers,
            ("Departments", ", ".join(customer.departments)),
            ("Customer since", self.day(customer.start_date)),
            ("Group", customer.group),
            ("Dealer", customer.dealer),
            ("Email", customer.email),
            ("Phone", customer.phone),
            ("Website", customer.website),
            ("Address", customer.address),
            *customer.managers,
            *customer.billing,
        ]
        blocks: list[Block] = [{"kind": "pairs", "items": [[label, text] for label, text in items if text]}]
        if customer.contacts:
            heads = columns("Contact", "Role", "Reached at", wide=("Contact", "Reached at"))
            rows = [[name, role.capitalize(), reach or NOTHING] for name, role, reach in customer.contacts]
            blocks.append(table(heads, rows))
        return blocks

    def standing(self) -> list[Block]:
        data, standing = self.data, self.data.standing
        items = [
            ("Status", f"{standing.status}: {BEHAVIOURS[standing.behaviour].lower()}"),
            ("Stage", standing.stage),
            ("Risk", standing.risk.value if standing.risk else NOTHING),
            ("Credit check", standing.credit_check),
            ("Credit reference", standing.credit_reference),
        ]
        blocks: list[Block] = [{"kind": "pairs", "items": [[label, text] for label, text in items if text]}]
        limit = standing.credit_limit
        if limit:
            used = max(data.balance, Decimal(0))
            tone = RED if used > limit else AMBER if used > limit * Decimal("0.8") else GREEN
            text = f"{self.amount(used)} of {self.amount(limit)} credit used, {used / limit:.0%}"
            blocks.append({"kind": "meter", "share": float(min(used / limit, Decimal(1))), "tone": tone, "text": text})
        heads = columns("Account", "Type", "Balance", numbers=("Balance",), wide=("Account", "Type"))
        rows: list[list[Cell]] = [
            [each.number, each.type or ("Main account" if each.is_main else NOTHING), self.amount(each.balance)]
            for each in data.accounts
        ]
        total = ["Total", "", self.amount(data.balance)] if len(rows) > 1 else None
        return [*blocks, table(heads, rows, total)] if rows else [*blocks, empty("No accounts yet.")]

    def contracts(self) -> list[Block]:
        return [*self.contract_table(), heading("Orders"), *self.order_table()]

    def contract_table(self) -> list[Block]:
        contracts = self.data.contracts
        if not contracts:
            return [empty("No contracts yet.")]
        heads = columns(
            "Number", "Contract", "Status", "Risk", "From", "To", "Connections", "Value",
            numbers=("Connections", "Value"), wide=("Contract",),
        )  # fmt: skip
        rows: list[list[Cell]] = [
            [
                each.number, each.name, chip(each.status.value, CONTRACTS[each.status]),
                chip(each.risk.value, RISKS[each.risk]) if each.risk else NOTHING,
                self.day(each.start_date), self.day(each.end_date), f"{each.connections:,}", self.amount(each.value),
            ]
            for each in contracts
        ]  # fmt: skip
        connections = sum(each.connections for each in contracts)
        total = [
            counted(len(contracts), "contract"), "", "", "", "", "", f"{connections:,}",
            self.amount(_sum(each.value for each in contracts)),
        ]  # fmt: skip
        return [table(heads, rows, total)]

    def order_table(self) -> list[Block]:
        if not self.data.orders:
            return [empty("No orders yet.")]
        heads = columns(
            "Number", "Order", "Status", "Ordered", "Wanted", "Delivered", "Connections",
            numbers=("Connections",), wide=("Order",),
        )  # fmt: skip
        rows: list[list[Cell]] = [
            [
                each.number, each.description, chip(each.status.value.capitalize(), ORDERS[each.status]),
                self.day(each.ordered_on), self.day(each.wanted_on), self.day(each.delivered_on),
                f"{each.connections:,}",
            ]
            for each in self.data.orders
        ]  # fmt: skip
        return [table(heads, rows)]

    def invoices(self) -> list[Block]:
        data = self.data
        blocks: list[Block] = []
        if data.invoices or data.payments:
            blocks.append(self.billed_chart())
        if data.invoices:
            heads = columns("Invoice", "Issued", "Due", "State", "Total", "Paid", "Open",
                            numbers=("Total", "Paid", "Open"), wide=("Invoice",))  # fmt: skip
            rows: list[list[Cell]] = [
                [each.number, self.day(each.issued_on), self.day(each.due_on), each.state, self.amount(each.total),
                 self.amount(each.paid), self.amount(each.total - each.paid)]
                for each in data.invoices
            ]  # fmt: skip
            total, paid = _sum(each.total for each in data.invoices), _sum(each.paid for each in data.invoices)
            sums = [self.amount(total), self.amount(paid), self.amount(total - paid)]
            blocks.append(table(heads, rows, [counted(len(rows), "invoice"), "", "", "", *sums]))
        else:
            blocks.append(empty("No invoices yet."))
        if data.payments:
            heads = columns("Paid", "Method", "Reference", "Amount", numbers=("Amount",), wide=("Method", "Reference"))
            rows = [
                [self.day(each.paid_on), each.method, each.reference or NOTHING, self.amount(each.amount)]
                for each in data.payments
            ]
            paid = _sum(each.amount for each in data.payments)
            blocks.append(table(heads, rows, [counted(len(rows), "payment"), "", "", self.amount(paid)]))
        else:
            blocks.append(empty("No payments yet."))
        return blocks

    def billed_chart(self) -> Block:
        data = self.data
        series = [
            [_sum(each.total for each in data.invoices if _is_in(each.issued_on, month)) for month in data.months],
            [_sum(each.amount for each in data.payments if _is_in(each.paid_on, month)) for month in data.months],
        ]
        names = ("Billed", "Paid")
        return self.chart("billed.svg", charts.bars, names, series, "Billed and paid by month")

    def chart(
        self, name: str, draw: Callable[..., bytes], names: Sequence[str], series: Sequence[Sequence[Decimal]], alt: str
    ) -> Block:
        """A picture with a bar for each month, and its legend."""
        colours = charts.palette(self.data.brand.colour, len(names))
        self.pictures[name] = draw([month.strftime("%b %y") for month in self.data.months], series, colours)
        legend = [{"label": label, "colour": colour} for label, colour in zip(names, colours, strict=True)]
        return {"kind": "chart", "picture": name, "alt": alt, "legend": legend}

    def costs(self) -> list[Block]:
        data = self.data
        costs = _largest(data.costs)
        blocks: list[Block] = []
        used = None if data.usage else empty("No usage recorded: each line is counted with its minimum cost.")
        if costs:
            blocks.append(self.chart("costs.svg", charts.stacked_bars, list(costs), list(costs.values()),
                                     "Cost by month and commodity"))  # fmt: skip
            blocks += [used] if used else []
            blocks.append(self.cost_table(costs))
        else:
            blocks.append(empty("No usage recorded, and no billing line cost anything in these 12 months."))
        if data.lines:
            blocks += [heading("Billing lines"), self.line_table()]
        return blocks

    def cost_table(self, costs: dict[str, list[Decimal]]) -> Block:
        names = list(costs)
        heads = [
            {"label": "Month", "right": False, "share": 0},
            *({"label": name, "right": True, "share": 1} for name in names),
            {"label": "Total", "right": True, "share": 1},
        ]
        rows: list[list[Cell]] = [
            [
                _month(month), *(self.amount(costs[name][place] or None) for name in names),
                {"text": self.amount(_sum(costs[name][place] for name in names)), "strong": True},
            ]
            for place, month in enumerate(self.data.months)
        ]  # fmt: skip
        sums = [_sum(costs[name]) for name in names]
        return fitting(table(heads, rows, ["12 months", *map(self.amount, sums), self.amount(_sum(sums))]))

    def line_table(self) -> Block:
        heads = columns("Commodity", "Booked to", "Active", "Minimum a month", "Cost per unit",
                        numbers=("Minimum a month", "Cost per unit"), wide=("Commodity", "Booked to"))  # fmt: skip
        rows: list[list[Cell]] = [
            [each.commodity, each.place or NOTHING, self.period(each.active_from, each.active_to),
             self.amount(each.minimum_cost), f"{self.unit_price(each.cost_per_unit)} / {each.unit}"]
            for each in self.data.lines
        ]  # fmt: skip
        return table(heads, rows)

    def period(self, begins: date | None, ends: date | None) -> str:
        if begins and ends:
            return f"{self.day(begins)} to {self.day(ends)}"
        return f"from {self.day(begins)}" if begins else f"to {self.day(ends)}" if ends else "always"

    def documents(self) -> list[Block]:
        data = self.data
        if not data.documents:
            return [empty("No compliance documents on record.")]
        heads = columns("Document", "Expires", "State", "Reviewer", "File", wide=("Document", "Reviewer"))
        rows: list[list[Cell]] = [
            [each.certificate, self.day(each.expiry_date), self.validity(each.expiry_date), each.reviewer or NOTHING,
             "On file" if each.on_file else "No file"]
            for each in data.documents
        ]  # fmt: skip
        return [table(heads, rows)]

    def validity(self, expiry: date) -> Cell:
        days = (expiry - self.data.as_of).days
        if days < 0:
            return chip(f"Expired {self.ago(expiry)}", RED)
        return chip(f"Expires {self.ago(expiry)}", AMBER) if days <= SOON_DAYS else chip("Valid", GREEN)

    def reviews(self) -> list[Block]:
        review = self.data.review
        plan = "No reviews are planned."
        if review.frequency and review.following:
            every = "every month" if review.frequency == 1 else f"every {review.frequency} months"
            plan = f"Reviewed {every}, next on {', '.join(map(self.day, review.following))}."
        reminded = f"Reminders go to {review.reviewer}." if review.reviewer else "Nobody is reminded."
        blocks: list[Block] = [{"kind": "text", "text": f"{plan} {reminded}"}]
        if not review.done:
            return [*blocks, empty("No review is recorded yet.")]
        heads = columns("Done", "Due", "By", "Risk", "Note", wide=("By", "Note"))
        rows: list[list[Cell]] = [
            [self.day(each.done_on), self.day(each.due_on), each.done_by or NOTHING,
             chip(each.risk.value, RISKS[each.risk]), short(each.note or NOTHING, LONGEST_NOTE)]
            for each in review.done
        ]  # fmt: skip
        return [*blocks, table(heads, rows)]

    def messages(self) -> list[Block]:
        data = self.data
        if not data.messages:
            return [empty("No messages were sent.")]
        heads = columns("Day", "Subject", "To", "State", wide=("Subject", "To"))
        rows: list[list[Cell]] = [
            [self.day(each.on), each.subject, each.recipient,
             chip(each.state.value.capitalize(), MESSAGES.get(each.state, GREY))]
            for each in data.messages
        ]  # fmt: skip
        more = data.messages_in_all - len(rows)
        note = f"The newest {len(rows)} of {data.messages_in_all:,}." if more > 0 else None
        return [{**table(heads, rows), "note": note}]


def _sum(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount for amount in amounts if amount is not None), Decimal(0))


def _month(month: date) -> str:
    return month.strftime("%b %Y")


def _is_in(day: date, month: date) -> bool:
    return (day.year, day.month) == (month.year, month.month)


def _largest(costs: dict[str, list[Decimal]]) -> dict[str, list[Decimal]]:
    """The costs of the dearest commodities, and of all others added up."""
    ordered = sorted(costs, key=lambda name: (-_sum(costs[name]), name))
    if len(ordered) <= MOST_COMMODITIES + 1:
        return {name: costs[name] for name in ordered}
    others = [costs[name] for name in ordered[MOST_COMMODITIES:]]
    rest = {f"{len(others)} others": [_sum(amounts) for amounts in zip(*others, strict=True)]}
    return {name: costs[name] for name in ordered[:MOST_COMMODITIES]} | rest
