"""Notification templates: their form and record, and who uses them."""

import html
import json
import re
from datetime import timedelta

import models
from customerhub.mail.templates import PLACEHOLDERS
from models.base import db
from models.enums import TemplatePurpose
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.template_pages import COMPLIANCE, REVIEW, organisation_today, save_template, template_form
from tests.support.two_organisations import TwoOrganisations, change_row, get_customer, own_organisation

HOME = "/admin/templates/"
PREVIEW = f"{HOME}preview/"


# --- The form and the record -------------------------------------------------------------------------------


def test_the_form_knows_the_placeholders_of_each_purpose(organisations: TwoOrganisations, admin: Browser):
    page = admin.get(f"{HOME}new/").text
    subject, body = (json.loads(html.unescape(text)) for text in re.findall(r'data-placeholders="([^"]*)"', page))
    for purpose, names in PLACEHOLDERS.items():
        assert body[purpose.value] == [list(pair) for pair in names.items()]
        assert subject[purpose.value] == [pair for pair in body[purpose.value] if pair[0] != "link"]
        for name in names:
            assert f"{{{{{name}}}}}</td>" in page, "the list beneath, for those without JavaScript"
    assert "two asterisks" in page


def test_a_refused_form_keeps_the_customer_of_the_preview(organisations: TwoOrganisations, admin: Browser):
    answer = admin.submit(
        f"{HOME}new/",
        name="Mine",
        **template_form(body="Hello\n{{ customer.email }}", preview_customer=str(get_customer(organisations).id)),
    )
    assert answer.status_code == 422
    assert "Line 2, character 1: {{customer.email}} is an attribute, not a placeholder. Only these" in answer.text
    box = re.search(r'<input [^>]*name="preview_customer-text"[^>]*>', answer.text)
    assert box is not None
    assert 'value="Our Telecom customer 0"' in box[0]
    assert "{{ customer.email }}</textarea>" in answer.text


def test_a_preview_changes_nothing_of_what_is_saved(organisations: TwoOrganisations, admin: Browser):
    answer = admin.submit(
        f"{HOME}new/", name="Mine", **template_form(preview_customer=str(get_customer(organisations).id))
    )
    assert answer.status_code == 303
    template = db.session.query(models.NotificationTemplate).filter_by(name="Mine").one()
    assert (template.subject, template.body, template.purpose) == ("S", "B", REVIEW)


def test_the_record_shows_the_text_and_its_preview(organisations: TwoOrganisations, agent: Browser):
    row = save_template(organisations, purpose=COMPLIANCE, body="One\n\n<b>{{certificate}}</b>")
    page = agent.get(f"{HOME}details/?id={row.id}").text
    assert f'<iframe name="preview" title="Preview" src="{PREVIEW}?id={row.id}" sandbox=' in page
    assert "One\n\n&lt;b&gt;{{certificate}}&lt;/b&gt;" in page
    assert 'name="preview_document"' in page
    account = agent.get(f"{HOME}details/?id={save_template(organisations, purpose=TemplatePurpose.RESET).id}").text
    assert "preview_customer" not in account
    assert "Used by" not in account


# --- Who uses a template -----------------------------------------------------------------------------------


def test_the_record_says_who_uses_it_and_leads_to_them(organisations: TwoOrganisations, agent: Browser):
    row = save_template(organisations, purpose=REVIEW)
    assert "No customers or documents" in agent.get(f"{HOME}details/?id={row.id}").text
    for number in (0, 2):
        change_row(organisations, get_customer(organisations, number), review_template_id=row.id)
    page = agent.get(f"{HOME}details/?id={row.id}").text
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*>2 customers</a>', page)
    list_page = agent.get(html.unescape(link)).text
    assert [number for number in range(3) if f"Our Telecom customer {number}" in list_page] == [0, 2]
    assert "2 customers" in list_page


def test_documents_lead_to_their_customers(organisations: TwoOrganisations, agent: Browser):
    row = save_template(organisations, purpose=COMPLIANCE)
    change_row(organisations, get_customer(organisations, 1).compliance_documents[0], template_id=row.id)
    page = agent.get(f"{HOME}details/?id={row.id}").text
    (link,) = re.findall(r'<a href="([^"]*)"[^>]*>1 compliance document</a>', page)
    list_page = agent.get(html.unescape(link)).text
    assert [number for number in range(3) if f"Our Telecom customer {number}" in list_page] == [1]


def test_a_template_in_use_is_not_deleted_and_says_who_uses_it(organisations: TwoOrganisations, admin: Browser):
    row, free = save_template(organisations, purpose=REVIEW), save_template(organisations, name="Free", purpose=REVIEW)
    used = [
        make.CustomerFactory(organisation=own_organisation(organisations), name=f"User {n}", review_template_id=row.id)
        for n in range(5)
    ]
    url = f"{HOME}operation/delete/?id={row.id}&id={free.id}"
    page = admin.get(url).text
    message = "Used by the reviews of 5 customers (User 0, User 1, User 2 and 2 more). Deactivate it instead"
    assert message in page
    assert re.search(rf'f=review_template:is:{row.id}"[^>]*>5 customers</a>', html.unescape(page))
    assert admin.post(url).status_code == 200
    names = set(
        db.session.scalars(db.select(models.NotificationTemplate.name).filter_by(organisation_id=organisations.own.id))
    )
    assert row.name in names
    assert "Free" not in names
    alone = admin.post(f"{HOME}operation/delete/?id={row.id}")
    assert alone.status_code == 409
    assert message in alone.text
    assert f"{HOME}operation/delete/" not in admin.get(f"{HOME}details/?id={row.id}").text
    for each in used:
        change_row(organisations, each, review_template_id=None)
    assert admin.post(f"{HOME}operation/delete/?id={row.id}").status_code == 303


def test_documents_in_the_way_are_named_by_the_first_to_expire(organisations: TwoOrganisations, admin: Browser):
    row = save_template(organisations, purpose=COMPLIANCE)
    for days, name in ((30, "Late"), (1, "Soon")):
        make.ComplianceDocumentFactory(
            organisation=own_organisation(organisations),
            customer_id=get_customer(organisations).id,
            certificate=name,
            template_id=row.id,
            expiry_date=organisation_today(organisations) + timedelta(days=days),
        )
    page = admin.get(f"{HOME}operation/delete/?id={row.id}").text
    assert (
        "Used by 2 compliance documents (Soon of Our Telecom customer 0, Late of Our Telecom customer 0). Deactivate"
        in page
    )


def test_switching_one_off_warns_of_what_is_then_not_sent(organisations: TwoOrganisations, admin: Browser):
    row = save_template(organisations, purpose=REVIEW, name="Spare")
    url = f"{HOME}edit/?id={row.id}"
    assert "While inactive" not in admin.get(url).text
    change_row(organisations, get_customer(organisations), review_template_id=row.id)
    message = "reminders for the reviews of 1 customer (Our Telecom customer 0) are not sent"
    assert f"While inactive, {message}" in admin.get(url).text
    assert "Inactive:" not in admin.get(f"{HOME}details/?id={row.id}").text
    assert admin.submit(url, active=None).status_code == 303
    assert f"Inactive: {message}" in admin.get(f"{HOME}details/?id={row.id}").text


def test_the_last_active_one_is_also_needed_by_what_names_none(organisations: TwoOrganisations, admin: Browser):
    (usual,) = db.session.query(models.NotificationTemplate).filter_by(
        organisation_id=organisations.own.id, purpose=REVIEW
    )
    spare = save_template(organisations, purpose=REVIEW, name="ZZZ")
    uses_this = "Default for reminders without a template."
    assert uses_this in admin.get(f"{HOME}details/?id={usual.id}").text
    assert uses_this not in admin.get(f"{HOME}details/?id={spare.id}").text
    assert "without a template" not in admin.get(f"{HOME}edit/?id={usual.id}").text
    assert admin.submit(f"{HOME}edit/?id={usual.id}", active=None).status_code == 303
    assert uses_this in admin.get(f"{HOME}details/?id={spare.id}").text
    page = admin.get(f"{HOME}edit/?id={spare.id}").text
    assert "While inactive, reminders without a template are not sent" in page
