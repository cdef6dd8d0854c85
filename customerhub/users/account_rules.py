"""Which roles and grants an account may get from whom. What forms offer and what saving refuses ask the same rules."""

from typing import Final

from customerhub.core.errors import NotAllowed, WrongState
from customerhub.core.permissions import STAFF, Actor, Permission
from models import User
from models.enums import Role

PLATFORM: Final = "platform"
GRANTS: Final = (PLATFORM, "data_protection")
GRANT_ROLES: Final = STAFF
OWN_ACCOUNT_DEACTIVATED: Final = "You cannot deactivate your own account. Ask another administrator"
OWN_ACCOUNT_DELETED: Final = "You cannot delete your own account. Ask another administrator"


def list_assignable_roles(user: User, saved_role: Role, actor: Actor) -> tuple[Role, ...]:
    """The roles that `actor` may give `user`, who has the `saved_role`: nobody takes away their own admin role."""
    return (Role.ADMIN,) if user.id == actor.id and saved_role == Role.ADMIN else tuple(Role)


def can_assign_grant(grant: str, *, is_held: bool, actor: Actor) -> bool:
    """Whether `actor` may give an account this grant, or leave it where it `is_held`."""
    return grant != PLATFORM or is_held or actor.has_permission(Permission.ORGANISATIONS)


def require_manageable(is_platform: bool, actor: Actor) -> None:
    """Raises NotAllowed where an account with the grant “platform” is changed by somebody without it."""
    if is_platform and not actor.has_permission(Permission.ORGANISATIONS):
        raise NotAllowed("Only users with the grant “platform” can change an account with this grant")


def require_deletable(user: User, actor: Actor) -> None:
    """Raises WrongState for one's own account."""
    if user.id == actor.id:
        raise WrongState(OWN_ACCOUNT_DELETED)
