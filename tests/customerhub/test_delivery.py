"""Delivery without a mail server: who has which message in hand, what comes of attempts, and the mail that is made."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from io import BytesIO
from typing import Any

import pytest
import time_machine
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from customerhub import delivery, history, outbox, storage
from customerhub.customers.rules import clean_email
from customerhub.delivery import CLAIM, MOST_ATTEMPTS, PAUSES, RESERVED, RESTS, Enclosure, Letter, Undelivered
from models import Organisation, OutboxMessage, StoredFile
from models.base import db
from models.enums import OutboxState
from tests.people import make_customer, make_organisation, system

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
LINK = "https://hub.example.com/set-password/eyJmb3IiOjF9.Ab-c_d"
SENDER = "no-reply@hub.example.com"


@pytest.fixture
def organisation(session: Any) -> Organisation:
    return make_organisation()


def put(organisation: Organisation, reason: str = "review 1", at: datetime = NOW, **values: Any) -> OutboxMessage:
    details = {
        "purpose": "review due",
        "recipient": "kim@example.com",
        "subject": "Review",
        "text_body": "Please look.",
        "html_body": "<p>Please look.</p>",
    }
    with time_machine.travel(at, tick=False):
        return outbox.put(organisation_id=organisation.id, reason_key=reason, **(details | values))


def taken(now: datetime = NOW, **which: Any) -> Letter | None:
    """One message, claimed and begun."""
    letters = delivery.claim(now=now, **which)
    return delivery.begin(letters[0], now=now) if letters else None


def fresh(session: Any, message: OutboxMessage) -> OutboxMessage:
    session.commit()
    return message


# --- Who has it in hand -----------------------------------------------------------------------------------


def test_the_longest_waiting_are_claimed_first_and_by_one_only(session, organisation):
    late, early, soon = (
        put(organisation, str(number), NOW - timedelta(minutes=ago)) for number, ago in enumerate((1, 9, -1))
    )
    session.commit()
    assert [letter.id for letter in delivery.claim(now=NOW, limit=1)] == [early.id]
    assert [letter.id for letter in delivery.claim(now=NOW, limit=9)] == [late.id]
    assert delivery.claim(now=NOW, limit=9) == []
    session.commit()
    assert delivery.claim(now=NOW + RESERVED - MOMENT, message_id=early.id) == []
    assert [letter.id for letter in delivery.claim(now=NOW + RESERVED, message_id=early.id)] == [early.id]
    assert (early.attempts, soon.claimed_until) == (0, None)


def test_a_claim_that_lapsed_is_no_longer_begun(session, organisation):
    put(organisation)
    [first] = delivery.claim(now=NOW)
    assert delivery.begin(first, now=NOW + RESERVED) is None
    [second] = delivery.claim(now=NOW + RESERVED)
    assert delivery.begin(first, now=NOW + RESERVED) is None
    begun = delivery.begin(second, now=NOW + RESERVED)
    assert begun is not None
    assert begun.attempts == 1
    assert delivery.begin(second, now=NOW + RESERVED) is None  # it is begun once


def test_what_was_begun_is_left_alone_for_longer(session, organisation):
    message = put(organisation)
    assert taken()
    session.commit()
    assert delivery.claim(now=NOW + CLAIM - MOMENT) == []
    assert taken(NOW + CLAIM)
    assert fresh(session, message).attempts == 2


def test_a_message_that_was_cancelled_after_its_claim_lapsed_is_not_begun(session, organisation):
    message = put(organisation)
    [letter] = delivery.claim(now=NOW - timedelta(days=1) + timedelta(days=1))
    session.commit()
    with time_machine.travel(NOW + RESERVED, tick=False):
        outbox.cancel(message, actor=system(organisation))
    session.commit()
    assert delivery.begin(letter, now=NOW) is None
    assert delivery.settle(letter, Undelivered("451 later"), now=NOW) is False
    assert fresh(session, message).state is OutboxState.CANCELLED


def test_what_the_server_took_is_sent_even_where_nobody_thought_so(session, organisation):
    """A worker was given up for dead, somebody cancelled the message, and then the answer came."""
    message = put(organisation)
    letter = taken()
    with time_machine.travel(NOW + CLAIM, tick=False):
        outbox.cancel(message, actor=system(organisation))
    assert delivery.settle(letter, "250 OK", now=NOW + CLAIM) is True
    assert fresh(session, message).state is OutboxState.SENT


def test_what_is_given_back_is_anybodys_at_once(session, organisation):
    first, second = put(organisation), put(organisation, "review 2")
    letters = delivery.claim(now=NOW, limit=2)
    begun = delivery.begin(letters[0], now=NOW)
    delivery.give_back(letters)
    assert [letter.id for letter in delivery.claim(now=NOW, limit=2)] == [second.id]  # the other one was begun
    delivery.give_back([begun], was_begun=True)
    assert [letter.id for letter in delivery.claim(now=NOW, limit=2)] == [first.id]
    assert fresh(session, first).attempts == 0


def test_who_dies_every_time_ends_it(session, organisation):
    message, now = put(organisation), NOW
    for _ in range(MOST_ATTEMPTS):
        assert taken(now)
        now += CLAIM
    assert taken(now) is None
    session.commit()
    assert (message.state, message.last_error) == (OutboxState.FAILED, "Sending was interrupted every time")
    assert message.claimed_until is None


def test_a_message_that_is_not_there_is_not_claimed(session, organisation):
    assert delivery.claim(now=NOW, message_id=4711) == []


def test_a_message_waits_for_its_report(session, organisation):
    waits = put(organisation, customer_id=make_customer(organisation).id, report_on=NOW.date())
    plain = put(organisation, "review 2")
    session.commit()
    assert [letter.id for letter in delivery.claim(now=NOW, limit=9)] == [plain.id]
    assert delivery.hold(now=NOW) == 0
    [letter] = delivery.claim(now=NOW, limit=9, lacks_report=True)
    assert letter.id == waits.id
    delivery.give_back([letter])
    outbox.attach(waits, stored(organisation))
    session.commit()
    assert delivery.claim(now=NOW, limit=9, lacks_report=True) == []
    assert [letter.id for letter in delivery.claim(now=NOW, limit=9)] == [waits.id]


def test_without_a_mail_server_what_is_due_is_held(session, organisation):
    first, second = put(organisation), put(organisation, "review 2")
    later, claimed = put(organisation, "later", NOW + MOMENT), put(organisation, "claimed", NOW - MOMENT)
    assert [letter.id for letter in delivery.claim(now=NOW)] == [claimed.id]
    assert delivery.hold(now=NOW, message_id=second.id) == 1
    assert delivery.hold(now=NOW) == 1
    session.commit()
    assert {first.state, second.state} == {OutboxState.HELD}
    assert (first.attempts, first.next_attempt_at) == (0, None)
    assert {later.state, claimed.state} == {OutboxState.WAITING}


# --- What comes of it -------------------------------------------------------------------------------------


def test_what_was_sent_stays_sent_and_its_link_is_not_kept(session, organisation):
    message = put(organisation, text_body=f"Go to {LINK}", html_body=f'<a href="{LINK}">')
    session.execute(update(OutboxMessage).values(subject=f"Go to {LINK} now"))  # as it was kept before
    letter = taken()
    assert LINK in letter.text_body
    assert delivery.settle(letter, "250 2.0.0 Ok: queued as 4XyZ\r\n", now=NOW)
    session.commit()
    assert (message.state, message.sent_at, message.next_attempt_at) == (OutboxState.SENT, NOW, None)
    assert message.answer == "250 2.0.0 Ok: queued as 4XyZ"
    assert LINK not in message.text_body + message.html_body + message.subject
    assert delivery.claim(now=NOW + timedelta(days=9)) == []
    assert delivery.settle(letter, Undelivered("late", is_final=True), now=NOW) is False
    assert fresh(session, message).state is OutboxState.SENT
    assert put(organisation) is message


def test_a_failure_that_may_pass_is_tried_again_after_growing_pauses(session, organisation):
    message, now = put(organisation), NOW
    for pause in PAUSES:
        delivery.settle(taken(now), Undelivered("451 busy\r\nlater"), now=now)
        session.commit()
        assert (message.state, message.last_error) == (OutboxState.WAITING, "451 busy later")
        assert (message.next_attempt_at, message.claimed_until) == (now + pause, None)
        assert delivery.claim(now=now + pause - MOMENT) == []
        now += pause
    delivery.settle(taken(now), Undelivered("451 busy"), now=now)
    session.commit()
    assert (message.state, message.next_attempt_at, message.last_error) == (OutboxState.FAILED, None, "451 busy")
    assert list(PAUSES) == sorted(PAUSES)


def test_a_failure_for_good_parks_it_at_once(session, organisation):
    message = put(organisation)
    delivery.settle(taken(), Undelivered("550 no such user " + "x" * 600, is_final=True), now=NOW)
    session.commit()
    assert message.state is OutboxState.FAILED
    assert message.last_error.startswith("550 no such user")
    assert len(message.last_error) == 500


def test_what_somebody_else_took_over_is_settled_by_them(session, organisation):
    message = put(organisation)
    dead = taken()
    alive = taken(NOW + CLAIM)
    assert delivery.settle(dead, Undelivered("gone", is_final=True), now=NOW + CLAIM) is False
    assert fresh(session, message).state is OutboxState.WAITING
    assert delivery.settle(alive, Undelivered("451 later"), now=NOW + CLAIM) is True
    assert fresh(session, message).last_error == "451 later"


def test_an_outage_is_known_from_its_first_failure_to_the_first_answer(session):
    server = "mail.example.com:25"
    assert not delivery.rests(server, now=NOW)
    delivery.note_outage(server, "mail.example.com: Connection\r\nrefused", now=NOW)
    delivery.note_outage(server, "mail.example.com: it did not answer in time", now=NOW + timedelta(minutes=1))
    outage = delivery.find_outage(server)
    assert outage is not None
    assert (outage.since, outage.tried_at) == (NOW, NOW + timedelta(minutes=1))
    assert outage.told == "mail.example.com: it did not answer in time"
    assert delivery.rests(server, now=outage.tried_at + RESTS - MOMENT)
    assert not delivery.rests(server, now=outage.tried_at + RESTS)
    assert not delivery.rests("other:25", now=NOW)
    delivery.forget_outage(server)
    session.commit()
    assert delivery.find_outage(server) is None


# --- Two at a time ----------------------------------------------------------------------------------------

FATES = {
    "usual": {},
    "sent already": {"done": {"state": OutboxState.SENT, "claimed_until": None, "next_attempt_at": None}},
    "cancelled meanwhile": {"done": {"state": OutboxState.CANCELLED, "claimed_until": None, "next_attempt_at": None}},
    "tried before": {"done": {"last_error": "451 later", "attempts": 3}, "following": {"last_error": "451 later"}},
    "lapsed": {"following": {"claimed_until": NOW}},
    "in other hands": {"following": {"claimed_until": NOW + CLAIM}},
    "sent by others": {"following": {"state": OutboxState.SENT, "claimed_until": None, "next_attempt_at": None}},
    "tried too often": {"following": {"attempts": MOST_ATTEMPTS}},
    "with a link": {"done": {"text_body": f"Go to {LINK} now"}},
}  # fmt: skip


@pytest.mark.parametrize("came", ["250 taken", Undelivered("451 later"), Undelivered("550 no", is_final=True)])
@pytest.mark.parametrize("fate", FATES)
def test_settling_one_while_the_next_is_begun_is_as_one_after_the_other(session, organisation, fate, came):
    """Two pairs of the same kind: what comes of them, and what is returned, is the same by either way."""

    def pair(reason: str) -> tuple[Letter, Letter]:
        messages = {name: put(organisation, f"{reason} {name}") for name in ("done", "following")}
        first, second = (delivery.claim(now=NOW, message_id=each.id)[0] for each in messages.values())
        begun = delivery.begin(first, now=NOW)
        assert begun is not None
        for name, values in FATES[fate].items():
            session.execute(outbox.change(OutboxMessage.id == messages[name].id, **values))
            if name == "done":
                begun = replace(begun, **{key: each for key, each in values.items() if key.endswith("body")})
            elif "attempts" in values:
                second = replace(second, attempts=values["attempts"])
        session.commit()
        return begun, second

    def seen(letters: tuple[Letter, Letter], begun: Letter | None) -> list[Any]:
        rows = [
            dict(session.execute(select(outbox.MESSAGES).where(outbox.MESSAGES.c.id == each.id)).mappings().one())
            for each in letters
        ]
        session.rollback()
        for row in rows:
            row["id"] = row["reason_key"] = None
        return [*rows, begun and replace(begun, id=0, reason_key="")]

    one, other = pair("one"), pair("other")
    later = NOW + timedelta(seconds=5)
    delivery.settle(one[0], came, now=later)
    begun = delivery.begin(one[1], now=later)
    session.commit()
    with db.engine.begin() as connection:
        begun_too = delivery.settle_and_begin(other[0], came, other[1], now=later, on=connection)
    assert seen(other, begun_too) == seen(one, begun)
    assert (begun is None) is (fate in ("lapsed", "in other hands", "sent by others", "tried too often"))


# --- What it looks like -----------------------------------------------------------------------------------


def received(letter: Letter) -> EmailMessage:
    envelope = delivery.compose(letter, fallback_sender=SENDER)
    return message_from_bytes(envelope.content, policy=SMTP)  # type: ignore[arg-type]


def as_received(message: OutboxMessage) -> EmailMessage:
    [letter] = delivery.claim(now=message.next_attempt_at or NOW, message_id=message.id)
    delivery.give_back([letter])
    return received(letter)


def stored(organisation: Organisation, name: str = "report.pdf", content: bytes = b"%PDF-1.7 report") -> StoredFile:
    actor = system(organisation)
    with history.acting(actor, "test"):
        return storage.store(BytesIO(content), name, None, organisation_id=organisation.id, actor=actor)


def test_a_mail_has_both_bodies_and_the_same_identity_at_every_attempt(session, organisation):
    message = put(organisation, subject="Prüfung für Königlich Essen", text_body="Grüße\n.\n", html_body="<p>Grüße</p>")
    session.commit()
    mail = as_received(message)
    assert mail["From"] == "Example Telecom <no-reply@hub.example.com>"
    assert mail["To"] == "kim@example.com"
    assert mail["Subject"] == "Prüfung für Königlich Essen"
    assert mail.get_body(("plain",)).get_content() == "Grüße\r\n.\r\n"
    assert mail.get_body(("html",)).get_content().strip() == "<p>Grüße</p>"
    assert mail["Message-ID"].startswith(f"<{message.id}.")
    assert mail["Message-ID"] == as_received(message)["Message-ID"]
    assert mail["Message-ID"] != as_received(put(organisation, reason="review 2"))["Message-ID"]
    assert mail["Auto-Submitted"] == "auto-generated"
    assert list(mail.iter_attachments()) == []


def test_the_organisations_name_and_address_are_on_it(session, organisation):
    with history.acting(system(organisation), "test"):
        organisation.name = 'Bits, "Bytes"\r\nBcc: eve@example.com <x>'
        organisation.sender_email = "billing@müller.example"
        session.flush()
    mail = as_received(put(organisation, recipient="kim@bücher.example"))
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
    with history.acting(system(organisation), "test"):
        organisation.sender_email = f"billing@{domain}"
        session.flush()
    put(organisation, recipient=f"kim@{domain}")
    [letter] = delivery.claim(now=NOW)
    envelope = delivery.compose(letter, fallback_sender=SENDER)
    assert (envelope.sender, envelope.recipient) == (f"billing@{spelt}", f"kim@{spelt}")


def test_what_no_mail_can_be_made_of_is_a_failure_for_good(session, organisation):
    with history.acting(system(organisation), "test"):
        organisation.sender_email = "a\r\nb@" + "x" * 70 + ".example"
        session.flush()
    with pytest.raises(Undelivered) as failure:
        as_received(put(organisation))
    assert failure.value.is_final


def test_files_arrive_as_they_were_stored(session, organisation):
    pdf, text = b"%PDF-1.7\r\n.\r\n\x00\xff" * 5000, b"plain\r\n.\r\ntext\n"
    files = [stored(organisation, "Bericht für Königlich Essen.pdf", pdf), stored(organisation, "note.txt", text)]
    parts = list(as_received(put(organisation, files=files)).iter_attachments())
    assert [part.get_filename() for part in parts] == ["Bericht für Königlich Essen.pdf", "note.txt"]
    assert [part.get_payload(decode=True) for part in parts] == [pdf, text]
    assert [part.get_content_type() for part in parts] == ["application/pdf", "application/octet-stream"]
    assert {part.get_content_disposition() for part in parts} == {"attachment"}


@pytest.mark.parametrize("kind", ["multipart/mixed", "message/rfc822", "message/external-body", "nonsense", ""])
def test_a_file_is_never_a_part_of_the_mail_itself(session, organisation, kind):
    file = stored(organisation, "mail.eml", b"Bcc: eve@example.com\r\n\r\nHello")
    session.execute(update(StoredFile).values(content_type=kind).execution_options(**history.recorded()))
    mail = as_received(put(organisation, files=[file]))
    [part] = mail.iter_attachments()
    assert part.get_content_type() == "application/octet-stream"
    assert part.get_payload(decode=True) == b"Bcc: eve@example.com\r\n\r\nHello"
    assert mail["Bcc"] is None


def test_a_file_that_is_gone_is_a_failure_for_good_and_one_that_cannot_be_read_may_pass(session, organisation):
    file = stored(organisation)
    message = put(organisation, files=[file])
    session.commit()
    place = next(path for path in storage._storage().store._folder.rglob(file.storage_key))  # type: ignore[attr-defined]
    place.unlink()
    place.mkdir()
    with pytest.raises(Undelivered, match=re.escape("report.pdf cannot be read: Is a directory")) as failure:
        as_received(message)
    assert not failure.value.is_final
    place.rmdir()
    session.rollback()
    with pytest.raises(Undelivered, match=re.escape("report.pdf: The file is no longer there")) as failure:
        as_received(message)
    assert failure.value.is_final


# --- Whatever names, subjects and file names hold ---------------------------------------------------------

LETTER = Letter(
    id=7, claimed_until=NOW, attempts=1, organisation_id=1, sender="Example", sender_email=None, reason_key="review 7",
    created_at=NOW, recipient="kim@example.com", subject="Review", text_body="Hello", html_body="<p>Hello</p>",
)  # fmt: skip
INJECTIONS = (
    "\r\nBcc: eve@example.com", "\nBcc: eve@example.com\n\n", "\rBcc: eve@example.com", "\x00\x0b\x0c\x85",
    "\u2028Bcc: eve@example.com", '"; x="', "a@b, <eve@example.com>", "=?utf-8?q?=0D=0ABcc:_eve?=",
)  # fmt: skip
# Neither lone surrogates nor what the database cannot keep.
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=90)
hostile = st.one_of(texts, st.builds(lambda a, b, c: a + b + c, texts, st.sampled_from(INJECTIONS), texts))


@pytest.fixture(scope="module")
def file_key(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The key of a file in a store of its own, with no database."""
    before = storage._configured
    store = storage.FolderStore(tmp_path_factory.mktemp("files"))
    storage.configure(store, limit=100)
    yield store.write(BytesIO(b"%PDF"), limit=100).key
    storage._configured = before


def headers(content: bytes) -> list[tuple[str, str]]:
    """The headers as a reader sees them that knows nothing of Python: names before the first colon, lines unfolded."""
    head = content.partition(b"\r\n\r\n")[0].decode()
    unfolded = re.sub(r"\r\n[ \t]", " ", head)
    assert "\n" not in unfolded.replace("\r\n", ""), "a bare line feed"
    assert "\r" not in unfolded.replace("\r\n", ""), "a bare carriage return"
    return [(line.partition(":")[0], line.partition(":")[2].strip()) for line in unfolded.split("\r\n")]


def decoded(value: str) -> str:
    return str(make_header(decode_header(value))).strip()


NAMES = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"]


@given(name=hostile, subject=hostile)
@example(name="Müller, Söhne und Töchter " * 4 + "<eve@example.com>, ", subject="x" * 300)
@example(name='"', subject="")
@example(name="=?utf-8?q?=0D=0ABcc:_eve@example.com?=", subject="=?utf-8?q?=0D=0ABcc:_eve@example.com?=")
@example(name="=??Q?=0D=0A", subject="a =\x00?us-ascii?b?DQpCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?= b")
def test_no_name_and_no_subject_becomes_a_header_or_an_address(name, subject):
    envelope = delivery.compose(replace(LETTER, sender=name, subject=subject), fallback_sender=SENDER)
    found = dict(headers(envelope.content))
    assert sorted(name for name, _ in headers(envelope.content)) == sorted(NAMES)
    mail = message_from_bytes(envelope.content, policy=SMTP)
    assert [address.addr_spec for address in mail["From"].addresses] == [SENDER]  # type: ignore[attr-defined]
    assert [address.addr_spec for address in mail["To"].addresses] == ["kim@example.com"]  # type: ignore[attr-defined]
    assert decoded(found["From"].rpartition("<")[0]) == outbox.header_safe(name)
    assert decoded(found["Subject"]) == outbox.header_safe(subject)
    assert found["To"] == "kim@example.com"
    assert (envelope.sender, envelope.recipient) == (SENDER, "kim@example.com")
    assert mail.get_body(("plain",)).get_content() == "Hello\r\n"  # type: ignore[attr-defined]


@given(name=hostile)
@example(name="ä" * 200 + ".pdf")
@example(name="a b'c%20d*e.pdf")
@example(name="=?utf-8?q?=0D=0ABcc:_eve@example.com?=.pdf")
def test_no_file_name_becomes_a_header(file_key, name):
    file = Enclosure(name, "application/pdf", file_key)
    content = delivery.compose(replace(LETTER, enclosures=(file,)), fallback_sender=SENDER).content
    mail = message_from_bytes(content, policy=SMTP)
    assert sorted(header for header, _ in headers(content)) == sorted(NAMES)
    [part] = mail.iter_attachments()  # type: ignore[attr-defined]
    assert sorted(part.keys()) == ["Content-Disposition", "Content-Transfer-Encoding", "Content-Type", "MIME-Version"]
    assert part.get_filename() == storage.clean_name(outbox.header_safe(name))
    assert part.get_payload(decode=True) == b"%PDF"


@pytest.mark.parametrize("side", ["sender_email", "recipient"])
def test_no_address_becomes_a_header(side):
    """This one is an address by all the rules, and the email package would write a line's end for it."""
    address = "=?us-ascii?q?=0D=0ABcc=3Aeve=40example=2Ecom?=@example.com"
    assert clean_email(address) == address
    with pytest.raises(Undelivered, match=r"No mail can be made of this: .* cannot stand in a mail") as failure:
        delivery.compose(replace(LETTER, **{side: address}), fallback_sender=SENDER)
    assert failure.value.is_final


@given(text=st.text(st.characters(exclude_categories=["Cs"])), html=st.text(st.characters(exclude_categories=["Cs"])))
@example(text="Hello\n.\nRCPT TO:<eve@example.com>\n", html="\r.\r")
@example(text="x" * 5000, html="<p>" + "ä" * 5000)
def test_no_body_ends_the_mail_early(text, html):
    """No line of its own with a single dot before the end, whatever a server takes for the end of a line."""
    content = delivery.compose(replace(LETTER, text_body=text, html_body=html), fallback_sender=SENDER).content
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", content)
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    body = message_from_bytes(content, policy=SMTP).get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    assert body.splitlines() == text.splitlines() or body.split("\r\n")[:-1] == re.split(r"\r\n|\r|\n", text)
