"""Layouts of forms for tests."""

from typing import Any

from customerhub.core.permissions import Actor
from customerhub.form_layouts.layouts import FormDescription, LayoutDraft, find_layout
from customerhub.form_layouts.saving import get_version, save_layout
from models import FormLayout


def arrange(description: FormDescription, actor: Actor, **changes: Any) -> FormLayout:
    """Save the layout in force with other `places`, `hidden` or `required` fields."""
    draft = find_layout(description, actor.organisation_id).draft
    changed = LayoutDraft(
        {**draft.places, **changes.get("places", {})},
        frozenset(changes.get("hidden", draft.hidden)),
        frozenset(changes.get("required", draft.required)),
    )
    return save_layout(description, changed, version=get_version(description, actor.organisation_id), actor=actor)
