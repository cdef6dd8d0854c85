"""The sections of a performance report, each a list of blocks."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any, Final

from customerhub.core import money
from customerhub.customers.alerts import EXPIRES_SOON_DAYS
from customerhub.notifications.placeholder_values import NO_VALUE
from customerhub.reports import charts
from customerhub.reports.report_blocks import (
    AMBER,
    BLUE,
    GREEN,
    GREY,
    RED,
    RISK_TONES,
    Block,
    Cell,
    build_chip,
    build_columns,
    build_empty_note,
    build_heading,
    build_table,
    fit_table,
)
from customerhub.reports.report_facts import ReportData
from customerhub.reports.report_format import ReportFormatter, format_count, format_month, shorten, sum_amounts
from models.enums import BEHAVIOUR_LABELS, ContractStatus, OrderStatus, OutboxState

MOST_COMMODITIES: Final = 5  # with a column of their own; the others are added up
LONGEST_NOTE: Final = 600
CONTRACT_TONES: Final = {
    ContractStatus.DRAFT: BLUE,
    ContractStatus.LIVE: GREEN,
    ContractStatus.PASSIVE: AMBER,
    ContractStatus.ENDED: GREY,
}
ORDER_TONES: Final = {
    OrderStatus.PLACED: BLUE,
    OrderStatus.IN_PROGRESS: AMBER,
    OrderStatus.DELIVERED: GREEN,
    OrderStatus.CANCELLED: GREY,
}
MESSAGE_TONES: Final = {OutboxState.SENT: GREEN, OutboxState.FAILED: RED}


class ReportSections(ReportFormatter):
    """The sections of one report. Charts that they draw go to `pictures`, by the name that a block has for each."""

    def __init__(self, data: ReportData) -> None:
        super().__init__(data)
        self.pictures: dict[str, bytes] = {}

    def build_sections(self) -> list[dict[str, Any]]:
        parts: tuple[tuple[str, Callable[[], list[Block]]], ...] = (
            ("Customer", self.build_customer_section),
            ("Status and risk", self.build_standing_section),
            ("Contracts and orders", self.build_contracts_section),
            ("Invoices and payments", self.build_invoices_section),
            ("Usage and cost by month", self.build_costs_section),
            ("Compliance documents", self.build_documents_section),
            ("Reviews", self.build_reviews_section),
            ("Messages", self.build_messages_section),
        )
        return [{"title": title, "blocks": build()} for title, build in parts]

    def build_customer_section(self) -> list[Block]:
        customer = self.data.customer
        items = [
            ("Kind", ", ".join(filter(None, (customer.kind.capitalize(), customer.type)))),
            *customer.numbers,
            ("Departments", ", ".join(customer.departments)),
            ("Customer since", self.format_day(customer.start_date)),
            ("Group", customer.group),
            ("Partner", customer.dealer),
            ("Email", customer.email),
            ("Phone", customer.phone),
            ("Website", customer.website),
            ("Address", customer.address),
            *customer.managers,
            *customer.billing,
        ]
        blocks: list[Block] = [{"kind": "pairs", "items": [[label, text] for label, text in items if text]}]
        if customer.contacts:
            heads = build_columns("Contact", "Role", "Contact details", wide=("Contact", "Contact details"))
            rows = [[name, role.capitalize(), reach or NO_VALUE] for name, role, reach in customer.contacts]
            blocks.append(build_table(heads, rows))
        return blocks

    def build_standing_section(self) -> list[Block]:
        data, standing = self.data, self.data.standing
        items = [
            ("Status", f"{standing.status}: {BEHAVIOUR_LABELS[standing.behaviour].lower()}"),
            ("Stage", standing.stage),
            ("Risk", standing.risk.value if standing.risk else NO_VALUE),
            ("Credit check", standing.credit_check),
            ("Credit reference", standing.credit_reference),
        ]
        blocks: list[Block] = [{"kind": "pairs", "items": [[label, text] for label, text in items if text]}]
        limit = standing.credit_limit
        if limit:
            used = max(data.balance, Decimal(0))
            tone = choose_credit_tone(used, limit)
            text = f"{self.format_amount(used)} of {self.format_amount(limit)} credit used, {used / limit:.0%}"
            blocks.append({"kind": "meter", "share": float(min(used / limit, Decimal(1))), "tone": tone, "text": text})
        heads = build_columns("Account", "Type", "Balance", numbers=("Balance",), wide=("Account", "Type"))
        rows: list[list[Cell]] = [
            [each.number, each.type or ("Main account" if each.is_main else NO_VALUE), self.format_amount(each.balance)]
            for each in data.accounts
        ]
        total = ["Total", "", self.format_amount(data.balance)] if len(rows) > 1 else None
        return [*blocks, build_table(heads, rows, total)] if rows else [*blocks, build_empty_note("No accounts yet.")]

    def build_contracts_section(self) -> list[Block]:
        return [*self.build_contract_table(), build_heading("Orders"), *self.build_order_table()]

    def build_contract_table(self) -> list[Block]:
        contracts = self.data.contracts
        if not contracts:
            return [build_empty_note("No contracts yet.")]
        heads = build_columns(
            "Number",
            "Contract",
            "Status",
            "Risk",
            "From",
            "To",
            "Connections",
            "Value",
            numbers=("Connections", "Value"),
            wide=("Contract",),
        )
        rows: list[list[Cell]] = [
            [
                each.number,
                each.name,
                build_chip(each.status.value, CONTRACT_TONES[each.status]),
                build_chip(each.risk.value, RISK_TONES[each.risk]) if each.risk else NO_VALUE,
                self.format_day(each.start_date),
                self.format_day(each.end_date),
                f"{each.connections:,}",
                self.format_amount(each.value),
            ]
            for each in contracts
        ]
        connections = sum(each.connections for each in contracts)
        total_value = self.format_amount(sum_amounts(each.value for each in contracts))
        total = [format_count(len(contracts), "contract"), *[""] * 5, f"{connections:,}", total_value]
        return [build_table(heads, rows, total)]

    def build_order_table(self) -> list[Block]:
        if not self.data.orders:
            return [build_empty_note("No orders yet.")]
        heads = build_columns(
            "Number",
            "Order",
            "Status",
            "Ordered",
            "Requested date",
            "Delivered",
            "Connections",
            numbers=("Connections",),
            wide=("Order",),
        )
        rows: list[list[Cell]] = [
            [
                each.number,
                each.description,
                build_chip(each.status.value.capitalize(), ORDER_TONES[each.status]),
                self.format_day(each.ordered_on),
                self.format_day(each.wanted_on),
                self.format_day(each.delivered_on),
                f"{each.connections:,}",
            ]
            for each in self.data.orders
        ]
        return [build_table(heads, rows)]

    def build_invoices_section(self) -> list[Block]:
        return [build_empty_note("No invoices yet."), build_empty_note("No payments yet.")]

    def build_costs_section(self) -> list[Block]:
        data = self.data
        costs = _limit_commodities(data.costs)
        blocks: list[Block] = []
        if costs:
            blocks.append(self.build_cost_chart(costs))
            blocks.append(build_empty_note("No usage recorded: each line is charged at its minimum cost."))
            blocks.append(self.build_cost_table(costs))
        else:
            blocks.append(build_empty_note("No usage recorded, and no billing line cost anything in these 12 months."))
        if data.lines:
            blocks += [build_heading("Billing lines"), self.build_line_table()]
        return blocks

    def build_cost_chart(self, costs: dict[str, list[Decimal]]) -> Block:
        """A picture with a bar for each month, and its legend."""
        name, labels = "costs.svg", tuple(month.strftime("%b %y") for month in self.data.months)
        colours = charts.build_palette(self.data.brand.colour, len(costs))
        chart = charts.BarChart(labels, tuple(map(tuple, costs.values())), is_stacked=True, colours=tuple(colours))
        self.pictures[name] = charts.draw_chart(chart)
        legend = [{"label": label, "colour": colour} for label, colour in zip(costs, colours, strict=True)]
        return {"kind": "chart", "picture": name, "alt": "Cost by month and commodity", "legend": legend}

    def build_cost_table(self, costs: dict[str, list[Decimal]]) -> Block:
        names = list(costs)
        heads = [
            {"label": "Month", "right": False, "share": 0},
            *({"label": name, "right": True, "share": 1} for name in names),
            {"label": "Total", "right": True, "share": 1},
        ]
        rows: list[list[Cell]] = [
            [
                format_month(month),
                *(self.format_amount(costs[name][place] or None) for name in names),
                {"text": self.format_amount(sum_amounts(costs[name][place] for name in names)), "strong": True},
            ]
            for place, month in enumerate(self.data.months)
        ]
        sums = [sum_amounts(costs[name]) for name in names]
        total = ["12 months", *map(self.format_amount, [*sums, sum_amounts(sums)])]
        return fit_table(build_table(heads, rows, total))

    def build_line_table(self) -> Block:
        heads = build_columns(
            "Commodity",
            "Booked to",
            "Active",
            "Minimum per month",
            "Cost per unit",
            numbers=("Minimum per month", "Cost per unit"),
            wide=("Commodity", "Booked to"),
        )
        rows: list[list[Cell]] = [
            [
                each.commodity,
                each.booked_to or NO_VALUE,
                self.format_period(each.active_from, each.active_to),
                self.format_amount(each.minimum_cost),
                f"{money.format_unit_price(each.cost_per_unit)} / {each.unit}",
            ]
            for each in self.data.lines
        ]
        return build_table(heads, rows)

    def build_documents_section(self) -> list[Block]:
        data = self.data
        if not data.documents:
            return [build_empty_note("No compliance documents on record.")]
        heads = build_columns("Document", "Expires", "State", "Reviewer", "File", wide=("Document", "Reviewer"))
        rows: list[list[Cell]] = [
            [
                each.certificate,
                self.format_day(each.expiry_date),
                self.build_validity_chip(each.expiry_date),
                each.reviewer or NO_VALUE,
                "On file" if each.on_file else "No file",
            ]
            for each in data.documents
        ]
        return [build_table(heads, rows)]

    def build_validity_chip(self, expiry: date) -> Cell:
        days = (expiry - self.data.as_of).days
        if days < 0:
            return build_chip(f"Expired {self.format_distance(expiry)}", RED)
        return (
            build_chip(f"Expires {self.format_distance(expiry)}", AMBER)
            if days <= EXPIRES_SOON_DAYS
            else build_chip("Valid", GREEN)
        )

    def build_reviews_section(self) -> list[Block]:
        review = self.data.review
        plan = "No reviews planned."
        if review.frequency and review.next_dates:
            every = "every month" if review.frequency == 1 else f"every {review.frequency} months"
            plan = f"Reviewed {every}, next on {', '.join(map(self.format_day, review.next_dates))}."
        reminder_note = f"Reminders go to {review.reviewer}." if review.reviewer else "No reviewer email set."
        blocks: list[Block] = [{"kind": "text", "text": f"{plan} {reminder_note}"}]
        if not review.past_reviews:
            return [*blocks, build_empty_note("No reviews recorded yet.")]
        heads = build_columns("Done", "Due", "By", "Risk", "Note", wide=("By", "Note"))
        rows: list[list[Cell]] = [
            [
                self.format_day(each.done_on),
                self.format_day(each.due_on),
                each.done_by or NO_VALUE,
                build_chip(each.risk.value, RISK_TONES[each.risk]),
                shorten(each.note or NO_VALUE, LONGEST_NOTE),
            ]
            for each in review.past_reviews
        ]
        return [*blocks, build_table(heads, rows)]

    def build_messages_section(self) -> list[Block]:
        data = self.data
        if not data.messages:
            return [build_empty_note("No messages were sent.")]
        heads = build_columns("Day", "Subject", "To", "State", wide=("Subject", "To"))
        rows: list[list[Cell]] = [
            [
                self.format_day(each.day),
                each.subject,
                each.recipient,
                build_chip(each.state.value.capitalize(), MESSAGE_TONES.get(each.state, GREY)),
            ]
            for each in data.messages
        ]
        more = data.message_count - len(rows)
        note = f"Showing the newest {len(rows)} of {data.message_count:,}." if more > 0 else None
        return [{**build_table(heads, rows), "note": note}]


def choose_credit_tone(used: Decimal, limit: Decimal) -> str:
    if used > limit:
        return RED
    return AMBER if used > limit * Decimal("0.8") else GREEN


def _limit_commodities(costs: dict[str, list[Decimal]]) -> dict[str, list[Decimal]]:
    """The costs of the dearest commodities, and of all others added up."""
    ordered = sorted(costs, key=lambda name: (-sum_amounts(costs[name]), name))
    if len(ordered) <= MOST_COMMODITIES + 1:
        return {name: costs[name] for name in ordered}
    others = [costs[name] for name in ordered[MOST_COMMODITIES:]]
    rest = {f"{len(others)} others": [sum_amounts(amounts) for amounts in zip(*others, strict=True)]}
    return {name: costs[name] for name in ordered[:MOST_COMMODITIES]} | rest
