"""Account numbers: made by the system, unique in an organisation."""

from itertools import groupby

from sqlalchemy import select, update

from customerhub.database import insert_new
from models import Account, Customer, NumberSequence
from models.base import db

FIRST_NUMBER = 100001


def take_account_numbers(organisation_id: int, count: int) -> list[str]:
    """The next `count` free account numbers of an organisation, nobody else's from now on.

    Numbers that somebody typed by hand are passed over. The range stays locked until the transaction ends.
    """
    taken: list[str] = []
    while len(taken) < count:
        wanted = count - len(taken)
        first = reserve(organisation_id, "account", wanted)
        numbers = [str(number) for number in range(first, first + wanted)]
        taken += sorted(set(numbers) - _used(organisation_id, numbers), key=int)
    return taken


def reserve(organisation_id: int, name: str, count: int) -> int:
    """Move the sequence called `name` on by `count`; its value before that."""
    db.session.execute(
        insert_new(NumberSequence).values(organisation_id=organisation_id, name=name, next_value=FIRST_NUMBER)
    )
    after = db.session.scalar(
        update(NumberSequence)
        .where(NumberSequence.organisation_id == organisation_id, NumberSequence.name == name)
        .values(next_value=NumberSequence.next_value + count)
        .returning(NumberSequence.next_value)
        .execution_options(synchronize_session=False)
    )
    assert after is not None
    return after - count


def _used(organisation_id: int, numbers: list[str]) -> set[str]:
    """Those of `numbers`, which are in a row, that customers and accounts already have."""
    by_length = [list(several) for _, several in groupby(numbers, len)]  # texts are only in a row where as long
    used: set[str] = set()
    with db.session.no_autoflush:
        for column, owner in (
            (Customer.account_number, Customer.organisation_id),
            (Account.number, Account.organisation_id),
        ):
            for several in by_length:
                taken = select(column).where(owner == organisation_id, column.between(several[0], several[-1]))
                used.update(db.session.scalars(taken))
    return used
