"""Alerts: what people must know of customers, raised by hand and by rule."""

from typing import Any

from sqlalchemy.orm import joinedload
from wtforms import DateField, Form, StringField
from wtforms.validators import Length, Optional

from customerhub.customers import alerts
from customerhub.permissions import Permission
from models import Alert, CatalogItem, Customer
from models.enums import AlertRule, CatalogType, Severity
from views.base import HubModelView
from views.choices import Source
from views.columns import Column, Filter, day, local_date, moment, validity_chip
from views.customer_cells import customer_link
from views.customer_form import today
from views.fields import ChoiceField, RowField
from views.forms import Particular, clean_input
from views.operation import Operation, as_asked
from views.words import sentence, word

TONES = {Severity.INFO: "blue", Severity.WARNING: "amber", Severity.CRITICAL: "red"}
BANNERS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "error"}


def severity_chip(alert: Alert) -> dict[str, Any]:
    return {"chip": word(alert.severity), "tone": TONES[alert.severity]}


def state_chip(alert: Alert) -> dict[str, Any]:
    return validity_chip("Closed" if alert.closed_at else None, alert.valid_until, "green", as_of=today())


class AlertForm(Form):
    text = StringField("What people must know", [Length(max=alerts.LONGEST), Particular()], filters=[clean_input])
    severity = ChoiceField("Severity", members=Severity, blank=False, default=Severity.WARNING)
    type_id = RowField("Type", source=Source(CatalogItem, CatalogType.ALERT_TYPE), blank="None")
    valid_until = DateField("Valid until", [Optional()], description="The last day. Blank: until it is closed.")


RAISE = Operation(
    name="alert",
    label="Raise alert",
    permission=Permission.CUSTOMERS_EDIT,
    run=alerts.raise_alert,
    form=AlertForm,
    explain="Shown on the customer's page and wherever a contract is made, also to the partner who makes one.",
    icon="bell",
)


class AlertView(HubModelView):
    noun = "alert"
    title = "Alerts"
    intro = "What people must know of customers. Raise one from a customer's page; rules raise theirs every day."
    empty_text = "Nothing to be warned of."
    columns = (
        Column("text", "Alert", lambda row: row.text),
        Column("severity", "Severity", severity_chip, sort=Alert.severity),
        Column("state", "State", state_chip),
        Column("customer", "Customer", lambda row: customer_link(row.customer),
               load=(joinedload(Alert.customer).joinedload(Customer.status),), text=lambda row: row.customer.name),
        Column("why", "Raised", lambda row: "By rule" if row.rule else "By hand", folds="{}"),
        Column("type", "Type", lambda row: row.type.name if row.type else None, load=(joinedload(Alert.type),),
               folds="{}"),
        Column("created_at", "Since", lambda row: day(local_date(row.created_at)), sort=Alert.id,
               folds="since {}"),
        Column("valid_until", "Valid until", lambda row: day(row.valid_until), sort=Alert.valid_until,
               folds="until {}"),
        Column("closed_at", "Closed", lambda row: moment(row.closed_at), usual=False),
    )  # fmt: skip
    filters = (
        Filter("severity", "Severity", Alert.severity, "select", members=Severity, nullable=False),
        Filter("rule", "Rule", Alert.rule, "select", members=AlertRule),
        Filter("closed", "Closed", Alert.closed_at, "date"),
        Filter("valid_until", "Valid until", Alert.valid_until, "date"),
    )
    searched = (Alert.text,)
    search_hint = "Search by text"
    usual_order = (Alert.id.desc(),)
    load = (joinedload(Alert.customer).joinedload(Customer.status),)
    operations = (
        Operation(
            name="close", label="Close", permission=Permission.CUSTOMERS_EDIT, run=alerts.close_alert,
            available=as_asked(lambda alert, _actor: alerts.check_closing(alert)),
            explain="The alert is no longer shown. The history keeps it.", icon="ok",
        ),
    )  # fmt: skip
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = None

    def fill_details(self, page: Any, row: Alert, _tab: str) -> None:
        page.title = row.text
        chips = (severity_chip(row), state_chip(row))
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]} for chip in chips]
        items = [
            ("Customer", customer_link(row.customer)), ("Type", row.type.name if row.type else None),
            ("Raised by", sentence(f"rule: {row.rule.value}") if row.rule else "Hand"),
            ("Since", moment(row.created_at)), ("Valid until", day(row.valid_until)), ("Closed", moment(row.closed_at)),
        ]  # fmt: skip
        page.sections.append({"title": "Details", "items": items, "edit_url": None})
