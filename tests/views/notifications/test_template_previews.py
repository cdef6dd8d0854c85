"""The preview of a notification template."""

import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from customerhub.mail.templates import PLACEHOLDERS
from models.base import db
from models.enums import DateFormat, Role, TemplatePurpose
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.template_pages import COMPLIANCE, REVIEW, organisation_today, save_template, template_form
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation

HOME = "/admin/templates/"
PREVIEW = f"{HOME}preview/"


class PageReader(HTMLParser):
    """What people read of a page, and its elements."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.parts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs), attrs
        for name, value in attrs:
            if name in ("href", "src"):
                assert re.match(r"https?://", value or ""), (tag, value)

    def handle_data(self, data):
        self.parts.append(data)

    @property
    def page_text(self) -> str:
        return " ".join("".join(self.parts).split())


def preview_text(browser: Browser, **values: object) -> str:
    answer = browser.post(PREVIEW, template_form(**values))
    assert answer.status_code == 200
    return PageReader(answer.text).page_text


def test_a_preview_without_a_customer_has_sample_values(organisations: TwoOrganisations, agent: Browser):
    text = preview_text(agent, subject="Review of {{customer}}", body="**{{reference}}**\n\n- {{review_date}}")
    assert "Sample values are shown." in text
    assert "Subject: Review of Königlich Essen" in text
    assert text.count("KOENE") == 2, "as it looks, and as plain text"
    assert "- 31 Jan 2026" in text


@time_machine.travel(datetime(2026, 1, 31, 12, tzinfo=UTC))
def test_a_preview_of_a_review_has_the_values_of_the_customer_as_on_today(organisations: TwoOrganisations):
    agent = Browser(organisations.app, organisations.own.users[Role.AGENT])
    change_row(
        organisations,
        own_organisation(organisations),
        date_format=DateFormat.DAY_DOT_MONTH,
        timezone="Pacific/Kiritimati",
    )
    start = date(2026, 1, 31)  # there it is 1 February
    change_row(
        organisations, get_customer(organisations), review_start_date=start, review_frequency=12, automatic_report=True
    )
    names = ("customer", "reference", "review_date", "review_in_words", "today", "account_manager", "report_note")
    body = "|".join(f"{{{{{name}}}}}" for name in names)
    text = preview_text(agent, body=body, preview_customer=str(get_customer(organisations).id))
    expected = (
        "Our Telecom customer 0|REF-0|31.01.2026|was due yesterday|01.02.2026|The agent|"
        "The performance report of Our Telecom customer 0 is attached."
    )
    assert text.count(expected) == 2
    assert "As it would be sent today for Our Telecom customer 0." in text


def test_a_preview_of_a_document_takes_the_first_to_expire_or_the_chosen_one(
    organisations: TwoOrganisations, agent: Browser
):
    first = get_customer(organisations)
    for document in list(first.compliance_documents):
        change_row(
            organisations,
            document,
            certificate="Late",
            expiry_date=organisation_today(organisations) + timedelta(days=300),
        )
    soon = make.ComplianceDocumentFactory(
        organisation=own_organisation(organisations),
        customer_id=first.id,
        certificate="Soon",
        expiry_date=organisation_today(organisations) + timedelta(days=2),
    )
    foreign_document = make.ComplianceDocumentFactory(
        organisation=own_organisation(organisations),
        customer_id=get_customer(organisations, 1).id,
        certificate="Another's",
    )
    late = first.compliance_documents[0]
    form_values = {
        "purpose": COMPLIANCE,
        "subject": "{{certificate}} {{expiry_in_words}}",
        "preview_customer": str(first.id),
    }
    assert "Subject: Soon expires in 2 days" in preview_text(agent, **form_values)
    assert "Subject: Late expires in 300 days" in preview_text(agent, **form_values, preview_document=str(late.id))
    for other in (foreign_document.id, "x", "9" * 40):
        assert "Subject: Soon" in preview_text(agent, **form_values, preview_document=str(other))
    document_choices = agent.get(f"{HOME}documents/?preview_customer={first.id}")
    assert document_choices.json == [[soon.id, "Soon"], [late.id, "Late"]]
    assert agent.get(f"{HOME}documents/").json == []


def test_what_a_customer_does_not_have_is_said(organisations: TwoOrganisations, agent: Browser):
    bare = make.CustomerFactory(organisation=own_organisation(organisations), name="Bare Ltd")
    for purpose, message in ((REVIEW, "has no review plan"), (COMPLIANCE, "has no compliance documents")):
        text = preview_text(agent, purpose=purpose, body="{{reviewer_email}}", preview_customer=str(bare.id))
        assert f"Bare Ltd {message}. Dashes stand for missing values." in text


def test_the_mail_wears_the_brand_of_the_customers_entity(organisations: TwoOrganisations, agent: Browser):
    entity = make.BusinessEntityFactory(
        organisation=own_organisation(organisations), name="Nordnetz", brand_colour="#ffcc00"
    )
    change_row(organisations, get_customer(organisations), business_entity_id=entity.id)
    page = agent.post(PREVIEW, template_form(preview_customer=str(get_customer(organisations).id))).text
    assert "border-top:4px solid #ffcc00" in page
    assert "Sent by Nordnetz." in page
    assert (
        "#ffcc00"
        not in agent.post(PREVIEW, template_form(preview_customer=str(get_customer(organisations, 1).id))).text
    )


def test_without_javascript_a_customer_is_found_by_what_was_typed(organisations: TwoOrganisations, agent: Browser):
    assert "for Our Telecom customer 1" in preview_text(agent, **{"preview_customer-text": "REF-1"})
    assert "Sample values" in preview_text(agent, **{"preview_customer-text": "nobody at all"})


def test_what_is_wrong_is_said_and_the_rest_is_shown(organisations: TwoOrganisations, agent: Browser):
    text = preview_text(agent, subject="{{nobody}}", body="One\n{% for a in b %}{{customer.name}}{{customer}}")
    assert "Subject: Character 1: There is no placeholder {{nobody}}." in text
    assert "Body: Line 2, character 1: Loops and conditions cannot be used here" in text
    assert "Body: Line 2, character 17: {{customer.name}} is an attribute, not a placeholder." in text
    assert "{% for a in b %}{{customer.name}}Königlich Essen" in text


@pytest.mark.parametrize("purpose", ["", "nothing", "REVIEW", "review due "])
def test_before_a_purpose_is_chosen_there_is_none(organisations: TwoOrganisations, agent: Browser, purpose: str):
    answer = agent.post(PREVIEW, {"purpose": purpose, "subject": "Secret", "body": "Secret"})
    assert answer.status_code == 200
    assert "Choose a purpose to see a preview." in answer.text
    assert "Secret" not in answer.text


@pytest.mark.parametrize("purpose", list(TemplatePurpose))
def test_every_saved_template_can_be_looked_at(
    organisations: TwoOrganisations, agent: Browser, purpose: TemplatePurpose
):
    body = "\n".join(f"{name}={{{{{name}}}}}" for name in PLACEHOLDERS[purpose])
    row = save_template(organisations, purpose=purpose, subject="A <b>subject</b>", body=body)
    text = PageReader(agent.get(f"{PREVIEW}?id={row.id}").text).page_text
    assert "Subject: A <b>subject</b>" in text
    for name in PLACEHOLDERS[purpose]:
        assert f"{name}={{{{" not in text


def test_a_preview_is_a_frame_in_which_nothing_runs_or_is_fetched(organisations: TwoOrganisations, agent: Browser):
    row = save_template(
        organisations, body="<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1))"
    )
    for answer in (agent.get(f"{PREVIEW}?id={row.id}"), agent.post(PREVIEW, template_form(body=row.body))):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert not {"script", "img", "iframe", "link", "object"} & set(PageReader(answer.text).tags)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from('<>"&{}%*-\n'), max_size=60),
    st.sampled_from(list(TemplatePurpose)),
)
def test_no_text_breaks_out_of_the_preview(
    organisations: TwoOrganisations, agent: Browser, text: str, purpose: TemplatePurpose
):
    plain = PageReader(agent.post(PREVIEW, template_form("x", "x", purpose)).text)
    answer = agent.post(PREVIEW, template_form(text, text, purpose))
    assert answer.status_code == 200
    assert set(PageReader(answer.text).tags) <= {*plain.tags, "ul", "li", "strong", "br", "a", "p"}


def test_a_preview_keeps_and_sends_nothing(organisations: TwoOrganisations, admin: Browser):
    db.session.commit()
    mark, messages = last_change_id(), db.session.query(models.OutboxMessage).count()
    rows = db.session.query(models.NotificationTemplate).count()
    preview_text(admin, body="{{customer}}", preview_customer=str(get_customer(organisations).id))
    assert changes_since(mark) == []
    assert db.session.query(models.OutboxMessage).count() == messages
    assert db.session.query(models.NotificationTemplate).count() == rows


def test_a_preview_is_of_ones_own_customers_and_templates(organisations: TwoOrganisations, agent: Browser):
    foreign_customer_id = organisations.foreign.customers[0]
    for url in (
        f"{HOME}documents/?preview_customer=",
        f"{PREVIEW}?id={save_template(organisations).id}&preview_customer=",
    ):
        for key in (foreign_customer_id, 10**9, "x", "1e3", "-1", "9" * 40, "１"):
            assert agent.get(f"{url}{key}").status_code == 404, (url, key)
    assert agent.post(PREVIEW, template_form(preview_customer=str(foreign_customer_id))).status_code == 404
    assert "Sample values" in preview_text(agent, **{"preview_customer-text": "Their Telecom customer"})
    for key in (organisations.foreign.row_id(models.NotificationTemplate), 10**9, "", "x"):
        assert agent.get(f"{PREVIEW}?id={key}").status_code == 404
    choices = agent.get(f"{HOME}ajax/lookup/?name=preview.customer&query=&limit=20").json
    assert {key for key, _ in choices} <= set(organisations.own.customers)
    assert choices
    assert agent.get(f"{HOME}ajax/lookup/?name=preview.customer&query=Their&limit=20").json == []


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_partners_and_customers_see_no_preview(organisations: TwoOrganisations, as_role, role: Role):
    browser = as_role(role)
    key = save_template(organisations).id
    assert browser.get(f"{PREVIEW}?id={key}").status_code == 403
    assert browser.post(PREVIEW, template_form()).status_code == 403
    assert browser.get(f"{HOME}documents/?preview_customer={organisations.own.customers[0]}").status_code == 403
    assert browser.get(f"{HOME}ajax/lookup/?name=preview.customer&query=").status_code == 403


def test_a_preview_is_not_asked_for_from_elsewhere(organisations: TwoOrganisations, agent: Browser):
    answer = agent.client.post(PREVIEW, data=template_form())
    assert answer.status_code == 400
    assert "Sample values" not in answer.text
