"""A logo is small enough to be decoded for each report and in each mail."""

import io

import pytest
from sqlalchemy import select

from customerhub.core import history, storage
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor
from customerhub.setup.rows import save_row
from models import BusinessEntity
from models.base import db
from tests.support.pictures import build_blank_png
from tests.support.two_organisations import TwoOrganisations


def get_own_entity(organisations: TwoOrganisations) -> BusinessEntity:
    own = BusinessEntity.organisation_id == organisations.own.id
    return db.session.scalars(select(BusinessEntity).where(own).order_by(BusinessEntity.id)).all()[0]


def store_logo(organisations: TwoOrganisations, content: bytes) -> int:
    actor = Actor(None, organisations.own.id)
    with history.act_as(actor, "test"):
        stored = storage.store_file(
            io.BytesIO(content), "logo.png", None, organisation_id=organisations.own.id, actor=actor
        )
        db.session.commit()
    key: int = stored.id
    return key


def test_a_logo_with_too_many_pixels_is_refused_with_the_limit(organisations: TwoOrganisations, admin: Actor):
    bomb = build_blank_png(20_000, 20_000)
    assert len(bomb) < 80_000
    entity = get_own_entity(organisations)
    entity.logo_id = store_logo(organisations, bomb)
    with pytest.raises(Invalid) as refusal:
        save_row(entity, actor=admin)
    db.session.rollback()
    assert refusal.value.problems == [
        ("logo_id", "The picture has 20,000 × 20,000 pixels. Use one of at most 4,000 × 4,000"),
    ]
    entity.logo_id = store_logo(organisations, build_blank_png(4000, 800))
    save_row(entity, actor=admin)


def test_an_entity_whose_logo_was_too_large_before_can_be_changed(organisations: TwoOrganisations, admin: Actor):
    entity = get_own_entity(organisations)
    with history.act_as(admin, "test"):
        entity.logo_id = store_logo(organisations, build_blank_png(5000, 10))
        db.session.commit()
    entity.footer = "Registered in Berlin"
    save_row(entity, actor=admin)
