"""The preview or result of each row of an import."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from flask import url_for
from sqlalchemy import func, select

from customerhub.core.xlsx.sheet import BadCell, format_cell
from customerhub.customers.importing.account_columns import ACCOUNTS_SHEET, OWNER_HEADER
from customerhub.customers.importing.columns import CellType
from customerhub.customers.importing.custom_columns import load_columns
from customerhub.customers.importing.stored_cells import restore_cell
from models import CustomerImport, ImportRow
from models.base import db
from models.enums import RowOutcome, TransferState
from views.framework.formatting import format_date
from views.framework.paging import Pager, paginate

PAGE_SIZE = 50
S = TransferState
OUTCOMES = {
    RowOutcome.NEW: ("New", "green"),
    RowOutcome.CHANGED: ("Changed", "blue"),
    RowOutcome.UNCHANGED: ("Unchanged", "grey"),
    RowOutcome.ERROR: ("With errors", "red"),
}
STATE_TEXTS = {
    S.READY: "Nothing is saved yet. Check the rows, then confirm below.",
    S.DONE: "Saved.",
    S.FAILED: "This file could not be imported. Nothing was saved.",
    S.CANCELLED: "Cancelled. Nothing was saved.",
    S.REVERTED: "Reverted, except for values changed since.",
}
INVITATION_NOTE = "Saving creates a portal user for each new customer and emails them a link to choose a password."
OWN_COLUMNS = ("name", "reference")  # of the page's table too


def build_page(imported: CustomerImport, request_args: Mapping[str, str], import_url: str) -> dict[str, Any]:
    """What templates/customers/import_preview.html shows. `here` is the address of the import."""
    outcome = request_args.get("outcome", "")
    outcome = outcome if outcome in set(RowOutcome) else ""
    rows, pager = _rows(imported, outcome)
    return {
        "title": imported.file_name,
        "subtitle": STATE_TEXTS.get(imported.state),
        "banners": _banners(imported),
        "tiles": _tiles(imported, outcome, import_url) if imported.state is not S.FAILED else [],
        "rows": rows,
        "pager": pager,
        "empty": {"title": "No rows of this kind"} if outcome else _empty_state(imported),
        **_buttons(imported),
    }


def _empty_state(imported: CustomerImport) -> dict[str, Any]:
    if imported.state is not S.FAILED:
        return {"title": "No rows to show"}
    action = {"label": "Import another file", "url": url_for("imports.upload")}
    return {"title": "The file could not be read", "text": "Use the template or fix the file.", "action": action}


def _banners(imported: CustomerImport) -> list[dict[str, Any]]:
    banners: list[dict[str, Any]] = []
    if imported.problem:
        kind = "error" if imported.state is S.FAILED else "warning"
        banners.append({"kind": kind, "text": imported.problem})
    if imported.state is S.READY and imported.new_rows and _count_rows(imported, RowOutcome.NEW)[False]:
        banners.append({"kind": "info", "text": INVITATION_NOTE})
    if imported.state is S.DONE:
        url = url_for("imports.operation_view", operation="revert", id=imported.id)
        link = {"label": "Revert this import", "url": url}
        banners.append({"kind": "success", "text": _describe_saved(imported), "link": link})
    if imported.ignored_columns:
        named = ", ".join(imported.ignored_columns)
        banners.append({"kind": "info", "text": f"Unknown columns were ignored: {named}."})
    return banners


def _describe_saved(imported: CustomerImport) -> str:
    """Ten customers and one account were saved."""
    counts = _count_rows(imported, RowOutcome.NEW, RowOutcome.CHANGED)
    nouns = ((counts[False], "customer"), (counts[True], "account"))
    texts = [f"{count:,} {noun}{'' if count == 1 else 's'}" for count, noun in nouns if count]
    is_one = counts[False] + counts[True] == 1
    return f"{' and '.join(texts)} {'was' if is_one else 'were'} saved."


def _count_rows(imported: CustomerImport, *outcomes: RowOutcome) -> dict[bool, int]:
    """How many rows have these outcomes, of customers (False) and of accounts (True)."""
    query = select(ImportRow.is_account, func.count()).where(
        ImportRow.import_id == imported.id, ImportRow.outcome.in_(outcomes)
    )
    return {False: 0, True: 0} | {row[0]: row[1] for row in db.session.execute(query.group_by(ImportRow.is_account))}


def _tiles(imported: CustomerImport, outcome: str, import_url: str) -> list[dict[str, Any]]:
    counts = (
        (RowOutcome.NEW, imported.new_rows),
        (RowOutcome.CHANGED, imported.changed_rows),
        (RowOutcome.UNCHANGED, imported.unchanged_rows),
        (RowOutcome.ERROR, imported.error_rows),
    )
    return [
        {
            "label": OUTCOMES[each][0],
            "count": f"{count:,}",
            "tone": OUTCOMES[each][1] if count else None,
            "active": outcome == each,
            "url": import_url if outcome == each else f"{import_url}&outcome={each.value}",
        }
        for each, count in counts
    ]


def _rows(imported: CustomerImport, outcome: str) -> tuple[list[dict[str, Any]], Pager | None]:
    query = select(ImportRow).where(ImportRow.import_id == imported.id)
    if outcome:
        query = query.where(ImportRow.outcome == RowOutcome(outcome))
    found_rows, pager = paginate(query.order_by(ImportRow.is_account, ImportRow.row_number), PAGE_SIZE)
    is_reverted = imported.state is S.REVERTED
    columns = load_columns(imported.organisation_id).columns
    date_headers = {column.header for column in columns if column.cell_type is CellType.DATE}
    rows = [
        _row(row, is_reverted and row.outcome is RowOutcome.NEW and not row.errors, date_headers) for row in found_rows
    ]
    return rows, pager


def _error_details(error: dict[str, str], cells: dict[str, Any]) -> tuple[str, str, Any]:
    """Column, reason and what the cell held, where the reason does not say it already."""
    cell = restore_cell(cells.get(error["column"]))
    cell_text = None if cell is None or isinstance(cell, BadCell) else format_cell(cell)
    return error["column"], error["reason"], None if str(cell_text) in error["reason"] else cell_text


def _row(row: ImportRow, is_deleted: bool, date_headers: Collection[str]) -> dict[str, Any]:
    label, tone = OUTCOMES[row.outcome]
    cells = row.cells or {}
    own_columns = (OWNER_HEADER,) if row.is_account else OWN_COLUMNS
    return {
        "number": row.row_number,
        "sheet": ACCOUNTS_SHEET if row.is_account else None,
        "outcome": {"label": label, "tone": tone},
        "reference": row.reference,
        "name": row.name,
        "url": url_for("customers.details_view", id=row.customer_id) if row.customer_id and not is_deleted else None,
        "errors": [_error_details(error, cells) for error in row.errors or []],
        "is_new": row.outcome is RowOutcome.NEW,
        "changes": [
            (header, *(_format_value(value, is_date=header in date_headers) for value in pair))
            for header, pair in (row.changes or {}).items()
            if row.outcome is not RowOutcome.NEW or header not in own_columns
        ],
    }


def _format_value(value: Any, *, is_date: bool) -> Any:
    """A value as it would be saved, as people read it."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return format_date(date.fromisoformat(value)) if is_date and value else value


def _buttons(imported: CustomerImport) -> dict[str, Any]:
    """What can be done now: confirm all or the good rows, cancel, fetch the refused rows, or revert."""
    page_parts: dict[str, Any] = {"buttons": [], "confirm_url": "", "cancel_url": None, "errors_url": None}
    if imported.error_rows:
        page_parts["errors_url"] = url_for("imports.errors_view", id=imported.id)
    valid_count = imported.new_rows + imported.changed_rows
    if imported.state is S.READY:
        page_parts["confirm_url"] = url_for("imports.confirm_view", id=imported.id, seen=imported.version)
        page_parts["cancel_url"] = url_for("imports.cancel_view", id=imported.id)
        if imported.error_rows:
            disabled_reason = "Some rows have errors: fix the file and upload it again, or import only the valid rows."
            page_parts["buttons"].append(
                {"name": "all", "label": "Import all", "disabled": True, "why": disabled_reason}
            )
            label = f"Import {valid_count:,} valid {'row' if valid_count == 1 else 'rows'}"
            page_parts["buttons"].insert(
                0, {"name": "good", "label": label, "primary": True, "disabled": not valid_count}
            )
        else:
            label = f"Import {valid_count:,} {'row' if valid_count == 1 else 'rows'}"
            disabled_reason = "" if valid_count else "There are no new or changed rows to save."
            page_parts["buttons"].append(
                {"name": "all", "label": label, "primary": True, "disabled": not valid_count, "why": disabled_reason}
            )
    return page_parts
