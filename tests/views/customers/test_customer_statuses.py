"""Which statuses the form of a customer offers and takes."""

import re

import pytest
from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.statuses import set_status
from models.base import db
from tests.support.browser_client import Browser, parse_form
from tests.support.customer_pages import NEW, add_customer
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import new_customer_values
from tests.support.two_organisations import TwoOrganisations


def statuses_by_name(organisations: TwoOrganisations) -> dict[str, models.CustomerStatus]:
    found = select(models.CustomerStatus).where(models.CustomerStatus.organisation_id == organisations.own.id)
    return {status.name: status for status in db.session.scalars(found)}


def list_status_options(page: str) -> list[str]:
    """The statuses that the form offers."""
    box = re.search(r'<select [^>]*name="status_id".*?</select>', page, re.DOTALL)
    assert box is not None
    return [name for name in re.findall(r"<option[^>]*>([^<]*)", box[0]) if name]


def test_the_form_offers_the_statuses_that_editing_may_lead_to(organisations: TwoOrganisations, agent: Browser):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    saved_customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    statuses_before = statuses_by_name(organisations)
    for present, names in (
        ("Active", ["Active", "Active - Do Not Bill"]),
        ("Final Bill", ["Final Bill"]),
        ("Dropped", ["Dropped"]),
    ):
        with history.act_as(Actor(None, organisations.own.id), "test"):
            set_status(saved_customer, statuses_before[present])
            db.session.commit()
        assert list_status_options(agent.get(url).text) == names
        assert agent.submit(url, website="www.example.com").status_code == 303
        assert saved_customer.status_id == statuses_before[present].id
    assert list_status_options(agent.get(NEW).text) == ["Active", "Active - Do Not Bill"]


@pytest.mark.parametrize("name", ["Dropped", "Final Bill"])
def test_nobody_drops_a_customer_by_its_form(organisations: TwoOrganisations, admin: Browser, name: str):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    mark = last_change_id()
    status_id = str(statuses_by_name(organisations)[name].id)
    assert admin.submit(url, status_id=status_id).status_code == 422
    assert add_customer(admin, new_customer_values(organisations), status_id=status_id).status_code == 422
    assert changes_since(mark) == []


def test_a_status_set_by_an_operation_is_shown_by_its_name(organisations: TwoOrganisations, agent: Browser):
    """Somebody who has the form open meanwhile is shown what the customer is in now."""
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    form = agent.read_form(url)
    saved_customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        set_status(saved_customer, statuses_by_name(organisations)["Dropped"])
        db.session.commit()
    answer = agent.post(url, form | {"website": "www.example.com"})
    assert answer.status_code == 409
    assert list_status_options(answer.text) == ["Dropped"]
    assert agent.post(url, parse_form(answer.text)).status_code == 303
    db.session.refresh(saved_customer)
    assert (saved_customer.status.name, saved_customer.website) == ("Dropped", "https://www.example.com")
