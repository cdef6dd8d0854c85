"""The fields of a form as rows of the page that arranges them."""

from dataclasses import dataclass
from typing import Any

from flask import url_for

from customerhub.custom_fields.definitions import list_definitions
from customerhub.form_layouts.layouts import FormDescription, Layout
from views.framework.display import label_for
from views.http.actor import current_actor


@dataclass
class EditorRow:
    """A field that can be placed. What is `fixed` cannot be hidden, and `reason` says why."""

    name: str
    label: str
    section: str
    is_shown: bool
    is_required: bool
    can_require: bool
    is_always_required: bool = False
    fixed: bool = False
    reason: str = ""
    reason_url: str | None = None
    is_table: bool = False
    is_custom: bool = False
    missing: int = 0
    missing_url: str = ""


def build_rows(screen: Any, description: FormDescription, layout: Layout, list_name: str = "") -> list[EditorRow]:
    """A row for each field of the form of `screen`, or each column of its list of rows `list_name`, in the order of the
    layout; a field that follows another everywhere has none.
    """
    labels = _label_fields(screen, layout, list_name)
    followers = {name for names in description.companions.values() for name in names}
    definitions = {each.name: each for each in list_definitions(description.owner, current_actor().organisation_id)}
    rows = []
    for section in layout.sections:
        for name in section.fields:
            if name in followers:
                continue
            row = _build_row(name, section.name, labels, description, layout)
            if name in definitions:
                _describe_custom(row, definitions[name])
            rows.append(row)
    return rows


def _label_fields(screen: Any, layout: Layout, list_name: str) -> dict[str, str]:
    names = [name for section in layout.sections for name in section.fields]
    inlines = {inline.name: inline for inline in screen.inlines}
    if list_name:
        return {name: label_for(inlines[list_name].model, name) for name in names}
    pairs = {pair.names[0]: pair.label for pair in screen.field_pairs}
    lists = {name: inline.label for name, inline in inlines.items()}
    return {name: pairs.get(name) or lists.get(name) or label_for(screen.model, name) for name in names}


def _build_row(
    name: str, section: str, labels: dict[str, str], description: FormDescription, layout: Layout
) -> EditorRow:
    parent = description.parents.get(name)
    reason = description.needed.get(name, "")
    return EditorRow(
        name=name,
        label=labels[name],
        section=section,
        is_shown=name not in layout.hidden,
        is_required=name in layout.required,
        can_require=name in description.requirable,
        is_always_required=name in description.always_required,
        fixed=name in description.needed,
        reason=reason or (f"Shown together with {labels[parent]}" if parent else ""),
        is_table=name in description.lists,
    )


def _describe_custom(row: EditorRow, definition: Any) -> None:
    """Whether a custom field is required is set up with the field."""
    row.is_custom = True
    row.is_always_required = row.fixed = definition.is_required(of_prospect=False)
    row.reason = "Custom field, required" if row.fixed else "Custom field"
    row.reason_url = url_for("custom-fields.edit_view", id=definition.id)
