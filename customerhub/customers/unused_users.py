"""Portal users that came with a customer and that nobody has done anything with: they go with it again."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, delete, select

from customerhub import history
from customerhub.errors import Conflict
from customerhub.users.accounts import receiver_of
from models import OutboxMessage, User
from models.base import db
from models.enums import OutboxState, TemplatePurpose

_USER: Final[Table] = User.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Unused:
    """A portal user that came with a customer and has never signed in, and the mails with links to them."""

    user_id: int
    customer_id: int
    organisation_id: int
    name: str
    email: str
    mails: tuple[int, ...]
    is_told: bool  # whether one of these mails was sent


def unused_of(customer_ids: Collection[int]) -> list[Unused]:
    """The portal users that nobody has done anything with: they go with these customers."""
    if not customer_ids:
        return []
    query = select(User.id, User.customer_id, User.organisation_id, User.name, User.email)
    idle = User.customer_id.in_(customer_ids), User.made_with_customer, User.last_sign_in_at.is_(None)
    users: Sequence[Any] = db.session.execute(query.where(*idle).order_by(User.id)).all()
    mails = _mails_of({user.customer_id for user in users})
    return [
        Unused(
            user.id, user.customer_id, user.organisation_id, user.name, user.email,
            mails=tuple(mails.get(user.id, ())), is_told=OutboxState.SENT in mails.get(user.id, {}).values(),
        )
        for user in users
    ]  # fmt: skip


def _mails_of(customer_ids: Collection[int]) -> dict[int, dict[int, OutboxState]]:
    """The welcome mails about these customers: user → message → its state."""
    found: dict[int, dict[int, OutboxState]] = {}
    query = select(OutboxMessage.reason_key, OutboxMessage.id, OutboxMessage.state).where(
        OutboxMessage.customer_id.in_(customer_ids), OutboxMessage.purpose == TemplatePurpose.WELCOME.value
    )
    for reason_key, message_id, state in db.session.execute(query):
        found.setdefault(receiver_of(reason_key), {})[message_id] = state
    return found


def links_with(unused: Sequence[Unused]) -> dict[int, Counter[str]]:
    """By customer, how many rows of each table go with it: what `links.links_of` counts too much."""
    found: dict[int, Counter[str]] = {}
    for each in unused:
        found.setdefault(each.customer_id, Counter()).update(hub_user=1, outbox_message=len(each.mails))
    return found


def remove(unused: Sequence[Unused]) -> None:
    """Delete these users and the mails to them. Raises Conflict where one of them has signed in meanwhile."""
    if not unused:
        return
    mails = [key for each in unused for key in each.mails]
    db.session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(mails)))
    history.record(_deleted(each) for each in unused)
    gone = db.session.connection().execute(
        delete(_USER).where(_USER.c.id.in_([each.user_id for each in unused]), _USER.c.last_sign_in_at.is_(None))
    )
    if gone.rowcount != len(unused):
        raise Conflict("A portal user of this customer signs in at the moment. Try again")


def _deleted(unused: Unused) -> dict[str, Any]:
    return history.entry(
        organisation_id=unused.organisation_id, action="deleted", table="hub_user", row_id=unused.user_id,
        customer_id=unused.customer_id, title=unused.name,
        changes={"email": [unused.email, None], "name": [unused.name, None]},
    )  # fmt: skip
