"""Presets of exports: the columns of a list that one person keeps under a name, beside their other choices for it."""

from collections.abc import Sequence

from customerhub.core.database import insert_new, save_changes
from customerhub.core.errors import Invalid, NotAllowed
from customerhub.core.permissions import Actor
from customerhub.core.validation import clean_text
from models import ListPreference
from models.base import db
from models.keys import fold_text

MAX_PRESETS = 20  # of one person for each list
MAX_NAME_LENGTH = 60


def save_preset(screen: str, *, name: str, columns: Sequence[str], actor: Actor) -> str:
    """Keep `columns` of the list `screen` under `name`, in the place of a preset that is called so; the name as kept.

    Raises Invalid where the name or the columns are missing, the name is too long or there are too many presets.
    """
    cleaned_name = clean_text(name, max_length=MAX_NAME_LENGTH, field="name")
    if cleaned_name is None:
        raise Invalid("Enter a name for the preset.", "name")
    if not columns:
        raise Invalid("Choose at least one column.")
    with save_changes():
        preference = _lock_preference(screen, actor)
        presets = _without(preference, cleaned_name)
        if len(presets) >= MAX_PRESETS:
            raise Invalid(f"There can be up to {MAX_PRESETS} presets of a list. Delete one first.")
        preference.export_presets = [*presets, {"name": cleaned_name, "columns": list(columns)}]
    return cleaned_name


def delete_preset(screen: str, name: str, *, actor: Actor) -> None:
    """Forget the actor's preset `name` of the list `screen`, where there is one."""
    with save_changes():
        preference = _lock_preference(screen, actor)
        preference.export_presets = _without(preference, name) or None


def _without(preference: ListPreference, name: str) -> list[dict[str, object]]:
    return [each for each in preference.export_presets or [] if fold_text(each["name"]) != fold_text(name)]


def _lock_preference(screen: str, actor: Actor) -> ListPreference:
    """What the actor keeps for the list, which nobody else changes until the end of the transaction: two windows that
    save at once keep both presets.
    """
    if actor.id is None:
        raise NotAllowed("Only a person can keep presets.")
    db.session.execute(insert_new(ListPreference).values(user_id=actor.id, screen=screen))
    key = (actor.id, screen)
    return db.session.get_one(ListPreference, key, with_for_update=True, populate_existing=True)
