"""What a form may choose from: rows of the actor's organisation, read once a request."""

from dataclasses import dataclass
from typing import Any

from flask import g
from sqlalchemy import Select

from customerhub.permissions import scope
from models import CatalogItem, Customer, CustomerStatus, Dealer, OrganisationRow, User
from models.base import db
from models.enums import CatalogType, Role
from views.actor import current_actor


@dataclass(frozen=True)
class Source:
    """Rows to choose from: a model, narrowed for catalogs and people."""

    model: type[OrganisationRow]
    catalog: CatalogType | None = None
    staff_only: bool = False

    def query(self) -> Select[Any]:
        """(id, label, active) of every row to choose from, in the order people expect."""
        model: Any = self.model
        label = model.code + " " + model.name if model is Dealer else model.name
        query = scope(model, current_actor()).with_only_columns(
            model.id, label.label("label"), getattr(model, "active", model.id == model.id).label("active")
        )
        if self.catalog:
            query = query.where(model.type == self.catalog)
        if self.staff_only:
            query = query.where(model.role.in_([Role.ADMIN, Role.MANAGER, Role.AGENT]))
        if model in (CatalogItem, CustomerStatus):
            return query.order_by(model.position, model.name_key)
        return query.order_by(getattr(model, "name_key", getattr(model, "sort_name", label)))

    def rows(self) -> list[tuple[int, str, bool]]:
        """As `query`, read once a request."""
        kept: dict[Source, list[tuple[int, str, bool]]] = g.setdefault("choices", {})
        if self not in kept:
            kept[self] = [(key, label, active) for key, label, active in db.session.execute(self.query())]
        return kept[self]

    def label(self, key: int | None) -> str:
        """The label of one row, blank where the actor may not know of it."""
        if key is None:
            return ""
        kept = g.get("choices", {}).get(self)
        if kept is not None:
            return next((label for found, label, _ in kept if found == key), "")
        found = db.session.execute(self.query().where(self.model.id == key)).first()
        return found.label if found else ""


# Too many to put into a page: these are looked up while typing.
LOOKED_UP = (Customer, User)

CATALOG_OF = {
    "region_id": CatalogType.REGION,
    "category_id": CatalogType.CATEGORY,
    "segment_id": CatalogType.SEGMENT,
    "channel_id": CatalogType.CHANNEL,
    "subscription_type_id": CatalogType.SUBSCRIPTION_TYPE,
    "type_id": CatalogType.ACCOUNT_TYPE,
}


def source_of(column: Any, models: dict[str, type[OrganisationRow]]) -> Source | None:
    """The rows that the foreign key `column` chooses from; None where it is no foreign key."""
    targets = [key.column.table.name for key in column.foreign_keys if key.column.name == "id"]
    if not targets:
        return None
    model = models[targets[0]]
    return Source(
        model,
        catalog=CATALOG_OF.get(column.name) if model is CatalogItem else None,
        staff_only=model is User,
    )
