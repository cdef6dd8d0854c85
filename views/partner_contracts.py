"""Contracts and orders as a partner sees them, and the form that adds a contract for a live customer."""

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_login import login_required
from sqlalchemy.orm import joinedload
from wtforms import DateField, Form
from wtforms.validators import InputRequired, NumberRange, Optional

from customerhub.contracts.contracts import MOST_CONNECTIONS, MOST_VALUE, add_contract
from customerhub.contracts.eligibility import alerts_for, why_not
from customerhub.customers.registration import require_dealer
from customerhub.permissions import Actor, Permission
from models import Contract, Customer, CustomerOrder, InvoiceProfile
from models.enums import Stage
from views import once
from views.alerts import BANNERS
from views.columns import day
from views.contract_cells import status_chip, value_cell, wanted_cell
from views.customer_contracts import columns_of, newest, shown_note, tallies, told
from views.customer_form import today
from views.fields import AmountField, WholeField
from views.of_customer import OfCustomer, OfCustomerField
from views.partner_forms import line
from views.partner_pages import asked_of, bp, done, nav

NEW = "A new one, named below"
WHERE_NEW = {"data-show-when": "invoice_profile_id="}


class ContractForm(Form):
    """A new contract, with one of the customer's invoice profiles or a new one."""

    name = line("What it is about", 200, needed=True)
    invoice_profile_id = OfCustomerField("Invoice profile", [Optional()], of=OfCustomer(InvoiceProfile), blank=NEW)
    profile_name = line("Name of the new profile", 120, render_kw={"maxlength": 120, **WHERE_NEW})
    profile_email = line("Email for its invoices", 254, render_kw={"maxlength": 254, **WHERE_NEW})
    connections = WholeField("Connections", [InputRequired("This is needed"), NumberRange(0, MOST_CONNECTIONS)])
    start_date = DateField("Start", [InputRequired("This is needed")])
    end_date = DateField("End", [Optional()], description="Blank where it runs on.")
    value = AmountField("Value", [Optional()], decimals=2, limit=MOST_VALUE)


def summary(row: Customer) -> dict[str, Any]:
    """What a partner is told of a live customer."""
    items = [
        ("Name", row.name), ("Registration no.", row.registration_number or row.identity_number),
        ("Registration date", day(row.registration_date) or None),
        ("Payment type", str(row.payment_method or "") or None), ("Category", str(row.category or "") or None),
    ]  # fmt: skip
    return {"title": "Summary", "items": items}


def contracts_table(row: Customer) -> dict[str, Any]:
    mine = Contract.customer_id == row.id
    known = tallies(Contract, mine)
    return {
        "title": "Contracts",
        "text": (told(known) or "") + shown_note(known) or None,
        "columns": columns_of("Number", "Name", "Connections", "Status", "Value", "Start", "End"),
        "rows": [
            [each.number, each.name, f"{each.connections:,}", status_chip(each), value_cell(each),
             day(each.start_date), day(each.end_date) or None]
            for each in newest(Contract, mine)
        ],
        "empty": {"title": "No contracts yet", "text": "A contract is live once its invoice profile is completed."},
    }  # fmt: skip


def orders_table(row: Customer) -> dict[str, Any]:
    mine = CustomerOrder.customer_id == row.id
    known = tallies(CustomerOrder, mine)
    labels = ("Number", "Description", "Connections", "Status", "Contract", "Ordered", "Wanted", "Delivered")
    return {
        "title": "Orders",
        "text": (told(known) or "") + shown_note(known) or None,
        "columns": columns_of(*labels),
        "rows": [
            [each.number, each.description, f"{each.connections:,}", status_chip(each),
             each.contract.number if each.contract else None, day(each.ordered_on), wanted_cell(each),
             day(each.delivered_on) or None]
            for each in newest(CustomerOrder, mine, load=(joinedload(CustomerOrder.contract),))
        ],
        "empty": {"title": "Nothing is ordered yet", "text": "Orders appear here with how far they are."},
    }  # fmt: skip


def add_to(page: dict[str, Any], row: Customer, actor: Actor) -> None:
    """What the page of a live customer has beyond that of others."""
    if row.stage is not Stage.BILLING:
        return
    page["cards"].insert(0, summary(row))
    page["tables"][:0] = [orders_table(row), contracts_table(row)]
    if not actor.may(Permission.CONTRACTS_ADD):
        return
    problem = why_not(row, actor=actor)
    if problem is not None:
        page["banners"].append({"kind": "info", "text": f"{problem}."})
        return
    url = url_for("partner.new_contract", customer_id=row.id)
    page["actions"] = [{"label": "Add a contract", "url": url, "icon": "plus", "primary": True}]


@bp.route("/customers/<int:customer_id>/contracts/new/", methods=["GET", "POST"])
@login_required
def new_contract(customer_id: int) -> Any:
    """Add a contract for a live customer."""
    actor, row, here, sent = asked_of(customer_id)
    require_dealer(actor)
    problem = why_not(row, actor=actor)
    page: dict[str, Any] = {
        "title": f"Add a contract for {row.name}",
        "nav": nav("customers"),
        "banners": _banners(row, actor, problem),
    }
    status = 422 if request.method == "POST" else 200
    if problem is not None:
        page["cards"] = [{"title": "Not now", "text": "Nothing was saved." if request.method == "POST" else None,
                          "action": {"label": f"Back to {row.name}", "url": here}}]  # fmt: skip
        return render_template("portal.html", page=page), status
    form: Any = ContractForm(request.form if request.method == "POST" else None, data={"start_date": today()})
    form.invoice_profile_id.offer(row.id)
    page |= {"form": form, "errors": [once.OTHERWISE] if sent is not None else [], "button": "Add contract",
             "back_url": here}  # fmt: skip
    if request.method == "POST" and sent is None and form.validate():
        values = dict(form.data)
        if done(lambda: add_contract(row, **values, actor=actor), form, page["errors"], lambda _: here):
            flash(f"The contract {values['name']} was added.", "success")
            return redirect(here, 303)
    return render_template("portal.html", page=page), status


def _banners(row: Customer, actor: Actor, problem: str | None) -> list[dict[str, Any]]:
    """Why it cannot be, and what the partner has to know before."""
    refused = [{"kind": "error", "text": f"{problem}."}] if problem is not None else []
    found = alerts_for(row, actor=actor, as_of=today())
    return refused + [{"kind": BANNERS[alert.severity], "text": alert.text} for alert in found]
