"""A page beyond the end of a list says so, with ways back, and never that there is nothing."""

import re
from html import unescape

import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from jobs.monitoring.queue_contents import JobState
from models.base import db
from models.enums import RowOutcome, TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import page_text
from tests.support.queued_jobs import add_failed_jobs
from tests.support.schedule_pages import list_url
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation
from views.framework import list_page


@pytest.fixture
def departments(organisations: TwoOrganisations) -> int:
    """How many departments there are: three pages of them."""
    for number in range(45):
        make.DepartmentFactory(organisation=own_organisation(organisations), name=f"Zeta {number:02d}")
    db.session.commit()
    return db.session.query(models.Department).filter_by(organisation_id=organisations.own.id).count()


def find_link(page: str, label: str) -> str:
    link = re.search(rf'<a class="btn" href="([^"]*)">{label}</a>', page)
    assert link is not None, label
    return unescape(link[1])


def pager_addresses(page: str) -> list[str]:
    pager = re.search(r'<nav class="pager".*?</nav>', page, re.DOTALL)
    assert pager is not None
    return [unescape(address) for address in re.findall(r'<a [^>]*href="([^"]*)"', pager[0])]


def check_beyond(browser: Browser, url: str, home: str, last_page: int, empty_text: str, marker: str) -> str:
    """The page at `url` is beyond the last: it says so, and every link of it leads to rows."""
    page = browser.get(url).text
    assert "There is no page" in page
    assert empty_text not in page
    assert f"The last page is page {last_page:,}." in page
    name = "last" if last_page > 1 else "first"
    addresses = [find_link(page, f"Go to the {name} page"), *pager_addresses(page)]
    assert len(addresses) > 1
    for address in addresses:
        target = browser.get(address if address.startswith("/") else home + address).text
        assert marker in target, address
        assert "There is no page" not in target
    return page


@pytest.mark.parametrize("number", [3, 4, 999_999, 10**30])
@pytest.mark.parametrize("query", ["", "search=zeta&sort=name&desc=1&", "page_size=20&sort=name&", "exact=1&"])
def test_a_list(organisations: TwoOrganisations, admin: Browser, departments: int, number: int, query: str):
    home = "/admin/departments/"
    page = check_beyond(admin, f"{home}?{query}page={number}", home, 3, "No departments yet", "Zeta")
    assert "No results" not in page
    assert ("45 departments" if "search" in query else f"{departments} departments") in page_text(page)


def test_what_was_searched_stays(organisations: TwoOrganisations, admin: Browser, departments: int):
    page = admin.get("/admin/departments/?search=zeta&sort=name&desc=1&page=9").text
    assert find_link(page, "Go to the last page") == "?search=zeta&sort=name&desc=1&page=2"


def test_a_list_of_one_page_leads_to_it(organisations: TwoOrganisations, admin: Browser):
    check_beyond(
        admin, "/admin/customers/?page=1", "/admin/customers/", 1, "No customers yet", "Our Telecom customer 0"
    )


def test_a_list_without_a_row_says_that_whatever_the_page(organisations: TwoOrganisations, admin: Browser):
    for page in ("", "&page=5"):
        text = admin.get(f"/admin/customers/?search=nobodyatall{page}").text
        assert "No results" in text
        assert "There is no page" not in text


def test_a_list_that_was_not_counted_to_its_end(
    organisations: TwoOrganisations, admin: Browser, departments: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(list_page, "COUNT_LIMIT", 30)
    page = admin.get("/admin/departments/?page=7").text
    assert "There is no page 8" in page
    assert "The list ends before it." in page
    assert "No departments yet" not in page
    assert find_link(page, "Go to the first page") == "?"
    assert "Zeta 44" in admin.get(f"/admin/departments/?page={(departments - 1) // 20}").text


def test_the_history_of_a_record(organisations: TwoOrganisations, admin: Browser):
    customer = get_customer(organisations)
    url = f"/admin/customers/details/?id={customer.id}&tab=history"
    check_beyond(admin, f"{url}&page=9", url, 1, "No changes yet", "timeline-head")


def test_the_rows_of_an_import(organisations: TwoOrganisations, admin: Browser):
    imported = make.CustomerImportFactory(organisation=own_organisation(organisations), state=TransferState.READY)
    for number in range(2, 60):
        make.ImportRowFactory(import_id=imported.id, row_number=number, outcome=RowOutcome.NEW, name=f"Zeta {number}")
    db.session.commit()
    url = f"/admin/imports/details/?id={imported.id}"
    for outcome in ("", "&outcome=new"):
        check_beyond(admin, f"{url}{outcome}&page=2", url, 2, "No rows", "Zeta")


def test_the_customers_of_a_partner(organisations: TwoOrganisations):
    partner = Browser(organisations.app, organisations.own.users[models.enums.Role.PARTNER])
    for query in ("", "stage=New&"):
        check_beyond(partner, f"/partner/?{query}page=3", "/partner/", 1, "No customers yet", "Our Telecom customer 0")


def test_the_jobs_of_a_queue(organisations: TwoOrganisations):
    person = Browser(organisations.app, organisations.platform_user)
    add_failed_jobs(3)
    url = list_url(JobState.FAILED)
    check_beyond(person, f"{url}&page=4", url.partition("?")[0], 1, "No failed jobs", "ValueError")


def test_a_page_that_became_empty_is_beyond_the_end(organisations: TwoOrganisations, admin: Browser, departments: int):
    """As after deleting all rows of the last page."""
    assert "Zeta 44" in admin.get("/admin/departments/?page=2").text
    with history.act_as(Actor(None, organisations.own.id), "test"):
        for row in db.session.query(models.Department).filter(models.Department.name > "Zeta 20"):
            db.session.delete(row)
        db.session.commit()
    assert "There is no page 3" in admin.get("/admin/departments/?page=2").text
