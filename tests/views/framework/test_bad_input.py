"""What nobody should type, into every field of every form: told at the field, nothing saved, nothing lost, no crash."""

import re
from typing import Any

import pytest

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser, parse_form
from tests.support.hostile_input import HOSTILE_TEXTS, SCRIPT, is_entered_by_people
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_table import SCREENS
from tests.support.two_organisations import TwoOrganisations

# What no text may be.
NEVER_ACCEPTED = (
    "a NUL",
    "a control character",
    "400 digits",
    "too much",
    "blank",
    "nothing to see",
    "from right to left",
)
# A NUL ends what PostgreSQL takes; a script is the same to both.
FIELDS_ONE_BY_ONE = {"postgresql": "a NUL", "sqlite": "a script"}
# The form of an attachment has one text that may be anything.
EDITABLE = {endpoint: screen for endpoint, screen in SCREENS.items() if screen.editors and endpoint != "attachments"}


def shows_no_markup(answer: Any) -> bool:
    """Whether a page shows no text as markup."""
    return SCRIPT not in answer.text


@pytest.mark.slow
def test_nonsense_in_every_field_at_once_is_refused(organisations: TwoOrganisations, admin: Browser):
    for endpoint, screen in EDITABLE.items():
        url = f"/admin/{endpoint}/edit/?id={screen.row_of(organisations.own)}"
        form, mark = admin.read_form(url), last_change_id()
        for what, text in HOSTILE_TEXTS.items():
            answer = admin.post(url, form | {name: text for name in form if is_entered_by_people(name)})
            assert shows_no_markup(answer), (endpoint, what)
            if answer.status_code == 303:  # every field takes any text
                assert what not in NEVER_ACCEPTED, (endpoint, what)
                form, mark = admin.read_form(url), last_change_id()
            assert answer.status_code in (303, 422), (endpoint, what)
            assert changes_since(mark) == [], (endpoint, what)


def test_nonsense_in_the_form_of_a_new_row_is_refused(organisations: TwoOrganisations, platform: Browser):
    for endpoint in EDITABLE:
        if not SCREENS[endpoint].creators:
            continue
        url = f"/admin/{endpoint}/new/"
        form, mark = platform.read_form(url), last_change_id()
        for what in NEVER_ACCEPTED:
            answer = platform.post(
                url, form | {name: HOSTILE_TEXTS[what] for name in form if is_entered_by_people(name)}
            )
            assert answer.status_code == 422, (endpoint, what)
            assert changes_since(mark) == [], (endpoint, what)


@pytest.fixture
def platform(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.platform_user)


@pytest.mark.slow
def test_nonsense_in_one_field_is_refused_or_harmless(organisations: TwoOrganisations, admin: Browser):
    what = FIELDS_ONE_BY_ONE[db.engine.dialect.name]
    for endpoint, screen in EDITABLE.items():
        key = screen.row_of(organisations.own)
        url = f"/admin/{endpoint}/edit/?id={key}"
        form = admin.read_form(url)
        for name in filter(is_entered_by_people, list(form)):
            mark = last_change_id()
            answer = admin.post(url, form | {name: HOSTILE_TEXTS[what]})
            assert answer.status_code in (303, 422), (endpoint, name, what)
            assert shows_no_markup(answer)
            if answer.status_code == 422:
                assert changes_since(mark) == [], (endpoint, name, what)
                continue
            stored_values = [each for entry in changes_since(mark) for pair in entry.changes.values() for each in pair]
            assert not any(isinstance(each, str) and "\x00" in each for each in stored_values), (endpoint, name)
            form = admin.read_form(url)
        for page in (
            screen.list_query.removeprefix("/"),
            f"details/?id={key}",
            f"details/?id={key}&tab=history",
            f"edit/?id={key}",
            "export/csv/",
        ):
            answer = admin.get(f"/admin/{endpoint}/{page}")
            assert answer.status_code == 200, (endpoint, page)
            assert shows_no_markup(answer) or answer.mimetype == "text/csv", (endpoint, page)


PARTNER_FORMS = (
    "/partner/register/company/",
    "/partner/register/consumer/",
    "/partner/customers/{}/update/",
    "/partner/customers/{}/",
)


def test_nonsense_in_the_forms_of_partners_is_refused_or_harmless(organisations: TwoOrganisations):
    key = organisations.own.customers[0]
    task = db.session.get_one(models.ApprovalTask, organisations.own.row_id(models.ApprovalTask))
    task.waits_for_requester = True
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.commit()
    partner = Browser(organisations.app, organisations.own.users[Role.PARTNER])
    for address in PARTNER_FORMS:
        url = address.format(key)
        form, mark = partner.read_form(url), last_change_id()
        assert filter(is_entered_by_people, form)
        for what, text in HOSTILE_TEXTS.items():
            answer = partner.post(url, form | {name: text for name in form if is_entered_by_people(name)})
            assert answer.status_code in (303, 422), (url, what)
            assert shows_no_markup(answer), (url, what)
            if answer.status_code == 422:
                assert changes_since(mark) == [], (url, what)
                continue
            assert what not in NEVER_ACCEPTED, (url, what)
            break  # an answer is given once
        for page in ("/partner/", f"/partner/customers/{key}/"):
            assert shows_no_markup(partner.get(page)), (url, page)


@pytest.mark.slow
def test_nonsense_in_the_forms_of_operations_is_refused_or_harmless(organisations: TwoOrganisations, admin: Browser):
    for endpoint, screen in SCREENS.items():
        for name, act in screen.operations.items():
            for what in ("a NUL", "a script", "too much", "blank", "larger than a key", "the last day", "an exponent"):
                row = act.row(organisations)
                model, key = type(row), row.id
                url = f"/admin/{endpoint}/operation/{name}/?id={key}" + "".join(
                    f"&id={n}" for n in act.further_rows(organisations)
                )
                form = admin.read_form(url)
                entered = [field for field in form if is_entered_by_people(field) and field != "seen"]
                if not entered:
                    break
                answer = admin.post(url, form | dict.fromkeys(entered, HOSTILE_TEXTS[what]))
                assert answer.status_code in (303, 200, 422), (url, what, answer.status_code)
                assert shows_no_markup(answer), (url, what)
                if db.session.get(model, key) is not None and answer.status_code == 303:
                    assert shows_no_markup(admin.get(f"/admin/{endpoint}/details/?id={key}")), (url, what)


# --- The form of a customer, field by field ----------------------------------------------------------------

REFUSED_VALUES = [
    ("name", "", "Required"),
    ("name", "x" * 201, "Enter at most 200 characters"),
    ("name", "a\x07b", "cannot be shown"),
    ("name", "a\x85b", "cannot be shown"),
    ("name", "\u200b", "Enter a name"),
    ("reference", "", "Enter a reference"),
    ("reference", "ref-1", "Another customer has this reference"),
    ("email", "nobody", "“nobody” is not an email address"),
    ("email", "", "Enter an email address"),
    ("website", "javascript:alert(1)", "is not a web address"),
    ("kind", "alien", "Choose one from the list"),
    ("risk", "", "Choose a risk"),
    ("risk", "Extreme", "Choose one from the list"),
    ("billing_cycle", "hourly", "Choose one from the list"),
    ("start_date", "", "Enter a start date"),
    ("start_date", "31/31/2025", "is not a valid date"),
    ("start_date", "2025-02-30", "is not a valid date"),
    ("start_date", "0001-01-01", "out of range: 1900 to 2199"),
    ("start_date", "9999-12-31", "out of range: 1900 to 2199"),
    ("review_start_date", "9999-12-31", "out of range: 1900 to 2199"),
    ("review_frequency", "13", "Choose one from the list"),
    ("review_frequency", "0", "Choose one from the list"),
    ("review_frequency", "", "Review frequency must be 1 to 12 months"),
    ("billing_day", "0", "Enter a value from 1 to 31"),
    ("billing_day", "32", "Enter a value from 1 to 31"),
    ("billing_day", "9" * 5000, "Enter a whole number"),
    ("billing_day", str(2**40), "Enter a whole number"),
    ("billing_day", str(2**32), "Number must be between"),
    ("year_end_day", "31", "Enter both the day and the month"),
    ("year_end_day", "1.5", "Choose one from the list"),
    ("number_of_users", "1.5", "Enter a whole number"),
    ("credit_limit", "12,50", "is not an amount"),
    ("credit_limit", "1.005", "more than 2 decimals"),
    ("credit_limit", "-1", "Enter 0 or more"),
    ("credit_limit", "9" * 400, "too large an amount"),
    ("credit_limit", "99999999999999", "Enter at most"),
    ("credit_limit", "NaN", "is not an amount"),
    ("total_spend", "1e5", "is not an amount"),
    ("number_of_users", "-1", "Enter 0 or more"),
    ("markup", "-101", "Enter a value from -100 to 1000"),
    ("reviewer_email", "a@b@c", "is not an email address"),
    ("departments", [], "Choose at least one department"),
    ("departments", ["abc"], "Choose from the list"),
    ("correspondence_modes", ["pigeon"], "pigeon"),
    ("contacts-0-name", "", "Required"),
    ("contacts-0-role", "boss", "Choose one from the list"),
    ("addresses-0-country", "Germany", "country"),
    ("compliance_documents-0-expiry_date", "9999-12-31", "out of range"),
    ("compliance_documents-0-expiry_date", "", "Required"),
    ("billing_lines-0-cost_per_unit", "0.0000001", "more than 6 decimals"),
    ("billing_lines-0-active_from", "soon", "is not a date"),
]


@pytest.mark.slow
def test_a_wrong_customer_shows_why_and_keeps_what_was_typed(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    form, mark = admin.read_form(url), last_change_id()
    wrong = []
    for field, entered_value, message in REFUSED_VALUES:
        answer = admin.post(url, form | {field: entered_value, "website": "kept.example"} | ({field: entered_value}))
        page_text = re.sub(r"\s+", " ", answer.text)
        if answer.status_code != 422 or message not in page_text:
            wrong.append((field, entered_value if len(entered_value) < 50 else "…", answer.status_code))
        if field != "website":
            assert parse_form(answer.text)["website"] == ["kept.example"], field
    assert wrong == []
    assert changes_since(mark) == []


@pytest.mark.parametrize(
    "field", ["name", "contact_number", "relationship_note", "contacts-0-name", "addresses-0-lines"]
)
def test_what_looks_like_markup_is_text(organisations: TwoOrganisations, admin: Browser, field: str):
    key = organisations.own.customers[0]
    text = f"{SCRIPT}\"'&lt; {{{{99991*9}}}}"
    url = f"/admin/customers/edit/?id={key}"
    assert admin.submit(url, **{field: text}).status_code == 303
    for page in (
        "/admin/customers/",
        f"/admin/customers/details/?id={key}",
        url,
        "/admin/",
        "/admin/history/",
        f"/admin/customers/details/?id={key}&tab=history",
        f"/admin/customers/operation/delete/?id={key}",
    ):
        answer = admin.get(page)
        assert answer.status_code == 200
        assert shows_no_markup(answer), page
        assert "899919" not in answer.text, page
    assert parse_form(admin.get(url).text)[field] == [text]


def test_a_value_is_shown_as_it_was_typed(organisations: TwoOrganisations, admin: Browser):
    """Line breaks, quotes, ampersands and an opening line break come back from the form as they went in."""
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    note = 'First & "second"\n\n  <third>\tline'
    assert admin.submit(url, relationship_note=f"\r\n{note}\r\n".replace("\n", "\r\n")).status_code == 303
    customer = db.session.get_one(models.Customer, organisations.own.customers[0])
    assert customer.relationship_note == note
    mark = last_change_id()
    assert admin.submit(url).status_code == 303
    assert changes_since(mark) == []


def test_one_mistake_is_shown_once(organisations: TwoOrganisations, admin: Browser):
    """What is no number at all is not also too small or too large."""
    answer = admin.submit(
        f"/admin/customers/edit/?id={organisations.own.customers[0]}", billing_day="٣", credit_limit="much"
    )
    assert answer.status_code == 422
    error_messages = re.findall(r'id="billing_day-error">([^<]*)<', answer.text)
    assert error_messages == ["Enter a whole number, e.g. 30"]
    assert "Number must be" not in answer.text
