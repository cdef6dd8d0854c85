"""Tags on the form of a customer and in operations on many."""

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from wtforms import Form
from wtforms.validators import InputRequired

from customerhub.core.errors import HubError, raise_refusal
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.tags import add_tags_to_many, find_or_build_tags, remove_tags_of_many
from models import Customer, Tag
from views.framework.choices import Source
from views.framework.operation import Operation
from views.framework.row_fields import RowsField
from views.http.actor import current_actor

SOURCE = Source(Tag)


class TagsField(RowsField):
    """The tags of a customer. Where it `adds_new` ones a box takes their names, with commas between them."""

    adds_new = False
    new_text = ""

    def process(self, formdata: Any, *args: Any, **kwargs: Any) -> None:
        super().process(formdata, *args, **kwargs)
        self.new_text = (formdata.get(f"{self.name}-new") or "").strip() if formdata else ""

    def populate_obj(self, obj: Any, name: str) -> None:
        held_ids = {tag.id for tag in obj.tags}
        super().populate_obj(obj, name)
        if not self.new_text:
            return
        named = find_or_build_tags(self.new_text, held_ids=held_ids, actor=current_actor())
        new_tags = [tag for tag in named if tag not in obj.tags]
        if new_tags:
            obj.tags = [*obj.tags, *new_tags]

    def render_more(self) -> Markup:
        """The box for new ones, below the others."""
        if not self.adds_new:
            return Markup("")
        return Markup(
            '<input class="input" name="{}-new" value="{}" placeholder="New tags" aria-label="New tags">'
        ).format(self.name, self.new_text)


def _build_form(_rows: Sequence[Any], _actor: Actor) -> type[Form]:
    field = RowsField("Tags", [InputRequired("Choose at least one tag")], source=SOURCE, render_kw={"required": False})
    return type("TagsForm", (Form,), {"tags": field})


def _add_tags(customers: Sequence[Customer], *, tags: Sequence[int], actor: Actor) -> dict[int, HubError]:
    return add_tags_to_many(customers, tag_ids=tags, actor=actor)


def _remove_tags(customers: Sequence[Customer], *, tags: Sequence[int], actor: Actor) -> dict[int, HubError]:
    return remove_tags_of_many(customers, tag_ids=tags, actor=actor)


ADD = Operation(
    name="add-tags",
    label="Add tags",
    past_tense="changed",
    button="Add to {}",
    permission=Permission.CUSTOMERS_EDIT,
    run=lambda customer, **values: raise_refusal(_add_tags([customer], **values)),
    run_many=_add_tags,
    form=_build_form,
    explanation="Adds the chosen tags; others that a customer has stay. To replace all tags, use Edit fields.",
    icon="flag",
    on_record=False,
)
REMOVE = Operation(
    name="remove-tags",
    label="Remove tags",
    past_tense="changed",
    button="Remove from {}",
    permission=Permission.CUSTOMERS_EDIT,
    run=lambda customer, **values: raise_refusal(_remove_tags([customer], **values)),
    run_many=_remove_tags,
    form=_build_form,
    explanation="Removes the chosen tags; other tags stay. The history keeps which tags a customer had.",
    icon="flag",
    on_record=False,
)
