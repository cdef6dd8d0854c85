"""An organisation, and the messages that workers are told of."""

import pytest

from tests.support.people import make_organisation


@pytest.fixture
def organisation(session):
    return make_organisation()


@pytest.fixture
def dispatched_ids(session, replace_services):
    message_ids: list[int] = []
    replace_services(notify_workers=message_ids.extend)
    return message_ids
