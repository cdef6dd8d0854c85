"""How mails are worded and put together."""

import pytest
from markupsafe import Markup

from customerhub import history
from customerhub.notifications.mailing import account_mail, compose
from customerhub.permissions import Actor
from models import NotificationTemplate
from models.base import db
from models.enums import TemplatePurpose
from tests.people import make_organisation, make_user

LINK = "https://hub.example.com/set-password/" + "ab-cd_ef." * 30


@pytest.fixture
def user(session):
    return make_user(make_organisation("Bits & <Bytes>"), name='Robin "<b>" Sample')


def add_template(user, **values):
    with history.acting(Actor(None, user.organisation_id), "test"):
        db.session.add(NotificationTemplate(organisation_id=user.organisation_id, **values))
        db.session.flush()


def mail_to(user, purpose=TemplatePurpose.WELCOME):
    return account_mail(user, purpose=purpose, link=LINK, hours=72)


@pytest.mark.parametrize("purpose", [TemplatePurpose.WELCOME, TemplatePurpose.RESET])
def test_our_own_words(user, purpose):
    mail = mail_to(user, purpose)
    assert "Bits & <Bytes>" in mail.subject or purpose is TemplatePurpose.RESET
    assert LINK in mail.text.split()
    assert f'href="{LINK}"' in mail.html
    assert "72 hours" in mail.text
    assert 'Hello Robin "<b>" Sample,' in mail.text
    assert "Hello Robin &#34;&lt;b&gt;&#34; Sample," in mail.html
    assert "<Bytes>" not in mail.html
    assert "password" in mail.text


def test_the_organisations_words_come_first_and_the_button_stays(user):
    add_template(user, name="B", purpose=TemplatePurpose.WELCOME, subject="Later", body="x")
    add_template(user, name="A", purpose=TemplatePurpose.WELCOME, subject="Hi {{name}}", body="Come in & see {{email}}")
    add_template(user, name="0", purpose=TemplatePurpose.WELCOME, subject="Off", body="x", active=False)
    add_template(user, name="00", purpose=TemplatePurpose.RESET, subject="Other", body="x")
    mail = mail_to(user)
    assert mail.subject == 'Hi Robin "<b>" Sample'
    assert f"Come in & see {user.email}" in mail.text
    assert "Come in &amp; see" in mail.html
    assert LINK in mail.text.split()


def test_a_stored_subject_with_the_link_in_it_is_sent_without(user):
    add_template(user, name="A", purpose=TemplatePurpose.WELCOME, subject="{{name}}, go to {{link}} now", body="x")
    mail = mail_to(user)
    assert mail.subject == 'Robin "<b>" Sample, go to now'
    assert LINK in mail.text.split()


def test_another_organisations_words_are_not_used(user, session):
    stranger = make_user(make_organisation("Another"))
    add_template(stranger, name="A", purpose=TemplatePurpose.WELCOME, subject="Not yours", body="x")
    assert mail_to(user).subject == "Your account at Bits & <Bytes>"


def test_a_subject_is_one_line():
    mail = compose(subject="Hello\r\nBcc: victim@example.com", paragraphs=[], brand="B")
    assert mail.subject == "Hello Bcc: victim@example.com"


def test_text_keeps_line_ends_addresses_and_angle_brackets():
    mail = compose(
        subject="S", brand="B", paragraphs=[Markup("One<br>\ntwo &lt;x&gt; " + LINK)], facts=[("Total", "a < b & c")],
        foot=["<foot>"],
    )  # fmt: skip
    assert "One\ntwo <x>\n" in mail.text
    assert LINK in mail.text.split()
    assert "Total: a < b & c" in mail.text
    assert "<foot>" in mail.text
    assert "&lt;foot&gt;" in mail.html
