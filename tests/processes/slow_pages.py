"""An app whose pages take their time or are large, for a web server with the hub's settings."""

import os
import time
from collections.abc import Iterator

from flask import Flask, request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

PIECE = b"x" * 65536
LARGE_PIECES = 400  # 26 MB

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = int(os.environ.get("HUB_MAX_UPLOAD_MB", "25")) * 1024 * 1024
app.wsgi_app = ProxyFix(app.wsgi_app)


@app.get("/quick")
def quick() -> str:
    return "quick"


@app.get("/slow/<float:seconds>")
def slow(seconds: float) -> str:
    time.sleep(seconds)
    return "slow"


@app.get("/large")
def large() -> Iterator[bytes]:
    return (PIECE for _ in range(LARGE_PIECES))


@app.route("/told", methods=["GET", "POST"])
def told() -> dict[str, object]:
    """What the app is told of the request."""
    return {"address": request.remote_addr, "body": len(request.get_data()), "path": request.full_path}


@app.errorhandler(RequestEntityTooLarge)
def too_large(_error: RequestEntityTooLarge) -> tuple[str, int]:
    return "the app's own page", 413
