"""Organisation: how the tenant one works in is set up. Others are seen only with the grant `platform`."""

from typing import Any

from sqlalchemy import Select, select

from customerhub.core.permissions import Permission
from customerhub.setup.rows import save_organisation
from models import Organisation
from views.framework.columns import Column
from views.framework.edit_page import EditPage
from views.framework.exported import Exported
from views.framework.locales import code_name
from views.setup.nda_template import SIGNING_OPERATIONS, build_placeholder_table
from views.setup.setup_view import FixedFieldMixin


class OrganisationView(FixedFieldMixin):
    noun = "organisation"
    title = "Organisation"
    intro = "Name, currency, reminders and signatory."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=Organisation.name,
            export=Exported(Organisation.name),
        ),
        Column(
            "currency",
            "Currency",
            lambda row: row.currency,
            export=Exported(Organisation.currency),
        ),
        Column(
            "timezone",
            "Time zone",
            lambda row: row.timezone,
            export=Exported(Organisation.timezone),
        ),
        Column(
            "country",
            "Country",
            lambda row: code_name("country", row.country),
            export=Exported(Organisation.country, render=lambda code: code_name("country", code)),
        ),
    )
    search_columns = (Organisation.name,)
    default_order = (Organisation.name,)
    fields = ("name", "currency", "timezone", "country", "date_format", "list_separator")
    field_args = {
        "currency": {"description": "Currency for all amounts"},
        "timezone": {"description": "Used for all dates and times"},
        "country": {"description": ""},
        "approval_policy": {"description": "New customers that require approval"},
        "task_assignment": {"description": "The requester is never assigned"},
        "nda_template": {
            "description": "The text that is sent to be signed. The signatures are added below it",
            "render_kw": {"rows": 14},
        },
        "task_days": {"description": "Counted from the day of the request"},
    }
    tabs = (
        (
            "approval",
            "Approval",
            ("approval_policy", "task_assignment", "task_days"),
        ),
        (
            "reminders",
            "Reminders and mail",
            ("reminders_active", "reminder_days", "review_grace_days", "sender_email"),
        ),
        ("signing", "Signing", ("signatory_name", "signatory_email", "nda_template")),
    )
    save = staticmethod(save_organisation)
    operations = SIGNING_OPERATIONS

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page = super()._edit_page(form, row)
        page.tab_tables["signing"] = [build_placeholder_table()]
        return page

    def new_row(self) -> Organisation:
        return Organisation()

    def base_query(self) -> Select[Any]:
        if self.actor.has_permission(Permission.ORGANISATIONS):
            return select(Organisation)
        return select(Organisation).where(Organisation.id == self.actor.organisation_id)

    @property
    def can_create(self) -> bool:
        return self.actor.has_permission(Permission.ORGANISATIONS)
