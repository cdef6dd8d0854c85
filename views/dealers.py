"""Dealers: the partner companies that register customers."""

from models import Dealer
from views.columns import Column
from views.named import SetupView, active_column, active_filter


class DealerView(SetupView):
    noun = "dealer"
    title = "Dealers"
    intro = (
        "Partner companies. Their users see the customers that carry their code, and no others. Those of one that is "
        "switched off register nobody new."
    )
    empty_text = "Add a dealer before you invite users with the role partner."
    columns = (
        Column("code", "Code", lambda row: row.code, sort=Dealer.code),
        Column("name", "Name", lambda row: row.name, sort=Dealer.name),
        active_column(Dealer),
    )
    filters = (active_filter(Dealer),)
    searched = (Dealer.code, Dealer.name)
    search_hint = "Search by code or name"
    usual_order = (Dealer.code,)
    fields = ("code", "name", "active")
