"""Customer statuses: names and colours are free, what a status does is its behaviour."""

from customerhub.core.spreadsheets import CellKind
from models import CustomerStatus
from models.enums import StatusBehaviour
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.labels import member_label
from views.setup.setup_view import SetupView, active_column, active_filter


class StatusView(SetupView):
    noun = "status"
    title = "Statuses"
    intro = "Rename, recolour and add statuses. Each status determines how its customers are billed."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: {"chip": row.name, "colour": row.colour},
            sort=CustomerStatus.name_key,
            export=Exported(CustomerStatus.name),
        ),
        Column(
            "behaviour",
            "Billing behaviour",
            lambda row: member_label(row.behaviour),
            sort=CustomerStatus.behaviour,
            export=Exported(CustomerStatus.behaviour, render=member_label),
        ),
        Column(
            "position",
            "Position",
            lambda row: str(row.position),
            sort=CustomerStatus.position,
            align="right",
            export=Exported(CustomerStatus.position, kind=CellKind.COUNT),
        ),
        active_column(CustomerStatus),
    )
    filters = (
        Filter(
            "behaviour",
            "Billing behaviour",
            CustomerStatus.behaviour,
            "select",
            members=StatusBehaviour,
            nullable=False,
        ),
        active_filter(CustomerStatus),
    )
    search_columns = (CustomerStatus.name,)
    default_order = (CustomerStatus.position, CustomerStatus.name_key)
    field_args = {"behaviour": {"description": ""}, "colour": {"description": ""}}
    fields = ("name", "colour", "behaviour", "position", "active")
