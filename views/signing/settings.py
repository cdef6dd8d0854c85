"""eSignature: how the organisation reaches its signing service. Keys go in and are never shown."""

from typing import Any

from flask import abort, g, jsonify, redirect, request, url_for
from flask_admin import expose
from wtforms import BooleanField, FileField, Form

from customerhub.core import operation_runs, services
from customerhub.core.permissions import Permission
from customerhub.customers.signature_requests import list_obstacles
from customerhub.signing.settings import MASK, get_or_create, list_environments, save_settings
from models import OperationRun, SigningSettings
from models.enums import TransferState
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported
from views.framework.labels import member_label
from views.framework.model_view import HubModelView
from views.framework.screen import ViewResponse
from views.http.urls import path_of
from views.signing.connection_test import CONNECTION_OPERATION, build_result, find_run
from views.signing.sandbox import build_offer_banners, build_sandbox_banners
from views.signing.secret_field import SecretField, forget_entered
from views.signing.setup_parts import SEND_WAITING, build_key_table, build_obstacle_banners, build_waiting_banner
from views.signing.webhook import PATH

MAX_KEY_BYTES = 20_000
KEY_FIELDS = ("private_key", "key_file", "remove_key")


class SigningSettingsView(HubModelView):
    noun = "eSignature set-up"
    title = "eSignature"
    intro = "The DocuSign account by which NDAs are signed."
    columns = (
        Column(
            "environment",
            "Environment",
            lambda row: member_label(row.environment),
            export=Exported(SigningSettings.environment, render=member_label),
        ),
        Column("account_id", "Account ID", lambda row: row.account_id, export=Exported(SigningSettings.account_id)),
    )
    default_order = (SigningSettings.id,)
    fields = ("environment", "integration_key", "api_user_id", "account_id", "reminder_days", "expiry_days")
    operations = (CONNECTION_OPERATION, SEND_WAITING)
    view_permission = Permission.SETUP_VIEW
    edit_permission = Permission.SETUP_EDIT

    @expose("/open/")
    def open_view(self) -> ViewResponse:
        """To the one row there is, or to the form of the first one for who may fill it in."""
        settings = get_or_create(self.actor.organisation_id)
        if settings.id is not None:
            return redirect(self.url_of(settings))
        return redirect(path_of(f"{self.endpoint}.{'create_view' if self.can_create else 'index_view'}"))

    @property
    def can_create(self) -> bool:
        """An organisation has one set-up."""
        return self.may_edit() and get_or_create(self.actor.organisation_id).id is None

    def list_banners(self) -> list[dict[str, Any]]:
        return [*build_obstacle_banners(self.actor.organisation_id), *build_offer_banners(self.actor)]

    # --- The form ------------------------------------------------------------------------------------------

    def extend_form_class(self, form_class: type[Form]) -> type[Form]:
        """With the key, which is no field like others: what is stored is not what is shown."""
        key_fields = {
            "private_key": SecretField(
                "RSA private key",
                description="Paste the key that DocuSign showed when it was made, with its BEGIN and END lines. It is "
                "stored encrypted and never shown again.",
                render_kw={"rows": 4, "spellcheck": "false", "data-wide": "1"},
            ),
            "key_file": FileField("Or upload it as a .pem file", render_kw={"accept": ".pem,.key,.txt"}),
            "remove_key": BooleanField("Remove the stored key"),
        }
        return type("SigningSettingsForm", (super().extend_form_class(form_class),), key_fields)

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        form["environment"].offered = tuple(list_environments())
        page = super()._edit_page(form, row)
        page.title = "Set up eSignature" if row is None else "Edit eSignature"
        has_key = row is not None and row.private_key is not None
        key_fields = KEY_FIELDS if has_key else KEY_FIELDS[:2]
        page.main = (*self.fields[:4], *key_fields, *self.fields[4:])
        page.more_submits = []
        return page

    def form_banners(self) -> list[dict[str, Any]]:
        text = "DocuSign shows all of these under Settings > Apps and Keys, where the key is made too."
        return [{"kind": "info", "text": text}, *build_offer_banners(self.actor)]

    def save_entered(self, row: Any) -> SigningSettings:
        entered_key = vars(row).pop("entered_private_key", None)
        upload = request.files.get("key_file")
        if upload is not None and upload.filename:
            entered_key = upload.stream.read(MAX_KEY_BYTES).decode("ascii", errors="replace")
            upload.stream.seek(0)
        elif vars(row).pop("remove_key", False):
            entered_key = ""
        elif not entered_key:
            entered_key = MASK  # a stored key is taken away by its box alone
        return save_settings(row, private_key=entered_key, actor=self.actor)

    def _render_form(self, page: EditPage) -> ViewResponse:
        if request.method == "POST":
            forget_entered(page.form["private_key"])
        return super()._render_form(page)

    # --- The page ------------------------------------------------------------------------------------------

    def fill_details(self, page: DetailsPage, row: SigningSettings, tab: str) -> None:
        super().fill_details(page, row, tab)
        page.sections[0]["items"].insert(4, ("RSA private key", MASK if row.private_key else None))
        address = services.get_current().public_url + PATH
        page.sections.append({"title": "Webhook address", "text": address, "code": True})
        page.tables.append(build_key_table(self.actor))

    def fill_header(self, page: DetailsPage, row: SigningSettings) -> None:
        page.subtitle = self.intro
        is_ready = not list_obstacles(row.organisation_id)
        page.banners += build_obstacle_banners(row.organisation_id)
        page.banners += build_waiting_banner(self, row, self.actor, is_ready=is_ready)
        page.banners += build_sandbox_banners(row.organisation_id)

    # --- Testing -------------------------------------------------------------------------------------------

    @expose("/connection/")
    def connection_view(self) -> Any:
        """A test of the connection: that it is under way, then the answer."""
        if not self.actor.has_permission(Permission.SETUP_EDIT):
            abort(403)
        run = find_run(request.args.get("id", ""), self.actor)
        progress: dict[str, Any] = {
            "state": run.state.value,
            "done": run.done_rows,
            "total": run.total_rows,
            "problems": [],
        }
        if request.args.get("as") == "json":
            return jsonify({**progress, "rate_text": "", "left_text": ""})
        g.crumb = run.title
        is_over = run.state not in operation_runs.ACTIVE_STATES
        page = {
            "title": "Test connection",
            "subtitle": "A worker signs in at DocuSign and asks for the account.",
            **progress,
            "state": "failed" if is_over and _has_failed(run) else run.state.value,
            "poll_url": url_for("esignature.connection_view", id=run.id) + "&as=json",
            "result": build_result(run, get_or_create(self.actor.organisation_id)) if is_over else None,
        }
        return self.render("screens/progress.html", page=page)


def _has_failed(run: OperationRun) -> bool:
    return bool(run.refused_rows) or run.state is not TransferState.DONE
