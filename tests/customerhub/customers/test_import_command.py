"""The command that imports a workbook, over the real workbooks where they are and over our own everywhere."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from customerhub.customers.importing.checking import RowChecker
from jobs import imports
from models import Customer
from models.base import db
from tests.support.imports import get_customer, import_now, list_customers
from tests.support.workbooks import (
    HEADER_ROW,
    STYLES,
    build_raw_workbook,
    build_workbook,
    valid_row,
    xml_row,
    xml_valid_row,
)

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
CLEAN = SHARED / "northwind_customers.xlsx"
MESSY = SHARED / "northwind_customers_messy.xlsx"
IN_ERROR = [9, 10, 12, 13, 14, 15, 16, 20, 21, 22, 25]

real_workbooks = pytest.mark.skipif(not CLEAN.exists(), reason="the real workbooks are not beside the checkout")


@pytest.fixture
def run(app, import_org):
    """Runs the command and gives its exit status and what it printed, the JSON as values."""
    runner = app.test_cli_runner()

    def run(path, *options, organisation="Example Telecom"):
        db.session.commit()
        result = runner.invoke(args=["import-customers", str(path), "--organisation", organisation, *options])
        answer = json.loads(result.stdout) if "--json" in options and result.stdout else result.stdout
        return result.exit_code, answer, result.stderr

    return run


@pytest.fixture
def file(tmp_path):
    def file(content: io.BytesIO) -> Path:
        path = tmp_path / "customers.xlsx"
        path.write_bytes(content.getvalue())
        return path

    return file


def test_good_rows_are_imported(run, file, import_org):
    path = file(build_workbook([valid_row(1), valid_row(2)]))
    assert run(path, "--json")[:2] == (0, {"new": 2, "changed": 0, "unchanged": 0, "errors": []})
    assert run(path, "--json")[:2] == (0, {"new": 0, "changed": 0, "unchanged": 2, "errors": []})
    path = file(build_workbook([valid_row(1, risk="High"), valid_row(3)]))
    assert run(path, "--json", "--dry-run")[1] == {"new": 1, "changed": 1, "unchanged": 0, "errors": []}
    assert len(list_customers(import_org)) == 2
    assert run(path, "--json")[1] == {"new": 1, "changed": 1, "unchanged": 0, "errors": []}
    assert len(list_customers(import_org)) == 3


def test_a_row_in_error_is_exit_status_1(run, file, import_org, tmp_path):
    path = file(build_workbook([valid_row(1), valid_row(2, email="x")]))
    expected_error = {"row": 3, "column": "email", "reason": "“x” is not an email address, such as name@example.com"}
    answer = {"new": 1, "changed": 0, "unchanged": 0, "errors": [expected_error]}
    assert run(path, "--json")[:2] == (1, answer)
    assert list_customers(import_org) == []
    errors = tmp_path / "errors.xlsx"
    assert run(path, "--json", "--dry-run", "--errors", str(errors))[:2] == (1, answer)
    assert load_workbook(errors).active["B2"].value == 3
    assert list_customers(import_org) == []
    assert run(path, "--json", "--good-rows-only", "--errors", str(errors))[:2] == (1, answer)
    assert [imported_customer.reference for imported_customer in list_customers(import_org)] == ["REF1"]
    assert load_workbook(errors).active.max_row == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,reference", "This is not an Excel file"),
        (b"", "The file is empty"),
        (build_raw_workbook(xml_row(1, ["a", "b"])).getvalue(), "does not contain the column names"),
        (
            build_raw_workbook(
                HEADER_ROW + xml_valid_row(2), sheets={"more": HEADER_ROW + xml_valid_row(2)}
            ).getvalue(),
            "Both “customers” and “more”",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_exit_status_2(run, file, import_org, content, message):
    status, printed, error = run(file(io.BytesIO(content)), "--json")
    assert (status, printed) == (2, "")
    assert message in error
    assert "Traceback" not in error
    assert list_customers(import_org) == []


def test_a_workbook_of_errors_that_cannot_be_written_saves_nothing(run, file, import_org, tmp_path):
    path = file(build_workbook([valid_row(1)]))
    status, _, error = run(path, "--json", "--errors", str(tmp_path / "nowhere" / "errors.xlsx"))
    assert status == 2
    assert "errors.xlsx: No such file or directory" in error
    assert list_customers(import_org) == []


def test_a_file_that_cannot_be_used_leaves_no_workbook_of_errors(run, file, tmp_path):
    errors = tmp_path / "errors.xlsx"
    assert run(file(io.BytesIO(b"x")), "--json", "--errors", str(errors))[0] == 2
    assert not errors.exists()


def test_a_file_that_is_not_there_is_exit_status_2(run, tmp_path):
    for path in (tmp_path / "none.xlsx", tmp_path):
        status, _, error = run(path, "--json")
        assert status == 2
        assert str(path) in error


def test_an_organisation_that_is_not_there_is_exit_status_2(run, file):
    status, _, error = run(file(build_workbook([valid_row(1)])), "--json", organisation="Nobody")
    assert status == 2
    assert "Nobody" in error


def test_without_json_users_get_a_page(run, file):
    path = file(build_workbook([valid_row(1), valid_row(2, risk="x")], headers=(*valid_row(1), "Notes")))
    status, output, _ = run(path)
    assert status == 1
    assert "row 3, risk: “x” is not a risk: Low, Medium or High" in output
    assert "Notes" in output
    assert "Nothing was saved." in output


def test_somebody_who_was_faster_is_no_failure(run, file, import_org, monkeypatch):
    """A reference that is taken between the look and the insert: the file is gone through once more."""
    import_now(build_workbook([valid_row(1)]), import_org)
    real, calls = RowChecker.check_rows, []

    def blind_at_first(self, rows, **options):
        for chunk in real(self, rows, **options):
            if not calls:
                for row in chunk:
                    row.existing = None
            calls.append(chunk)
            yield chunk

    monkeypatch.setattr(RowChecker, "check_rows", blind_at_first)
    path = file(build_workbook([valid_row(1), valid_row(2)]))
    assert run(path, "--json")[:2] == (0, {"new": 1, "changed": 0, "unchanged": 1, "errors": []})
    assert len(calls) == 2
    monkeypatch.setattr(imports, "ATTEMPTS", 1)
    calls.clear()
    path = file(build_workbook([valid_row(1), valid_row(3)]))
    status, _, error = run(path, "--json")
    assert status == 2
    assert "Other users are changing these customers. Nothing was saved" in error
    assert len(list_customers(import_org)) == 2


# --- The real workbooks ------------------------------------------------------------------------------------------


@real_workbooks
def test_northwind_comes_in_whole(run, import_org):
    assert run(CLEAN, "--json")[:2] == (0, {"new": 91, "changed": 0, "unchanged": 0, "errors": []})
    assert run(CLEAN, "--json")[:2] == (0, {"new": 0, "changed": 0, "unchanged": 91, "errors": []})
    assert len(list_customers(import_org)) == 91


@real_workbooks
def test_the_messy_workbook_has_exactly_its_rows_in_error(run, import_org):
    status, answer, _ = run(MESSY, "--json")
    assert status == 1
    assert [error["row"] for error in answer["errors"]] == IN_ERROR
    assert answer["new"] == 29
    assert list_customers(import_org) == []
    assert run(MESSY, "--json", "--good-rows-only")[0] == 1
    assert len(list_customers(import_org)) == 29
    assert get_customer("7", import_org).name.startswith("Ana Trujillo")
    assert get_customer("007", import_org).name.startswith("Antonio Moreno")
    assert get_customer("AROUT", import_org).start_date.isoformat() == "2025-01-31"
    assert get_customer("BERGS", import_org).start_date.isoformat() == "2025-01-31"
    assert get_customer("BLAUS", import_org).name == "Blauer See Delikatessen"
    assert get_customer("CONSH", import_org).review_frequency == 3
    assert get_customer("DRACD", import_org).contact_number == "442071234567"
    assert get_customer("DUMON", import_org).email == "one@bon-app.example, two@bon-app.example"
    assert get_customer("FISSA", import_org).addresses[0].lines == "Line one\nLine two\nLine three"
    assert [department.name for department in get_customer("FOLIG", import_org).departments] == ["Operations", "Sales"]
    assert get_customer("FRANK", import_org).year_end_month == 12
    assert run(MESSY, "--json", "--dry-run")[1]["unchanged"] == 29


# --- The same oddities and more, written here --------------------------------------------------------------------

FORMULA = '<c r="{r}"><f>HYPERLINK("http://evil.example","click")</f><v/></c>'


def number_cell(value, style=0):
    return f'<c r="{{r}}" s="{style}"><v>{value}</v></c>'


# line → its cells; those above 100 are in error
ODDITIES: dict[int, dict[str, str | None]] = {
    2: {"reference": number_cell(7)},
    3: {"reference": "007"},
    4: {"startDate": "31/01/2025"},
    5: {"startDate": number_cell(45688)},
    6: {"startDate": number_cell(45688, 1)},
    7: {"name": "  Blauer See  ", "risk": "medium "},
    8: {"reviewFrequency": number_cell(3)},
    9: {"contactNumber": number_cell("4.42071234567E11")},
    10: {"email": "one@a.example; two@b.example,"},
    11: {"address": "Line one\nLine two", "department": "sales, OPERATIONS"},
    12: {"financialEndMonth": "December", "financialEndDay": number_cell("31.0")},
    13: {"name": '<c r="{r}" t="str"><f>A1</f><v>By formula</v></c>'},
    14: {"relationshipNote": '<c r="{r}" t="str"><f>""</f><v></v></c>'},
    101: {"email": "not-an-email"},
    102: {"regionName": "Atlantis"},
    103: {"reference": number_cell("7.0")},
    104: {"name": None},
    105: {"startDate": "2025-02-30"},
    106: {"financialEndDay": number_cell(31), "financialEndMonth": number_cell(2)},
    107: {"reviewFrequency": "13 Months"},
    108: {"name": FORMULA},
    109: {"startDate": "January"},
    110: {"risk": "Severe"},
    111: {"email": None},
    112: {"relationshipNote": '<c r="{r}" t="e"><v>#VALUE!</v></c>'},
    113: {"reference": '<c r="{r}" t="e"><f>1/0</f><v>#DIV/0!</v></c>'},
    114: {"reviewStartDate": FORMULA},
}


def test_the_same_oddities_from_a_workbook_of_our_own(run, file, import_org):
    header = HEADER_ROW.replace(">name<", "> Name <").replace(">reference<", ">REFERENCE<").replace(">risk<", ">Ri sk<")
    rows = header.replace("</row>", '<c r="R1" t="inlineStr"><is><t>Notes (ignore)</t></is></c></row>')
    rows += "".join(xml_valid_row(line, **cells) for line, cells in ODDITIES.items())
    rows += "".join(
        f'<row r="{line}"><c r="A{line}" s="1"/><c r="R{line}"><v>1</v></c></row>' for line in range(120, 160)
    )
    status, answer, _ = run(file(build_raw_workbook(rows, styles=STYLES)), "--json", "--good-rows-only")
    wrong = Counter(error["row"] for error in answer["errors"])
    assert wrong == Counter(line for line in ODDITIES if line > 100)
    assert (status, answer["new"]) == (1, 13)
    assert len(list_customers(import_org)) == 13
    assert {"7", "007"} <= set(db.session.scalars(select(Customer.reference)))
    days = db.session.scalars(select(Customer.start_date).where(Customer.reference.in_(["REF4", "REF5", "REF6"])))
    assert {day.isoformat() for day in days} == {"2025-01-31"}
    assert get_customer("REF13", import_org).name == "By formula"
    assert get_customer("REF9", import_org).contact_number == "442071234567"
    assert get_customer("REF14", import_org).relationship_note is None


# --- What was saved, and what not ------------------------------------------------------------------------------


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1]


def test_it_says_whether_anything_was_saved(run, file, import_org, tmp_path):
    """“Saved.” was said where no row was valid, and where nothing differed."""
    good, bad = file(build_workbook([valid_row(1)])), tmp_path / "bad.xlsx"
    bad.write_bytes(build_workbook([valid_row(2, email="x"), valid_row(3, risk="?")]).getvalue())
    assert last_line(run(good, "--dry-run")[1]) == "Nothing was saved."
    assert last_line(run(good)[1]) == "Saved."
    assert last_line(run(good)[1]) == "Nothing was saved.", "all unchanged"
    assert last_line(run(bad)[1]) == "Nothing was saved."
    assert last_line(run(bad, "--good-rows-only")[1]) == "Nothing was saved.", "no valid row"
    bad.write_bytes(build_workbook([valid_row(2, email="x"), valid_row(3)]).getvalue())
    assert last_line(run(bad, "--good-rows-only")[1]) == "Saved."
    assert len(list_customers(import_org)) == 2


def test_a_file_that_cannot_be_used_says_it_too(run, tmp_path, import_org):
    missing, broken = tmp_path / "missing.xlsx", tmp_path / "broken.xlsx"
    broken.write_bytes(b"no workbook")
    for path in (missing, broken):
        status, _, error = run(path)
        assert (status, last_line(error).endswith("Nothing was saved.")) == (2, True)
        assert ".." not in error.replace("...", "")


def test_what_is_hidden_in_excel_is_told(run, file, import_org):
    path = file(build_workbook([valid_row(1), valid_row(2)], hidden_rows=[3], hidden_columns=["risk"]))
    told = "This import includes 1 row that is filtered out or hidden in Excel: 3; 1 column that is hidden in Excel: "
    told += "risk"
    assert f"{told}.\n" in run(path, "--dry-run")[1]
    assert run(path, "--json")[1]["hidden"] == told
