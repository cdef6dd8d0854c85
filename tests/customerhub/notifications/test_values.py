"""What placeholders become for a customer."""

import calendar
import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customerhub.mail.letterhead import Brand, Letterhead
from customerhub.mail.templates import PLACEHOLDERS
from customerhub.notifications.placeholder_values import NO_VALUE, build_placeholder_values, format_relative_day
from models import ComplianceDocument, Customer, CustomerStatus, User
from models.enums import DateFormat, Risk, TemplatePurpose
from tests.support import factories as make
from tests.support.services import replaced_services
from tests.support.statements import record_statements

REVIEW, COMPLIANCE = TemplatePurpose.REVIEW, TemplatePurpose.COMPLIANCE
HEAD = Letterhead("Our Telecom", DateFormat.ISO, Brand("Our Telecom"))
DAY = date(2026, 1, 31)


@pytest.fixture(autouse=True)
def example_services():
    with replaced_services(public_url="https://hub.example.com"):
        yield


def make_customer(**values):
    return Customer(
        **{
            "id": 24,
            "name": "Königlich Essen",
            "reference": "KOENE",
            "account_number": "100024",
            "risk": Risk.MEDIUM,
            "status": CustomerStatus(name="Active"),
            "account_manager": User(name="Dana Reyes"),
            "automatic_report": False,
            "review_start_date": date(2025, 1, 31),
            "review_frequency": 3,
            "reviewer_email": "rae@hub.example",
        }
        | values
    )


def placeholders_of(customer, purpose=REVIEW, as_of=DAY, document=None, head=HEAD):
    return build_placeholder_values(customer, purpose=purpose, as_of=as_of, document=document, letterhead=head)


def test_values_of_a_review():
    assert placeholders_of(make_customer()) == {
        "customer": "Königlich Essen",
        "reference": "KOENE",
        "account_number": "100024",
        "status": "Active",
        "risk": "Medium",
        "account_manager": "Dana Reyes",
        "reviewer_email": "rae@hub.example",
        "customer_link": "https://hub.example.com/admin/customers/details/?id=24",
        "today": "2026-01-31",
        "organisation": "Our Telecom",
        "review_date": "2026-01-31",
        "review_in_words": "is due today",
        "next_review_date": "2026-04-30",
        "report_note": "",
    }


def test_values_of_a_document():
    document = ComplianceDocument(
        certificate="ISO 27001", expiry_date=date(2026, 2, 14), reviewer_email="doc@hub.example"
    )
    values = placeholders_of(make_customer(), COMPLIANCE, document=document)
    assert {name: values[name] for name in PLACEHOLDERS[COMPLIANCE] if name not in PLACEHOLDERS[REVIEW]} == {
        "certificate": "ISO 27001",
        "expiry_date": "2026-02-14",
        "expiry_in_words": "expires in 14 days",
        "days_left": "14",
    }
    assert values["reviewer_email"] == "doc@hub.example"
    document.reviewer_email = None
    assert placeholders_of(make_customer(), COMPLIANCE, document=document)["reviewer_email"] == NO_VALUE


@pytest.mark.parametrize(
    ("days", "words", "left"),
    [
        (-400, "expired 400 days ago", "0"),
        (-1, "expired yesterday", "0"),
        (0, "expires today", "0"),
        (1, "expires tomorrow", "1"),
        (2, "expires in 2 days", "2"),
        (365, "expires in 365 days", "365"),
    ],
)
def test_how_far_the_expiry_is(days, words, left):
    document = ComplianceDocument(certificate="X", expiry_date=DAY + timedelta(days=days))
    values = placeholders_of(make_customer(), COMPLIANCE, document=document)
    assert (values["expiry_in_words"], values["days_left"]) == (words, left)


@pytest.mark.parametrize(
    ("start", "frequency", "due", "words", "following"),
    [
        (date(2026, 1, 31), 1, "2026-01-31", "is due today", "2026-02-28"),
        (date(2026, 1, 30), 12, "2026-01-30", "was due yesterday", "2027-01-30"),
        (date(2025, 10, 31), 6, "2025-10-31", "was due 92 days ago", "2026-04-30"),
        (date(2026, 2, 1), 1, "2026-02-01", "is due tomorrow", "2026-03-01"),
        (date(2030, 1, 1), 1, "2030-01-01", "is due in 1431 days", "2030-02-01"),
        (None, 3, NO_VALUE, NO_VALUE, NO_VALUE),
        (date(2026, 1, 31), None, NO_VALUE, NO_VALUE, NO_VALUE),
    ],
)
def test_the_review_that_was_due_last_counts(start, frequency, due, words, following):
    values = placeholders_of(make_customer(review_start_date=start, review_frequency=frequency))
    assert (values["review_date"], values["review_in_words"], values["next_review_date"]) == (due, words, following)


days = st.dates(date(1990, 1, 1), date(2090, 12, 31))


@given(days, st.integers(1, 12), days)
def test_the_dates_of_reviews_by_an_account_that_walks(start, frequency, as_of):
    year, month, due = start.year, start.month, [start]
    while due[-1] <= as_of or len(due) < 2:
        month += frequency
        year, month = (year + 1, month - 12) if month > 12 else (year, month)
        due.append(date(year, month, min(start.day, calendar.monthrange(year, month)[1])))
    passed = [day for day in due if day <= as_of] or [start]
    values = placeholders_of(make_customer(review_start_date=start, review_frequency=frequency), as_of=as_of)
    assert values["review_date"] == str(passed[-1])
    assert values["next_review_date"] == str(due[due.index(passed[-1]) + 1])


@given(days, st.integers(-2000, 2000))
def test_words_for_days_can_be_read_back(as_of, away):
    words = format_relative_day(as_of + timedelta(days=away), as_of)
    near = {"today": 0, "tomorrow": 1, "yesterday": -1}
    number = int((re.search(r"\d+", words) or ["0"])[0])
    assert near.get(words, number if words.startswith("in ") else -number) == away
    assert (words in near) == (abs(away) < 2)


def test_a_report_is_mentioned_where_there_is_one():
    assert placeholders_of(make_customer(automatic_report=True))["report_note"] == (
        "The performance report of Königlich Essen is attached."
    )


@pytest.mark.parametrize(
    ("form", "display_date"),
    [
        (DateFormat.DAY_MONTH_YEAR, "05/03/2026"),
        (DateFormat.DAY_DOT_MONTH, "05.03.2026"),
        (DateFormat.MONTH_DAY_YEAR, "03/05/2026"),
        (DateFormat.ISO, "2026-03-05"),
        (DateFormat.SPOKEN, "5 Mar 2026"),
    ],
)
def test_dates_are_written_as_the_organisation_does(form, display_date):
    day = date(2026, 3, 5)
    head = Letterhead("Our Telecom", form, HEAD.brand)
    values = placeholders_of(make_customer(review_start_date=day), as_of=day, head=head)
    assert (values["today"], values["review_date"]) == (display_date, display_date)
    document = ComplianceDocument(certificate="X", expiry_date=day)
    assert placeholders_of(make_customer(), COMPLIANCE, document=document, head=head)["expiry_date"] == display_date


def test_what_a_customer_lacks_is_a_dash_and_every_placeholder_has_a_value():
    bare = make_customer(
        reference=None,
        risk=None,
        account_manager=None,
        review_start_date=None,
        review_frequency=None,
        reviewer_email=None,
    )
    for purpose in (REVIEW, COMPLIANCE):
        values = placeholders_of(bare, purpose)
        assert values.keys() == PLACEHOLDERS[purpose].keys()
        for name in ("reference", "risk", "account_manager", "reviewer_email"):
            assert values[name] == NO_VALUE
    assert placeholders_of(bare, COMPLIANCE)["certificate"] == NO_VALUE


@pytest.mark.parametrize("purpose", [TemplatePurpose.WELCOME, TemplatePurpose.RESET])
def test_messages_to_users_are_not_about_a_customer(purpose):
    with pytest.raises(ValueError, match="not about a customer"):
        placeholders_of(make_customer(), purpose)


def test_the_letterhead_is_read_where_none_is_passed_and_nothing_else_is_asked(session):
    organisation = make.OrganisationFactory(name="Asked Telecom", date_format=DateFormat.DAY_DOT_MONTH)
    customer = make.CustomerFactory(organisation=organisation)
    values = build_placeholder_values(customer, purpose=REVIEW, as_of=DAY)
    assert (values["organisation"], values["today"]) == ("Asked Telecom", "31.01.2026")
    with record_statements() as statements:
        placeholders_of(customer)
    assert statements == []
