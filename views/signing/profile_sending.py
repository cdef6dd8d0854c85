"""Sending the NDA of one invoice profile that waits for it, an operation of its customer."""

from collections.abc import Sequence
from typing import Any

from flask import flash, request
from wtforms import Form

from customerhub.core.permissions import Actor, Permission
from customerhub.signing import setting_up
from customerhub.signing.operations import list_future_signers
from models import Customer, Envelope, InvoiceProfile
from views.cells.envelopes import SENDING
from views.framework.operation import Operation
from views.framework.row_fields import ExplicitRowField
from views.http.urls import parse_id, path_to


def _list_waiting(rows: Sequence[Customer], actor: Actor) -> list[InvoiceProfile]:
    return setting_up.list_waiting_profiles_of(rows[0], actor) if rows else []


def build_profile_form(rows: Sequence[Customer], actor: Actor) -> type[Form]:
    """Asks which of the profiles that wait."""
    choices = [(each.id, f"{each.name}, {each.email}") for each in _list_waiting(rows, actor)]
    return type("ProfileForm", (Form,), {"profile_id": ExplicitRowField("Invoice profile", choices=choices)})


def _begin_with_profile(rows: Sequence[Customer], actor: Actor) -> dict[str, Any]:
    """The profile that the address names, or the only one."""
    ids = [each.id for each in _list_waiting(rows, actor)]
    named_id = parse_id(request.args.get("profile", ""))
    if named_id in ids:
        return {"profile_id": named_id}
    return {"profile_id": ids[0]} if len(ids) == 1 else {}


def _preview_signers(rows: Sequence[Customer], values: dict[str, Any], actor: Actor) -> list[dict[str, Any]]:
    cells = [
        [profile.name, name, email]
        for profile in _list_waiting(rows, actor)
        if profile.id == values.get("profile_id")
        for name, email in list_future_signers(profile)
    ]
    columns = [{"label": label} for label in ("Invoice profile", "Signer", "Address")]
    return [{"title": "Will be asked to sign", "columns": columns, "rows": cells, "empty": "Choose an invoice profile"}]


def _tell_sent(envelope: Envelope) -> str:
    """Back to the profiles of the customer."""
    flash(f"The {envelope} is being sent to be signed.", "success")
    return f"{path_to('customers.details_view', envelope.customer_id)}&tab=profiles"


SEND_NDA = Operation(
    name=SENDING,
    label="Send NDA for signature",
    past_tense="sent to be signed",
    permission=Permission.SIGNATURES_EDIT,
    run=setting_up.send_profile,
    unavailable_reasons=setting_up.find_sending_obstacles,
    form=build_profile_form,
    initial_values=_begin_with_profile,
    preview=_preview_signers,
    explanation="The NDA of an invoice profile that waits for it is made from the present template and sent to all "
    "signers.",
    button="Send for signature",
    icon="mail",
    bulk=False,
    on_record=False,  # the profiles that wait lead to it
    result_url=_tell_sent,
)
