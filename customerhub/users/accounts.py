"""User accounts: creating, changing, deactivating and deleting them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select

from customerhub.activity.follow_ups import release_follow_ups
from customerhub.approvals import assignment
from customerhub.cases.cases import release_cases
from customerhub.core import validation
from customerhub.core.database import ROW_CHANGED_MEANWHILE, save_changes
from customerhub.core.errors import Conflict, HubError, Invalid, NotFound, StillLinked, WrongState
from customerhub.core.history import previous_values_of
from customerhub.core.many_rows import lock_rows, split_refused, write_changes
from customerhub.core.permissions import Actor, Permission, require_permission
from customerhub.core.preloading import preload_references
from customerhub.core.references import describe_references, list_references
from customerhub.users.account_rules import (
    GRANT_ROLES,
    GRANTS,
    OWN_ACCOUNT_DEACTIVATED,
    can_assign_grant,
    list_assignable_roles,
    require_deletable,
    require_manageable,
)
from models import Customer, Dealer, Organisation, User
from models.base import db
from models.enums import Role
from models.keys import exact_key

OWNED_TABLES: Final = ("saved_view", "list_preference", "note_mention")  # these go with their user

Problems = list[tuple[str, str]]


@dataclass(frozen=True)
class SavedAccount:
    """What the database holds of an account before it is saved."""

    organisation_id: int
    email: str
    role: Role
    active: bool
    platform: bool
    data_protection: bool


def save_user(user: User, *, actor: Actor) -> User:
    """Check `user` as it now stands and flush it. A new one is put into the actor's organisation.

    The accounts of a customer may be saved by editors of customers, all others by editors of users. A
    new email address ends the sessions and links of the old one; tasks that somebody can no longer decide go back
    to the queue. Raises Invalid with every problem, Conflict where the email address has an account or somebody
    saved this one meanwhile.
    """
    with save_changes():
        saved_account = _load_saved_account(user)
        actor = _actor_before_change(actor, user, saved_account)
        require_editable(user, saved_account, actor)
        if saved_account is None:
            user.organisation_id = actor.organisation_id
        _check_account(user, saved_account, actor)
        _require_unused_email(user)
        if saved_account is not None:
            _require_remaining_admin(user, saved_account)
            _revoke_where_needed(user, saved_account)
        db.session.add(user)
    if saved_account is not None:
        _release_work([user])
    return user


def _release_work(users: Sequence[User]) -> None:
    """What those of `users` have in hand who can no longer work on it goes back to all."""
    assignment.release_undecidable_tasks(users)
    release_cases(users)
    release_follow_ups(users)


def _check_account(user: User, saved_account: SavedAccount | None, actor: Actor) -> None:
    """Raises Invalid with every problem of `user` as it now stands."""
    problems = _clean_texts(user) + _role_problems(user) + _grant_problems(user, saved_account, actor)
    if saved_account is not None:
        problems += _own_account_problems(user, saved_account, actor)
    if problems:
        raise Invalid.from_problems(problems)


def _revoke_where_needed(user: User, saved_account: SavedAccount) -> None:
    """Sessions and links end with the address that they were sent to, and when the account is switched off."""
    if user.email != saved_account.email or (saved_account.active and not user.active):
        revoke_sessions_and_links(user)


def _load_saved_account(user: User) -> SavedAccount | None:
    if user.id is None:
        return None
    return get_saved_account(user, load_saved_accounts([user]))


def load_saved_accounts(users: Sequence[User]) -> dict[int, SavedAccount]:
    """What the database holds of these accounts, by their ids."""
    columns = (User.organisation_id, User.email, User.role, User.active, User.platform, User.data_protection)
    query = select(User.id, *columns).where(User.id.in_([user.id for user in users]))
    return {row.id: SavedAccount(*row[1:]) for row in db.session.execute(query)}


def get_saved_account(user: User, saved_accounts: Mapping[int, SavedAccount]) -> SavedAccount:
    if user.id not in saved_accounts:
        raise NotFound("There is no such user")
    return saved_accounts[user.id]


def _actor_before_change(actor: Actor, user: User, saved_account: SavedAccount | None) -> Actor:
    """`actor` as before the change at hand, for nobody may more by what they are about to save of themselves."""
    if saved_account is None or actor.id != user.id:
        return actor
    user_before_change = User(
        id=user.id,
        name=user.name,
        role=saved_account.role,
        active=saved_account.active,
        platform=saved_account.platform,
        data_protection=saved_account.data_protection,
    )
    return Actor(user_before_change, actor.organisation_id)


def require_editable(user: User, saved_account: SavedAccount | None, actor: Actor) -> None:
    """Raises NotAllowed or NotFound unless `actor` may change this account."""
    if saved_account is not None and saved_account.organisation_id != actor.organisation_id:
        raise NotFound("There is no such user")
    of_customer = user.role == Role.CUSTOMER and (saved_account is None or saved_account.role == Role.CUSTOMER)
    if not (of_customer and actor.has_permission(Permission.CUSTOMERS_EDIT)):
        require_permission(actor, Permission.USERS_EDIT)
    require_manageable(saved_account is not None and saved_account.platform, actor)


def _clean_texts(user: User) -> Problems:
    """Clean the texts; returns what is wrong with them."""
    problems: Problems = []
    cleaned: dict[str, str | None] = {}
    for field, cleaner in (("name", _clean_name), ("email", validation.clean_email)):
        try:
            cleaned[field] = cleaner(getattr(user, field) or "")
        except Invalid as error:
            problems.append((field, error.message))
    for field, missing in (("name", "Enter a name"), ("email", "Enter an email address")):
        if field in cleaned:
            if cleaned[field] is None:
                problems.append((field, missing))
            elif cleaned[field] != getattr(user, field):
                setattr(user, field, cleaned[field])
    return problems


def _clean_name(text: str) -> str | None:
    return validation.clean_text(text, max_length=200)


def _role_problems(user: User) -> Problems:
    """A partner has a dealer, a customer a customer record, and nobody else has either."""
    if user.role not in list(Role):
        return [("role", "Choose a role")]
    problems: Problems = []
    if user.role == Role.PARTNER:
        if not _is_in_organisation(Dealer, user.dealer_id, user):
            problems.append(("dealer_id", "Select a dealer for the partner"))
    elif user.dealer_id is not None:
        problems.append(("dealer_id", f"Leave the dealer blank for the role {user.role}"))
    if user.role == Role.CUSTOMER:
        if not _is_in_organisation(Customer, user.customer_id, user):
            problems.append(("customer_id", "Select a customer for the portal user"))
    elif user.customer_id is not None:
        problems.append(
            (
                "customer_id",
                f"Leave the customer blank for the role {user.role}",
            )
        )
    elif user.portal_permissions:
        user.portal_permissions = []
    return problems


def _is_in_organisation(model: Any, key: int | None, user: User) -> bool:
    row = db.session.get(model, key) if key is not None else None
    return row is not None and row.organisation_id == user.organisation_id


def _grant_problems(user: User, saved_account: SavedAccount | None, actor: Actor) -> Problems:
    problems: Problems = []
    for grant in filter(lambda each: getattr(user, each), GRANTS):
        if user.role not in GRANT_ROLES:
            problems.append((grant, "Only staff can have this grant"))
        if not can_assign_grant(grant, is_held=bool(saved_account and getattr(saved_account, grant)), actor=actor):
            problems.append((grant, "Only users with this grant can assign it"))
    return problems


def _own_account_problems(user: User, saved_account: SavedAccount, actor: Actor) -> Problems:
    """Nobody locks themselves out."""
    if user.id != actor.id:
        return []
    problems: Problems = []
    if user.role not in list_assignable_roles(user, saved_account.role, actor):
        problems.append(("role", "You cannot remove your own admin role. Ask another administrator"))
    if saved_account.active and not user.active:
        problems.append(("active", OWN_ACCOUNT_DEACTIVATED))
    return problems


def _require_unused_email(user: User) -> None:
    query = select(User.id).where(User.email_key == user.email_key)
    if user.id is not None:
        query = query.where(User.id != user.id)
    if db.session.scalar(query) is not None:
        raise Conflict("This email address already has an account", "email")


def _require_remaining_admin(user: User, saved_account: SavedAccount, *, is_deleted: bool = False) -> None:
    """Raises WrongState where `user` is the organisation's last active admin and would no longer be one."""
    was_admin = saved_account.role == Role.ADMIN and saved_account.active
    stays_admin = user.role == Role.ADMIN and user.active and not is_deleted
    if not was_admin or stays_admin:
        return
    # Locked, so that two administrators who remove each other at once do not both succeed.
    db.session.execute(
        select(Organisation.id).where(Organisation.id == saved_account.organisation_id).with_for_update()
    )
    other_admins = db.session.scalar(
        select(func.count())
        .select_from(User)
        .where(
            User.organisation_id == saved_account.organisation_id,
            User.role == Role.ADMIN,
            User.active,
            User.id != user.id,
        )
    )
    if not other_admins:
        raise WrongState("This is the last active administrator of the organisation. Appoint another one first")


def revoke_sessions_and_links(user: User) -> None:
    """From now on neither a session nor a one-time link of before works."""
    user.sign_in_epoch += 1
    user.link_until = None


def deactivate(user: User, *, actor: Actor) -> None:
    """Switch the account off and end its sessions."""
    user.active = False
    save_user(user, actor=actor)


def activate(user: User, *, actor: Actor) -> None:
    """Switch the account on again. Sessions and links of before stay ended."""
    user.active = True
    save_user(user, actor=actor)


def are_switched_together(users: Sequence[User]) -> bool:
    """Whether `switch_many` may switch these accounts: which administrator is the last one depends on who was switched
    off before.
    """
    return all(user.role is Role.CUSTOMER for user in users)


def switch_many(users: Sequence[User], *, is_active: bool, actor: Actor) -> dict[int, HubError]:
    """As `activate` and `deactivate`, of many portal users that `are_switched_together`: returns why not, by the id of
    each that is left as it is.
    """
    if not are_switched_together(users):
        raise ValueError("these are not all portal users")
    saved_accounts = load_saved_accounts(users)
    references = preload_references(users, names=("customer",))  # kept until all are checked
    changed_ids = lock_rows(users) if len(users) > 1 else ()

    def check(user: User) -> User:
        saved_account = get_saved_account(user, saved_accounts)
        require_editable(user, saved_account, actor)
        _check_account(user, saved_account, actor)
        if user.id in changed_ids and (user.active is not is_active or previous_values_of(user)):
            raise Conflict(ROW_CHANGED_MEANWHILE)
        return user

    accepted, refusals = split_refused(users, check)
    del references
    for user in users:
        if user.id in refusals:
            db.session.expire(user)  # what was tidied of it is not to be written
    with save_changes():
        for user in accepted:
            user.active = is_active
            _revoke_where_needed(user, saved_accounts[user.id])
        write_changes(accepted)
    _release_work(accepted)
    return refusals


def delete_user(user: User, *, actor: Actor) -> None:
    """Delete an account that nothing refers to. Raises StillLinked, saying what does, where anything does."""
    saved_account = _load_saved_account(user)
    if saved_account is None:
        raise NotFound("There is no such user")
    require_editable(user, saved_account, actor)
    require_deletable(user, actor)
    references = [link for link in list_references(user) if link[0] not in OWNED_TABLES]
    if references:
        raise StillLinked(f"{user.name} is used in {describe_references(references)}. Deactivate the account instead.")
    with save_changes():
        _require_remaining_admin(user, saved_account, is_deleted=True)
        db.session.delete(user)


def find_account(email: str) -> User | None:
    """The account with this email address, whatever its organisation and state."""
    key = account_key(email)
    return db.session.scalar(select(User).where(User.email_key == key)) if key else None


def account_key(email: str) -> str | None:
    """What the account with this email address is found by, however the address is typed: the domain may be in ASCII,
    as browsers and mail programs write it.
    """
    try:
        return exact_key(validation.clean_email(email))
    except Invalid:
        return exact_key(email)
