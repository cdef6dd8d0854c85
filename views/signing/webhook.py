"""Where the signing service sends its events. It signs in with nothing but the signature of what it sends."""

from flask import Blueprint, Flask, Response, abort, request

from customerhub.core.errors import NotAllowed
from customerhub.signing.events import MAX_BYTES, MAX_SIGNATURES, receive_event
from models.base import db
from views.http.security import csrf

PATH = "/webhooks/docusign"
SIGNATURE_HEADER = "X-DocuSign-Signature-{}"
bp = Blueprint("webhooks", __name__)


def register(app: Flask) -> None:
    csrf.exempt(bp)
    app.register_blueprint(bp)


@bp.post(PATH)
def receive_docusign_event() -> Response:
    """Keep an event and say so. Whatever it causes happens later: the sender waits for the answer."""
    request.max_content_length = MAX_BYTES
    body = request.get_data(cache=False)
    numbers = range(1, MAX_SIGNATURES + 1)
    signatures = [text for number in numbers if (text := request.headers.get(SIGNATURE_HEADER.format(number)))]
    try:
        receive_event(body, signatures)
    except NotAllowed as error:
        db.session.rollback()
        abort(401, error.message)
    db.session.commit()
    return Response(status=204)
