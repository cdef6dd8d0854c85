"""Tags of customers: adding them to customers, taking them away, making and deleting them."""

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import delete, func, select

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, StillLinked
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.validation import clean_text
from customerhub.customers.records import save_customer
from models import Customer, Tag, customer_tag
from models.base import column_length, db
from models.enums import TagColour
from models.keys import fold_text

MAX_REMOVED: Final = 10_000  # customers from which a tag is taken away when it is deleted
_CHUNK_SIZE: Final = 500


def find_or_build_tags(names: Collection[str], *, actor: Actor) -> list[Tag]:
    """The tags with these names; those that there are not yet are new, in grey, and saved with the customer that gets
    them. Raises NotAllowed where the actor may not add any, Invalid where a name is too long.
    """
    cleaned_names = [_clean_name(name) for name in names]
    keys = {fold_text(name): name for name in cleaned_names if name}
    query = select(Tag).where(Tag.organisation_id == actor.organisation_id, Tag.name_key.in_(keys))
    tags_by_key = {tag.name_key: tag for tag in db.session.scalars(query)}
    tags = list(tags_by_key.values())
    for key, name in keys.items():
        if key not in tags_by_key:
            require_permission(actor, Permission.SETUP_EDIT)
            tags.append(Tag(organisation_id=actor.organisation_id, name=name, colour=TagColour.GREY, active=True))
    return tags


def _clean_name(text: str) -> str | None:
    try:
        return clean_text(text, max_length=column_length(Tag.name))
    except Invalid as error:
        raise Invalid(error.message, "tags") from None


def add_tags(customer: Customer, *, tags: Sequence[Tag], actor: Actor) -> None:
    """Give `customer` these tags beside those that it has."""
    missing = [tag for tag in tags if tag not in customer.tags]
    if missing:
        customer.tags = [*customer.tags, *missing]
        save_customer(customer, actor=actor)


def remove_tags(customer: Customer, *, tags: Sequence[Tag], actor: Actor) -> None:
    """Take these tags away from `customer`."""
    if any(tag in customer.tags for tag in tags):
        customer.tags = [tag for tag in customer.tags if tag not in tags]
        save_customer(customer, actor=actor)


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
