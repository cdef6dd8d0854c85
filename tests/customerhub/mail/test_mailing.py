"""How mails are worded and put together."""

import email
import re
from datetime import date

import pytest

from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.mail import delivery, outbox
from customerhub.mail.composition import build_account_mail, compose
from customerhub.mail.letterhead import Brand, Letterhead, get_letterhead
from customerhub.mail.markup import render_literal
from customerhub.mail.smtp_mail import build_smtp_mail
from customerhub.mail.templates import PLACEHOLDERS, list_sample_values
from customerhub.notifications.reminder_mail import build_reminder_mail, build_sample_mail
from models import ComplianceDocument, NotificationTemplate, Organisation
from models.base import db
from models.enums import DateFormat, TemplatePurpose
from seed.reference import TEMPLATES
from tests.customerhub.notifications.reading import HtmlReading
from tests.support import factories as make
from tests.support.people import make_organisation, make_user
from tests.support.statements import record_statements

LINK = "https://hub.example.com/set-password/" + "ab-cd_ef." * 30


@pytest.fixture
def user(session):
    return make_user(make_organisation("Bits & <Bytes>"), name='Robin "<b>" Sample')


def add_template(user, **values):
    with history.act_as(Actor(None, user.organisation_id), "test"):
        db.session.add(NotificationTemplate(organisation_id=user.organisation_id, **values))
        db.session.flush()


def compose_mail(user, purpose=TemplatePurpose.WELCOME):
    return build_account_mail(user, purpose=purpose, link=LINK, hours=72)


@pytest.mark.parametrize("purpose", [TemplatePurpose.WELCOME, TemplatePurpose.RESET])
def test_our_own_words(user, purpose):
    mail = compose_mail(user, purpose)
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
    mail = compose_mail(user)
    assert mail.subject == 'Hi Robin "<b>" Sample'
    assert f"Come in & see {user.email}" in mail.text
    assert "Come in &amp; see" in mail.html
    assert LINK in mail.text.split()


def test_a_stored_subject_with_the_link_in_it_is_sent_without(user):
    add_template(user, name="A", purpose=TemplatePurpose.WELCOME, subject="{{name}}, go to {{link}} now", body="x")
    mail = compose_mail(user)
    assert mail.subject == 'Robin "<b>" Sample, go to now'
    assert LINK in mail.text.split()


def test_another_organisations_words_are_not_used(user, session):
    stranger = make_user(make_organisation("Another"))
    add_template(stranger, name="A", purpose=TemplatePurpose.WELCOME, subject="Not yours", body="x")
    assert compose_mail(user).subject == "Your account at Bits & <Bytes>"


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00", "\t "])
def test_a_subject_is_one_line(end):
    mail = compose(subject=f"Hello{end}Bcc: victim@example.com", body=render_literal(), brand=Brand("B"))
    assert mail.subject == "Hello Bcc: victim@example.com"


def test_text_keeps_line_ends_addresses_and_angle_brackets():
    mail = compose(
        subject="S",
        brand=Brand("B", foot=("<foot>",)),
        body=render_literal(f"One\ntwo <x> {LINK}"),
        facts=[("Total", "a < b & c")],
    )
    assert "One\ntwo <x>\n" in mail.text
    assert LINK in mail.text.split()
    assert "Total: a < b & c" in mail.text
    assert "<foot>" in mail.text
    assert "&lt;foot&gt;" in mail.html


def test_a_mail_wears_the_brand():
    brand = Brand("Nordnetz", "#ffcc00", ("Nordnetz GmbH", "HRB 77"))
    mail = compose(
        subject="S", body=render_literal("x"), brand=brand, button=("Open", "https://hub.example.com/?a=1&b=2")
    )
    assert "border-top:4px solid #ffcc00" in mail.html
    button = re.search(r'<td bgcolor="#ffcc00"[^>]*><a href="([^"]*)" style="[^"]*color:(#[0-9a-f]{6});', mail.html)
    assert button is not None
    assert button.groups() == ("https://hub.example.com/?a=1&amp;b=2", "#050505")
    assert mail.text.startswith("Nordnetz\n")
    assert mail.text.endswith("-- \nNordnetz GmbH\nHRB 77\nSent by Nordnetz. This mailbox is not monitored.\n")


def test_mails_to_users_wear_the_brand_of_the_organisation(user):
    make.BusinessEntityFactory(organisation=db.session.get_one(Organisation, user.organisation_id), name="<Nord>")
    assert "&lt;Nord&gt;</td>" in compose_mail(user).html


@pytest.mark.parametrize("purpose", list(TemplatePurpose))
def test_a_sample_shows_how_a_mail_would_look(purpose):
    names = PLACEHOLDERS[purpose]
    body = "\n\n".join(f"{name}: {{{{{name}}}}}" for name in names)
    template = NotificationTemplate(purpose=purpose, subject="For {{organisation}} {{nobody}}", body=body)
    mail = build_sample_mail(template, letterhead=Letterhead("Ours", DateFormat.ISO, Brand("Nordnetz")))
    assert mail.subject == "For Example Telecom {{nobody}}"
    for name in names:
        assert f"{name}: {list_sample_values(purpose)[name]}" in " ".join(mail.text.split())
    assert mail.text.startswith("Nordnetz\n")
    assert re.search(r"\n\n(Open|Choose)[^\n]*:\nhttps://hub\.example\.com/", mail.text)


# --- Reminders ---------------------------------------------------------------------------------------------

REVIEW, COMPLIANCE = TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE
DAY = date(2026, 1, 31)
HOSTILE_TEXT = 'Acme\r\nBcc: victim@example.com <img src=x onerror="alert(1)"> {{account_manager}} **b** {% x %}'


@pytest.fixture
def customer(session, replace_services):
    replace_services(public_url="https://hub.example.com")
    organisation = make.OrganisationFactory(name="Bits & <Bytes>")
    make.BusinessEntityFactory(organisation=organisation, name="The first, which is not the customer's")
    return make.CustomerFactory(
        organisation=organisation,
        name="Kö & Co",
        reference="KOE",
        review_start_date=date(2025, 1, 31),
        review_frequency=3,
        business_entity_id=make.BusinessEntityFactory(organisation=organisation, name="Nordnetz").id,
    )


def add_template_for(customer, purpose, **values):
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    return make.NotificationTemplateFactory(organisation=organisation, purpose=purpose, **values)


def test_a_reminder_of_a_review(customer):
    own = add_template_for(
        customer,
        REVIEW,
        subject="{{customer}} {{review_in_words}}",
        body="**{{customer}}**: {{review_date}}\n\n- {{reference}}\n\n{{report_note}}",
    )
    mail = build_reminder_mail(customer, purpose=REVIEW, template=own, as_of=DAY)
    link = f"https://hub.example.com/admin/customers/details/?id={customer.id}"
    assert mail.subject == "Kö & Co is due today"
    assert mail.text == (
        "Nordnetz\n\nKö & Co is due today\n--------------------\n\nKö & Co: 31 Jan 2026\n\n- KOE\n\n"
        f"Open the customer:\n{link}\n\n-- \nEntity Ltd\n1 Market Street\n"
        "Sent by Nordnetz. This mailbox is not monitored.\n"
    )
    assert "<strong>Kö &amp; Co</strong>: 31 Jan 2026" in mail.html
    assert f'href="{link}"' in mail.html


def test_a_reminder_of_a_document(customer):
    document = make.ComplianceDocumentFactory(
        organisation=db.session.get_one(Organisation, customer.organisation_id),
        customer_id=customer.id,
        expiry_date=date(2026, 2, 14),
    )
    own = add_template_for(
        customer, COMPLIANCE, subject="{{certificate}} {{expiry_in_words}}", body="{{customer_link}}"
    )
    mail = build_reminder_mail(customer, purpose=COMPLIANCE, template=own, as_of=DAY, document=document)
    link = f"https://hub.example.com/admin/customers/details/?id={customer.id}"
    assert mail.subject == "ISO 27001 expires in 14 days"
    assert f"Open documents:\n{link}&tab=compliance\n" in mail.text
    assert f'href="{link}&amp;tab=compliance"' in mail.html
    assert f'<a href="{link}" ' in mail.html


@pytest.mark.parametrize("purpose", [REVIEW, COMPLIANCE])
def test_whatever_a_customer_is_called_its_mail_is_sound(customer, purpose):
    """A name is refused with line ends in it; this one came some other way."""
    customer.name = HOSTILE_TEXT
    document = ComplianceDocument(certificate=HOSTILE_TEXT, expiry_date=DAY)
    both = "{{customer}}" + (" {{certificate}}" if purpose is COMPLIANCE else "")
    own = add_template_for(customer, purpose, subject=both, body=both)
    mail = build_reminder_mail(customer, purpose=purpose, template=own, as_of=DAY, document=document)
    display_name = HOSTILE_TEXT.replace("\r\n", " ")
    assert mail.subject == " ".join([display_name] * both.count("{{"))
    assert "<img" not in mail.html
    assert "<strong>" not in mail.html
    assert " ".join(mail.text.split()).count(display_name) == 2 * both.count("{{")
    outbox.enqueue(
        organisation_id=customer.organisation_id,
        reason_key="x",
        purpose="x",
        recipient="a@hub.example",
        subject=mail.subject,
        text_body=mail.text,
        html_body=mail.html,
    )
    (letter,) = delivery.claim(now=clock.get_now())
    sent = email.message_from_bytes(build_smtp_mail(letter, fallback_sender="no-reply@hub.example.com").content)
    assert sent["Bcc"] is None
    assert sent["To"] == "a@hub.example"


def test_many_reminders_ask_nothing_of_the_database(customer):
    own = add_template_for(customer, REVIEW)
    head = get_letterhead(customer.organisation_id)
    db.session.flush()
    assert (customer.status, customer.account_manager, customer.business_entity.logo) is not None
    with record_statements() as statements:
        for _ in range(3):
            build_reminder_mail(customer, purpose=REVIEW, template=own, as_of=DAY, letterhead=head)
    assert statements == []


def test_text_and_html_of_a_mail_say_the_same(customer):
    for _name, purpose, subject, body in TEMPLATES:
        document = ComplianceDocument(certificate="ISO 27001", expiry_date=DAY)
        own = add_template_for(customer, purpose, subject=subject, body=body)
        mail = build_reminder_mail(customer, purpose=purpose, template=own, as_of=DAY, document=document)
        inner = re.search(r"</h1>(.*?)<table", mail.html, re.DOTALL)
        words = " ".join(HtmlReading(inner[1]).words)
        assert words in " ".join(mail.text.split())
        assert len(words) > 150
