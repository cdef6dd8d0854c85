"""Customer statuses: names and colours are free, what a status does is its behaviour."""

from models import CustomerStatus
from models.enums import StatusBehaviour
from views.columns import Column, Filter
from views.named import SetupView, active_column, active_filter
from views.words import word


class StatusView(SetupView):
    noun = "status"
    title = "Statuses"
    intro = "Rename, recolour and add statuses. Each one says what billing does with its customers."
    columns = (
        Column("name", "Name", lambda row: {"chip": row.name, "colour": row.colour}, sort=CustomerStatus.name_key),
        Column("behaviour", "What it does", lambda row: word(row.behaviour), sort=CustomerStatus.behaviour),
        Column("position", "Position", lambda row: str(row.position), sort=CustomerStatus.position, align="right"),
        active_column(CustomerStatus),
    )
    filters = (
        Filter(
            "behaviour",
            "What it does",
            CustomerStatus.behaviour,
            "select",
            members=StatusBehaviour,
            nullable=False,
        ),
        active_filter(CustomerStatus),
    )
    searched = (CustomerStatus.name,)
    usual_order = (CustomerStatus.position, CustomerStatus.name_key)
    field_args = {"behaviour": {"description": ""}, "colour": {"description": ""}}
    fields = ("name", "colour", "behaviour", "position", "active")
