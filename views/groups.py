"""Groups: related customers under a parent."""

from typing import Any

from sqlalchemy.orm import joinedload

from customerhub.permissions import Permission, scope
from customerhub.setup.rows import delete_row, save_row
from models import Customer, CustomerGroup
from models.base import db
from views.base import HubModelView
from views.columns import Column
from views.customer_cells import customer_link
from views.editing import DetailsPage
from views.operation import Operation

SHOWN = 100


class GroupView(HubModelView):
    noun = "group"
    title = "Groups"
    intro = "Related customers under a parent."
    empty_text = "Put customers of one owner together: choose the group on the customer's form."
    columns = (
        Column("name", "Name", lambda row: row.name, sort=CustomerGroup.name),
        Column(
            "parent",
            "Parent",
            lambda row: customer_link(row.parent),
            load=(joinedload(CustomerGroup.parent).joinedload(Customer.status),),
            text=lambda row: row.parent.name if row.parent else None,
        ),
        Column("note", "Note", lambda row: row.note),
    )
    searched = (CustomerGroup.name,)
    usual_order = (CustomerGroup.name,)
    fields = ("name", "parent_id", "note")
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = Permission.CUSTOMERS_EDIT
    save = staticmethod(save_row)
    operations = (
        Operation(
            name="delete",
            label="Delete",
            permission=Permission.CUSTOMERS_EDIT,
            run=delete_row,
            explain="The group is removed. This works only where no customer is in it.",
            icon="trash",
            danger=True,
            removes=True,
        ),
    )

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        members = db.session.scalars(
            scope(Customer, self.actor)
            .where(Customer.group_id == row.id)
            .options(joinedload(Customer.status))
            .order_by(Customer.sort_name)
            .limit(SHOWN)
        ).all()
        page.tables.append(
            {
                "title": "Members",
                "columns": [{"label": "Name"}, {"label": "Reference"}, {"label": "Status"}],
                "rows": [
                    [
                        customer_link(member),
                        member.reference,
                        {"chip": member.status.name, "colour": member.status.colour},
                    ]
                    for member in members
                ],
                "empty": "No customers are in this group yet. Choose it on a customer's form.",
            }
        )
