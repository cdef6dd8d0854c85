"""Accounts of a customer's people: how far they are, and who may see to them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from customerhub.core import clock, history
from customerhub.core.errors import Conflict, Invalid, NotAllowed, NotFound, WrongState
from customerhub.core.permissions import Actor
from customerhub.core.redaction import PATH
from customerhub.users import accounts, invitations, portal_accounts
from customerhub.users import sign_in as user_sign_in
from customerhub.users.links import OneTimeLinks
from customerhub.users.portal_accounts import InvitationState, invitation_state_of, save_portal_user
from models import OutboxMessage, User
from models.base import db
from models.enums import Role
from tests.support.people import PASSWORD, make_customer, make_organisation, make_user

LINKS = OneTimeLinks("secret", "https://hub.example.com")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def agent(organisation):
    actor = Actor.from_user(make_user(organisation, Role.AGENT))
    with history.act_as(actor, "test"):
        yield actor


def build_portal_user(customer, **values):
    defaults = {"email": "kim@x.example", "name": "Kim", "role": Role.CUSTOMER, "customer_id": customer.id}
    return User(**(defaults | values))


def list_tokens():
    found = db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id))
    return [mail.text_body.partition(PATH)[2].split()[0] for mail in found]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, InvitationState.UNINVITED),
        ({"link_until": NOW + timedelta(seconds=1)}, InvitationState.INVITED),
        ({"link_until": NOW}, InvitationState.EXPIRED),
        ({"password_hash": "x"}, InvitationState.ACTIVE),
        ({"password_hash": "x", "link_until": NOW}, InvitationState.ACTIVE),
        ({"password_hash": "x", "active": False}, InvitationState.DISABLED),
        ({"link_until": NOW + timedelta(hours=1), "active": False}, InvitationState.DISABLED),
    ],
)
def test_how_far_somebody_is(values, expected):
    assert invitation_state_of(User(**({"active": True} | values)), as_of=NOW) is expected


def test_whoever_is_added_gets_their_mail_at_once(organisation, agent):
    customer = make_customer(organisation)
    with time_machine.travel(NOW, tick=False):
        user = save_portal_user(build_portal_user(customer), links=LINKS, actor=agent)
    [mail] = db.session.scalars(select(OutboxMessage)).all()
    assert (mail.recipient, mail.customer_id, mail.purpose) == ("kim@x.example", customer.id, "set password")
    assert LINKS.read(list_tokens()[0], as_of=NOW + timedelta(hours=71)) is user
    assert (user.link_until, user.made_with_customer) == (NOW + timedelta(hours=72), False)
    save_portal_user(user, links=LINKS, actor=agent)
    assert len(list_tokens()) == 1


def test_a_refused_one_sends_nothing(organisation, agent):
    existing_user = make_user(organisation, Role.MANAGER)
    customer = make_customer(organisation)
    for values, kind in (
        ({"email": existing_user.email}, Conflict),
        ({"name": " "}, Invalid),
        ({"email": "x"}, Invalid),
    ):
        with pytest.raises(kind):
            save_portal_user(build_portal_user(customer, **values), links=LINKS, actor=agent)
        db.session.expunge_all()
    assert list_tokens() == []


def test_a_portal_user_stays_with_their_customer(organisation, agent):
    user = save_portal_user(build_portal_user(make_customer(organisation)), links=LINKS, actor=agent)
    db.session.commit()
    user.customer_id = make_customer(organisation).id
    with pytest.raises(Invalid, match="cannot be moved to another customer"):
        save_portal_user(user, links=LINKS, actor=agent)


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_others_see_to_no_portal_user(organisation, agent, role):
    user = save_portal_user(build_portal_user(make_customer(organisation)), links=LINKS, actor=agent)
    other = Actor.from_user(make_user(organisation, role))
    new = build_portal_user(make_customer(organisation), email="new@x.example")
    acts = (
        lambda: save_portal_user(new, links=LINKS, actor=other),
        lambda: invitations.renew_link(user, links=LINKS, actor=other),
        lambda: accounts.deactivate(user, actor=other),
    )
    for act in acts:
        with pytest.raises(NotAllowed):
            act()
    assert len(list_tokens()) == 1


def test_nobody_of_another_organisation_sees_to_one(organisation, agent):
    user = save_portal_user(build_portal_user(make_customer(organisation)), links=LINKS, actor=agent)
    stranger = Actor.from_user(make_user(make_organisation("Elsewhere"), Role.ADMIN))
    for act in (invitations.renew_link, invitations.invite):
        with pytest.raises(NotFound):
            act(user, links=LINKS, actor=stranger)
    with pytest.raises(NotFound):
        portal_accounts.save_portal_user(user, links=LINKS, actor=stranger)


def test_an_agent_reaches_no_colleague_this_way(organisation, agent):
    colleague = make_user(organisation, Role.AGENT)
    with pytest.raises(NotAllowed):
        invitations.renew_link(colleague, links=LINKS, actor=agent)
    with pytest.raises(NotAllowed):
        save_portal_user(User(email="new@x.example", name="New", role=Role.AGENT), links=LINKS, actor=agent)


def test_a_new_link_ends_the_old_ones_and_the_sessions(organisation, agent):
    user = make_user(organisation, Role.CUSTOMER)
    epoch = user.sign_in_epoch
    for number in (1, 2):
        invitations.renew_link(user, links=LINKS, actor=agent)
        assert user.sign_in_epoch == epoch + number
    old, new = list_tokens()
    with pytest.raises(WrongState):
        LINKS.read(old)
    assert LINKS.read(new) is user
    assert user_sign_in.authenticate(user.email, PASSWORD, accepts_demo=False) is user


def test_until_when_a_link_works_is_kept_without_a_trace(organisation, agent):
    user = make_user(organisation, Role.CUSTOMER, password=None)
    db.session.commit()
    version = user.version
    with time_machine.travel(NOW, tick=False):
        invitations.invite(user, links=LINKS, actor=agent)
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False), pytest.raises(WrongState):
        invitations.invite(user, links=LINKS, actor=agent)  # no second mail, so the first one's time
    assert (user.link_until, user.version) == (NOW + timedelta(hours=72), version)
    db.session.commit()
    db.session.refresh(user)
    assert user.link_until == NOW + timedelta(hours=72)


@pytest.mark.parametrize("way", ["password", "email", "off", "out", "everywhere"])
def test_no_link_counts_as_open_once_it_is_used_up(organisation, agent, way):
    user = make_user(organisation, Role.CUSTOMER, password=None)
    invitations.invite(user, links=LINKS, actor=agent)
    assert user.link_until > clock.get_now()
    if way == "password":
        user_sign_in.set_password(user, "a quite different phrase")
    elif way == "email":
        user.email = "other@x.example"
        accounts.save_user(user, actor=agent)
    elif way == "off":
        accounts.deactivate(user, actor=agent)
    elif way == "out":
        invitations.end_sessions(user, actor=agent)
    else:
        user_sign_in.sign_out_everywhere(user)
    assert user.link_until is None
    with pytest.raises(WrongState):
        LINKS.read(list_tokens()[0])
