"""The brand that mails wear."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.mail.letterhead import DEFAULT_COLOUR, brand_of, choose_brand, choose_text_colour, get_letterhead
from models import BusinessEntity, Customer
from tests.support import factories as make

ADDRESS = "1 Market Street\r\n\n 10115 Berlin,\nGermany "


def luminance(colour):
    """The relative luminance of a colour by the definition of WCAG 2, computed on its own."""
    total = 0.0
    for part, weight in zip(bytes.fromhex(colour.removeprefix("#")), (0.2126, 0.7152, 0.0722), strict=True):
        share = part / 255
        total += weight * (share / 12.92 if share <= 0.03928 else pow((share + 0.055) / 1.055, 2.4))
    return total


def contrast(one, other):
    lighter, darker = max(luminance(one), luminance(other)), min(luminance(one), luminance(other))
    return (lighter + 0.05) / (darker + 0.05)


@given(st.binary(min_size=3, max_size=3).map(lambda parts: f"#{parts.hex()}"))
def test_text_can_be_read_on_any_colour(colour):
    chosen = choose_text_colour(colour)
    assert contrast(chosen, colour) >= 4.5
    assert chosen == "#ffffff" or contrast("#ffffff", colour) < 4.5, "white is the usual colour"


def test_text_can_be_read_on_every_grey():
    for level in range(256):
        assert (
            contrast(choose_text_colour(f"#{level:02x}{level:02x}{level:02X}"), f"#{level:02x}{level:02x}{level:02x}")
            >= 4.5
        )


@pytest.mark.parametrize(
    ("colour", "text"),
    [
        ("#000000", "#ffffff"),
        ("#ffffff", "#050505"),
        ("#FFCC00", "#050505"),
        ("#3450c4", "#ffffff"),
        ("#777777", "#050505"),
        ("#767676", "#ffffff"),
    ],
)
def test_text_is_white_where_it_can_be(colour, text):
    assert choose_text_colour(colour) == text


def test_a_brand_has_the_particulars_of_its_entity_at_the_foot():
    entity = BusinessEntity(
        name="Nordnetz",
        registered_name="Nordnetz GmbH",
        registration_number="HRB 77",
        vat_number="DE 1",
        address=ADDRESS,
        brand_colour="#C2410C",
    )
    brand = brand_of(entity)
    assert (brand.name, brand.colour, brand.text_colour) == ("Nordnetz", "#C2410C", "#ffffff")
    assert brand.foot == (
        "Nordnetz GmbH",
        "1 Market Street, 10115 Berlin, Germany",
        "Registration no. HRB 77 · VAT no. DE 1",
    )
    entity.registration_number = entity.vat_number = None
    assert brand_of(entity).foot[2:] == ()
    entity.brand_colour = "red;}x{"
    assert brand_of(entity).colour == DEFAULT_COLOUR


def test_the_organisations_first_active_entity_is_worn(session):
    organisation = make.OrganisationFactory(name="Bare Telecom")
    stranger = make.OrganisationFactory(name="Another")
    make.BusinessEntityFactory(organisation=stranger, name="Not ours")
    assert get_letterhead(organisation.id).brand.name == "Bare Telecom"
    assert get_letterhead(organisation.id).brand.colour == DEFAULT_COLOUR
    make.BusinessEntityFactory(organisation=organisation, name="Closed", active=False)
    first = make.BusinessEntityFactory(organisation=organisation, name="Z first", brand_colour="#0f766e")
    make.BusinessEntityFactory(organisation=organisation, name="A second")
    head = get_letterhead(organisation.id)
    assert (head.organisation, head.brand.name, head.brand.colour) == ("Bare Telecom", first.name, "#0f766e")


def test_a_customers_own_entity_is_worn_by_its_mails(session):
    organisation = make.OrganisationFactory()
    make.BusinessEntityFactory(organisation=organisation, name="First")
    own = make.BusinessEntityFactory(organisation=organisation, name="Its own", active=False)
    head = get_letterhead(organisation.id)
    assert choose_brand(Customer(name="x", business_entity=own), head).name == "Its own"
    assert choose_brand(Customer(name="x"), head).name == "First"
