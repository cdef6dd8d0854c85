"""Security of every page: CSRF on every POST, a strict Content-Security-Policy, safe headers and cookies."""

from datetime import timedelta

from flask import Flask, Response, abort, request
from flask_wtf.csrf import CSRFProtect

from customerhub.core.config import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "form-action 'self'",
        "script-src 'self'",
        "style-src 'self'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

csrf = CSRFProtect()


def security_headers(settings: Settings) -> dict[str, str]:
    """The headers that every answer of a hub has, also that of a static file."""
    if settings.secure_cookies:
        return {**HEADERS, "Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
    return HEADERS


def register(app: Flask) -> None:
    settings: Settings = app.config["HUB"]
    app.config.update(
        SESSION_COOKIE_NAME="hub_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure_cookies,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        WTF_CSRF_TIME_LIMIT=None,
    )
    csrf.init_app(app)
    headers = security_headers(settings)

    @app.before_request
    def reject_nul() -> None:
        """No browser sends this character in an address by itself, and a database cannot keep it."""
        if "\x00" in request.path or any("\x00" in text for pair in request.args.items(multi=True) for text in pair):
            abort(400)

    @app.after_request
    def add_security_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static" or response.status_code >= 400:  # all else is made for one person
            response.headers["Cache-Control"] = "no-store"
        return response
