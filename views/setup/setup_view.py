"""What the plain set-up screens share: a name, an active flag, saving and deleting by one rule."""

from collections.abc import Sequence
from typing import Any

from customerhub.core.permissions import Permission
from customerhub.setup.rows import can_delete_together, check_row, delete_many, delete_row, find_fixed_field, save_row
from views.framework.chips import active_chip
from views.framework.columns import Column
from views.framework.edit_page import EditPage
from views.framework.exported import Exported
from views.framework.filters import Filter
from views.framework.model_view import HubModelView
from views.framework.operation import Operation

DELETE = Operation(
    name="delete",
    label="Delete",
    past_tense="deleted",
    permission=Permission.SETUP_EDIT,
    run=delete_row,
    run_many=delete_many,
    can_run_many=can_delete_together,
    explanation="Deleted immediately. Only possible if no other records refer to it; otherwise make it inactive.",
    icon="trash",
    danger=True,
    deletes_rows=True,
)


class FixedFieldMixin(HubModelView):
    """A screen of rows of which a field may be fixed while they are in use: nothing else is offered then."""

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        fixed = find_fixed_field(row) if row is not None else None
        if fixed is not None:
            name, reason = fixed
            form[name].offered = (getattr(row, name),)
            form[name].description = reason
        return super()._edit_page(form, row)


class SetupView(FixedFieldMixin):
    """A screen over one set-up table."""

    save = staticmethod(save_row)
    has_bulk_edit = True
    own_fields: Sequence[str] = ("name", "code")
    check = staticmethod(check_row)
    operations: Sequence[Operation] = (DELETE,)
    view_permission = Permission.SETUP_VIEW
    edit_permission: Permission | None = Permission.SETUP_EDIT


def name_column(model: Any, label: str = "Name") -> Column:
    sort = getattr(model, "name_key", model.name)
    return Column("name", label, lambda row: row.name, sort=sort, export=Exported(model.name))


def active_column(model: Any) -> Column:
    export = Exported(model.active, render=lambda active: "Active" if active else "Inactive")
    return Column("active", "Active", active_chip, sort=model.active, export=export)


def active_filter(model: Any) -> Filter:
    return Filter("active", "Active", model.active, "yes")
