"""An organisation with the set-up that imports refer to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import scoped_session

from customerhub import history
from customerhub.permissions import Actor
from jobs import queue
from models import CatalogItem, CustomerStatus, Department, NotificationTemplate, Organisation, User
from models.enums import CatalogType, StatusBehaviour, TemplatePurpose
from tests.people import make_organisation, make_user, system


@dataclass
class House:
    """An organisation ready for imports, and somebody who may import."""

    organisation: Organisation
    user: User

    @property
    def id(self) -> int:
        return self.organisation.id

    @property
    def actor(self) -> Actor:
        return Actor(self.user, self.organisation.id)


def make_house(session: scoped_session[Any], name: str = "Example Telecom") -> House:
    """The set-up of the demo organisation. Commits."""
    organisation = make_organisation(name)
    own = {"organisation_id": organisation.id}
    with history.acting(system(organisation), "test"):
        session.add(CustomerStatus(**own, name="Dropped", behaviour=StatusBehaviour.NONE, position=0))
        session.add(CustomerStatus(**own, name="Active", behaviour=StatusBehaviour.BILL, position=1))
        for region in ("Europe", "North America", "South America"):
            session.add(CatalogItem(**own, type=CatalogType.REGION, name=region))
        session.add(CatalogItem(**own, type=CatalogType.SEGMENT, name="Atlantis"))
        for department in ("Sales", "Operations", "Finance"):
            session.add(Department(**own, name=department))
        for template, purpose in (
            ("Customer review", TemplatePurpose.REVIEW),
            ("Certificate expires", TemplatePurpose.COMPLIANCE),
        ):
            session.add(NotificationTemplate(**own, name=template, purpose=purpose, subject="Due", body="Due"))
    user = make_user(organisation)
    with history.acting(system(organisation), "test"):
        session.commit()
    return House(organisation, user)


@pytest.fixture
def house(session: scoped_session[Any]) -> Iterator[House]:
    yield make_house(session)
    queue.get_queue().connection.close()
