"""Finding customers by what people remember of them."""

from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal_column, or_, select, text

from customerhub.permissions import Actor, scope
from models import Account, Customer
from models.base import db
from models.keys import exact_key, folded

SHORTEST = 3  # letters; below that no fragment is indexed and only beginnings are found
LAST = "\U0010ffff"


def matching(typed: str) -> ColumnElement[bool]:
    """The condition that every word of `typed` occurs in a customer's name, reference, account number, email
    address, contact number or registration number. Case and accents do not count. Words of one or two letters
    alone are found where name, reference or account number begins with them.
    """
    words = folded(typed).split()
    long = [word for word in words if len(word) >= SHORTEST]
    if not long:
        return beginning_with(typed)
    short = [Customer.search_text.contains(word, autoescape=True) for word in words if len(word) < SHORTEST]
    return and_(_fragments(long), *short)


def beginning_with(typed: str) -> ColumnElement[bool]:
    """The condition that name, reference or account number begins with `typed`, whatever its case.

    Account numbers are kept as they were typed; ranges of the index that hold both cases are quicker than folding them.
    """
    bare = " ".join(typed.split())
    starts = {
        Customer.sort_name: (folded(typed),),
        Customer.reference_key: dict.fromkeys((folded(typed), exact_key(typed) or "")),
        Customer.account_number: dict.fromkeys((bare, bare.lower(), bare.upper())),
    }
    return or_(*(column.between(start, start + LAST) for column, several in starts.items() for start in several))


def _fragments(words: list[str]) -> ColumnElement[bool]:
    if db.session.get_bind().dialect.name != "sqlite":
        return and_(*(Customer.search_text.contains(word, autoescape=True) for word in words))
    quoted = " AND ".join('"' + word.replace('"', '""') + '"' for word in words)
    found = text("SELECT rowid FROM customer_search WHERE customer_search MATCH :words").bindparams(words=quoted)
    return Customer.id.in_(found.columns(literal_column("rowid")))


def exact_match(typed: str, actor: Actor) -> Customer | None:
    """The one customer with exactly this reference or account number, of any of its accounts."""
    key = exact_key(typed) or ""
    account = select(Account.customer_id).where(
        Account.organisation_id == actor.organisation_id, Account.number == typed.strip()
    )
    query = scope(Customer, actor).where(
        or_(Customer.reference_key == key, Customer.account_number == typed.strip(), Customer.id.in_(account))
    )
    found = list(db.session.scalars(query.limit(2)))
    return found[0] if len(found) == 1 else None


def best_matches(typed: str, actor: Actor, limit: int) -> list[Customer]:
    """At most `limit` customers for suggestions: those that begin with what was typed come first."""
    if not folded(typed):
        return []
    query: Select[Any] = scope(Customer, actor).order_by(Customer.sort_name, Customer.id)
    first = list(db.session.scalars(query.where(beginning_with(typed)).limit(limit)))
    if len(first) < limit and len(folded(typed)) >= SHORTEST:
        known = [customer.id for customer in first]
        rest = query.where(matching(typed), Customer.id.not_in(known)).limit(limit - len(first))
        first += db.session.scalars(rest)
    return first
