"""Alerts: warnings about customers, raised by staff and by rules."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import joinedload
from wtforms import Form, StringField
from wtforms.validators import Length, Optional

from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.customers import alerts
from customerhub.customers.choice_rules import STAFF_ONLY
from models import Alert, CatalogItem, Customer, User
from models.enums import AlertRule, Severity
from views.cells.alerts import severity_chip, state_chip
from views.cells.customers import AccountManagerFilter, customer_link
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.date_field import DateField
from views.framework.exported import Exported, Related
from views.framework.fields import ChoiceField
from views.framework.filters import Filter
from views.framework.formatting import format_date, format_datetime, local_date
from views.framework.forms import RequiredMarker, clean_input
from views.framework.labels import capitalize_first
from views.framework.model_view import HubModelView
from views.framework.operation import Operation, refusal_check
from views.framework.row_fields import RowField


class AlertForm(Form):
    text = StringField("Alert text", [Length(max=alerts.MAX_TEXT_LENGTH), RequiredMarker()], filters=[clean_input])
    severity = ChoiceField("Severity", members=Severity, blank=False, default=Severity.WARNING)
    type_id = RowField("Type", source=Source(CatalogItem, alerts.ALERT_TYPES), blank="None")
    valid_until = DateField("Valid until", [Optional()], description="Last day. Leave blank for no end date.")


def _raise_alerts(customers: Sequence[Customer], *, actor: Actor, **values: Any) -> dict[int, HubError]:
    return alerts.raise_alerts(customers, alerts.AlertDraft(**values), actor=actor)[1]


RAISE = Operation(
    name="alert",
    label="Raise alert",
    past_tense="given an alert",
    permission=Permission.CUSTOMERS_EDIT,
    run=alerts.raise_alert,
    run_many=_raise_alerts,
    form=AlertForm,
    explanation="Shown on the customer's page and when a contract is added, including to partners.",
    icon="bell",
)


class AlertView(HubModelView):
    noun = "alert"
    title = "Alerts"
    intro = "Warnings about customers. Raise an alert on the customer's page; rules raise alerts every day."
    empty_text = "No alerts."
    columns = (
        Column(
            "text",
            "Alert",
            lambda row: row.text,
            export=Exported(Alert.text),
        ),
        Column("severity", "Severity", severity_chip, sort=Alert.severity),
        Column("state", "State", state_chip),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            load_options=(joinedload(Alert.customer).joinedload(Customer.status),),
            export_text=lambda row: row.customer.name,
            export=Exported(Related(Alert.customer, Customer.name)),
        ),
        Column("why", "Raised", lambda row: "By rule" if row.rule else "Manually", collapsed_format="{}"),
        Column(
            "type",
            "Type",
            lambda row: row.type.name if row.type else None,
            load_options=(joinedload(Alert.type),),
            export=Exported(Related(Alert.type, CatalogItem.name)),
            collapsed_format="{}",
        ),
        Column(
            "created_at",
            "Since",
            lambda row: format_date(local_date(row.created_at)),
            sort=Alert.id,
            collapsed_format="since {}",
            export=Exported(Alert.created_at, kind=CellKind.DATE, render=local_date),
        ),
        Column(
            "valid_until",
            "Valid until",
            lambda row: format_date(row.valid_until),
            sort=Alert.valid_until,
            collapsed_format="until {}",
            export=Exported(Alert.valid_until, kind=CellKind.DATE),
        ),
        Column(
            "closed_at",
            "Closed",
            lambda row: format_datetime(row.closed_at),
            default_visible=False,
            export=Exported(Alert.closed_at, kind=CellKind.MOMENT),
        ),
    )
    filters = (
        Filter("severity", "Severity", Alert.severity, "select", members=Severity, nullable=False),
        Filter("rule", "Rule", Alert.rule, "select", members=AlertRule),
        AccountManagerFilter(
            "account_manager", "Account manager", Alert.customer_id, "select", source=Source(User, STAFF_ONLY)
        ),
        Filter("closed", "Closed", Alert.closed_at, "date"),
        Filter("valid_until", "Valid until", Alert.valid_until, "date"),
    )
    search_columns = (Alert.text,)
    search_hint = "Search by text"
    default_order = (Alert.id.desc(),)
    load_options = (joinedload(Alert.customer).joinedload(Customer.status),)
    operations = (
        Operation(
            name="close",
            label="Close",
            past_tense="closed",
            permission=Permission.CUSTOMERS_EDIT,
            run=alerts.close_alert,
            run_many=alerts.close_alerts,
            unavailable_reason=refusal_check(lambda alert, _actor: alerts.check_closing(alert)),
            explanation="The alert is no longer shown. It is kept in the history.",
            icon="ok",
        ),
    )
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = None

    def fill_details(self, page: Any, row: Alert, _tab: str) -> None:
        page.title = row.text
        chips = (severity_chip(row), state_chip(row))
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]} for chip in chips]
        items = [
            ("Customer", customer_link(row.customer)),
            ("Type", row.type.name if row.type else None),
            ("Raised", capitalize_first(f"rule: {row.rule.value}") if row.rule else "Manually"),
            ("Since", format_datetime(row.created_at)),
            ("Valid until", format_date(row.valid_until)),
            ("Closed", format_datetime(row.closed_at)),
        ]
        page.sections.append({"title": "Details", "items": items, "edit_url": None})
