"""Statistics for PostgreSQL's planner while a table grows many times over within one transaction."""

from sqlalchemy import text

from models.base import db

GROWTH_FACTOR = 4  # times

_HAS_GROWN_QUERY = text(
    "SELECT pg_relation_size(oid) > :growth * 8192 * greatest(relpages, 1) "
    "FROM pg_class WHERE oid = 'customer'::regclass"
)


def update_statistics() -> None:
    """Have the customers counted where there are far more of them than when the server last looked.

    It looks by itself some time after a commit. Until then it takes the table for an empty one, and finds the customer
    behind each new account, address and department by going through all of the organisation's.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        return
    if db.session.scalar(_HAS_GROWN_QUERY, {"growth": GROWTH_FACTOR}):
        db.session.execute(text("ANALYZE (SKIP_LOCKED) customer"))
