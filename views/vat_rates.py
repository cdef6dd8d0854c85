"""VAT rates."""

from models import VatRate
from views.columns import Column, percent
from views.named import SetupView, active_column, active_filter, name_column


class VatRateView(SetupView):
    noun = "VAT rate"
    title = "VAT rates"
    intro = "The rates that invoices charge."
    empty_text = "Add the standard rate of your country first."
    columns = (
        name_column(VatRate),
        Column(
            "percent",
            "Percent",
            lambda row: percent(row.percent),
            sort=VatRate.percent,
            align="right",
        ),
        active_column(VatRate),
    )
    filters = (active_filter(VatRate),)
    searched = (VatRate.name,)
    usual_order = (VatRate.name_key,)
    fields = ("name", "percent", "active")
