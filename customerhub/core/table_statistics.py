"""Statistics for PostgreSQL's planner while tables grow many times over within a short time."""

from sqlalchemy import text

from models.base import Base, db, get_table

GROWTH_FACTOR = 4  # times

_HAS_GROWN_QUERY = text(
    "SELECT pg_relation_size(oid) > :growth * 8192 * greatest(relpages, 1) FROM pg_class WHERE oid = to_regclass(:name)"
)


def update_statistics(*models: type[Base]) -> None:
    """Have the rows of each of these tables counted where there are far more of them than when the server last looked.

    It looks by itself some time after a commit. Until then it takes a table for an empty one, and finds what belongs to
    a row by going through all of the others.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        return
    for name in (get_table(model).name for model in models):
        if db.session.scalar(_HAS_GROWN_QUERY, {"growth": GROWTH_FACTOR, "name": name}):
            db.session.execute(text(f"ANALYZE (SKIP_LOCKED) {name}"))
