"""The messages of one organisation in its outbox."""

from datetime import UTC, datetime

import time_machine

from customerhub.mail import outbox

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def enqueue_message(organisation, reason="review 1", **values):
    details = {
        "purpose": "review due",
        "recipient": "kim@example.com",
        "subject": "Review",
        "text_body": "Please look.",
        "html_body": "<p>Please look.</p>",
    }
    with time_machine.travel(NOW, tick=False):
        return outbox.enqueue(organisation_id=organisation.id, reason_key=reason, **(details | values))
