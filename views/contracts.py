"""Contracts: what customers have signed, and how far each has got."""

from typing import Any

from sqlalchemy.orm import joinedload
from wtforms import DateField, Form
from wtforms.validators import InputRequired

from customerhub.contracts import contracts, moves
from customerhub.contracts.risks import rag_column
from customerhub.permissions import Permission
from models import BusinessEntity, Contract, Customer, InvoiceProfile
from models.enums import ContractStatus, Risk
from views.choices import Source
from views.columns import Column, Filter, amount, day, formats, risk_chip
from views.contract_cells import LOAD_CUSTOMER, profile_cell, rag_chip, status_chip, value_cell
from views.contract_moves import move_operation, reason_field
from views.customer_cells import CustomerFilter, customer_link
from views.customer_contracts import orders_table
from views.customer_form import today
from views.editing import DetailsPage
from views.of_customer import CUSTOMER, OfCustomer, OfCustomerField, OfCustomerView
from views.paths import path_to


class WhyForm(Form):
    reason = reason_field("Why")


class EndForm(Form):
    end_date = DateField("Ends on", [InputRequired("Say on which day it ends")], default=lambda: today())
    reason = reason_field("Why")


class ContractView(OfCustomerView):
    noun = "contract"
    title = "Contracts"
    empty_text = "A contract is made for a live customer. It is live once its invoice profile is completed."
    columns = (
        Column("name", "Name", lambda row: row.name, sort=Contract.name),
        Column("number", "Number", lambda row: row.number, sort=Contract.number, folds="{}"),
        Column("customer", "Customer", lambda row: customer_link(row.customer), load=(LOAD_CUSTOMER[Contract],),
               text=lambda row: row.customer.name),
        Column("status", "Status", status_chip, sort=Contract.status),
        Column("rag", "Risk", rag_chip),
        Column("connections", "Connections", lambda row: f"{row.connections:,}", sort=Contract.connections,
               align="right"),
        Column("value", "Value", value_cell, sort=Contract.value, align="right", folds="worth {}"),
        Column("start_date", "Start", lambda row: day(row.start_date), sort=Contract.start_date, align="right",
               folds="from {}"),
        Column("end_date", "End", lambda row: day(row.end_date) or None, sort=Contract.end_date, align="right",
               folds="until {}"),
        Column("account", "Account", lambda row: row.account.number, usual=False, load=(joinedload(Contract.account),)),
        Column("profile", "Invoice profile", lambda row: profile_cell(row.invoice_profile), usual=False,
               load=(joinedload(Contract.invoice_profile),)),
        Column("entity", "Business entity", lambda row: str(row.business_entity or "") or None, usual=False,
               load=(joinedload(Contract.business_entity),)),
        Column("supplier", "Supplier", lambda row: row.supplier, usual=False),
        Column("business_risk", "Business risk", lambda row: risk_chip(row.business_risk), usual=False),
        Column("contract_risk", "Contract risk", lambda row: risk_chip(row.contract_risk), usual=False),
    )  # fmt: skip
    filters = (
        Filter("status", "Status", Contract.status, "select", members=ContractStatus, nullable=False),
        Filter("risk", "Risk", rag_column(), "select", members=Risk),
        CustomerFilter("customer", "Customer", Contract.customer_id, nullable=False),
        Filter("start_date", "Start", Contract.start_date, "date", nullable=False),
        Filter("end_date", "End", Contract.end_date, "date"),
        Filter("connections", "Connections", Contract.connections, "number", nullable=False),
        Filter("value", "Value", Contract.value, "number"),
        Filter("entity", "Business entity", Contract.business_entity_id, "select", source=Source(BusinessEntity)),
        Filter("supplier", "Supplier", Contract.supplier),
    )
    searched = (Contract.number, Contract.name)
    search_hint = "Number, name, customer"
    usual_order = (Contract.id.desc(),)
    load = (LOAD_CUSTOMER[Contract],)
    fields = (CUSTOMER, "name", "number", "invoice_profile_id", "connections", "start_date", "end_date", "value",
              "business_entity_id", "supplier", "business_risk", "contract_risk")  # fmt: skip
    field_args = {
        CUSTOMER: {"required": False, "particular": True},
        "number": {"required": False, "description": "Leave blank and the next free number is taken"},
        "end_date": {"description": "Blank where it runs until somebody ends it"},
    }
    own = {
        "invoice_profile_id": OfCustomerField(
            "Invoice profile", [InputRequired("Choose an invoice profile")], of=OfCustomer(InvoiceProfile),
            description="The contract is live once this profile is completed",
        )
    }  # fmt: skip
    tab = "contracts"
    operations = tuple(
        move_operation(
            move, contracts.move_contract, form=EndForm if move.needs else WhyForm,
            icon={"end": "stop", "live": "run"}.get(move.name, "clock"), danger=move.name == "end",
        )
        for move in moves.CONTRACT_MOVES
    )  # fmt: skip
    view_permission = Permission.CONTRACTS_VIEW
    edit_permission = Permission.CONTRACTS_EDIT
    save = staticmethod(contracts.save_contract)

    def usual_values(self, customer: Customer | None) -> dict[str, Any]:
        entities = [key for key, _, active in Source(BusinessEntity).rows() if active]
        usual = customer.business_entity_id if customer else None
        return {"start_date": today(), "business_entity_id": usual or (entities[0] if len(entities) == 1 else None)}

    def why_not_changed(self, row: Contract) -> str | None:
        return contracts.why_not_changed(row)

    def _refusals(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        found = super()._refusals(customer, row)
        if OfCustomer(InvoiceProfile, customer_id=customer.id).rows():
            return found
        edit = f"{path_to('customers.edit_view', customer.id)}#profiles"
        link = {"label": "Add one on its form", "url": edit}
        return [*found, {"kind": "warning", "text": f"{customer} has no invoice profile yet.", "link": link}]

    def fill_header(self, page: DetailsPage, row: Contract) -> None:
        chips = (status_chip(row), rag_chip(row) and {**rag_chip(row), "chip": f"{rag_chip(row)['chip']} risk"})
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]} for chip in chips if chip]
        page.meta = [("Customer", customer_link(row.customer)), ("Account", row.account.number),
                     ("Connections", f"{row.connections:,}"), ("Start", day(row.start_date))]  # fmt: skip

    def fill_details(self, page: DetailsPage, row: Contract, _tab: str) -> None:
        value = f"{amount(row.value)} {formats().currency}" if row.value is not None else None
        terms = (("Name", row.name), ("Invoice profile", profile_cell(row.invoice_profile)), ("Value", value),
                 ("Start", day(row.start_date)), ("End", day(row.end_date)),
                 ("Business entity", str(row.business_entity or "") or None), ("Supplier", row.supplier))  # fmt: skip
        risks = (("Business risk", risk_chip(row.business_risk)), ("Contract risk", risk_chip(row.contract_risk)),
                 ("The worse of the two", rag_chip(row)))  # fmt: skip
        page.sections += [self.section(row, "Terms", terms), self.section(row, "Risk", risks)]
        page.tables.append(orders_table(row.customer, self.actor, of=row))
