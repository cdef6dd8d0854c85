"""Cost center: whom costs are billed to."""

from models import BilledUser
from views.framework.columns import Column
from views.framework.exported import Exported
from views.setup.commodities import COST_CENTER
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
    sibling_lists = COST_CENTER
    fields = ("name", "email", "active")
