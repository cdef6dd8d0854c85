"""The workbook of an import as a whole: the sheet of customers, and the one of further accounts where there is one."""

from collections.abc import Iterator, Sequence
from typing import cast

from customerhub.core.xlsx.table import Table
from customerhub.customers.importing.account_checking import AccountChecker, CheckedAccount, list_account_numbers
from customerhub.customers.importing.account_columns import ACCOUNTS_SHEET, find_accounts_sheet
from customerhub.customers.importing.account_saving import AccountSaver
from customerhub.customers.importing.checking import CheckedRow, RowChecker
from customerhub.customers.importing.hidden_parts import describe_hidden_parts
from customerhub.customers.importing.lookups import Lookup
from customerhub.customers.importing.saving import RowSaver


class ImportWorkbook:
    """`customers` is its sheet of customers. Raises UnusableFile where its sheet of accounts cannot be used."""

    def __init__(self, customers: Table) -> None:
        self.customers = customers
        self.accounts = find_accounts_sheet(customers)
        self.ignored_columns = customers.ignored_columns + [
            f"{ACCOUNTS_SHEET}: {name}" for name in (self.accounts.ignored_columns if self.accounts else [])
        ]

    def count_rows(self, max_rows: int) -> int:
        """About how many rows there are. Raises UnusableFile where they are more than `max_rows`, or none."""
        account_count = self.accounts.count_rows(max_rows, may_be_blank=True) if self.accounts else 0
        return account_count + self.customers.count_rows(max_rows, may_be_blank=account_count > 0)

    def describe_hidden_parts(self) -> str | None:
        """What Excel hides of what was read; None where that is nothing. To be asked when all rows have been read."""
        texts = [describe_hidden_parts(self.customers)]
        if self.accounts is not None and (text := describe_hidden_parts(self.accounts)):
            texts.append(f"{ACCOUNTS_SHEET}: {text}")
        return ". ".join(text for text in texts if text) or None


class WorkbookChecker:
    """Judges the rows of `workbook` for an organisation, and saves them: customers first, then accounts."""

    def __init__(self, workbook: ImportWorkbook, organisation_id: int) -> None:
        self._workbook = workbook
        self._organisation_id = organisation_id
        self.from_1904 = workbook.customers.from_1904
        self._checker = RowChecker(organisation_id, from_1904=self.from_1904)
        self._account_checker = AccountChecker(organisation_id, self._checker.new_names) if workbook.accounts else None

    def check_rows(self, *, lock: bool = False) -> Iterator[Sequence[CheckedRow]]:
        """The rows, checked, about a thousand at a time, each time of one sheet. Those of accounts are judged by what
        was saved of the customers before them, where it was.
        """
        yield from self._checker.check_rows(self._workbook.customers.read_rows(), lock=lock)
        if self._account_checker is not None and self._workbook.accounts is not None:
            yield from self._account_checker.check_rows(self._workbook.accounts.read_rows(), lock=lock)

    def lookups_of(self, rows: Sequence[CheckedRow]) -> dict[str, Lookup]:
        """The names for what `rows`, of one sheet, say."""
        is_accounts = self._account_checker is not None and bool(rows) and rows[0].is_account
        return self._account_checker.lookups if self._account_checker and is_accounts else self._checker.lookups

    def build_saver(self) -> "WorkbookSaver":
        """What saves these rows. Numbers that the sheet of accounts gives are kept for it."""
        accounts = self._workbook.accounts
        reserved = list_account_numbers(accounts.read_rows()) if accounts else set()
        return WorkbookSaver(
            RowSaver(self._organisation_id, self._checker.lookups, reserved=reserved),
            AccountSaver(self._organisation_id, reserved=reserved),
        )


class WorkbookSaver:
    """Writes the rows of a workbook."""

    def __init__(self, saver: RowSaver, account_saver: AccountSaver) -> None:
        self._saver = saver
        self._account_saver = account_saver

    def save_rows(self, rows: Sequence[CheckedRow]) -> None:
        """Write the new and the changed ones among `rows`, which are of one sheet. Raises as `RowSaver.save_rows`."""
        if rows and rows[0].is_account:
            self._account_saver.save_rows(cast(Sequence[CheckedAccount], rows))
        else:
            self._saver.save_rows(list(rows))
