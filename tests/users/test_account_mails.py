"""Mails with one-time links, written for many at once: each is what it would be by itself."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from customerhub import clock, history
from customerhub.notifications.mailing import account_mail, account_words
from customerhub.users import accounts
from customerhub.users.accounts import Invited
from customerhub.users.links import OneTimeLinks
from models import NotificationTemplate
from models.base import db
from models.enums import TemplatePurpose
from tests.people import make_organisation, make_user, system

LINKS = OneTimeLinks("secret", "https://hub.example.com/a&b")
ALPHABET = "abc <>&\"'{}%\\\u00e9\u202eßΐ漢-_*.\n"
NAMES = st.one_of(
    st.text(ALPHABET, min_size=1, max_size=90), st.sampled_from(["{{email}}", "{{link}}", "<b>", "&amp;"])
)
BODIES = st.lists(
    st.sampled_from(["Hello {{name}},", "{{email}}", "{{link}}", "**{{name}}**", "- {{hours}}", "- {{email}}", "\n",
                     "\n\n", " ", "{{organisation}} " * 12, "{{nothing}}", "<script>", "x" * 90]),
    max_size=9,
).map("\n".join)  # fmt: skip
SUBJECTS = st.sampled_from(
    ["Your account", "{{organisation}} & co", "{{name}} <{{email}}>", "{{ name }}", "x" * 200, "{{link}}"]
)


@pytest.fixture
def organisation(session):
    return make_organisation("Example & <Telecom> {{name}}")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.text(ALPHABET, min_size=1, max_size=60), SUBJECTS, BODIES, st.booleans())
def test_a_mail_among_many_is_the_mail_alone(session, organisation, name, email, subject, body, is_own):
    session.execute(delete(NotificationTemplate), execution_options=history.recorded())
    if is_own:
        with history.acting(system(organisation), "test"):
            db.session.add(NotificationTemplate(organisation_id=organisation.id, name="Own", subject=subject, body=body,
                                                purpose=TemplatePurpose.WELCOME))  # fmt: skip
            db.session.flush()
    words = account_words(organisation.id, TemplatePurpose.WELCOME)
    for number, address in enumerate((email, "kim@x.example")):
        receiver = Invited(number, organisation.id, 1, address, name)
        link = LINKS.make(receiver, TemplatePurpose.WELCOME, now=clock.now())
        told = {"purpose": TemplatePurpose.WELCOME, "link": link, "hours": 72}
        assert account_mail(receiver, **told, words=words) == account_mail(receiver, **told)


def test_a_link_for_somebody_just_written_is_the_link_for_the_user(session, organisation):
    user = make_user(organisation, password=None)
    now = clock.now()
    same = Invited(user.id, organisation.id, 1, user.email, user.name)
    assert LINKS.make(same, TemplatePurpose.WELCOME, now=now) == LINKS.make(user, TemplatePurpose.WELCOME, now=now)
    one, other = (
        accounts.link_drafts([each], TemplatePurpose.WELCOME, links=LINKS, now=now)[0] for each in (same, user)
    )
    assert (one.text_body, one.html_body, one.subject, one.recipient, one.reason_key) == (
        other.text_body, other.html_body, other.subject, other.recipient, other.reason_key,
    )  # fmt: skip
    assert accounts.receiver_of(one.reason_key) == user.id
