"""Lists of envelopes, by what changed when and by ids, with the parameters and defaults that DocuSign publishes."""

import sqlite3
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any, Final

from sandbox.envelopes.lifecycle import EXPIRED
from sandbox.envelopes.representation import describe_envelope
from sandbox.errors import invalid_parameter
from sandbox.moments import format_moment, get_moment, get_now, parse_moment

MAX_COUNT: Final = 1000
TRANSACTION_DAYS: Final = 7  # how long DocuSign knows a transaction id
STATUSES: Final = ("created", "sent", "delivered", "completed", "declined", "voided")
# Which moment a period is about, by from_to_status.
MOMENTS: Final = {
    "changed": "status_changed_at",
    "created": "created_at",
    "sent": "sent_at",
    "delivered": "delivered_at",
    "signed": "completed_at",
    "completed": "completed_at",
    "declined": "declined_at",
    "voided": "voided_at",
    "timedout": "voided_at",
}
NEVER: Final = ("deleted", "processing", "template", "signed")  # statuses that no envelope of the sandbox keeps
ORDERS: Final = {
    "last_modified": "last_modified_at",
    "status_changed": "status_changed_at",
    "created": "created_at",
    "sent": "sent_at",
    "completed": "completed_at",
    "expire": "expires_at",
    "status": "status",
    "subject": "email_subject",
    "envelope_name": "email_subject",
}


class _Conditions:
    """What an envelope must fulfil, as SQL."""

    def __init__(self) -> None:
        self.parts = ["1 = 1"]
        self.values: list[object] = []

    def add(self, part: str, *values: object) -> None:
        self.parts.append(part)
        self.values += values

    def add_any_of(self, column: str, values: Collection[str]) -> None:
        self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)


def list_changes(db: sqlite3.Connection, values: Mapping[str, str], include: Collection[str]) -> dict[str, Any]:
    """The envelopes that a query asks for. Raises ApiError."""
    conditions = _Conditions()
    has_ids = _add_ids(db, values, conditions)
    _add_period(db, values, conditions, is_required=not has_ids)
    _add_status(values, conditions)
    _add_text(values, conditions)
    where = " AND ".join(conditions.parts)
    total = int(db.execute(f"SELECT count(*) FROM envelope WHERE {where}", conditions.values).fetchone()[0])  # noqa: S608
    start = _read_whole_number(values, "start_position", 0, 0, 10_000_000)
    count = _read_whole_number(values, "count", MAX_COUNT, 1, MAX_COUNT)
    rows = db.execute(
        f"SELECT * FROM envelope WHERE {where} ORDER BY {_read_order(values)} LIMIT ? OFFSET ?",  # noqa: S608
        (*conditions.values, count, start),
    ).fetchall()
    answer: dict[str, Any] = {
        "resultSetSize": str(len(rows)),
        "startPosition": str(start if rows else 0),
        "endPosition": str(start + len(rows) - 1 if rows else 0),
        "totalSetSize": str(total),
        "lastQueriedDateTime": get_moment(db),
    }
    if rows:  # without any, DocuSign leaves the list out
        answer["envelopes"] = [describe_envelope(db, row, include) for row in rows]
    return answer


def _split(values: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in values.get(name, "").split(",") if part.strip()]


def _add_ids(db: sqlite3.Connection, values: Mapping[str, str], conditions: _Conditions) -> bool:
    """Whether the query names ids, be it none of them that exists."""
    if "envelope_ids" in values:
        conditions.add_any_of("envelope_id", [each.lower() for each in _split(values, "envelope_ids")])
    if "transaction_ids" in values:
        conditions.add_any_of("transaction_id", _split(values, "transaction_ids"))
        conditions.add("created_at >= ?", format_moment(get_now(db) - timedelta(days=TRANSACTION_DAYS)))
    return "envelope_ids" in values or "transaction_ids" in values


def _add_period(
    db: sqlite3.Connection, values: Mapping[str, str], conditions: _Conditions, *, is_required: bool
) -> None:
    if not values.get("from_date"):
        if is_required:
            raise invalid_parameter(
                "Query parameter 'from_date' must be set to a valid DateTime, or 'envelopeIds' or 'transactionIds' "
                "must be specified."
            )
        return
    kind = values.get("from_to_status", "changed").lower()
    if kind not in MOMENTS and kind not in NEVER:
        raise invalid_parameter("Invalid value specified for 'from_to_status'.")
    column = MOMENTS.get(kind)
    if column is None:
        conditions.add("1 = 0")
        return
    to_date = _read_moment(values, "to_date") if values.get("to_date") else get_moment(db)
    conditions.add(f"{column} BETWEEN ? AND ?", _read_moment(values, "from_date"), to_date)
    if kind == "timedout":
        conditions.add("voided_reason = ?", EXPIRED)


def _read_moment(values: Mapping[str, str], name: str) -> str:
    try:
        return format_moment(parse_moment(values[name].replace(" ", "+")))  # a plus that was not encoded
    except (ValueError, OverflowError):
        raise invalid_parameter(f"Query parameter '{name}' must be set to a valid DateTime.") from None


def _add_status(values: Mapping[str, str], conditions: _Conditions) -> None:
    wanted = [each.lower() for each in _split(values, "status")]
    unknown = set(wanted) - {*STATUSES, *NEVER, "any", "timedout"}
    if unknown:
        raise invalid_parameter("Invalid value specified for 'status'.")
    if not wanted or "any" in wanted:
        return
    known = [each for each in wanted if each in STATUSES]
    timed_out = "timedout" in wanted
    part = f"status IN ({', '.join('?' * len(known))})"
    if timed_out:
        conditions.add(f"({part} OR voided_reason = ?)", *known, EXPIRED)
    else:
        conditions.add(part, *known)


def _add_text(values: Mapping[str, str], conditions: _Conditions) -> None:
    if text := values.get("search_text"):
        conditions.add(
            "(instr(lower(email_subject), lower(?)) OR EXISTS (SELECT 1 FROM recipient WHERE"
            " recipient.envelope_id = envelope.envelope_id AND instr(lower(email || ' ' || name), lower(?))))",
            text,
            text,
        )
    if custom_field := values.get("custom_field"):
        name, _, value = custom_field.partition("=")
        conditions.add(
            "EXISTS (SELECT 1 FROM json_each(custom_fields, '$.textCustomFields') WHERE"
            " json_extract(json_each.value, '$.name') = ? AND json_extract(json_each.value, '$.value') = ?)",
            name,
            value,
        )


def _read_whole_number(values: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    text = values.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not low <= int(text) <= high:
        raise invalid_parameter(f"Query parameter '{name}' must be a whole number from {low} to {high}.")
    return int(text)


def _read_order(values: Mapping[str, str]) -> str:
    order_by, order = values.get("order_by") or "last_modified", (values.get("order") or "desc").lower()
    if order_by not in ORDERS or order not in ("asc", "desc"):
        raise invalid_parameter("Invalid value specified for 'order_by' or 'order'.")
    return f"{ORDERS[order_by]} {order}, rowid {order}"
