"""Days are typed as the organisation writes them, in forms and filters alike."""

import re
from datetime import date
from html import unescape

import pytest

import models
from models.base import db
from models.enums import DateFormat
from tests.support.browser_client import Browser
from tests.support.customer_pages import NEW
from tests.support.screen_rows import new_customer_values
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation

WRITTEN = {
    DateFormat.DAY_MONTH_YEAR: ("03/04/2025", "dd/mm/yyyy"),
    DateFormat.DAY_DOT_MONTH: ("03.04.2025", "dd.mm.yyyy"),
    DateFormat.MONTH_DAY_YEAR: ("04/03/2025", "mm/dd/yyyy"),
    DateFormat.ISO: ("2025-04-03", "yyyy-mm-dd"),
    DateFormat.SPOKEN: ("3 Apr 2025", "d mmm yyyy"),
}
DAY = date(2025, 4, 3)


@pytest.fixture(params=DateFormat)
def written(request: pytest.FixtureRequest, organisations: TwoOrganisations) -> str:
    """3 April 2025 in the format of the organisation."""
    change_row(organisations, own_organisation(organisations), date_format=request.param)
    return WRITTEN[request.param][0]


def test_a_form_reads_what_it_shows(organisations: TwoOrganisations, agent: Browser, written: str):
    customer = get_customer(organisations)
    change_row(organisations, customer, start_date=DAY)
    url = f"/admin/customers/edit/?id={customer.id}"
    form = agent.read_form(url)
    assert form["start_date"] == [written]
    pattern = WRITTEN[own_organisation(organisations).date_format][1]
    assert f'data-date="{pattern}"' in agent.get(url).text
    assert agent.post(url, form | {"review_start_date": written, "review_frequency": "3"}).status_code == 303
    db.session.expire_all()
    assert (customer.start_date, customer.review_start_date) == (DAY, DAY)


def test_a_filter_keeps_the_day_whatever_the_format(organisations: TwoOrganisations, agent: Browser, written: str):
    """The address of a list, which people share and save, has one way to write days."""
    answer = agent.get(f"/admin/customers/?filter=start_date&op=from&value={written}")
    assert unescape(answer.location) == "/admin/customers/?f=start_date%3Afrom%3A2025-04-03"
    page = agent.get(answer.location).text
    assert f"Start on or after {written}" in page
    assert re.search(rf'<input [^>]*name="value"[^>]*value="{written}"', page)


@pytest.mark.parametrize("text", ["31/02/2025", "yesterday", "2025", "13/13/2025", "1/1/1899", "x" * 300])
def test_what_is_no_day_is_refused_and_kept(organisations: TwoOrganisations, agent: Browser, text: str):
    form = agent.read_form(NEW) | new_customer_values(organisations) | {"start_date": text}
    answer = agent.post(NEW, form)
    assert answer.status_code == 422
    assert 'href="#start_date"' in answer.text
    assert re.search(rf'<input [^>]*id="start_date"[^>]*value="{text}"', answer.text)
    assert db.session.query(models.Customer).filter_by(start_date=None, is_prospect=False).count() == 0
