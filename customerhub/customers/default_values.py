"""Default value sets: values that fill the form of a new customer."""

from typing import Any

from customerhub.permissions import Actor, scope
from models import DefaultValueSet
from models.base import db

# What a set may hold: choices that many customers share, never what names one of them.
KEPT = (
    "kind",
    "region_id",
    "category_id",
    "risk",
    "billing_cycle",
    "billing_day",
    "payment_method_id",
    "payment_terms_id",
    "vat_rate_id",
    "status_id",
    "business_entity_id",
    "empty_or_low",
    "default_tariff_id",
    "segment_id",
    "channel_id",
    "review_frequency",
    "review_template_id",
    "account_manager_id",
)


def list_sets(*, actor: Actor) -> list[DefaultValueSet]:
    """The active sets of the actor's organisation."""
    query = scope(DefaultValueSet, actor).where(DefaultValueSet.active).order_by(DefaultValueSet.name_key)
    return list(db.session.scalars(query))


def values_of(set_id: int, *, actor: Actor) -> dict[str, Any]:
    """The values of one set; none where the actor has no such set."""
    found = db.session.scalar(scope(DefaultValueSet, actor).where(DefaultValueSet.id == set_id))
    return {name: value for name, value in found.values.items() if name in KEPT} if found else {}


def keep_values(values: dict[str, Any]) -> dict[str, Any]:
    """Those of `values` that a set may hold and that say something."""
    return {
        name: getattr(value, "value", value)
        for name, value in values.items()
        if name in KEPT and value not in (None, "")
    }
