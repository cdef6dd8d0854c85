"""VAT rates."""

from customerhub.core.spreadsheets import CellKind
from models import VatRate
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.formatting import format_percent
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class VatRateView(SetupView):
    noun = "VAT rate"
    title = "VAT rates"
    intro = "VAT rates for invoices."
    empty_text = "Add the standard rate of your country first."
    columns = (
        name_column(VatRate),
        Column(
            "percent",
            "Percent",
            lambda row: format_percent(row.percent),
            sort=VatRate.percent,
            align="right",
            export=Exported(VatRate.percent, kind=CellKind.PERCENT),
        ),
        active_column(VatRate),
    )
    filters = (active_filter(VatRate),)
    search_columns = (VatRate.name,)
    default_order = (VatRate.name_key,)
    fields = ("name", "percent", "active")
