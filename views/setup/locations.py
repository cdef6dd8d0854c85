"""Cost center: the places that costs are booked to."""

from typing import Any

from models import Location
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.list_page import ListArgs
from views.setup.commodities import cost_center_links
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class LocationView(SetupView):
    noun = "location"
    title = "Locations"
    intro = "Locations for booking costs."
    empty_text = "Add the locations used in billing lines."
    columns = (
        name_column(Location),
        Column(
            "address",
            "Address",
            lambda row: row.address,
            export=Exported(Location.address),
        ),
        active_column(Location),
    )
    filters = (active_filter(Location),)
    search_columns = (Location.name, Location.address)
    default_order = (Location.name_key,)
    fields = ("name", "address", "active")

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        return [*super().menu_actions(args), *cost_center_links(self.endpoint)]
