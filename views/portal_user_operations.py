"""What a list shows of portal users, and what can be done to them."""

from flask import current_app

from customerhub import clock
from customerhub.permissions import Actor, Permission
from customerhub.users import accounts
from customerhub.users.links import OneTimeLinks
from customerhub.users.portal_accounts import Standing, standing
from models import User
from models.enums import PortalPermission
from views.columns import Cell, moment
from views.operation import Operation
from views.words import sentence, word

TONES = {
    Standing.INVITED: "blue",
    Standing.EXPIRED: "amber",
    Standing.UNINVITED: "amber",
    Standing.ACTIVE: "green",
    Standing.DISABLED: "grey",
}


def state_cell(user: User) -> Cell:
    """How far somebody has got; of an open link until when it works."""
    state = standing(user, as_of=clock.now())
    cell = {"chip": sentence(state.value), "tone": TONES[state]}
    if user.link_until is not None and state in (Standing.INVITED, Standing.EXPIRED):
        cell["sub"] = f"{'until' if state is Standing.INVITED else 'since'} {moment(user.link_until)}"
    return cell


def permission_chips(user: User) -> Cell:
    """What somebody may see in the portal."""
    given = set(user.portal_permissions)
    if PortalPermission.DENY_ALL in given or not given:
        return (
            {"chip": word(PortalPermission.DENY_ALL), "tone": "red"} if given else {"chip": "Nothing", "tone": "grey"}
        )
    return [{"chip": word(each)} for each in PortalPermission if each in given]


def links() -> OneTimeLinks:
    """What makes the one-time links of this hub."""
    return OneTimeLinks.of(current_app.config["HUB"])


def _renew(user: User, *, actor: Actor) -> None:
    accounts.renew_link(user, links=links(), actor=actor)


def _never_signed_in(user: User, _actor: Actor) -> str | None:
    if not user.active:
        return "is disabled"
    return "has a password already: reset it instead" if user.password_hash else None


def _has_password(user: User, _actor: Actor) -> str | None:
    if not user.active:
        return "is disabled"
    return None if user.password_hash else "has no password yet: send the link again instead"


EDITS = Permission.CUSTOMERS_EDIT
OPERATIONS = (
    Operation(
        name="invite", label="Send the link again", permission=EDITS, run=_renew, available=_never_signed_in,
        explain="A mail with a new link to choose a password goes out. It works once, for 72 hours. Links of before "
        "no longer work.", icon="mail",
    ),
    Operation(
        name="reset", label="Reset password", permission=EDITS, run=_renew, available=_has_password,
        explain="A mail with a link to choose a new password goes out. It works once, for 2 hours. Every browser in "
        "which they are signed in is signed out; the old password works until they choose a new one.", icon="lock",
    ),
    Operation(
        name="disable", label="Disable", permission=EDITS, run=accounts.deactivate,
        available=lambda user, _actor: None if user.active else "is disabled already",
        explain="They are signed out and cannot sign in. Links of before no longer work. Nothing is lost.", icon="ban",
    ),
    Operation(
        name="enable", label="Enable", permission=EDITS, run=accounts.activate,
        available=lambda user, _actor: "is not disabled" if user.active else None,
        explain="They can sign in again with the password they had. Who had none needs a new link.", icon="ok",
    ),
)  # fmt: skip
