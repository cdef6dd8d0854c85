"""A web application that tries to typeset in the way that its address names, and tells what came of it."""

from collections.abc import Callable, Iterable
from typing import Any

from customerhub import rendering
from customerhub.notifications.report_pages import document_of
from tests.notifications.reports import FULL


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    way = getattr(rendering, environ["PATH_INFO"].strip("/"))
    try:
        made = way(document_of(FULL))
    except RuntimeError as error:
        return [f"RuntimeError: {error}".encode()]
    return [f"made {len(made)} bytes".encode()]
