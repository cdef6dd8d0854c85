"""What every factory stands on: rows of an organisation, recorded in the history as made by a test."""

from typing import Any

import factory

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db


class Row(factory.alchemy.SQLAlchemyModelFactory):
    """Adds a row to the session and flushes it."""

    class Meta:
        abstract = True
        sqlalchemy_session = db.session
        sqlalchemy_session_persistence = "flush"

    @classmethod
    def _create(cls, model_class: type[Any], *args: Any, **kwargs: Any) -> Any:
        with history.act_as(Actor(None, kwargs.get("organisation_id") or 0), "test"):
            return super()._create(model_class, *args, **kwargs)


class OrganisationFactory(Row):
    class Meta:
        model = models.Organisation

    name = factory.Sequence(lambda n: f"Telecom {n}")


class OrganisationRow(Row):
    """A row of `organisation`; where none is given, of a new one."""

    class Meta:
        abstract = True

    class Params:
        organisation = factory.SubFactory(OrganisationFactory)

    organisation_id = factory.SelfAttribute("organisation.id")


def related_id(factory_class: type[Row], **values: Any) -> Any:
    """The id of a row made by `factory_class` in the same organisation."""
    return factory.LazyAttribute(lambda row: factory_class(organisation=row.organisation, **values).id)


class StoredFileFactory(OrganisationRow):
    class Meta:
        model = models.StoredFile

    name = "certificate.pdf"
    content_type = "application/pdf"
    size = 9
    sha256 = "0" * 64
    storage_key = factory.Sequence(lambda n: f"{n:040x}")
