"""The template: what people download, fill in and send back."""

import io

import pytest
from openpyxl import load_workbook

from customerhub.core import history
from customerhub.core.errors import NotAllowed
from customerhub.core.xlsx.package import UnusableFile
from customerhub.customers.importing.columns import COLUMNS, STANDARD_COLUMNS
from customerhub.customers.importing.template import write_template
from models import CatalogItem
from models.base import db
from models.enums import CatalogType, DateFormat, Role
from tests.customerhub.customers.conftest import ImportOrg, make_import_org
from tests.support.imports import get_customer, import_now
from tests.support.people import make_user


def open_template(import_org, max_rows=500):
    file = io.BytesIO()
    write_template(file, actor=import_org.actor, max_rows=max_rows)
    return load_workbook(io.BytesIO(file.getvalue()))


def list_drop_downs(book):
    """header → (what can be chosen, whether anything else is refused)."""
    sheet, lists = book["customers"], book["choices"]
    choices_by_header = {}
    for rule in sheet.data_validations.dataValidation:
        cells = next(iter(rule.sqref.ranges))
        area = rule.formula1.removeprefix("choices!").replace("$", "")
        choices = [cell.value for (cell,) in lists[area]]
        assert (cells.min_row, cells.max_row) == (2, 501)
        choices_by_header[sheet.cell(1, cells.min_col).value] = (choices, bool(rule.showErrorMessage))
    return choices_by_header


def test_the_columns_are_those_of_an_import(import_org):
    sheet = open_template(import_org)["customers"]
    assert [cell.value for cell in sheet[1]] == list(STANDARD_COLUMNS.headers)
    assert all(cell.comment.text for cell in sheet[1])
    assert sheet.column_dimensions["B"].number_format == "@"
    assert sheet.max_row == 1


def test_the_drop_downs_hold_what_the_organisation_has(session, import_org):
    make_import_org(session, "Other Telecom")
    with history.act_as(import_org.actor, "test"):
        db.session.add(CatalogItem(organisation_id=import_org.id, type=CatalogType.REGION, name="=Oceania"))
        db.session.add(
            CatalogItem(organisation_id=import_org.id, type=CatalogType.REGION, name="Gondwana", active=False)
        )
        db.session.commit()
    offered = list_drop_downs(open_template(import_org))
    assert offered == {
        "risk": (["Low", "Medium", "High"], True),
        "reviewFrequency": (["1 Month", *(f"{number} Months" for number in range(2, 13))], False),
        "regionName": (["=Oceania", "Europe", "North America", "South America"], True),
        "department": (["Finance", "Operations", "Sales"], False),
        "notificationMessage": (["Customer review"], True),
    }


def test_a_sheet_explains_each_column(import_org):
    sheet = open_template(import_org)["explanations"]
    explanations = {row[0]: row for row in sheet.iter_rows(values_only=True)}
    for column in COLUMNS:
        header, needed, explained, example = explanations[column.header]
        assert (header, bool(needed), example) == (
            column.header,
            column.is_required,
            column.format_example(DateFormat.SPOKEN),
        )
        assert explained.startswith(column.explanation)
    assert "Europe, North America, South America" in explanations["regionName"][2]


def test_an_organisation_without_set_up_gets_a_template_too(session, import_org):
    from tests.support.people import make_organisation

    bare = make_organisation("Bare")
    bare_house = ImportOrg(bare, make_user(bare))
    db.session.commit()
    assert set(list_drop_downs(open_template(bare_house))) == {"risk", "reviewFrequency"}


def test_the_examples_are_right(import_org):
    book = open_template(import_org)
    book["customers"].append([column.example for column in COLUMNS])
    file = io.BytesIO()
    book.save(file)
    result = import_now(io.BytesIO(file.getvalue()), import_org)
    assert (result.errors, result.ignored_columns, result.counts.new) == ([], [], 1)
    imported_customer = get_customer("ALFKI", import_org)
    assert (imported_customer.name, imported_customer.review_frequency, len(imported_customer.departments)) == (
        "Alfreds Futterkiste",
        3,
        2,
    )


def test_an_empty_template_is_refused(import_org):
    file = io.BytesIO()
    open_template(import_org).save(file)
    with pytest.raises(UnusableFile, match="“customers” has no rows below its header"):
        import_now(io.BytesIO(file.getvalue()), import_org)


def test_who_may_not_import_gets_no_template(import_org):
    outsider = ImportOrg(import_org.organisation, make_user(import_org.organisation, Role.PARTNER))
    with pytest.raises(NotAllowed):
        open_template(outsider)
