"""A screen that needs set-up data that is missing names it, with the way to add it."""

import re

import pytest
from sqlalchemy import select, update

import models
from customerhub.history import recorded
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.world import World

PAGES = ("/admin/customers/", "/admin/customers/new/")
KINDS = {
    "region": (models.CatalogItem, "/admin/catalogs/new/?type=region"),
    "department": (models.Department, "/admin/departments/new/"),
    "status": (models.CustomerStatus, "/admin/statuses/new/"),
}


def switch_off(model: type[models.OrganisationRow], organisation_id: int) -> None:
    """As if there were none: what is inactive cannot be chosen."""
    off = update(model).where(model.organisation_id == organisation_id).values(active=False)
    db.session.execute(off.execution_options(**recorded(), synchronize_session=False))
    db.session.commit()


def links(page: str) -> list[str]:
    banners = re.findall(r'<div class="banner banner-warning".*?</div>\s*</div>', page, re.DOTALL)
    return [
        url.replace("&amp;", "&")
        for banner in banners
        for url in re.findall(r'href="([^"#]+)"', banner)
        if "icons" not in url
    ]


def test_nothing_is_said_where_nothing_is_missing(world: World, admin: Browser):
    for page in PAGES:
        assert "Please add a" not in admin.get(page).text


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_is_named_with_a_link_that_works(world: World, admin: Browser, kind: str):
    model, link = KINDS[kind]
    switch_off(model, world.ours.id)
    for page in PAGES:
        text = admin.get(page).text
        assert f"Please add a {kind}." in text, page
        assert links(text) == [link], page
    assert admin.get(link).status_code == 200
    new = {"name": "Brand new", "type": "region", "behaviour": "bill"}
    assert admin.post(link, admin.form(link) | new).status_code == 303
    for page in PAGES:
        assert "Please add a" not in admin.get(page).text


def test_another_organisations_set_up_does_not_count(world: World, admin: Browser):
    switch_off(models.Department, world.ours.id)
    assert db.session.scalars(select(models.Department).where(models.Department.active)).first() is not None
    assert "Please add a department" in admin.get("/admin/customers/new/").text


def test_a_status_that_does_not_bill_is_not_enough(world: World, admin: Browser):
    bill = (
        update(models.CustomerStatus)
        .where(models.CustomerStatus.organisation_id == world.ours.id)
        .values(behaviour="none")
    )
    db.session.execute(bill.execution_options(**recorded(), synchronize_session=False))
    db.session.commit()
    assert "Please add a status" in admin.get("/admin/customers/new/").text


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
def test_who_may_not_add_it_is_told_whom_to_ask(world: World, role: Role):
    switch_off(models.Department, world.ours.id)
    browser = Browser(world.app, world.ours.users[role])
    for page in PAGES:
        text = browser.get(page).text
        assert "There is no department yet. Ask an administrator to add one." in text
        assert links(text) == []


def test_the_start_page_lists_what_is_left_to_set_up(world: World, admin: Browser, agent: Browser):
    assert "Finish setting up" not in admin.get("/admin/").text
    switch_off(models.Department, world.ours.id)
    lonely = make_empty(world)
    page = Browser(world.app, lonely).get("/admin/").text
    assert "Finish setting up" in page
    for link in ("/admin/catalogs/new/?type=region", "/admin/departments/new/", "/admin/business-entities/new/"):
        assert f'href="{link}"' in page
    assert "Finish setting up" not in agent.get("/admin/").text


def make_empty(world: World) -> int:
    """An administrator of an organisation in which nothing is set up."""
    key = make.UserFactory(organisation=make.OrganisationFactory()).id
    db.session.commit()
    return key
