"""Lists: every filter with each of its operators, sorting, search and pages, against the rows themselves."""

import re
from datetime import date, datetime
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import ContractStatus, OrderStatus, Risk, Stage
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import SCREENS
from tests.world import World
from views.admin import SCREENS as SHOWN
from views.columns import Filter
from views.customer_cells import CustomerFilter

VIEWS = {endpoint: view for view, _, endpoint in SHOWN}
JUNK = [
    *(
        "",
        "x",
        "１",
        "-1",
        "1e9",
        "NaN",
        "9" * 150,
        str(2**70),
        "0001-01-01",
        "9999-12-31",
        "2025-02-30",
        "'",
        "%",
        "_",
    ),
    *("\\", ":", "a:b:c", "<script>", "Ünïcödé 証", "null", "1.5", "🚀"),
]
NO_LIST = [
    *("f=nobody:is:1", "f=risk:explodes:High", "f=risk", "f=:::", "sort=password_hash", "sort=name;drop", "desc=x"),
    *("page=x", "page=-5", "page_size=7", "page_size=1000000", "page_size=-1", "page=１", "exact=9", "f=" + "x" * 5000),
    *("&".join(["f=risk:is:Low"] * 50), "unknown=1"),
]


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def listed(browser: Browser, endpoint: str, query: str = "") -> list[int]:
    """The ids of the rows on a page of a list."""
    answer = browser.get(f"/admin/{endpoint}/?page_size=100&{query}")
    assert answer.status_code == 200, query
    return [int(key) for key in re.findall(r'data-href="/admin/[a-z-]+/details/\?id=(\d+)"', answer.text)]


def rows_of(world: World, endpoint: str) -> list[Any]:
    model = SCREENS[endpoint].model
    if endpoint == "organisations":
        return [owner(world)]
    query = select(model).where(model.organisation_id == world.ours.id)
    if endpoint == "exports":
        query = query.where(model.user_id == world.ours.users[models.enums.Role.ADMIN])
    if endpoint == "portal-users":
        query = query.where(model.role == models.enums.Role.CUSTOMER)
    return list(db.session.scalars(query.order_by(model.id.desc()).limit(2000)))


def fits(item: Filter, operator: str, wanted: Any, value: Any) -> bool:
    """Whether a row with `value` belongs to the list, decided without a database."""
    if operator in ("blank", "filled"):
        return (value is None) == (operator == "blank")
    if item.kind == "yes":
        return bool(value) == (wanted == "yes")
    if value is None:
        return operator == "not"
    if item.kind == "text":
        text = str(value)
        return {
            "has": wanted.lower() in text.lower(),
            "is": text == wanted,
            "starts": text.lower().startswith(wanted.lower()),
        }[operator]
    value = str(getattr(value, "value", value)) if item.kind == "select" else value
    typed = {"date": date.fromisoformat, "number": Decimal, "select": str}[item.kind](wanted)
    return {
        "is": value == typed, "on": value == typed, "not": value != typed,
        "from": item.kind != "select" and value >= typed, "to": item.kind != "select" and value <= typed,
    }[operator]  # fmt: skip


def value_of(item: Filter, row: Any) -> Any:
    if item.owner is not None:
        return [getattr(document, item.column.key) for document in row.compliance_documents]
    if isinstance(item, CustomerFilter):
        return row.customer.name if row.customer else None
    if item.column.key == "rag":
        return max(
            (risk for risk in (row.business_risk, row.contract_risk) if risk), key=list(Risk).index, default=None
        )
    value = getattr(row, item.column.key)
    return value.date() if isinstance(value, datetime) else value  # the organisations of the world count days in UTC


def samples(item: Filter, rows: list[Any]) -> list[str]:
    """Values that some of the rows have, and parts of them."""
    if item.kind == "yes":
        return ["yes", "no"]
    known = [value_of(item, row) for row in rows]
    flat = [each for value in known for each in (value if isinstance(value, list) else [value]) if each is not None]
    texts = list(dict.fromkeys(str(getattr(value, "value", value)) for value in flat))[:3]
    if item.kind == "text":
        texts += [text[1:4].upper() for text in texts[:1]] + [text[:3] for text in texts[:1]]
    return texts


@pytest.fixture
def varied(world: World) -> World:
    """Our customers differ in everything that can be filtered, and some have nothing there."""
    first, second, third = (db.session.get_one(models.Customer, key) for key in world.ours.customers)
    with history.acting(Actor(None, world.ours.id), "test"):
        first.risk, first.stage, first.credit_limit, first.portal_access = (
            Risk.HIGH,
            Stage.BILLING,
            Decimal(1500),
            False,
        )
        first.category_id = make.CatalogItemFactory(
            organisation=owner(world), type=models.enums.CatalogType.CATEGORY
        ).id
        second.credit_limit, second.start_date = Decimal("0.50"), date(2020, 2, 29)
        third.is_prospect, third.identity_number, third.account_manager_id = True, "ID 1", None
        third.region_id = third.start_date = third.risk = third.email = None
        second.compliance_documents[0].expiry_date = date(2024, 6, 30)
        third.compliance_documents = []
        _vary_contracts(world, second.id)
        db.session.commit()
    return world


def _vary_contracts(world: World, customer_id: int) -> None:
    owned = {"organisation": owner(world), "customer_id": customer_id}
    for number, business in enumerate((None, *Risk)):
        for contract in (None, *Risk):
            make.ContractFactory(
                **owned, business_risk=business, contract_risk=contract, connections=number * 7,
                status=list(ContractStatus)[number], value=Decimal(number) if number else None,
                supplier="Nordkabel" if number == 1 else None, end_date=date(2026, 1, 1 + number) if number else None,
                business_entity_id=make.BusinessEntityFactory(organisation=owner(world)).id if contract else None,
            )  # fmt: skip
    for number, status in enumerate(OrderStatus):
        delivered = date(2025, 3, 1) if status is OrderStatus.DELIVERED else None
        make.CustomerOrderFactory(
            **owned, status=status, delivered_on=delivered, connections=number + 1,
            wanted_on=date(2025, 4, 1 + number) if number else None,
        )  # fmt: skip


def test_every_filter_finds_what_it_says(varied: World, admin: Browser):
    wrong = []
    for endpoint, view in VIEWS.items():
        rows = rows_of(varied, endpoint)
        for item in view.filters:
            if endpoint == "history" and item.name != "customer":
                continue  # thousands of rows: see below
            for operator, _ in item.operators():
                for wanted in samples(item, rows) if operator not in ("blank", "filled") else ["x"]:
                    values = {row.id: value_of(item, row) for row in rows}
                    expected = {
                        key
                        for key, value in values.items()
                        if any(
                            fits(item, operator, wanted, each)
                            for each in (value if isinstance(value, list) else [value])
                        )
                    }
                    found = listed(admin, endpoint, f"f={item.name}:{operator}:{quote(wanted)}")
                    complete = len(found) < 100
                    if (set(found) != expected) if complete else not (set(found) <= expected):
                        wrong.append((endpoint, item.name, operator, wanted, sorted(found), sorted(expected)))
    assert wrong == []


def test_two_conditions_on_documents_are_met_by_one_of_them(world: World, admin: Browser):
    with history.acting(Actor(None, world.ours.id), "test"):
        first, second, third = (db.session.get_one(models.Customer, key) for key in world.ours.customers)
        first.compliance_documents[0].expiry_date = date(2030, 1, 1)
        owned = {"organisation_id": world.ours.id, "customer_id": first.id, "file_id": None}
        make.ComplianceDocumentFactory(**owned, expiry_date=date(2030, 12, 1))
        second.compliance_documents[0].expiry_date = date(2030, 5, 15)
        third.compliance_documents[0].expiry_date = date(2031, 5, 15)
        db.session.commit()
    span = "f=expiry:from:2030-05-01&f=expiry:to:2030-06-01"
    assert listed(admin, "customers", span) == [second.id]
    assert listed(admin, "customers", f"{span}&f=email:is:{first.email}") == []
    assert set(listed(admin, "customers", "f=expiry:from:2030-05-01")) == {first.id, second.id, third.id}


def test_the_history_is_filtered_by_who_what_and_where(world: World, admin: Browser):
    customer = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    assert admin.submit(customer, website="www.example.com").status_code == 303
    key = world.ours.customers[0]
    filters = (
        "actor:is:The admin",
        "table:is:customer",
        "action:is:changed",
        "source:has:customers/edit",
        f"customer:is:{key}",
    )
    (entry,) = db.session.scalars(select(models.History).where(models.History.source.contains("customers/edit")))
    assert listed(admin, "history", "&".join(f"f={quote(each)}" for each in filters)) == [entry.id]
    assert listed(admin, "history", "&".join(f"f={quote(each)}" for each in (*filters, "actor:is:The agent"))) == []


def test_junk_in_the_address_of_a_list_is_left_out(world: World, admin: Browser):
    for endpoint, view in VIEWS.items():
        for item in view.filters:
            for operator, _ in item.operators():
                for text in JUNK if endpoint in ("customers", "history") else JUNK[1:8:2]:
                    answer = admin.get(f"/admin/{endpoint}/?f={item.name}:{operator}:{quote(text)}")
                    assert answer.status_code == 200, (endpoint, item.name, operator, text)
                    assert "<script>" not in answer.text.split("<main")[1].replace("&lt;script&gt;", "")
    everything = listed(admin, "customers")
    for query in NO_LIST:
        assert set(listed(admin, "customers", query)) <= set(everything), query
    assert listed(admin, "customers", "f=nobody:is:1&sort=password_hash&desc=x") == everything


@pytest.mark.parametrize("text", ["%00", "a%00b", "%00%00"])
def test_a_nul_in_an_address_is_refused_politely(world: World, admin: Browser, text: str):
    for url in (
        f"/admin/customers/?search={text}", f"/admin/customers/?f=email:has:{text}", f"/admin/search/?q={text}",
        f"/admin/search/suggest?q={text}", f"/admin/customers/export/csv/?search={text}", f"/admin/customers/?{text}=1",
        f"/admin/customers/ajax/lookup/?name=customer.account_manager_id&query={text}",
        f"/admin/customers/details/?id={text}", f"/admin/customers/operation/delete/?id={text}",
        f"/sign-in?next={text}", f"/admin/{text}",
    ):  # fmt: skip
        answer = admin.get(url)
        assert answer.status_code == 400, url
        assert "could not be understood" in answer.text


def test_a_filter_chosen_from_the_menu_becomes_part_of_the_address(world: World, admin: Browser):
    answer = admin.get("/admin/customers/?filter=risk&op=is&value=High&f=stage:is:New&search=x&page=3")
    assert answer.status_code == 302
    assert answer.location == "/admin/customers/?f=stage%3Ais%3ANew&f=risk%3Ais%3AHigh&search=x"


def test_a_filter_is_shown_in_words_and_can_be_taken_off(world: World, admin: Browser):
    status = db.session.get_one(models.Customer, world.ours.customers[0]).status
    page = admin.get(f"/admin/customers/?f=status:is:{status.id}&f=risk:is:Low").text
    assert f"Status is {status.name}" in page
    chips = re.search(r'class="filter-chips".*?</ul>', page, re.DOTALL)
    assert chips is not None
    taken_off = [unescape(url) for url in re.findall(r'<a href="([^"]+)"', chips[0])]
    assert taken_off == ["?f=risk%3Ais%3ALow", f"?f=status%3Ais%3A{status.id}"]


# --- Sorting and pages -------------------------------------------------------------------------------------


@pytest.fixture
def many(world: World) -> World:
    """45 customers more, alike in everything but their names, some of which are the same."""
    known = db.session.get_one(models.Customer, world.ours.customers[0])
    for number in range(45):
        make.CustomerFactory(
            organisation=owner(world), name=f"Same {number // 3}", region_id=known.region_id, status_id=known.status_id,
            departments=[], contacts=[], start_date=date(2025, 1, 1 + number % 3), account_number=f"7{number:05d}",
        )  # fmt: skip
    db.session.commit()
    return world


def test_pages_hold_every_row_once_however_it_is_sorted(many: World, admin: Browser):
    everything = {row.id for row in rows_of(many, "customers")}
    for column in VIEWS["customers"].columns:
        for order in ("", "&desc=1"):
            seen: list[int] = []
            for page in range(3):
                query = f"sort={column.name}{order}&page={page}&page_size=20"
                seen += [
                    int(key)
                    for key in re.findall(r'data-href="[^"]*id=(\d+)"', admin.get(f"/admin/customers/?{query}").text)
                ]
            assert len(seen) == len(everything), (column.name, order)
            assert set(seen) == everything, (column.name, order)


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("name", lambda row: row.sort_name),
        ("reference", lambda row: row.reference_key),
        ("account_number", lambda row: row.account_number),
        ("start_date", lambda row: row.start_date),
    ],
)
def test_a_column_sorts_both_ways(many: World, admin: Browser, column: str, key: Any):
    rows = {row.id: row for row in rows_of(many, "customers")}
    upwards = [key(rows[row_id]) for row_id in listed(admin, "customers", f"sort={column}")]
    assert upwards == sorted(upwards)
    downwards = listed(admin, "customers", f"sort={column}&desc=1")
    assert downwards == list(reversed(listed(admin, "customers", f"sort={column}")))


def test_a_page_behind_the_last_says_so(world: World, admin: Browser):
    for page in (1, 7, 999_999, 10**30):
        answer = admin.get(f"/admin/customers/?page={page}")
        assert answer.status_code == 200
        assert "Nothing on this page" in answer.text or "Our Telecom customer" not in answer.text


# --- Search ------------------------------------------------------------------------------------------------


def test_search_finds_by_each_column_it_names(world: World, admin: Browser):
    for endpoint, view in VIEWS.items():
        for column in view.searched:
            if column.key == "search_text":
                continue
            row = next((row for row in rows_of(world, endpoint) if getattr(row, column.key)), None)
            if row is not None and endpoint != "history":
                text = getattr(row, column.key)
                for typed in (text, text.upper(), text[1:-1]):
                    assert row.id in listed(admin, endpoint, f"search={quote(typed)}"), (endpoint, column.key, typed)


@pytest.mark.parametrize("typed", ["%", "_", "\\", "%%", "a_%"])
def test_search_takes_every_sign_literally(world: World, admin: Browser, typed: str):
    plain = make.DepartmentFactory(organisation=owner(world), name="Plain")
    signed = make.DepartmentFactory(organisation=owner(world), name=f"A {typed} sign")
    db.session.commit()
    found = listed(admin, "departments", f"search={quote(typed)}")
    assert found == [signed.id] != [plain.id]


def test_search_and_filters_narrow_together(world: World, admin: Browser):
    first = db.session.get_one(models.Customer, world.ours.customers[0])
    assert listed(admin, "customers", "search=our+telecom&f=risk:is:Low") == sorted(world.ours.customers)
    assert listed(admin, "customers", f"search={first.reference}&f=risk:is:Low") == [first.id]
    assert listed(admin, "customers", f"search={first.reference}&f=risk:is:High") == []
    assert "Nothing matches" in admin.get(f"/admin/customers/?search={first.reference}&f=risk:is:High").text
