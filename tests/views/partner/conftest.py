"""Somebody who works for a dealer."""

import pytest

from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def partner(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.PARTNER])
