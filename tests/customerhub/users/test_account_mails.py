"""Mails with one-time links, written for many at once: each is what it would be by itself."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from customerhub.core import clock, history
from customerhub.mail.composition import build_account_mail, get_account_mail_text
from customerhub.users import invitations
from customerhub.users.invitations import InvitedUser
from customerhub.users.links import OneTimeLinks
from models import NotificationTemplate
from models.base import db
from models.enums import TemplatePurpose
from tests.support.people import make_organisation, make_user, system_actor

LINKS = OneTimeLinks("secret", "https://hub.example.com/a&b")
ALPHABET = "abc <>&\"'{}%\\\u00e9\u202eßΐ漢-_*.\n"
NAMES = st.one_of(
    st.text(ALPHABET, min_size=1, max_size=90), st.sampled_from(["{{email}}", "{{link}}", "<b>", "&amp;"])
)
BODIES = st.lists(
    st.sampled_from(
        [
            "Hello {{name}},",
            "{{email}}",
            "{{link}}",
            "**{{name}}**",
            "- {{hours}}",
            "- {{email}}",
            "\n",
            "\n\n",
            " ",
            "{{organisation}} " * 12,
            "{{nothing}}",
            "<script>",
            "x" * 90,
        ]
    ),
    max_size=9,
).map("\n".join)
SUBJECTS = st.sampled_from(
    ["Your account", "{{organisation}} & co", "{{name}} <{{email}}>", "{{ name }}", "x" * 200, "{{link}}"]
)


@pytest.fixture
def organisation(session):
    return make_organisation("Example & <Telecom> {{name}}")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.text(ALPHABET, min_size=1, max_size=60), SUBJECTS, BODIES, st.booleans())
def test_a_mail_among_many_is_the_mail_alone(session, organisation, name, email, subject, body, is_own):
    session.execute(delete(NotificationTemplate), execution_options=history.bulk_options())
    if is_own:
        with history.act_as(system_actor(organisation), "test"):
            db.session.add(
                NotificationTemplate(
                    organisation_id=organisation.id,
                    name="Own",
                    subject=subject,
                    body=body,
                    purpose=TemplatePurpose.WELCOME,
                )
            )
            db.session.flush()
    words = get_account_mail_text(organisation.id, TemplatePurpose.WELCOME)
    for number, address in enumerate((email, "kim@x.example")):
        receiver = InvitedUser(number, organisation.id, 1, address, name)
        link = LINKS.create(receiver, TemplatePurpose.WELCOME, now=clock.get_now())
        mail_values = {"purpose": TemplatePurpose.WELCOME, "link": link, "hours": 72}
        assert build_account_mail(receiver, **mail_values, account_text=words) == build_account_mail(
            receiver, **mail_values
        )


def test_a_link_for_somebody_just_written_is_the_link_for_the_user(session, organisation):
    user = make_user(organisation, password=None)
    now = clock.get_now()
    same = InvitedUser(user.id, organisation.id, 1, user.email, user.name)
    assert LINKS.create(same, TemplatePurpose.WELCOME, now=now) == LINKS.create(user, TemplatePurpose.WELCOME, now=now)
    one, other = (
        invitations.build_link_drafts([each], TemplatePurpose.WELCOME, links=LINKS, now=now)[0] for each in (same, user)
    )
    assert (one.text_body, one.html_body, one.subject, one.recipient, one.reason_key) == (
        other.text_body,
        other.html_body,
        other.subject,
        other.recipient,
        other.reason_key,
    )
    assert invitations.recipient_id_of(one.reason_key) == user.id
