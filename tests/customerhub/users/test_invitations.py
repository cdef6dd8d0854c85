"""Invitations of users: one mail, with a link that works."""

import pytest
from sqlalchemy import select

from customerhub.core.errors import WrongState
from customerhub.core.redaction import PATH
from customerhub.users import accounts, invitations
from customerhub.users.links import OneTimeLinks
from models import OutboxMessage
from models.base import db
from models.enums import OutboxState, Role
from tests.support.people import acting_user, make_user

LINKS = OneTimeLinks("secret", "https://hub.example.com")


def list_messages():
    return list(db.session.scalars(select(OutboxMessage).order_by(OutboxMessage.id)))


def test_an_invitation_is_one_mail_with_a_link_that_works(session, admin, organisation):
    user = make_user(organisation, Role.AGENT, password=None)
    with acting_user(admin) as actor:
        invitations.invite(user, links=LINKS, actor=actor)
        with pytest.raises(WrongState, match=f"A link was sent to {user.email} a moment ago"):
            invitations.invite(user, links=LINKS, actor=actor)
    session.commit()
    (message,) = list_messages()
    assert (message.recipient, message.purpose, message.state) == (user.email, "set password", OutboxState.WAITING)
    assert organisation.name in message.subject
    start = message.text_body.index(f"https://hub.example.com{PATH}")
    link = message.text_body[start:].split()[0]
    assert f'href="{link}"' in message.html_body
    assert LINKS.read(link.removeprefix(f"https://hub.example.com{PATH}")) is user


def test_after_a_new_address_another_invitation_goes_there(session, admin, organisation):
    user = make_user(organisation, Role.AGENT, password=None)
    with acting_user(admin) as actor:
        invitations.invite(user, links=LINKS, actor=actor)
        user.email = "corrected@hub.example"
        accounts.save_user(user, actor=actor)
        invitations.invite(user, links=LINKS, actor=actor)
    assert [message.recipient for message in list_messages()][1] == "corrected@hub.example"


def test_somebody_with_a_password_is_invited_to_choose_a_new_one(admin, organisation):
    with acting_user(admin) as actor:
        message = invitations.invite(make_user(organisation, Role.AGENT), links=LINKS, actor=actor)
    assert message.purpose == "reset password"


def test_who_is_switched_off_is_not_invited(admin, organisation):
    user = make_user(organisation, Role.AGENT, active=False)
    with acting_user(admin) as actor, pytest.raises(WrongState):
        invitations.invite(user, links=LINKS, actor=actor)
    assert list_messages() == []
