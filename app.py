"""The composition root: the application, its wiring and its command line. Nothing imports it."""

import os
from pathlib import Path

from flask import Flask
from flask_migrate import Migrate

import views
from customerhub.config import Settings, load_settings
from jobs.queue import init_queue
from models.base import db

MIGRATIONS = str(Path(__file__).parent / "models" / "migrations")


def create_app(settings: Settings | None = None) -> Flask:
    """The application over `settings`, or over the environment's.

    Raises SettingError where one of them cannot be used.
    """
    settings = settings or load_settings(os.environ)
    app = Flask(__name__, template_folder="templates", static_folder="views/static")
    app.config.update(
        HUB=settings,
        SECRET_KEY=settings.secret_key,
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        MAX_CONTENT_LENGTH=settings.max_upload_bytes,
        MAX_FORM_MEMORY_SIZE=4 * 1024 * 1024,
        MAX_FORM_PARTS=20_000,
    )
    db.init_app(app)
    Migrate(app, db, directory=MIGRATIONS)
    init_queue(app, settings)
    views.register(app)
    return app
