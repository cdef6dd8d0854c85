"""A customer and a day to report of."""

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from models import Customer
from models.base import db
from tests.support import factories as make
from tests.support.report_data import TODAY
from tests.support.two_organisations import TwoOrganisations, own_organisation


@pytest.fixture
def today(organisations: TwoOrganisations) -> Any:
    """The middle of a day that everybody agrees on."""
    with time_machine.travel(datetime(2026, 3, 15, 12, tzinfo=UTC), tick=False):
        yield TODAY


@pytest.fixture
def customer(organisations: TwoOrganisations) -> Customer:
    """One that nothing hangs on but a contact and an account."""
    reference_customer = db.session.get_one(Customer, organisations.own.customers[0])
    return make.CustomerFactory(
        organisation=own_organisation(organisations),
        name="Aurora",
        region_id=reference_customer.region_id,
        status_id=reference_customer.status_id,
    )
