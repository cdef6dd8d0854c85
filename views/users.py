"""Users: who signs in, with which role."""

from typing import Any

from flask import current_app
from sqlalchemy.orm import joinedload

from customerhub.permissions import Actor, Permission
from customerhub.users import accounts
from customerhub.users.links import VALID_HOURS, OneTimeLinks
from models import User
from models.enums import Role, TemplatePurpose
from views.base import HubModelView
from views.columns import Column, Filter, active_chip, moment
from views.operation import Operation
from views.words import word

ROLE_TONES = {
    Role.ADMIN: "violet",
    Role.MANAGER: "blue",
    Role.AGENT: "green",
    Role.PARTNER: "amber",
    Role.CUSTOMER: "grey",
}


def _invite(user: User, *, actor: Actor) -> None:
    accounts.invite(user, links=OneTimeLinks.of(current_app.config["HUB"]), actor=actor)


def _save(user: User, *, actor: Actor) -> User:
    """The form hides what a role does not have; so does the account."""
    if user.role is not Role.PARTNER:
        user.dealer_id = None
    if user.role is not Role.CUSTOMER:
        user.customer_id, user.portal_permissions = None, []
    return accounts.save_user(user, actor=actor)


def _only_active(user: User, _actor: Actor) -> str | None:
    return None if user.active else "is inactive already"


def _only_inactive(user: User, _actor: Actor) -> str | None:
    return "is active already" if user.active else None


OPERATIONS = (
    Operation(
        name="invite",
        label="Send password link",
        permission=Permission.USERS_EDIT,
        run=_invite,
        available=lambda user, _actor: None if user.active else "is inactive",
        explain="A mail with a link to set a password goes out. It works once, for "
        f"{VALID_HOURS[TemplatePurpose.WELCOME]} hours, or for {VALID_HOURS[TemplatePurpose.RESET]} where it replaces "
        "a password.",
        icon="mail",
    ),
    Operation(
        name="sign-out",
        label="Sign out everywhere",
        permission=Permission.USERS_EDIT,
        run=accounts.end_sessions,
        explain="Every browser in which the user is signed in has to sign in again.",
        icon="sign-out",
    ),
    Operation(
        name="deactivate",
        label="Deactivate",
        permission=Permission.USERS_EDIT,
        run=accounts.deactivate,
        available=_only_active,
        explain="The user cannot sign in any more and is signed out everywhere. Nothing they did is lost.",
        icon="lock",
    ),
    Operation(
        name="activate",
        label="Activate",
        permission=Permission.USERS_EDIT,
        run=accounts.activate,
        available=_only_inactive,
        explain="The user can sign in again with the password they had.",
        icon="ok",
    ),
    Operation(
        name="delete",
        label="Delete",
        permission=Permission.USERS_EDIT,
        run=accounts.delete_user,
        explain="The account is removed. This works only where nothing refers to it; otherwise deactivate it.",
        icon="trash",
        danger=True,
        removes=True,
    ),
)


class UserView(HubModelView):
    noun = "user"
    title = "Users"
    intro = "Who signs in. Nobody's password is ever shown or mailed: people set their own by a link."
    empty_text = "Add the people who work with you."
    columns = (
        Column("name", "Name", lambda row: row.name, sort=User.name),
        Column("email", "Email", lambda row: row.email, sort=User.email_key),
        Column("role", "Role", lambda row: {"chip": word(row.role), "tone": ROLE_TONES[row.role]}, sort=User.role),
        Column(
            "belongs_to", "Belongs to",
            lambda row: str(row.dealer or row.customer or "") or None,
            load=(joinedload(User.dealer), joinedload(User.customer)),
        ),
        Column("last_sign_in_at", "Last sign-in", lambda row: moment(row.last_sign_in_at), sort=User.last_sign_in_at),
        Column("active", "Active", active_chip, sort=User.active),
    )  # fmt: skip
    filters = (
        Filter("role", "Role", User.role, "select", members=Role, nullable=False),
        Filter("active", "Active", User.active, "yes"),
    )
    searched = (User.name, User.email)
    search_hint = "Search by name or email"
    usual_order = (User.role == Role.CUSTOMER, User.name)  # portal users, of whom there may be thousands, come last
    fields = ("name", "email", "role", "active", "dealer_id", "customer_id", "portal_permissions")
    tabs = (("grants", "Rights that no role includes", ("data_protection", "platform")),)
    field_args: dict[str, dict[str, Any]] = {
        "dealer_id": {"description": "Whose customers they see", "render_kw": {"data-show-when": "role=partner"}},
        "customer_id": {"description": "Whose record they see", "render_kw": {"data-show-when": "role=customer"}},
        "portal_permissions": {
            "render_kw": {"data-show-when": "role=customer"},
        },
        "data_protection": {"description": "May delete customers for good"},
        "platform": {
            "description": "May add organisations and choose the one to work in",
        },
    }
    operations = OPERATIONS
    view_permission = Permission.USERS_VIEW
    edit_permission = Permission.USERS_EDIT
    save = staticmethod(_save)
