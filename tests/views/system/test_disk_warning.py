"""Whoever looks after the hub is warned before its disk is full: beside the bell of every page, and among the jobs."""

from typing import Any

import pytest
from flask import Flask

from customerhub.core.disk_space import find_free_bytes
from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.schedule_pages import HOME, main_text
from tests.support.two_organisations import TwoOrganisations

WARNING = "The disk is almost full:"


@pytest.fixture
def require_free(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets how much of the disk has to be free."""

    def require_free(size: int) -> None:
        app: Flask = organisations.app
        monkeypatch.setitem(app.config, "HUB", app.config["HUB"].model_copy(update={"min_free_bytes": size}))

    return require_free


def test_all_pages_warn_of_a_disk_that_will_be_full_soon(
    organisations: TwoOrganisations, person: Browser, require_free: Any
) -> None:
    free_bytes = find_free_bytes(organisations.app.config["HUB"])
    assert free_bytes is not None
    require_free(free_bytes * 2)
    assert f"{WARNING} " in main_text(person.get(HOME))
    page = person.get("/admin/customers/").text
    assert WARNING in page
    assert 'href="/admin/schedule/"' in page
    require_free(free_bytes // 2)
    assert WARNING not in person.get("/admin/customers/").text
    assert WARNING not in person.get(HOME).text


def test_others_are_not_bothered(organisations: TwoOrganisations, require_free: Any) -> None:
    require_free(10**18)
    manager = organisations.own.users[Role.MANAGER]
    page = Browser(organisations.app, manager).get("/admin/customers/")
    assert page.status_code == 200
    assert WARNING not in page.text
