"""Cost center: the places that costs are booked to."""

from typing import Any

from models import Location
from views.columns import Column
from views.commodities import cost_center_links
from views.listing import ListArgs
from views.named import SetupView, active_column, active_filter, name_column


class LocationView(SetupView):
    noun = "location"
    title = "Locations"
    intro = "Places that costs are booked to."
    empty_text = "Add the places that billing lines name."
    columns = (
        name_column(Location),
        Column("address", "Address", lambda row: row.address),
        active_column(Location),
    )
    filters = (active_filter(Location),)
    searched = (Location.name, Location.address)
    usual_order = (Location.name_key,)
    fields = ("name", "address", "active")

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        return [*super().menu_actions(args), *cost_center_links(self.endpoint)]
