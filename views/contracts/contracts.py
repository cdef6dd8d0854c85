"""Contracts: what customers have signed, and the status of each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import url_for
from sqlalchemy.orm import joinedload
from wtforms import Form
from wtforms.validators import InputRequired

from customerhub.contracts import contracts, transitions
from customerhub.contracts.form_layout import CONTRACT_FORM, RISK_TAB
from customerhub.contracts.risks import build_combined_risk_column, combine_risks
from customerhub.core.permissions import Actor, Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.custom_fields.places import MORE_TAB
from customerhub.customers.signature_requests import find_current_envelope
from models import Account, BusinessEntity, Contract, Customer, InvoiceProfile
from models.custom_fields import CUSTOM_PREFIX
from models.enums import ContractStatus, ProfileStatus, Risk
from views.activity import attachments
from views.cells.contracts import LOAD_CUSTOMER, overall_risk_chip, profile_cell, status_chip, value_cell
from views.cells.customer_part_view import CUSTOMER_FIELD
from views.cells.customers import CustomerFilter, customer_link, find_form_url
from views.cells.envelopes import SCREEN as SIGNATURES
from views.cells.envelopes import describe_pending, find_sending_url
from views.contracts.customer_owned import (
    CustomerOwnedField,
    CustomerOwnedSource,
    CustomerOwnedView,
    connections_column,
    customer_column,
)
from views.contracts.customer_tab import build_orders_table
from views.contracts.transitions import reason_field, transition_operation
from views.framework.chips import risk_chip
from views.framework.choices import Source
from views.framework.columns import Cell, Column
from views.framework.custom_columns import add_columns, add_filters, extend_screen
from views.framework.date_field import DateField
from views.framework.display import display_value, label_for
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.form_layouts import arrange_screen, get_layout
from views.framework.formatting import current_formats, format_amount, format_date, get_today
from views.framework.labels import member_label
from views.http.urls import path_to

HEADER_FIELDS = ("number", "connections")  # what the record tells in its header
RISK_FIELDS = ("business_risk", "contract_risk")


class ReasonForm(Form):
    reason = reason_field("Reason")


class EndForm(Form):
    end_date = DateField("End date", [InputRequired("Enter the end date")])
    reason = reason_field("Reason")


def _begin_with_end_date(rows: Sequence[Contract], _actor: Actor) -> dict[str, Any]:
    """The end that was agreed stays unless another is entered; blank where the contracts have several."""
    agreed_dates = {row.end_date for row in rows}
    if len(agreed_dates) > 1:
        return {}
    return {"end_date": agreed_dates.pop() or get_today()}


@arrange_screen(CONTRACT_FORM)
@extend_screen(Contract, columns=add_columns, filters=add_filters)
class ContractView(CustomerOwnedView):
    noun = "contract"
    title = "Contracts"
    empty_text = "Contracts are added for live customers. A contract goes live when its invoice profile is completed."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=Contract.name,
            export=Exported(Contract.name),
        ),
        Column(
            "number",
            "Number",
            lambda row: row.number,
            sort=Contract.number,
            collapsed_format="{}",
            export=Exported(Contract.number),
        ),
        customer_column(Contract),
        Column(
            "status", "Status", status_chip, sort=Contract.status, export=Exported(Contract.status, render=member_label)
        ),
        Column(
            "rag",
            "Risk",
            overall_risk_chip,
            export=Exported(Contract.business_risk, Contract.contract_risk, render=combine_risks),
        ),
        connections_column(Contract),
        Column(
            "value",
            "Value",
            value_cell,
            sort=Contract.value,
            align="right",
            collapsed_format="worth {}",
            export=Exported(Contract.value, kind=CellKind.AMOUNT),
        ),
        Column(
            "start_date",
            "Start",
            lambda row: format_date(row.start_date),
            sort=Contract.start_date,
            align="right",
            collapsed_format="from {}",
            export=Exported(Contract.start_date, kind=CellKind.DATE),
        ),
        Column(
            "end_date",
            "End",
            lambda row: format_date(row.end_date) or None,
            sort=Contract.end_date,
            align="right",
            collapsed_format="until {}",
            export=Exported(Contract.end_date, kind=CellKind.DATE),
        ),
        Column(
            "account",
            "Account",
            lambda row: row.account.number,
            default_visible=False,
            load_options=(joinedload(Contract.account),),
            export=Exported(Related(Contract.account, Account.number)),
        ),
        Column(
            "profile",
            "Invoice profile",
            lambda row: profile_cell(row.invoice_profile),
            default_visible=False,
            load_options=(joinedload(Contract.invoice_profile),),
            export=Exported(
                Related(Contract.invoice_profile, InvoiceProfile.name),
                Related(Contract.invoice_profile, InvoiceProfile.status),
                render="{}, {}".format,
            ),
        ),
        Column(
            "entity",
            "Business entity",
            lambda row: str(row.business_entity or "") or None,
            default_visible=False,
            load_options=(joinedload(Contract.business_entity),),
            export=Exported(Related(Contract.business_entity, BusinessEntity.name)),
        ),
        Column(
            "supplier",
            "Supplier",
            lambda row: row.supplier,
            default_visible=False,
            export=Exported(Contract.supplier),
        ),
        Column(
            "business_risk",
            "Business risk",
            lambda row: risk_chip(row.business_risk),
            default_visible=False,
            export=Exported(Contract.business_risk),
        ),
        Column(
            "contract_risk",
            "Contract risk",
            lambda row: risk_chip(row.contract_risk),
            default_visible=False,
            export=Exported(Contract.contract_risk),
        ),
    )
    filters = (
        Filter("status", "Status", Contract.status, "select", members=ContractStatus, nullable=False),
        Filter("risk", "Risk", build_combined_risk_column(), "select", members=Risk),
        CustomerFilter("customer", "Customer", Contract.customer_id, nullable=False),
        Filter("start_date", "Start", Contract.start_date, "date", nullable=False),
        Filter("end_date", "End", Contract.end_date, "date"),
        Filter("connections", "Connections", Contract.connections, "number", nullable=False),
        Filter("value", "Value", Contract.value, "number"),
        Filter("entity", "Business entity", Contract.business_entity_id, "select", source=Source(BusinessEntity)),
        Filter("supplier", "Supplier", Contract.supplier),
        Filter("business_risk", "Business risk", Contract.business_risk, "select", members=Risk),
        Filter("contract_risk", "Contract risk", Contract.contract_risk, "select", members=Risk),
    )
    search_columns = (Contract.number, Contract.name)
    search_hint = "Number, name, customer"
    default_order = (Contract.id.desc(),)
    load_options = (LOAD_CUSTOMER[Contract],)
    field_args = {**CustomerOwnedView.field_args, "end_date": {"description": "Leave blank for open-ended"}}
    owned_fields = {
        "invoice_profile_id": CustomerOwnedField(
            "Invoice profile",
            [InputRequired("Choose an invoice profile")],
            owned_source=CustomerOwnedSource(InvoiceProfile, statuses=contracts.list_profile_statuses(None)),
            description="The contract goes live when this profile is completed",
        )
    }
    operations = tuple(
        transition_operation(
            transition,
            contracts.change_contract_status,
            contracts.change_contract_statuses if contracts.can_change_many(transition) else None,
            contracts.check_contract_status,
            form=EndForm if transition.required_inputs else ReasonForm,
            icon={"end": "stop", "live": "run"}.get(transition.name, "clock"),
            danger=transition.name == "end",
            initial_values=_begin_with_end_date if transition.required_inputs else None,
        )
        for transition in transitions.CONTRACT_STATUSES.choices
    )
    save = staticmethod(contracts.save_contract)
    check = staticmethod(contracts.check_contract)
    bulk_edit_refusal = staticmethod(lambda row, _actor: contracts.edit_refusal_reason(row))
    own_fields = ("name", "number")
    fixed_fields = (CUSTOMER_FIELD, "invoice_profile_id")  # of one customer

    def default_values(self, customer: Customer | None) -> dict[str, Any]:
        entities = [key for key, _, active in Source(BusinessEntity).list_choices() if active]
        default_entity_id = customer.business_entity_id if customer else None
        return {
            "start_date": get_today(),
            "business_entity_id": default_entity_id or (entities[0] if len(entities) == 1 else None),
            "invoice_profile_id": contracts.find_completed_profile_id(customer) if customer else None,
        }

    def save_entered(self, row: Contract) -> Contract:
        return contracts.save_contract(row, actor=self.actor, is_entered=True)

    def edit_refusal(self, row: Contract) -> str | None:
        return contracts.edit_refusal_reason(row)

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        if row is not None:
            entry = form["invoice_profile_id"]
            entry.source = replace(entry.source, statuses=contracts.list_profile_statuses(row.status))
        return super()._edit_page(form, row)

    def _edit_banners(self, customer: Customer, row: Any) -> list[dict[str, Any]]:
        banners = super()._edit_banners(customer, row)
        if CustomerOwnedSource(InvoiceProfile, customer_id=customer.id).list_choices():
            return banners
        url = find_form_url(customer.id, "invoice_profiles", self.actor)
        link = {"label": "Add an invoice profile", "url": url} if url else None
        return [*banners, {"kind": "warning", "text": f"{customer} has no invoice profile yet.", "link": link}]

    def fill_header(self, page: DetailsPage, row: Contract) -> None:
        chips = (
            status_chip(row),
            overall_risk_chip(row) and {**overall_risk_chip(row), "chip": f"{overall_risk_chip(row)['chip']} risk"},
        )
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]} for chip in chips if chip]
        page.meta = [
            ("Customer", customer_link(row.customer)),
            ("Account", row.account.number),
            ("Connections", f"{row.connections:,}"),
            ("Start", format_date(row.start_date)),
        ]

    def details_tabs(self, page: DetailsPage, row: Contract, active: str) -> list[dict[str, Any]]:
        tabs = super().details_tabs(page, row, active)
        url = url_for("contracts.details_view", id=row.id, tab=attachments.TAB)
        tab = {"name": attachments.TAB, "label": "Attachments", "active": active == attachments.TAB, "url": url}
        return [tabs[0], tab, *tabs[1:]]

    def _describe_signatures(self, row: Contract) -> list[tuple[str, Cell]]:
        """For whose signature a draft waits, for who may see that."""
        profile = row.invoice_profile
        if profile.status is not ProfileStatus.NDA_PENDING or not self.actor.has_permission(Permission.SIGNATURES_VIEW):
            return []
        envelope = find_current_envelope(profile)
        url = find_sending_url(profile, self.actor)
        if envelope is not None:
            url = path_to(f"{SIGNATURES}.details_view", envelope.id)
        return [("Signatures", {"text": describe_pending(envelope), "url": url})]

    def fill_details(self, page: DetailsPage, row: Contract, tab: str) -> None:
        if tab == attachments.TAB:
            attachments.add_attachments(page, row.customer_id, contract=row, actor=self.actor)
            return
        for title, items in self._group_details(row):
            page.sections.append(self.build_section(row, title, items))
        page.tables.append(build_orders_table(row.customer, self.actor, contract=row))

    def _group_details(self, row: Contract) -> list[tuple[str, list[tuple[str, Any]]]]:
        """The title and the items of each section: the fields in the order of the form, also those that it hides. Those
        of a tab stand in the section that is called like it.
        """
        items: dict[str, list[tuple[str, Any]]] = {"Terms": [], RISK_TAB[1]: [], MORE_TAB[1]: []}
        for section in get_layout(CONTRACT_FORM).sections:
            for name in section.fields:
                if name not in HEADER_FIELDS:
                    title = section.label if section.label in items else _find_usual_section(name)
                    items[title].append((label_for(Contract, name), _detail_value(row, name)))
                if name == "invoice_profile_id":
                    items["Terms"] += self._describe_signatures(row)
        items[RISK_TAB[1]].append(("Overall risk", overall_risk_chip(row)))
        return [(title, group) for title, group in items.items() if group]


def _find_usual_section(name: str) -> str:
    """Where the record shows a field that stands above the tabs of the form."""
    if name in RISK_FIELDS:
        return RISK_TAB[1]
    return MORE_TAB[1] if name.startswith(CUSTOM_PREFIX) else "Terms"


def _detail_value(row: Contract, name: str) -> Any:
    if name == "invoice_profile_id":
        return profile_cell(row.invoice_profile)
    if name == "value":
        return f"{format_amount(row.value)} {current_formats().currency}" if row.value is not None else None
    return risk_chip(getattr(row, name)) if name in RISK_FIELDS else display_value(row, name)
