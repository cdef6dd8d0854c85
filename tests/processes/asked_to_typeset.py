"""A web application that tries to typeset in the way that its address names, and tells what came of it."""

from collections.abc import Callable, Iterable
from typing import Any

from customerhub.core import pdf
from customerhub.reports.report_layout import build_document
from tests.support.report_data import FULL


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    render = getattr(pdf, environ["PATH_INFO"].strip("/"))
    try:
        answer = render(build_document(FULL))
    except RuntimeError as error:
        return [f"RuntimeError: {error}".encode()]
    return [f"made {len(answer)} bytes".encode()]
