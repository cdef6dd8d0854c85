"""How mails are worded and put together."""

import email
import re
from datetime import date

import pytest
from sqlalchemy import event

from customerhub import addresses, clock, delivery, history, outbox
from customerhub.notifications.letterhead import Brand, Letterhead, letterhead_of
from customerhub.notifications.mailing import account_mail, compose, reminder_mail, sample_mail
from customerhub.notifications.templates import PLACEHOLDERS, samples
from customerhub.notifications.wording import literally
from customerhub.permissions import Actor
from models import ComplianceDocument, NotificationTemplate, Organisation
from models.base import db
from models.enums import DateFormat, TemplatePurpose
from seed.reference import TEMPLATES
from tests import factories as make
from tests.notifications.reading import Reading
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


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00", "\t "])
def test_a_subject_is_one_line(end):
    mail = compose(subject=f"Hello{end}Bcc: victim@example.com", body=literally(), brand=Brand("B"))
    assert mail.subject == "Hello Bcc: victim@example.com"


def test_text_keeps_line_ends_addresses_and_angle_brackets():
    mail = compose(
        subject="S", brand=Brand("B", foot=("<foot>",)), body=literally(f"One\ntwo <x> {LINK}"),
        facts=[("Total", "a < b & c")],
    )  # fmt: skip
    assert "One\ntwo <x>\n" in mail.text
    assert LINK in mail.text.split()
    assert "Total: a < b & c" in mail.text
    assert "<foot>" in mail.text
    assert "&lt;foot&gt;" in mail.html


def test_a_mail_wears_the_brand():
    brand = Brand("Nordnetz", "#ffcc00", ("Nordnetz GmbH", "HRB 77"))
    mail = compose(subject="S", body=literally("x"), brand=brand, button=("Open", "https://hub.example.com/?a=1&b=2"))
    assert "border-top:4px solid #ffcc00" in mail.html
    button = re.search(r'<td bgcolor="#ffcc00"[^>]*><a href="([^"]*)" style="[^"]*color:(#[0-9a-f]{6});', mail.html)
    assert button is not None
    assert button.groups() == ("https://hub.example.com/?a=1&amp;b=2", "#050505")
    assert mail.text.startswith("Nordnetz\n")
    assert mail.text.endswith("-- \nNordnetz GmbH\nHRB 77\nSent by Nordnetz. This mailbox is not read.\n")


def test_mails_to_users_wear_the_brand_of_the_organisation(user):
    make.BusinessEntityFactory(organisation=db.session.get_one(Organisation, user.organisation_id), name="<Nord>")
    assert "&lt;Nord&gt;</td>" in mail_to(user).html


@pytest.mark.parametrize("purpose", list(TemplatePurpose))
def test_a_sample_shows_how_a_mail_would_look(purpose):
    names = PLACEHOLDERS[purpose]
    body = "\n\n".join(f"{name}: {{{{{name}}}}}" for name in names)
    template = NotificationTemplate(purpose=purpose, subject="For {{organisation}} {{nobody}}", body=body)
    mail = sample_mail(template, letterhead=Letterhead("Ours", DateFormat.ISO, Brand("Nordnetz")))
    assert mail.subject == "For Example Telecom {{nobody}}"
    for name in names:
        assert f"{name}: {samples(purpose)[name]}" in " ".join(mail.text.split())
    assert mail.text.startswith("Nordnetz\n")
    assert re.search(r"\n\n(Open|Choose)[^\n]*:\nhttps://hub\.example\.com/", mail.text)


# --- Reminders ---------------------------------------------------------------------------------------------

REVIEW, COMPLIANCE = TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE
DAY = date(2026, 1, 31)
NASTY = 'Acme\r\nBcc: victim@example.com <img src=x onerror="alert(1)"> {{account_manager}} **b** {% x %}'


@pytest.fixture
def customer(session):
    addresses.configure(public_url="https://hub.example.com")
    organisation = make.OrganisationFactory(name="Bits & <Bytes>")
    make.BusinessEntityFactory(organisation=organisation, name="The first, which is not the customer's")
    return make.CustomerFactory(
        organisation=organisation, name="Kö & Co", reference="KOE", review_start_date=date(2025, 1, 31),
        review_frequency=3,
        business_entity_id=make.BusinessEntityFactory(organisation=organisation, name="Nordnetz").id,
    )  # fmt: skip


def template_of(customer, purpose, **values):
    organisation = db.session.get_one(Organisation, customer.organisation_id)
    return make.NotificationTemplateFactory(organisation=organisation, purpose=purpose, **values)


def test_a_reminder_of_a_review(customer):
    own = template_of(
        customer, REVIEW, subject="{{customer}} {{review_in_words}}",
        body="**{{customer}}**: {{review_date}}\n\n- {{reference}}\n\n{{report_note}}",
    )  # fmt: skip
    mail = reminder_mail(customer, purpose=REVIEW, template=own, as_of=DAY)
    link = f"https://hub.example.com/admin/customers/details/?id={customer.id}"
    assert mail.subject == "Kö & Co is due today"
    assert mail.text == (
        "Nordnetz\n\nKö & Co is due today\n--------------------\n\nKö & Co: 31 Jan 2026\n\n- KOE\n\n"
        f"Open the customer:\n{link}\n\n-- \nEntity Ltd\n1 Market Street\nSent by Nordnetz. This mailbox is not read.\n"
    )
    assert "<strong>Kö &amp; Co</strong>: 31 Jan 2026" in mail.html
    assert f'href="{link}"' in mail.html


def test_a_reminder_of_a_document(customer):
    document = make.ComplianceDocumentFactory(
        organisation=db.session.get_one(Organisation, customer.organisation_id), customer_id=customer.id,
        expiry_date=date(2026, 2, 14),
    )  # fmt: skip
    own = template_of(customer, COMPLIANCE, subject="{{certificate}} {{expiry_in_words}}", body="{{customer_link}}")
    mail = reminder_mail(customer, purpose=COMPLIANCE, template=own, as_of=DAY, document=document)
    link = f"https://hub.example.com/admin/customers/details/?id={customer.id}"
    assert mail.subject == "ISO 27001 expires in 14 days"
    assert f"Open its documents:\n{link}&tab=compliance\n" in mail.text
    assert f'href="{link}&amp;tab=compliance"' in mail.html
    assert f'<a href="{link}" ' in mail.html


@pytest.mark.parametrize("purpose", [REVIEW, COMPLIANCE])
def test_whatever_a_customer_is_called_its_mail_is_sound(customer, purpose):
    """A name is refused with line ends in it; this one came some other way."""
    customer.name = NASTY
    document = ComplianceDocument(certificate=NASTY, expiry_date=DAY)
    both = "{{customer}}" + (" {{certificate}}" if purpose is COMPLIANCE else "")
    own = template_of(customer, purpose, subject=both, body=both)
    mail = reminder_mail(customer, purpose=purpose, template=own, as_of=DAY, document=document)
    shown = NASTY.replace("\r\n", " ")
    assert mail.subject == " ".join([shown] * both.count("{{"))
    assert "<img" not in mail.html
    assert "<strong>" not in mail.html
    assert " ".join(mail.text.split()).count(shown) == 2 * both.count("{{")
    outbox.put(
        organisation_id=customer.organisation_id, reason_key="x", purpose="x", recipient="a@hub.example",
        subject=mail.subject, text_body=mail.text, html_body=mail.html,
    )  # fmt: skip
    (letter,) = delivery.claim(now=clock.now())
    sent = email.message_from_bytes(delivery.compose(letter, fallback_sender="no-reply@hub.example.com").content)
    assert sent["Bcc"] is None
    assert sent["To"] == "a@hub.example"


def test_many_reminders_ask_nothing_of_the_database(customer):
    own = template_of(customer, REVIEW)
    head = letterhead_of(customer.organisation_id)
    db.session.flush()
    assert (customer.status, customer.account_manager, customer.business_entity.logo) is not None
    asked = []
    listener = lambda *given: asked.append(given[2])  # noqa: E731
    event.listen(db.engine, "before_cursor_execute", listener)
    try:
        for _ in range(3):
            reminder_mail(customer, purpose=REVIEW, template=own, as_of=DAY, letterhead=head)
    finally:
        event.remove(db.engine, "before_cursor_execute", listener)
    assert asked == []


def test_text_and_html_of_a_mail_say_the_same(customer):
    for _name, purpose, subject, body in TEMPLATES:
        document = ComplianceDocument(certificate="ISO 27001", expiry_date=DAY)
        own = template_of(customer, purpose, subject=subject, body=body)
        mail = reminder_mail(customer, purpose=purpose, template=own, as_of=DAY, document=document)
        inner = re.search(r"</h1>(.*?)<table", mail.html, re.DOTALL)
        words = " ".join(Reading(inner[1]).words)
        assert words in " ".join(mail.text.split())
        assert len(words) > 150
