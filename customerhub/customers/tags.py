"""Tags of customers: adding them to customers, taking them away, making and deleting them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, func, insert, select
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.core import history
from customerhub.core.database import save_changes
from customerhub.core.errors import HubError, Invalid, StillLinked, WrongState
from customerhub.core.many_rows import lock_accepted, raise_versions
from customerhub.core.permissions import Actor, Permission, require_access, require_permission
from customerhub.core.preloading import preload_lists
from customerhub.core.validation import clean_text
from customerhub.customers.importing.lookups import load_lookup
from models import Customer, Tag, customer_tag
from models.base import column_length, db
from models.enums import TagColour
from models.keys import fold_text

MAX_REMOVED: Final = 10_000  # customers from which a tag is taken away when it is deleted
_CHUNK_SIZE: Final = 500
_MIN_FRAGMENT_LENGTH: Final = 3  # letters


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


def find_tags(search_text: str, *, actor: Actor, limit: int) -> Sequence[Tag]:
    """At most `limit` tags whose name contains `search_text`, those that begin with it first. What is too short to mean
    a part of a name means its beginning.
    """
    key = fold_text(search_text)
    if not key:
        return []
    begins = Tag.name_key.startswith(key, autoescape=True)
    is_found = begins if len(key) < _MIN_FRAGMENT_LENGTH else Tag.name_key.contains(key, autoescape=True)
    query = select(Tag).where(Tag.organisation_id == actor.organisation_id, is_found)
    return db.session.scalars(query.order_by(begins.desc(), Tag.name_key).limit(limit)).all()


def add_tags_to_many(customers: Sequence[Customer], *, tag_ids: Collection[int], actor: Actor) -> dict[int, HubError]:
    """Give each customer these tags beside those that it has: returns why not, by the id of each that is left as it is.
    Raises Invalid where a tag does not exist.
    """
    tags = _load_tags(tag_ids, actor)
    reason = f"Already has the tag “{tags[0].name}”" if len(tags) == 1 else "Already has these tags"
    return _change_many(customers, lambda held: [*held, *(tag for tag in tags if tag not in held)], reason, actor)


def remove_tags_of_many(
    customers: Sequence[Customer], *, tag_ids: Collection[int], actor: Actor
) -> dict[int, HubError]:
    """As `remove_tags`, of many at once: returns and raises as `add_tags_to_many`."""
    tags = _load_tags(tag_ids, actor)
    reason = f"Does not have the tag “{tags[0].name}”" if len(tags) == 1 else "Has none of these tags"
    return _change_many(customers, lambda held: [tag for tag in held if tag not in tags], reason, actor)


def _load_tags(tag_ids: Collection[int], actor: Actor) -> Sequence[Tag]:
    tags = db.session.scalars(_select_tags(tag_ids, actor)).all()
    if len(tags) < len(set(tag_ids)):
        raise Invalid("A chosen tag was deleted meanwhile. Choose the tags again", "tags")
    return tags


def _change_many(
    customers: Sequence[Customer], change: Callable[[Sequence[Tag]], list[Tag]], reason: str, actor: Actor
) -> dict[int, HubError]:
    """Give each customer what `change` makes of its tags; `reason` is why one with the same ones is left as it is.

    Nothing follows from a tag, so no other rule of a customer is asked.
    """
    require_permission(actor, Permission.CUSTOMERS_EDIT)
    preload_lists(customers, ["tags"])
    new_tags = {customer.id: change(customer.tags) for customer in customers}

    def check(customer: Customer) -> None:
        require_access(actor, customer)
        if {*new_tags[customer.id]} == {*customer.tags}:
            raise WrongState(reason)

    accepted, refusals = lock_accepted(customers, check)
    if accepted:
        with save_changes():
            _write_tags(accepted, new_tags)
    return refusals


def _write_tags(customers: Sequence[Customer], new_tags: Mapping[int, list[Tag]]) -> None:
    """Write these tags of customers, their versions and their history, by a statement for all each."""
    added, removed = [], []
    for customer in customers:
        before, after = {*customer.tags}, {*new_tags[customer.id]}
        owner = {"organisation_id": customer.organisation_id, "customer_id": customer.id}
        added += [owner | {"tag_id": tag.id} for tag in after - before]
        removed += [{"owner": customer.id, "old": tag.id} for tag in before - after]
    connection = db.session.connection()
    raise_versions(customers)
    if added:
        connection.execute(insert(customer_tag), added)
    if removed:
        is_removed = customer_tag.c.customer_id == bindparam("owner"), customer_tag.c.tag_id == bindparam("old")
        connection.execute(delete(customer_tag).where(*is_removed), removed)
    history.record(
        _build_changed_entry(customer, [tag.name for tag in new_tags[customer.id]]) for customer in customers
    )
    for customer in customers:
        set_committed_value(customer, "tags", sorted(new_tags[customer.id], key=lambda tag: tag.name_key))


def _build_changed_entry(customer: Customer, names: list[str]) -> dict[str, Any]:
    before = [tag.name for tag in customer.tags]
    return _build_entry(customer, customer.organisation_id, before, sorted(names))


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
        history.record(
            _build_entry(
                row,
                tag.organisation_id,
                names_by_id[row.id],
                [name for name in names_by_id[row.id] if name != tag.name],
            )
            for row in chunk
        )


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


def _build_entry(customer: Any, organisation_id: int, before: list[str], after: list[str]) -> dict[str, Any]:
    return history.build_entry(
        organisation_id=organisation_id,
        action="changed",
        table="customer",
        row_id=customer.id,
        customer_id=customer.id,
        title=customer.name,
        changes={"tags": [", ".join(sorted(before)) or None, ", ".join(after) or None]},
    )
