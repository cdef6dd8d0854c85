"""Cost center: whom costs are billed to."""

from typing import Any

from models import BilledUser
from views.framework.columns import Column
from views.framework.exported import Exported
from views.framework.list_page import ListArgs
from views.setup.commodities import cost_center_links
from views.setup.setup_view import SetupView, active_column, active_filter, name_column


class BilledUserView(SetupView):
    noun = "user to bill"
    title = "Users to bill"
    intro = "People or units to be billed for costs."
    empty_text = "Add the people or units used in billing lines."
    columns = (
        name_column(BilledUser),
        Column(
            "email",
            "Email",
            lambda row: row.email,
            sort=BilledUser.email,
            export=Exported(BilledUser.email),
        ),
        active_column(BilledUser),
    )
    filters = (active_filter(BilledUser),)
    search_columns = (BilledUser.name, BilledUser.email)
    default_order = (BilledUser.name_key,)
    fields = ("name", "email", "active")

    def menu_actions(self, args: ListArgs) -> list[dict[str, Any]]:
        return [*super().menu_actions(args), *cost_center_links(self.endpoint)]
