"""Set-up > eSignature: how the organisation reaches its signing service. Keys go in and never come out."""

import time
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Flask, abort, flash, redirect, render_template, request, url_for
from flask_login import login_required
from flask_wtf import FlaskForm
from wtforms import BooleanField, FileField, IntegerField, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired, NumberRange, Optional

from customerhub.core import clock
from customerhub.core.errors import HubError, Invalid
from customerhub.core.permissions import Permission
from customerhub.core.public_urls import build_url
from customerhub.customers.signature_requests import (
    count_waiting_profiles,
    list_obstacles,
    select_waiting_profiles,
)
from customerhub.signing.access import build_consent_url, find_settings
from customerhub.signing.operations import request_profile_signatures
from customerhub.signing.settings import MASK, get_or_create, list_environments, list_keys, save_key, save_settings
from customerhub.signing.steps import WEBHOOK_PATH
from jobs import signing
from jobs.queue import try_enqueue
from models import InvoiceProfile, SigningKey, SigningSettings
from models.base import db
from models.signing_enums import SigningEnvironment
from views.framework.edit_page import EditPage
from views.framework.formatting import format_datetime
from views.framework.forms import clean_input
from views.http.actor import current_actor

SCREEN = "esignature"
MAX_SENT = 100  # profiles that one press sends
TEST_SECONDS = 8.0  # how long somebody waits for the answer of a test
FIELDS = ("environment", "integration_key", "api_user_id", "account_id", "reminder_days", "expiry_days")
DAYS = ("reminder_days", "expiry_days")
CONSENT_REQUIRED = "consent_required"  # DocuSign's word
LABELS = {
    SigningEnvironment.SANDBOX: "Signing sandbox (nothing is legally signed)",
    SigningEnvironment.DEMO: "DocuSign demo account",
    SigningEnvironment.PRODUCTION: "DocuSign",
}
bp = Blueprint(SCREEN, __name__, url_prefix="/admin/esignature")


class SettingsForm(FlaskForm):
    environment = SelectField("Environment", description="Where documents are sent to be signed")
    integration_key = StringField("Integration key", [Optional()], filters=[clean_input])
    api_user_id = StringField("User ID", [Optional()], filters=[clean_input], description="API user ID of the sender")
    account_id = StringField("Account ID", [Optional()], filters=[clean_input], description="API account ID")
    private_key = TextAreaField(
        "RSA private key",
        [Optional()],
        description=f"Begins with -----BEGIN RSA PRIVATE KEY-----. {MASK} stands for the one that is stored",
        render_kw={"rows": 4, "autocomplete": "off", "spellcheck": "false"},
    )
    key_file = FileField("Or as a file", description="A .pem file; it takes the place of what is entered above")
    reminder_days = IntegerField(
        "Remind after", [InputRequired(), NumberRange(0, 365)], description="Days; 0 sends no reminders"
    )
    expiry_days = IntegerField(
        "Expire after", [InputRequired(), NumberRange(1, 365)], description="Days from the last sending"
    )
    key_name = StringField("Name of a new HMAC key", [Optional()], filters=[clean_input])
    key_secret = StringField(
        "New HMAC key",
        [Optional()],
        filters=[clean_input],
        description="From DocuSign under Connect keys. Events signed by any active key are accepted",
        render_kw={"autocomplete": "off"},
    )


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.before_request
@login_required
def _require_permission() -> None:
    if not current_actor().has_permission(Permission.SETUP_EDIT):
        abort(403)


@bp.route("/", methods=["GET", "POST"])
def edit_settings() -> Any:
    """The settings, the HMAC keys, and what is missing."""
    settings = get_or_create(current_actor().organisation_id)
    keys = list_keys(current_actor().organisation_id)
    form = _build_form(settings, keys)
    errors: list[str] = []
    status = 200
    if form.is_submitted():
        if form.validate():
            try:
                _save(form, settings, keys)
            except HubError as error:
                db.session.rollback()
                errors = _show_problems(form, error)
            else:
                flash("The settings were saved.", "success")
                _follow_up()
                return redirect(url_for(f"{SCREEN}.edit_settings"), 303)
        status = 422
    settings = find_settings(current_actor().organisation_id) or settings
    return render_template(
        "screens/edit.html", page=_build_page(form, settings, keys, errors), title="eSignature"
    ), status


def _follow_up() -> None:
    """What else was pressed than Save."""
    if "_test" in request.form:
        _test_connection(current_actor().organisation_id)
    if "_send" in request.form:
        try:
            _send_waiting()
        except HubError as error:
            db.session.rollback()
            flash(error.message, "warning")


def _build_form(settings: SigningSettings, keys: Sequence[SigningKey]) -> Any:
    """The form with a box for each HMAC key that there is."""
    boxes = {f"key_{key.id}": BooleanField(f"{key.name} is active", default=key.active) for key in keys}
    form = type("KeyedSettingsForm", (SettingsForm,), boxes)(
        data={name: getattr(settings, name) for name in FIELDS} | {"private_key": MASK if settings.private_key else ""}
    )
    form.environment.choices = [(each.value, LABELS[each]) for each in list_environments()]
    return form


def _save(form: Any, settings: SigningSettings, keys: Sequence[SigningKey]) -> None:
    actor = current_actor()
    for name in FIELDS:
        setattr(settings, name, form[name].data if name in DAYS else form[name].data or None)
    settings.environment = SigningEnvironment(form.environment.data)
    upload = form.key_file.data
    content = upload.read(100_000).decode("ascii", "replace") if upload and getattr(upload, "filename", "") else ""
    save_settings(settings, private_key=content or form.private_key.data, actor=actor)
    for key in keys:
        if key.active != form[f"key_{key.id}"].data:
            key.active = form[f"key_{key.id}"].data
            save_key(key, secret=MASK, actor=actor)
    if form.key_name.data or form.key_secret.data:
        try:
            save_key(SigningKey(name=form.key_name.data or "", active=True), secret=form.key_secret.data, actor=actor)
        except Invalid as error:
            raise Invalid(error.message, "key_secret" if error.field == "secret" else "key_name") from error
    db.session.commit()


def _show_problems(form: Any, error: HubError) -> list[str]:
    """Put what is wrong at its fields; what belongs to none is returned."""
    problems = error.problems if isinstance(error, Invalid) and error.problems else [(error.field or "", error.message)]
    for field, text in problems:
        if field in form:
            form[field].errors = [*form[field].errors, text]
    return [text for field, text in problems if field not in form]


def _build_page(form: Any, settings: SigningSettings, keys: Sequence[SigningKey], errors: list[str]) -> EditPage:
    waiting = count_waiting_profiles(current_actor().organisation_id)
    more_submits = [("_test", "Save and test connection")]
    if waiting and not list_obstacles(current_actor().organisation_id):
        more_submits.append(("_send", f"Send {min(waiting, MAX_SENT):,} waiting"))
    boxes = [f"key_{key.id}" for key in keys]
    return EditPage(
        "eSignature",
        form,
        subtitle="NDAs of invoice profiles are signed through DocuSign.",
        main=(*FIELDS[:4], "private_key", "key_file", *FIELDS[4:], *boxes, "key_name", "key_secret"),
        errors=errors,
        more_submits=more_submits,
        banners=_build_banners(settings, waiting),
        cancel_url=url_for("setup.index"),
    )


def _build_banners(settings: SigningSettings, waiting: int) -> list[dict[str, Any]]:
    """What is missing, what waits for it, what the service answered, and where it sends its events."""
    links = {"nda": {"label": "Open the organisation", "url": url_for("organisations.index_view")}}
    banners: list[dict[str, Any]] = [
        {"kind": "warning", "text": f"{each.text}.", "link": links.get(each.place)}
        for each in list_obstacles(current_actor().organisation_id)
    ]
    if waiting:
        text = f"{waiting:,} invoice {'profile waits' if waiting == 1 else 'profiles wait'} to be sent for signature."
        banners.append({"kind": "info", "text": text})
    if settings.tested_at is not None:
        kind = "error" if settings.test_code else "success"
        banners.append({"kind": kind, "text": f"{settings.test_result} ({format_datetime(settings.tested_at)})."})
    if settings.test_code == CONSENT_REQUIRED:
        link = {"label": "Give consent", "url": build_consent_url(settings)}
        text = "The user of these settings has to allow the app once to send documents in their name."
        banners.append({"kind": "warning", "text": text, "link": link})
    banners.append({"kind": "info", "text": f"DocuSign sends its events to {build_url(WEBHOOK_PATH)}."})
    return banners


def _test_connection(organisation_id: int) -> None:
    """Have a job ask, and wait for its answer as long as somebody likes to."""
    started_at = clock.get_now()
    if not try_enqueue(signing.test_connection, organisation_id):
        flash("The queue server is unavailable. The connection was not tested.", "warning")
        return
    deadline = time.monotonic() + TEST_SECONDS
    while time.monotonic() < deadline:
        db.session.rollback()
        settings = find_settings(organisation_id)
        if settings is not None and settings.tested_at is not None and settings.tested_at >= started_at:
            return
        time.sleep(0.2)
    flash("The test takes longer than usual. Reload this page to see its result.", "warning")


def _send_waiting() -> None:
    """Send what waits, the oldest first, as far as one press goes."""
    actor = current_actor()
    query = select_waiting_profiles(actor.organisation_id).order_by(InvoiceProfile.id).limit(MAX_SENT)
    profiles = db.session.scalars(query).all()
    for profile in profiles:
        request_profile_signatures(profile, actor=actor)
    db.session.commit()
    flash(f"{len(profiles):,} NDAs were sent to be signed.", "success")
