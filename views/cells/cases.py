"""How cases look wherever they are shown."""

from typing import Any

from models import CustomerCase
from models.enums import CaseStatus
from views.framework.columns import Cell
from views.framework.labels import member_label
from views.http.urls import path_to

TONES = {
    CaseStatus.OPEN: "blue",
    CaseStatus.IN_PROGRESS: "violet",
    CaseStatus.WAITING: "amber",
    CaseStatus.CLOSED: "grey",
}


def status_chip(case: CustomerCase) -> dict[str, Any]:
    return {"chip": member_label(case.status), "tone": TONES[case.status]}


def subject_cell(case: CustomerCase) -> Cell:
    return {"text": case.subject, "url": path_to("cases.details_view", case.id)}
