"""Cost center: whom costs are billed to."""

from typing import Any

from models import BilledUser
from views.columns import Column
from views.commodities import cost_center_links
from views.listing import ListArgs
from views.named import SetupView, active_column, active_filter, name_column


class BilledUserView(SetupView):
    noun = "user to bill"
    title = "Users to bill"
    intro = "People or units that costs are billed to."
    empty_text = "Add the people or units that billing lines name."
    columns = (
        name_column(BilledUser),
        Column("email", "Email", lambda row: row.email, sort=BilledUser.email),
        active_column(BilledUser),
    )
    filters = (active_filter(BilledUser),)
    searched = (BilledUser.name, BilledUser.email)
    usual_order = (BilledUser.name_key,)
    fields = ("name", "email", "active")

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        return [*super().menu_actions(args), *cost_center_links(self.endpoint)]
