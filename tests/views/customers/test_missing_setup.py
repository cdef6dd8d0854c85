"""A screen that needs set-up data that is missing names it, with the way to add it."""

import re

import pytest
from sqlalchemy import select, update

import models
from customerhub.core.history import bulk_options
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations

PAGES = ("/admin/customers/", "/admin/customers/new/")
KINDS = {
    "region": (models.CatalogItem, "/admin/catalogs/new/?type=region"),
    "department": (models.Department, "/admin/departments/new/"),
    "status": (models.CustomerStatus, "/admin/statuses/new/"),
}


def deactivate_all(model: type[models.OrganisationRow], organisation_id: int) -> None:
    """As if there were none: what is inactive cannot be chosen."""
    off = update(model).where(model.organisation_id == organisation_id).values(active=False)
    db.session.execute(off.execution_options(**bulk_options(), synchronize_session=False))
    db.session.commit()


def list_links(page: str) -> list[str]:
    banners = re.findall(r'<div class="banner banner-warning".*?</div>\s*</div>', page, re.DOTALL)
    return [
        url.replace("&amp;", "&")
        for banner in banners
        for url in re.findall(r'href="([^"#]+)"', banner)
        if "icons" not in url
    ]


def test_nothing_is_said_where_nothing_is_missing(organisations: TwoOrganisations, admin: Browser):
    for page in PAGES:
        assert "Please add a" not in admin.get(page).text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_named_with_a_link_that_works(organisations: TwoOrganisations, admin: Browser, kind: str):
    model, link = KINDS[kind]
    deactivate_all(model, organisations.own.id)
    for page in PAGES:
        text = admin.get(page).text
        assert f"Please add a {kind}." in text, page
        assert list_links(text) == [link], page
    assert admin.get(link).status_code == 200
    new = {"name": "Brand new", "type": "region", "behaviour": "bill"}
    assert admin.post(link, admin.read_form(link) | new).status_code == 303
    for page in PAGES:
        assert "Please add a" not in admin.get(page).text


def test_another_organisations_set_up_does_not_count(organisations: TwoOrganisations, admin: Browser):
    deactivate_all(models.Department, organisations.own.id)
    assert db.session.scalars(select(models.Department).where(models.Department.active)).first() is not None
    assert "Please add a department" in admin.get("/admin/customers/new/").text


def test_a_status_that_does_not_bill_is_not_enough(organisations: TwoOrganisations, admin: Browser):
    bill = (
        update(models.CustomerStatus)
        .where(models.CustomerStatus.organisation_id == organisations.own.id)
        .values(behaviour="none")
    )
    db.session.execute(bill.execution_options(**bulk_options(), synchronize_session=False))
    db.session.commit()
    assert "Please add a status" in admin.get("/admin/customers/new/").text


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
def test_a_user_who_may_not_add_it_sees_whom_to_ask(organisations: TwoOrganisations, role: Role):
    deactivate_all(models.Department, organisations.own.id)
    browser = Browser(organisations.app, organisations.own.users[role])
    for page in PAGES:
        text = browser.get(page).text
        assert "There is no department yet. Ask an administrator to add one." in text
        assert list_links(text) == []


def test_the_start_page_lists_what_is_left_to_set_up(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    assert "Finish setup" not in admin.get("/admin/").text
    deactivate_all(models.Department, organisations.own.id)
    lonely = make_empty_organisation(organisations)
    page = Browser(organisations.app, lonely).get("/admin/").text
    assert "Finish setup" in page
    for link in ("/admin/catalogs/new/?type=region", "/admin/departments/new/", "/admin/business-entities/new/"):
        assert f'href="{link}"' in page
    assert "Finish setup" not in agent.get("/admin/").text


def make_empty_organisation(organisations: TwoOrganisations) -> int:
    """An administrator of an organisation in which nothing is set up."""
    key = make.UserFactory(organisation=make.OrganisationFactory()).id
    db.session.commit()
    return key
