"""Account numbers: made by the system, unique in an organisation."""

from itertools import groupby

from sqlalchemy import select, union_all

from customerhub.core.number_sequences import reserve_numbers
from models import Account, Customer
from models.base import db


def take_account_numbers(organisation_id: int, count: int) -> list[str]:
    """The next `count` free account numbers of an organisation, nobody else's from now on.

    Numbers that somebody typed by hand are passed over. The range stays locked until the transaction ends.
    """
    free_numbers: list[str] = []
    while len(free_numbers) < count:
        missing_count = count - len(free_numbers)
        first = reserve_numbers(organisation_id, "account", missing_count)
        numbers = [str(number) for number in range(first, first + missing_count)]
        free_numbers += sorted(set(numbers) - _find_used_numbers(organisation_id, numbers), key=int)
    return free_numbers


def _find_used_numbers(organisation_id: int, numbers: list[str]) -> set[str]:
    """Those of `numbers`, which are in a row, that customers and accounts already have."""
    by_length = [list(several) for _, several in groupby(numbers, len)]  # texts are only in a row where as long
    queries = [
        select(column).where(owner == organisation_id, column.between(several[0], several[-1]))
        for column, owner in (
            (Customer.account_number, Customer.organisation_id),
            (Account.number, Account.organisation_id),
        )
        for several in by_length
    ]
    with db.session.no_autoflush:
        return set(db.session.scalars(union_all(*queries)))
