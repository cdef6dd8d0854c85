"""Creating and changing accounts of users, and switching them off."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select

from customerhub.core import history
from customerhub.core.errors import Conflict, HubError, Invalid, NotAllowed, NotFound, StillLinked, WrongState
from customerhub.core.permissions import Actor
from customerhub.users import accounts, invitations
from customerhub.users.links import OneTimeLinks
from models import CustomerImport, History, ListPreference, SavedView, StoredFile, User
from models.base import db
from models.enums import PortalPermission, Role
from tests.support.people import acting_user, make_customer, make_dealer, make_organisation, make_user, system_actor

LINKS = OneTimeLinks("secret", "https://hub.example.com")


def build_user(**values):
    return User(**{"name": "Kim Novak", "email": "kim@hub.example", "role": Role.AGENT, "active": True, **values})


def make_colleague(organisation):
    user = make_user(organisation, Role.AGENT)
    db.session.commit()
    return user


def refusal_message(user, by, *, field=None, kind=Invalid, **changes):
    """Saving `user` with `changes` is refused, about `field`, and changes nothing."""
    with acting_user(by) as actor, db.session.no_autoflush:
        for name, value in changes.items():
            setattr(user, name, value)
        with pytest.raises(kind) as error_info:
            accounts.save_user(user, actor=actor)
    assert error_info.value.field == field
    db.session.rollback()
    return error_info.value


def test_a_user_is_made_in_the_organisation_of_who_makes_it(session, admin, organisation):
    elsewhere = make_organisation("Another")
    with acting_user(admin) as actor:
        user = accounts.save_user(
            build_user(email=" Kim@Hub.Example ", name="  Kim   Novak ", organisation_id=elsewhere.id), actor=actor
        )
    session.commit()
    saved_user = session.get(User, user.id)
    assert (saved_user.organisation_id, saved_user.email, saved_user.email_key) == (
        organisation.id,
        "Kim@hub.example",
        "kim@hub.example",
    )
    assert saved_user.password_hash is None
    user_entry = session.scalars(
        select(History).where(History.table_name == "hub_user", History.row_id == user.id)
    ).one()
    assert (user_entry.action, user_entry.actor_name, user_entry.source) == ("created", "Dana Reyes", "screen users")
    assert user_entry.changes["email"] == [None, "Kim@hub.example"]


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.PARTNER, Role.CUSTOMER])
def test_only_administrators_edit_users(organisation, role):
    refusal_message(build_user(), make_user(organisation, role), kind=NotAllowed)


def test_the_accounts_of_a_customer_are_edited_by_who_edits_customers(session, organisation):
    agent = make_user(organisation, Role.AGENT)
    customer = make_customer(organisation)
    with acting_user(agent) as actor:
        user = accounts.save_user(build_user(role=Role.CUSTOMER, customer_id=customer.id), actor=actor)
        user.name = "Kim N."
        accounts.save_user(user, actor=actor)
        session.commit()
    refusal_message(user, agent, kind=NotAllowed, role=Role.ADMIN, customer_id=None)
    colleague = make_user(organisation, Role.AGENT)
    session.commit()
    refusal_message(colleague, agent, kind=NotAllowed, role=Role.CUSTOMER, customer_id=customer.id)


def test_every_problem_is_listed_at_once(admin):
    messages_by_field = refusal_message(build_user(name=" ", email="nonsense", role=Role.PARTNER), admin, field="email")
    assert {field for field, _ in messages_by_field.problems} == {"name", "email", "dealer_id"}
    messages_by_field = refusal_message(build_user(name=None, email=None), admin, field="name")
    assert {field for field, _ in messages_by_field.problems} == {"name", "email"}
    refusal_message(build_user(name="a\x00b"), admin, field="name")
    refusal_message(build_user(name="x" * 201), admin, field="name")
    refusal_message(build_user(role=None), admin, field="role")


def test_role_dealer_and_customer_go_together(admin, organisation):
    dealer, customer = make_dealer(organisation), make_customer(organisation)
    db.session.commit()
    refusal_message(build_user(role=Role.PARTNER), admin, field="dealer_id")
    refusal_message(build_user(role=Role.CUSTOMER), admin, field="customer_id")
    refusal_message(build_user(role=Role.AGENT, dealer_id=dealer.id), admin, field="dealer_id")
    refusal_message(build_user(role=Role.AGENT, customer_id=customer.id), admin, field="customer_id")
    with acting_user(admin) as actor:
        partner = accounts.save_user(build_user(role=Role.PARTNER, dealer_id=dealer.id), actor=actor)
        portal = accounts.save_user(
            build_user(
                email="p@hub.example",
                role=Role.CUSTOMER,
                customer_id=customer.id,
                portal_permissions=[PortalPermission.INVOICES.value],
            ),
            actor=actor,
        )
        assert portal.portal_permissions == ["invoices"]
        portal.role, portal.customer_id = Role.AGENT, None
        accounts.save_user(portal, actor=actor)
    assert portal.portal_permissions == []
    assert partner.dealer is dealer


def test_dealer_and_customer_are_of_the_same_organisation(admin):
    elsewhere = make_organisation("Another")
    dealer, customer = make_dealer(elsewhere), make_customer(elsewhere)
    db.session.commit()
    refusal_message(build_user(role=Role.PARTNER, dealer_id=dealer.id), admin, field="dealer_id")
    refusal_message(build_user(role=Role.CUSTOMER, customer_id=customer.id), admin, field="customer_id")
    refusal_message(build_user(role=Role.PARTNER, dealer_id=999_999), admin, field="dealer_id")


@pytest.mark.parametrize("email", ["ADMIN@hub.example", " admin@hub.example ", "taken@elsewhere.example"])
def test_an_email_that_has_an_account_is_never_taken_over(session, admin, email):
    make_user(make_organisation("Another"), email="taken@elsewhere.example")
    session.commit()
    message = refusal_message(build_user(email=email), admin, field="email", kind=Conflict)
    assert message.message == "This email address already has an account"


def test_nor_by_changing_an_account(session, admin, organisation):
    user = make_user(organisation, Role.AGENT)
    session.commit()
    refusal_message(user, admin, field="email", kind=Conflict, email="Admin@hub.example")


def test_a_user_of_another_organisation_is_not_there(session, admin):
    user = make_user(make_organisation("Another"), Role.AGENT)
    session.commit()
    refusal_message(user, admin, kind=NotFound, name="Changed")
    for operation in (accounts.deactivate, accounts.activate, accounts.delete_user, invitations.end_sessions):
        with acting_user(admin) as actor, pytest.raises(NotFound):
            operation(user, actor=actor)
        session.rollback()
    with acting_user(admin) as actor, pytest.raises(NotFound):
        invitations.invite(user, links=LINKS, actor=actor)


def test_only_who_has_the_grant_platform_gives_it(session, admin, organisation):
    session.commit()
    refusal_message(build_user(platform=True), admin, field="platform")
    refusal_message(make_colleague(organisation), admin, field="platform", platform=True)
    root = make_user(organisation, platform=True)
    session.commit()
    with acting_user(root) as actor:
        assert accounts.save_user(build_user(platform=True), actor=actor).platform
    with history.act_as(system_actor(organisation), "command"):
        accounts.save_user(build_user(email="x@hub.example", platform=True), actor=system_actor(organisation))


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT])
def test_nobody_may_more_by_what_they_are_about_to_save(session, admin, organisation, role):
    user = make_user(organisation, role)
    session.commit()
    refusal_message(user, user, kind=NotAllowed, role=Role.ADMIN)
    refusal_message(user, user, kind=NotAllowed, platform=True)
    refusal_message(admin, admin, field="platform", platform=True)


def test_who_has_the_grant_platform_is_changed_only_by_their_like(session, admin, organisation):
    root = make_user(organisation, platform=True)
    session.commit()
    refusal_message(root, admin, kind=NotAllowed, email="mine@hub.example")
    for operation in (accounts.deactivate, accounts.delete_user, invitations.end_sessions):
        with acting_user(admin) as actor, pytest.raises(NotAllowed):
            operation(root, actor=actor)
        session.rollback()
    with acting_user(admin) as actor, pytest.raises(NotAllowed):
        invitations.invite(root, links=LINKS, actor=actor)


@pytest.mark.parametrize("grant", ["platform", "data_protection"])
def test_grants_are_for_staff(session, organisation, grant):
    root = make_user(organisation, platform=True)
    user = make_user(organisation, Role.PARTNER)
    session.commit()
    refusal_message(user, root, field=grant, **{grant: True})


def test_somebody_with_the_grant_works_in_the_chosen_organisation(session, organisation):
    root = make_user(organisation, platform=True)
    other = make_organisation("Another")
    session.commit()
    actor = Actor.from_user(root, other.id)
    with history.act_as(actor, "screen users"):
        user = accounts.save_user(build_user(role=Role.ADMIN), actor=actor)
    assert user.organisation_id == other.id


def test_nobody_locks_themselves_out(session, admin, organisation):
    make_user(organisation)
    session.commit()
    refusal_message(admin, admin, field="role", role=Role.MANAGER)
    refusal_message(admin, admin, field="active", active=False)
    with acting_user(admin) as actor, pytest.raises(WrongState, match="your own account"):
        accounts.delete_user(admin, actor=actor)
    with acting_user(admin) as actor:
        admin.name = "Dana R."
        accounts.save_user(admin, actor=actor)


def test_the_last_active_administrator_stays(session, admin, organisation):
    root = make_user(make_organisation("Another"), platform=True)
    make_user(organisation, active=False)
    make_user(organisation, Role.MANAGER)
    session.commit()
    actor = Actor.from_user(root, organisation.id)
    for name, value in (("role", Role.AGENT), ("active", False)):
        with history.act_as(actor, "test"):
            setattr(admin, name, value)
            with pytest.raises(WrongState, match="last active administrator"):
                accounts.save_user(admin, actor=actor)
        session.rollback()
    with history.act_as(actor, "test"), pytest.raises(WrongState, match="last active administrator"):
        accounts.delete_user(admin, actor=actor)
    session.rollback()
    make_user(organisation)
    with history.act_as(actor, "test"):
        accounts.deactivate(admin, actor=actor)
    session.commit()
    assert not admin.active


def test_two_administrators_who_switch_each_other_off_at_once_leave_one(app, session, admin, organisation):
    other = make_user(organisation)
    session.commit()
    pairs = [(admin.id, other.id), (other.id, admin.id)]
    session.remove()
    together = Barrier(2)

    def switch_off(pair):
        with app.app_context():
            by, of = (db.session.get(User, key) for key in pair)
            actor = Actor.from_user(by)
            db.session.rollback()
            together.wait(10)
            try:
                with history.act_as(actor, "test"):
                    accounts.deactivate(of, actor=actor)
                db.session.commit()
            except HubError:
                db.session.rollback()

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(switch_off, pairs))
    active = select(func.count()).select_from(User).where(User.role == Role.ADMIN, User.active)
    assert session.scalar(active) == 1


def test_switching_off_ends_sessions_and_on_again_does_not_revive_them(session, admin, organisation):
    user = make_user(organisation, Role.AGENT)
    session.commit()
    before = user.sign_in_epoch
    with acting_user(admin) as actor:
        accounts.deactivate(user, actor=actor)
        accounts.activate(user, actor=actor)
    session.commit()
    assert user.active
    assert user.sign_in_epoch == before + 1


def test_a_new_email_address_ends_what_the_old_one_could_do(session, admin, organisation):
    user = make_user(organisation, Role.AGENT)
    session.commit()
    before = user.sign_in_epoch
    with acting_user(admin) as actor:
        user.name = "Another name"
        accounts.save_user(user, actor=actor)
        assert user.sign_in_epoch == before
        user.email = "new@hub.example"
        accounts.save_user(user, actor=actor)
    assert user.sign_in_epoch == before + 1


def test_what_somebody_else_saved_meanwhile_is_a_conflict(session, admin, organisation):
    user = make_user(organisation, Role.AGENT)
    session.commit()
    session.execute(
        User.__table__.update().where(User.__table__.c.id == user.id).values(version=User.__table__.c.version + 1)
    )
    refusal_message(user, admin, kind=Conflict, name="Mine")


def test_an_unused_account_is_deleted_with_what_it_chose(session, admin, organisation):
    user = make_user(organisation, Role.AGENT)
    session.add(SavedView(user_id=user.id, screen="customers", name="Mine", query="a=1"))
    session.add(ListPreference(user_id=user.id, screen="customers", columns=["name"]))
    session.commit()
    user_id = user.id
    with acting_user(admin) as actor:
        accounts.delete_user(user, actor=actor)
    session.commit()
    assert session.get(User, user_id) is None
    assert session.scalar(select(func.count()).select_from(SavedView)) == 0
    deletion = session.scalars(select(History).where(History.row_id == user_id, History.action == "deleted")).one()
    assert deletion.changes["password_hash"] == ["•••", None]
    assert "argon2" not in str(deletion.changes)


def test_an_account_that_is_named_somewhere_stays(session, admin, organisation):
    user = make_user(organisation, Role.AGENT)
    customer = make_customer(organisation)
    with history.act_as(system_actor(organisation), "test"):
        customer.account_manager_id = user.id
        stored = StoredFile(
            organisation_id=organisation.id, name="a", content_type="a/b", size=1, sha256="0" * 64, storage_key="k"
        )
        session.add(stored)
        session.flush()
        session.add(CustomerImport(organisation_id=organisation.id, user_id=user.id, file_id=stored.id, file_name="a"))
        session.commit()
    with acting_user(admin) as actor, pytest.raises(StillLinked) as error_info:
        accounts.delete_user(user, actor=actor)
    assert "1 customer and 1 import" in error_info.value.message
    assert session.get(User, user.id) is not None


def test_no_refusal_is_a_bug(admin, organisation):
    """Whatever is wrong, people get a sentence."""
    for values in ({"email": "x" * 300 + "@hub.example"}, {"email": "a@b\x00.example"}, {"name": "\u202eevil"}):
        with acting_user(admin) as actor, pytest.raises(HubError):
            accounts.save_user(build_user(**values), actor=actor)
        db.session.rollback()
