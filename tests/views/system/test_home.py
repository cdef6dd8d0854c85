"""The start page of the staff."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import time_machine

import models
from customerhub.core import history
from customerhub.core.dates import add_months
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from models.base import db
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations

TILE = re.compile(
    r'<a class="tile" href="([^"]+)">.*?<span class="tile-count[^"]*">([^<]*)</span><span>([^<]*)</span>', re.S
)


def read_tiles(browser: Browser) -> dict[str, tuple[str, int]]:
    """Label → address and figure of each tile."""
    return {label: (unescape(url), int(figure)) for url, figure, label in TILE.findall(browser.get("/admin/").text)}


def count_rows(browser: Browser, url: str) -> int:
    """The rows of a list, all on one page."""
    answer = browser.get(url + ("&" if "?" in url else "?") + "page_size=100")
    assert answer.status_code == 200
    return len(re.findall(r'data-href="/admin/customers/details/\?id=\d+"', answer.text))


# The month after these days has 28, 30 and 31 days until the same day, or none.
@pytest.mark.parametrize("day", [(2026, 1, 31), (2026, 2, 1), (2026, 4, 15), (2026, 7, 15)])
def test_a_tile_leads_to_as_many_rows_as_it_tells(
    organisations: TwoOrganisations, admin: Browser, day: tuple[int, int, int]
):
    organisation = db.session.get_one(models.Organisation, organisations.own.id)
    now = datetime(*day, 12, tzinfo=UTC)
    for days in (-1, 0, 27, 28, 29, 30, 31, 32):
        customer = make.CustomerFactory(organisation=organisation)
        make.ComplianceDocumentFactory(
            organisation_id=organisation.id,
            customer_id=customer.id,
            file_id=None,
            expiry_date=now.date() + timedelta(days=days),
        )
    db.session.commit()
    with time_machine.travel(now, tick=True):
        visitor = Browser(organisations.app, admin.user_id)
        tiles = read_tiles(visitor)
        assert len(tiles) == 4
        for label, (url, figure) in tiles.items():
            assert count_rows(visitor, url) == figure, label
        url, figure = tiles["Documents expiring in 30 days"]
        assert url.endswith(f"?f=expiry:to:{now.date() + timedelta(days=30)}")
        assert figure >= 6


def test_new_customers_are_a_picture_and_a_table(organisations: TwoOrganisations, admin: Browser) -> None:
    today = organisation_today(organisations.own.id)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        for months, key in zip((0, 0, -2), organisations.own.customers, strict=True):
            db.session.get_one(models.Customer, key).start_date = add_months(today, months).replace(day=1)
        db.session.commit()
    page = admin.get("/admin/").text
    chart = page[page.index('<figure class="chart">') : page.index("</figure>")]
    months = [add_months(today.replace(day=1), back).strftime("%b") for back in range(-11, 1)]
    rows = re.findall(r'<th scope="row">(\w+)</th><td>(\d+)</td>', chart)
    assert rows == list(zip(months, "000000000102", strict=True))
    assert "<caption>Customers by the month of their start date</caption>" in chart
    assert re.findall(r"<title>([^<]+)</title>", chart) == [
        "New customers, last 12 months",
        *(f"{month}: {count}" for month, count in rows),
    ]
    assert "<style" not in chart
    assert "style=" not in chart
