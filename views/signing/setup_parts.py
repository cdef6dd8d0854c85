"""Parts of the page of eSignature: what is missing, what has waited for it, and the HMAC keys."""

from typing import Any

from flask import flash
from sqlalchemy import select

from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.customers.signature_requests import list_obstacles
from customerhub.signing import setting_up
from models import Customer, SigningKey, SigningSettings
from models.base import db
from views.framework.chips import active_chip
from views.framework.operation import Operation, refusal_check
from views.framework.operation_page import OperationMixin
from views.http.urls import path_of, path_to

MAX_PREVIEWED = 20


def build_obstacle_banners(organisation_id: int) -> list[dict[str, Any]]:
    """What keeps NDAs from being sent, each with the page where it is mended, unless it is this one."""
    banners = []
    for obstacle in list_obstacles(organisation_id):
        banner: dict[str, Any] = {"kind": "warning", "text": f"{obstacle.text}: no NDA is sent."}
        if obstacle.place == "nda":
            url = path_to("organisations.details_view", organisation_id)
            banner["link"] = {"url": url, "label": "Open the organisation"}
        else:
            banner["text"] += " All ids and the RSA key are needed."
        banners.append(banner)
    return banners


def build_waiting_banner(
    screen: OperationMixin, row: SigningSettings, actor: Actor, *, is_ready: bool
) -> list[dict[str, Any]]:
    """How many invoice profiles have waited for the set-up, with the way to send their NDAs."""
    count = setting_up.count_waiting_profiles(actor)
    if not count:
        return []
    subject = "1 pending invoice profile waits" if count == 1 else f"{count:,} pending invoice profiles wait"
    banner: dict[str, Any] = {"kind": "info", "text": f"{subject} for an NDA that was never sent."}
    if is_ready and actor.has_permission(SEND_WAITING.permission):
        banner["link"] = {"url": screen.operation_url(SEND_WAITING.name, [row.id]), "label": "Send now"}
    return [banner]


def _preview_waiting(_rows: Any, _values: dict[str, Any], actor: Actor) -> list[dict[str, Any]]:
    count = setting_up.count_waiting_profiles(actor)
    profiles = setting_up.list_waiting_profiles(actor)[:MAX_PREVIEWED]
    customer_ids = [each.customer_id for each in profiles]
    names = dict(db.session.execute(select(Customer.id, Customer.name).where(Customer.id.in_(customer_ids))).all())
    rows = [
        [
            each.name,
            {"text": names[each.customer_id], "url": path_to("customers.details_view", each.customer_id)},
            each.email,
        ]
        for each in profiles
    ]
    more = f"The first {MAX_PREVIEWED} of {count:,}." if count > MAX_PREVIEWED else ""
    columns = [{"label": label} for label in ("Invoice profile", "Customer", "Will be asked to sign")]
    return [{"title": "Waiting", "text": more, "columns": columns, "rows": rows}]


def _tell_sent(count: int) -> str:
    flash(f"{count:,} {'NDA is' if count == 1 else 'NDAs are'} being sent.", "success")
    return path_of("esignature.open_view")


SEND_WAITING = Operation(
    name="send-waiting",
    label="Send waiting NDAs",
    past_tense="sent",
    permission=Permission.SIGNATURES_EDIT,
    run=setting_up.send_waiting,
    unavailable_reason=refusal_check(setting_up.check_sendable),
    preview=_preview_waiting,
    explanation="Sends the NDA of each invoice profile that has waited for the set-up of signing, "
    f"{setting_up.MAX_SENT} at a time.",
    button="Send waiting NDAs",
    icon="send",
    bulk=False,
    result_url=_tell_sent,
)


def build_key_table(actor: Actor) -> dict[str, Any]:
    """The HMAC keys by their names: which are in use."""
    keys = db.session.scalars(select_visible(SigningKey, actor).order_by(SigningKey.name, SigningKey.id)).all()
    rows = [
        [{"text": each.name, "url": path_to("signing-keys.details_view", each.id)}, active_chip(each)] for each in keys
    ]
    return {
        "title": "HMAC keys",
        "text": "DocuSign signs its events by the keys of Connect. Several may be active while one is replaced.",
        "columns": [{"label": "Name"}, {"label": "Active"}],
        "rows": rows,
        "empty": "No HMAC key yet: events of DocuSign are refused, and changes are seen every 15 minutes only.",
        "more_url": path_of("signing-keys.index_view"),
        "more_label": "Manage keys",
    }
