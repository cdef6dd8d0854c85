"""Reviews of a customer: recording one, which were done and which are due."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from wtforms import DateField, Form, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from customerhub.customers.reviewing import LONGEST_NOTE, due_dates_of, list_reviews, record_review
from customerhub.customers.reviews import is_answered, is_overdue, latest_review, next_reviews
from customerhub.permissions import Actor, Permission
from models import Customer, Organisation, Review
from models.base import db
from models.enums import Risk
from views.columns import day, local_date, risk_chip
from views.customer_form import today
from views.fields import ChoiceField
from views.forms import clean_input
from views.operation import Operation

SHOWN = 100  # reviews on the page of a customer


class ReviewForm(Form):
    done_on = DateField("Done on", [InputRequired("Choose the day on which it was done")], default=lambda: today())
    risk = ChoiceField(
        "Risk", members=Risk, blank=True, description="The outcome. It becomes the customer's risk rating."
    )
    note = TextAreaField("Note", [Optional(), Length(max=LONGEST_NOTE)], filters=[clean_input])


def _first(rows: Sequence[Customer], _actor: Actor) -> dict[str, Any]:
    return {"done_on": today(), "risk": rows[0].risk if len(rows) == 1 else None}


def _what_it_answers(rows: Sequence[Customer], values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    done_on: date = values.get("done_on") or today()
    answered = due_dates_of(rows, done_on)
    told = [
        [row.name, risk_chip(row.risk), day(answered[row.id]) or "None: it is kept beside the plan"] for row in rows
    ]
    columns = [{"label": label} for label in ("Customer", "Risk now", "Answers the review due on")]
    return [{"title": "What is recorded", "columns": columns, "rows": told}]


RECORD = Operation(
    name="review",
    label="Record review",
    permission=Permission.CUSTOMERS_EDIT,
    run=record_review,
    form=ReviewForm,
    first=_first,
    preview=_what_it_answers,
    explain="Keeps that the customer was reviewed, by whom and with which outcome. The due date that it answers is "
    "no longer reminded of.",
    icon="ok",
)


def tables(row: Customer, record_url: str) -> list[dict[str, Any]]:
    """What is due, and what was done."""
    done = list_reviews(row)
    return [_plan(row, done), _done(done) | {"more_url": record_url, "more_label": RECORD.label}]


def _plan(row: Customer, done: Sequence[Review]) -> dict[str, Any]:
    table: dict[str, Any] = {"title": "Due", "columns": [{"label": "Due on"}, {"label": "State"}], "rows": []}
    if row.review_start_date is None or row.review_frequency is None:
        return table | {"empty": {"title": "No reviews are planned", "text": "Set them under Edit, Review."}}
    latest = latest_review(row.review_start_date, row.review_frequency, today())
    ahead = next_reviews(row.review_start_date, row.review_frequency, today())
    dates = [latest, *ahead] if latest is not None and latest not in ahead else ahead
    table["rows"] = [[day(due), _state(row, due, _answer(due, done))] for due in dates]
    return table


def _answer(due: date, done: Sequence[Review]) -> Review | None:
    """The review by which one that was due on `due` is done: of several the one that was due first."""
    answers = [(review.due_on, review.id, review) for review in done if is_answered(due, review.due_on)]
    return min(answers, default=(None, 0, None))[2]


def _state(row: Customer, due: date, review: Review | None) -> dict[str, Any]:
    if review is not None:
        return {"chip": f"Done on {day(review.done_on)}", "tone": "green"}
    if due > today():
        return {"chip": "Planned", "tone": "neutral"}
    grace = db.session.get_one(Organisation, row.organisation_id).review_grace_days
    if is_overdue(due, local_date(row.created_at), grace, today()):
        return {"chip": "Overdue", "tone": "red"}
    return {"chip": "Due", "tone": "amber"}


def _done(done: Sequence[Review]) -> dict[str, Any]:
    return {
        "title": "Done",
        "text": f"The last {SHOWN}." if len(done) > SHOWN else None,
        "columns": [{"label": label} for label in ("Done on", "By", "Answers", "Risk", "Note")],
        "rows": [
            [day(review.done_on), review.done_by.name if review.done_by else None,
             f"Due on {day(review.due_on)}" if review.due_on else None, risk_chip(review.risk), review.note]
            for review in done[:SHOWN]
        ],
        "empty": {"title": "No review was recorded yet", "text": "Record it when it is done."},
    }  # fmt: skip
