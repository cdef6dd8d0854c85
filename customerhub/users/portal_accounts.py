"""The accounts of a customer's portal users, as editors of customers manage them."""

import enum
from datetime import datetime

from customerhub.core import history
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor
from customerhub.users.accounts import save_user
from customerhub.users.invitations import send_link
from customerhub.users.links import OneTimeLinks
from models import User
from models.enums import TemplatePurpose


class InvitationState(enum.StrEnum):
    """How far a portal user has got with their invitation."""

    INVITED = "invited"
    EXPIRED = "link expired"
    UNINVITED = "not invited"
    ACTIVE = "active"
    DISABLED = "disabled"


def invitation_state_of(user: User, *, as_of: datetime) -> InvitationState:
    if not user.active:
        return InvitationState.DISABLED
    if user.password_hash:
        return InvitationState.ACTIVE
    if user.link_until is None:
        return InvitationState.UNINVITED
    return InvitationState.INVITED if user.link_until > as_of else InvitationState.EXPIRED


def save_portal_user(user: User, *, links: OneTimeLinks, actor: Actor) -> User:
    """As `save_user`, of somebody who stays with their customer. A new one gets the mail with their link at once."""
    is_new = user.id is None
    if not is_new and "customer_id" in history.previous_values_of(user):
        raise Invalid("A portal user cannot be moved to another customer. Add a new one there", "customer_id")
    save_user(user, actor=actor)
    if is_new:
        send_link(user, TemplatePurpose.WELCOME, links=links)
    return user
