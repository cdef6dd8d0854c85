"""Which fields a form shows, where, and which of them an organisation requires."""

from typing import Any

from sqlalchemy import JSON, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import OrganisationRow, tenant_table
from models.enums import CustomFieldOwner
from models.types import enum_type

FIELD_NAMES: dict[str, Any] = {"holds_field_names": True}


class FormLayout(OrganisationRow):
    """The form of one kind of record as an organisation set it up. Where nothing has a place it is the default form."""

    __tablename__ = "form_layout"

    owner: Mapped[CustomFieldOwner] = mapped_column(enum_type(CustomFieldOwner, "owner"), info={"label": "Form of"})
    # The names of the fields in each section, hidden ones where they would stand. The history tells what was moved.
    places: Mapped[dict[str, list[str]]] = mapped_column(JSON, default=dict, info={"untracked": True})
    hidden: Mapped[list[str]] = mapped_column(JSON, default=list, info=FIELD_NAMES | {"label": "Hidden fields"})
    required: Mapped[list[str]] = mapped_column(JSON, default=list, info=FIELD_NAMES | {"label": "Required fields"})

    __table_args__ = tenant_table(UniqueConstraint("organisation_id", "owner"))

    def __str__(self) -> str:
        return f"Form of {self.owner.value}s"
