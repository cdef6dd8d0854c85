"""Further accounts in imports: a second sheet of the workbook, whose rows are previewed, saved and taken back."""

import io
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from sqlalchemy import insert, select

from customerhub.core import history
from customerhub.core.spreadsheets import ExtraSheet, write_workbook
from customerhub.core.xlsx.package import UnusableFile
from customerhub.customers.importing import checking
from customerhub.customers.importing.account_checking import IS_MAIN, NOTHING_GIVEN, OWNER_IN_ERROR
from customerhub.customers.importing.account_columns import ACCOUNT_COLUMNS
from customerhub.customers.importing.columns import HEADERS
from customerhub.customers.importing.transitions import write_errors_workbook
from customerhub.customers.records import save_customer
from jobs import imports
from models import Account, BusinessEntity, CatalogItem, Customer, History, ImportRow
from models.base import db
from models.enums import CatalogType, RowOutcome, TransferState
from tests.customerhub.customers.conftest import ImportOrg, make_import_org
from tests.customerhub.customers.test_export_and_import import build_export
from tests.support.imports import (
    confirm_import,
    get_customer,
    get_import,
    import_and_save,
    import_now,
    revert_import,
    tally_counts,
    upload_and_check,
)
from tests.support.statements import record_statements
from tests.support.workbooks import build_workbook, valid_row
from views.customers.columns import COLUMNS as LIST_COLUMNS
from views.customers.columns import list_import_columns

Rows = Sequence[dict[str, Any]]


@pytest.fixture
def org(import_org: ImportOrg) -> ImportOrg:
    with history.act_as(import_org.actor, "test"):
        for name in ("Lease", "Ledger"):
            db.session.add(CatalogItem(organisation_id=import_org.id, type=CatalogType.ACCOUNT_TYPE, name=name))
        db.session.add(
            BusinessEntity(organisation_id=import_org.id, name="Example Telecom Ltd", registered_name="X", address="X")
        )
        db.session.commit()
    return import_org


def build(customers: Rows, accounts: Rows | None, *, sheet: str = "Accounts", headers: Any = ()) -> io.BytesIO:
    """A workbook of both sheets."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"strings_to_formulas": False}) as book:
        day = book.add_format({"num_format": "dd/mm/yyyy"})
        for name, columns, rows in (
            ("customers", HEADERS, customers),
            (sheet, headers or ACCOUNT_COLUMNS.headers, accounts),
        ):
            if rows is None:
                continue
            target = book.add_worksheet(name)
            target.write_row(0, 0, columns)
            for line, row in enumerate(rows, 1):
                for place, header in enumerate(columns):
                    cell = row.get(header)
                    if hasattr(cell, "year"):
                        target.write_datetime(line, place, cell, day)
                    elif cell is not None:
                        target.write(line, place, cell)
    return io.BytesIO(file.getvalue())


def account(
    customer: Any = "REF1", number: Any = None, kind: Any = None, purpose: Any = None, entity: Any = None
) -> Any:
    values = (customer, number, kind, purpose, entity)
    return dict(zip(ACCOUNT_COLUMNS.headers, values, strict=True))


def read_accounts(reference: str, org: ImportOrg) -> list[tuple[Any, ...]]:
    """The customer's further accounts."""
    return [
        (each.number, str(each.type or ""), each.purpose, str(each.business_entity or ""))
        for each in sorted(get_customer(reference, org).accounts, key=lambda each: each.number)
        if not each.is_main
    ]


def list_account_rows(import_id: int) -> list[ImportRow]:
    query = select(ImportRow).where(ImportRow.import_id == import_id, ImportRow.is_account)
    return list(db.session.scalars(query.order_by(ImportRow.row_number).execution_options(populate_existing=True)))


def reasons_of(customers: Rows, accounts: Rows, org: ImportOrg) -> list[tuple[str | None, int, str, str]]:
    result = import_now(build(customers, accounts), org, dry_run=True)
    return [(each.sheet, each.row, each.column, each.reason) for each in result.errors]


def test_new_and_known_customers_get_accounts_which_are_previewed_and_told(org: ImportOrg) -> None:
    import_now(build_workbook([valid_row(1)]), org)
    number = get_customer("REF1", org).account_number
    file = build(
        [valid_row(2)],
        [
            account("REF1", "L-1", "lease", "Switchboard", "Example Telecom Ltd"),
            account(number, 77),
            account("REF2", None, "Ledger", "مقسم الهاتف"),
        ],
    )
    import_id = upload_and_check(file, org)
    rows = list_account_rows(import_id)
    assert [(row.row_number, row.outcome, row.reference, row.name) for row in rows] == [
        (2, RowOutcome.NEW, "REF1", "Customer 1"),
        (3, RowOutcome.NEW, number, "Customer 1"),
        (4, RowOutcome.NEW, "REF2", "Customer 2"),
    ]
    assert (rows[0].changes or {})["accountType"] == [None, "Lease"]
    assert (get_import(import_id, org).new_rows, get_import(import_id, org).total_rows) == (4, 4)
    confirm_import(import_id, org)
    imports.save(import_id)
    assert get_import(import_id, org).state is TransferState.DONE
    assert read_accounts("REF1", org) == [("77", "", None, ""), ("L-1", "Lease", "Switchboard", "Example Telecom Ltd")]
    ((given, *rest),) = read_accounts("REF2", org)
    assert given.isdigit()
    assert given != get_customer("REF2", org).account_number
    assert rest == ["Ledger", "مقسم الهاتف", ""]
    entry = db.session.scalars(select(History).where(History.table_name == "account", History.title == "L-1")).one()
    owner_id = get_customer("REF1", org).id
    assert (entry.action, entry.source, entry.customer_id) == ("created", f"import {import_id}", owner_id)
    assert (entry.changes["type"], entry.changes["purpose"]) == ([None, "Lease"], [None, "Switchboard"])
    assert tally_counts(
        import_now(
            build([valid_row(2)], [account("REF1", "L-1", "Lease"), account("REF2", None, "Ledger", "مقسم الهاتف")]),
            org,
        )
    ) == (0, 0, 3, 0)


def test_a_known_number_changes_its_account_and_a_blank_cell_takes_nothing_away(org: ImportOrg) -> None:
    import_now(build([valid_row(1)], [account("REF1", "L-1", "Lease", "Old")]), org)
    import_id = import_and_save(build([], [account("ref1", "L-1", "Ledger")]), org)
    (row,) = list_account_rows(import_id)
    assert (row.outcome, row.changes) == (RowOutcome.CHANGED, {"accountType": ["Lease", "Ledger"]})
    assert read_accounts("REF1", org) == [("L-1", "Ledger", "Old", "")]
    assert get_import(import_id, org).changed_rows == 1
    revert_import(import_id, org)
    assert read_accounts("REF1", org) == [("L-1", "Lease", "Old", "")]


def test_each_error_names_its_sheet_row_and_column(org: ImportOrg) -> None:
    import_now(build([valid_row(1), valid_row(2)], [account("REF2", "L-2", "Lease")]), org)
    main, other_main = (get_customer(each, org).account_number for each in ("REF1", "REF2"))
    rows = [
        account("NOBODY", "X-1"),
        account("REF1", "L-2"),
        account("REF1", main),
        account("REF1", other_main),
        account(None, "X-2"),
        account("REF1"),
        account("REF1", "X-3", "No such type"),
        account("REF1", "X-4", purpose="p" * 121),
        account("REF1", "X-5"),
        account("REF1", "X-5", "Lease"),
        account("REF1", None, "Lease", "Same"),
        account("REF1", None, "Lease", "Same"),
        account("REF1", "n" * 41),
        account("REF9", "X-6"),
    ]
    found = reasons_of([valid_row(9, risk="odd")], rows, org)
    assert {each[0] for each in found[1:]} == {"Accounts"}
    assert (found[0][0], found[0][2]) == (None, "risk")
    assert [each[1:] for each in found[1:]] == [
        (2, "customer", "There is no customer with the reference or account number “NOBODY”"),
        (3, "accountNumber", "Another account has this number"),
        (4, "accountNumber", IS_MAIN),
        (5, "accountNumber", "Another account has this number"),
        (6, "customer", "Required"),
        (7, "accountNumber", NOTHING_GIVEN),
        (8, "accountType", "“No such type” is not an account type: Lease, Ledger"),
        (9, "purpose", "Too long: 121 characters, at most 120"),
        (11, "accountNumber", "Row 10 of this sheet has the same account number"),
        (13, "accountNumber", "Row 12 of this sheet is the same. Enter account numbers for several such accounts"),
        (14, "accountNumber", "Too long: 41 characters, at most 40"),
        (15, "customer", OWNER_IN_ERROR),
    ]


def test_the_rows_in_error_come_back_in_their_sheet(org: ImportOrg) -> None:
    file = build([valid_row(1)], [account("REF1", "00042", "Lease"), account("NOBODY", "X-1", "Lease", "=1+1")])
    import_id = import_and_save(file, org, good_rows_only=True)
    assert read_accounts("REF1", org) == [("00042", "Lease", None, "")]
    errors = io.BytesIO()
    write_errors_workbook(get_import(import_id, org), errors)
    book = openpyxl.load_workbook(io.BytesIO(errors.getvalue()))
    assert book.sheetnames == ["customers", "Accounts"]
    rows = list(book["Accounts"].iter_rows(values_only=True))
    assert rows[0] == ("reason", "row", *ACCOUNT_COLUMNS.headers)
    assert rows[1][1:] == (3, "NOBODY", "X-1", "Lease", "=1+1", None)
    assert "no customer" in rows[1][0]
    book["Accounts"]["C2"] = "REF1"
    mended = io.BytesIO()
    book.save(mended)
    assert tally_counts(import_now(io.BytesIO(mended.getvalue()), org)) == (1, 0, 0, 0)
    assert read_accounts("REF1", org)[1] == ("X-1", "Lease", "=1+1", "")


def test_a_customer_of_another_organisation_is_unknown(session: Any, org: ImportOrg) -> None:
    other = make_import_org(session, "Other Telecom")
    import_now(build([valid_row(1), valid_row(3)], [account("REF3", "L-1")]), other)
    number = get_customer("REF1", other).account_number
    import_now(build_workbook([valid_row(2)]), org)
    assert [each[3][:20] for each in reasons_of([], [account("REF1", "L-9"), account(f"0{number}", "L-8")], org)] == [
        "There is no customer"
    ] * 2
    import_now(build([], [account("REF2", "L-1", "Lease")]), org)
    assert (read_accounts("REF2", org), read_accounts("REF3", other)) == (
        [("L-1", "Lease", None, "")],
        [("L-1", "", None, "")],
    )


def test_a_number_of_the_sheet_is_given_to_no_new_customer(org: ImportOrg) -> None:
    """New customers take the next free numbers, and the sheet may name one of them."""
    import_now(build_workbook([valid_row(1)]), org)
    following = str(int(get_customer("REF1", org).account_number) + 1)
    import_id = import_and_save(
        build([valid_row(2)], [account("REF2", following), account("REF1", None, "Lease")]), org
    )
    assert get_import(import_id, org).state is TransferState.DONE
    assert read_accounts("REF2", org) == [(following, "", None, "")]
    numbers = db.session.scalars(select(Account.number).where(Account.organisation_id == org.id)).all()
    assert len(set(numbers)) == 4


def test_a_revert_takes_back_new_accounts(org: ImportOrg) -> None:
    import_now(build([valid_row(1)], [account("REF1", "OLD", "Lease")]), org)
    rows = [account("REF1", "L-1"), account("REF1", "OLD", "Ledger"), account("REF2", "L-2")]
    import_id = import_and_save(build([valid_row(2)], rows), org)
    revert_import(import_id, org)
    assert (get_import(import_id, org).state, get_import(import_id, org).problem) == (TransferState.REVERTED, None)
    assert read_accounts("REF1", org) == [("OLD", "Lease", None, "")]
    assert db.session.scalars(select(Customer.reference)).all() == ["REF1"]
    gone = db.session.scalars(select(History).where(History.table_name == "account", History.action == "deleted"))
    assert "L-1" in [each.title for each in gone]
    assert db.session.query(Account).count() == 2


def test_a_revert_leaves_what_was_changed_since_and_says_so(org: ImportOrg) -> None:
    import_now(build([valid_row(1)], [account("REF1", "OLD", "Lease")]), org)
    import_id = import_and_save(build([], [account("REF1", "L-1"), account("REF1", "OLD", "Ledger", "New")]), org)
    customer = get_customer("REF1", org)
    with history.act_as(org.actor, "form"):
        for each in customer.accounts:
            if not each.is_main:
                each.purpose = "By hand"
        save_customer(customer, actor=org.actor)
        db.session.commit()
    revert_import(import_id, org)
    assert read_accounts("REF1", org) == [("L-1", "", "By hand", ""), ("OLD", "Lease", "By hand", "")]
    assert [(each.errors or [{}])[0].get("column") for each in list_account_rows(import_id)] == [
        "accountNumber",
        "purpose",
    ]
    assert (get_import(import_id, org).problem or "").startswith(
        "Changed or linked since the import, so not reverted: 2"
    )


def test_an_account_changed_after_the_preview_has_it_made_anew(org: ImportOrg) -> None:
    import_now(build([valid_row(1)], [account("REF1", "L-1", "Lease", "A")]), org)
    import_id = upload_and_check(build([], [account("REF1", "L-1", purpose="B")]), org)
    customer = get_customer("REF1", org)
    with history.act_as(org.actor, "form"):
        customer.accounts[1].purpose = "C"
        db.session.commit()
    confirm_import(import_id, org)
    imports.save(import_id)
    assert get_import(import_id, org).state is TransferState.READY
    assert (list_account_rows(import_id)[0].changes, read_accounts("REF1", org)[0][2]) == ({"purpose": ["C", "B"]}, "C")


def test_a_workbook_without_the_sheet_is_read_as_before(org: ImportOrg) -> None:
    assert tally_counts(import_now(build([valid_row(1)], None), org)) == (1, 0, 0, 0)
    assert tally_counts(import_now(build([valid_row(1)], []), org)) == (0, 0, 1, 0)
    with pytest.raises(UnusableFile, match="has no rows below its header"):
        import_now(build([], []), org)
    with pytest.raises(UnusableFile, match="The first row of the sheet “ACCOUNTS” does not contain the column names"):
        import_now(build([valid_row(1)], [{"Balance": 1}], sheet="ACCOUNTS", headers=("Balance",)), org)
    named_so = build([valid_row(1)], None).getvalue()
    book = openpyxl.load_workbook(io.BytesIO(named_so))
    book["customers"].title = "Accounts"
    file = io.BytesIO()
    book.save(file)
    assert tally_counts(import_now(io.BytesIO(file.getvalue()), org)) == (0, 0, 1, 0)


def test_other_columns_of_the_sheet_are_named_with_it(org: ImportOrg) -> None:
    headers = ("Business Entity", "customer", "Balance", "Account number")
    rows = [{"customer": "REF1", "Account number": "L-1", "Balance": 5, "Business Entity": "example telecom ltd"}]
    result = import_now(build([valid_row(1)], rows, headers=headers), org)
    assert (result.ignored_columns, read_accounts("REF1", org)) == (
        ["Accounts: Balance"],
        [("L-1", "", None, "Example Telecom Ltd")],
    )


def test_a_type_out_of_use_stays_and_does_not_come_anew(org: ImportOrg) -> None:
    import_now(build([valid_row(1)], [account("REF1", "L-1", "Lease")]), org)
    with history.act_as(org.actor, "test"):
        db.session.scalars(select(CatalogItem).where(CatalogItem.name == "Lease")).one().active = False
        db.session.commit()
    assert tally_counts(import_now(build([], [account("REF1", "L-1", "Lease")]), org)) == (0, 0, 1, 0)
    assert reasons_of([], [account("REF1", "L-2", "Lease")], org) == [
        ("Accounts", 2, "accountType", "“Lease” is no longer in use: Ledger")
    ]


def test_what_is_exported_as_for_import_comes_back_without_a_change(org: ImportOrg) -> None:
    purpose = "'Quoted', =1+1 مقسم"
    accounts = [account("REF1", "'L-1", "Lease", purpose, "Example Telecom Ltd"), account("REF2", "007")]
    import_now(build([valid_row(1), valid_row(2), valid_row(3)], accounts), org)
    names = list_import_columns(LIST_COLUMNS, org.id)
    table = build_export(org, names)
    assert [each.name for each in table.dependent_tables] == ["Accounts"]
    assert build_export(org, names[1:]).dependent_tables == ()
    file = io.BytesIO()
    sheets = [ExtraSheet(each.name, each.columns, each.load_rows(table.keys)) for each in table.dependent_tables]
    write_workbook(file, table.columns, table.load_rows(table.keys), table.formats, sheets)
    result = import_now(io.BytesIO(file.getvalue()), org)
    assert (result.errors, result.ignored_columns, tally_counts(result)) == ([], [], (0, 0, 5, 0))
    assert read_accounts("REF1", org) == [("'L-1", "Lease", purpose, "Example Telecom Ltd")]


def test_statements_do_not_grow_with_the_rows(org: ImportOrg, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a chunk of rows depend on what another one did: the last rows of many are saved as the first."""
    import_now(build([valid_row(1)], None), org)

    def count(numbers: range, kind: str) -> int:
        with record_statements() as statements:
            import_now(build([], [account("REF1", f"N-{each}", kind) for each in numbers]), org)
        return len(statements)

    count(range(2), "Lease")
    few, many = count(range(10, 12), "Lease"), count(range(20, 50), "Lease")
    assert many <= few + 1
    few, many = count(range(10, 12), "Ledger"), count(range(20, 50), "Ledger")
    assert many <= few + 1
    monkeypatch.setattr(checking, "CHUNK_SIZE", 7)
    import_id = import_and_save(build([], [account("REF1", f"C-{each}") for each in range(30)]), org)
    assert len(read_accounts("REF1", org)) == 64
    revert_import(import_id, org)
    assert len(read_accounts("REF1", org)) == 34


def test_the_database_refuses_a_row_twice(org: ImportOrg) -> None:
    import_id = upload_and_check(build([valid_row(1)], [account("REF1", "L-1")]), org)
    values = {"import_id": import_id, "is_account": True, "row_number": 2, "outcome": RowOutcome.NEW}
    with pytest.raises(Exception, match=r"(?i)unique"):
        db.session.execute(insert(ImportRow).values(values))
    db.session.rollback()
