"""Records and forms do not lead to what the form of customers hides."""

import re

import pytest

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.form_layout import CUSTOMER_FORM, SECTIONS
from models import Customer
from models.base import db
from tests.support.browser_client import Browser, parse_form
from tests.support.bulk_edit import make_customers
from tests.support.form_layouts import arrange
from tests.support.two_organisations import TwoOrganisations


def hide(organisations: TwoOrganisations, *names: str, **changes: object) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        arrange(CUSTOMER_FORM, Actor(None, organisations.own.id), hidden=names, **changes)
        db.session.commit()


@pytest.mark.parametrize(
    ("tab", "table"),
    [
        ("billing-lines", "billing_lines"),
        ("profiles", "invoice_profiles"),
        ("compliance", "compliance_documents"),
        ("accounts", "accounts"),
    ],
)
def test_a_record_leads_to_a_table_where_the_form_shows_it(
    organisations: TwoOrganisations, agent: Browser, tab: str, table: str
):
    url = f"/admin/customers/details/?id={organisations.own.customers[0]}&tab={tab}"
    usual = next(each.name for each in SECTIONS if table in each.fields)

    def list_anchors() -> set[str]:
        return set(re.findall(r'href="/admin/customers/edit/\?id=\d+#([\w-]+)"', agent.get(url).text))

    assert list_anchors() == {usual}
    hide(organisations, places={"people": (table,), usual: ()})
    assert list_anchors() == {"people"}
    hide(organisations, table)
    assert list_anchors() == set()


def test_an_unticked_box_that_was_hidden_meanwhile_is_no_answer(organisations: TwoOrganisations, agent: Browser):
    (key,) = make_customers(organisations, 1, portal_access=True, promotional_emails=True)
    url = f"/admin/customers/edit/?id={key}"
    opened = {name: value for name, value in agent.read_form(url).items() if name != "promotional_emails"}
    hide(organisations, "portal_access", "promotional_emails", "website")
    refused = agent.post(url, opened | {"name": "", "website": "www.example.com"})
    assert refused.status_code == 422
    again = parse_form(refused.text)
    assert again["website"] == ["www.example.com"]
    assert "promotional_emails" not in again
    assert agent.post(url, again | {"name": "Named"}).status_code == 303
    customer = db.session.get_one(Customer, key)
    assert (customer.name, customer.website) == ("Named", "https://www.example.com")
    assert (customer.portal_access, customer.promotional_emails) == (True, True)
