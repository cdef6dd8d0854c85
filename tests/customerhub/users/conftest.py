"""An organisation and its administrator."""

import pytest

from tests.support.people import make_organisation, make_user


@pytest.fixture
def organisation(session):
    return make_organisation()


@pytest.fixture
def admin(organisation):
    return make_user(organisation, email="admin@hub.example", name="Dana Reyes")
