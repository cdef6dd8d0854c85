"""Cost center: the commodities that billing lines charge."""

from customerhub.core.money import format_unit_price
from customerhub.core.spreadsheets import CellKind
from models import Commodity
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.formatting import format_amount
from views.setup.setup_view import SetupView, active_column, active_filter, name_column

# The three lists of the cost center.
COST_CENTER = (("Commodities", "commodities"), ("Locations", "locations"), ("Users to bill", "billed-users"))


class CommodityView(SetupView):
    noun = "commodity"
    title = "Commodities"
    intro = "Metered and charged items."
    empty_text = "A commodity has a unit and default prices for billing lines."
    columns = (
        name_column(Commodity),
        Column(
            "unit",
            "Unit",
            lambda row: row.unit,
            sort=Commodity.unit,
            export=Exported(Commodity.unit),
        ),
        Column(
            "default_minimum_cost",
            "Minimum cost",
            lambda row: format_amount(row.default_minimum_cost),
            sort=Commodity.default_minimum_cost,
            align="right",
            export=Exported(Commodity.default_minimum_cost, kind=CellKind.AMOUNT),
        ),
        Column(
            "default_cost_per_unit",
            "Cost per unit",
            lambda row: format_unit_price(row.default_cost_per_unit),
            sort=Commodity.default_cost_per_unit,
            align="right",
            export=Exported(Commodity.default_cost_per_unit, kind=CellKind.UNIT_PRICE),
        ),
        active_column(Commodity),
    )
    filters = (active_filter(Commodity),)
    search_columns = (Commodity.name,)
    default_order = (Commodity.name_key,)
    sibling_lists = COST_CENTER
    fields = ("name", "unit", "default_minimum_cost", "default_cost_per_unit", "active")
