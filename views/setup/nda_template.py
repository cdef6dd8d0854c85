"""The NDA template of the organisation: a text to begin with, its placeholders, and a preview as PDF."""

from typing import Any

from flask import url_for
from sqlalchemy import select
from wtforms import Form
from wtforms.validators import Optional

from customerhub.core.permissions import Actor, Permission
from customerhub.core.transaction import after_commit
from customerhub.mail.nda_template import PLACEHOLDERS, STARTING_TEXT
from customerhub.mail.templates import format_placeholder
from customerhub.signing import sandbox_account, setting_up
from jobs import exports
from jobs.queue import try_enqueue
from models import Customer, InvoiceProfile, ListExport, Organisation
from views.framework.choices import Source
from views.framework.forms import RequiredMarker
from views.framework.operation import Operation, refusal_check
from views.framework.row_fields import LookupField
from views.http.urls import path_to


class ProfileSource(Source):
    """Invoice profiles with the customers whose they are: names such as "Head office" are many."""

    def _label(self) -> Any:
        customer = select(Customer.name).where(Customer.id == InvoiceProfile.customer_id).scalar_subquery()
        return InvoiceProfile.name + " · " + customer


class PreviewForm(Form):
    profile_id = LookupField(
        "Invoice profile",
        [Optional(), RequiredMarker()],
        source=ProfileSource(InvoiceProfile),
        lookup="nda.profile_id",
        description="Its name, address and customer fill in the placeholders.",
    )


def _request_preview(organisation: Organisation, *, profile_id: int | None, actor: Actor) -> ListExport:
    export = setting_up.request_preview(organisation, profile_id=profile_id, actor=actor)
    export_id = export.id
    after_commit(lambda: try_enqueue(exports.write, export_id))
    return export


def _show_starting_text(_rows: Any, _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    columns = [{"label": "Starting text", "whole": True}]
    return [{"title": "", "columns": columns, "rows": [[line] for line in STARTING_TEXT.splitlines() if line]}]


SANDBOX_OPERATION = Operation(
    name="use-sandbox",
    label="Use the signing sandbox",
    past_tense="set up with the signing sandbox",
    permission=Permission.SETUP_EDIT,
    run=sandbox_account.connect_sandbox,
    unavailable_reason=refusal_check(sandbox_account.check_sandbox_offered),
    explanation="Sets up eSignature with the sandbox beside this hub: documents are signed or declined on its pages. "
    "Nothing that is signed there is valid, and nobody gets a mail.",
    icon="edit",
    bulk=False,
    result_url=lambda settings: path_to("esignature.details_view", settings.id),
)

SIGNING_OPERATIONS = (
    Operation(
        name="starting-text",
        label="Insert the starting text of an NDA",
        past_tense="given a starting text",
        permission=Permission.SETUP_EDIT,
        run=setting_up.insert_starting_text,
        unavailable_reason=refusal_check(setting_up.check_without_template),
        preview=_show_starting_text,
        explanation="A short mutual NDA to begin with. Have it checked by a lawyer, and edit it before it is sent.",
        icon="template",
        bulk=False,
    ),
    Operation(
        name="preview-nda",
        label="Preview NDA as PDF",
        past_tense="previewed",
        permission=Permission.CUSTOMERS_EXPORT,
        run=_request_preview,
        form=PreviewForm,
        unavailable_reason=refusal_check(setting_up.check_with_template),
        explanation="The NDA as it would be sent for this invoice profile today. It is created in the background and "
        "saved under Exports; nothing is sent to anybody.",
        icon="eye",
        bulk=False,
        result_url=lambda export: url_for("exports.details_view", id=export.id),
    ),
    SANDBOX_OPERATION,
)


def build_placeholder_table() -> dict[str, Any]:
    """What can be filled into the template."""
    rows = [[format_placeholder(name), meaning] for name, meaning in PLACEHOLDERS.items()]
    return {
        "title": "Placeholders of the NDA template",
        "text": "**Bold** and lists with - at the beginning of a line are possible.",
        "columns": [{"label": "Placeholder"}, {"label": "What it stands for"}],
        "rows": rows,
    }
