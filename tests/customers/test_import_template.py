"""The template: what people download, fill in and send back."""

import io

import pytest
from openpyxl import load_workbook

from customerhub import history
from customerhub.customers.importing.columns import COLUMNS, HEADERS
from customerhub.customers.importing.template import write_template
from customerhub.customers.importing.workbook import Unusable
from customerhub.errors import NotAllowed
from models import CatalogItem
from models.base import db
from models.enums import CatalogType, Role
from tests.customers.conftest import House, make_house
from tests.customers.importing import customer, import_now
from tests.people import make_user


def template(house, max_rows=500):
    file = io.BytesIO()
    write_template(file, actor=house.actor, max_rows=max_rows)
    return load_workbook(io.BytesIO(file.getvalue()))


def drop_downs(book):
    """header → (what can be chosen, whether anything else is refused)."""
    sheet, lists = book["customers"], book["choices"]
    found = {}
    for rule in sheet.data_validations.dataValidation:
        cells = next(iter(rule.sqref.ranges))
        area = rule.formula1.removeprefix("choices!").replace("$", "")
        choices = [cell.value for (cell,) in lists[area]]
        assert (cells.min_row, cells.max_row) == (2, 501)
        found[sheet.cell(1, cells.min_col).value] = (choices, bool(rule.showErrorMessage))
    return found


def test_the_columns_are_those_of_an_import(house):
    sheet = template(house)["customers"]
    assert [cell.value for cell in sheet[1]] == list(HEADERS)
    assert all(cell.comment.text for cell in sheet[1])
    assert sheet.column_dimensions["B"].number_format == "@"
    assert sheet.max_row == 1


def test_the_drop_downs_hold_what_the_organisation_has(session, house):
    make_house(session, "Other Telecom")
    with history.acting(house.actor, "test"):
        db.session.add(CatalogItem(organisation_id=house.id, type=CatalogType.REGION, name="=Oceania"))
        db.session.add(CatalogItem(organisation_id=house.id, type=CatalogType.REGION, name="Gondwana", active=False))
        db.session.commit()
    offered = drop_downs(template(house))
    assert offered == {
        "risk": (["Low", "Medium", "High"], True),
        "reviewFrequency": (["1 Month", *(f"{number} Months" for number in range(2, 13))], False),
        "regionName": (["=Oceania", "Europe", "North America", "South America"], True),
        "department": (["Finance", "Operations", "Sales"], False),
        "notificationMessage": (["Customer review"], True),
    }


def test_a_sheet_explains_each_column(house):
    sheet = template(house)["explanations"]
    told = {row[0]: row for row in sheet.iter_rows(values_only=True)}
    for column in COLUMNS:
        header, needed, explained, example = told[column.header]
        assert (header, bool(needed), example) == (column.header, column.needed, column.example)
        assert explained.startswith(column.explained)
    assert "Europe, North America, South America" in told["regionName"][2]


def test_an_organisation_without_set_up_gets_a_template_too(session, house):
    from tests.people import make_organisation

    bare = make_organisation("Bare")
    bare_house = House(bare, make_user(bare))
    db.session.commit()
    assert set(drop_downs(template(bare_house))) == {"risk", "reviewFrequency"}


def test_the_examples_are_right(house):
    book = template(house)
    book["customers"].append([column.example for column in COLUMNS])
    file = io.BytesIO()
    book.save(file)
    result = import_now(io.BytesIO(file.getvalue()), house)
    assert (result.errors, result.ignored_columns, result.tally.new) == ([], [], 1)
    made = customer("ALFKI", house)
    assert (made.name, made.review_frequency, len(made.departments)) == ("Alfreds Futterkiste", 3, 2)


def test_an_empty_template_is_told(house):
    file = io.BytesIO()
    template(house).save(file)
    with pytest.raises(Unusable, match="“customers” has no rows below its header"):
        import_now(io.BytesIO(file.getvalue()), house)


def test_who_may_not_import_gets_no_template(house):
    outsider = House(house.organisation, make_user(house.organisation, Role.PARTNER))
    with pytest.raises(NotAllowed):
        template(outsider)
