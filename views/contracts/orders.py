"""Orders: the connections that customers have ordered, and the status of their delivery."""

from dataclasses import replace
from typing import Any

from flask import request
from sqlalchemy.orm import joinedload
from wtforms import Form
from wtforms.validators import InputRequired, Optional

from customerhub.contracts import orders, transitions
from customerhub.core.spreadsheets import CellKind
from models import Contract, Customer, CustomerOrder
from models.enums import OrderStatus
from views.cells.contracts import LOAD_CUSTOMER, contract_link, number_link, requested_date_cell, status_chip
from views.cells.customer_part_view import CUSTOMER_FIELD
from views.cells.customers import CustomerFilter, customer_link
from views.contracts.customer_owned import (
    CustomerOwnedField,
    CustomerOwnedSource,
    CustomerOwnedView,
    connections_column,
    customer_column,
)
from views.contracts.transitions import reason_field, transition_operation
from views.framework.columns import Column
from views.framework.date_field import DateField
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_date, get_today
from views.framework.labels import member_label

CONTRACTS = CustomerOwnedSource(Contract, statuses=orders.ORDERED_ON_STATUSES)


class NoteForm(Form):
    reason = reason_field("Note")


class DeliveryForm(Form):
    delivered_on = DateField("Delivered on", [InputRequired("Enter the delivery date")], default=lambda: get_today())
    reason = reason_field("Note")


class OrderView(CustomerOwnedView):
    noun = "order"
    title = "Orders"
    empty_text = "Orders of connections for live customers, with their contracts."
    columns = (
        Column(
            "description",
            "Description",
            lambda row: row.description,
            sort=CustomerOrder.description,
            export=Exported(CustomerOrder.description),
        ),
        Column(
            "number",
            "Number",
            lambda row: row.number,
            sort=CustomerOrder.number,
            collapsed_format="{}",
            export=Exported(CustomerOrder.number),
        ),
        customer_column(CustomerOrder),
        Column(
            "contract",
            "Contract",
            lambda row: number_link(row.contract, "contracts") if row.contract else None,
            load_options=(joinedload(CustomerOrder.contract),),
            export_text=lambda row: row.contract.number if row.contract else None,
            export=Exported(Related(CustomerOrder.contract, Contract.number)),
            collapsed_format="on {}",
        ),
        Column(
            "status",
            "Status",
            status_chip,
            sort=CustomerOrder.status,
            export=Exported(CustomerOrder.status, render=member_label),
        ),
        connections_column(CustomerOrder),
        Column(
            "ordered_on",
            "Ordered",
            lambda row: format_date(row.ordered_on),
            sort=CustomerOrder.ordered_on,
            align="right",
            collapsed_format="ordered {}",
            export=Exported(CustomerOrder.ordered_on, kind=CellKind.DATE),
        ),
        Column(
            "wanted_on",
            "Requested date",
            requested_date_cell,
            sort=CustomerOrder.wanted_on,
            align="right",
            export_text=lambda row: format_date(row.wanted_on),
            export=Exported(CustomerOrder.wanted_on, kind=CellKind.DATE),
        ),
        Column(
            "delivered_on",
            "Delivered",
            lambda row: format_date(row.delivered_on) or None,
            sort=CustomerOrder.delivered_on,
            align="right",
            collapsed_format="delivered {}",
            export=Exported(CustomerOrder.delivered_on, kind=CellKind.DATE),
        ),
    )
    filters = (
        Filter("status", "Status", CustomerOrder.status, "select", members=OrderStatus, nullable=False),
        CustomerFilter("customer", "Customer", CustomerOrder.customer_id, nullable=False),
        Filter("ordered_on", "Ordered", CustomerOrder.ordered_on, "date", nullable=False),
        Filter("wanted_on", "Requested date", CustomerOrder.wanted_on, "date"),
        Filter("delivered_on", "Delivered", CustomerOrder.delivered_on, "date"),
        Filter("connections", "Connections", CustomerOrder.connections, "number", nullable=False),
    )
    search_columns = (CustomerOrder.number, CustomerOrder.description)
    search_hint = "Number, description, customer"
    default_order = (CustomerOrder.id.desc(),)
    load_options = (LOAD_CUSTOMER[CustomerOrder], joinedload(CustomerOrder.contract))
    fields = (CUSTOMER_FIELD, "description", "number", "contract_id", "connections", "ordered_on", "wanted_on")
    owned_fields = {
        "contract_id": CustomerOwnedField("Contract", [Optional()], owned_source=CONTRACTS, blank="No contract yet")
    }
    operations = tuple(
        transition_operation(
            transition,
            orders.change_order_status,
            orders.change_order_statuses,
            transitions.ORDER_STATUSES.check,
            form=DeliveryForm if transition.required_inputs else NoteForm,
            icon={"start": "run", "deliver": "ok"}.get(transition.name, "stop"),
            danger=transition.name == "cancel",
        )
        for transition in transitions.ORDER_STATUSES.choices
    )
    save = staticmethod(orders.save_order)
    bulk_edit_refusal = staticmethod(lambda row, _actor: orders.edit_refusal_reason(row))
    own_fields = ("description", "number")
    fixed_fields = (CUSTOMER_FIELD, "contract_id")  # of one customer

    def default_values(self, customer: Customer | None) -> dict[str, Any]:
        """Of a link from a contract, that contract."""
        key = request.args.get("contract_id", "")
        contract_choices = replace(CONTRACTS, customer_id=customer.id).list_choices() if customer and key else []
        selected_ids = [each for each, _, active in contract_choices if active and str(each) == key]
        return {"ordered_on": get_today(), "contract_id": selected_ids[0] if selected_ids else None}

    def edit_refusal(self, row: CustomerOrder) -> str | None:
        return orders.edit_refusal_reason(row)

    def fill_header(self, page: DetailsPage, row: CustomerOrder) -> None:
        chip = status_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}]
        page.meta = [
            ("Customer", customer_link(row.customer)),
            ("Connections", f"{row.connections:,}"),
            ("Ordered", format_date(row.ordered_on)),
        ]

    def fill_details(self, page: DetailsPage, row: CustomerOrder, _tab: str) -> None:
        items = (
            ("Description", row.description),
            ("Contract", contract_link(row.contract)),
            ("Ordered", format_date(row.ordered_on)),
            ("Requested date", requested_date_cell(row)),
            ("Delivered", format_date(row.delivered_on)),
        )
        page.sections.append(self.build_section(row, "Details", items))
