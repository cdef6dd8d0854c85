"""Dealers: the partner companies that register customers."""

from models import Dealer
from views.framework.columns import Column
from views.framework.exported import Exported
from views.setup.setup_view import SetupView, active_column, active_filter


class DealerView(SetupView):
    noun = "dealer"
    title = "Dealers"
    intro = (
        "Partner companies. Their users see only customers with their dealer code. Users of inactive dealers cannot "
        "register customers."
    )
    empty_text = "Add a dealer before you invite users with the role partner."
    columns = (
        Column(
            "code",
            "Code",
            lambda row: row.code,
            sort=Dealer.code,
            export=Exported(Dealer.code),
        ),
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=Dealer.name,
            export=Exported(Dealer.name),
        ),
        active_column(Dealer),
    )
    filters = (active_filter(Dealer),)
    search_columns = (Dealer.code, Dealer.name)
    search_hint = "Search by code or name"
    default_order = (Dealer.code,)
    fields = ("code", "name", "active")
