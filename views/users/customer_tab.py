"""The portal tab of one customer: its portal users, and what saving the customer does about the first one."""

from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select

from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor, Permission
from customerhub.core.validation import clean_emails
from customerhub.customers.portal_users import EMAIL_TAKEN, can_get_first_user, first_email_of, is_first_user_due
from customerhub.users.accounts import find_account
from models import Customer, User
from models.base import db
from views.cells.customers import find_form_url
from views.framework.edit_page import DetailsPage
from views.framework.formatting import format_datetime
from views.framework.operation import split_by_availability
from views.users.portal_user_operations import OPERATIONS, permission_chips, state_cell

LABELS = ("Name and email", "Portal permissions", "State", "Last sign-in", "")


def fill_portal_tab(page: DetailsPage, row: Customer, actor: Actor) -> None:
    """The tab of the record: its portal users, and what can be done about each."""
    users = db.session.scalars(select(User).where(User.customer_id == row.id).order_by(User.name, User.id)).all()
    may_edit = actor.has_permission(Permission.CUSTOMERS_EDIT)
    if users and not row.portal_access:
        url = find_form_url(row.id, "portal_access", actor)
        link = {"label": "Enable", "url": url} if url else None
        text = "Portal access is off: portal users of this customer see nothing after signing in."
        page.banners.append({"kind": "warning", "text": text, "link": link})
    add = {"label": "+ Add portal user", "url": url_for("portal-users.create_view", customer=row.id)}
    page.tables = [
        {
            "title": "Portal users",
            "columns": [{"label": label} for label in LABELS],
            "rows": [_user_row(user, actor) for user in users],
            "more_url": add["url"] if users and may_edit else None,
            "more_label": add["label"],
            "empty": {
                "title": "No portal users yet",
                "text": _empty_text(row),
                "action": add if may_edit else None,
            },
        }
    ]


def _user_row(user: User, actor: Actor) -> list[Any]:
    who = {"text": user.name, "url": url_for("portal-users.details_view", id=user.id), "sub": user.email}
    last = format_datetime(user.last_sign_in_at) or "Never"
    return [who, permission_chips(user), state_cell(user), last, _action_links(user, actor)]


def _action_links(user: User, actor: Actor) -> Markup:
    """Links to the form and to what can be done to `user` now."""
    actions = (
        [("Edit", url_for("portal-users.edit_view", id=user.id))]
        if actor.has_permission(Permission.CUSTOMERS_EDIT)
        else []
    )
    for each in OPERATIONS:
        if actor.has_permission(each.permission) and split_by_availability(each, [user], actor)[0]:
            actions.append((each.label, url_for("portal-users.operation_view", operation=each.name, id=user.id)))
    anchors = (Markup('<a href="{}">{}</a>').format(url, label) for label, url in actions)
    return Markup('<span class="acts">{}</span>').format(Markup("").join(anchors))


def _empty_text(row: Customer) -> str:
    if not row.email:
        return "The first one is created from the customer's email address, or add one here."
    address = first_email_of(row.email)
    if row.portal_invited_at is not None and find_account(address) is not None:
        return EMAIL_TAKEN.format(address)
    if row.portal_invited_at is None and is_first_user_due(row):
        return f"Saving the customer creates one for {address}, or add one here."
    return "Add a portal user here."


def describe_portal_plan(emails: str, row: Customer | None) -> list[str]:
    """What saving a customer with these email addresses, as they are typed, does about its portal users."""
    if row is not None and row.portal_invited_at is not None:
        invited_at = format_datetime(row.portal_invited_at)
        return [f"The first portal user was set up on {invited_at}. Add more under Portal users."]
    if row is not None and not can_get_first_user(row):
        return ["No portal user is created while the customer is blacklisted or dropped."]
    try:
        address = first_email_of(clean_emails(emails) or "")
    except Invalid:
        return ["Correct the email address to create the portal user."]
    if not address:
        return ["A portal user is created if an email address is entered."]
    return [
        f"Saving creates a portal user for {address} and emails them a link to choose a password. The link works once, "
        "for 72 hours.",
        "If the address is already in use, none is created and you are notified.",
    ]
