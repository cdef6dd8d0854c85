"""What the tests of screens can ask for beside `app` and `client`: two organisations and people in them."""

from collections.abc import Callable

import pytest

from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, filled_database, organisations

__all__ = ["filled_database", "organisations"]  # fixtures made elsewhere


@pytest.fixture
def as_role(organisations: TwoOrganisations) -> Callable[[Role], Browser]:
    """A browser in which somebody of our organisation with this role is signed in."""
    return lambda role: Browser(organisations.app, organisations.own.users[role])


@pytest.fixture
def admin(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role(Role.ADMIN)


@pytest.fixture
def manager(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role(Role.MANAGER)


@pytest.fixture
def agent(as_role: Callable[[Role], Browser]) -> Browser:
    return as_role(Role.AGENT)


@pytest.fixture
def first_browser(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.AGENT])


@pytest.fixture
def second_browser(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.MANAGER])
