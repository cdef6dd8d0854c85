"""The mail that is made of a message, whatever its texts, names and files hold."""

import re
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import update

from customerhub.core import history, services, storage
from customerhub.core.file_store import FolderStore
from customerhub.core.validation import clean_email
from customerhub.mail import delivery, outbox
from customerhub.mail.delivery import Attachment, ClaimedMessage, DeliveryError
from customerhub.mail.smtp_mail import build_smtp_mail
from models import Organisation, OutboxMessage, StoredFile
from tests.support.outbox import NOW, enqueue_message
from tests.support.people import system_actor
from tests.support.services import replaced_services

LINK = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"
SENDER = "no-reply@hub.example.com"


# --- What it looks like -----------------------------------------------------------------------------------


def deliver_and_read(letter: ClaimedMessage) -> EmailMessage:
    envelope = build_smtp_mail(letter, fallback_sender=SENDER)
    return message_from_bytes(envelope.content, policy=SMTP)


def read_back(message: OutboxMessage) -> EmailMessage:
    [letter] = delivery.claim(now=message.next_attempt_at or NOW, message_id=message.id)
    delivery.release([letter])
    return deliver_and_read(letter)


def store_file(organisation: Organisation, name: str = "report.pdf", content: bytes = b"%PDF-1.7 report") -> StoredFile:
    actor = system_actor(organisation)
    with history.act_as(actor, "test"):
        return storage.store_file(BytesIO(content), name, None, organisation_id=organisation.id, actor=actor)


def test_a_mail_has_both_bodies_and_the_same_identity_at_every_attempt(session, organisation):
    message = enqueue_message(
        organisation, subject="Prüfung für Königlich Essen", text_body="Grüße\n.\n", html_body="<p>Grüße</p>"
    )
    session.commit()
    mail = read_back(message)
    assert mail["From"] == "Example Telecom <no-reply@hub.example.com>"
    assert mail["To"] == "kim@example.com"
    assert mail["Subject"] == "Prüfung für Königlich Essen"
    assert mail.get_body(("plain",)).get_content() == "Grüße\r\n.\r\n"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    assert mail["Message-ID"].startswith(f"<{message.id}.")
    assert mail["Message-ID"] == read_back(message)["Message-ID"]
    assert mail["Message-ID"] != read_back(enqueue_message(organisation, reason="review 2"))["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert list(mail.iter_attachments()) == []


def test_the_organisations_name_and_address_are_on_it(session, organisation):
    with history.act_as(system_actor(organisation), "test"):
        organisation.name = 'Bits, "Bytes"\r\nBcc: eve@example.com <x>'
        organisation.sender_email = "billing@müller.example"
        session.flush()
    mail = read_back(enqueue_message(organisation, recipient="kim@bücher.example"))
    assert mail["Bcc"] is None
    assert mail["From"].addresses[0].addr_spec == "billing@xn--mller-kva.example"
    assert mail["To"].addresses[0].addr_spec == "kim@xn--bcher-kva.example"
    assert mail["From"].addresses[0].display_name == 'Bits, "Bytes" Bcc: eve@example.com <x>'


@pytest.mark.parametrize(
    ("domain", "spelt"),
    [("faß.de", "xn--fa-hia.de"), ("βόλος.com", "xn--nxasmm1c.com"), ("BÜCHER.de", "xn--bcher-kva.de")],
)
def test_a_mail_goes_to_the_domain_that_was_meant(session, organisation, domain, spelt):
    """fass.de belongs to somebody else. The spellings are those of Unicode's own table (UTS 46, section 4)."""
    with history.act_as(system_actor(organisation), "test"):
        organisation.sender_email = f"billing@{domain}"
        session.flush()
    enqueue_message(organisation, recipient=f"kim@{domain}")
    [letter] = delivery.claim(now=NOW)
    envelope = build_smtp_mail(letter, fallback_sender=SENDER)
    assert (envelope.sender, envelope.recipient) == (f"billing@{spelt}", f"kim@{spelt}")


def test_what_no_mail_can_be_made_of_is_a_failure_for_good(session, organisation):
    with history.act_as(system_actor(organisation), "test"):
        organisation.sender_email = "a\r\nb@" + "x" * 70 + ".example"
        session.flush()
    with pytest.raises(DeliveryError) as failure:
        read_back(enqueue_message(organisation))
    assert failure.value.is_final


def test_files_arrive_as_they_were_stored(session, organisation):
    pdf, text = b"%PDF-1.7\r\n.\r\n\x00\xff" * 5000, b"plain\r\n.\r\ntext\n"
    files = [
        store_file(organisation, "Bericht für Königlich Essen.pdf", pdf),
        store_file(organisation, "note.txt", text),
    ]
    parts = list(read_back(enqueue_message(organisation, files=files)).iter_attachments())
    assert [part.get_filename() for part in parts] == ["Bericht für Königlich Essen.pdf", "note.txt"]
    assert [part.get_payload(decode=True) for part in parts] == [pdf, text]
    assert [part.get_content_type() for part in parts] == ["application/pdf", "application/octet-stream"]
    assert {part.get_content_disposition() for part in parts} == {"attachment"}


@pytest.mark.parametrize("kind", ["multipart/mixed", "message/rfc822", "message/external-body", "nonsense", ""])
def test_a_file_is_never_a_part_of_the_mail_itself(session, organisation, kind):
    file = store_file(organisation, "mail.eml", b"Bcc: eve@example.com\r\n\r\nHello")
    session.execute(update(StoredFile).values(content_type=kind).execution_options(**history.bulk_options()))
    mail = read_back(enqueue_message(organisation, files=[file]))
    [part] = mail.iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_payload(decode=True) == b"Bcc: eve@example.com\r\n\r\nHello"
    assert mail["Bcc"] is None


def test_a_file_that_is_gone_is_a_failure_for_good_and_one_that_cannot_be_read_may_pass(session, organisation):
    file = store_file(organisation)
    message = enqueue_message(organisation, files=[file])
    session.commit()
    place = next(path for path in services.get_current().file_store._folder.rglob(file.storage_key))
    place.unlink()
    place.mkdir()
    with pytest.raises(DeliveryError, match=re.escape("report.pdf cannot be read: Is a directory")) as failure:
        read_back(message)
    assert not failure.value.is_final
    place.rmdir()
    session.rollback()
    with pytest.raises(DeliveryError, match=re.escape("report.pdf: The file no longer exists")) as failure:
        read_back(message)
    assert failure.value.is_final


# --- Whatever names, subjects and file names hold ---------------------------------------------------------

LETTER = ClaimedMessage(
    id=7,
    claimed_until=NOW,
    attempts=1,
    organisation_id=1,
    sender="Example",
    sender_email=None,
    reason_key="review 7",
    created_at=NOW,
    recipient="kim@example.com",
    subject="Review",
    text_body="Hello",
    html_body="<p>Hello</p>",
)
INJECTIONS = (
    "\r\nBcc: eve@example.com",
    "\nBcc: eve@example.com\n\n",
    "\rBcc: eve@example.com",
    "\x00\x0b\x0c\x85",
    "\u2028Bcc: eve@example.com",
    '"; x="',
    "a@b, <eve@example.com>",
    "=?utf-8?q?=0D=0ABcc:_eve?=",
)
# Neither lone surrogates nor what the database cannot keep.
header_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)
hostile_texts = st.one_of(
    header_texts, st.builds(lambda a, b, c: a + b + c, header_texts, st.sampled_from(INJECTIONS), header_texts)
)


@pytest.fixture(scope="module")
def file_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The key of a file in a store of its own, with no database."""
    store = FolderStore(tmp_path_factory.mktemp("files"))
    with replaced_services(file_store=store):
        yield store.write(BytesIO(b"%PDF"), limit=100).key


def read_headers(content: bytes) -> list[tuple[str, str]]:
    """The headers as a reader sees them that knows nothing of Python: names before the first colon, lines unfolded."""
    head = content.partition(b"\r\n\r\n")[0].decode()
    unfolded = re.sub(r"\r\n[ \t]", " ", head)
    assert "\n" not in unfolded.replace("\r\n", ""), "a bare line feed"
    assert "\r" not in unfolded.replace("\r\n", ""), "a bare carriage return"
    return [(line.partition(":")[0], line.partition(":")[2].strip()) for line in unfolded.split("\r\n")]


def decode_header_value(value: str) -> str:
    return str(make_header(decode_header(value))).strip()


NAMES = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]


@given(name=hostile_texts, subject=hostile_texts)
@example(name="Müller, Söhne und Töchter " * 4 + "<eve@example.com>, ", subject="x" * 300)
@example(name='"', subject="")
@example(name="=?utf-8?q?=0D=0ABcc:_eve@example.com?=", subject="=?utf-8?q?=0D=0ABcc:_eve@example.com?=")
@example(name="=??Q?=0D=0A", subject="a =\x00?us-ascii?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?= b")
def test_no_name_and_no_subject_becomes_a_header_or_an_address(name, subject):
    envelope = build_smtp_mail(replace(LETTER, sender=name, subject=subject), fallback_sender=SENDER)
    headers_by_name = dict(read_headers(envelope.content))
    assert sorted(name for name, _ in read_headers(envelope.content)) == sorted(NAMES)
    mail = message_from_bytes(envelope.content, policy=SMTP)
    assert [address.addr_spec for address in mail["From"].addresses] == [SENDER]
    assert [address.addr_spec for address in mail["To"].addresses] == ["kim@example.com"]
    assert decode_header_value(headers_by_name["From"].rpartition("<")[0]) == outbox.clean_header(name)
    assert decode_header_value(headers_by_name["Subject"]) == outbox.clean_header(subject)
    assert headers_by_name["To"] == "kim@example.com"
    assert (envelope.sender, envelope.recipient) == (SENDER, "kim@example.com")
    assert mail.get_body(("plain",)).get_content() == "Hello\r\n"


@given(name=hostile_texts)
@example(name="ä" * 200 + ".pdf")
@example(name="a b'c%20d*e.pdf")
@example(name="=?utf-8?q?=0D=0ABcc:_eve@example.com?=.pdf")
def test_no_file_name_becomes_a_header(file_key, name):
    file = Attachment(name, "application/pdf", file_key)
    content = build_smtp_mail(replace(LETTER, attachments=(file,)), fallback_sender=SENDER).content
    mail = message_from_bytes(content, policy=SMTP)
    assert sorted(header for header, _ in read_headers(content)) == sorted(NAMES)
    [part] = mail.iter_attachments()
    assert sorted(part.keys()) == ["Content-Disposition", "Content-Transfer-Encoding", "Content-Type", "MIME-Version"]
    assert part.get_filename() == storage.clean_name(outbox.clean_header(name))
    assert part.get_payload(decode=True) == b"%PDF"


@pytest.mark.parametrize("side", ["sender_email", "recipient"])
def test_no_address_becomes_a_header(side):
    """This one is an address by all the rules, and the email package would write a line's end for it."""
    address = "=?us-ascii?q?=0D=0ABcc=3Aeve=40example=2Ecom?=@example.com"
    assert clean_email(address) == address
    with pytest.raises(
        DeliveryError, match=r"The email could not be created: .* cannot be used as an email address"
    ) as failure:
        build_smtp_mail(replace(LETTER, **{side: address}), fallback_sender=SENDER)
    assert failure.value.is_final


@given(text=st.text(st.characters(exclude_categories=["Cs"])), html=st.text(st.characters(exclude_categories=["Cs"])))
@example(text="Hello\n.\nRCPT TO:<eve@example.com>\n", html="\r.\r")
@example(text="x" * 5000, html="<p>" + "ä" * 5000)
def test_no_body_ends_the_mail_early(text, html):
    """No line of its own with a single dot before the end, whatever a server takes for the end of a line."""
    content = build_smtp_mail(replace(LETTER, text_body=text, html_body=html), fallback_sender=SENDER).content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    body = message_from_bytes(content, policy=SMTP).get_body(("plain",)).get_content()
    assert body.splitlines() == text.splitlines() or body.split("\r\n")[:-1] == re.split(r"\r\n|\r|\n", text)
