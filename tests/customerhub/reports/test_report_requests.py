"""Who may request a performance report, of which day, and whose brand it wears."""

import io
from datetime import date, timedelta

import pytest
from sqlalchemy import select

import models
from customerhub.core import history, storage
from customerhub.core.errors import Invalid, NotAllowed, NotFound
from customerhub.core.permissions import Actor
from customerhub.reports import report_data
from customerhub.reports.performance_report import request_report
from customerhub.reports.report_data import build_report_data
from models import Customer
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.report_data import (
    PNG,
    SVG,
    TODAY,
    change_row,
)
from tests.support.two_organisations import TwoOrganisations, own_organisation


def store_logo(organisations: TwoOrganisations, content: bytes) -> int:
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        stored = storage.store_file(
            io.BytesIO(content), "logo", None, organisation_id=organisations.own.id, actor=actor
        )
    key: int = stored.id
    return key


@pytest.mark.usefixtures("today")
def test_the_brand_is_that_of_the_customers_entity_else_of_the_first(
    organisations: TwoOrganisations, customer: Customer
) -> None:
    first = db.session.scalars(
        select(models.BusinessEntity)
        .where(models.BusinessEntity.organisation_id == organisations.own.id)
        .order_by("id")
    ).first()
    assert first is not None
    assert build_report_data(customer, as_of=TODAY).brand.name == first.name
    entity = make.BusinessEntityFactory(
        organisation=own_organisation(organisations), name="Second", brand_colour="#FFEE00"
    )
    change_row(entity, logo_id=store_logo(organisations, PNG))
    change_row(customer, business_entity_id=entity.id)
    data = build_report_data(customer, as_of=TODAY)
    assert (data.brand.name, data.logo) == ("Second", ("logo.png", PNG))
    assert entity.registered_name in data.brand.foot


@pytest.mark.parametrize("content", [SVG, b'<?xml version="1.0"?>\n' + SVG], ids=["svg", "declared"])
@pytest.mark.usefixtures("today")
def test_a_logo_may_be_drawn(organisations: TwoOrganisations, customer: Customer, content: bytes) -> None:
    entity = make.BusinessEntityFactory(
        organisation=own_organisation(organisations), logo_id=store_logo(organisations, content)
    )
    change_row(customer, business_entity_id=entity.id)
    assert build_report_data(customer, as_of=TODAY).logo == ("logo.svg", content)


@pytest.mark.usefixtures("today")
def test_what_is_no_picture_or_is_gone_is_no_logo(organisations: TwoOrganisations, customer: Customer) -> None:
    entity = make.BusinessEntityFactory(
        organisation=own_organisation(organisations), logo_id=store_logo(organisations, b"just a text")
    )
    change_row(customer, business_entity_id=entity.id)
    assert build_report_data(customer, as_of=TODAY).logo is None
    change_row(entity, logo_id=make.StoredFileFactory(organisation=own_organisation(organisations)).id)
    assert build_report_data(customer, as_of=TODAY).logo is None
    change_row(entity, logo_id=store_logo(organisations, PNG + b"\0" * report_data.LARGEST_LOGO))
    assert build_report_data(customer, as_of=TODAY).logo is None


def actor_of(organisations: TwoOrganisations, role: Role) -> Actor:
    return Actor.from_user(db.session.get_one(models.User, organisations.own.users[role]))


@pytest.mark.usefixtures("today")
def test_who_may_see_customers_may_ask_for_a_report(organisations: TwoOrganisations, customer: Customer) -> None:
    for role in (Role.AGENT, Role.MANAGER, Role.ADMIN):
        requested_export = request_report(customer, as_of=TODAY, actor=actor_of(organisations, role))
        assert requested_export.query == {"customer": customer.id, "as_of": "2026-03-15"}
        assert (requested_export.format, requested_export.user_id) == ("pdf", organisations.own.users[role])
        assert requested_export.title.startswith("Performance report Aurora, ")
    for role in (Role.PARTNER, Role.CUSTOMER):
        with pytest.raises(NotAllowed):
            request_report(customer, as_of=TODAY, actor=actor_of(organisations, role))
    foreign_customer = db.session.get_one(Customer, organisations.foreign.customers[0])
    with pytest.raises(NotFound):
        request_report(foreign_customer, as_of=TODAY, actor=actor_of(organisations, Role.ADMIN))


@pytest.mark.parametrize("day", [None, TODAY + timedelta(days=1), date(1899, 12, 31)])
@pytest.mark.usefixtures("today")
def test_a_report_is_of_today_or_a_day_before(
    organisations: TwoOrganisations, customer: Customer, day: date | None
) -> None:
    with pytest.raises(Invalid) as error_info:
        request_report(customer, as_of=day, actor=actor_of(organisations, Role.AGENT))
    assert error_info.value.field == "as_of"


@pytest.mark.usefixtures("today")
def test_today_is_the_organisations(organisations: TwoOrganisations, customer: Customer) -> None:
    change_row(own_organisation(organisations), timezone="Pacific/Auckland")  # it is the 16th there
    assert request_report(customer, as_of=date(2026, 3, 16), actor=actor_of(organisations, Role.AGENT)).id
