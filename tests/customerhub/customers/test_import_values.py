"""What a cell shows, and how the organisation writes, decides what is saved; with two readings nothing is."""

import io
from datetime import date

import pytest

from customerhub.core import history
from customerhub.core.xlsx.package import UnusableFile
from customerhub.customers import merging
from models import Organisation
from models.base import db
from models.enums import DateFormat
from tests.support.imports import get_customer, import_now, list_customers, single_problem
from tests.support.workbooks import (
    HEADER_ROW,
    build_raw_workbook,
    build_workbook,
    build_zip,
    to_zip64,
    valid_row,
    xml_valid_row,
)

NUMBER_STYLES = (
    '<numFmts count="3"><numFmt numFmtId="164" formatCode="00000"/>'
    '<numFmt numFmtId="165" formatCode="&quot;K-&quot;00000"/><numFmt numFmtId="166" formatCode="0&quot; Tage&quot;"/>'
    '</numFmts><cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/>'
    '<xf numFmtId="17"/><xf numFmtId="21"/></cellXfs>'
)


def build_case(styles=NUMBER_STYLES, **cells):
    return build_raw_workbook(HEADER_ROW + xml_valid_row(2, **cells), styles=styles)


def write_dates_as(import_org, date_format):
    with history.act_as(import_org.actor, "test"):
        db.session.get_one(Organisation, import_org.id).date_format = date_format
        db.session.commit()


@pytest.mark.parametrize(
    ("date_format", "day"),
    [
        (DateFormat.DAY_MONTH_YEAR, date(2025, 1, 2)),
        (DateFormat.DAY_DOT_MONTH, date(2025, 1, 2)),
        (DateFormat.SPOKEN, date(2025, 1, 2)),
        (DateFormat.MONTH_DAY_YEAR, date(2025, 2, 1)),
    ],
)
def test_a_date_written_in_figures_is_read_as_the_organisation_writes_dates(import_org, date_format, day):
    write_dates_as(import_org, date_format)
    assert import_now(build_workbook([valid_row(1, startDate="02/01/2025")]), import_org).errors == []
    assert get_customer("REF1", import_org).start_date == day


def test_a_date_with_two_readings_is_refused_with_both(import_org):
    write_dates_as(import_org, DateFormat.ISO)
    column, reason = single_problem(build_workbook([valid_row(1, startDate="02/01/2025")]), import_org)
    assert column == "startDate"
    assert "2 January 2025 or 1 February 2025" in reason
    assert list_customers(import_org) == []


@pytest.mark.parametrize("cell", [2025, "2025", 1998, 2025.0])
def test_a_year_alone_is_no_date(import_org, cell):
    column, reason = single_problem(build_workbook([valid_row(1, startDate=cell)]), import_org)
    assert (column, reason) == ("startDate", f"{int(cell)} is a year, not a date: write day, month and year")


@pytest.mark.parametrize(("style", "reference"), [("1", "00042"), ("2", "K-00042"), ("0", "42")])
def test_a_reference_is_what_its_cell_shows(import_org, style, reference):
    """42 shown as 00042 made a second customer beside the one called 00042."""
    import_now(build_workbook([valid_row(1, reference=reference, name="Before")]), import_org)
    file = build_case(reference=f'<c r="{{r}}" s="{style}"><v>42</v></c>')
    assert import_now(file, import_org).errors == []
    (customer,) = list_customers(import_org)
    assert (customer.reference, customer.name) == (reference, "Customer 2")


def test_words_beside_a_number_are_no_part_of_it_where_a_number_is_wanted(import_org):
    cell = '<c r="{r}" s="3"><v>12</v></c>'
    assert import_now(build_case(financialEndDay=cell, reviewFrequency=cell), import_org).errors == []
    (customer,) = list_customers(import_org)
    assert (customer.year_end_day, customer.review_frequency) == (12, 12)


@pytest.mark.parametrize("column", ["reference", "name", "contactNumber"])
@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ('<c r="{r}" s="4"><v>45717</v></c>', "Excel turned this into a date, 2025-03-01"),
        ('<c r="{r}" s="5"><v>0.5</v></c>', "Excel turned this into a time, 12:00:00"),
        ('<c r="{r}" t="b"><v>1</v></c>', "Excel turned this into TRUE"),
        ('<c r="{r}"><v>4.9301234567890125E+17</v></c>', "Excel keeps 15 digits of a number"),
        ('<c r="{r}" t="inlineStr"><is><t>4.93012E+11</t></is></c>', "shortened"),
    ],
)
def test_what_excel_made_of_a_text_is_refused(import_org, column, xml, message):
    at, reason = single_problem(build_case(**{column: xml}), import_org)
    assert at == column
    assert message in reason


@pytest.mark.parametrize(
    "number", ["007", "+49 30 1234567", "123456789012345", "1E5", "12.03.2025", "TRUE", "4,93", "1e+x"]
)
def test_a_reference_that_was_typed_as_a_text_is_kept(import_org, number):
    assert import_now(build_workbook([valid_row(1, reference=number)]), import_org).errors == []
    assert get_customer(number, import_org).reference == number


@pytest.mark.parametrize(
    "xml",
    [
        '<c r="{r}" t="d"><v>2025-01-31</v></c>',
        '<c r="{r}" t="d"><v>2025-01-31T00:00:00.000Z</v></c>',
        '<c r="{r}" t="d"><v>2025-01-31T13:45:30</v></c>',
        '<c r="{r}" t="d"><v>2025-01-31T23:30:00+02:00</v></c>',
    ],
)
def test_a_date_cell_with_a_time_or_zone_is_that_day(import_org, xml):
    assert import_now(build_case(startDate=xml), import_org).errors == []
    assert list_customers(import_org)[0].start_date == date(2025, 1, 31)


def test_a_workbook_of_many_styles_and_names_is_read(import_org):
    """Excel allows some 64,000 cell styles, and as many names as there is memory."""
    styles = (
        '<numFmts count="1"><numFmt numFmtId="164" formatCode="00000"/></numFmts>'
        + "<fonts>"
        + "<font><b/><i/><sz val='11'/><name val='Calibri'/></font>" * 2_000
        + "</fonts>"
        + "<cellStyleXfs>"
        + '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" applyProtection="1"/>' * 64_000
        + "</cellStyleXfs><cellXfs>"
        + '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" applyProtection="1"/>' * 64_000
        + '<xf numFmtId="164"/></cellXfs>'
    )
    names = "".join(f'<definedName name="n_{row}">customers!$A${row}</definedName>' for row in range(1, 60_000))
    file = build_raw_workbook(
        HEADER_ROW + xml_valid_row(2, reference='<c r="{r}" s="64000"><v>42</v></c>'),
        styles=styles,
        after_sheets=f"<definedNames>{names}</definedNames>",
    )
    assert import_now(file, import_org).errors == []
    assert list_customers(import_org)[0].reference == "00042"


def test_a_workbook_with_the_larger_numbers_of_zip_files_is_read(import_org):
    """Zip64, which programs that write streams use whatever the size."""
    file = to_zip64(build_workbook([valid_row(1)]))
    assert import_now(file, import_org).errors == []
    assert len(list_customers(import_org)) == 1


@pytest.mark.parametrize("damage", [b"", b"PK\x06\x06"])
def test_a_zip64_file_without_its_end_is_damaged(import_org, damage):
    data = to_zip64(build_workbook([valid_row(1)])).getvalue().replace(b"PK\x06\x06", b"PKXX")
    with pytest.raises(UnusableFile, match="damaged"):
        import_now(io.BytesIO(data + damage), import_org)


def test_a_zip64_file_with_too_many_parts_is_refused(import_org):
    file = to_zip64(build_zip({f"part{number}": b"" for number in range(2_100)}))
    with pytest.raises(UnusableFile, match="more than 2,000 parts"):
        import_now(file, import_org)


@pytest.mark.parametrize("reference", ["ALFKI\u200b", "\u200eALFKI", "ALF\xadKI", "ALFKI\u2060", "\u3164ALFKI"])
def test_characters_that_nobody_sees_make_no_other_reference(import_org, reference):
    import_now(build_workbook([valid_row(1, reference="ALFKI")]), import_org)
    assert import_now(build_workbook([valid_row(2, reference=reference)]), import_org).errors == []
    (customer,) = list_customers(import_org)
    assert (customer.reference, customer.name) == ("ALFKI", "Customer 2")
    rows = [valid_row(1, reference="ALFKI"), valid_row(2, reference=reference)]
    assert single_problem(build_workbook(rows), import_org) == ("reference", "Row 2 has the same reference")


@pytest.mark.parametrize("name", ["\u200b", "\xad\u2060", "\u3164", "\u2800 \u2800", "\u200e"])
def test_a_name_in_which_nothing_is_seen_is_missing(import_org, name):
    assert single_problem(build_workbook([valid_row(1, name=name)]), import_org)[0] == "name"


@pytest.mark.parametrize("name", ["👨\u200d👩\u200d👧 GmbH", "می\u200cخواهم", "क्\u200dष", "❤\ufe0f Ltd"])
def test_what_scripts_need_stays_in_a_name(import_org, name):
    assert import_now(build_workbook([valid_row(1, name=name)]), import_org).errors == []
    assert get_customer("REF1", import_org).name == name


@pytest.mark.parametrize("header", ["\ufeffreference", "refer\u200bence", " Reference\u2060"])
def test_a_header_is_known_whatever_nobody_sees_in_it(import_org, header):
    row = valid_row(1)
    headers = [header if name == "reference" else name for name in row]
    file = build_workbook([row | {header: "R1"}], headers=headers)
    assert import_now(file, import_org).errors == []
    assert list_customers(import_org)[0].reference == "R1"


def merge_away(import_org, reference, into):
    with history.act_as(import_org.actor, "test"):
        merging.merge_customers(
            get_customer(into, import_org), get_customer(reference, import_org), actor=import_org.actor
        )
        db.session.commit()


def test_the_reference_of_a_merged_customer_leads_to_the_one_that_took_its_place(import_org):
    import_now(build_workbook([valid_row(1, reference="OLD"), valid_row(2, reference="NEW")]), import_org)
    merge_away(import_org, "OLD", into="NEW")
    assert import_now(build_workbook([valid_row(3, reference="old")]), import_org).errors == []
    (customer,) = list_customers(import_org)
    assert (customer.reference, customer.name) == ("NEW", "Customer 3")
    rows = [valid_row(1, reference="new"), valid_row(2, reference="OLD")]
    assert single_problem(build_workbook(rows), import_org) == ("reference", "Row 2 is the same customer, Customer 3")
