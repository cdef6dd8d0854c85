"""What nobody should type, into every field of every form: told at the field, nothing saved, nothing lost, no crash."""

import re
from typing import Any

import pytest

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests.browsing import Browser, form_of
from tests.views.screen_table import SCREENS
from tests.views.watching import changes_since, last_change
from tests.world import World

SCRIPT = "<script>alert(1)</script>"
NASTY = {
    "a NUL": "a\x00b", "a control character": "a\x07b", "a script": SCRIPT, "400 digits": "9" * 400,
    "no number": "NaN", "no end": "Infinity", "an exponent": "1e5", "below nothing": "-1", "other digits": "１２",
    "the first day": "0001-01-01", "the last day": "9999-12-31", "no day": "2025-02-30", "too much": "x" * 21_000,
    "a quote": "' OR 1=1 --", "a template": "{{7*7}}{% for a in b %}", "a format": "%s%n{0}", "blank": " ",
    "nothing to see": "\u200b", "from right to left": "a\u202eb", "half a character": "%ED%A0%80",
    "larger than an integer": str(2**31), "larger than a key": str(2**63), "a list": "[]", "an object": '{"a": 1}',
}  # fmt: skip
# What no text may be.
NEVER = ("a NUL", "a control character", "400 digits", "too much", "blank", "nothing to see", "from right to left")
ONE_BY_ONE = ("a NUL", "a script")
EDITABLE = {endpoint: screen for endpoint, screen in SCREENS.items() if screen.edits}
KEPT = {"version", "original", "csrf_token", "form_token", "working_in"}


def is_typed(name: str) -> bool:
    """Whether people fill in the field, and not the page."""
    return name not in KEPT and not name.endswith(("-id", "-version", "-text"))


def untouched(answer: Any) -> bool:
    """Whether a page shows no text as markup."""
    return SCRIPT not in answer.text


def test_nonsense_in_every_field_at_once_is_refused(world: World, admin: Browser):
    for endpoint, screen in EDITABLE.items():
        url = f"/admin/{endpoint}/edit/?id={screen.row_of(world.ours)}"
        form, mark = admin.form(url), last_change()
        for what, text in NASTY.items():
            answer = admin.post(url, form | {name: text for name in form if is_typed(name)})
            assert untouched(answer), (endpoint, what)
            if answer.status_code == 303:  # every field takes any text
                assert what not in NEVER, (endpoint, what)
                form, mark = admin.form(url), last_change()
            assert answer.status_code in (303, 422), (endpoint, what)
            assert changes_since(mark) == [], (endpoint, what)


def test_nonsense_in_the_form_of_a_new_row_is_refused(world: World, platform: Browser):
    for endpoint in EDITABLE:
        url = f"/admin/{endpoint}/new/"
        form, mark = platform.form(url), last_change()
        for what in NEVER:
            answer = platform.post(url, form | {name: NASTY[what] for name in form if is_typed(name)})
            assert answer.status_code == 422, (endpoint, what)
            assert changes_since(mark) == [], (endpoint, what)


@pytest.fixture
def platform(world: World) -> Browser:
    return Browser(world.app, world.platform_user)


def test_nonsense_in_one_field_is_refused_or_harmless(world: World, admin: Browser):
    for endpoint, screen in EDITABLE.items():
        key = screen.row_of(world.ours)
        url = f"/admin/{endpoint}/edit/?id={key}"
        form = admin.form(url)
        for name in filter(is_typed, list(form)):
            for what in ONE_BY_ONE:
                mark = last_change()
                answer = admin.post(url, form | {name: NASTY[what]})
                assert answer.status_code in (303, 422), (endpoint, name, what)
                assert untouched(answer)
                if answer.status_code == 422:
                    assert changes_since(mark) == [], (endpoint, name, what)
                    continue
                kept = [each for entry in changes_since(mark) for pair in entry.changes.values() for each in pair]
                assert not any(isinstance(each, str) and "\x00" in each for each in kept), (endpoint, name)
                form = admin.form(url)
        for page in ("", f"details/?id={key}", f"details/?id={key}&tab=history", f"edit/?id={key}", "export/csv/"):
            answer = admin.get(f"/admin/{endpoint}/{page}")
            assert answer.status_code == 200, (endpoint, page)
            assert untouched(answer) or answer.mimetype == "text/csv", (endpoint, page)


PARTNER_FORMS = ("/partner/register/company/", "/partner/register/consumer/", "/partner/customers/{}/update/",
                 "/partner/customers/{}/")  # fmt: skip


def test_nonsense_in_the_forms_of_partners_is_refused_or_harmless(world: World):
    key = world.ours.customers[0]
    task = db.session.get_one(models.ApprovalTask, world.ours.row(models.ApprovalTask))
    task.waits_for_requester = True
    with history.acting(Actor(None, world.ours.id), "test"):
        db.session.commit()
    partner = Browser(world.app, world.ours.users[Role.PARTNER])
    for address in PARTNER_FORMS:
        url = address.format(key)
        form, mark = partner.form(url), last_change()
        assert filter(is_typed, form)
        for what, text in NASTY.items():
            answer = partner.post(url, form | {name: text for name in form if is_typed(name)})
            assert answer.status_code in (303, 422), (url, what)
            assert untouched(answer), (url, what)
            if answer.status_code == 422:
                assert changes_since(mark) == [], (url, what)
                continue
            assert what not in NEVER, (url, what)
            break  # an answer is given once
        for page in ("/partner/", f"/partner/customers/{key}/"):
            assert untouched(partner.get(page)), (url, page)


def test_nonsense_in_the_forms_of_operations_is_refused_or_harmless(world: World, admin: Browser):
    for endpoint, screen in SCREENS.items():
        for name, act in screen.acts.items():
            for what in ("a NUL", "a script", "too much", "blank", "larger than a key", "the last day", "an exponent"):
                row = act.row(world)
                model, key = type(row), row.id
                url = f"/admin/{endpoint}/operation/{name}/?id={key}" + "".join(f"&id={n}" for n in act.also(world))
                form = {field: NASTY[what] for field in admin.form(url) if is_typed(field) and field != "seen"}
                if not form:
                    continue
                answer = admin.post(url, admin.form(url) | form)
                assert answer.status_code in (303, 200, 422), (url, what, answer.status_code)
                assert untouched(answer), (url, what)
                if db.session.get(model, key) is not None and answer.status_code == 303:
                    assert untouched(admin.get(f"/admin/{endpoint}/details/?id={key}")), (url, what)


# --- The form of a customer, field by field ----------------------------------------------------------------

REFUSED = [
    ("name", "", "This is needed"),
    ("name", "x" * 201, "200 characters are the most"),
    ("name", "a\x07b", "cannot be shown"),
    ("name", "a\x85b", "cannot be shown"),
    ("name", "\u200b", "needed"),
    ("reference", "", "A reference is needed"),
    ("reference", "ref-1", "Another customer has this reference"),
    ("email", "nobody", "“nobody” is not an email address"),
    ("email", "", "An email address is needed"),
    ("website", "javascript:alert(1)", "is not a web address"),
    ("kind", "alien", "Choose one from the list"),
    ("risk", "", "Choose a risk"),
    ("risk", "Extreme", "Choose one from the list"),
    ("billing_cycle", "hourly", "Choose one from the list"),
    ("start_date", "", "A start date is needed"),
    ("start_date", "31/01/2025", "Not a valid date"),
    ("start_date", "2025-02-30", "Not a valid date"),
    ("start_date", "0001-01-01", "out of reach: 1900 to 2199"),
    ("start_date", "9999-12-31", "out of reach: 1900 to 2199"),
    ("review_start_date", "9999-12-31", "out of reach: 1900 to 2199"),
    ("review_frequency", "13", "1 to 12 months"),
    ("review_frequency", "0", "1 to 12 months"),
    ("review_frequency", "", "Reviews need a frequency"),
    ("billing_day", "0", "This is 1 to 31"),
    ("billing_day", "32", "This is 1 to 31"),
    ("billing_day", "9" * 5000, "Write a whole number"),
    ("billing_day", str(2**40), "Write a whole number"),
    ("billing_day", str(2**32), "Number must be between"),
    ("year_end_day", "31", "A year end needs both"),
    ("year_end_day", "1.5", "Write a whole number"),
    ("credit_limit", "12,50", "is not an amount"),
    ("credit_limit", "1.005", "more than 2 decimals"),
    ("credit_limit", "-1", "This is 0 or more"),
    ("credit_limit", "9" * 400, "too large an amount"),
    ("credit_limit", "99999999999999", "is the most"),
    ("credit_limit", "NaN", "is not an amount"),
    ("total_spend", "1e5", "is not an amount"),
    ("number_of_users", "-1", "This is 0 or more"),
    ("markup", "-101", "This is -100 to 1000"),
    ("reviewer_email", "a@b@c", "is not an email address"),
    ("departments", [], "Choose at least one department"),
    ("departments", ["abc"], "Choose from the list"),
    ("correspondence_modes", ["pigeon"], "pigeon"),
    ("contacts-0-name", "", "This is needed"),
    ("contacts-0-role", "boss", "Choose one from the list"),
    ("addresses-0-country", "Germany", "country"),
    ("compliance_documents-0-expiry_date", "9999-12-31", "out of reach"),
    ("compliance_documents-0-expiry_date", "", "This is needed"),
    ("billing_lines-0-cost_per_unit", "0.0000001", "more than 6 decimals"),
    ("billing_lines-0-active_from", "soon", "Not a valid date"),
]  # fmt: skip


def test_a_customer_that_is_wrong_is_told_why_and_keeps_what_was_typed(world: World, admin: Browser):
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    form, mark = admin.form(url), last_change()
    wrong = []
    for field, typed, message in REFUSED:
        answer = admin.post(url, form | {field: typed, "website": "kept.example"} | ({field: typed}))
        said = re.sub(r"\s+", " ", answer.text)
        if answer.status_code != 422 or message not in said:
            wrong.append((field, typed if len(typed) < 50 else "…", answer.status_code))
        if field != "website":
            assert form_of(answer.text)["website"] == ["kept.example"], field
    assert wrong == []
    assert changes_since(mark) == []


@pytest.mark.parametrize(
    "field", ["name", "contact_number", "relationship_note", "contacts-0-name", "addresses-0-lines"]
)
def test_what_looks_like_markup_is_text(world: World, admin: Browser, field: str):
    key = world.ours.customers[0]
    text = f"{SCRIPT}\"'&lt; {{{{99991*9}}}}"
    url = f"/admin/customers/edit/?id={key}"
    assert admin.submit(url, **{field: text}).status_code == 303
    for page in (
        "/admin/customers/", f"/admin/customers/details/?id={key}", url, "/admin/", "/admin/history/",
        f"/admin/customers/details/?id={key}&tab=history", f"/admin/customers/operation/delete/?id={key}",
    ):  # fmt: skip
        answer = admin.get(page)
        assert answer.status_code == 200
        assert untouched(answer), page
        assert "899919" not in answer.text, page
    assert form_of(admin.get(url).text)[field] == [text]


def test_a_value_is_shown_as_it_was_typed(world: World, admin: Browser):
    """Line breaks, quotes, ampersands and an opening line break come back from the form as they went in."""
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    note = 'First & "second"\n\n  <third>\tline'
    assert admin.submit(url, relationship_note=f"\r\n{note}\r\n".replace("\n", "\r\n")).status_code == 303
    customer = db.session.get_one(models.Customer, world.ours.customers[0])
    assert customer.relationship_note == note
    mark = last_change()
    assert admin.submit(url).status_code == 303
    assert changes_since(mark) == []


def test_one_mistake_is_told_once(world: World, admin: Browser):
    """What is no number at all is not also too small or too large."""
    answer = admin.submit(f"/admin/customers/edit/?id={world.ours.customers[0]}", billing_day="٣", credit_limit="much")
    assert answer.status_code == 422
    told = re.findall(r'id="billing_day-error">([^<]*)<', answer.text)
    assert told == ["Write a whole number, such as 30"]
    assert "Number must be" not in answer.text
