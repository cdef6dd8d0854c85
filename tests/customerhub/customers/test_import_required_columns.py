"""The columns that the workbook of an organisation has beside the usual ones, for what it requires."""

import io
from datetime import date
from decimal import Decimal
from typing import Any

import openpyxl
import pytest

from customerhub.core import history
from customerhub.core.errors import Invalid
from customerhub.core.xlsx.sheet import PercentNumber
from customerhub.customers.importing.checking import _build_reader
from customerhub.customers.importing.columns import CellType, ImportColumns
from customerhub.customers.importing.custom_columns import load_columns
from customerhub.customers.importing.lookups import Lookup
from customerhub.customers.importing.required_columns import EXTRA_FIELDS, build_column
from models.base import db
from models.enums import CatalogType, CustomerType, DateFormat, Role
from tests.customerhub.customers.conftest import ImportOrg
from tests.customerhub.customers.test_export_and_import import change_nothing, export_workbook
from tests.customerhub.customers.test_required_fields import build, require
from tests.support.custom_fields import K, add_field
from tests.support.factories import BusinessEntityFactory, CatalogItemFactory, DealerFactory
from tests.support.imports import (
    get_customer,
    import_and_save,
    import_now,
    list_history,
    list_rows,
    revert_import,
    single_problem,
)
from tests.support.people import make_user
from tests.support.statements import record_statements
from tests.support.workbooks import valid_row
from views.customers.columns import COLUMNS as LIST_COLUMNS
from views.customers.columns import list_import_columns

SEVERAL = "Several entries of the set-up have the name “Ada”. Choose the manager in the form"
# A cell of each field that names no row of the set-up, what it means, and one that is refused.
CELLS: dict[str, tuple[Any, Any, Any]] = {
    "correspondence_name": (" Ada & Söhne ", "Ada & Söhne", "x" * 201),
    "credit_limit": ("1,234.50", Decimal("1234.50"), "-1"),
    "customer_type": ("llp", CustomerType.LLP, "Nonsense"),
    "markup": (PercentNumber(0.12), Decimal(12), "1001"),
    "number_of_users": (12, 12, "1.5"),
    "registration_date": (date(2020, 2, 29), date(2020, 2, 29), "2020-02-30"),
    "total_spend": (1234.5, Decimal("1234.50"), "a lot"),
    "vat_registration_date": ("2020-02-29", date(2020, 2, 29), "yesterday"),
    "website": ("www.example.com", "https://www.example.com", "no site"),
}


def require_fields(import_org: ImportOrg, *names: str) -> None:
    with history.act_as(import_org.actor, "test"):
        require(import_org.actor, *names)
        db.session.commit()


# --- What a column is called and reads ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXTRA_FIELDS)
def test_each_column_reads_what_its_field_holds_and_refuses_the_rest(name: str):
    column = build_column(name)
    lookups = {name: Lookup("name", [(7, "The (one)", True)])}
    read = _build_reader(column, lookups, DateFormat.ISO, 0)
    assert name.endswith("_id") is (column.cell_type is CellType.NAME)
    cell, value, bad_cell = CELLS.get(name, ("the (ONE) ", 7, "another"))
    assert read(cell) == value
    with pytest.raises(Invalid):
        read(bad_cell)
    if column.cell_type is not CellType.NAME:
        assert read(column.format_example(DateFormat.ISO)) is not None


@pytest.mark.parametrize("name", EXTRA_FIELDS)
def test_each_column_is_recognised_by_its_heading_in_the_list(name: str):
    columns = ImportColumns([build_column(each) for each in EXTRA_FIELDS])
    (label,) = [each.label for each in LIST_COLUMNS if each.name == name.removesuffix("_id")]
    assert columns.find_field(label) == name


def test_a_field_of_ones_own_that_is_called_like_one_of_them_goes_by_its_key(import_org: ImportOrg):
    with history.act_as(import_org.actor, "test"):
        own = add_field(import_org.actor, K.TEXT, "Acquisition channel")
        db.session.commit()
    assert load_columns(import_org.id).header_of(own.name) == "Acquisition channel"
    require_fields(import_org, "channel_id")
    columns = load_columns(import_org.id)
    assert columns.header_of(own.name) == f"Acquisition channel ({own.key})"
    assert columns.find_field("Acquisition channel") == "channel_id"


def test_what_is_exported_as_for_import_comes_back(import_org: ImportOrg):
    own = {"organisation": import_org.organisation}
    with history.act_as(import_org.actor, "test"):
        CatalogItemFactory(**own, type=CatalogType.CHANNEL, name="Fair, spring")
        BusinessEntityFactory(**own, name="The entity")
        for code in ("00042", "D 1", "D-2"):
            DealerFactory(**own, code=code, name="One name")
        db.session.commit()
    require_fields(import_org, "channel_id", "business_entity_id", "dealer_id", "markup")
    cells = {"channel": "fair, SPRING", "businessEntity": "The entity", "dealer": "d 1", "markup": 12.5}
    assert import_now(build(cells, valid_row(1)), import_org).errors == []
    customer = get_customer("REF1", import_org)
    assert (customer.channel.name, customer.business_entity.name) == ("Fair, spring", "The entity")
    assert (customer.dealer.code, customer.markup) == ("D 1", Decimal("12.5"))
    names = list_import_columns(LIST_COLUMNS, import_org.id)
    assert {"channel", "business_entity", "dealer", "markup"} <= {*names}
    change_nothing(export_workbook(import_org, names), import_org)
    assert single_problem(build(cells | {"dealer": "One name"}, valid_row(2)), import_org) == (
        "dealer",
        "“One name” is not a dealer code: 00042, D 1, D-2",
    )


def test_a_markup_means_what_excel_shows_and_is_told_so(import_org: ImportOrg):
    require_fields(import_org, "markup")
    book = openpyxl.load_workbook(build({"markup": 0.12}, valid_row(1), valid_row(2)))
    book.active.cell(3, len(valid_row()) + 1).number_format = "0%"
    file = io.BytesIO()
    book.save(file)
    import_id = import_and_save(io.BytesIO(file.getvalue()), import_org)
    assert [row.errors or [] for row in list_rows(import_id)] == [[], []]
    assert [get_customer(each, import_org).markup for each in ("REF1", "REF2")] == [Decimal("0.12"), Decimal(12)]
    entry = list_history(get_customer("REF2", import_org).id)[0]
    assert entry.changes["markup"] == [None, "12 %"]


def test_a_refusal_has_the_article_of_its_noun():
    for noun, words in (("account manager", "an account manager"), ("User type", "a User type"), ("tag", "a tag")):
        with pytest.raises(Invalid, match=f"“x” is not {words}. There is none yet: add {words} under Set-up"):
            Lookup(noun, []).get_id("x")


# --- Names that several have -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_one_in_use_is_meant_where_a_retired_one_has_the_same_name(is_reversed: bool):
    rows = [(1, "Ada", False), (2, "ADA", True), (3, "Ada", False)]
    lookup = Lookup("manager", rows[::-1] if is_reversed else rows)
    assert (lookup.get_id("ada"), lookup.get_ids("Ada"), lookup.choices) == (2, (2,), ["ADA"])


@pytest.mark.parametrize("active", [True, False])
def test_a_name_that_several_have_is_refused(active: bool):
    lookup = Lookup("manager", [(1, "Ada", active), (2, "Bo, Ada", True), (3, "ada", active)])
    assert lookup.choices == ["Bo, Ada"]
    assert lookup.get_ids("Bo, Ada") == (2,)
    for read in (lookup.get_id, lookup.get_ids):
        with pytest.raises(Invalid) as refusal:
            read(" Ada")
        assert refusal.value.message == SEVERAL


def test_managers_of_one_name_are_not_told_apart_by_chance(import_org: ImportOrg):
    require_fields(import_org, "responsible_manager_id")
    make_user(import_org.organisation, Role.MANAGER, name="Ada Byron", active=False)
    chosen = make_user(import_org.organisation, Role.MANAGER, name="Ada Byron")
    cells = {"responsibleManager": "Ada Byron"}
    import_now(build(cells, valid_row(1)), import_org)
    assert get_customer("REF1", import_org).responsible_manager_id == chosen.id
    make_user(import_org.organisation, Role.MANAGER, name="Ada Byron")
    column, reason = single_problem(build(cells, valid_row(2)), import_org)
    assert column == "responsibleManager"
    assert reason == (
        "Several entries of the set-up have the name “Ada Byron”. Choose the responsible manager in the form"
    )


def test_who_has_left_stays_where_the_name_has_not_changed(import_org: ImportOrg):
    require_fields(import_org, "responsible_manager_id")
    former = make_user(import_org.organisation, Role.MANAGER, name="Ada Byron")
    cells = {"responsibleManager": "ada byron"}
    import_now(build(cells, valid_row(1)), import_org)
    with history.act_as(import_org.actor, "test"):
        former.active = False
        present = make_user(import_org.organisation, Role.MANAGER, name="Ada Byron")
        db.session.commit()
    import_id = import_and_save(build(cells, valid_row(1, risk="High"), valid_row(2)), import_org)
    assert list_rows(import_id)[0].changes == {"risk": ["Low", "High"]}
    managers = [get_customer(each, import_org).responsible_manager_id for each in ("REF1", "REF2")]
    assert managers == [former.id, present.id]


# --- Reverting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_is_no_longer_required_is_taken_back_all_the_same(import_org: ImportOrg, is_gone: bool):
    with history.act_as(import_org.actor, "test"):
        former = CatalogItemFactory(organisation=import_org.organisation, type=CatalogType.SEGMENT, name="Lemuria")
        db.session.commit()
    require_fields(import_org, "segment_id", "markup")
    import_now(build({"segment": "Lemuria", "markup": 5}, valid_row(1)), import_org)
    import_id = import_and_save(build({"segment": "Atlantis", "markup": "12.5"}, valid_row(1)), import_org)
    require_fields(import_org)
    if is_gone:
        with history.act_as(import_org.actor, "screen"):
            db.session.delete(db.session.merge(former))
            db.session.commit()
    revert_import(import_id, import_org)
    customer = get_customer("REF1", import_org)
    problems = [(each["column"], each["reason"]) for each in list_rows(import_id)[0].errors or []]
    newest_changes = list_history(customer.id)[-1].changes
    if is_gone:
        assert (customer.segment.name, problems) == (
            "Atlantis",
            [("segment", "The previous value is no longer in the set-up")],
        )
        assert newest_changes == {"markup": ["12.5 %", "5 %"]}
    else:
        assert (customer.segment.name, problems) == ("Lemuria", [])
        assert newest_changes == {"segment": ["Atlantis", "Lemuria"], "markup": ["12.5 %", "5 %"]}
    assert customer.markup == 5


def test_the_statements_of_a_revert_do_not_grow_with_the_rows(import_org: ImportOrg):
    def count(numbers: range, risk: str) -> int:
        import_id = import_and_save(build({}, *(valid_row(each, risk=risk) for each in numbers)), import_org)
        with record_statements() as statements:
            revert_import(import_id, import_org)
        return len(statements)

    import_now(build({}, *(valid_row(each, risk="Low") for each in range(1, 31))), import_org)
    count(range(1, 3), "High")
    assert count(range(1, 31), "High") == count(range(1, 3), "Medium")
