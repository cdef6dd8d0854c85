"""The link of a portal user, and the mail that brings it."""

from datetime import timedelta

import pytest
import time_machine

from customerhub.core import clock, history
from customerhub.core.errors import WrongState
from customerhub.core.permissions import Actor
from customerhub.users import invitations, portal_accounts
from customerhub.users import sign_in as user_sign_in
from models import NotificationTemplate
from models.base import db
from models.enums import Role, TemplatePurpose
from tests.support.imports import import_now
from tests.support.people import PASSWORD, make_user
from tests.support.portal_users import (
    build_customer,
    committed_change,
    list_history,
    list_mails,
    save_and_commit,
    single_user,
    token_of,
)
from tests.support.workbooks import build_workbook, valid_row

PHRASE = "a quite different phrase"


# --- The link ----------------------------------------------------------------------------------------------------


def test_the_link_works_once_for_72_hours(import_org, one_time_links):
    started_at = clock.get_now()
    with time_machine.travel(started_at, tick=False):
        customer = build_customer(import_org)
        save_and_commit(customer, import_org)
    user = single_user(customer)
    token = token_of(list_mails()[0])
    assert one_time_links.read(token, as_of=started_at + timedelta(hours=72, seconds=-1)) is user
    with pytest.raises(WrongState, match="expired or has already been used"):
        one_time_links.read(token, as_of=started_at + timedelta(hours=72, seconds=1))
    later = started_at + timedelta(hours=73)
    assert portal_accounts.invitation_state_of(user, as_of=later) is portal_accounts.InvitationState.EXPIRED
    with history.act_as(Actor.from_user(user), "test"):
        user_sign_in.set_password(user, PHRASE)
        db.session.commit()
    with pytest.raises(WrongState):
        one_time_links.read(token)
    assert portal_accounts.invitation_state_of(user, as_of=started_at) is portal_accounts.InvitationState.ACTIVE


def test_a_link_sent_again_ends_the_one_before_however_soon(import_org, one_time_links):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    user = single_user(customer)
    agent = Actor.from_user(make_user(import_org.organisation, Role.AGENT))
    for _ in range(2):
        with history.act_as(agent, "test"):
            invitations.renew_link(user, links=one_time_links, actor=agent)
            db.session.commit()
    tokens = [token_of(mail) for mail in list_mails(user.email)]
    assert len(set(tokens)) == 3
    for old in tokens[:2]:
        with pytest.raises(WrongState):
            one_time_links.read(old)
    assert one_time_links.read(tokens[2]) is user
    user_actions = [entry.action for entry in list_history("hub_user") if entry.row_id == user.id]
    assert user_actions == ["created", "sent a new password link", "sent a new password link"]


def test_a_reset_signs_out_and_keeps_the_password_until_another_is_chosen(import_org, one_time_links):
    customer = build_customer(import_org)
    save_and_commit(customer, import_org)
    user = single_user(customer)
    with history.act_as(Actor.from_user(user), "test"):
        user_sign_in.set_password(user, PHRASE)
        db.session.commit()
    epoch = user.sign_in_epoch
    with committed_change(import_org):
        mail = invitations.renew_link(user, links=one_time_links, actor=import_org.actor)
    assert (mail.purpose, user.sign_in_epoch) == ("reset password", epoch + 1)
    assert user.link_until - clock.get_now() < timedelta(hours=2, seconds=1)
    assert user_sign_in.authenticate(user.email, PHRASE, accepts_demo=False) is user


# --- The mail of an organisation with its own words --------------------------------------------------------------


def test_the_mail_is_in_the_organisations_own_words(import_org):
    with committed_change(import_org):
        db.session.add(
            NotificationTemplate(
                organisation_id=import_org.id,
                name="Welcome",
                purpose=TemplatePurpose.WELCOME,
                subject="{{name}} & co",
                body="Dear {{name}},\n\nsee {{link}} as {{email}}.",
            )
        )
    import_now(build_workbook([valid_row(1, name="Uno <b>"), valid_row(2, name="Königlich & Essen")]), import_org)
    one, two = list_mails()
    assert (one.subject, two.subject) == ("Uno <b> & co", "Königlich & Essen & co")
    assert "Dear Königlich & Essen," in two.text_body
    assert "Dear Uno &lt;b&gt;," in one.html_body
    assert token_of(one) != token_of(two)
    assert PASSWORD not in one.text_body
