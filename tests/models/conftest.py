"""What the tests of tables can ask for: the two organisations with rows in every table."""

from tests.support.two_organisations import filled_database, organisations

__all__ = ["filled_database", "organisations"]  # fixtures made elsewhere
