"""What PostgreSQL's planner has to know while a table grows many times over within one transaction."""

from sqlalchemy import text

from models.base import db

GROWTH = 4  # times

_GROWN = text(
    "SELECT pg_relation_size(oid) > :growth * 8192 * greatest(relpages, 1) "
    "FROM pg_class WHERE oid = 'customer'::regclass"
)


def keep_statistics() -> None:
    """Have the customers counted where there are far more of them than when the server last looked.

    It looks by itself some time after a commit. Until then it takes the table for an empty one, and finds the customer
    behind each new account, address and department by going through all of the organisation's.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        return
    if db.session.scalar(_GROWN, {"growth": GROWTH}):
        db.session.execute(text("ANALYZE (SKIP_LOCKED) customer"))
