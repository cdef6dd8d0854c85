"""Lists: every filter with each of its operators, sorting, search and pages, against the rows themselves."""

import re
from datetime import date, datetime
from decimal import Decimal
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select

import models
from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.customers.importing.columns import MARKUP_CLASSES
from models.base import db
from models.enums import CallClass, ContractStatus, OrderStatus, Risk, Stage
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.lists import list_row_ids
from tests.support.screen_table import SCREENS
from tests.support.signature_operations import SIGNATURE_VALUES
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.admin import SCREENS as HUB_SCREENS
from views.cells.customers import AccountManagerFilter, CustomerFilter
from views.framework.filters import Filter, LinkFilter

VIEWS = {endpoint: view for view, _, endpoint in HUB_SCREENS}
INVALID_VALUES = [
    *(
        "",
        ",",
        "Low,",
        "1,2,x",
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
MALFORMED_QUERIES = [
    *("f=nobody:is:1", "f=risk:explodes:High", "f=risk", "f=:::", "sort=password_hash", "sort=name;drop", "desc=x"),
    *("page=x", "page=-5", "page_size=7", "page_size=1000000", "page_size=-1", "page=１", "exact=9", "f=" + "x" * 5000),
    *("&".join(["f=risk:is:Low"] * 50), "unknown=1"),
]


def list_rows(organisations: TwoOrganisations, endpoint: str) -> list[Any]:
    model = SCREENS[endpoint].model
    if endpoint == "organisations":
        return [own_organisation(organisations)]
    query = select(model).where(model.organisation_id == organisations.own.id)
    if endpoint == "exports":
        query = query.where(model.user_id == organisations.own.users[models.enums.Role.ADMIN])
    if endpoint == "portal-users":
        query = query.where(model.role == models.enums.Role.CUSTOMER)
    return list(db.session.scalars(query.order_by(model.id.desc()).limit(2000)))


def matches_filter(item: Filter, operator: str, filter_value: Any, value: Any) -> bool:
    """Whether a row with `value` belongs to the list, decided without a database."""
    if operator in ("blank", "filled"):
        return (value is None) == (operator == "blank")
    if item.kind == "yes":
        return bool(value) == (filter_value == "yes")
    if value is None:
        return operator == "not"
    if item.kind == "text":
        text = str(value)
        return {
            "has": filter_value.lower() in text.lower(),
            "is": text == filter_value,
            "starts": text.lower().startswith(filter_value.lower()),
        }[operator]
    if item.kind == "select":
        return (str(getattr(value, "value", value)) in filter_value.split(",")) == (operator == "is")
    if operator == "in":
        return {"past": value < clock.get_today(), "future": value > clock.get_today()}[filter_value]
    parsed_value = {"date": date.fromisoformat, "number": Decimal}[item.kind](filter_value)
    return {
        "is": value == parsed_value,
        "on": value == parsed_value,
        "from": value >= parsed_value,
        "to": value <= parsed_value,
    }[operator]


def row_matches_filter(item: Filter, operator: str, filter_value: str, value: Any) -> bool:
    """As `matches_filter`, of a row that may have several values."""
    if isinstance(item, LinkFilter) and item.kind == "select":
        is_named = bool({str(each) for each in value} & set(filter_value.split(",")))
        return {"is": is_named, "not": not is_named, "blank": not value, "filled": bool(value)}[operator]
    if isinstance(item, LinkFilter) and operator in ("blank", "filled"):
        return bool(value) == (operator == "filled")
    values = value if isinstance(value, list) else [value]
    return any(matches_filter(item, operator, filter_value, each) for each in values)


def value_of(item: Filter, row: Any) -> Any:
    if item.owner is not None:
        return list(db.session.scalars(select(item.column).where(item.owner == row.id)))
    if item.name == "unread_by":
        return [mention.user_id for mention in row.mentions if mention.seen_at is None]
    if item.name in MARKUP_CLASSES:
        return [each.percent for each in row.call_markups if each.call_class is MARKUP_CLASSES[item.name]]
    if isinstance(item, LinkFilter):
        return [related.id for related in getattr(row, item.name)]
    if isinstance(item, AccountManagerFilter):
        return row.customer.account_manager_id
    if isinstance(item, CustomerFilter):
        return row.customer.name if row.customer else None
    if item.name in SIGNATURE_VALUES:
        return SIGNATURE_VALUES[item.name](row)
    if item.column.key == "rag":
        return max(
            (risk for risk in (row.business_risk, row.contract_risk) if risk), key=list(Risk).index, default=None
        )
    value = getattr(row, item.column.key)
    return value.date() if isinstance(value, datetime) else value  # the two organisations count days in UTC


def sample_values(item: Filter, rows: list[Any], operator: str) -> list[str]:
    """Values that some of the rows have, and parts of them."""
    if operator in ("blank", "filled"):
        return ["x"]
    if operator == "in":
        return ["past", "future"]
    if item.kind == "yes":
        return ["yes", "no"]
    row_values = [value_of(item, row) for row in rows]
    flat = [
        each for value in row_values for each in (value if isinstance(value, list) else [value]) if each is not None
    ]
    texts = list(dict.fromkeys(str(getattr(value, "value", value)) for value in flat))[:3]
    if item.kind == "text":
        texts += [text[1:4].upper() for text in texts[:1]] + [text[:3] for text in texts[:1]]
    if item.kind == "select" and len(texts) > 1:
        texts += [",".join(texts[:2])]
    return texts


@pytest.fixture
def varied_customers(organisations: TwoOrganisations) -> TwoOrganisations:
    """Our customers differ in everything that can be filtered, and some have nothing there."""
    first, second, third = (db.session.get_one(models.Customer, key) for key in organisations.own.customers)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        first.risk, first.stage, first.credit_limit, first.portal_access = (
            Risk.HIGH,
            Stage.BILLING,
            Decimal(1500),
            False,
        )
        first.category_id = make.CatalogItemFactory(
            organisation=own_organisation(organisations), type=models.enums.CatalogType.CATEGORY
        ).id
        second.credit_limit, second.start_date = Decimal("0.50"), date(2020, 2, 29)
        third.is_prospect, third.identity_number, third.account_manager_id = True, "ID 1", None
        third.region_id = third.start_date = third.risk = third.email = None
        second.compliance_documents[0].expiry_date = date(2024, 6, 30)
        third.compliance_documents = []
        for customer, percent in ((second, "12.5"), (third, "-3")):
            markup = {"call_class": CallClass.INBOUND, "percent": Decimal(percent)}
            customer.call_markups = [models.CallMarkup(organisation_id=organisations.own.id, **markup)]
        _vary_contracts(organisations, second.id)
        db.session.commit()
    return organisations


def _vary_contracts(organisations: TwoOrganisations, customer_id: int) -> None:
    owned = {"organisation": own_organisation(organisations), "customer_id": customer_id}
    for number, business in enumerate((None, *Risk)):
        for contract in (None, *Risk):
            make.ContractFactory(
                **owned,
                business_risk=business,
                contract_risk=contract,
                connections=number * 7,
                status=list(ContractStatus)[number],
                value=Decimal(number) if number else None,
                supplier="Nordkabel" if number == 1 else None,
                end_date=date(2026, 1, 1 + number) if number else None,
                business_entity_id=make.BusinessEntityFactory(organisation=own_organisation(organisations)).id
                if contract
                else None,
            )
    for number, status in enumerate(OrderStatus):
        delivered = date(2025, 3, 1) if status is OrderStatus.DELIVERED else None
        make.CustomerOrderFactory(
            **owned,
            status=status,
            delivered_on=delivered,
            connections=number + 1,
            wanted_on=date(2025, 4, 1 + number) if number else None,
        )


@pytest.mark.slow
def test_every_filter_finds_what_it_says(varied_customers: TwoOrganisations, admin: Browser):
    wrong = []
    for endpoint, view in VIEWS.items():
        rows = list_rows(varied_customers, endpoint)
        for item in view.filters:
            if endpoint == "history" and item.name != "customer":
                continue  # thousands of rows: see below
            for operator, _ in item.list_operators():
                for filter_value in sample_values(item, rows, operator):
                    values = {row.id: value_of(item, row) for row in rows}
                    expected = {
                        key for key, value in values.items() if row_matches_filter(item, operator, filter_value, value)
                    }
                    found = list_row_ids(admin, endpoint, f"f={item.name}:{operator}:{quote(filter_value)}")
                    complete = len(found) < 100
                    if (set(found) != expected) if complete else not (set(found) <= expected):
                        wrong.append((endpoint, item.name, operator, filter_value, sorted(found), sorted(expected)))
    assert wrong == []


def test_two_conditions_on_documents_are_met_by_one_of_them(organisations: TwoOrganisations, admin: Browser):
    with history.act_as(Actor(None, organisations.own.id), "test"):
        first, second, third = (db.session.get_one(models.Customer, key) for key in organisations.own.customers)
        first.compliance_documents[0].expiry_date = date(2030, 1, 1)
        owned = {"organisation_id": organisations.own.id, "customer_id": first.id, "file_id": None}
        make.ComplianceDocumentFactory(**owned, expiry_date=date(2030, 12, 1))
        second.compliance_documents[0].expiry_date = date(2030, 5, 15)
        third.compliance_documents[0].expiry_date = date(2031, 5, 15)
        db.session.commit()
    span = "f=expiry:from:2030-05-01&f=expiry:to:2030-06-01"
    assert list_row_ids(admin, "customers", span) == [second.id]
    assert list_row_ids(admin, "customers", f"{span}&f=email:is:{first.email}") == []
    assert set(list_row_ids(admin, "customers", "f=expiry:from:2030-05-01")) == {first.id, second.id, third.id}


def test_the_history_is_filtered_by_who_what_and_where(organisations: TwoOrganisations, admin: Browser):
    customer = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    assert admin.submit(customer, website="www.example.com").status_code == 303
    key = organisations.own.customers[0]
    filters = (
        "actor:is:The admin",
        "table:is:customer",
        "action:is:changed",
        "source:has:customers/edit",
        f"customer:is:{key}",
    )
    (entry,) = db.session.scalars(select(models.History).where(models.History.source.contains("customers/edit")))
    assert list_row_ids(admin, "history", "&".join(f"f={quote(each)}" for each in filters)) == [entry.id]
    assert (
        list_row_ids(admin, "history", "&".join(f"f={quote(each)}" for each in (*filters, "actor:is:The agent"))) == []
    )


@pytest.mark.slow
def test_junk_in_the_address_of_a_list_is_left_out(organisations: TwoOrganisations, admin: Browser):
    filters: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for endpoint, view in VIEWS.items():
        for item in view.filters:
            for operator, _ in item.list_operators():
                filters.setdefault((item.kind, operator), []).append((endpoint, item.name))
    for (_, operator), places in filters.items():
        count = max(len(places), len(INVALID_VALUES))  # every filter, and every value for each kind of filter
        for (endpoint, name), text in islice(zip(cycle(places), cycle(INVALID_VALUES), strict=False), count):
            answer = admin.get(f"/admin/{endpoint}/?f={name}:{operator}:{quote(text)}")
            assert answer.status_code == 200, (endpoint, name, operator, text)
            assert "<script>" not in answer.text.split("<main")[1].replace("&lt;script&gt;", "")
    everything = list_row_ids(admin, "customers")
    for query in MALFORMED_QUERIES:
        assert set(list_row_ids(admin, "customers", query)) <= set(everything), query
    assert list_row_ids(admin, "customers", "f=nobody:is:1&sort=password_hash&desc=x") == everything


@pytest.mark.parametrize("text", ["%00", "a%00b", "%00%00"])
def test_a_nul_in_an_address_is_refused_politely(organisations: TwoOrganisations, admin: Browser, text: str):
    for url in (
        f"/admin/customers/?search={text}",
        f"/admin/customers/?f=email:has:{text}",
        f"/admin/search/?q={text}",
        f"/admin/search/suggest?q={text}",
        f"/admin/customers/export/csv/?search={text}",
        f"/admin/customers/?{text}=1",
        f"/admin/customers/ajax/lookup/?name=customer.account_manager_id&query={text}",
        f"/admin/customers/details/?id={text}",
        f"/admin/customers/operation/delete/?id={text}",
        f"/sign-in?next={text}",
        f"/admin/{text}",
    ):
        answer = admin.get(url)
        assert answer.status_code == 400, url
        assert "could not be understood" in answer.text


# --- Sorting and pages -------------------------------------------------------------------------------------


@pytest.fixture
def many_customers(organisations: TwoOrganisations) -> TwoOrganisations:
    """45 customers more, alike in everything but their names, some of which are the same."""
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    for number in range(45):
        make.CustomerFactory(
            organisation=own_organisation(organisations),
            name=f"Same {number // 3}",
            region_id=customer.region_id,
            status_id=customer.status_id,
            departments=[],
            contacts=[],
            start_date=date(2025, 1, 1 + number % 3),
            account_number=f"7{number:05d}",
        )
    db.session.commit()
    return organisations


def test_pages_hold_every_row_once_however_it_is_sorted(many_customers: TwoOrganisations, admin: Browser):
    everything = {row.id for row in list_rows(many_customers, "customers")}
    for column in VIEWS["customers"].columns:
        for order in ("", "&desc=1"):
            seen_ids: list[int] = []
            for page in range(3):
                query = f"sort={column.name}{order}&page={page}&page_size=20"
                seen_ids += [
                    int(key)
                    for key in re.findall(r'data-href="[^"]*id=(\d+)"', admin.get(f"/admin/customers/?{query}").text)
                ]
            assert len(seen_ids) == len(everything), (column.name, order)
            assert set(seen_ids) == everything, (column.name, order)


@pytest.mark.parametrize(
    ("column", "key"),
    [
        ("name", lambda row: row.sort_name),
        ("reference", lambda row: row.reference_key),
        ("account_number", lambda row: row.account_number),
        ("start_date", lambda row: row.start_date),
    ],
)
def test_a_column_sorts_both_ways(many_customers: TwoOrganisations, admin: Browser, column: str, key: Any):
    rows = {row.id: row for row in list_rows(many_customers, "customers")}
    upwards = [key(rows[row_id]) for row_id in list_row_ids(admin, "customers", f"sort={column}")]
    assert upwards == sorted(upwards)
    downwards = list_row_ids(admin, "customers", f"sort={column}&desc=1")
    assert downwards == list(reversed(list_row_ids(admin, "customers", f"sort={column}")))


# --- Search ------------------------------------------------------------------------------------------------


def test_search_finds_by_each_column_it_names(organisations: TwoOrganisations, admin: Browser):
    for endpoint, view in VIEWS.items():
        for column in view.search_columns:
            if column.key == "search_text":
                continue
            row = next((row for row in list_rows(organisations, endpoint) if getattr(row, column.key)), None)
            if row is not None and endpoint != "history":
                text = getattr(row, column.key)
                for search_text in (text, text.upper(), text[1:-1]):
                    assert row.id in list_row_ids(admin, endpoint, f"search={quote(search_text)}"), (
                        endpoint,
                        column.key,
                        search_text,
                    )


@pytest.mark.parametrize("search_text", ["%", "_", "\\", "%%", "a_%"])
def test_search_takes_every_sign_literally(organisations: TwoOrganisations, admin: Browser, search_text: str):
    plain = make.DepartmentFactory(organisation=own_organisation(organisations), name="Plain")
    signed = make.DepartmentFactory(organisation=own_organisation(organisations), name=f"A {search_text} sign")
    db.session.commit()
    found = list_row_ids(admin, "departments", f"search={quote(search_text)}")
    assert found == [signed.id] != [plain.id]


def test_search_and_filters_narrow_together(organisations: TwoOrganisations, admin: Browser):
    first = db.session.get_one(models.Customer, organisations.own.customers[0])
    assert list_row_ids(admin, "customers", "search=our+telecom&f=risk:is:Low") == sorted(organisations.own.customers)
    assert list_row_ids(admin, "customers", f"search={first.reference}&f=risk:is:Low") == [first.id]
    assert list_row_ids(admin, "customers", f"search={first.reference}&f=risk:is:High") == []
    assert "No results" in admin.get(f"/admin/customers/?search={first.reference}&f=risk:is:High").text
