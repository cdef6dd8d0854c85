"""From a profile without a file to its signatures, by a real sandbox and the real SDK."""

import hashlib

from customerhub.core import storage
from customerhub.customers.records import save_customer
from customerhub.signing import operations
from models import Contract, Customer, History, InvoiceProfile, OutboxMessage
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from models.signing_enums import EnvelopeStatus, SignerRole, SignerStatus
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.contracts.conftest import attach_nda
from tests.customerhub.signing.conftest import ADA, CLIENT, compare, current_envelope, list_requests, perform

PENDING, COMPLETED, DECLINED = ProfileStatus.NDA_PENDING, ProfileStatus.COMPLETED, ProfileStatus.NDA_DECLINED


def list_mails():
    query = db.select(OutboxMessage).where(OutboxMessage.purpose == "document signature")
    return sorted((mail.recipient, mail.subject) for mail in db.session.scalars(query))


def count_completions(profile):
    query = db.select(History).where(History.table_name == "invoice_profile", History.row_id == profile.id)
    return sum(entry.changes.get("status", [])[1:] == ["Profile Completed"] for entry in db.session.scalars(query))


def test_both_are_asked_at_once_by_mail(signing_org):
    profile = signing_org.add_profile()
    envelope = current_envelope(profile)
    assert (envelope.status, list_requests(envelope)) == (EnvelopeStatus.CREATED, [("send", "waiting")])
    titles = set(db.session.scalars(db.select(History.title).where(History.table_name == "envelope")))
    assert titles == {"NDA of Head office"}
    assert perform() == "1 done"
    envelope = current_envelope(profile)
    assert envelope.status is EnvelopeStatus.SENT
    [remote] = [each for each in signing_org.sandbox.list_envelopes() if each["envelopeId"] == envelope.remote_id]
    signers = [
        (each["email"], each["routingOrder"], each.get("clientUserId")) for each in remote["recipients"]["signers"]
    ]
    assert signers == [(ADA, "1", None), (CLIENT, "1", None)]

    signing_org.sandbox.sign(envelope.remote_id, CLIENT)
    with acting(signing_org.author):
        operations.check_now(envelope, actor=signing_org.author)
    perform()
    assert [each.status for each in current_envelope(profile).signers] == [SignerStatus.SENT, SignerStatus.SIGNED]
    assert db.session.get_one(InvoiceProfile, profile.id).status is PENDING


def test_both_sign_and_the_contract_goes_live_once(signing_org):
    profile, envelope = signing_org.send_profile()
    contract = signing_org.add_contract(profile)
    signing_org.sandbox.sign(envelope.remote_id, CLIENT, ADA)
    assert compare() == "1 corrected"
    perform()
    envelope = current_envelope(profile)
    db.session.refresh(profile)
    assert (envelope.status, profile.status) == (EnvelopeStatus.COMPLETED, COMPLETED)
    assert db.session.get_one(Contract, contract.id).status is ContractStatus.LIVE
    assert envelope.drift is not None
    assert "completed" in envelope.drift
    assert count_completions(profile) == 1
    addresses = (ADA, CLIENT, signing_org.author.user.email)
    assert list_mails() == sorted((address, "Signed by all: non-disclosure agreement") for address in addresses)
    assert (compare(), perform()) == ("0 corrected", "Nothing was due")
    assert len(list_mails()) == 3


def test_the_signed_document_and_its_certificate_are_kept(signing_org):
    profile, envelope = signing_org.send_profile()
    signing_org.sandbox.sign(envelope.remote_id, CLIENT, ADA)
    compare()
    perform()
    envelope = current_envelope(profile)
    with storage.open_file(envelope.signed_file) as file:
        content = file.read()
    assert content.startswith(b"%PDF-")
    assert hashlib.sha256(content).hexdigest() == envelope.signed_file.sha256
    assert envelope.certificate_file is not None
    assert envelope.signature_check.startswith("Unchanged since signing")


def test_one_address_for_both_is_one_signer_with_both_fields(signing_org):
    profile, envelope = signing_org.send_profile(email=" ADA@Hub.Example ")
    assert [(each.role, each.email) for each in envelope.signers] == [(SignerRole.BOTH, "ADA@hub.example")]
    [remote] = [each for each in signing_org.sandbox.list_envelopes() if each["envelopeId"] == envelope.remote_id]
    assert len(remote["recipients"]["signers"]) == 1
    signing_org.sandbox.sign(envelope.remote_id, ADA)
    compare()
    assert current_envelope(profile).status is EnvelopeStatus.COMPLETED
    assert db.session.get_one(InvoiceProfile, profile.id).status is COMPLETED


def test_who_declines_says_why_and_it_is_sent_again(signing_org):
    profile, envelope = signing_org.send_profile()
    signing_org.sandbox.sign(envelope.remote_id, ADA)
    signing_org.sandbox.decline(envelope.remote_id, CLIENT, "Clause 3 is too long")
    compare()
    envelope = current_envelope(profile)
    db.session.refresh(profile)
    assert (envelope.status, profile.status) == (EnvelopeStatus.DECLINED, DECLINED)
    assert envelope.end_reason == "Head office: Clause 3 is too long"
    assert [each.status for each in envelope.signers] == [SignerStatus.SIGNED, SignerStatus.DECLINED]
    assert len(list_mails()) == 3

    with acting(signing_org.author):
        newer = operations.send_again(envelope, actor=signing_org.author)
    db.session.commit()
    assert (newer.is_current, envelope.is_current, profile.status) == (True, False, PENDING)
    assert [(each.role, each.status) for each in newer.signers] == [
        (SignerRole.ORGANISATION, SignerStatus.CREATED),
        (SignerRole.CLIENT, SignerStatus.CREATED),
    ]


def test_a_file_attached_meanwhile_completes_the_profile_and_voids_the_envelope(signing_org):
    profile, envelope = signing_org.send_profile()
    contract = signing_org.add_contract(profile)
    attach_nda(profile, signing_org.author)
    assert (profile.status, contract.status) == (COMPLETED, ContractStatus.LIVE)
    assert list_requests(envelope)[-1] == ("void", "waiting")
    perform()
    envelope = current_envelope(profile)
    db.session.refresh(profile)
    assert (envelope.status, envelope.end_reason) == (EnvelopeStatus.VOIDED, "A signed NDA was attached")
    assert (profile.status, contract.status) == (COMPLETED, ContractStatus.LIVE)
    assert count_completions(profile) == 1


def test_a_void_that_comes_too_late_keeps_both(signing_org):
    profile, envelope = signing_org.send_profile()
    signing_org.sandbox.sign(envelope.remote_id, ADA, CLIENT)
    attach_nda(profile, signing_org.author)
    perform()
    perform()
    envelope = current_envelope(profile)
    db.session.refresh(profile)
    assert (envelope.status, profile.status) == (EnvelopeStatus.COMPLETED, COMPLETED)
    assert profile.nda_file_id is not None
    assert envelope.signed_file_id is not None
    assert {state for _, state in list_requests(envelope)} == {"done"}
    assert count_completions(profile) == 1


def test_another_address_of_a_pending_profile_is_another_envelope(signing_org):
    profile, envelope = signing_org.send_profile()
    customer = db.session.get_one(Customer, profile.customer_id)
    profile.email = "other@customer.example"
    with acting(signing_org.author):
        from customerhub.customers.records import save_customer_with_outcome
        from customerhub.customers.signature_replacements import find_replacement

        replacement = find_replacement(profile)
        assert replacement is not None
        assert (replacement.signed, replacement.new_signers[1][1]) == ((), "other@customer.example")
        save_customer_with_outcome(customer, actor=signing_org.author, agreed_replacements=[replacement.key])
        db.session.commit()
    newer = current_envelope(profile)
    assert newer.id != envelope.id
    assert newer.signers[1].email == "other@customer.example"
    assert list_requests(envelope)[-1] == ("void", "waiting")


def test_without_its_set_up_a_profile_waits(approval_org):
    from customerhub.customers.invoice_profiles import add_profile
    from customerhub.customers.signature_requests import find_current_envelope, list_obstacles
    from models.enums import Stage

    customer = approval_org.make_customer(Stage.BILLING)
    profile = add_profile(customer, name="Waits", email=CLIENT, actor=approval_org.agent)
    assert profile.status is PENDING
    assert find_current_envelope(profile) is None
    assert {each.place for each in list_obstacles(approval_org.id)} == {"nda", "esignature"}


def test_a_customer_whose_profile_was_signed_can_be_edited(signing_org):
    profile, envelope = signing_org.send_profile()
    signing_org.sandbox.sign(envelope.remote_id, ADA, CLIENT)
    compare()
    customer = db.session.get_one(Customer, profile.customer_id)
    with acting(signing_org.author):
        customer.invoice_profiles[0].name = "Branch"
        save_customer(customer, actor=signing_org.author)
        db.session.commit()
    assert db.session.get_one(InvoiceProfile, profile.id).status is COMPLETED
