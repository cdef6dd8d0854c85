"""What the tests of the business can ask for: two organisations with rows in every table, and somebody who acts."""

from collections.abc import Iterator

import pytest

from customerhub.core import history
from customerhub.core.permissions import Actor
from models import User
from models.base import db
from models.enums import Role
from tests.support.two_organisations import TwoOrganisations, filled_database, organisations

__all__ = ["filled_database", "organisations"]  # fixtures made elsewhere


def actor_of(organisations: TwoOrganisations, role: Role) -> Actor:
    """Somebody of our organisation with this role."""
    return Actor.from_user(db.session.get_one(User, organisations.own.users[role]))


@pytest.fixture
def admin(organisations: TwoOrganisations) -> Iterator[Actor]:
    """Our administrator, who acts during the test."""
    actor = actor_of(organisations, Role.ADMIN)
    with history.act_as(actor, "test"):
        yield actor
