"""Checking the rows of the sheet of accounts: each becomes an account to add or to change, or errors."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from sqlalchemy import or_, select

from customerhub.core.errors import quote_text
from customerhub.core.xlsx.sheet import BadCell, Cell, format_cell
from customerhub.customers.accounts import NUMBER_TAKEN
from customerhub.customers.importing import checking
from customerhub.customers.importing.account_columns import (
    ACCOUNT_COLUMNS,
    ACCOUNT_FIELDS,
    OWNER_HEADER,
    load_account_lookups,
)
from customerhub.customers.importing.checking import CheckedRow, Problem, RowReader, refuse_retired
from customerhub.customers.importing.comparing import load_survivor_ids
from models import Account, Customer
from models.base import db
from models.keys import exact_key

IS_MAIN: Final = "This is the customer's main account. Change it in the customer's form: this sheet is for further ones"
OWNER_IN_ERROR: Final = "The row of this customer in the sheet “customers” has errors"
NOTHING_GIVEN: Final = "Enter an account number, a type, a purpose or a business entity"

_NUMBER_PLACE: Final = ACCOUNT_COLUMNS.headers.index("accountNumber")


@dataclass(frozen=True, slots=True)
class Owner:
    """The customer of an account. One that the workbook brings has no id before it is saved."""

    id: int | None
    name: str


@dataclass(slots=True)
class CheckedAccount(CheckedRow):
    """A row of the sheet of accounts. `existing` is the account that it changes, as values by field."""

    owner: Owner | None = None
    account_id: int | None = None

    @property
    def is_account(self) -> bool:
        return True

    @property
    def known_name(self) -> str | None:
        return self.owner.name if self.owner else None


def list_account_numbers(rows: Iterable[tuple[int, list[Cell]]]) -> set[str]:
    """The account numbers that rows of the sheet give, as far as they are texts or numbers."""
    numbers = (cells[_NUMBER_PLACE] for _, cells in rows)
    return {format_cell(cell).strip() for cell in numbers if cell is not None and not isinstance(cell, BadCell)}


class AccountChecker:
    """Judges the rows of one sheet of accounts. `new_names` are the names of the customers that the workbook brings, by
    the key of their reference; None of those whose row is in error.
    """

    def __init__(self, organisation_id: int, new_names: Mapping[str, str | None]) -> None:
        self.organisation_id = organisation_id
        self.lookups = load_account_lookups(organisation_id)
        self._new_names = new_names
        self._reader = RowReader(ACCOUNT_COLUMNS, self.lookups, organisation_id)
        self._first_rows_of_numbers: dict[str, int] = {}
        self._first_rows_of_contents: dict[tuple[Any, ...], int] = {}

    def check_rows(
        self, rows: Iterable[tuple[int, list[Cell]]], *, lock: bool = False
    ) -> Iterator[list[CheckedAccount]]:
        """The rows, checked and compared with the accounts there are, about a thousand at a time. With `lock` the
        customers are kept from changing until the transaction ends.
        """
        source = iter(rows)
        while chunk := [self._read_row(*row) for row in islice(source, checking.CHUNK_SIZE)]:
            owners = self._load_owners({row.values["customer"] for row in chunk if "customer" in row.values}, lock)
            accounts = self._load_accounts(chunk, owners.values())
            for row in chunk:
                self._compare(row, owners, accounts)
            yield chunk

    def _read_row(self, number: int, cells: list[Cell]) -> CheckedAccount:
        row = CheckedAccount(number, cells, columns=ACCOUNT_COLUMNS)
        self._reader.read_cells(row)
        if "customer" not in row.values and not row.problems:
            row.problems.append(Problem(OWNER_HEADER, "Required"))
        elif not row.problems and row.values.keys() == {"customer"}:
            row.problems.append(Problem("accountNumber", NOTHING_GIVEN))
        return row

    def _load_owners(self, texts: Collection[str], lock: bool) -> dict[str, Owner]:
        """The customers that these texts name, by text: by reference, of the database or the workbook, or of one that
        was merged away; else by account number.
        """
        keys = {text: exact_key(text) or "" for text in texts}
        survivor_ids = load_survivor_ids(self.organisation_id, list(keys.values()))
        is_named = or_(
            Customer.reference_key.in_(keys.values()),
            Customer.id.in_(set(survivor_ids.values())),
            Customer.account_number.in_(texts),
        )
        columns = (Customer.id, Customer.name, Customer.reference_key, Customer.account_number)
        query = select(*columns).where(Customer.organisation_id == self.organisation_id, is_named)
        query = query.order_by(Customer.id)
        found = db.session.execute(query.with_for_update(of=Customer) if lock else query).all()
        by_id = {row.id: Owner(row.id, row.name) for row in found}
        by_key = {row.reference_key: by_id[row.id] for row in found if row.reference_key}
        # What number a customer of this workbook gets is not known before it is saved.
        by_number = {row.account_number: by_id[row.id] for row in found if row.reference_key not in self._new_names}
        owners = {}
        for text, key in keys.items():
            new_name = self._new_names.get(key)
            owner = by_key.get(key) or (Owner(None, new_name) if new_name else by_id.get(survivor_ids.get(key, 0)))
            if owner is None and key not in self._new_names:
                owner = by_number.get(text)
            if owner is not None:
                owners[text] = owner
        return owners

    def _load_accounts(self, rows: list[CheckedAccount], owners: Collection[Owner]) -> "_KnownAccounts":
        """The accounts that the rows name by number; of the customers of those without a number all further ones."""
        numbers = {row.values["number"] for row in rows if "number" in row.values}
        needs_contents = any("number" not in row.values for row in rows)
        owner_ids = {owner.id for owner in owners if owner.id} if needs_contents else set()
        names = ("id", "customer_id", "number", "is_main", *ACCOUNT_FIELDS)
        is_asked = or_(Account.number.in_(numbers), Account.customer_id.in_(owner_ids))
        query = select(*(getattr(Account, name) for name in names)).where(
            Account.organisation_id == self.organisation_id, is_asked
        )
        accounts = [dict(zip(names, row, strict=True)) for row in db.session.execute(query.order_by(Account.id))]
        return _KnownAccounts(accounts)

    def _compare(self, row: CheckedAccount, owners: Mapping[str, Owner], accounts: "_KnownAccounts") -> None:
        """What the row is to do, by what is known of the customer and the account."""
        text = row.values.get("customer")
        row.owner = owners.get(text) if text is not None else None
        if row.owner is not None:
            row.customer_id = row.owner.id
            self._find_account(row, row.owner, accounts)
        elif text is not None:
            row.problems.append(Problem(OWNER_HEADER, self._explain_missing_owner(text)))
        for name in ("type_id", "business_entity_id"):
            refuse_retired(row, name, self.lookups[name])
        if row.existing is not None and not row.problems:
            existing = row.existing
            given = {name: row.values[name] for name in ACCOUNT_FIELDS if name in row.values}
            row.changes = {name: (existing[name], value) for name, value in given.items() if existing[name] != value}

    def _explain_missing_owner(self, text: str) -> str:
        if (exact_key(text) or "") in self._new_names:
            return OWNER_IN_ERROR
        return f"There is no customer with the reference or account number {quote_text(text)}"

    def _find_account(self, row: CheckedAccount, owner: Owner, accounts: "_KnownAccounts") -> None:
        """Note which account the row is about; the second row about one is refused."""
        number = row.values.get("number")
        if number is None:
            if not row.problems:
                self._find_same_content(row, owner, accounts)
            return
        first = self._first_rows_of_numbers.setdefault(number, row.number)
        known = accounts.by_number.get(number)
        if first != row.number:
            row.problems.append(Problem("accountNumber", f"Row {first} of this sheet has the same account number"))
        elif known is not None and known["customer_id"] != owner.id:
            row.problems.append(Problem("accountNumber", NUMBER_TAKEN))
        elif known is not None and known["is_main"]:
            row.problems.append(Problem("accountNumber", IS_MAIN))
        elif known is not None:
            row.existing, row.account_id = known, known["id"]

    def _find_same_content(self, row: CheckedAccount, owner: Owner, accounts: "_KnownAccounts") -> None:
        """A row without a number is about the further account that has its content already, so that a workbook that is
        imported twice adds nothing the second time.
        """
        key = owner.id or exact_key(row.values["customer"])
        content = (key, *(row.values.get(name) for name in ACCOUNT_FIELDS))
        first = self._first_rows_of_contents.setdefault(content, row.number)
        if first != row.number:
            reason = f"Row {first} of this sheet is the same. Enter account numbers for several such accounts"
            row.problems.append(Problem("accountNumber", reason))
            return
        known = accounts.find_content(owner, row.values, self._first_rows_of_numbers)
        if known is not None:
            row.existing, row.account_id = known, known["id"]


class _KnownAccounts:
    """Accounts as values by field."""

    def __init__(self, accounts: list[dict[str, Any]]) -> None:
        self.by_number = {each["number"]: each for each in accounts}
        self._further: dict[int, list[dict[str, Any]]] = {}
        for each in accounts:
            if not each["is_main"]:
                self._further.setdefault(each["customer_id"], []).append(each)

    def find_content(self, owner: Owner, values: Mapping[str, Any], named: Collection[str]) -> dict[str, Any] | None:
        """The customer's further account with these values and none of the `named` numbers, of which rows of the same
        sheet are: whether they are saved yet makes no difference.
        """
        wanted = [values.get(name) for name in ACCOUNT_FIELDS]
        return next(
            (
                each
                for each in self._further.get(owner.id or 0, [])
                if [each[name] for name in ACCOUNT_FIELDS] == wanted and each["number"] not in named
            ),
            None,
        )
