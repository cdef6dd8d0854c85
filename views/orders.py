"""Orders: the connections that customers have ordered, and how far their delivery is."""

from typing import Any

from flask import request
from sqlalchemy.orm import joinedload
from wtforms import DateField, Form
from wtforms.validators import InputRequired, Optional

from customerhub.contracts import moves, orders
from customerhub.permissions import Permission
from models import Contract, Customer, CustomerOrder
from models.enums import OrderStatus
from views.columns import Column, Filter, day
from views.contract_cells import LOAD_CUSTOMER, contract_link, number_link, status_chip, wanted_cell
from views.contract_moves import move_operation, reason_field
from views.customer_cells import CustomerFilter, customer_link
from views.customer_form import today
from views.editing import DetailsPage
from views.of_customer import CUSTOMER, OfCustomer, OfCustomerField, OfCustomerView


class NoteForm(Form):
    reason = reason_field("Note")


class DeliveryForm(Form):
    delivered_on = DateField(
        "Delivered on", [InputRequired("Say on which day it was delivered")], default=lambda: today()
    )
    reason = reason_field("Note")


class OrderView(OfCustomerView):
    noun = "order"
    title = "Orders"
    empty_text = "Connections that a live customer orders, with the contract that they are for."
    columns = (
        Column("description", "Description", lambda row: row.description, sort=CustomerOrder.description),
        Column("number", "Number", lambda row: row.number, sort=CustomerOrder.number, folds="{}"),
        Column("customer", "Customer", lambda row: customer_link(row.customer), load=(LOAD_CUSTOMER[CustomerOrder],),
               text=lambda row: row.customer.name),
        Column("contract", "Contract", lambda row: number_link(row.contract, "contracts") if row.contract else None,
               load=(joinedload(CustomerOrder.contract),),
               text=lambda row: row.contract.number if row.contract else None, folds="on {}"),
        Column("status", "Status", status_chip, sort=CustomerOrder.status),
        Column("connections", "Connections", lambda row: f"{row.connections:,}", sort=CustomerOrder.connections,
               align="right"),
        Column("ordered_on", "Ordered", lambda row: day(row.ordered_on), sort=CustomerOrder.ordered_on, align="right",
               folds="ordered {}"),
        Column("wanted_on", "Wanted", wanted_cell, sort=CustomerOrder.wanted_on, align="right"),
        Column("delivered_on", "Delivered", lambda row: day(row.delivered_on) or None, sort=CustomerOrder.delivered_on,
               align="right", folds="delivered {}"),
    )  # fmt: skip
    filters = (
        Filter("status", "Status", CustomerOrder.status, "select", members=OrderStatus, nullable=False),
        CustomerFilter("customer", "Customer", CustomerOrder.customer_id, nullable=False),
        Filter("ordered_on", "Ordered", CustomerOrder.ordered_on, "date", nullable=False),
        Filter("wanted_on", "Wanted", CustomerOrder.wanted_on, "date"),
        Filter("delivered_on", "Delivered", CustomerOrder.delivered_on, "date"),
        Filter("connections", "Connections", CustomerOrder.connections, "number", nullable=False),
    )
    searched = (CustomerOrder.number, CustomerOrder.description)
    search_hint = "Number, description, customer"
    usual_order = (CustomerOrder.id.desc(),)
    load = (LOAD_CUSTOMER[CustomerOrder], joinedload(CustomerOrder.contract))
    fields = (CUSTOMER, "description", "number", "contract_id", "connections", "ordered_on", "wanted_on")
    field_args = {
        CUSTOMER: {"required": False, "particular": True},
        "number": {"required": False, "description": "Leave blank and the next free number is taken"},
    }
    own = {"contract_id": OfCustomerField("Contract", [Optional()], of=OfCustomer(Contract), blank="No contract yet")}
    tab = "contracts"
    operations = tuple(
        move_operation(
            move, orders.move_order, form=DeliveryForm if move.needs else NoteForm,
            icon={"start": "run", "deliver": "ok"}.get(move.name, "stop"), danger=move.name == "cancel",
        )
        for move in moves.ORDER_MOVES
    )  # fmt: skip
    view_permission = Permission.CONTRACTS_VIEW
    edit_permission = Permission.CONTRACTS_EDIT
    save = staticmethod(orders.save_order)

    def usual_values(self, customer: Customer | None) -> dict[str, Any]:
        """Of a link from a contract, that contract."""
        key = request.args.get("contract_id", "")
        offered = OfCustomer(Contract, customer_id=customer.id).rows() if customer and key else []
        chosen = [each for each, _, active in offered if active and str(each) == key]
        return {"ordered_on": today(), "contract_id": chosen[0] if chosen else None}

    def why_not_changed(self, row: CustomerOrder) -> str | None:
        return orders.why_not_changed(row)

    def fill_header(self, page: DetailsPage, row: CustomerOrder) -> None:
        chip = status_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}]
        page.meta = [("Customer", customer_link(row.customer)), ("Connections", f"{row.connections:,}"),
                     ("Ordered", day(row.ordered_on))]  # fmt: skip

    def fill_details(self, page: DetailsPage, row: CustomerOrder, _tab: str) -> None:
        items = (("Description", row.description), ("Contract", contract_link(row.contract)),
                 ("Ordered", day(row.ordered_on)), ("Wanted", wanted_cell(row)),
                 ("Delivered", day(row.delivered_on)))  # fmt: skip
        page.sections.append(self.section(row, "Details", items))
