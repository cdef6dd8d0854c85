"""Choosing what goes into a file: columns by ticking and by presets, ticked rows or all, Excel or CSV."""

import csv
import io
import re
from html import unescape
from typing import Any

import openpyxl
import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import CustomFieldKind, ListSeparator, Risk, Role
from tests.support.browser_client import Browser
from tests.support.custom_fields import add_field
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.framework import export_choice

PAGE = "/admin/list/customers/export"
SYSTEM = "test"


def read_csv(answer: Any, delimiter: str = ",") -> list[list[str]]:
    assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text[:300]
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def export(browser: Browser, query: str = "", **values: Any) -> Any:
    return browser.post(f"/admin/customers/export/csv/?{query}", {"chosen": "1", **values})


def list_boxes(text: str) -> dict[str, bool]:
    """The columns on the page in their order, and whether each is ticked."""
    found = re.findall(r'<input type="checkbox" name="column" value="([^"]+)"( checked)?>', text)
    return {name: bool(ticked) for name, ticked in found}


def list_ticked(text: str) -> list[str]:
    return [name for name, is_ticked in list_boxes(text).items() if is_ticked]


def list_preset_links(text: str) -> dict[str, str]:
    """The address behind each preset."""
    (part,) = re.findall(r'<div class="presets".*?</div>', text, re.DOTALL)
    links = re.findall(r'<a href="([^"]+)"[^>]*><bdi>([^<]+)</bdi></a>', part)
    return {unescape(label): unescape(url) for url, label in links}


def change_first_customer(organisations: TwoOrganisations, **values: Any) -> None:
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    with history.act_as(Actor(None, organisations.own.id), SYSTEM):
        for name, value in values.items():
            setattr(customer, name, value)
        db.session.commit()


def test_columns_are_ticked_as_the_list_shows_them_and_stand_in_its_order(
    organisations: TwoOrganisations, admin: Browser
) -> None:
    admin.post("/admin/list/customers/columns", {"column": ["email", "risk", "name"]})
    text = admin.get(PAGE).text
    assert list(list_boxes(text))[:4] == ["email", "risk", "name", "reference"]
    assert list_ticked(text) == ["email", "risk", "name"]
    headings, *rows = read_csv(export(admin, column=["reference", "name", "email"]))
    assert (headings, len(rows)) == (["Email", "Name", "Reference"], 3)


def test_each_list_offers_it_with_its_filters(organisations: TwoOrganisations, admin: Browser) -> None:
    text = unescape(admin.get("/admin/customers/?f=risk:is:High&sort=reference").text)
    assert text.count(f'href="{PAGE}?f=risk%3Ais%3AHigh&sort=reference"') == 2
    page = unescape(admin.get(f"{PAGE}?f=risk:is:High&sort=reference").text)
    assert 'action="/admin/customers/export/xlsx/?f=risk%3Ais%3AHigh&sort=reference"' in page
    assert 'formaction="/admin/customers/export/csv/?f=risk%3Ais%3AHigh&sort=reference"' in page
    assert 'href="/admin/customers/?f=risk%3Ais%3AHigh&sort=reference"' in page
    assert list_ticked(admin.get("/admin/list/departments/export").text) == ["name", "active"]


def test_presets_tick_columns(organisations: TwoOrganisations, admin: Browser) -> None:
    links = list_preset_links(admin.get(PAGE).text)
    assert list(links) == ["As shown", "All fields", "As for import", "None"]
    shown, every, importable, none = (list_ticked(admin.get(url).text) for url in links.values())
    assert shown[:2] == ["name", "reference"]
    assert every == list(list_boxes(admin.get(PAGE).text))
    assert {"reference", "departments", "review_start_date"} < {*importable} < {*every}
    assert "balance" not in importable
    assert none == []
    assert list(list_preset_links(admin.get("/admin/list/contracts/export").text)) == ["As shown", "All fields", "None"]
    assert list(list_preset_links(admin.get("/admin/list/departments/export").text)) == ["As shown", "None"]


def test_a_preset_of_ones_own_is_saved_used_and_deleted(
    organisations: TwoOrganisations, admin: Browser, manager: Browser
) -> None:
    first, second = organisations.own.customers[:2]
    values = {"column": ["risk", "name", "password_hash"], "query": "f=risk:is:High", "id": [str(first), str(second)]}
    answer = admin.post(f"{PAGE}/presets", {"name": "Für <Wien>", **values})
    assert answer.status_code == 303
    page = admin.get(answer.location).text
    assert "Preset “Für &lt;Wien&gt;” was saved" in page
    assert list_ticked(page) == ["name", "risk"]
    assert (f'name="id" value="{first}"' in page, "f=risk%3Ais%3AHigh" in page) == (True, True)
    assert list_ticked(admin.get(list_preset_links(admin.get(PAGE).text)["Für <Wien>"]).text) == ["name", "risk"]
    assert "Für <Wien>" not in list_preset_links(manager.get(PAGE).text)
    assert admin.post(f"{PAGE}/presets", {"delete": "Für <Wien>", **values}).status_code == 303
    assert "Für <Wien>" not in list_preset_links(admin.get(PAGE).text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": " ", "column": ["risk"]}, "Enter a name for the preset"),
        ({"name": "x" * 61, "column": ["risk"]}, "at most 60"),
        ({"name": "Nothing", "column": ["nobody"]}, "Choose at least one column"),
    ],
)
def test_a_preset_that_is_refused_keeps_the_ticks(
    organisations: TwoOrganisations, admin: Browser, values: dict[str, Any], message: str
) -> None:
    answer = admin.post(f"{PAGE}/presets", values)
    assert (answer.status_code, message in answer.text) == (422, True)
    assert list_ticked(answer.text) == [name for name in values["column"] if name == "risk"]
    assert "own:" not in answer.text


def test_ticked_rows_alone_whatever_the_list_is_filtered_by(organisations: TwoOrganisations, admin: Browser) -> None:
    first, second, _ = organisations.own.customers
    answer = admin.post(PAGE, {"rowid": [str(second), str(first)], "back": "?f=risk:is:High&sort=reference&desc=1"})
    page = admin.get(answer.location).text
    assert re.search(r'value="ticked" checked><span>Selected rows \(<span data-count>2<', page)
    ids = re.findall(r'name="id" value="(\d+)"', page)
    exported = export(admin, "f=risk:is:High&sort=reference&desc=1", column="reference", rows="ticked", id=ids)
    assert read_csv(exported) == [["Reference"], ["REF-1"], ["REF-0"]]
    everything = export(admin, "sort=reference", column="reference", rows="all", id=ids)
    assert [row[0] for row in read_csv(everything)[1:]] == ["REF-0", "REF-1", "REF-2"]


def test_all_that_match_are_taken_from_the_bar_too(organisations: TwoOrganisations, admin: Browser) -> None:
    answer = admin.post(PAGE, {"rowid": str(organisations.own.customers[0]), "all": "1", "back": "?search=ref"})
    page = admin.get(answer.location).text
    assert 'name="id"' not in page
    assert "All matching (3 customers)" in page


def test_nothing_foreign_comes_with_ticked_rows(organisations: TwoOrganisations, admin: Browser) -> None:
    ids = [str(organisations.foreign.customers[0]), "0", "-1", "x", "9" * 30, str(organisations.own.customers[2])]
    assert read_csv(export(admin, column="name", rows="ticked", id=ids)) == [["Name"], ["Our Telecom customer 2"]]
    too_many = export(admin, column="name", rows="ticked", id=[str(key) for key in range(1, 502)])
    assert (too_many.status_code, "attachment" in too_many.headers.get("Content-Disposition", "")) == (422, False)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Choose at least one column"),
        ({"column": ["password_hash", "id", "<script>", "\x00"]}, "Choose at least one column"),
        ({"column": ["risk"], "rows": "ticked"}, "Select one or more rows first"),
    ],
)
def test_a_choice_of_nothing_is_no_file(
    organisations: TwoOrganisations, admin: Browser, values: dict[str, Any], message: str
) -> None:
    answer = export(admin, **values)
    assert (answer.status_code, message in answer.text) == (422, True)


def test_no_column_that_the_list_has_not_for_them_is_exported(organisations: TwoOrganisations, admin: Browser) -> None:
    """Neither a field of another organisation nor one that was removed, by an address or a form made by hand."""
    with history.act_as(Actor(None, organisations.foreign.id), SYSTEM):
        foreign = add_field(Actor(None, organisations.foreign.id), CustomFieldKind.TEXT, "Their secret")
        db.session.commit()
    with history.act_as(Actor(None, organisations.own.id), SYSTEM):
        own = add_field(Actor(None, organisations.own.id), CustomFieldKind.TEXT, "Our field")
        db.session.commit()
    names = ["name", foreign.name, own.name, "organisation_id", "search_text"]
    assert read_csv(export(admin, column=names))[0] == ["Name", "Our field"]
    address = "&".join(f"column={name}" for name in names)
    assert read_csv(admin.get(f"/admin/customers/export/csv/?{address}"))[0] == ["Name", "Our field"]
    assert foreign.name not in admin.get(PAGE).text


def test_who_may_not_export_is_not_asked(organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch) -> None:
    """No role sees a list and may not export; a role without the right would."""
    from customerhub.core.permissions import ROLE_PERMISSIONS, Permission

    rights = ROLE_PERMISSIONS[Role.AGENT] - {Permission.CUSTOMERS_EXPORT}
    monkeypatch.setitem(ROLE_PERMISSIONS, Role.AGENT, rights)
    agent = Browser(organisations.app, organisations.own.users[Role.AGENT])
    answers = [agent.get(PAGE), agent.post(PAGE), export(agent, column="name"), agent.post(f"{PAGE}/presets")]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert PAGE not in agent.get("/admin/customers/").text


def test_a_list_that_one_may_not_open_has_no_page(organisations: TwoOrganisations, agent: Browser) -> None:
    for screen in ("users", "nobody"):
        path = f"/admin/list/{screen}/export"
        assert [agent.get(path).status_code, agent.post(f"{path}/presets", {"name": "x"}).status_code] == [404, 404]


def test_a_workbook_has_the_chosen_columns(organisations: TwoOrganisations, admin: Browser) -> None:
    answer = admin.post("/admin/customers/export/xlsx/", {"column": ["start_date", "credit_limit"]})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    assert [cell.value for cell in sheet[1]] == ["Start", "Credit limit"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:B4")


def test_csv_is_separated_as_the_organisation_chose(organisations: TwoOrganisations, admin: Browser) -> None:
    with history.act_as(Actor(None, organisations.own.id), SYSTEM):
        own_organisation(organisations).list_separator = ListSeparator.SEMICOLON
        db.session.commit()
    change_first_customer(organisations, name="Berg, Tal; GmbH", risk=Risk.HIGH)
    rows = read_csv(export(admin, "f=risk:is:High", column=["name", "reference"]), ";")
    assert rows == [["Name", "Reference"], ["Berg, Tal; GmbH", "REF-0"]]
    assert "CSV files use semicolons" in admin.get(PAGE).text
    answer = admin.submit("/admin/organisations/edit/?id=" + str(organisations.own.id), list_separator="comma")
    assert answer.status_code == 303
    assert own_organisation(organisations).list_separator is ListSeparator.COMMA


def test_a_long_export_that_is_asked_for_twice_is_made_once(
    organisations: TwoOrganisations, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_choice, "DIRECT_ROWS", 2)
    (token,) = re.findall(r'name="form_token" value="([^"]+)"', admin.get(PAGE).text)
    before = db.session.query(models.ListExport).count()
    values = {"column": ["reference", "name"], "form_token": token}
    answers = [export(admin, **values), export(admin, **values)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert db.session.query(models.ListExport).count() == before + 1
    newest = db.session.query(models.ListExport).order_by(models.ListExport.id.desc()).first()
    assert newest is not None
    assert newest.query["columns"] == ["name", "reference"]
