"""How an alert looks in lists and banners."""

from typing import Any

from models import Alert
from models.enums import Severity
from views.framework.chips import validity_chip
from views.framework.formatting import get_today
from views.framework.labels import member_label

TONES = {Severity.INFO: "blue", Severity.WARNING: "amber", Severity.CRITICAL: "red"}


BANNERS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


def severity_chip(alert: Alert) -> dict[str, Any]:
    return {"chip": member_label(alert.severity), "tone": TONES[alert.severity]}


def state_chip(alert: Alert) -> dict[str, Any]:
    return validity_chip("Closed" if alert.closed_at else None, alert.valid_until, "green", as_of=get_today())
