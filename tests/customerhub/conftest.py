"""What the tests of the business can ask for: two filled organisations, and somebody who acts."""

from collections.abc import Iterator

import pytest

from customerhub import history
from customerhub.permissions import Actor
from models import User
from models.base import db
from models.enums import Role
from tests.world import World, filled, world

__all__ = ["filled", "world"]  # fixtures made elsewhere


def actor_in(world: World, role: Role) -> Actor:
    """Somebody of our organisation with this role."""
    return Actor.of(db.session.get_one(User, world.ours.users[role]))


@pytest.fixture
def admin(world: World) -> Iterator[Actor]:
    """Our administrator, who acts during the test."""
    actor = actor_in(world, Role.ADMIN)
    with history.acting(actor, "test"):
        yield actor
