"""Small coloured labels of values such as risk, stage and validity."""

from datetime import date
from typing import Any

from models.enums import Risk, Stage
from views.framework.columns import Cell
from views.framework.labels import member_label

RISK_TONES = {Risk.LOW: "green", Risk.MEDIUM: "amber", Risk.HIGH: "red"}


STAGE_TONES = {
    Stage.NEW: "neutral",
    Stage.PASSED: "blue",
    Stage.REFERRED: "amber",
    Stage.FAILED: "red",
    Stage.BILLING: "green",
}


def yes_no_chip(value: bool | None) -> Cell:
    return {"chip": "Yes", "tone": "green"} if value else {"chip": "No", "tone": "grey"}


def validity_chip(end_label: str | None, valid_until: date | None, tone: str, *, as_of: date) -> dict[str, Any]:
    """Whether something holds on a day: `end_label` says how it was ended, `valid_until` is its last day."""
    if end_label is not None:
        return {"chip": end_label, "tone": "grey"}
    if valid_until is not None and valid_until < as_of:
        return {"chip": "Expired", "tone": "grey"}
    return {"chip": "Active", "tone": tone}


def active_chip(row: Any) -> Cell:
    return {"chip": "Active", "tone": "green"} if row.active else {"chip": "Inactive", "tone": "grey"}


def tag_chip(tag: Any) -> Cell:
    return {"chip": tag.name, "tone": tag.colour.value}


def risk_chip(risk: Risk | None) -> Cell:
    return {"chip": risk.value, "tone": RISK_TONES[risk]} if risk else None


def stage_chip(stage: Stage) -> Cell:
    return {"chip": member_label(stage), "tone": STAGE_TONES[stage]}
