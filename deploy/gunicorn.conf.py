"""Gunicorn's settings: gunicorn --config deploy/gunicorn.conf.py 'app:create_app()'.

Each process loads the app for itself, and typesets nothing: somebody waits for its answers.
"""

import os

from customerhub import rendering
from customerhub.config import load_settings
from jobs.parent_death import die_with_parent

_settings = load_settings(os.environ)
_descriptor = os.environ.get("HUB_LISTEN_FD")  # an open socket, handed over by `flask --app app up`
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"fd://{_descriptor}" if _descriptor else f"{_host}:{_settings.port}"
workers = _settings.web_workers
worker_class = "gthread"
threads = 4
timeout = 120
graceful_timeout = 8
limit_request_line = 8190  # the most there can be: an operation has the ids of up to 500 rows in its address
control_socket_disable = True
loglevel = "warning"


def post_fork(server, _worker):
    die_with_parent(server.pid)
    rendering.forbid()
