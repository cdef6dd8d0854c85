"""Users: who signs in, with which role."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy.orm import joinedload

from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.users import account_rules, accounts, invitations
from customerhub.users.links import VALID_HOURS, get_one_time_links
from models import User
from models.enums import Role, TemplatePurpose
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.labels import member_label
from views.framework.model_view import HubModelView
from views.framework.operation import Operation, refusal_reason
from views.setup.setup_view import active_column

ROLE_TONES = {
    Role.ADMIN: "violet",
    Role.MANAGER: "blue",
    Role.AGENT: "green",
    Role.PARTNER: "amber",
    Role.CUSTOMER: "grey",
}


def _invite(user: User, *, actor: Actor) -> None:
    invitations.invite(user, links=get_one_time_links(), actor=actor)


def _invite_many(users: Sequence[User], *, actor: Actor) -> dict[int, HubError]:
    return invitations.invite_many(users, links=get_one_time_links(), actor=actor)[1]


def _save(user: User, *, actor: Actor) -> User:
    """The form hides what a role does not have; so does the account."""
    if user.role is not Role.PARTNER:
        user.dealer_id = None
    if user.role is not Role.CUSTOMER:
        user.customer_id, user.portal_permissions = None, []
    return accounts.save_user(user, actor=actor)


def _invite_refusal(user: User, actor: Actor) -> str | None:
    return _edit_refusal(user, actor) or (None if user.active else "Inactive")


def _deactivate_refusal(user: User, actor: Actor) -> str | None:
    if not user.active:
        return "Already inactive"
    return _edit_refusal(user, actor) or (account_rules.OWN_ACCOUNT_DEACTIVATED if user.id == actor.id else None)


def _activate_refusal(user: User, actor: Actor) -> str | None:
    return "Already active" if user.active else _edit_refusal(user, actor)


def _edit_refusal(user: User, actor: Actor) -> str | None:
    return refusal_reason(account_rules.require_manageable, user.platform, actor)


def _delete_refusal(user: User, actor: Actor) -> str | None:
    return _edit_refusal(user, actor) or refusal_reason(account_rules.require_deletable, user, actor)


FOR_STAFF = "role=" + "|".join(account_rules.GRANT_ROLES)
OPERATIONS = (
    Operation(
        name="invite",
        label="Send password link",
        past_tense="emailed",
        permission=Permission.USERS_EDIT,
        run=_invite,
        run_many=_invite_many,
        unavailable_reason=_invite_refusal,
        explanation="Sends an email with a link to set a password. The link works once, for "
        f"{VALID_HOURS[TemplatePurpose.WELCOME]} hours, or {VALID_HOURS[TemplatePurpose.RESET]} hours for a password "
        "reset.",
        icon="mail",
    ),
    Operation(
        name="sign-out",
        label="Sign out everywhere",
        past_tense="signed out",
        permission=Permission.USERS_EDIT,
        run=invitations.end_sessions,
        run_many=invitations.end_sessions_of_many,
        unavailable_reason=_edit_refusal,
        explanation="Ends all sessions of the user in all browsers.",
        icon="sign-out",
    ),
    Operation(
        name="deactivate",
        label="Deactivate",
        past_tense="deactivated",
        permission=Permission.USERS_EDIT,
        run=accounts.deactivate,
        run_many=partial(accounts.switch_many, is_active=False),
        can_run_many=accounts.are_switched_together,
        unavailable_reason=_deactivate_refusal,
        explanation="The user is signed out everywhere and can no longer sign in. Their data is kept.",
        icon="lock",
    ),
    Operation(
        name="activate",
        label="Activate",
        past_tense="activated",
        permission=Permission.USERS_EDIT,
        run=accounts.activate,
        run_many=partial(accounts.switch_many, is_active=True),
        can_run_many=accounts.are_switched_together,
        unavailable_reason=_activate_refusal,
        explanation="The user can sign in again with the previous password.",
        icon="ok",
    ),
    Operation(
        name="delete",
        label="Delete",
        past_tense="deleted",
        permission=Permission.USERS_EDIT,
        run=accounts.delete_user,
        unavailable_reason=_delete_refusal,
        explanation="Deletes the account. Only possible if no other records refer to it; otherwise deactivate it.",
        icon="trash",
        danger=True,
        deletes_rows=True,
    ),
)


class UserView(HubModelView):
    noun = "user"
    title = "Users"
    intro = "User accounts. Passwords are never shown or emailed: users set their own through a link."
    empty_text = "Add the people who work with you."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=User.name,
            export=Exported(User.name),
        ),
        Column(
            "email",
            "Email",
            lambda row: row.email,
            sort=User.email_key,
            collapsed_format="{}",
            export=Exported(User.email),
        ),
        Column(
            "role",
            "Role",
            lambda row: {"chip": member_label(row.role), "tone": ROLE_TONES[row.role]},
            sort=User.role,
            export=Exported(User.role, render=member_label),
        ),
        Column(
            "belongs_to",
            "Belongs to",
            lambda row: str(row.dealer or row.customer or "") or None,
            load_options=(joinedload(User.dealer), joinedload(User.customer)),
            collapsed_format="of {}",
        ),
        Column(
            "last_sign_in_at",
            "Last sign-in",
            lambda row: format_datetime(row.last_sign_in_at),
            sort=User.last_sign_in_at,
            collapsed_format="last sign-in {}",
            export=Exported(User.last_sign_in_at, kind=CellKind.MOMENT),
        ),
        active_column(User),
    )
    filters = (
        Filter("role", "Role", User.role, "select", members=Role, nullable=False),
        Filter("active", "Active", User.active, "yes"),
    )
    search_columns = (User.name, User.email)
    search_hint = "Search by name or email"
    default_order = (User.role == Role.CUSTOMER, User.name)  # portal users, of whom there may be thousands, come last
    fields = ("name", "email", "role", "active", "dealer_id", "customer_id", "portal_permissions")
    tabs = (("grants", "Additional rights", ("data_protection", "platform")),)
    field_args: dict[str, dict[str, Any]] = {
        "dealer_id": {"description": "Sees this dealer's customers", "render_kw": {"data-show-when": "role=partner"}},
        "customer_id": {"description": "Sees this customer's record", "render_kw": {"data-show-when": "role=customer"}},
        "portal_permissions": {
            "render_kw": {"data-show-when": "role=customer"},
        },
        "data_protection": {
            "description": "Reserved for deleting personal data; no action uses it yet",
            "render_kw": {"data-show-when": FOR_STAFF},
        },
        "platform": {
            "description": "Can add organisations and switch between them",
            "render_kw": {"data-show-when": FOR_STAFF},
        },
    }
    operations = OPERATIONS
    view_permission = Permission.USERS_VIEW
    edit_permission = Permission.USERS_EDIT
    save = staticmethod(_save)

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page = super()._edit_page(form, row)
        if row is not None:
            form["role"].offered = account_rules.list_assignable_roles(row, row.role, self.actor)
            reason = _edit_refusal(row, self.actor)
            page.banners += [{"kind": "error", "text": f"{reason}."}] if reason else []
        return page

    def form_tabs(self, page: EditPage) -> Sequence[tuple[str, str, Sequence[str]]]:
        """A grant that the actor cannot assign is not offered; one that was ticked all the same is shown, refused."""
        return [
            (name, label, [each for each in names if self._is_offered(page.form, each)])
            for name, label, names in self.tabs
        ]

    def _is_offered(self, form: Any, grant: str) -> bool:
        return account_rules.can_assign_grant(grant, is_held=bool(form[grant].data), actor=self.actor)

    def fill_details(self, page: DetailsPage, row: User, tab: str) -> None:
        super().fill_details(page, row, tab)
        if _edit_refusal(row, self.actor) is not None:
            page.sections = [section | {"edit_url": None} for section in page.sections]

    def row_actions(self, row: User) -> list[dict[str, Any]]:
        is_editable = _edit_refusal(row, self.actor) is None
        return [action for action in super().row_actions(row) if is_editable or action["label"] != "Edit"]
