"""How PostgreSQL runs our statements."""

import pytest
from sqlalchemy import text

from models.base import db


def test_statements_are_not_compiled(session):
    """Which took a third of a second where the estimate of a quick statement was too high."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite compiles nothing")
    assert session.scalar(text("SHOW jit")) == "off"
    session.rollback()
    assert session.scalar(text("SHOW jit")) == "off", "whatever becomes of the transaction"
