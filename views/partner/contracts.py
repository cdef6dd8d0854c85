"""Contracts and orders as a partner sees them, and the form that adds a contract for a live customer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import flash, redirect, request, url_for
from flask_login import login_required
from sqlalchemy.orm import joinedload
from wtforms import Form
from wtforms.validators import InputRequired, NumberRange, Optional

from customerhub.contracts.contracts import (
    MOST_CONNECTIONS,
    MOST_VALUE,
    add_contract,
    find_completed_profile_id,
    list_profile_statuses,
)
from customerhub.contracts.eligibility import list_visible_alerts, refusal_reason
from customerhub.contracts.form_layout import CONTRACT_FORM
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.invoice_profiles import needs_file
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.customers.registration import require_dealer
from customerhub.customers.signature_attention import find_current_envelopes
from models import Contract, Customer, CustomerOrder, Envelope, InvoiceProfile
from models.custom_fields import CUSTOM_PREFIX
from models.enums import ContractStatus, ProfileStatus, Stage
from views.cells.alerts import BANNERS
from views.cells.contracts import requested_date_cell, status_chip, value_cell
from views.cells.envelopes import describe_pending
from views.contracts.customer_owned import CustomerOwnedField, CustomerOwnedSource
from views.contracts.customer_tab import columns_of, count_by_status, describe_tallies, format_limit_note, list_newest
from views.framework.custom_form_fields import build_custom_field
from views.framework.custom_values import find_field
from views.framework.date_field import DateField
from views.framework.fields import AmountField, WholeNumberField
from views.framework.form_layouts import get_layout
from views.framework.formatting import format_date, get_today
from views.framework.portal_page import PortalPage
from views.partner.forms import REQUIRED_TEXT, text_field
from views.partner.requests import bp, build_menu, list_resubmission_errors, open_customer_request, run_and_commit

NEW_PROFILE = "Create a new profile"
SHOW_FOR_NEW_PROFILE = {"data-show-when": "invoice_profile_id="}
PROFILE_PREFIX = "profile_"  # of the fields of a new profile
PROFILES_BY_STAFF = "New invoice profiles are added by your contact person, as each needs its NDA."
REQUIRED = InputRequired(REQUIRED_TEXT)


class _ContractForm(Form):
    """A new contract, with one of the customer's invoice profiles or a new one: all that partners may be asked for, of
    which `find_contract_form` takes what the organisation shows.
    """

    name = text_field("Contract name", 200, required=True)
    invoice_profile_id = CustomerOwnedField(
        "Invoice profile",
        [Optional()],
        owned_source=CustomerOwnedSource(InvoiceProfile, statuses=list_profile_statuses(None)),
        blank=NEW_PROFILE,
    )
    profile_name = text_field("Name of the new profile", 120, render_kw={"maxlength": 120, **SHOW_FOR_NEW_PROFILE})
    profile_email = text_field("Email for invoices", 254, render_kw={"maxlength": 254, **SHOW_FOR_NEW_PROFILE})
    connections = WholeNumberField("Connections", [REQUIRED, NumberRange(0, MOST_CONNECTIONS)])
    start_date = DateField("Start", [REQUIRED])
    end_date = DateField("End", [Optional()], description="Leave blank for open-ended.")
    value = AmountField("Value", [Optional()], decimals=2, limit=MOST_VALUE)


def find_contract_form(organisation_id: int) -> type[Form]:
    """The form of a new contract with the fields that the organisation shows, in its order, and the custom ones that it
    requires.
    """
    layout, may_add_profile = get_layout(CONTRACT_FORM), not needs_file(organisation_id)
    fields: dict[str, Any] = {}
    for name in (name for section in layout.sections for name in layout.list_shown(section)):
        unbound = _find_field(_ContractForm, Contract, name)
        if unbound is not None:
            fields[name] = _require(unbound) if name in layout.required else _copy(unbound)
        if name == "invoice_profile_id" and may_add_profile:
            fields |= _build_profile_fields()
        elif name == "invoice_profile_id":
            fields[name] = _require(unbound, blank="", description=PROFILES_BY_STAFF)
    return type("ContractForm", (Form,), fields)


def _find_field(form_class: type[Form], model: type[Any], name: str, prefix: str = "") -> Any:
    """The declaration of a field, or of a custom one that is required; None of any other."""
    definition = find_field(model, name)
    if definition is None:
        return getattr(form_class, prefix + name, None)
    return build_custom_field(definition) if definition.is_required(of_prospect=False) else None


def _build_profile_fields() -> dict[str, Any]:
    """The fields of a new profile, shown while none is chosen."""
    layout, fields = get_layout(PROFILE_FORM), {}
    for name in layout.core:
        unbound = _find_field(_ContractForm, InvoiceProfile, name, PROFILE_PREFIX)
        if unbound is not None:
            render_kw = {**(unbound.kwargs.get("render_kw") or {}), **SHOW_FOR_NEW_PROFILE}
            fields[PROFILE_PREFIX + name] = _copy(unbound, render_kw=render_kw)
    return fields


def _copy(unbound: Any, **changes: Any) -> Any:
    """The declaration again: fields stand in the order in which they are declared."""
    return unbound.field_class(*unbound.args, **{**unbound.kwargs, **changes})


def _require(unbound: Any, **changes: Any) -> Any:
    label, validators, *more = unbound.args
    others = [each for each in validators if not isinstance(each, Optional)]
    return unbound.field_class(label, [REQUIRED, *others], *more, **{**unbound.kwargs, "description": "", **changes})


def build_summary(row: Customer) -> dict[str, Any]:
    """The summary of a live customer for its partner."""
    items = [
        ("Name", row.name),
        ("Registration no.", row.registration_number or row.identity_number),
        ("Registration date", format_date(row.registration_date) or None),
        ("Payment type", str(row.payment_method or "") or None),
        ("Category", str(row.category or "") or None),
    ]
    return {"title": "Summary", "items": items}


def build_contracts_table(row: Customer) -> dict[str, Any]:
    condition = Contract.customer_id == row.id
    tallies_by_status = count_by_status(Contract, condition)
    contracts = list_newest(Contract, condition, load=(joinedload(Contract.invoice_profile),))
    drafts = [each for each in contracts if each.status is ContractStatus.DRAFT]
    envelopes = find_current_envelopes([each.invoice_profile_id for each in drafts])
    return {
        "title": "Contracts",
        "text": (describe_tallies(tallies_by_status) or "") + format_limit_note(tallies_by_status) or None,
        "columns": columns_of("Number", "Name", "Connections", "Status", "Value", "Start", "End"),
        "rows": [
            [
                each.number,
                each.name,
                f"{each.connections:,}",
                [status_chip(each), *_describe_wait(each, envelopes)],
                value_cell(each),
                format_date(each.start_date),
                format_date(each.end_date) or None,
            ]
            for each in contracts
        ],
        "empty": {"title": "No contracts yet", "text": "A contract goes live when its invoice profile is completed."},
    }


def _describe_wait(contract: Contract, envelopes: Mapping[int, Envelope]) -> list[str]:
    """What a draft waits for to go live."""
    profile = contract.invoice_profile
    if contract.status is not ContractStatus.DRAFT or profile.status is ProfileStatus.COMPLETED:
        return []
    if profile.status is ProfileStatus.NDA_DECLINED:
        return [profile.status.value]
    return [describe_pending(envelopes.get(profile.id))]


def build_orders_table(row: Customer) -> dict[str, Any]:
    condition = CustomerOrder.customer_id == row.id
    tallies_by_status = count_by_status(CustomerOrder, condition)
    labels = ("Number", "Description", "Connections", "Status", "Contract", "Ordered", "Requested date", "Delivered")
    return {
        "title": "Orders",
        "text": (describe_tallies(tallies_by_status) or "") + format_limit_note(tallies_by_status) or None,
        "columns": columns_of(*labels),
        "rows": [
            [
                each.number,
                each.description,
                f"{each.connections:,}",
                status_chip(each),
                each.contract.number if each.contract else None,
                format_date(each.ordered_on),
                requested_date_cell(each),
                format_date(each.delivered_on) or None,
            ]
            for each in list_newest(CustomerOrder, condition, load=(joinedload(CustomerOrder.contract),))
        ],
        "empty": {"title": "No orders yet", "text": "Orders and their status appear here."},
    }


def add_live_sections(page: PortalPage, row: Customer, actor: Actor) -> PortalPage:
    """`page` with what that of a live customer has beyond that of others."""
    if row.stage is not Stage.BILLING:
        return page
    page = replace(
        page,
        cards=[build_summary(row), *page.cards],
        tables=[build_orders_table(row), build_contracts_table(row), *page.tables],
    )
    if not actor.has_permission(Permission.CONTRACTS_ADD):
        return page
    problem = refusal_reason(row, actor=actor)
    if problem is not None:
        return replace(page, banners=[*page.banners, {"kind": "info", "text": f"{problem}."}])
    url = url_for("partner.new_contract", customer_id=row.id)
    return replace(page, actions=[{"label": "Add a contract", "url": url, "icon": "plus", "primary": True}])


@bp.route("/customers/<int:customer_id>/contracts/new/", methods=["GET", "POST"])
@login_required
def new_contract(customer_id: int) -> Any:
    """Add a contract for a live customer."""
    actor, row, record_url, duplicate_submission = open_customer_request(customer_id)
    require_dealer(actor)
    problem = refusal_reason(row, actor=actor)
    errors = list_resubmission_errors(duplicate_submission)
    page = PortalPage(
        title=f"Add a contract for {row.name}",
        nav=build_menu("customers"),
        banners=_banners(row, actor, problem),
        errors=errors,
        button="Add contract",
        back_url=record_url,
    )
    status = 422 if request.method == "POST" else 200
    if problem is not None:
        card = {
            "title": "Contract cannot be added",
            "text": "Nothing was saved." if request.method == "POST" else None,
            "action": {"label": f"Back to {row.name}", "url": record_url},
        }
        return replace(page, cards=[card]).render(), status
    initial_values = {"start_date": get_today(), "invoice_profile_id": find_completed_profile_id(row)}
    form: Any = find_contract_form(actor.organisation_id)(
        request.form if request.method == "POST" else None, data=initial_values
    )
    form.invoice_profile_id.set_customer(row.id)
    if request.method == "POST" and not errors and form.validate():
        values = dict(form.data)
        if run_and_commit(lambda: _add_contract(row, values, actor), form, errors, lambda _: record_url):
            flash(f"The contract {values['name']} was added.{_tell_nda(values)}", "success")
            return redirect(record_url, 303)
    return replace(page, form=form).render(), status


def _add_contract(row: Customer, values: dict[str, Any], actor: Actor) -> Contract:
    """Add a contract with the `values` of the form, of which some are the custom fields of a new profile."""
    prefix = PROFILE_PREFIX + CUSTOM_PREFIX
    of_profile = {name for name in values if name.startswith(prefix)}
    profile_values = {name.removeprefix(PROFILE_PREFIX): values[name] for name in of_profile}
    others = {name: value for name, value in values.items() if name not in of_profile}
    return add_contract(row, **others, profile_values=profile_values, actor=actor)


def _tell_nda(values: dict[str, Any]) -> str:
    """That a new invoice profile is to be signed first."""
    return "" if values["invoice_profile_id"] else f" It goes live when the NDA of {values['profile_name']} is signed."


def _banners(row: Customer, actor: Actor, problem: str | None) -> list[dict[str, Any]]:
    """Why it cannot be, and what the partner has to know before."""
    refusal_banners = [{"kind": "error", "text": f"{problem}."}] if problem is not None else []
    alerts = list_visible_alerts(row, actor=actor, as_of=get_today())
    return refusal_banners + [{"kind": BANNERS[alert.severity], "text": alert.text} for alert in alerts]
