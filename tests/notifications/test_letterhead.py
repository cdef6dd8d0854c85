"""The brand that mails wear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.notifications.letterhead import USUAL_COLOUR, brand_for, brand_of, letterhead_of, text_on
from models import BusinessEntity, Customer
from tests import factories as make

ADDRESS = "1 Market Street\r\n\n 10115 Berlin,\nGermany "


def seen(colour):
    """The relative luminance of a colour by the definition of WCAG 2, computed on its own."""
    total = 0.0
    for part, weight in zip(bytes.fromhex(colour.removeprefix("#")), (0.2126, 0.7152, 0.0722), strict=True):
        share = part / 255
        total += weight * (share / 12.92 if share <= 0.03928 else pow((share + 0.055) / 1.055, 2.4))
    return total


def contrast(one, other):
    lighter, darker = max(seen(one), seen(other)), min(seen(one), seen(other))
    return (lighter + 0.05) / (darker + 0.05)


@given(st.binary(min_size=3, max_size=3).map(lambda parts: f"#{parts.hex()}"))
def test_text_can_be_read_on_any_colour(colour):
    chosen = text_on(colour)
    assert contrast(chosen, colour) >= 4.5
    assert chosen == "#ffffff" or contrast("#ffffff", colour) < 4.5, "white is the usual colour"


def test_text_can_be_read_on_every_grey():
    for level in range(256):
        assert contrast(text_on(f"#{level:02x}{level:02x}{level:02X}"), f"#{level:02x}{level:02x}{level:02x}") >= 4.5


@pytest.mark.parametrize(
    ("colour", "text"),
    [("#000000", "#ffffff"), ("#ffffff", "#050505"), ("#FFCC00", "#050505"), ("#3450c4", "#ffffff"),
     ("#777777", "#050505"), ("#767676", "#ffffff")],
)  # fmt: skip
def test_text_is_white_where_it_can_be(colour, text):
    assert text_on(colour) == text


def test_a_brand_has_the_particulars_of_its_entity_at_the_foot():
    entity = BusinessEntity(
        name="Nordnetz", registered_name="Nordnetz GmbH", registration_number="HRB 77", vat_number="DE 1",
        address=ADDRESS, brand_colour="#C2410C",
    )  # fmt: skip
    brand = brand_of(entity)
    assert (brand.name, brand.colour, brand.on_colour) == ("Nordnetz", "#C2410C", "#ffffff")
    assert brand.foot == (
        "Nordnetz GmbH",
        "1 Market Street, 10115 Berlin, Germany",
        "Registration no. HRB 77 · VAT no. DE 1",
    )
    entity.registration_number = entity.vat_number = None
    assert brand_of(entity).foot[2:] == ()
    entity.brand_colour = "red;}x{"
    assert brand_of(entity).colour == USUAL_COLOUR


def test_the_organisations_first_active_entity_is_worn(session):
    organisation = make.OrganisationFactory(name="Bare Telecom")
    stranger = make.OrganisationFactory(name="Another")
    make.BusinessEntityFactory(organisation=stranger, name="Not ours")
    assert letterhead_of(organisation.id).brand.name == "Bare Telecom"
    assert letterhead_of(organisation.id).brand.colour == USUAL_COLOUR
    make.BusinessEntityFactory(organisation=organisation, name="Closed", active=False)
    first = make.BusinessEntityFactory(organisation=organisation, name="Z first", brand_colour="#0f766e")
    make.BusinessEntityFactory(organisation=organisation, name="A second")
    head = letterhead_of(organisation.id)
    assert (head.organisation, head.brand.name, head.brand.colour) == ("Bare Telecom", first.name, "#0f766e")


def test_a_customers_own_entity_is_worn_by_its_mails(session):
    organisation = make.OrganisationFactory()
    make.BusinessEntityFactory(organisation=organisation, name="First")
    own = make.BusinessEntityFactory(organisation=organisation, name="Its own", active=False)
    head = letterhead_of(organisation.id)
    assert brand_for(Customer(name="x", business_entity=own), head).name == "Its own"
    assert brand_for(Customer(name="x"), head).name == "First"
