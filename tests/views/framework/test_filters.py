"""Filters of a list: chosen from the menu, told in words, changed and taken off."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from urllib.parse import quote

import pytest
import time_machine
from sqlalchemy import delete

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.lists import list_row_ids
from tests.support.two_organisations import TwoOrganisations, own_organisation

CHOSEN_FILTERS = {
    "filter=risk&op=is&value=High": "&f=risk%3Ais%3AHigh",
    "filter=risk&op=is&value=High&value=Low": "&f=risk%3Ais%3AHigh%2CLow",
    "filter=start_date&op=in&span=this_month&value=": "&f=start_date%3Ain%3Athis_month",
    "filter=start_date&op=on&span=this_month&value=2026-01-31": "&f=start_date%3Aon%3A2026-01-31",
    "filter=credit_limit&op=blank&value=": "&f=credit_limit%3Ablank%3A",
    "filter=risk&op=is": "",  # nothing is ticked, nothing is typed: no filter
    "filter=email&op=has&value=+": "",
}


@pytest.mark.parametrize(("parameters", "filters"), CHOSEN_FILTERS.items(), ids=CHOSEN_FILTERS)
def test_a_filter_chosen_from_the_menu_becomes_part_of_the_address(
    organisations: TwoOrganisations, admin: Browser, parameters: str, filters: str
):
    answer = admin.get(f"/admin/customers/?{parameters}&f=stage:is:New&search=x&page=3")
    assert answer.status_code == 302
    assert answer.location == f"/admin/customers/?f=stage%3Ais%3ANew{filters}&search=x"


def find_chips(page: str) -> str:
    chips = re.search(r'class="filter-chips".*?</ul>', page, re.DOTALL)
    assert chips is not None
    return chips[0]


def test_a_filter_is_shown_in_words_and_can_be_taken_off(organisations: TwoOrganisations, admin: Browser):
    status = db.session.get_one(models.Customer, organisations.own.customers[0]).status
    page = admin.get(f"/admin/customers/?f=status:is:{status.id}&f=risk:is:Low").text
    assert f"Status is {status.name}" in page
    taken_off = [unescape(url) for url in re.findall(r'<a href="([^"]+)"', find_chips(page))]
    assert taken_off == ["?f=risk%3Ais%3ALow", f"?f=status%3Ais%3A{status.id}"]


def test_filters_say_what_they_ask_for(organisations: TwoOrganisations, admin: Browser):
    sentences = {
        "risk:is:High,Low": "Risk is any of High, Low",
        "risk:not:High": "Risk is not High",
        "risk:not:High,Medium": "Risk is none of High, Medium",
        "risk:blank:": "Risk is empty",
        "start_date:in:next_30_days": "Start: next 30 days",
        "start_date:from:2026-03-01": "Start on or after 1 Mar 2026",
        "prospect:is:yes": "Prospect is yes",
    }
    chips = find_chips(admin.get("/admin/customers/?" + "&".join(f"f={quote(each)}" for each in sentences)).text)
    assert [unescape(text) for text in re.findall(r"<summary[^>]*>([^<]+)</summary>", chips)] == list(
        sentences.values()
    )


def test_a_filter_in_use_can_be_changed(organisations: TwoOrganisations, admin: Browser):
    """Its form begins with what it asks for, and takes its place among the others."""
    page = admin.get("/admin/customers/?f=risk:not:High,Low&f=stage:is:New&search=ltd&sort=name").text
    form = parse_form(find_chips(page).split("</form>")[0].replace("filter-form", "card"))
    assert {name: values for name, values in form.items() if name != "span"} == {
        "f": ["stage:is:New"],
        "sort": ["name"],
        "search": ["ltd"],
        "filter": ["risk"],
        "op": ["not"],
        "value": ["Low", "High"],
    }


def test_days_of_a_span_are_those_of_the_organisation(organisations: TwoOrganisations):
    """Where it is tomorrow already, that is today."""
    first, second, third = (db.session.get_one(models.Customer, key) for key in organisations.own.customers)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        own_organisation(organisations).timezone = "Pacific/Kiritimati"
        first.start_date, second.start_date, third.start_date = date(2026, 3, 1), date(2026, 2, 28), date(2026, 3, 31)
        db.session.commit()
    with time_machine.travel(datetime(2026, 2, 28, 12, tzinfo=UTC), tick=False):
        admin = Browser(organisations.app, organisations.own.users[models.enums.Role.ADMIN])
        assert list_row_ids(admin, "customers", "f=start_date:in:today") == [first.id]
        assert set(list_row_ids(admin, "customers", "f=start_date:in:this_month")) == {first.id, third.id}
        assert list_row_ids(admin, "customers", "f=start_date:in:last_month") == [second.id]


def test_an_operation_leads_back_to_the_list_as_it_was(organisations: TwoOrganisations, admin: Browser):
    """With or without scripts; of what the address says only what a list knows."""
    first, second, _ = organisations.own.customers
    query = "?f=risk:is:High,Low&sort=name&page=2&evil=//example.com"
    chosen = admin.post(
        "/admin/customers/action/", {"rowid": [str(first), str(second)], "action": "assign", "back": query}
    )
    assert chosen.status_code == 303
    done = admin.submit(chosen.location, manager_id=str(organisations.own.users[models.enums.Role.AGENT]))
    links = [unescape(url) for url in re.findall(r'href="(/admin/customers/\?[^"]+)"', done.text)]
    assert links == ["/admin/customers/?f=risk%3Ais%3AHigh%2CLow&sort=name&page=2"]
    nothing = admin.post("/admin/customers/action/", {"action": "assign", "back": "?sort=name"})
    assert nothing.location == "/admin/customers/?sort=name"


def test_deleting_a_record_leads_back_to_the_list_as_it_was(organisations: TwoOrganisations, admin: Browser):
    row = make.DepartmentFactory(organisation_id=organisations.own.id)
    db.session.commit()
    answer = admin.submit(f"/admin/departments/operation/delete/?id={row.id}&back=%3Fsort%3Dname%26desc%3D1")
    assert answer.status_code == 303
    assert answer.location == "/admin/departments/?sort=name&desc=1"


@pytest.mark.parametrize("number", [2**31 - 1, -(2**31 - 1), 2**31, 99999999999, 10**18])
@pytest.mark.parametrize("operator", ["is", "from", "to"])
def test_a_number_larger_than_the_column_holds_is_refused(admin: Browser, number: int, operator: str):
    page = admin.get(f"/admin/customers/?f=number_of_users:{operator}:{number}")
    assert page.status_code == 200
    assert ("is not a valid value for the filter" in page.text) == (abs(number) > 2**31 - 1)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("markup_mobile:is:12.5", [0]),
        ("markup_mobile:from:12.5", [0, 1]),
        ("markup_mobile:to:12.49", []),
        ("markup_national:is:12.5", []),
        ("markup_national:blank:", [0, 2]),
        ("markup_national:filled:", [1]),
        ("markup_mobile:from:10&f=markup_national:to:0", [1]),
    ],
)
def test_a_markup_is_that_of_its_class(
    organisations: TwoOrganisations, admin: Browser, condition: str, expected: list[int]
):
    customers = organisations.own.customers
    db.session.execute(delete(models.CallMarkup), execution_options=history.bulk_options())
    for place, call_class, percent in ((0, "mobile", "12.5"), (1, "mobile", "20"), (1, "national", "-3")):
        make.CallMarkupFactory(
            organisation_id=organisations.own.id,
            customer_id=customers[place],
            call_class=models.enums.CallClass(call_class),
            percent=Decimal(percent),
        )
    db.session.commit()
    assert list_row_ids(admin, "customers", f"f={condition}") == [customers[place] for place in expected]


def test_filters_are_called_as_their_columns(admin: Browser):
    columns = re.findall(r"<span>([^<]+)</span></label>", admin.get("/admin/list/customers/columns").text)
    filters = re.findall(r'<summary class="menu-item">([^<]+)<', admin.get("/admin/customers/filter/").text)
    assert {"Account no.", "Created", "Partner (dealer code)"} <= set(columns) & set(filters)
    assert not {"Dealer", "Account number"} & {*columns, *filters}
    assert {*columns} - {*filters} == {"Balance", "Address"}


def test_of_several_documents_none_is_asked_for(admin: Browser):
    """One customer may have a document of one template and one of another."""
    form = admin.get("/admin/customers/filter/?name=document_template").text
    assert "is any of" in form or 'name="op" value="is"' in form
    assert "is none of" not in form
