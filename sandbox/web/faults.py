"""Calls that go wrong because a rule says so."""

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Response, g, jsonify, request

from sandbox.behaviour import CALL_FAULTS, Rule
from sandbox.errors import ApiError
from sandbox.service import get_service

HOUR: Final = 3600
HOURLY_LIMIT: Final = 3000
BURST_LIMIT: Final = 500
CUT: Final = "signing_sandbox.cut"  # in the request's environment: close the connection instead of answering


class ConnectionCutter:
    """The application, except that a request marked with CUT gets no answer: its connection is closed."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        answer = self._application(environ, start_response)
        if environ.get(CUT):
            close = getattr(answer, "close", None)
            if close:
                close()
            raise ConnectionAbortedError("closed on request")
        return answer


def apply_faults_before(operation: str) -> Response | None:
    """What is answered instead of doing anything; None where it is to be done."""
    g.faults = get_service().behaviour.select_faults(CALL_FAULTS, operation)
    for rule in g.faults:
        if rule.fault == "slow":
            time.sleep(rule.seconds)
        elif rule.fault in _REFUSALS:
            return _refuse(rule)
        elif rule.fault == "close_before":
            request.environ[CUT] = True
            return Response()
    return None


def apply_faults_after(answer: Response) -> Response:
    """The answer, or what a caller gets instead of it although everything is done."""
    for rule in g.get("faults", ()):
        if rule.fault == "error_after":
            return _answer_server_error(rule)
        if rule.fault == "close_after":
            request.environ[CUT] = True
    return answer


def _answer_server_error(rule: Rule) -> Response:
    error = ApiError("UNSPECIFIED_ERROR", "Non-DocuSign error: an internal error occurred.", rule.status)
    return answer_error(error)


def answer_error(error: ApiError) -> Response:
    answer = jsonify(error.as_details())
    answer.status_code = error.status
    return answer


def _refuse_hourly(status: int) -> Response:
    answer = answer_error(
        ApiError(
            "HOURLY_APIINVOCATION_LIMIT_EXCEEDED",
            f"The maximum number of hourly API invocations has been exceeded. The hourly limit is {HOURLY_LIMIT}.",
            status,
        )
    )
    answer.headers["X-RateLimit-Remaining"] = "0"
    return answer


def _refuse_burst() -> Response:
    answer = answer_error(
        ApiError(
            "BURST_APIINVOCATION_LIMIT_EXCEEDED",
            "The maximum number of burst API invocations has been exceeded. "
            f"The burst limit is {BURST_LIMIT} per 30 seconds.",
            429,
        )
    )
    answer.headers["X-BurstLimit-Remaining"] = "0"
    return answer


def refuse_token() -> ApiError:
    return ApiError("AUTHORIZATION_INVALID_TOKEN", "The access token provided is expired, revoked or malformed.", 401)


_REFUSALS: Final[dict[str, Callable[[Rule], Response]]] = {
    "rate_limit": lambda _: _refuse_hourly(429),
    "hourly_limit": lambda _: _refuse_hourly(400),
    "burst_limit": lambda _: _refuse_burst(),
    "unauthorized": lambda _: answer_error(refuse_token()),
    "error_before": _answer_server_error,
}


def _refuse(rule: Rule) -> Response:
    return _REFUSALS[rule.fault](rule)


def add_limit_headers(answer: Response) -> Response:
    """What DocuSign tells with every answer about the calls that are left."""
    now = int(time.time())
    for name, value in {
        "X-RateLimit-Limit": HOURLY_LIMIT,
        "X-RateLimit-Remaining": HOURLY_LIMIT - 1,
        "X-RateLimit-Reset": now - now % HOUR + HOUR,
        "X-BurstLimit-Limit": BURST_LIMIT,
        "X-BurstLimit-Remaining": BURST_LIMIT - 1,
    }.items():
        answer.headers.setdefault(name, str(value))
    return answer
