"""The screens of jobs: the schedule and its last runs, the queues and what waits, runs and failed in them."""

from flask import Flask

from views.system.jobs import job_list, operations, overview  # noqa: F401  (they add their pages to the blueprint)
from views.system.jobs.blueprint import bp


def register(app: Flask) -> None:
    """Put the screens of jobs on `app`."""
    app.register_blueprint(bp)
