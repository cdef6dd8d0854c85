"""The timeline of a document says where events were deleted."""

from datetime import timedelta

from customerhub.core import clock
from models.base import db
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.contract_pages import page_text
from tests.support.signature_operations import make_envelope
from tests.support.two_organisations import TwoOrganisations, own_organisation

DELETED = "sent events up to here, which were deleted"


def test_deleted_events_are_told_between_what_is_left(organisations: TwoOrganisations, agent: Browser):
    row = make_envelope(organisations)
    make.SigningEventFactory(organisation=own_organisation(organisations), envelope_id=row.id, name="recipient-sent")
    db.session.commit()
    url = f"/admin/signatures/details/?id={row.id}&tab=timeline"
    assert "which were deleted" not in agent.get(url).text
    row.events_deleted_until = clock.get_now() - timedelta(days=91)
    db.session.commit()
    text = page_text(agent.get(url).text)
    assert "Events are kept for 90 days" in text
    assert text.index("sent the event recipient-sent") < text.index(DELETED) < text.index("sent the document")
