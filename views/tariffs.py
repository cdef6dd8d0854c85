"""Tariffs: what calls cost, by the digits they begin with."""

from models import Tariff, TariffRate
from views.columns import Column, percent
from views.forms import Inline
from views.named import SetupView, active_column, active_filter, name_column


class TariffView(SetupView):
    noun = "tariff"
    title = "Tariffs"
    intro = "What a minute costs, by the digits a number begins with and from a day on."
    empty_text = "A tariff holds the price of a minute to each destination."
    columns = (
        name_column(Tariff),
        Column(
            "fallback_markup",
            "Fallback markup",
            lambda row: percent(row.fallback_markup),
            sort=Tariff.fallback_markup,
            align="right",
        ),
        active_column(Tariff),
    )
    filters = (active_filter(Tariff),)
    searched = (Tariff.name,)
    usual_order = (Tariff.name_key,)
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
