"""Default value sets: values that fill the form of a new customer."""

from typing import Any

from sqlalchemy import inspect

from customerhub.core.permissions import Actor, select_visible
from customerhub.customers.choice_rules import CHOICE_RULES, is_choosable
from models import Customer, DefaultValueSet
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
    """The values of one set that may still be chosen; none where the actor has no such set."""
    value_set = db.session.scalar(select_visible(DefaultValueSet, actor).where(DefaultValueSet.id == set_id))
    values = value_set.values if value_set else {}
    return {
        name: value
        for name, value in values.items()
        if name in ALLOWED_FIELDS and _is_choosable(name, value, actor.organisation_id)
    }


def _is_choosable(name: str, value: Any, organisation_id: int) -> bool:
    """Whether a new customer may have this value: a row that it names must be in use, and one for this field."""
    relation = inspect(Customer).relationships.get(name.removesuffix("_id"))
    if relation is None:
        return True
    row = db.session.get(relation.mapper.class_, value)
    return is_choosable(CHOICE_RULES.get(name), row, organisation_id) and bool(getattr(row, "active", True))


def select_allowed_values(values: dict[str, Any]) -> dict[str, Any]:
    """Those of `values` that a set may hold and that say something."""
    return {
        name: getattr(value, "value", value)
        for name, value in values.items()
        if name in ALLOWED_FIELDS and value not in (None, "")
    }
