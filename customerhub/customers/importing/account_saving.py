"""Saving checked rows of the sheet of accounts, and taking them back. All of it happens in the caller's transaction."""

from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import bindparam, delete, insert, select, update

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import Conflict
from customerhub.core.money import format_amount
from customerhub.customers.accounts import take_account_numbers
from customerhub.customers.importing import checking
from customerhub.customers.importing.account_checking import CheckedAccount
from customerhub.customers.importing.account_columns import ACCOUNT_COLUMNS, ACCOUNT_FIELDS, load_account_lookups
from customerhub.customers.importing.checking import Problem
from customerhub.customers.importing.lookups import Lookup
from models import Account, BusinessEntity, CatalogItem, Contract, History, ImportRow
from models.base import db, get_table
from models.enums import RowOutcome

_TABLE: Final = get_table(Account)
CHANGED_SINCE: Final = "Changed since the import, so not reverted"
GONE: Final = "The account no longer exists"
NO_FORMER_VALUE: Final = "The previous value is no longer in the set-up"
ACCOUNT_CHANGED: Final = "An account in this file was changed by another user in the meantime"


class AccountSaver:
    """Writes accounts of one organisation. None that comes without a number gets one of those that are `reserved`."""

    def __init__(self, organisation_id: int, *, reserved: Collection[str] = ()) -> None:
        self._organisation_id = organisation_id
        self._reserved_numbers = reserved

    def save_rows(self, rows: Sequence[CheckedAccount]) -> None:
        """Write the new and the changed ones among `rows`; each new one gets its `account_id`. Raises Conflict where a
        number is taken, or an account is gone.
        """
        new = [row for row in rows if row.outcome is RowOutcome.NEW]
        changed = [row for row in rows if row.outcome is RowOutcome.CHANGED]
        _chosen = _load_choices(self._organisation_id) if new or changed else []  # so that history asks for none
        with save_changes(), db.session.no_autoflush, history.written_together():
            if new:
                self._insert_rows(new)
            if changed:
                _change_accounts({row.account_id or 0: row.changes for row in changed})

    def _insert_rows(self, rows: list[CheckedAccount]) -> None:
        missing_count = sum("number" not in row.values for row in rows)
        numbers = iter(take_account_numbers(self._organisation_id, missing_count, reserved=self._reserved_numbers))
        accounts = [
            Account(
                organisation_id=self._organisation_id,
                customer_id=row.owner.id if row.owner else None,
                number=row.values.get("number") or next(numbers),
                is_main=False,
                balance=Decimal(0),
                **{name: row.values.get(name) for name in ACCOUNT_FIELDS},
            )
            for row in rows
        ]
        ids = _insert_accounts(accounts)
        for row, account in zip(rows, accounts, strict=True):
            row.account_id = account.id = ids[account.number]
        history.record_rows(accounts, "created")


def _insert_accounts(accounts: list[Account]) -> dict[str, int]:
    """Write new accounts by one statement; their ids by number."""
    for account in accounts:
        account.update_derived_columns()
    names = ("organisation_id", "customer_id", "number", "is_main", "balance", "search_text", *ACCOUNT_FIELDS)
    rows = [{name: getattr(account, name) for name in names} for account in accounts]
    db.session.connection().execute(insert(_TABLE), rows)
    is_new = (
        _TABLE.c.organisation_id == rows[0]["organisation_id"],
        _TABLE.c.number.in_([row["number"] for row in rows]),
    )
    return {row.number: row.id for row in db.session.execute(select(_TABLE.c.number, _TABLE.c.id).where(*is_new))}


def _load_choices(organisation_id: int) -> list[Any]:
    """The rows that accounts choose from, held together as long as the caller holds the list."""
    queries = (select(model).where(model.organisation_id == organisation_id) for model in (CatalogItem, BusinessEntity))
    return [row for query in queries for row in db.session.scalars(query)]


def _change_accounts(changes_by_id: dict[int, dict[str, tuple[Any, Any]]]) -> None:
    """Set the (before, after) of accounts, by id. Raises Conflict where one is gone or no longer as it was."""
    accounts = _load_accounts(changes_by_id)
    for account_id, changes in changes_by_id.items():
        account = accounts.get(account_id)
        if account is None or any(getattr(account, name) != before for name, (before, _) in changes.items()):
            raise Conflict(ACCOUNT_CHANGED)
        for name, (_, after) in changes.items():
            setattr(account, name, after)
    _write_changes([accounts[account_id] for account_id in changes_by_id])


def _write_changes(accounts: Sequence[Account]) -> None:
    """Write what was set of `accounts` by one statement, with the history. Raises Conflict where one is gone."""
    if not accounts:
        return
    history.record_rows(accounts, "changed")
    statement = (
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("the_id"), _TABLE.c.version == bindparam("the_version"))
        .values({name: bindparam(f"new_{name}") for name in ACCOUNT_FIELDS} | {"version": _TABLE.c.version + 1})
    )
    parameters = [
        {f"new_{name}": getattr(each, name) for name in ACCOUNT_FIELDS}
        | {"the_id": each.id, "the_version": each.version}
        for each in accounts
    ]
    for account in accounts:
        db.session.expunge(account)
    if db.session.connection().execute(statement, parameters).rowcount != len(parameters):
        raise Conflict(ACCOUNT_CHANGED)


def _load_accounts(ids: Collection[int]) -> dict[int, Account]:
    query = select(Account).where(Account.id.in_(ids)).order_by(Account.id).with_for_update()
    return {each.id: each for each in db.session.scalars(query.execution_options(populate_existing=True))}


def build_account_undo(row: CheckedAccount) -> dict[str, Any]:
    """What a revert of `row` has to know: which account it is, and before and after of each field that it changed."""
    return {"account": row.account_id, "changes": {name: list(pair) for name, pair in row.changes.items()}}


def revert_accounts(
    import_id: int, *, organisation_id: int, source: str, progress: Callable[[int], object] | None = None
) -> dict[int, list[Problem]]:
    """Take back the rows of accounts of an import that the history calls `source`; (row → why) of those that stay."""
    lookups = load_account_lookups(organisation_id)
    problems: dict[int, list[Problem]] = {}
    _chosen = _load_choices(organisation_id)
    for rows in _iterate_chunks(import_id):
        accounts = _load_accounts([row.undo["account"] for row in rows])
        new = [row for row in rows if row.outcome is RowOutcome.NEW]
        with save_changes(), db.session.no_autoflush, history.written_together():
            problems |= _delete_new(new, accounts, source)
            problems |= _restore([row for row in rows if row not in new], accounts, lookups)
        if progress:
            progress(len(rows))
    return problems


def _iterate_chunks(import_id: int) -> Iterator[list[Any]]:
    """The rows that saved an account, in chunks."""
    last_row_number = 0
    columns = (ImportRow.row_number, ImportRow.outcome, ImportRow.undo)
    saved = (RowOutcome.NEW, RowOutcome.CHANGED)
    query = select(*columns).where(ImportRow.import_id == import_id, ImportRow.is_account, ImportRow.outcome.in_(saved))
    query = query.order_by(ImportRow.row_number).limit(checking.CHUNK_SIZE)
    while rows := list(db.session.execute(query.where(ImportRow.row_number > last_row_number))):
        last_row_number = rows[-1].row_number
        yield rows


def _delete_new(rows: list[Any], accounts: dict[int, Account], source: str) -> dict[int, list[Problem]]:
    """Delete the accounts that the import made; (row → why) of those that stay."""
    reasons = _list_reasons_to_stay([row.undo["account"] for row in rows], accounts, source)
    deleted = [accounts[key] for row in rows if (key := row.undo["account"]) in accounts and key not in reasons]
    if deleted:
        history.record_rows(deleted, "deleted")
        statement = delete(Account).where(Account.id.in_([account.id for account in deleted]))
        db.session.execute(statement, execution_options=history.bulk_options() | {"synchronize_session": False})
        for account in deleted:
            db.session.expunge(account)
    return {
        row.row_number: [Problem("accountNumber", reasons[row.undo["account"]])]
        for row in rows
        if row.undo["account"] in reasons
    }


def _list_reasons_to_stay(ids: list[int], accounts: dict[int, Account], source: str) -> dict[int, str]:
    """Why accounts that an import made cannot go, by id."""
    contracts = db.session.execute(select(Contract.account_id, Contract.number).where(Contract.account_id.in_(ids)))
    reasons = {row.account_id: f"Contract {row.number} belongs to it, so not deleted" for row in contracts}
    reasons |= {
        key: f"It has a balance of {format_amount(account.balance)}, so not deleted"
        for key, account in accounts.items()
        if key in ids and account.balance
    }
    is_elsewhere = History.table_name == "account", History.row_id.in_(ids), History.source != source
    changed_ids = db.session.scalars(select(History.row_id).where(*is_elsewhere).distinct())
    return {
        key: reason for key, reason in (dict.fromkeys(changed_ids, CHANGED_SINCE) | reasons).items() if key in accounts
    }


def _restore(rows: list[Any], accounts: dict[int, Account], lookups: dict[str, Lookup]) -> dict[int, list[Problem]]:
    """Put back what the import changed, where it still is as the import left it; (row → why) of what stays."""
    problems: dict[int, list[Problem]] = {}
    restored: dict[int, Account] = {}
    for row in rows:
        account = accounts.get(row.undo["account"])
        if account is None:
            problems[row.row_number] = [Problem("accountNumber", GONE)]
            continue
        for name, (before, after) in row.undo["changes"].items():
            reason = ""
            if getattr(account, name) != after:
                reason = CHANGED_SINCE
            elif name in lookups and not lookups[name].has_all(before):
                reason = NO_FORMER_VALUE
            if reason:
                problems.setdefault(row.row_number, []).append(Problem(ACCOUNT_COLUMNS.header_of(name), reason))
            else:
                setattr(account, name, before)
                restored[account.id] = account
    _write_changes(list(restored.values()))
    return problems
