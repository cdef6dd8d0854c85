"""Payment terms: when an invoice is due."""

from datetime import date, timedelta
from typing import Any

from customerhub.billing.terms import calculate_due_date
from models import PaymentTerms
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported
from views.framework.formatting import format_date, get_today
from views.framework.labels import capitalize_first
from views.setup.setup_view import SetupView, active_column, active_filter, name_column

NO_HOLIDAYS = "Weekends and holidays count as other days. An invoice has one due date."


def describe_terms(days: int, fixed_day: int | None) -> str:
    """Terms in words: "30 days after the invoice", "60 days after the invoice, then the last day of the month"."""
    if fixed_day is None:
        return "Immediately" if days == 0 else _describe_days(days)
    if fixed_day > 0:
        place = f"on day {fixed_day} of the month"
    elif fixed_day == -1:
        place = "on the last day of the month"
    else:
        place = f"{-fixed_day - 1} day{'' if fixed_day == -2 else 's'} before the last day of the month"
    return capitalize_first(place) if days == 0 else f"{_describe_days(days)}, then {place}"


def _describe_days(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'} after the invoice"


def choose_example_dates(today: date) -> tuple[date, date, date]:
    """Days of invoices by which terms can be understood: today, the end of this month, the day after it."""
    first_of_next = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return today, first_of_next - timedelta(days=1), first_of_next


class PaymentTermsView(SetupView):
    noun = "payment terms"
    title = "Payment terms"
    intro = "When an invoice is due."
    empty_text = "Add terms such as 30 days after the invoice."
    columns = (
        name_column(PaymentTerms),
        Column(
            "meaning",
            "Due",
            lambda row: describe_terms(row.days, row.fixed_day),
            export=Exported(PaymentTerms.days, PaymentTerms.fixed_day, render=describe_terms),
        ),
        active_column(PaymentTerms),
    )
    filters = (active_filter(PaymentTerms),)
    search_columns = (PaymentTerms.name,)
    default_order = (PaymentTerms.name_key,)
    fields = ("name", "days", "fixed_day", "active")

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        page.tables.append(
            {
                "title": "Examples",
                "text": NO_HOLIDAYS,
                "columns": [{"label": "Invoice date"}, {"label": "Due"}],
                "rows": [
                    [format_date(each), format_date(calculate_due_date(each, days=row.days, fixed_day=row.fixed_day))]
                    for each in choose_example_dates(get_today())
                ],
            }
        )
