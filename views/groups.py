"""Groups: related customers under a parent."""

from dataclasses import replace
from typing import Any

from flask import url_for
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.permissions import Permission, scope
from customerhub.setup.rows import save_row
from models import Account, Customer, CustomerGroup, CustomerStatus
from models.base import db
from views.base import HubModelView
from views.columns import Column, amount, formats, stage_chip
from views.customer_cells import customer_link
from views.editing import DetailsPage
from views.named import DELETE

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
        replace(
            DELETE,
            permission=Permission.CUSTOMERS_EDIT,
            explain="The group is removed. This works only where no customer is in it.",
        ),
    )

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        members = scope(Customer, self.actor).where(Customer.group_id == row.id)
        in_list = url_for("customers.index_view", f=f"group:is:{row.id}")
        page.sections[0]["items"][1] = ("Parent", customer_link(row.parent))
        page.summary = _totals(members, in_list)
        page.tables.append(_members(members, row, in_list))


def _totals(members: Select[Any], in_list: str) -> list[dict[str, Any]]:
    """What the members come to together, and how many are in each status."""
    balance = select(func.coalesce(func.sum(Account.balance), 0)).where(
        Account.customer_id.in_(members.with_only_columns(Customer.id))
    )
    limit, revenue = (
        db.session.scalar(members.with_only_columns(func.coalesce(func.sum(column), 0)))
        for column in (Customer.credit_limit, Customer.estimated_monthly_revenue)
    )
    counted = (
        members.join(CustomerStatus, Customer.status_id == CustomerStatus.id)
        .with_only_columns(CustomerStatus.name, CustomerStatus.colour, func.count())
        .group_by(CustomerStatus.id, CustomerStatus.name, CustomerStatus.colour, CustomerStatus.position)
        .order_by(CustomerStatus.position, CustomerStatus.id)
    )
    statuses = [(name, {"chip": str(count), "colour": colour}) for name, colour, count in db.session.execute(counted)]
    currency = formats().currency
    figures = (("Balance", db.session.scalar(balance)), ("Credit limit", limit), ("Estimated monthly revenue", revenue))
    return [
        {"title": "Together", "items": [(label, f"{amount(total)} {currency}") for label, total in figures]},
        {"title": "By status", "items": statuses, "empty": "No members yet.", "url": in_list if statuses else None},
    ]


def _named(member: Customer, group: Any) -> list[Any]:
    parent = [{"chip": "Parent", "tone": "blue"}] if member.id == group.parent_id else []
    reference = [{"text": "", "sub": member.reference}] if member.reference else []
    return [customer_link(member), *reference, *parent]


def _members(members: Select[Any], group: Any, in_list: str) -> dict[str, Any]:
    load = (joinedload(Customer.status), selectinload(Customer.accounts))
    rows = list(db.session.scalars(members.options(*load).order_by(Customer.sort_name, Customer.id).limit(SHOWN + 1)))
    more = len(rows) > SHOWN
    labels = ("Name", "Status, stage")
    return {
        "title": "Members",
        "text": f"The first {SHOWN}. The list of customers has them all." if more else None,
        "more_url": in_list if rows else None,
        "more_label": "All in the list of customers",
        "columns": [
            *({"label": label} for label in labels),
            {"label": "Balance, limit", "align": "right"},
            {"label": "Per month", "align": "right", "later": True},
        ],
        "rows": [
            [
                _named(member, group),
                [{"chip": member.status.name, "colour": member.status.colour}, stage_chip(member.stage)],
                {
                    "text": amount(member.balance),
                    "sub": f"of {limit}" if (limit := amount(member.credit_limit)) else None,
                },
                amount(member.estimated_monthly_revenue),
            ]
            for member in rows[:SHOWN]
        ],
        "empty": "No customers are in this group yet. Choose it on a customer's form.",
    }
