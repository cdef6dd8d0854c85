"""The judge of messages sees what is wrong with them: one that sees nothing would find the sandbox flawless."""

from tests.sandbox.published_api import API, find_faults


def test_the_judge_sees_what_is_wrong() -> None:
    requires = API["calls"]["create"]["body_requires"]
    signer = {"recipientId": "1", "routingOrder": "1", "name": "A", "email": "a@b.cd", "tabs": {"signHereTabs": []}}
    definition = {
        "status": "sent",
        "emailSubject": "S",
        "transactionId": "t",
        "documents": [{"documentId": "1", "name": "N", "documentBase64": "JVBERi0="}],
        "recipients": {"signers": [signer]},
        "notification": {},
        "eventNotification": {
            "url": "http://127.0.0.1",
            "events": ["envelope-sent"],
            "includeHMAC": "true",
            "deliveryMode": "SIM",
            "requireAcknowledgment": "true",
            "eventData": {"version": "restv2.1", "format": "json"},
        },
    }
    assert find_faults("envelopeDefinition", requires, definition) == []
    for wrong, word in [
        ({**definition, "subject": "S"}, "'subject' was unexpected"),
        ({**definition, "emailSubject": 5}, "is not of type 'string'"),
        ({**definition, "recipients": {"signers": [{**signer, "phone": "1"}]}}, "'phone' was unexpected"),
        ({**definition, "recipients": {"signers": [signer], "agents": [signer]}}, "expected to be empty"),
        ({name: value for name, value in definition.items() if name != "documents"}, "'documents' is a required"),
    ]:
        [fault] = find_faults("envelopeDefinition", requires, wrong)
        assert word in fault
