"""Any cells at all: each row is saved exactly as its cells mean, or reported, as a slow second reader says.

The second reader goes through the workbook with openpyxl, one cell after the other, and asks the rules directly.
"""

import io
import re
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import delete, select

from customerhub.core import dates, history, validation
from customerhub.core.errors import Invalid
from customerhub.customers import rules
from customerhub.customers.importing.columns import HEADERS
from models import CatalogItem, Customer, Department, NotificationTemplate, OutboxMessage, User
from models.base import db
from models.enums import DateFormat, Role
from models.keys import exact_key, fold_text
from tests.support.imports import import_now, list_customers
from tests.support.workbooks import valid_row

RULES = {
    "name": lambda text: validation.clean_text(text, max_length=200),
    "reference": lambda text: validation.clean_text(text, max_length=40),
    "address": lambda text: validation.clean_text(text, max_length=500, multiline=True),
    "contactNumber": lambda text: validation.clean_text(text, max_length=60),
    "email": validation.clean_emails,
    "reviewFrequency": rules.clean_frequency,
    "reviewerEmail": validation.clean_email,
    "creditCheckCompany": lambda text: validation.clean_text(text, max_length=120),
    "risk": rules.clean_risk,
    "financialEndDay": rules.clean_day_of_month,
    "financialEndMonth": rules.clean_month,
    "relationshipNote": lambda text: validation.clean_text(text, max_length=1000, multiline=True),
}
NAMES = {
    "regionName": ("europe", "north america", "south america"),
    "notificationMessage": ("customer review",),
    "department": ("sales", "operations", "finance"),
}
IDENTIFIERS = ("name", "reference", "contactNumber")
DATES = ("reviewStartDate", "startDate")

ordinary_values = {header: st.just(cell) for header, cell in valid_row(1).items()} | {
    "reference": st.sampled_from(["A", "a ", "7", 7, "007", "B", "C", "D"]),
    "name": st.sampled_from(["Alfreds", " Blauer See ", "Königlich"]),
    "department": st.sampled_from(["Sales", "finance, SALES", "Operations,Finance"]),
    "regionName": st.sampled_from(["Europe", "europe ", "North  America"]),
    "risk": st.sampled_from(["Low", "RED", "medium "]),
}
strange_values = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=20).filter(
        lambda text: "_x" not in text
    ),
    st.sampled_from(
        [
            "",
            " ",
            "#N/A",
            "=A1",
            "Sales",
            "Europe",
            "31/01/2025",
            "2025-02-30",
            "45688",
            "13",
            "12",
            "1 Month",
            "Dec",
            "x" * 300,
            "one@two.example, three@four.example",
            "\u202e",
            "Low",
            "Customer Review",
            "a\nb",
            "a,b;c",
            "'",
            "0",
        ]
    ),
    st.integers(-5, 50_000),
    st.floats(-10, 100_000).map(lambda number: round(number, 4)),
    st.dates(date(1900, 3, 1), date(2300, 1, 1)),
    st.datetimes(datetime(1900, 3, 1), datetime(2300, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),  # noqa: DTZ001
    st.booleans(),
)


@st.composite
def draw_rows(draw):
    """Rows that are mostly right, each with a few strange cells."""
    drawn_rows = []
    for _ in range(draw(st.integers(1, 6))):
        row = {header: draw(ordinary_values[header]) for header in HEADERS}
        for header in draw(st.lists(st.sampled_from(HEADERS), max_size=3)):
            row[header] = draw(strange_values)
        drawn_rows.append(row)
    return drawn_rows


def build_workbook(drawn_rows):
    book = Workbook()
    book.active.append(HEADERS)
    for line, row in enumerate(drawn_rows, 2):
        for place, header in enumerate(HEADERS, 1):
            book.active.cell(line, place, row[header])
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


def parse_cell(header, cell):
    """What a cell of openpyxl means in the column `header`; None where it is blank. Raises Invalid."""
    value = cell.value
    if cell.data_type in ("f", "e"):
        raise Invalid("no value")
    if isinstance(value, str) and not value.strip():
        value = None
    if value is None:
        return None
    if header in DATES:
        if isinstance(value, datetime):
            return dates.require_date_in_range(value.date())
        if not isinstance(value, bool) and isinstance(value, (int, float)):
            return dates.date_from_serial(value)
        return dates.parse_date(cell_text(value), DateFormat.SPOKEN)
    if header in IDENTIFIERS and isinstance(value, (bool, datetime)):
        raise Invalid("changed by Excel")
    if header in NAMES:
        return split_names(header, cell_text(value))
    return RULES[header](cell_text(value))


def cell_text(value):
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else f"{value:.15g}"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(" ")
    return str(value)


def split_names(header, text):
    names = [fold_text(text)]
    if header == "department":
        names = list(dict.fromkeys(filter(None, map(fold_text, re.split("[,;\n]", text)))))
    if any(name not in NAMES[header] for name in names):
        raise Invalid("no such name")
    return tuple(sorted(names)) or None


def keeps_rules(customer):
    """Whether the customer as it would be keeps the rules that look at several cells."""
    get = customer.get
    try:
        rules.check_year_end(get("financialEndDay"), get("financialEndMonth"))
        rules.check_review_schedule(get("reviewStartDate"), get("reviewFrequency"))
    except Invalid:
        return False
    return all(
        get(header) for header in ("name", "reference", "email", "risk", "startDate", "regionName", "department")
    )


def expected_result(file, customers_before):
    """(customers by key after the import of the good rows, row → outcome), read slowly."""
    after, outcomes, seen_keys = dict(customers_before), {}, set()
    for line in load_workbook(file).active.iter_rows(min_row=2):
        cells = dict(zip(HEADERS, line, strict=True))
        values, fault = {}, False
        for header, cell in cells.items():
            try:
                value = parse_cell(header, cell)
            except Invalid:
                fault = True
            else:
                if value is not None:
                    values[header] = value
        number = line[0].row
        blank = not fault and not values and all(not str(cell.value or "").strip() for cell in line)
        if blank:
            continue
        key = exact_key(values.get("reference"))
        twice = key in seen_keys if key else False
        seen_keys.add(key)
        was = customers_before.get(key, {})
        becomes = was | values
        if fault or twice or not keeps_rules(becomes):
            outcomes[number] = "error"
            continue
        if not was:
            outcomes[number] = "new"
        else:
            outcomes[number] = "unchanged" if becomes == was else "changed"
        after[key] = becomes
    return after, outcomes


def stored_customers(import_org):
    """The customers as the database holds them, in the terms of the second reader."""
    customers_by_key = {}
    values = {
        model: {row.id: fold_text(row.name) for row in db.session.scalars(select(model))}
        for model in (CatalogItem, NotificationTemplate, Department)
    }
    for one in list_customers(import_org):
        cells = {
            "name": one.name,
            "reference": one.reference,
            "contactNumber": one.contact_number,
            "email": one.email,
            "reviewStartDate": one.review_start_date,
            "reviewFrequency": one.review_frequency,
            "reviewerEmail": one.reviewer_email,
            "creditCheckCompany": one.credit_check_company,
            "risk": one.risk,
            "financialEndDay": one.year_end_day,
            "financialEndMonth": one.year_end_month,
            "relationshipNote": one.relationship_note,
            "startDate": one.start_date,
            "address": one.addresses[0].lines if one.addresses else None,
            "regionName": (values[CatalogItem][one.region_id],),
            "notificationMessage": (values[NotificationTemplate][one.review_template_id],)
            if one.review_template_id
            else None,
            "department": tuple(sorted(values[Department][department.id] for department in one.departments)),
        }
        assert one.existing_relationship is (one.relationship_note is not None)
        customers_by_key[one.reference_key] = {header: cell for header, cell in cells.items() if cell is not None}
    return customers_by_key


def delete_customers():
    db.session.rollback()
    quietly = history.bulk_options() | {"synchronize_session": False}
    db.session.execute(delete(OutboxMessage))
    db.session.execute(delete(User).where(User.role == Role.CUSTOMER), execution_options=quietly)
    db.session.execute(delete(Customer), execution_options=quietly)
    db.session.commit()


@pytest.mark.slow
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(draw_rows(), min_size=1, max_size=3))
def test_each_row_is_saved_as_its_cells_mean_or_reported(import_org, files):
    delete_customers()
    customers_before = {}
    for drawn_rows in files:
        file = build_workbook(drawn_rows)
        after, outcomes = expected_result(file, customers_before)
        file.seek(0)
        if not outcomes:
            continue
        result = import_now(file, import_org, good_rows_only=True)
        wrong = {error.row for error in result.errors}
        assert wrong == {number for number, outcome in outcomes.items() if outcome == "error"}
        counted = list(outcomes.values())
        tally = result.counts
        assert {"new": tally.new, "changed": tally.changed, "unchanged": tally.unchanged, "error": tally.error} == {
            outcome: counted.count(outcome) for outcome in ("new", "changed", "unchanged", "error")
        }
        assert stored_customers(import_org) == after
        customers_before = after
