"""Somebody with the grant `platform`."""

import pytest

from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def person(organisations: TwoOrganisations) -> Browser:
    """Somebody with the grant `platform`."""
    return Browser(organisations.app, organisations.platform_user)
