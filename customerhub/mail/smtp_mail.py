"""The mail that is made of a message, as it is handed to a mail server."""

import hashlib
import logging
import quopri
import re
from dataclasses import dataclass
from email.charset import BASE64, Charset
from email.encoders import encode_base64
from email.errors import MessageError
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.policy import Compat32
from email.utils import format_datetime
from functools import lru_cache

from email_validator import validate_email

from customerhub.core import storage
from customerhub.core.errors import NotFound, quote_text
from customerhub.mail import inline_images
from customerhub.mail.delivery import Attachment, ClaimedMessage, DeliveryError
from customerhub.mail.inline_images import InlineImage
from customerhub.mail.outbox import clean_header

_STRUCTURAL_TYPES = ("message", "multipart")  # kinds of content that an attachment is not sent as
_HEADER_CHARSET = Charset("utf-8")
_HEADER_CHARSET.header_encoding = (
    BASE64  # for each header the package would write both kinds to see which one is shorter
)
_LINE_ENDS = re.compile(r"\r\n|\r")
_MAX_HEADER_LINE = 70  # characters of a header's line
_ENCODED_WORD_PREFIX = "=?"  # how encoded text in a header begins
_PLAIN_PHRASE = re.compile(r"[A-Za-z0-9 !#$%&'*+/=?^_`{|}~-]*")  # what may stand before an address without quotes
_LOCAL_PART = re.compile(r"[^\s\x00-\x20\x7f\"(),:;<>@\[\\\]]+")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SmtpMail:
    """A letter as it is handed to a mail server. `is_international` where an address needs SMTPUTF8."""

    sender: str
    recipient: str
    content: bytes
    is_international: bool


class _VerbatimPolicy(Compat32):
    """Headers are written as they are. The package's own policies would read them first: they decode what looks like
    encoded text in a value, ends of lines in it too, and it takes them longer than sending.
    """

    linesep = "\r\n"

    def fold_binary(self, name: str, value: str) -> bytes:
        return f"{name}: {value}\r\n".encode()


def build_smtp_mail(message: ClaimedMessage, *, fallback_sender: str) -> SmtpMail:
    """The mail of a letter, from the organisation's address or, where it has none, from `fallback_sender`.

    Its Message-ID is the same at every attempt, so a receiver can tell a repetition. Raises DeliveryError where no mail
    can be made of the letter, or a file of it cannot be read.
    """
    attachments = [(attachment, _read_attachment(attachment)) for attachment in message.attachments]
    try:
        sender, recipient = _encode_address(message.sender_email or fallback_sender), _encode_address(message.recipient)
        mail = _build_multipart(
            "alternative", _build_text_part("plain", message.text_body), _build_html_part(message), message=message
        )
        if attachments:
            mail = _build_multipart(
                "mixed", mail, *(_build_attachment_part(*file) for file in attachments), message=message
            )
        for name, value in (
            ("From", f"{_encode_header('From', message.sender)}\r\n <{sender}>"),
            ("To", recipient),
            ("Subject", _encode_header("Subject", message.subject)),
            ("Date", format_datetime(message.created_at)),
            ("Message-ID", f"<{_fingerprint(message)}@{sender.rpartition('@')[2]}>"),
            ("Auto-Submitted", "auto-generated"),
        ):
            mail[name] = value
        content = mail.as_bytes(policy=_VerbatimPolicy())
    except (ValueError, LookupError, TypeError, AttributeError, MessageError) as error:
        log.exception("no mail can be made of outgoing message %s", message.id)
        raise DeliveryError(f"The email could not be created: {error}", is_final=True) from error
    return SmtpMail(sender, recipient, content, is_international=not (sender + recipient).isascii())


def _build_multipart(kind: str, *parts: Message, message: ClaimedMessage) -> Message:
    # No encoded text has "=_" in it. The package would look for a boundary in all of it.
    return MIMEMultipart(kind, f"=_{kind}.{_fingerprint(message)}", parts)


def _build_text_part(kind: str, text: str) -> Message:
    part = MIMEBase("text", kind, charset="utf-8")
    part["Content-Transfer-Encoding"] = "quoted-printable"
    lines = _LINE_ENDS.sub("\n", text)
    part.set_payload(quopri.encodestring((lines if lines.endswith("\n") else f"{lines}\n").encode()).decode())
    return part


def _build_html_part(message: ClaimedMessage) -> Message:
    """The HTML of a letter, with the pictures in it."""
    html = _build_text_part("html", message.html_body)
    images = [(each, content) for each in message.inline_images if (content := inline_images.read_content(each))]
    return (
        _build_multipart("related", html, *(_build_image_part(*each) for each in images), message=message)
        if images
        else html
    )


def _build_image_part(image: InlineImage, content: bytes) -> Message:
    part = _build_encoded_part(image.content_type, content)
    part["Content-ID"] = f"<{inline_images.content_id_of(image.storage_key)}>"
    part["Content-Disposition"] = "inline"
    return part


def _build_attachment_part(attachment: Attachment, content: bytes) -> Message:
    part = _build_encoded_part(attachment.content_type, content)
    name = storage.clean_name(clean_header(attachment.name))
    part.add_header("Content-Disposition", "attachment", filename=name if name.isascii() else ("utf-8", "", name))
    return part


def _build_encoded_part(content_type: str, content: bytes) -> Message:
    kind, _, subtype = content_type.partition("/")
    if kind in _STRUCTURAL_TYPES or not subtype:
        kind, subtype = "application", "octet-stream"
    part = MIMEBase(kind, subtype)
    part.set_payload(content)
    encode_base64(part)
    return part


def _read_attachment(attachment: Attachment) -> bytes:
    try:
        with storage.open_file(attachment) as file:
            return file.read()
    except NotFound as error:
        raise DeliveryError(f"{attachment.name}: {error.message}", is_final=True) from error
    except OSError as error:
        raise DeliveryError(f"{attachment.name} cannot be read: {error.strerror or error}") from error


def _fingerprint(message: ClaimedMessage) -> str:
    identity = f"{message.organisation_id}|{message.reason_key}|{message.created_at.isoformat()}"
    return f"{message.id}.{hashlib.sha256(identity.encode()).hexdigest()[:24]}"


def _encode_address(address: str) -> str:
    """An address with its domain as the mail system spells it. Raises ValueError where a header cannot hold it."""
    local, _, domain = address.rpartition("@")
    if not _LOCAL_PART.fullmatch(local) or _ENCODED_WORD_PREFIX in address:
        raise ValueError(f"{quote_text(address)} cannot be used as an email address")
    return f"{local}@{domain.encode('idna').decode() if domain.isascii() else _encode_domain(domain)}"


def _encode_domain(domain: str) -> str:
    """As addresses were checked when they were entered. Python's own codec is older: it makes "ss" of "ß", and that is
    somebody else's domain. Raises ValueError.
    """
    ascii_domain = validate_email(f"somebody@{domain}", check_deliverability=False).ascii_domain
    assert ascii_domain is not None
    return ascii_domain


@lru_cache(1000)
def _encode_header(header: str, text: str) -> str:
    """`text` as the value of `header`, or the beginning of it, encoded and folded as far as it must be."""
    bare = clean_header(text)
    is_plain = _PLAIN_PHRASE.fullmatch(bare) and _ENCODED_WORD_PREFIX not in bare and len(bare) <= _MAX_HEADER_LINE
    return bare if is_plain else Header(bare, _HEADER_CHARSET, _MAX_HEADER_LINE, header).encode(linesep="\r\n")
