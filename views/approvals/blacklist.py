"""The blacklist: who must not be approved or contracted."""

from collections.abc import Sequence
from typing import Any

from flask import g
from sqlalchemy.orm import joinedload
from wtforms import Form, TextAreaField
from wtforms.validators import Length, Optional

from customerhub.approvals import blacklist
from customerhub.approvals.tasks import LONGEST_COMMENT
from customerhub.core.permissions import Actor, Permission
from customerhub.core.spreadsheets import CellKind
from models import BlacklistEntry, Customer
from views.cells.customers import customer_link
from views.framework.chips import validity_chip
from views.framework.columns import Column
from views.framework.date_field import DateField
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_date, format_datetime, get_today, local_date
from views.framework.forms import RequiredMarker
from views.framework.model_view import HubModelView
from views.framework.operation import Operation


class ReasonForm(Form):
    reason = TextAreaField("Reason", [Length(max=LONGEST_COMMENT), RequiredMarker()])


class BlacklistForm(ReasonForm):
    valid_until = DateField("Valid until", [Optional()], description="Last day. Leave blank for no end date.")


def _blacklisted_by_id(customers: Sequence[Customer]) -> dict[int, bool]:
    """Whether each of these is blacklisted today; looked up once a request."""
    blacklisted_by_id: dict[int, bool] = g.setdefault("blacklisted", {})
    unchecked = [customer for customer in customers if customer.id not in blacklisted_by_id]
    if unchecked:
        blacklisted_ids = blacklist.blacklisted_ids(unchecked, as_of=get_today())
        blacklisted_by_id |= {customer.id: customer.id in blacklisted_ids for customer in unchecked}
    return blacklisted_by_id


def _already_blacklisted(customers: Sequence[Customer], _actor: Actor) -> dict[int, str]:
    blacklisted_by_id = _blacklisted_by_id(customers)
    return {customer.id: "Already blacklisted" for customer in customers if blacklisted_by_id[customer.id]}


def _not_blacklisted(customers: Sequence[Customer], _actor: Actor) -> dict[int, str]:
    blacklisted_by_id = _blacklisted_by_id(customers)
    return {customer.id: "Not blacklisted" for customer in customers if not blacklisted_by_id[customer.id]}


REQUEST = Operation(
    name="blacklist",
    label="Request blacklisting",
    past_tense="submitted for blacklisting",
    permission=Permission.TASKS_WORK,
    run=blacklist.request_blacklisting,
    run_many=lambda customers, **values: blacklist.request_blacklistings(customers, **values)[1],
    unavailable_reasons=_already_blacklisted,
    form=BlacklistForm,
    explanation="A manager decides. Blacklisted customers, matched by record, identity number or registration number, "
    "cannot be approved or contracted.",
    icon="ban",
    danger=True,
)
REMOVAL = Operation(
    name="unblacklist",
    label="Request removal from blacklist",
    past_tense="submitted for removal from the blacklist",
    permission=Permission.TASKS_WORK,
    run=blacklist.request_removal,
    run_many=lambda customers, **values: blacklist.request_removals(customers, **values)[1],
    unavailable_reasons=_not_blacklisted,
    form=ReasonForm,
    explanation="A manager decides. The entry is kept in the history.",
    icon="undo",
)


def state_chip(entry: BlacklistEntry) -> dict[str, Any]:
    return validity_chip("Removed" if entry.removed_at else None, entry.valid_until, "red", as_of=get_today())


class BlacklistView(HubModelView):
    noun = "blacklist entry"
    title = "Blacklist"
    intro = "Customers that must not be approved or contracted. Request an entry on the customer's page."
    empty_text = "No blacklist entries."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=BlacklistEntry.name,
            export=Exported(BlacklistEntry.name),
        ),
        Column("state", "State", state_chip),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            default_visible=False,
            load_options=(joinedload(BlacklistEntry.customer).joinedload(Customer.status),),
            export_text=lambda row: row.customer.name if row.customer else None,
            export=Exported(Related(BlacklistEntry.customer, Customer.name)),
        ),
        Column(
            "identity_number",
            "Identity no.",
            lambda row: row.identity_number,
            collapsed_format="{}",
            export=Exported(BlacklistEntry.identity_number),
        ),
        Column(
            "registration_number",
            "Registration no.",
            lambda row: row.registration_number,
            collapsed_format="{}",
            export=Exported(BlacklistEntry.registration_number),
        ),
        Column(
            "reason",
            "Reason",
            lambda row: row.reason,
            export=Exported(BlacklistEntry.reason),
        ),
        Column(
            "created_at",
            "Since",
            lambda row: format_date(local_date(row.created_at)),
            sort=BlacklistEntry.id,
            collapsed_format="since {}",
            export=Exported(BlacklistEntry.created_at, kind=CellKind.DATE, render=local_date),
        ),
        Column(
            "valid_until",
            "Valid until",
            lambda row: format_date(row.valid_until),
            sort=BlacklistEntry.valid_until,
            export=Exported(BlacklistEntry.valid_until, kind=CellKind.DATE),
        ),
    )
    filters = (
        Filter("removed", "Removed", BlacklistEntry.removed_at, "date"),
        Filter("valid_until", "Valid until", BlacklistEntry.valid_until, "date"),
    )
    search_columns = (BlacklistEntry.name, BlacklistEntry.identity_number, BlacklistEntry.registration_number)
    search_hint = "Search by name or number"
    default_order = (BlacklistEntry.id.desc(),)
    load_options = (joinedload(BlacklistEntry.customer).joinedload(Customer.status),)
    view_permission = Permission.TASKS_VIEW
    edit_permission = None

    def fill_details(self, page: Any, row: BlacklistEntry, _tab: str) -> None:
        chip = state_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}]
        items = [
            ("Customer", customer_link(row.customer)),
            ("Identity number", row.identity_number),
            ("Registration number", row.registration_number),
            ("Reason", row.reason),
            ("Since", format_datetime(row.created_at)),
            ("Valid until", format_date(row.valid_until)),
            ("Removed", format_datetime(row.removed_at)),
            ("Removal reason", row.removal_reason),
        ]
        page.sections.append({"title": "Details", "items": items, "edit_url": None})
