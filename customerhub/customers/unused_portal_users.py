"""Unused portal users that were created with a customer: they are deleted with it."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, select

from customerhub.core import history
from customerhub.core.errors import Conflict
from customerhub.users.invitations import recipient_id_of
from models import OutboxMessage, User
from models.base import db, get_table
from models.enums import OutboxState, TemplatePurpose

_USER_TABLE: Final = get_table(User)


@dataclass(frozen=True, slots=True)
class UnusedPortalUser:
    """A portal user that came with a customer and has never signed in, and the mails with links to them."""

    user_id: int
    customer_id: int
    organisation_id: int
    name: str
    email: str
    mail_ids: tuple[int, ...]
    has_been_mailed: bool  # whether one of these mails was sent


def list_unused_users(customer_ids: Collection[int]) -> list[UnusedPortalUser]:
    """The portal users that nobody has done anything with: they go with these customers."""
    if not customer_ids:
        return []
    query = select(User.id, User.customer_id, User.organisation_id, User.name, User.email)
    is_unused = User.customer_id.in_(customer_ids), User.made_with_customer, User.last_sign_in_at.is_(None)
    users: Sequence[Any] = db.session.execute(query.where(*is_unused).order_by(User.id)).all()
    mail_states = _load_mail_states({user.customer_id for user in users})
    return [
        UnusedPortalUser(
            user.id,
            user.customer_id,
            user.organisation_id,
            user.name,
            user.email,
            mail_ids=tuple(mail_states.get(user.id, ())),
            has_been_mailed=OutboxState.SENT in mail_states.get(user.id, {}).values(),
        )
        for user in users
    ]


def _load_mail_states(customer_ids: Collection[int]) -> dict[int, dict[int, OutboxState]]:
    """The welcome mails about these customers: user → message → its state."""
    mail_states: dict[int, dict[int, OutboxState]] = {}
    query = select(OutboxMessage.reason_key, OutboxMessage.id, OutboxMessage.state).where(
        OutboxMessage.customer_id.in_(customer_ids), OutboxMessage.purpose == TemplatePurpose.WELCOME.value
    )
    for reason_key, message_id, state in db.session.execute(query):
        mail_states.setdefault(recipient_id_of(reason_key), {})[message_id] = state
    return mail_states


def count_linked_rows(unused_users: Sequence[UnusedPortalUser]) -> dict[int, Counter[str]]:
    """By customer, how many rows of each table go with it: what `links.links_of` counts too much."""
    counts: dict[int, Counter[str]] = {}
    for each in unused_users:
        counts.setdefault(each.customer_id, Counter()).update(hub_user=1, outbox_message=len(each.mail_ids))
    return counts


def delete_unused_users(unused_users: Sequence[UnusedPortalUser]) -> None:
    """Delete these users and the mails to them. Raises Conflict where one of them has signed in meanwhile."""
    if not unused_users:
        return
    mail_ids = [key for each in unused_users for key in each.mail_ids]
    db.session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(mail_ids)))
    history.record(_build_deleted_entry(each) for each in unused_users)
    result = db.session.connection().execute(
        delete(_USER_TABLE).where(
            _USER_TABLE.c.id.in_([each.user_id for each in unused_users]), _USER_TABLE.c.last_sign_in_at.is_(None)
        )
    )
    if result.rowcount != len(unused_users):
        raise Conflict("A portal user of this customer has just signed in. Try again")


def _build_deleted_entry(unused_user: UnusedPortalUser) -> dict[str, Any]:
    return history.build_entry(
        organisation_id=unused_user.organisation_id,
        action="deleted",
        table="hub_user",
        row_id=unused_user.user_id,
        customer_id=unused_user.customer_id,
        title=unused_user.name,
        changes={"email": [unused_user.email, None], "name": [unused_user.name, None]},
    )
