"""An organisation with the set-up that imports refer to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy.orm import scoped_session

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.importing import checking
from customerhub.users.links import OneTimeLinks
from jobs import queue
from models import CatalogItem, CustomerStatus, Department, NotificationTemplate, Organisation, User
from models.enums import CatalogType, StatusBehaviour, TemplatePurpose
from tests.customerhub.approvals.conftest import approval_org
from tests.support.people import make_organisation, make_user, system_actor

__all__ = ["approval_org"]  # a fixture made elsewhere


@dataclass
class ImportOrg:
    """An organisation ready for imports, and somebody who may import."""

    organisation: Organisation
    user: User

    @property
    def id(self) -> int:
        return self.organisation.id

    @property
    def actor(self) -> Actor:
        return Actor(self.user, self.organisation.id)


def make_import_org(session: scoped_session[Any], name: str = "Example Telecom") -> ImportOrg:
    """The set-up of the demo organisation. Commits."""
    organisation = make_organisation(name)
    own = {"organisation_id": organisation.id}
    with history.act_as(system_actor(organisation), "test"):
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
    with history.act_as(system_actor(organisation), "test"):
        session.commit()
    return ImportOrg(organisation, user)


@pytest.fixture
def import_org(session: scoped_session[Any]) -> Iterator[ImportOrg]:
    yield make_import_org(session)
    queue.get_queue().connection.close()


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(checking, "CHUNK_SIZE", 2)


@pytest.fixture
def one_time_links(app):
    return OneTimeLinks(app.config["HUB"].secret_key, app.config["HUB"].public_url)
