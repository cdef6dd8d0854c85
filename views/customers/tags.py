"""Tags on the form of a customer and in operations on many."""

from collections.abc import Callable, Sequence
from typing import Any

from markupsafe import Markup
from sqlalchemy import select
from wtforms import Form
from wtforms.validators import InputRequired

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.tags import add_tags, find_or_build_tags, remove_tags
from models import Customer, Tag
from models.base import db
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
        super().populate_obj(obj, name)
        names = [each.strip() for each in self.new_text.split(",")]
        new_tags = [tag for tag in find_or_build_tags(names, actor=current_actor()) if tag not in obj.tags]
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


def _build_run(change: Callable[..., None]) -> Callable[..., None]:
    def run(customer: Customer, *, tags: Sequence[int], actor: Actor) -> None:
        query = select(Tag).where(Tag.organisation_id == actor.organisation_id, Tag.id.in_(tags))
        change(customer, tags=db.session.scalars(query).all(), actor=actor)

    return run


ADD = Operation(
    name="add-tags",
    label="Add tags",
    past_tense="changed",
    button="Add to {}",
    permission=Permission.CUSTOMERS_EDIT,
    run=_build_run(add_tags),
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
    run=_build_run(remove_tags),
    form=_build_form,
    explanation="Removes the chosen tags; other tags stay. The history keeps which tags a customer had.",
    icon="flag",
    on_record=False,
)
