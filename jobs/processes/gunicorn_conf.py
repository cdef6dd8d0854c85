"""Gunicorn's settings: gunicorn --config python:jobs.processes.gunicorn_conf 'app:create_app()'.

A module and no loose file, so that an installed package has it too.

Gunicorn's part is the processes. What clients may send, and how slowly, is in jobs.processes.web_channel; gunicorn's
own limits of requests have no effect. The app is loaded once, before there are workers: they share its memory and are
there at once. No worker typesets anything: somebody waits for its answers.
"""

import gc
import os
from typing import Any

from customerhub.core import pdf
from customerhub.core.config import load_settings
from jobs.processes.parent_death import die_with_parent

_settings = load_settings(os.environ)
_descriptor = os.environ.get("HUB_LISTEN_FD")  # an open socket, handed over by `flask --app app up`
_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host

bind = f"fd://{_descriptor}" if _descriptor else f"{_host}:{_settings.port}"
workers = _settings.web_workers
proc_name = "customer-hub"
worker_class = "jobs.processes.web_worker.BufferingWorker"
threads = 4
preload_app = True
timeout = 120
graceful_timeout = 8
control_socket_disable = True
loglevel = "warning"


def when_ready(_server: Any) -> None:
    """Leave the shared memory as it is: the collector would copy it. No connection is open yet that would be shared."""
    gc.collect()
    gc.freeze()


def post_fork(server: Any, _worker: Any) -> None:
    die_with_parent(server.pid)
    pdf.forbid_typesetting()
