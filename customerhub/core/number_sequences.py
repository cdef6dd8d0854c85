"""Number sequences of an organisation: each number is given out once."""

from customerhub.core.database import build_upsert
from models import NumberSequence
from models.base import db

FIRST_NUMBER = 100001


def reserve_numbers(organisation_id: int, name: str, count: int) -> int:
    """Move the sequence called `name` on by `count`; its value before that. It stays locked until the transaction
    ends.
    """
    insert = build_upsert(NumberSequence).values(
        organisation_id=organisation_id, name=name, next_value=FIRST_NUMBER + count
    )
    next_value: int = db.session.scalars(
        insert.on_conflict_do_update(
            index_elements=["organisation_id", "name"], set_={"next_value": NumberSequence.next_value + count}
        ).returning(NumberSequence.next_value)
    ).one()
    return next_value - count
