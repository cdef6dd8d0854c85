"""What staff, partners and customers see."""

from importlib import import_module

from flask import Flask

# Each has register(app). The order is the order of their before_request hooks.
PARTS = (
    "security",
    "sign_in",
    "errors",
    "profile",
    "frame",
    "once",
    "home",
    "search",
    "preferences",
    "files",
    "partner",
    "portal",
    "schedule",
    "outbox_trial",
    "admin",
)


def register(app: Flask) -> None:
    """Put every screen on `app`."""
    for part in PARTS:
        import_module(f"views.{part}").register(app)
