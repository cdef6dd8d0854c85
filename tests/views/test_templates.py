"""Notification templates: writing one, seeing how its mail looks, and what stands in the way of deleting one."""

import html
import json
import re
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import models
from customerhub import clock, history
from customerhub.notifications.templates import PLACEHOLDERS
from customerhub.permissions import Actor
from models.base import db
from models.enums import DateFormat, Role, TemplatePurpose
from tests import factories as make
from tests.browsing import Browser
from tests.views.watching import changes_since, last_change
from tests.world import World

HOME = "/admin/templates/"
PREVIEW = f"{HOME}preview/"
REVIEW, COMPLIANCE = TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def saved(world: World, **values: object) -> models.NotificationTemplate:
    made = make.NotificationTemplateFactory(organisation=owner(world), **values)
    db.session.commit()
    return made


def customer(world: World, number: int = 0) -> models.Customer:
    return db.session.get_one(models.Customer, world.ours.customers[number])


def change(world: World, row: object, **values: object) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def today(world: World):
    return clock.today(owner(world).timezone)


class Seen(HTMLParser):
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
    def text(self) -> str:
        return " ".join("".join(self.parts).split())


def written(
    subject: str = "S", body: str = "B", purpose: TemplatePurpose = REVIEW, **more: object
) -> dict[str, object]:
    return {"purpose": purpose.value, "subject": subject, "body": body, **more}


def shown(browser: Browser, **values: object) -> str:
    answer = browser.post(PREVIEW, written(**values))
    assert answer.status_code == 200
    return Seen(answer.text).text


# --- The preview -------------------------------------------------------------------------------------------


def test_a_preview_without_a_customer_has_sample_values(world: World, agent: Browser):
    text = shown(agent, subject="Review of {{customer}}", body="**{{reference}}**\n\n- {{review_date}}")
    assert "Sample values are shown." in text
    assert "Subject: Review of Königlich Essen" in text
    assert text.count("KOENE") == 2, "as it looks, and as plain text"
    assert "- 31 Jan 2026" in text


@time_machine.travel(datetime(2026, 1, 31, 12, tzinfo=UTC))
def test_a_preview_of_a_review_has_the_values_of_the_customer_as_on_today(world: World):
    agent = Browser(world.app, world.ours.users[Role.AGENT])
    change(world, owner(world), date_format=DateFormat.DAY_DOT_MONTH, timezone="Pacific/Kiritimati")
    start = date(2026, 1, 31)  # there it is 1 February
    change(world, customer(world), review_start_date=start, review_frequency=12, automatic_report=True)
    names = ("customer", "reference", "review_date", "review_in_words", "today", "account_manager", "report_note")
    body = "|".join(f"{{{{{name}}}}}" for name in names)
    text = shown(agent, body=body, preview_customer=str(customer(world).id))
    expected = (
        "Our Telecom customer 0|REF-0|31.01.2026|was due yesterday|01.02.2026|The agent|"
        "The performance report of Our Telecom customer 0 is attached."
    )
    assert text.count(expected) == 2
    assert "As it would be sent today about Our Telecom customer 0." in text


def test_a_preview_of_a_document_takes_the_first_to_expire_or_the_chosen_one(world: World, agent: Browser):
    first = customer(world)
    for document in list(first.compliance_documents):
        change(world, document, certificate="Late", expiry_date=today(world) + timedelta(days=300))
    soon = make.ComplianceDocumentFactory(
        organisation=owner(world),
        customer_id=first.id,
        certificate="Soon",
        expiry_date=today(world) + timedelta(days=2),
    )
    theirs = make.ComplianceDocumentFactory(
        organisation=owner(world), customer_id=customer(world, 1).id, certificate="Another's"
    )
    late = first.compliance_documents[0]
    given = {"purpose": COMPLIANCE, "subject": "{{certificate}} {{expiry_in_words}}", "preview_customer": str(first.id)}
    assert "Subject: Soon expires in 2 days" in shown(agent, **given)
    assert "Subject: Late expires in 300 days" in shown(agent, **given, preview_document=str(late.id))
    for other in (theirs.id, "x", "9" * 40):
        assert "Subject: Soon" in shown(agent, **given, preview_document=str(other))
    found = agent.get(f"{HOME}documents/?preview_customer={first.id}")
    assert found.json == [[soon.id, "Soon"], [late.id, "Late"]]
    assert agent.get(f"{HOME}documents/").json == []


def test_what_a_customer_does_not_have_is_said(world: World, agent: Browser):
    bare = make.CustomerFactory(organisation=owner(world), name="Bare Ltd")
    for purpose, told in ((REVIEW, "has no review plan"), (COMPLIANCE, "has no compliance documents")):
        text = shown(agent, purpose=purpose, body="{{reviewer_email}}", preview_customer=str(bare.id))
        assert f"Bare Ltd {told}: dashes stand for what is not known." in text


def test_the_mail_wears_the_brand_of_the_customers_entity(world: World, agent: Browser):
    entity = make.BusinessEntityFactory(organisation=owner(world), name="Nordnetz", brand_colour="#ffcc00")
    change(world, customer(world), business_entity_id=entity.id)
    page = agent.post(PREVIEW, written(preview_customer=str(customer(world).id))).text
    assert "border-top:4px solid #ffcc00" in page
    assert "Sent by Nordnetz." in page
    assert "#ffcc00" not in agent.post(PREVIEW, written(preview_customer=str(customer(world, 1).id))).text


def test_without_javascript_a_customer_is_found_by_what_was_typed(world: World, agent: Browser):
    assert "about Our Telecom customer 1" in shown(agent, **{"preview_customer-text": "REF-1"})
    assert "Sample values" in shown(agent, **{"preview_customer-text": "nobody at all"})


def test_what_is_wrong_is_said_and_the_rest_is_shown(world: World, agent: Browser):
    text = shown(agent, subject="{{nobody}}", body="One\n{% for a in b %}{{customer.name}}{{customer}}")
    assert "Subject: Character 1: There is no placeholder {{nobody}}." in text
    assert "Body: Line 2, character 1: Loops and conditions cannot be used here" in text
    assert "Body: Line 2, character 17: {{customer.name}} is an attribute, not a placeholder." in text
    assert "{% for a in b %}{{customer.name}}Königlich Essen" in text


@pytest.mark.parametrize("purpose", ["", "nothing", "REVIEW", "review due "])
def test_before_a_purpose_is_chosen_there_is_none(world: World, agent: Browser, purpose: str):
    answer = agent.post(PREVIEW, {"purpose": purpose, "subject": "Secret", "body": "Secret"})
    assert answer.status_code == 200
    assert "Choose a purpose to see a preview." in answer.text
    assert "Secret" not in answer.text


@pytest.mark.parametrize("purpose", list(TemplatePurpose))
def test_every_saved_template_can_be_looked_at(world: World, agent: Browser, purpose: TemplatePurpose):
    body = "\n".join(f"{name}={{{{{name}}}}}" for name in PLACEHOLDERS[purpose])
    row = saved(world, purpose=purpose, subject="A <b>subject</b>", body=body)
    text = Seen(agent.get(f"{PREVIEW}?id={row.id}").text).text
    assert "Subject: A <b>subject</b>" in text
    for name in PLACEHOLDERS[purpose]:
        assert f"{name}={{{{" not in text


def test_a_preview_is_a_frame_in_which_nothing_runs_or_is_fetched(world: World, agent: Browser):
    row = saved(world, body="<script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1))")
    for answer in (agent.get(f"{PREVIEW}?id={row.id}"), agent.post(PREVIEW, written(body=row.body))):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
        assert "script-src" not in policy
        assert "frame-ancestors 'self'" in policy
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
        assert not {"script", "img", "iframe", "link", "object"} & set(Seen(answer.text).tags)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from('<>"&{}%*-\n'), max_size=60),
    st.sampled_from(list(TemplatePurpose)),
)
def test_no_text_breaks_out_of_the_preview(world: World, agent: Browser, text: str, purpose: TemplatePurpose):
    plain = Seen(agent.post(PREVIEW, written("x", "x", purpose)).text)
    answer = agent.post(PREVIEW, written(text, text, purpose))
    assert answer.status_code == 200
    assert set(Seen(answer.text).tags) <= {*plain.tags, "ul", "li", "strong", "br", "a", "p"}


def test_a_preview_keeps_and_sends_nothing(world: World, admin: Browser):
    db.session.commit()
    mark, messages = last_change(), db.session.query(models.OutboxMessage).count()
    rows = db.session.query(models.NotificationTemplate).count()
    shown(admin, body="{{customer}}", preview_customer=str(customer(world).id))
    assert changes_since(mark) == []
    assert db.session.query(models.OutboxMessage).count() == messages
    assert db.session.query(models.NotificationTemplate).count() == rows


def test_a_preview_is_of_ones_own_customers_and_templates(world: World, agent: Browser):
    theirs = world.theirs.customers[0]
    for url in (f"{HOME}documents/?preview_customer=", f"{PREVIEW}?id={saved(world).id}&preview_customer="):
        for key in (theirs, 10**9, "x", "1e3", "-1", "9" * 40, "１"):
            assert agent.get(f"{url}{key}").status_code == 404, (url, key)
    assert agent.post(PREVIEW, written(preview_customer=str(theirs))).status_code == 404
    assert "Sample values" in shown(agent, **{"preview_customer-text": "Their Telecom customer"})
    for key in (world.theirs.row(models.NotificationTemplate), 10**9, "", "x"):
        assert agent.get(f"{PREVIEW}?id={key}").status_code == 404
    found = agent.get(f"{HOME}ajax/lookup/?name=preview.customer&query=&limit=20").json
    assert {key for key, _ in found} <= set(world.ours.customers)
    assert found
    assert agent.get(f"{HOME}ajax/lookup/?name=preview.customer&query=Their&limit=20").json == []


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_partners_and_customers_see_no_preview(world: World, as_role, role: Role):
    browser = as_role(role)
    key = saved(world).id
    assert browser.get(f"{PREVIEW}?id={key}").status_code == 403
    assert browser.post(PREVIEW, written()).status_code == 403
    assert browser.get(f"{HOME}documents/?preview_customer={world.ours.customers[0]}").status_code == 403
    assert browser.get(f"{HOME}ajax/lookup/?name=preview.customer&query=").status_code == 403


def test_a_preview_is_not_asked_for_from_elsewhere(world: World, agent: Browser):
    answer = agent.client.post(PREVIEW, data=written())
    assert answer.status_code == 400
    assert "Sample values" not in answer.text


# --- The form and the record -------------------------------------------------------------------------------


def test_the_form_knows_the_placeholders_of_each_purpose(world: World, admin: Browser):
    page = admin.get(f"{HOME}new/").text
    subject, body = (json.loads(html.unescape(text)) for text in re.findall(r'data-placeholders="([^"]*)"', page))
    for purpose, names in PLACEHOLDERS.items():
        assert body[purpose.value] == [list(pair) for pair in names.items()]
        assert subject[purpose.value] == [pair for pair in body[purpose.value] if pair[0] != "link"]
        for name in names:
            assert f"{{{{{name}}}}}</td>" in page, "the list beneath, for those without JavaScript"
    assert "two asterisks" in page


def test_a_refused_form_keeps_the_customer_of_the_preview(world: World, admin: Browser):
    answer = admin.submit(
        f"{HOME}new/",
        name="Mine",
        **written(body="Hello\n{{ customer.email }}", preview_customer=str(customer(world).id)),
    )
    assert answer.status_code == 422
    assert "Line 2, character 1: {{customer.email}} is an attribute, not a placeholder. Only these" in answer.text
    assert re.search(r'name="preview_customer-text" value="Our Telecom customer 0"', answer.text)
    assert "{{ customer.email }}</textarea>" in answer.text


def test_a_preview_changes_nothing_of_what_is_saved(world: World, admin: Browser):
    answer = admin.submit(f"{HOME}new/", name="Mine", **written(preview_customer=str(customer(world).id)))
    assert answer.status_code == 303
    made = db.session.query(models.NotificationTemplate).filter_by(name="Mine").one()
    assert (made.subject, made.body, made.purpose) == ("S", "B", REVIEW)


def test_the_record_shows_the_text_and_its_preview(world: World, agent: Browser):
    row = saved(world, purpose=COMPLIANCE, body="One\n\n<b>{{certificate}}</b>")
    page = agent.get(f"{HOME}details/?id={row.id}").text
    assert f'<iframe name="preview" title="Preview" src="{PREVIEW}?id={row.id}" sandbox=' in page
    assert "One\n\n&lt;b&gt;{{certificate}}&lt;/b&gt;" in page
    assert 'name="preview_document"' in page
    account = agent.get(f"{HOME}details/?id={saved(world, purpose=TemplatePurpose.RESET).id}").text
    assert "preview_customer" not in account
    assert "Used by" not in account


# --- Who uses a template -----------------------------------------------------------------------------------


def test_the_record_says_who_uses_it_and_leads_to_them(world: World, agent: Browser):
    row = saved(world, purpose=REVIEW)
    assert "nobody by name" in agent.get(f"{HOME}details/?id={row.id}").text
    for number in (0, 2):
        change(world, customer(world, number), review_template_id=row.id)
    page = agent.get(f"{HOME}details/?id={row.id}").text
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*>2 customers</a>', page)
    listed = agent.get(html.unescape(link)).text
    assert [number for number in range(3) if f"Our Telecom customer {number}" in listed] == [0, 2]
    assert "2 customers" in listed


def test_documents_lead_to_their_customers(world: World, agent: Browser):
    row = saved(world, purpose=COMPLIANCE)
    change(world, customer(world, 1).compliance_documents[0], template_id=row.id)
    page = agent.get(f"{HOME}details/?id={row.id}").text
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*>1 compliance document</a>', page)
    listed = agent.get(html.unescape(link)).text
    assert [number for number in range(3) if f"Our Telecom customer {number}" in listed] == [1]


def test_a_template_in_use_is_not_deleted_and_says_who_uses_it(world: World, admin: Browser):
    row, free = saved(world, purpose=REVIEW), saved(world, name="Free", purpose=REVIEW)
    used = [
        make.CustomerFactory(organisation=owner(world), name=f"User {n}", review_template_id=row.id) for n in range(5)
    ]
    url = f"{HOME}operation/delete/?id={row.id}&id={free.id}"
    page = admin.get(url).text
    told = "It is used by the reviews of 5 customers (User 0, User 1, User 2 and 2 more). Make it inactive instead"
    assert told in page
    assert re.search(rf'f=review_template:is:{row.id}"[^>]*>5 customers</a>', html.unescape(page))
    assert admin.post(url).status_code == 200
    names = set(
        db.session.scalars(db.select(models.NotificationTemplate.name).filter_by(organisation_id=world.ours.id))
    )
    assert row.name in names
    assert "Free" not in names
    alone = admin.post(f"{HOME}operation/delete/?id={row.id}")
    assert alone.status_code == 409
    assert told in alone.text
    assert f"{HOME}operation/delete/" not in admin.get(f"{HOME}details/?id={row.id}").text
    for each in used:
        change(world, each, review_template_id=None)
    assert admin.post(f"{HOME}operation/delete/?id={row.id}").status_code == 303


def test_documents_in_the_way_are_named_by_the_first_to_expire(world: World, admin: Browser):
    row = saved(world, purpose=COMPLIANCE)
    for days, name in ((30, "Late"), (1, "Soon")):
        make.ComplianceDocumentFactory(
            organisation=owner(world), customer_id=customer(world).id, certificate=name, template_id=row.id,
            expiry_date=today(world) + timedelta(days=days),
        )  # fmt: skip
    page = admin.get(f"{HOME}operation/delete/?id={row.id}").text
    assert (
        "It is used by 2 compliance documents (Soon of Our Telecom customer 0, Late of Our Telecom customer 0). Make"
        in page
    )


def test_switching_one_off_warns_of_what_is_then_not_sent(world: World, admin: Browser):
    row = saved(world, purpose=REVIEW, name="Spare")
    url = f"{HOME}edit/?id={row.id}"
    assert "switched off" not in admin.get(url).text
    change(world, customer(world), review_template_id=row.id)
    told = "reminders for the reviews of 1 customer (Our Telecom customer 0) are not sent"
    assert f"While it is switched off, {told}" in admin.get(url).text
    assert "It is switched off" not in admin.get(f"{HOME}details/?id={row.id}").text
    assert admin.submit(url, active=None).status_code == 303
    assert f"It is switched off: {told}" in admin.get(f"{HOME}details/?id={row.id}").text


def test_the_last_active_one_is_also_needed_by_what_names_none(world: World, admin: Browser):
    (usual,) = db.session.query(models.NotificationTemplate).filter_by(organisation_id=world.ours.id, purpose=REVIEW)
    spare = saved(world, purpose=REVIEW, name="ZZZ")
    uses_this = "Reminders that name no template use this one."
    assert uses_this in admin.get(f"{HOME}details/?id={usual.id}").text
    assert uses_this not in admin.get(f"{HOME}details/?id={spare.id}").text
    assert "name no template" not in admin.get(f"{HOME}edit/?id={usual.id}").text
    assert admin.submit(f"{HOME}edit/?id={usual.id}", active=None).status_code == 303
    assert uses_this in admin.get(f"{HOME}details/?id={spare.id}").text
    page = admin.get(f"{HOME}edit/?id={spare.id}").text
    assert "While it is switched off, reminders that name no template are not sent" in page
