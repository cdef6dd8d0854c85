"""Which rows of a table may be chosen in a field. What forms offer and what saving refuses ask the same rule."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement

from customerhub.core.permissions import STAFF
from customerhub.customers.rules import CATALOG_TYPES
from customerhub.customers.statuses import EDITABLE_BEHAVIOURS
from models.base import db
from models.enums import CatalogType, StatusBehaviour, TemplatePurpose

MANAGER_FIELDS: Final = ("responsible_manager_id", "service_manager_id", "account_manager_id")


@dataclass(frozen=True)
class ChoiceRule:
    """The rows whose `attribute` has one of `allowed_values`."""

    attribute: str
    allowed_values: tuple[Any, ...]

    def build_condition(self, model: Any) -> ColumnElement[bool]:
        """The condition of a query over `model` that the rows may be chosen."""
        condition: ColumnElement[bool] = getattr(model, self.attribute).in_(self.allowed_values)
        return condition

    def is_met_by(self, row: Any) -> bool:
        return getattr(row, self.attribute) in self.allowed_values


def catalog_rule(catalog: CatalogType) -> ChoiceRule:
    """The entries of one catalog."""
    return ChoiceRule("type", (catalog,))


def status_rule(behaviours: Iterable[StatusBehaviour]) -> ChoiceRule:
    """The customer statuses that do one of these."""
    return ChoiceRule("behaviour", tuple(behaviours))


STAFF_ONLY: Final = ChoiceRule("role", STAFF)

# Of the columns of a customer and of its parts.
CHOICE_RULES: Final[Mapping[str, ChoiceRule]] = {
    **{column: catalog_rule(catalog) for column, catalog in CATALOG_TYPES.items()},
    **dict.fromkeys(MANAGER_FIELDS, STAFF_ONLY),
    "status_id": status_rule(EDITABLE_BEHAVIOURS),
    "review_template_id": ChoiceRule("purpose", (TemplatePurpose.REVIEW,)),
    "template_id": ChoiceRule("purpose", (TemplatePurpose.COMPLIANCE,)),
}


def is_choosable(rule: ChoiceRule | None, row: Any, organisation_id: int) -> bool:
    """Whether `row`, None where there is none, is the organisation's and one that `rule` lets be chosen."""
    return row is not None and row.organisation_id == organisation_id and (rule is None or rule.is_met_by(row))


def is_valid_choice(rule: ChoiceRule, model: Any, row_id: int | None, organisation_id: int) -> bool:
    """Whether nothing is chosen, or a row of `model` that is the organisation's and that `rule` lets be chosen."""
    return row_id is None or is_choosable(rule, db.session.get(model, row_id), organisation_id)
