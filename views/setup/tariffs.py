"""Tariffs: what calls cost, by the digits they begin with."""

from customerhub.core.spreadsheets import CellKind
from models import Tariff, TariffRate
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.formatting import format_percent
from views.framework.forms import Inline
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class TariffView(SetupView):
    noun = "tariff"
    title = "Tariffs"
    intro = "Prices per minute by number prefix and start date."
    empty_text = "A tariff contains the price per minute for each destination."
    columns = (
        name_column(Tariff),
        Column(
            "fallback_markup",
            "Fallback markup",
            lambda row: format_percent(row.fallback_markup),
            sort=Tariff.fallback_markup,
            align="right",
            export=Exported(Tariff.fallback_markup, kind=CellKind.PERCENT),
        ),
        active_column(Tariff),
    )
    filters = (active_filter(Tariff),)
    search_columns = (Tariff.name,)
    default_order = (Tariff.name_key,)
    fields = ("name", "fallback_markup", "active", "rates")
    inlines = (
        Inline(
            "rates",
            TariffRate,
            ("prefix", "destination", "price_per_minute", "valid_from"),
            label="Rates",
            add_label="+ Add rate",
        ),
    )
