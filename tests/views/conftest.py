"""What the tests of screens can ask for beside `app` and `client`: two filled organisations and people in them."""

from collections.abc import Callable

import pytest

from models.enums import Role
from tests.browsing import Browser
from tests.world import World, filled, world

__all__ = ["filled", "world"]  # fixtures made elsewhere


@pytest.fixture
def as_role(world: World) -> Callable[[Role], Browser]:
    """A browser in which somebody of our organisation with this role is signed in."""
    return lambda role: Browser(world.app, world.ours.users[role])


@pytest.fixture
def admin(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role(Role.ADMIN)


@pytest.fixture
def agent(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role(Role.AGENT)
