"""What would become, or became, of each row of an import."""

from collections.abc import Mapping
from typing import Any

from flask import url_for
from sqlalchemy import select

from customerhub.customers.importing.columns import COLUMNS
from models import CustomerImport, ImportRow
from models.base import db
from models.enums import RowOutcome, TransferState

PAGE = 50
S = TransferState
OUTCOMES = {
    RowOutcome.NEW: ("New", "green"),
    RowOutcome.CHANGED: ("Changed", "blue"),
    RowOutcome.UNCHANGED: ("Unchanged", "grey"),
    RowOutcome.ERROR: ("In error", "red"),
}
SAID = {
    S.READY: "Nothing is saved yet. Look at the rows, then confirm below.",
    S.DONE: "Saved.",
    S.FAILED: "This file could not be used. Nothing was saved.",
    S.CANCELLED: "Cancelled. Nothing was saved.",
    S.REVERTED: "Taken back, as far as nobody had changed it since.",
}
INVITES = "Saving makes a portal user for each new customer and mails them a link to choose a password."
TELLING = ("email", "regionName", "department", "risk", "startDate")  # what makes a new row known at a glance
FIELDS = {column.field: column.header for column in COLUMNS}


def page_of(imported: CustomerImport, asked: Mapping[str, str], here: str) -> dict[str, Any]:
    """What templates/import_preview.html shows. `here` is the address of the import."""
    outcome = asked.get("outcome", "")
    outcome = outcome if outcome in set(RowOutcome) else ""
    number = (
        int(asked.get("page", "0")) if asked.get("page", "0").isdecimal() and len(asked.get("page", "0")) < 7 else 0
    )
    rows, more = _rows(imported, outcome, number)
    return {
        "title": imported.file_name,
        "subtitle": SAID.get(imported.state),
        "banners": _banners(imported),
        "tiles": _tiles(imported, outcome, here) if imported.state is not S.FAILED else [],
        "rows": rows,
        "pager": _pager(here, outcome, number, more),
        "empty": {"title": "No rows of this kind"} if outcome else _nothing(imported),
        **_buttons(imported),
    }


def _nothing(imported: CustomerImport) -> dict[str, Any]:
    if imported.state is not S.FAILED:
        return {"title": "No rows to show"}
    action = {"label": "Import another file", "url": url_for("imports.upload")}
    return {"title": "Nothing could be read", "text": "Begin with the template, or mend the file.", "action": action}


def _banners(imported: CustomerImport) -> list[dict[str, Any]]:
    banners: list[dict[str, Any]] = []
    if imported.problem:
        kind = "error" if imported.state is S.FAILED else "warning"
        banners.append({"kind": kind, "text": imported.problem})
    if imported.state is S.READY and imported.new_rows:
        banners.append({"kind": "info", "text": INVITES})
    if imported.state is S.DONE:
        saved = imported.new_rows + imported.changed_rows
        url = url_for("imports.operation_view", operation="revert", id=imported.id)
        link = {"label": "Revert this import", "url": url}
        banners.append(
            {"kind": "success", "text": f"{saved:,} customer{' was' if saved == 1 else 's were'} saved.", "link": link}
        )
    if imported.ignored_columns:
        named = ", ".join(imported.ignored_columns)
        banners.append({"kind": "info", "text": f"Columns that mean nothing here were left out: {named}."})
    return banners


def _tiles(imported: CustomerImport, outcome: str, here: str) -> list[dict[str, Any]]:
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
            "url": here if outcome == each else f"{here}&outcome={each.value}",
        }
        for each, count in counts
    ]


def _rows(imported: CustomerImport, outcome: str, number: int) -> tuple[list[dict[str, Any]], bool]:
    query = select(ImportRow).where(ImportRow.import_id == imported.id)
    if outcome:
        query = query.where(ImportRow.outcome == RowOutcome(outcome))
    query = query.order_by(ImportRow.row_number).limit(PAGE + 1).offset(number * PAGE)
    found = list(db.session.scalars(query))
    gone = imported.state is S.REVERTED
    rows = [_row(row, gone and row.outcome is RowOutcome.NEW and not row.errors) for row in found[:PAGE]]
    return rows, len(found) > PAGE


def _told(error: dict[str, str], cells: dict[str, Any]) -> tuple[str, str, Any]:
    """Column, reason and what the cell held, where the reason does not say it already."""
    given = cells.get(error["column"])
    return error["column"], error["reason"], None if str(given) in error["reason"] else given


def _row(row: ImportRow, is_gone: bool) -> dict[str, Any]:
    label, tone = OUTCOMES[row.outcome]
    cells = row.cells or {}
    return {
        "number": row.row_number,
        "outcome": {"label": label, "tone": tone},
        "reference": row.reference,
        "name": row.name,
        "url": url_for("customers.details_view", id=row.customer_id) if row.customer_id and not is_gone else None,
        "errors": [_told(error, cells) for error in row.errors or []],
        "told": ", ".join(str(cells[name]) for name in TELLING if cells.get(name))
        if row.outcome is RowOutcome.NEW
        else "",
        "changes": [(FIELDS.get(name, name), pair[0], pair[1]) for name, pair in (row.changes or {}).items()],
    }


def _pager(here: str, outcome: str, number: int, more: bool) -> dict[str, Any] | None:
    if not number and not more:
        return None
    base = here + (f"&outcome={outcome}" if outcome else "")
    return {
        "first_text": f"Page {number + 1}",
        "prev": f"{base}&page={number - 1}" if number else None,
        "next": f"{base}&page={number + 1}" if more else None,
        "pages": [],
    }


def _buttons(imported: CustomerImport) -> dict[str, Any]:
    """What can be done now: confirm all or the good rows, cancel, fetch the refused rows, or revert."""
    made: dict[str, Any] = {"buttons": [], "confirm_url": "", "cancel_url": None, "errors_url": None}
    if imported.error_rows:
        made["errors_url"] = url_for("imports.errors_view", id=imported.id)
    good = imported.new_rows + imported.changed_rows
    if imported.state is S.READY:
        made["confirm_url"] = url_for("imports.confirm_view", id=imported.id, seen=imported.version)
        made["cancel_url"] = url_for("imports.cancel_view", id=imported.id)
        if imported.error_rows:
            why = "Rows are in error: mend the file and upload it again, or import only the good rows."
            made["buttons"].append({"name": "all", "label": "Import all", "disabled": True, "why": why})
            label = f"Import {good:,} good {'row' if good == 1 else 'rows'}"
            made["buttons"].insert(0, {"name": "good", "label": label, "primary": True, "disabled": not good})
        else:
            label = f"Import {good:,} {'row' if good == 1 else 'rows'}"
            why = "" if good else "No row is new or changed, so there is nothing to save."
            made["buttons"].append({"name": "all", "label": label, "primary": True, "disabled": not good, "why": why})
    return made
