"""Reviews of a customer: recording one, which were done and which are due."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from wtforms import Form, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.record_review import (
    MAX_NOTE_LENGTH,
    find_answered_due_dates,
    list_reviews,
    record_review,
    record_reviews,
)
from customerhub.customers.review_schedule import find_latest_due_date, is_answered, is_overdue, list_next_due_dates
from models import Customer, Organisation, Review
from models.base import db
from models.enums import Risk
from views.framework.chips import risk_chip
from views.framework.date_field import DateField
from views.framework.fields import ChoiceField
from views.framework.formatting import format_date, get_today, local_date
from views.framework.forms import clean_input
from views.framework.operation import Operation

MAX_REVIEWS = 100  # reviews on the page of a customer


class ReviewForm(Form):
    done_on = DateField("Done on", [InputRequired("Enter the review date")], default=lambda: get_today())
    risk = ChoiceField("Risk", members=Risk, blank=True, description="The outcome becomes the customer's risk rating.")
    note = TextAreaField("Note", [Optional(), Length(max=MAX_NOTE_LENGTH)], filters=[clean_input])


def _initial_values(rows: Sequence[Customer], _actor: Actor) -> dict[str, Any]:
    return {"done_on": get_today(), "risk": rows[0].risk if len(rows) == 1 else None}


def _preview(rows: Sequence[Customer], values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    done_on: date = values.get("done_on") or get_today()
    due_dates = find_answered_due_dates(rows, done_on)
    review_rows = [
        [row.name, risk_chip(row.risk), format_date(due_dates[row.id]) or "None: outside the review plan"]
        for row in rows
    ]
    columns = [{"label": label} for label in ("Customer", "Risk now", "Completes the review due on")]
    return [{"title": "Reviews to be recorded", "columns": columns, "rows": review_rows}]


RECORD = Operation(
    name="review",
    label="Record review",
    past_tense="reviewed",
    permission=Permission.CUSTOMERS_EDIT,
    run=record_review,
    run_many=lambda customers, **values: record_reviews(customers, **values)[1],
    form=ReviewForm,
    initial_values=_initial_values,
    preview=_preview,
    explanation="Records the review with its date, outcome and reviewer. No more reminders are sent for the completed "
    "due date.",
    icon="ok",
)


def build_tables(row: Customer, record_url: str) -> list[dict[str, Any]]:
    """What is due, and what was done."""
    reviews = list_reviews(row)
    return [_due_table(row, reviews), _done_table(reviews) | {"more_url": record_url, "more_label": RECORD.label}]


def _due_table(row: Customer, reviews: Sequence[Review]) -> dict[str, Any]:
    table: dict[str, Any] = {"title": "Due", "columns": [{"label": "Due on"}, {"label": "State"}], "rows": []}
    if row.review_start_date is None or row.review_frequency is None:
        return table | {"empty": {"title": "No reviews planned", "text": "Set them under Edit, Review."}}
    latest = find_latest_due_date(row.review_start_date, row.review_frequency, get_today())
    upcoming_dates = list_next_due_dates(row.review_start_date, row.review_frequency, get_today())
    dates = [latest, *upcoming_dates] if latest is not None and latest not in upcoming_dates else upcoming_dates
    table["rows"] = [[format_date(due), _state_chip(row, due, _find_completing_review(due, reviews))] for due in dates]
    return table


def _find_completing_review(due: date, reviews: Sequence[Review]) -> Review | None:
    """The review by which one that was due on `due` is done: of several the one that was due first."""
    candidates = [(review.due_on, review.id, review) for review in reviews if is_answered(due, review.due_on)]
    return min(candidates, default=(None, 0, None))[2]


def _state_chip(row: Customer, due: date, review: Review | None) -> dict[str, Any]:
    if review is not None:
        return {"chip": f"Done on {format_date(review.done_on)}", "tone": "green"}
    if due > get_today():
        return {"chip": "Planned", "tone": "neutral"}
    grace_days = db.session.get_one(Organisation, row.organisation_id).review_grace_days
    if is_overdue(due, local_date(row.created_at), grace_days, get_today()):
        return {"chip": "Overdue", "tone": "red"}
    return {"chip": "Due", "tone": "amber"}


def _done_table(reviews: Sequence[Review]) -> dict[str, Any]:
    return {
        "title": "Done",
        "text": f"Showing the last {MAX_REVIEWS}." if len(reviews) > MAX_REVIEWS else None,
        "columns": [{"label": label} for label in ("Done on", "By", "Completes", "Risk", "Note")],
        "rows": [
            [
                format_date(review.done_on),
                review.done_by.name if review.done_by else None,
                f"Due on {format_date(review.due_on)}" if review.due_on else None,
                risk_chip(review.risk),
                review.note,
            ]
            for review in reviews[:MAX_REVIEWS]
        ],
        "empty": {"title": "No reviews recorded yet", "text": "Record a review when it is done."},
    }
