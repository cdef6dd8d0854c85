"""The web server of a hub whose app is loaded already: gunicorn without its command line."""

from flask import Flask
from gunicorn.app.base import Application


class WebServer(Application):  # type: ignore[misc]
    """Gunicorn over `app`, with the settings of jobs.processes.gunicorn_conf."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        super().__init__()

    def load_config(self) -> None:
        self.load_config_from_module_name_or_filename("python:jobs.processes.gunicorn_conf")

    def load(self) -> Flask:
        return self._app


def run(app: Flask) -> int:
    """Serve `app` until a signal ends it; returns the exit code."""
    WebServer(app).run()
    return 0
