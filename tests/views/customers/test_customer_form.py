"""What the form of a customer shows and says beside its fields."""

import models
from models.enums import AddressKind
from tests.support.browser_client import Browser
from tests.support.customer_pages import NEW
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer


def edit_url(customer: models.Customer) -> str:
    return f"/admin/customers/edit/?id={customer.id}"


def test_the_form_shows_the_organisation_and_the_mailing_address(organisations: TwoOrganisations, agent: Browser):
    """The address is a row of its own tab, so that nobody enters it twice."""
    customer = get_customer(organisations)
    change_row(organisations, customer, addresses=[])
    for url in (NEW, edit_url(customer)):
        page = agent.get(url).text
        assert '<p class="form-text">Our Telecom</p>' in page
        assert 'No mailing address <a href="#addresses">Add address</a>' in page
    registered = models.Address(
        kind=AddressKind.REGISTERED, lines="9 Law Lane", organisation_id=customer.organisation_id
    )
    mailing = models.Address(kind=AddressKind.MAILING, lines="1 High Street", organisation_id=customer.organisation_id)
    change_row(organisations, customer, addresses=[registered, mailing])
    assert '1 High Street <a href="#addresses">Edit addresses</a>' in agent.get(edit_url(customer)).text


def test_only_an_untouched_new_form_puts_the_focus_on_the_name(organisations: TwoOrganisations, agent: Browser):
    assert agent.get(NEW).text.count(" autofocus") == 1
    assert " autofocus" not in agent.post(NEW, agent.read_form(NEW)).text
    assert " autofocus" not in agent.get(edit_url(get_customer(organisations))).text
