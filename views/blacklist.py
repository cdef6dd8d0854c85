"""The blacklist: whom we must not approve, contract or reinstate."""

from collections.abc import Sequence
from typing import Any

from flask import g
from sqlalchemy.orm import joinedload
from wtforms import DateField, Form, TextAreaField
from wtforms.validators import Length, Optional

from customerhub.approvals import blacklist
from customerhub.approvals.tasks import LONGEST_COMMENT
from customerhub.permissions import Actor, Permission
from models import BlacklistEntry, Customer
from views.base import HubModelView
from views.columns import Column, Filter, day, local_date, moment, validity_chip
from views.customer_cells import customer_link
from views.customer_form import today
from views.forms import Particular
from views.operation import Operation


class ReasonForm(Form):
    reason = TextAreaField("Why", [Length(max=LONGEST_COMMENT), Particular()])


class BlacklistForm(ReasonForm):
    valid_until = DateField("Valid until", [Optional()], description="The last day. Blank: until it is removed.")


def _listed(customers: Sequence[Customer]) -> dict[int, bool]:
    """Whether each of these is blacklisted today; looked up once a request."""
    known: dict[int, bool] = g.setdefault("blacklisted", {})
    unknown = [customer for customer in customers if customer.id not in known]
    if unknown:
        listed = blacklist.listed_among(unknown, as_of=today())
        known |= {customer.id: customer.id in listed for customer in unknown}
    return known


def _listed_already(customers: Sequence[Customer], _actor: Actor) -> dict[int, str]:
    known = _listed(customers)
    return {customer.id: "It is blacklisted already" for customer in customers if known[customer.id]}


def _not_listed(customers: Sequence[Customer], _actor: Actor) -> dict[int, str]:
    known = _listed(customers)
    return {customer.id: "It is not blacklisted" for customer in customers if not known[customer.id]}


REQUEST = Operation(
    name="blacklist",
    label="Ask to blacklist",
    permission=Permission.TASKS_WORK,
    run=blacklist.request_blacklisting,
    unavailable=_listed_already,
    form=BlacklistForm,
    explain="A manager decides. Whoever is blacklisted, by record or by identity or registration number, cannot be "
    "approved, contracted or reinstated.",
    icon="ban",
    danger=True,
)
REMOVAL = Operation(
    name="unblacklist",
    label="Ask to remove from blacklist",
    permission=Permission.TASKS_WORK,
    run=blacklist.request_removal,
    unavailable=_not_listed,
    form=ReasonForm,
    explain="A manager decides. The history keeps the entry.",
    icon="undo",
)


def state_chip(entry: BlacklistEntry) -> dict[str, Any]:
    return validity_chip("Removed" if entry.removed_at else None, entry.valid_until, "red", as_of=today())


class BlacklistView(HubModelView):
    noun = "blacklist entry"
    title = "Blacklist"
    intro = "Whom we must not approve, contract or reinstate. Ask for an entry from a customer's page."
    empty_text = "Nobody is blacklisted."
    columns = (
        Column("name", "Name", lambda row: row.name, sort=BlacklistEntry.name),
        Column("state", "State", state_chip),
        Column("customer", "Customer", lambda row: customer_link(row.customer), usual=False,
               load=(joinedload(BlacklistEntry.customer).joinedload(Customer.status),),
               text=lambda row: row.customer.name if row.customer else None),
        Column("identity_number", "Identity no.", lambda row: row.identity_number, folds="{}"),
        Column("registration_number", "Registration no.", lambda row: row.registration_number, folds="{}"),
        Column("reason", "Reason", lambda row: row.reason),
        Column("created_at", "Since", lambda row: day(local_date(row.created_at)), sort=BlacklistEntry.id,
               folds="since {}"),
        Column("valid_until", "Valid until", lambda row: day(row.valid_until), sort=BlacklistEntry.valid_until),
    )  # fmt: skip
    filters = (
        Filter("removed", "Removed", BlacklistEntry.removed_at, "date"),
        Filter("valid_until", "Valid until", BlacklistEntry.valid_until, "date"),
    )
    searched = (BlacklistEntry.name, BlacklistEntry.identity_number, BlacklistEntry.registration_number)
    search_hint = "Search by name or number"
    usual_order = (BlacklistEntry.id.desc(),)
    load = (joinedload(BlacklistEntry.customer).joinedload(Customer.status),)
    view_permission = Permission.TASKS_VIEW
    edit_permission = None

    def fill_details(self, page: Any, row: BlacklistEntry, _tab: str) -> None:
        chip = state_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}]
        items = [
            ("Customer", customer_link(row.customer)), ("Identity number", row.identity_number),
            ("Registration number", row.registration_number), ("Reason", row.reason),
            ("Since", moment(row.created_at)), ("Valid until", day(row.valid_until)),
            ("Removed", moment(row.removed_at)), ("Why removed", row.removal_reason),
        ]  # fmt: skip
        page.sections.append({"title": "Details", "items": items, "edit_url": None})
