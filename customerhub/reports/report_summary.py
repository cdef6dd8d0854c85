"""The first page of a performance report: chips, figures and what needs attention."""

from decimal import Decimal
from typing import Any, Final

from customerhub.customers.alerts import EXPIRES_SOON_DAYS
from customerhub.notifications.placeholder_values import NO_VALUE
from customerhub.reports import charts
from customerhub.reports.report_blocks import AMBER, BLUE, GREY, RED, RISK_TONES
from customerhub.reports.report_format import ReportFormatter, format_count, format_month, sum_amounts
from models.enums import ContractStatus, Severity

MOST_NAMED: Final = 5  # documents that are named among what needs attention
SEVERITY_TONES: Final = {Severity.CRITICAL: RED, Severity.WARNING: AMBER, Severity.INFO: BLUE}


class ReportSummary(ReportFormatter):
    """The first page of one report."""

    def build_chips(self) -> list[dict[str, str]]:
        standing = self.data.standing
        found = [{"text": standing.status, "colour": charts.darken_for_print(standing.colour)}]
        if standing.risk:
            found.append({"text": f"{standing.risk.value} risk", "tone": RISK_TONES[standing.risk]})
        return [*found, {"text": standing.stage, "tone": GREY}]

    def build_tiles(self) -> list[dict[str, Any]]:
        """The figures on top."""
        data, limit = self.data, self.data.standing.credit_limit
        live_contracts = [each for each in data.contracts if each.status is ContractStatus.LIVE]
        total_value = sum_amounts(each.value for each in live_contracts)
        return [
            {
                "label": "Balance",
                "figure": self.format_amount(data.balance),
                "sub": f"of {self.format_amount(limit)} credit" if limit is not None else "No credit limit set",
                "tone": RED if limit is not None and data.balance > limit else None,
            },
            {
                "label": "Cost, last 12 months",
                "figure": self.format_amount(sum_amounts(amount for row in data.costs.values() for amount in row)),
                "sub": f"since {format_month(data.months[0])}",
                "tone": None,
            },
            {
                "label": "Live contracts",
                "figure": f"{len(live_contracts):,}",
                "sub": self.describe_contracts(total_value),
                "tone": None,
            },
            self.build_document_tile(),
            self.build_review_tile(),
        ]

    def describe_contracts(self, total_value: Decimal) -> str:
        """What the live contracts, worth `total_value`, are to all contracts."""
        if total_value:
            return f"worth {self.format_amount(total_value)}"
        contracts = self.data.contracts
        return f"of {format_count(len(contracts), 'contract')}" if contracts else "No contracts yet"

    def build_document_tile(self) -> dict[str, Any]:
        """How many documents are expired, or are valid."""
        total, expired, soon = len(self.data.documents), self.count_expired(), self.count_expiring()
        tone = AMBER if soon else None
        tile = {"label": "Documents", "tone": RED if expired else tone}
        if not total:
            return {**tile, "figure": NO_VALUE, "sub": "None on record"}
        expiring = f"{soon or 'none'} expiring soon"
        if expired:
            return {**tile, "figure": f"{expired} expired", "sub": f"of {total}, {expiring}"}
        return {**tile, "figure": f"{total} valid", "sub": expiring.capitalize()}

    def build_review_tile(self) -> dict[str, Any]:
        review = self.data.review
        if review.open_due_date:
            tone = RED if review.overdue else AMBER
            return {
                "label": "Review due",
                "figure": self.format_day(review.open_due_date),
                "sub": self.format_distance(review.open_due_date),
                "tone": tone,
            }
        if not review.next_dates:
            return {"label": "Next review", "figure": NO_VALUE, "sub": "None planned", "tone": None}
        next_date = review.next_dates[0]
        return {
            "label": "Next review",
            "figure": self.format_day(next_date),
            "sub": self.format_distance(next_date),
            "tone": None,
        }

    def list_attention_items(self) -> list[dict[str, str]]:
        """What needs attention, the worst first."""
        data, limit, review = self.data, self.data.standing.credit_limit, self.data.review
        found = [(SEVERITY_TONES[severity], text) for severity, text in data.alerts]
        if limit is not None and data.balance > limit:
            found.append((RED, f"The balance is {self.format_amount(data.balance - limit)} above the credit limit"))
        if review.overdue and review.open_due_date:
            found.append((RED, f"The review of {self.format_day(review.open_due_date)} is overdue"))
        elif review.open_due_date:
            found.append((AMBER, f"The review of {self.format_day(review.open_due_date)} is not recorded yet"))
        expiring_documents = [
            each for each in data.documents if (each.expiry_date - data.as_of).days <= EXPIRES_SOON_DAYS
        ]
        for each in expiring_documents[:MOST_NAMED]:
            is_expired = each.expiry_date < data.as_of
            verb = "expired" if is_expired else "expires"
            expiry_text = f"{verb} on {self.format_day(each.expiry_date)}, {self.format_distance(each.expiry_date)}"
            found.append((RED if is_expired else AMBER, f"{each.certificate} {expiry_text}"))
        if len(expiring_documents) > MOST_NAMED:
            more = format_count(len(expiring_documents) - MOST_NAMED, "more document")
            found.append((AMBER, f"{more} expired, or expire within {EXPIRES_SOON_DAYS} days"))
        order = (RED, AMBER, BLUE)
        return [{"tone": tone, "text": text} for tone, text in sorted(found, key=lambda pair: order.index(pair[0]))]

    def count_expired(self) -> int:
        return sum(each.expiry_date < self.data.as_of for each in self.data.documents)

    def count_expiring(self) -> int:
        return sum(0 <= (each.expiry_date - self.data.as_of).days <= EXPIRES_SOON_DAYS for each in self.data.documents)
