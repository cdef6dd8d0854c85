"""The columns of portal users in lists, and the operations on them."""

from collections.abc import Sequence
from functools import partial

from customerhub.core import clock
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from customerhub.users import accounts, invitations
from customerhub.users.links import get_one_time_links
from customerhub.users.portal_accounts import InvitationState, invitation_state_of
from models import User
from models.enums import PortalPermission
from views.framework.columns import Cell
from views.framework.formatting import format_datetime
from views.framework.labels import capitalize_first, member_label
from views.framework.operation import Operation

TONES = {
    InvitationState.INVITED: "blue",
    InvitationState.EXPIRED: "amber",
    InvitationState.UNINVITED: "amber",
    InvitationState.ACTIVE: "green",
    InvitationState.DISABLED: "grey",
}


def state_cell(user: User) -> Cell:
    """The state of an invitation; of an open link until when it works."""
    state = invitation_state_of(user, as_of=clock.get_now())
    cell = {"chip": capitalize_first(state.value), "tone": TONES[state]}
    if user.link_until is not None and state in (InvitationState.INVITED, InvitationState.EXPIRED):
        cell["sub"] = f"{'until' if state is InvitationState.INVITED else 'since'} {format_datetime(user.link_until)}"
    return cell


def permission_chips(user: User) -> Cell:
    """The permissions of a portal user."""
    permissions = set(user.portal_permissions)
    if PortalPermission.DENY_ALL in permissions or not permissions:
        return (
            {"chip": member_label(PortalPermission.DENY_ALL), "tone": "red"}
            if permissions
            else {"chip": "No permissions", "tone": "grey"}
        )
    return [{"chip": member_label(each)} for each in PortalPermission if each in permissions]


def _renew_link(user: User, *, actor: Actor) -> None:
    invitations.renew_link(user, links=get_one_time_links(), actor=actor)


def _renew_links(users: Sequence[User], *, actor: Actor) -> dict[int, HubError]:
    return invitations.renew_links(users, links=get_one_time_links(), actor=actor)[1]


def _invite_refusal(user: User, _actor: Actor) -> str | None:
    if not user.active:
        return "Disabled"
    return "Already has a password: reset it instead" if user.password_hash else None


def _reset_refusal(user: User, _actor: Actor) -> str | None:
    if not user.active:
        return "Disabled"
    return None if user.password_hash else "No password yet: resend the link instead"


EDIT_PERMISSION = Permission.CUSTOMERS_EDIT
OPERATIONS = (
    Operation(
        name="invite",
        label="Resend link",
        past_tense="emailed",
        permission=EDIT_PERMISSION,
        run=_renew_link,
        run_many=_renew_links,
        unavailable_reason=_invite_refusal,
        explanation="Sends an email with a new link to choose a password. The link works once, for 72 hours. Earlier "
        "links "
        "stop working.",
        icon="mail",
    ),
    Operation(
        name="reset",
        label="Reset password",
        past_tense="emailed",
        permission=EDIT_PERMISSION,
        run=_renew_link,
        run_many=_renew_links,
        unavailable_reason=_reset_refusal,
        explanation="Sends an email with a link to choose a new password. The link works once, for 2 hours. The user "
        "is signed out everywhere; the old password works until a new one is chosen.",
        icon="lock",
    ),
    Operation(
        name="disable",
        label="Disable",
        past_tense="disabled",
        permission=EDIT_PERMISSION,
        run=accounts.deactivate,
        run_many=partial(accounts.switch_many, is_active=False),
        unavailable_reason=lambda user, _actor: None if user.active else "Already disabled",
        explanation="The user is signed out and can no longer sign in. Earlier links stop working. No data is lost.",
        icon="ban",
    ),
    Operation(
        name="enable",
        label="Enable",
        past_tense="enabled",
        permission=EDIT_PERMISSION,
        run=accounts.activate,
        run_many=partial(accounts.switch_many, is_active=True),
        unavailable_reason=lambda user, _actor: "Not disabled" if user.active else None,
        explanation="The user can sign in again with the previous password. Users without a password need a new link.",
        icon="ok",
    ),
)
