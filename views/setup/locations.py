"""Cost center: the places that costs are booked to."""

from models import Location
from views.framework.columns import Column
from views.framework.exported import Exported
from views.setup.commodities import COST_CENTER
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
    sibling_lists = COST_CENTER
    fields = ("name", "address", "active")
