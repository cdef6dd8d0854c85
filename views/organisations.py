"""Organisation: how the tenant one works in is set up. Others are seen only with the grant `platform`."""

from typing import Any

from sqlalchemy import Select, select

from customerhub.permissions import Permission
from customerhub.setup.rows import save_organisation
from models import Organisation
from views.base import HubModelView
from views.columns import Column
from views.places import place_name


class OrganisationView(HubModelView):
    noun = "organisation"
    title = "Organisation"
    intro = "Names, currency, reminders and who signs for you."
    columns = (
        Column("name", "Name", lambda row: row.name, sort=Organisation.name),
        Column("currency", "Currency", lambda row: row.currency),
        Column("timezone", "Time zone", lambda row: row.timezone),
        Column("country", "Country", lambda row: place_name("country", row.country)),
    )
    searched = (Organisation.name,)
    usual_order = (Organisation.name,)
    fields = ("name", "currency", "timezone", "country", "date_format")
    field_args = {
        "currency": {"description": "Of every amount that is typed, shown and billed"},
        "timezone": {"description": "When a day begins, and how times are shown"},
        "country": {"description": ""},
        "approval_policy": {"description": "Which new customers wait for a decision"},
        "task_assignment": {"description": "Never whoever asked for the decision"},
        "task_days": {"description": "Counted from the day it is asked for"},
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

    def new_row(self) -> Organisation:
        return Organisation()

    def rows(self) -> Select[Any]:
        if self.actor.may(Permission.ORGANISATIONS):
            return select(Organisation)
        return select(Organisation).where(Organisation.id == self.actor.organisation_id)

    @property
    def can_create(self) -> bool:
        return self.actor.may(Permission.ORGANISATIONS)
