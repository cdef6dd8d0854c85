"""Default value sets: values that fill the form of a new customer."""

from typing import Any

from customerhub.core.permissions import Actor, select_visible
from models import DefaultValueSet
from models.base import db

# What a set may hold: choices that many customers share, never what names one of them.
ALLOWED_FIELDS = (
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


def list_value_sets(*, actor: Actor) -> list[DefaultValueSet]:
    """The active sets of the actor's organisation."""
    query = select_visible(DefaultValueSet, actor).where(DefaultValueSet.active).order_by(DefaultValueSet.name_key)
    return list(db.session.scalars(query))


def load_values(set_id: int, *, actor: Actor) -> dict[str, Any]:
    """The values of one set; none where the actor has no such set."""
    value_set = db.session.scalar(select_visible(DefaultValueSet, actor).where(DefaultValueSet.id == set_id))
    return {name: value for name, value in value_set.values.items() if name in ALLOWED_FIELDS} if value_set else {}


def select_allowed_values(values: dict[str, Any]) -> dict[str, Any]:
    """Those of `values` that a set may hold and that say something."""
    return {
        name: getattr(value, "value", value)
        for name, value in values.items()
        if name in ALLOWED_FIELDS and value not in (None, "")
    }
