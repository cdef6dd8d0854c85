"""Custom fields: what administrators add to customers, contracts and invoice profiles."""

from collections.abc import Sequence
from typing import Any

from flask import request, url_for
from markupsafe import Markup
from sqlalchemy import Select
from wtforms import Form
from wtforms.validators import Optional

from customerhub.core import transaction
from customerhub.core.permissions import Actor, Permission
from customerhub.core.references import pluralize
from customerhub.custom_fields import fields as custom_fields
from customerhub.custom_fields.definitions import find_definition
from customerhub.custom_fields.places import CUSTOMER_TABS, MORE_TAB
from jobs import housekeeping
from jobs.queue import BULK, try_enqueue
from models import CustomField, CustomFieldChoice
from models.custom_fields import CUSTOM_PREFIX
from models.enums import CustomFieldKind, CustomFieldOwner, FieldRequirement
from views.framework.columns import Column
from views.framework.custom_form_fields import build_custom_field
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported
from views.framework.field_columns import build_member_sort
from views.framework.fields import CodeField, WholeNumberField
from views.framework.filters import Filter
from views.framework.form_controls import render_control
from views.framework.forms import Inline
from views.framework.labels import member_label
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings
from views.framework.operation import Operation
from views.setup.setup_view import SetupView, active_column, active_filter, name_column

OWNER_ORDER = build_member_sort(CustomField.owner, CustomFieldOwner)


def _save_field(row: Any, *, actor: Actor) -> Any:
    return custom_fields.save_field(row, actor=actor)


def _remove_field(field: CustomField, *, actor: Actor) -> None:
    custom_fields.remove_field(field, actor=actor)
    transaction.after_commit(lambda: try_enqueue(housekeeping.delete_removed_values, queue=BULK))


def _list_lost_values(rows: Sequence[CustomField], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    """What is lost with these fields."""
    counts = custom_fields.count_values_by_id(rows)
    return [
        {
            "title": "Values that are deleted",
            "columns": [{"label": "Field"}, {"label": "Belongs to"}, {"label": "Values", "align": "right"}],
            "rows": [[row.name, member_label(row.owner), f"{counts[row.id]:,}"] for row in rows],
        }
    ]


REMOVE = Operation(
    name="remove",
    label="Remove",
    past_tense="removed",
    permission=Permission.SETUP_EDIT,
    run=_remove_field,
    preview=_list_lost_values,
    explanation="The field disappears from forms, lists, imports and exports at once, and its values are deleted. The "
    "history keeps what was in it. To keep the values, make the field inactive instead. This cannot be undone.",
    icon="trash",
    danger=True,
    bulk=False,
    deletes_rows=True,
)


def _build_move(name: str, label: str, steps: int, icon: str) -> Operation:
    return Operation(
        name=name,
        label=label,
        past_tense="moved",
        permission=Permission.SETUP_EDIT,
        run=lambda field, *, actor: custom_fields.move_field(field, steps=steps, actor=actor),
        explanation="Fields stand on forms and among the columns of lists in this order.",
        icon=icon,
        bulk=False,
    )


class CustomFieldView(SetupView):
    noun = "custom field"
    title = "Custom fields"
    intro = "Fields of your own on customers, contracts and invoice profiles. A new field is available at once."
    empty_text = "Add what you keep about customers and find no field for, such as a contract class."
    columns = (
        name_column(CustomField, "Label"),
        Column(
            "owner",
            "Belongs to",
            lambda row: member_label(row.owner),
            sort=OWNER_ORDER,
            export=Exported(CustomField.owner, render=member_label),
        ),
        Column(
            "kind",
            "Kind",
            lambda row: member_label(row.kind),
            sort=CustomField.kind,
            export=Exported(CustomField.kind, render=member_label),
        ),
        Column(
            "requirement",
            "Required",
            lambda row: member_label(row.requirement),
            sort=CustomField.requirement,
            export=Exported(CustomField.requirement, render=member_label),
        ),
        Column(
            "tab",
            "Tab",
            lambda row: _describe_tab(row.owner, row.tab),
            sort=CustomField.tab,
            export=Exported(CustomField.owner, CustomField.tab, render=lambda owner, tab: _describe_tab(owner, tab)),
        ),
        Column("key", "Key", lambda row: row.key, sort=CustomField.key, export=Exported(CustomField.key)),
        active_column(CustomField),
    )
    filters = (
        Filter("owner", "Belongs to", CustomField.owner, "select", members=CustomFieldOwner, nullable=False),
        Filter("kind", "Kind", CustomField.kind, "select", members=CustomFieldKind, nullable=False),
        Filter("requirement", "Required", CustomField.requirement, "select", members=FieldRequirement, nullable=False),
        active_filter(CustomField),
    )
    search_columns = (CustomField.name, CustomField.key)
    default_order = (OWNER_ORDER, CustomField.position)
    fields = ("owner", "name", "kind", "requirement", "tab", "help", "active", "choices")
    field_args = {
        "owner": {"description": "Cannot be changed later"},
        "help": {"description": "Shown below the field", "render_kw": {"data-wide": "1"}},
        "requirement": {"description": "Existing records without a value can still be changed by operations"},
    }
    inlines = (
        Inline(
            "choices",
            CustomFieldChoice,
            ("name", "position", "active"),
            label="Choices",
            add_label="+ Add choice",
            show_when=f"kind={CustomFieldKind.CHOICE}",
        ),
    )
    operations = (
        _build_move("up", "Move up", -1, "up"),
        _build_move("down", "Move down", 1, "down"),
        REMOVE,
    )
    save = staticmethod(_save_field)

    def base_query(self) -> Select[Any]:
        """What is removed is of the history alone."""
        return super().base_query().where(CustomField.removed_at.is_(None))

    def scaffold_form(self) -> type[Form]:
        form_class = super().scaffold_form()
        form_class.tab = CodeField(
            "Tab",
            code_names=lambda: CUSTOMER_TABS,
            blank=True,
            description="Of the form of customers; without one it stands under “More”. A form layout may move it",
            render_kw={"data-show-when": f"owner={CustomFieldOwner.CUSTOMER}"},
        )
        form_class.choices.kwargs["form_class"].position = WholeNumberField("Position", [Optional()])
        return form_class

    def initial_values(self) -> dict[str, Any]:
        """A new field belongs to what was being looked at."""
        owner = request.args.get("owner", "")
        return {"owner": CustomFieldOwner(owner)} if owner in set(CustomFieldOwner) else {}

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        if row is not None:
            form["owner"].offered = (row.owner,)
        return super()._edit_page(form, row)

    def list_tabs(self, settings: ListSettings, args: ListArgs) -> list[dict[str, Any]]:
        """A tab for what fields belong to, and behind them the saved views."""
        list_url, query = url_for(f"{self.endpoint}.index_view"), args.query_string()
        owners = [("All", "?")]
        owners += [
            (pluralize(member_label(each)), ListArgs(filters=(("owner", "is", each.value),)).query_string())
            for each in CustomFieldOwner
        ]
        tabs = [{"label": label, "url": list_url + asked, "active": query == asked} for label, asked in owners]
        return [*tabs, *settings.view_tabs(self.endpoint, query)[1:]]

    def fill_details(self, page: DetailsPage, row: Any, tab: str) -> None:
        """The field as it was set up, and as it looks on a form."""
        super().fill_details(page, row, tab)
        count = custom_fields.count_values(row)
        page.sections[0]["items"] += [("Key", row.key), ("Values", f"{count:,}")]
        if row.kind is not CustomFieldKind.CHOICE:
            page.tables = []
        page.sections.insert(0, {"title": "How it looks on the form", "items": [_render_example(row)]})


def _describe_tab(owner: CustomFieldOwner, tab: str | None) -> str | None:
    if owner is not CustomFieldOwner.CUSTOMER:
        return None
    return dict(CUSTOMER_TABS).get(tab or "", MORE_TAB[1])


def _render_example(field: CustomField) -> tuple[str, Any]:
    """(label, control) of a field as forms show it, with its help below."""
    definition = find_definition(field.owner, CUSTOM_PREFIX + field.key, field.organisation_id)
    if definition is None:
        return field.name, None
    form = type("ExampleForm", (Form,), {"example": build_custom_field(definition)})()
    mark = "" if field.requirement is FieldRequirement.OPTIONAL else " *"
    help_text = Markup('<p class="field-help" id="example-help">{}</p>').format(field.help) if field.help else ""
    label = Markup('<label for="example">{}</label>').format(field.name + mark)
    return label, Markup('<div class="field">{}{}</div>').format(render_control(form["example"]), help_text)
