"""Somebody who decides approval tasks."""

import pytest

from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def manager(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.MANAGER])
