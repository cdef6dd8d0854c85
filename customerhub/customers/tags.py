"""Tags of customers: adding them to customers, taking them away, making and deleting them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

from sqlalchemy import Select, delete, func, select

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, StillLinked
from customerhub.core.many_rows import split_refused
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import clean_text
from customerhub.customers.importing.lookups import load_lookup
from customerhub.customers.records import save_customer
from models import Customer, Tag, customer_tag
from models.base import column_length, db
from models.enums import TagColour
from models.keys import fold_text

MAX_REMOVED: Final = 10_000  # customers from which a tag is taken away when it is deleted
_CHUNK_SIZE: Final = 500


def find_or_build_tags(text: str, *, held_ids: Collection[int] = (), actor: Actor) -> list[Tag]:
    """The tags named in `text`, which is read as an import reads it; those that there are not yet are new, in grey, and
    saved with the customer that gets them.

    Raises NotAllowed where the actor may not add any, Invalid where a name is too long, or is that of a tag which is no
    longer in use and not among `held_ids`, those that the customer has.
    """
    lookup = load_lookup("tag", Tag, actor.organisation_id)
    found = list(lookup.find_names(text))
    tag_ids = {tag_id for tag_id, _ in found if tag_id is not None}
    try:
        lookup.refuse_retired(tuple(tag_ids - set(held_ids)))
        names = [clean_text(name, max_length=column_length(Tag.name)) for tag_id, name in found if tag_id is None]
    except Invalid as error:
        raise Invalid(error.message, "tags") from None
    new_names = {fold_text(name): name for name in reversed(names) if name}  # the first spelling of each
    if new_names:
        require_permission(actor, Permission.SETUP_EDIT)
    new_values = {"organisation_id": actor.organisation_id, "colour": TagColour.GREY, "active": True}
    known_tags: Sequence[Tag] = db.session.scalars(_select_tags(tag_ids, actor)).all() if tag_ids else ()
    return [*known_tags, *(Tag(name=name, **new_values) for name in reversed(new_names.values()))]


def _select_tags(tag_ids: Collection[int], actor: Actor) -> Select[Any]:
    is_chosen = Tag.organisation_id == actor.organisation_id, Tag.id.in_(tag_ids)
    return select(Tag).where(*is_chosen).order_by(Tag.name_key)


def add_tags(customer: Customer, *, tags: Sequence[Tag], actor: Actor) -> None:
    """Give `customer` these tags beside those that it has."""
    require_access(actor, customer)
    missing = [tag for tag in tags if tag not in customer.tags]
    if missing:
        customer.tags = [*customer.tags, *missing]
        save_customer(customer, actor=actor)


def remove_tags(customer: Customer, *, tags: Sequence[Tag], actor: Actor) -> None:
    """Take these tags away from `customer`."""
    require_access(actor, customer)
    if any(tag in customer.tags for tag in tags):
        customer.tags = [tag for tag in customer.tags if tag not in tags]
        save_customer(customer, actor=actor)


def add_tags_to_many(customers: Sequence[Customer], *, tag_ids: Collection[int], actor: Actor) -> dict[int, HubError]:
    """As `add_tags`, to many at once: returns why not, by the id of each that is left as it is. Raises Invalid where a
    tag does not exist.
    """
    return _change_many(add_tags, customers, tag_ids, actor)


def remove_tags_of_many(
    customers: Sequence[Customer], *, tag_ids: Collection[int], actor: Actor
) -> dict[int, HubError]:
    """As `remove_tags`, of many at once: returns and raises as `add_tags_to_many`."""
    return _change_many(remove_tags, customers, tag_ids, actor)


def _change_many(
    change: Callable[..., None], customers: Sequence[Customer], tag_ids: Collection[int], actor: Actor
) -> dict[int, HubError]:
    tags = db.session.scalars(_select_tags(tag_ids, actor)).all()
    if len(tags) < len(set(tag_ids)):
        raise Invalid("A chosen tag was deleted meanwhile. Choose the tags again", "tags")

    def change_one(customer: Customer) -> None:
        with db.session.begin_nested(), save_changes():
            change(customer, tags=tags, actor=actor)

    return split_refused(customers, change_one)[1]


def count_customers(tag: Tag) -> int:
    """How many customers have `tag`."""
    return count_customers_by_id([tag])[tag.id]


def count_customers_by_id(tags: Sequence[Tag]) -> dict[int, int]:
    """As `count_customers`, of each of `tags` by its id."""
    column = customer_tag.c.tag_id
    counts = dict.fromkeys((tag.id for tag in tags), 0)
    query = select(column, func.count()).where(column.in_(counts)).group_by(column)
    return counts | {row[0]: row[1] for row in db.session.execute(query)}


def delete_tag(tag: Tag, *, actor: Actor) -> None:
    """Delete `tag` and take it away from its customers, each with an entry in its history.

    Raises StillLinked where more than MAX_REMOVED customers have it.
    """
    require_permission(actor, Permission.SETUP_EDIT)
    require_access(actor, tag)
    db.session.execute(select(Tag.id).where(Tag.id == tag.id).with_for_update())  # nobody is given it from here on
    count = count_customers(tag)
    if count > MAX_REMOVED:
        hint = "Remove it from customers with “Remove tags” first, or make it inactive"
        raise StillLinked(f"{count:,} customers have {tag}. {hint}")
    reason = f"The tag “{tag.name}” was deleted"
    with save_changes(), history.with_reason(reason):
        _record_removal(tag)
        db.session.connection().execute(delete(customer_tag).where(customer_tag.c.tag_id == tag.id))
        db.session.expire_all()
        db.session.delete(tag)


def _record_removal(tag: Tag) -> None:
    """Write into the history of each customer which tags it had, and which it keeps."""
    query = select(Customer.id, Customer.name).join(customer_tag, customer_tag.c.customer_id == Customer.id)
    customers = db.session.execute(query.where(customer_tag.c.tag_id == tag.id).order_by(Customer.id)).all()
    for start in range(0, len(customers), _CHUNK_SIZE):
        chunk = customers[start : start + _CHUNK_SIZE]
        names_by_id = _list_names([row.id for row in chunk])
        history.record(_build_entry(row, tag, names_by_id[row.id]) for row in chunk)


def _list_names(customer_ids: Sequence[int]) -> dict[int, list[str]]:
    query = (
        select(customer_tag.c.customer_id, Tag.name)
        .join(Tag, Tag.id == customer_tag.c.tag_id)
        .where(customer_tag.c.customer_id.in_(customer_ids))
        .order_by(Tag.name_key)
    )
    names_by_id: dict[int, list[str]] = {}
    for customer_id, name in db.session.execute(query):
        names_by_id.setdefault(customer_id, []).append(name)
    return names_by_id


def _build_entry(row: Any, tag: Tag, names: list[str]) -> dict[str, Any]:
    kept = [name for name in names if name != tag.name]
    return history.build_entry(
        organisation_id=tag.organisation_id,
        action="changed",
        table="customer",
        row_id=row.id,
        customer_id=row.id,
        title=row.name,
        changes={"tags": [", ".join(names), ", ".join(kept) or None]},
    )
