"""The portal of one customer: who signs in for it, and what saving the customer does about that."""

from typing import Any

from flask import url_for
from markupsafe import Markup
from sqlalchemy import select

from customerhub.customers.portal_users import TAKEN, first_email, is_due, lacks_first
from customerhub.customers.rules import clean_emails
from customerhub.errors import Invalid
from customerhub.permissions import Actor, Permission
from customerhub.users.accounts import find_account
from models import Customer, User
from models.base import db
from views.columns import moment
from views.editing import DetailsPage
from views.operation import sort_out
from views.portal_user_operations import OPERATIONS, permission_chips, state_cell

LABELS = ("Name and email", "May see", "State", "Last sign-in", "")


def fill(page: DetailsPage, row: Customer, actor: Actor) -> None:
    """The tab of the record: its portal users, and what can be done about each."""
    users = db.session.scalars(select(User).where(User.customer_id == row.id).order_by(User.name, User.id)).all()
    may_edit = actor.may(Permission.CUSTOMERS_EDIT)
    if users and not row.portal_access:
        link = {"label": "Open it", "url": url_for("customers.edit_view", id=row.id) + "#portal"} if may_edit else None
        text = "The portal is closed for this customer: whoever signs in sees nothing."
        page.banners.append({"kind": "warning", "text": text, "link": link})
    add = {"label": "+ Add portal user", "url": url_for("portal-users.create_view", customer=row.id)}
    page.tables = [
        {
            "title": "Portal users",
            "columns": [{"label": label} for label in LABELS],
            "rows": [_line(user, actor) for user in users],
            "more_url": add["url"] if users and may_edit else None,
            "more_label": add["label"],
            "empty": {"title": "Nobody signs in for this customer yet", "text": _why_nobody(row),
                      "action": add if may_edit else None},
        }
    ]  # fmt: skip


def _line(user: User, actor: Actor) -> list[Any]:
    who = {"text": user.name, "url": url_for("portal-users.details_view", id=user.id), "sub": user.email}
    last = moment(user.last_sign_in_at) or "Never"
    return [who, permission_chips(user), state_cell(user), last, _acts(user, actor)]


def _acts(user: User, actor: Actor) -> Markup:
    """Links to the form and to what can be done to `user` now."""
    acts = [("Edit", url_for("portal-users.edit_view", id=user.id))] if actor.may(Permission.CUSTOMERS_EDIT) else []
    for each in OPERATIONS:
        if actor.may(each.permission) and sort_out(each, [user], actor)[0]:
            acts.append((each.label, url_for("portal-users.operation_view", operation=each.name, id=user.id)))
    links = (Markup('<a href="{}">{}</a>').format(url, label) for label, url in acts)
    return Markup('<span class="acts">{}</span>').format(Markup("").join(links))


def _why_nobody(row: Customer) -> str:
    if not row.email:
        return "The first one comes with the customer's email address, or add somebody who works there."
    address = first_email(row.email)
    if row.portal_invited_at is not None and find_account(address) is not None:
        return TAKEN.format(address)
    if row.portal_invited_at is None and is_due(row):
        return f"Saving the customer makes one for {address}, or add somebody who works there."
    return "Add somebody who works there."


def plan(emails: str, row: Customer | None) -> list[str]:
    """What saving a customer with these email addresses, as they are typed, does about its portal users."""
    if row is not None and row.portal_invited_at is not None:
        done = moment(row.portal_invited_at)
        return [f"The first portal user was seen to on {done}. Saving makes no other: add them under Portal users."]
    if row is not None and not lacks_first(row):
        return ["No portal user is made while the customer is blacklisted or dropped."]
    try:
        address = first_email(clean_emails(emails) or "")
    except Invalid:
        return ["Correct the email address: the portal user is made for it."]
    if not address:
        return ["A portal user is made as soon as an email address is entered."]
    return [
        f"Saving makes a portal user for {address} and mails them a link to choose a password. It works once, for 72 "
        "hours.",
        "Where the address has an account already, none is made and you are told.",
    ]
