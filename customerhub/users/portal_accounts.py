"""The accounts of a customer's people, as whoever edits customers deals with them."""

import enum
from datetime import datetime

from customerhub import history
from customerhub.errors import Invalid
from customerhub.permissions import Actor
from customerhub.users.accounts import save_user, send_link
from customerhub.users.links import OneTimeLinks
from models import User
from models.enums import TemplatePurpose


class Standing(enum.StrEnum):
    """How far somebody has got with their account."""

    INVITED = "invited"
    EXPIRED = "link expired"
    UNINVITED = "not invited"
    ACTIVE = "active"
    DISABLED = "disabled"


def standing(user: User, *, as_of: datetime) -> Standing:
    if not user.active:
        return Standing.DISABLED
    if user.password_hash:
        return Standing.ACTIVE
    if user.link_until is None:
        return Standing.UNINVITED
    return Standing.INVITED if user.link_until > as_of else Standing.EXPIRED


def save_portal_user(user: User, *, links: OneTimeLinks, actor: Actor) -> User:
    """As `save_user`, of somebody who stays with their customer. A new one gets the mail with their link at once."""
    is_new = user.id is None
    if not is_new and "customer_id" in history.before(user):
        raise Invalid("A portal user stays with their customer. Disable this one and add one there", "customer_id")
    save_user(user, actor=actor)
    if is_new:
        send_link(user, TemplatePurpose.WELCOME, links=links)
    return user
