"""The composition root: what the hub is put together from, in this order. Nothing imports it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app
from flask_migrate import Migrate
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.middleware.proxy_fix import ProxyFix

import views
from customerhub.core import history, operation_runs, private_files, services, transaction
from customerhub.core.config import SettingError, Settings, load_settings
from customerhub.core.file_store import FolderStore
from customerhub.core.services import Services
from customerhub.custom_fields import values as custom_values
from customerhub.customers import credit_check_facts, parts
from customerhub.form_layouts import saving as form_layout_saving
from customerhub.reports import performance_report
from customerhub.signing import downloads, setting_up
from jobs import exports, mail, operations, reports, signing
from jobs.commands import COMMANDS
from jobs.queue import init_queue
from models.base import db
from views import admin
from views.http import read_only

MIGRATIONS = Path(__file__).parent / "models" / "migrations"
SERVICES = "hub_services"  # the extension under which an app has its services

# What a session calls, in this order. Sessions are alike for all apps of a process, so no listener knows an app: what
# it keeps lies in the session. Listeners of one table, or of the connection, are beside what they serve.
SESSION_LISTENERS: tuple[tuple[str, Callable[..., None]], ...] = (
    # Who only reads writes nothing: refused before anything is prepared for it.
    ("do_orm_execute", read_only.refuse_write_statements),
    ("before_flush", read_only.refuse_changes),
    # The history, in the transaction of the change.
    ("do_orm_execute", history.refuse_unrecorded_statements),
    ("before_flush", history.load_deleted_values),
    ("before_flush", custom_values.note_deleted_values),
    ("before_flush", form_layout_saving.note_moves),
    ("after_flush", custom_values.write_entered_values),
    ("after_flush", history.write_history),
    # What is remembered of a customer for as long as its transaction lasts.
    ("before_flush", credit_check_facts.remember_flushed_changes),
    ("after_transaction_end", credit_check_facts.forget_changes),
    ("before_flush", parts.remember_flushed_parts),
    ("after_transaction_end", parts.forget_flushed_parts),
    # Last: files go and mails are announced when all else is done.
    ("after_commit", transaction.run_commit_callbacks),
    ("after_soft_rollback", transaction.run_rollback_callbacks),
    ("after_transaction_end", transaction.run_remaining_callbacks),
)


def create_app(settings: Settings | None = None) -> Flask:
    """The application over `settings`, or over the environment's; one of these that is wrong ends the program."""
    settings = settings or settings_or_exit()
    private_files.protect_data(settings)
    app = Flask(__name__, template_folder="templates", static_folder="views/static")
    app.config.update(flask_config(settings))
    trust_proxies(app, settings)
    db.init_app(app)
    Migrate(app, db, directory=str(MIGRATIONS))
    init_queue(app, settings)
    app.extensions[SERVICES] = build_services(settings)
    views.register(app)
    exports.init_exports(app, list_export_builders(app))
    operations.init_operations(app, list_performers(app))
    for command in COMMANDS:
        app.cli.add_command(command)
    return app


def settings_or_exit() -> Settings:
    try:
        return load_settings(os.environ)
    except SettingError as error:
        raise click.ClickException(str(error)) from None


def flask_config(settings: Settings) -> dict[str, Any]:
    """What Flask and its extensions read of the settings. The settings themselves are under HUB."""
    return {
        "HUB": settings,
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "MAX_CONTENT_LENGTH": settings.max_upload_bytes,
        "MAX_FORM_MEMORY_SIZE": 4 * 1024 * 1024,
        "MAX_FORM_PARTS": 20_000,
    }


def trust_proxies(app: Flask, settings: Settings) -> None:
    """Believe what as many proxies as there are say of the visitor's address."""
    hops = settings.trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


def build_services(settings: Settings) -> Services:
    """What the business needs of the hub with these settings."""
    return Services(
        public_url=settings.public_url,
        link_secret=settings.secret_key,
        encryption_keys=tuple(settings.encryption_keys.split(",")),
        signing_sandbox=f"127.0.0.1:{settings.sandbox_port}",
        sandbox_credentials=settings.sandbox_dir / "credentials.json",
        allows_sandbox=settings.is_private,
        file_store=FolderStore(settings.files_dir),
        max_upload_bytes=settings.max_upload_bytes,
        max_attachment_bytes=settings.max_attachment_bytes,
        notify_workers=mail.notify_workers,
        notify_signing_workers=signing.notify_workers,
    )


def list_export_builders(app: Flask) -> dict[str, exports.ExportBuilder]:
    """What can be exported: the list of each screen, a customer's report, a preview of the NDA, and signed PDFs."""
    lists: dict[str, exports.ExportBuilder] = {
        screen.endpoint: screen.build_table_export for screen in admin.list_screens(app)
    }
    documents = {
        performance_report.SCREEN: reports.build_document,
        setting_up.PREVIEW: signing.build_nda_preview,
        downloads.ARCHIVE: signing.build_signed_archive,
    }
    return {**lists, **documents}


def list_performers(app: Flask) -> dict[str, operation_runs.Performer]:
    """What does operations in the background: each screen those of its rows, and the test of the signing service."""
    performers: dict[str, operation_runs.Performer] = {
        screen.endpoint: screen.perform_run for screen in admin.list_screens(app)
    }
    return {**performers, setting_up.CONNECTION_TEST: signing.check_connection}


def find_current_services() -> Services:
    """The services of the app that is at work here, as Flask knows it: by request, job or command, and by thread."""
    found: Services = current_app.extensions[SERVICES]
    return found


def listen_to_sessions() -> None:
    for name, listener in SESSION_LISTENERS:
        event.listen(Session, name, listener)


services.configure(find_current_services)
listen_to_sessions()
