"""Cases of signing that went wrong elsewhere, by their numbers in `cases.json`: each must end as is expected there."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from customerhub.core.organisation_dates import organisation_today
from customerhub.signing import deadlines, operations
from customerhub.signing.readings import EnvelopeReading, SignerReading
from customerhub.signing.results import apply_reading
from jobs import mail
from models import Contract, Envelope, InvoiceProfile, OutboxMessage, SigningEvent
from models.base import db
from models.signing_enums import EnvelopeStatus, SignerStatus
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.contracts.conftest import attach_nda
from tests.customerhub.signing.conftest import ADA, CLIENT, SigningOrg, current_envelope, list_requests, perform
from tests.sandbox.recording import recording
from tests.support.servers import wait_until
from tests.support.signing_chaos import count_moves
from tests.support.signing_events import PATH, build_body, post, sign, tell

CASES: dict[str, Any] = json.loads(Path(__file__).with_name("cases.json").read_text(encoding="ascii"))
BY_SIGNER = {ADA: "admin", CLIENT: "client"}


@dataclass
class Setting:
    """A profile that waits for its signatures, with a draft contract."""

    org: SigningOrg
    client: FlaskClient
    replace_services: Callable[..., None]
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        self.profile, self.envelope = self.org.send_profile()
        self.contract = self.org.add_contract(self.profile)

    @property
    def sandbox(self) -> Any:
        return self.org.sandbox

    def sign(self, *addresses: str) -> None:
        self.sandbox.sign(self.envelope.remote_id, *addresses)

    def tell(self, name: str, *, number: int = 0, envelope: Envelope | None = None) -> None:
        """An event arrives, and a worker does what is to be done."""
        assert tell(self.client, envelope or self.envelope, self.sandbox, name, number=number) == 204
        perform()

    @property
    def profile_status(self) -> str:
        return db.session.get_one(InvoiceProfile, self.profile.id).status.value

    @property
    def contract_status(self) -> str:
        return db.session.get_one(Contract, self.contract.id).status.value

    @property
    def contract_moves(self) -> int:
        return count_moves("contract", "Live")[self.contract.id]

    @property
    def completions(self) -> int:
        return count_moves("invoice_profile", "Profile Completed")[self.profile.id]

    def list_signers(self) -> dict[str, str]:
        return {BY_SIGNER[each.email]: each.status.value for each in current_envelope(self.profile).signers}

    def list_mails(self) -> list[OutboxMessage]:
        return list(db.session.scalars(db.select(OutboxMessage).where(OutboxMessage.purpose == "document signature")))


@pytest.fixture
def setting(
    signing_org: SigningOrg,
    client: FlaskClient,
    replace_services: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Setting:
    return Setting(signing_org, client, replace_services, monkeypatch)


def sign_in_the_same_second(setting: Setting) -> dict[str, Any]:
    start, remote_id = threading.Barrier(2), setting.envelope.remote_id

    def sign_as(address: str) -> None:
        start.wait()
        setting.sandbox.sign(remote_id, address)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(sign_as, (ADA, CLIENT)))
    for number, name in enumerate(("recipient-completed", "recipient-completed", "envelope-completed")):
        setting.tell(name, number=number)
    remote = setting.sandbox.get("/sandbox/events")
    told = [each for each in remote if each["envelope_id"] == setting.envelope.remote_id]
    envelope = current_envelope(setting.profile)
    assert envelope.certificate_file_id is not None
    return {
        "completed_events": sum(each["event"] == "envelope-completed" for each in told),
        "files_kept": len({envelope.signed_file_id} - {None}),
        "contract_moves": setting.contract_moves,
    }


def complete_while_the_mail_server_is_down(setting: Setting) -> dict[str, Any]:
    hub = setting.client.application
    settings = hub.config["HUB"].model_copy(update={"smtp_url": "smtp://127.0.0.1:1"})
    setting.monkeypatch.setitem(hub.config, "HUB", settings)
    setting.sign(ADA, CLIENT)
    setting.tell("envelope-completed")
    mail.sweep()
    db.session.rollback()
    db.session.expire_all()
    [state] = {each.state.value for each in setting.list_mails()}
    return {"profile": setting.profile_status, "contract": setting.contract_status, "mails": state}


def complete_three_times(setting: Setting) -> dict[str, Any]:
    setting.sign(ADA, CLIENT)
    for number in range(3):
        setting.tell("envelope-completed", number=number)
    mails = [each.recipient for each in setting.list_mails()]
    assert set(mails) >= {ADA, CLIENT}
    return {"profile": setting.profile_status, "history_rows": setting.completions, "mails": mails.count(CLIENT)}


def decline_after_signing(setting: Setting) -> dict[str, Any]:
    before = setting.profile_status
    setting.sign(CLIENT)
    setting.sandbox.decline(setting.envelope.remote_id, CLIENT, "No after all")
    for number, name in enumerate(("recipient-completed", "recipient-declined", "envelope-declined")):
        setting.tell(name, number=number)
    is_unchanged = setting.profile_status == before
    return {"client": setting.list_signers()["client"], "profile": "unchanged" if is_unchanged else "changed"}


def sign_twice(setting: Setting) -> dict[str, Any]:
    setting.sign(CLIENT, CLIENT)
    setting.tell("recipient-completed")
    told = [each for each in setting.sandbox.get("/sandbox/events") if each["event"] == "recipient-completed"]
    assert setting.list_signers() == {"admin": "sent", "client": "signed"}
    return {"signatures": sum(each["envelope_id"] == setting.envelope.remote_id for each in told)}


def resend_on_the_day_before_it_expires(setting: Setting) -> dict[str, Any]:
    today = organisation_today(setting.org.org.id)
    envelope, tomorrow = current_envelope(setting.profile), today + timedelta(days=1)
    days = envelope.expires_on - envelope.sent_on
    envelope.expires_on, envelope.sent_on = tomorrow, tomorrow - days
    with acting(setting.org.author):
        operations.resend_envelope(envelope, actor=setting.org.author)
    perform()
    with acting(setting.org.org.system):
        asked = deadlines.request_due(setting.org.org.id, today=tomorrow)
    perform()
    envelope = current_envelope(setting.profile)
    assert envelope.status is EnvelopeStatus.SENT
    expires_on = envelope.expires_on
    return {
        "expires": "counted anew from the resend" if expires_on == today + days else str(expires_on),
        "old_job": "does nothing" if asked == 0 else "expires it",
    }


def sign_as_the_admin_alone(setting: Setting) -> dict[str, Any]:
    setting.sign(ADA)
    setting.tell("recipient-completed")
    statuses = setting.list_signers()
    return {"client_status": statuses["client"], "admin_status": statuses["admin"]}


def refuse_an_event_twice(setting: Setting) -> dict[str, Any]:
    """What is not answered by 2xx is sent again, until it is kept."""
    answers, attempts = list(CASES["SIG-15"]["given"]["receiver_answers"]), []

    def take_event(body: bytes, headers: dict[str, str]) -> int:
        attempts.append(body)
        answer = answers.pop(0) if answers else 200
        own_headers = {name: value for name, value in headers.items() if name.startswith("x-docusign")}
        status = setting.client.post(PATH, data=body, headers=own_headers).status_code if answer == 200 else answer
        return int(status)

    with recording() as recorder:
        recorder.take_event = take_event
        setting.replace_services(public_url=f"http://127.0.0.1:{recorder.port}")
        setting.sandbox.misbehave({"fault": "drop"})
        _, envelope = setting.org.send_profile()
        events = setting.sandbox.get("/sandbox/events")
        [event] = [
            each for each in events if (each["envelope_id"], each["event"]) == (envelope.remote_id, "envelope-sent")
        ]
        db.session.commit()
        while answers:
            count = len(attempts)
            setting.sandbox.post(f"/sandbox/events/{event['id']}/resend")  # it need not wait for the pause to be over
            wait_until(lambda count=count: len(attempts) > count)
            wait_until(lambda: find_event(setting, event["id"])["attempt_count"])
        assert find_event(setting, event["id"])["state"] == "delivered"
    perform()
    query = db.select(db.func.count()).select_from(SigningEvent).where(SigningEvent.envelope_id == envelope.id)
    assert [kind for kind, _ in list_requests(envelope)].count("check") == 1
    return {"attempts": len(attempts), "applied": db.session.scalar(query)}


def find_event(setting: Setting, event_id: int) -> Any:
    [event] = [each for each in setting.sandbox.get("/sandbox/events") if each["id"] == event_id]
    return event


def send_to_one_address_written_in_two_ways(setting: Setting) -> dict[str, Any]:
    ours, theirs = CASES["SIG-21"]["given"]["signers"]
    setting.org.org.organisation.signatory_email = ours
    _, envelope = setting.org.send_profile(email=theirs)
    remotes = setting.sandbox.list_envelopes()
    [remote] = [each for each in remotes if each["envelopeId"] == envelope.remote_id]
    assert [each["email"] for each in remote["recipients"]["signers"]] == [theirs.strip()]
    return {"recipients": int(remote["recipients"]["recipientCount"])}


def attach_a_file_while_all_sign(setting: Setting) -> dict[str, Any]:
    attach_nda(setting.profile, setting.org.author)
    attached_id = setting.profile.nda_file_id
    setting.sign(ADA, CLIENT)
    setting.tell("envelope-completed")
    perform()
    envelope = current_envelope(setting.profile)
    requests = dict(list_requests(envelope))
    is_taken = envelope.status is EnvelopeStatus.COMPLETED and requests["void"] == "done"
    is_attached = db.session.get_one(InvoiceProfile, setting.profile.id).nda_file_id == attached_id
    return {
        "profile": setting.profile_status,
        "file": "attached" if is_attached else "lost",
        "signed_pdf": "kept too" if envelope.signed_file_id is not None else "lost",
        "void": CASES["SIG-22"]["expected"]["void"] if is_taken else str(requests),
        "contract_moves": setting.contract_moves,
    }


def hear_of_our_own_void(setting: Setting) -> dict[str, Any]:
    attach_nda(setting.profile, setting.org.author)
    perform()
    setting.tell("envelope-voided")
    assert current_envelope(setting.profile).status is EnvelopeStatus.VOIDED
    return {"profile": setting.profile_status, "contract": setting.contract_status}


def hear_of_an_envelope_that_was_replaced(setting: Setting) -> dict[str, Any]:
    setting.sandbox.decline(setting.envelope.remote_id, CLIENT, "Clause 3")
    setting.tell("envelope-declined")
    assert setting.profile_status == CASES["SIG-24"]["given"]["profile"]
    old_id = current_envelope(setting.profile).id
    with acting(setting.org.author):
        operations.send_again(current_envelope(setting.profile), actor=setting.org.author)
    perform()
    old = db.session.get_one(Envelope, old_id)
    setting.tell("envelope-voided", number=1, envelope=old)
    envelopes = db.session.scalars(
        db.select(Envelope).where(Envelope.invoice_profile_id == setting.profile.id).order_by(Envelope.id)
    ).all()
    events = db.session.scalars(db.select(SigningEvent).where(SigningEvent.name == "envelope-voided")).all()
    is_kept_there = [each.envelope_id for each in events] == [old_id]
    assert [each.status for each in envelopes] == [EnvelopeStatus.DECLINED, EnvelopeStatus.SENT]
    return {
        "profile": setting.profile_status,
        "envelopes": len(envelopes),
        "old_event": CASES["SIG-24"]["expected"]["old_event"] if is_kept_there else str(events),
    }


def tell_with_a_wrong_signature(setting: Setting) -> dict[str, Any]:
    setting.sign(ADA, CLIENT)
    body = build_body(setting.envelope, setting.sandbox)
    status = post(setting.client, body, sign(body, "guess")).status_code
    perform()
    return {"status_code": status, "profile": setting.profile_status}


def read_again_without_details(setting: Setting) -> dict[str, Any]:
    setting.sign(CLIENT)
    setting.tell("recipient-completed")
    [_, before] = [(each.name, each.signed_at) for each in current_envelope(setting.profile).signers]
    assert all(before)
    bare = SignerReading(position=2, status=SignerStatus.SIGNED)
    with acting(setting.org.org.system):
        apply_reading(setting.envelope.id, EnvelopeReading(setting.envelope.remote_id, None, signers=(bare,)))
        db.session.commit()
    [_, after] = [(each.name, each.signed_at) for each in current_envelope(setting.profile).signers]
    return {"client": CASES["SIG-27"]["expected"]["client"] if after == before else str(after)}


def sign_while_the_envelope_stays_sent(setting: Setting) -> dict[str, Any]:
    setting.sign(ADA)
    assert setting.sandbox.list_envelopes()[-1]["status"] == "sent"
    setting.tell("envelope-sent")
    return {**setting.list_signers(), "profile": setting.profile_status}


RUNS: dict[str, Callable[[Setting], dict[str, Any]]] = {
    "SIG-02": sign_in_the_same_second,
    "SIG-03": complete_while_the_mail_server_is_down,
    "SIG-04": complete_three_times,
    "SIG-06": decline_after_signing,
    "SIG-07": sign_twice,
    "SIG-08": resend_on_the_day_before_it_expires,
    "SIG-11": sign_as_the_admin_alone,
    "SIG-15": refuse_an_event_twice,
    "SIG-21": send_to_one_address_written_in_two_ways,
    "SIG-22": attach_a_file_while_all_sign,
    "SIG-23": hear_of_our_own_void,
    "SIG-24": hear_of_an_envelope_that_was_replaced,
    "SIG-25": tell_with_a_wrong_signature,
    "SIG-27": read_again_without_details,
    "SIG-28": sign_while_the_envelope_stays_sent,
}


@pytest.mark.parametrize("number", sorted(CASES))
def test_case(setting: Setting, number: str) -> None:
    assert RUNS[number](setting) == CASES[number]["expected"]
