"""Two organisations with rows in every table, made elsewhere."""

import pytest

from tests.support.reminder_data import make_reminder_org
from tests.support.two_organisations import filled_database, organisations

__all__ = ["filled_database", "organisations"]


@pytest.fixture
def reminder_org(session):
    return make_reminder_org()
