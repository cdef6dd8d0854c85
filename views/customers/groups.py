"""Groups: related customers under a parent."""

from dataclasses import replace
from typing import Any

from flask import url_for
from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.permissions import Permission, select_visible
from customerhub.setup.rows import save_row
from models import Account, Customer, CustomerGroup, CustomerStatus
from models.base import db
from views.cells.customers import customer_link
from views.framework.chips import stage_chip
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported, Related
from views.framework.formatting import current_formats, format_amount
from views.framework.model_view import HubModelView
from views.setup.setup_view import DELETE

MAX_MEMBERS = 100


class GroupView(HubModelView):
    noun = "group"
    title = "Groups"
    intro = "Related customers under a parent."
    empty_text = "Group related customers: choose the group on the customer's form."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=CustomerGroup.name,
            export=Exported(CustomerGroup.name),
        ),
        Column(
            "parent",
            "Parent",
            lambda row: customer_link(row.parent),
            load_options=(joinedload(CustomerGroup.parent).joinedload(Customer.status),),
            export_text=lambda row: row.parent.name if row.parent else None,
            export=Exported(Related(CustomerGroup.parent, Customer.name)),
        ),
        Column(
            "note",
            "Note",
            lambda row: row.note,
            export=Exported(CustomerGroup.note),
        ),
    )
    search_columns = (CustomerGroup.name,)
    default_order = (CustomerGroup.name,)
    fields = ("name", "parent_id", "note")
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = Permission.CUSTOMERS_EDIT
    save = staticmethod(save_row)
    operations = (
        replace(
            DELETE,
            permission=Permission.CUSTOMERS_EDIT,
            explanation="Deletes the group. Only possible if it has no customers.",
        ),
    )

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        super().fill_details(page, row, tab)
        members = select_visible(Customer, self.actor).where(Customer.group_id == row.id)
        list_url = url_for("customers.index_view", f=f"group:is:{row.id}")
        page.sections[0]["items"][1] = ("Parent", customer_link(row.parent))
        page.summary = _total_blocks(members, list_url)
        page.tables.append(_members_table(members, row, list_url))


def _total_blocks(members: Select[Any], list_url: str) -> list[dict[str, Any]]:
    """What the members come to together, and how many are in each status."""
    balance = select(func.coalesce(func.sum(Account.balance), 0)).where(
        Account.customer_id.in_(members.with_only_columns(Customer.id))
    )
    limit, revenue = (
        db.session.scalar(members.with_only_columns(func.coalesce(func.sum(column), 0)))
        for column in (Customer.credit_limit, Customer.estimated_monthly_revenue)
    )
    status_counts = (
        members.join(CustomerStatus, Customer.status_id == CustomerStatus.id)
        .with_only_columns(CustomerStatus.name, CustomerStatus.colour, func.count())
        .group_by(CustomerStatus.id, CustomerStatus.name, CustomerStatus.colour, CustomerStatus.position)
        .order_by(CustomerStatus.position, CustomerStatus.id)
    )
    statuses = [
        (name, {"chip": str(count), "colour": colour}) for name, colour, count in db.session.execute(status_counts)
    ]
    currency = current_formats().currency
    figures = (("Balance", db.session.scalar(balance)), ("Credit limit", limit), ("Estimated monthly revenue", revenue))
    return [
        {"title": "Totals", "items": [(label, f"{format_amount(total)} {currency}") for label, total in figures]},
        {
            "title": "Totals by status",
            "items": statuses,
            "empty": "No members yet.",
            "url": list_url if statuses else None,
        },
    ]


def _name_cell(member: Customer, group: Any) -> list[Any]:
    parent = [{"chip": "Parent", "tone": "blue"}] if member.id == group.parent_id else []
    reference = [{"text": "", "sub": member.reference}] if member.reference else []
    return [customer_link(member), *reference, *parent]


def _members_table(members: Select[Any], group: Any, list_url: str) -> dict[str, Any]:
    load = (joinedload(Customer.status), selectinload(Customer.accounts))
    rows = list(
        db.session.scalars(members.options(*load).order_by(Customer.sort_name, Customer.id).limit(MAX_MEMBERS + 1))
    )
    has_more = len(rows) > MAX_MEMBERS
    labels = ("Name", "Status, stage")
    return {
        "title": "Members",
        "text": f"Showing the first {MAX_MEMBERS}. The customer list shows all of them." if has_more else None,
        "more_url": list_url if rows else None,
        "more_label": "Show all in the customer list",
        "columns": [
            *({"label": label} for label in labels),
            {"label": "Balance, limit", "align": "right"},
            {"label": "Est. monthly revenue", "align": "right", "later": True},
        ],
        "rows": [
            [
                _name_cell(member, group),
                [{"chip": member.status.name, "colour": member.status.colour}, stage_chip(member.stage)],
                {
                    "text": format_amount(member.balance),
                    "sub": f"of {limit}" if (limit := format_amount(member.credit_limit)) else None,
                },
                format_amount(member.estimated_monthly_revenue),
            ]
            for member in rows[:MAX_MEMBERS]
        ],
        "empty": "No customers in this group yet. Choose the group on the customer's form.",
    }
