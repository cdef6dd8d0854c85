"""Payment terms: when an invoice is due."""

from models import PaymentTerms
from models.enums import TermsKind
from views.framework.columns import Column
from views.framework.filters import Filter
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


def describe_terms(terms: PaymentTerms) -> str:
    """Terms in words: "30 days", "the 15th of the month", "the last day of the month"."""
    value = terms.value
    if terms.kind is TermsKind.DAYS:
        return "Immediately" if value == 0 else f"{value} day{'' if value == 1 else 's'} after the invoice"
    if value == -1:
        return "On the last day of the month"
    return f"On day {value} of the month" if value > 0 else f"{-value - 1} days before the last day of the month"


class PaymentTermsView(SetupView):
    noun = "payment terms"
    title = "Payment terms"
    intro = "When an invoice is due."
    empty_text = "Add terms such as 30 days after the invoice."
    columns = (
        name_column(PaymentTerms),
        Column("meaning", "Due", describe_terms),
        active_column(PaymentTerms),
    )
    filters = (
        Filter("kind", "Kind", PaymentTerms.kind, "select", members=TermsKind, nullable=False),
        active_filter(PaymentTerms),
    )
    search_columns = (PaymentTerms.name,)
    default_order = (PaymentTerms.name_key,)
    fields = ("name", "kind", "value", "active")
