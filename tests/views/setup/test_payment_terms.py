"""Payment terms on their page: in words, and by examples."""

import re
from datetime import date

import pytest
import time_machine

from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.setup.payment_terms import choose_example_dates, describe_terms


@pytest.mark.parametrize(
    ("days", "fixed_day", "words"),
    [
        (0, None, "Immediately"),
        (1, None, "1 day after the invoice"),
        (30, None, "30 days after the invoice"),
        (0, 15, "On day 15 of the month"),
        (0, -1, "On the last day of the month"),
        (0, -2, "1 day before the last day of the month"),
        (60, -1, "60 days after the invoice, then on the last day of the month"),
        (10, -3, "10 days after the invoice, then 2 days before the last day of the month"),
    ],
)
def test_terms_in_words(days: int, fixed_day: int | None, words: str):
    assert describe_terms(days, fixed_day) == words


@pytest.mark.parametrize("today", ["2026-01-31", "2026-02-28", "2026-12-05"])
def test_the_examples_are_about_the_end_of_the_month(today: str):
    first, second, third = choose_example_dates(date.fromisoformat(today))
    assert first == date.fromisoformat(today)
    assert (second.month, third.day, (third - second).days) == (first.month, 1, 1)


def test_the_page_shows_three_examples(organisations: TwoOrganisations):
    terms = make.PaymentTermsFactory(organisation=own_organisation(organisations), name="Late", days=60, fixed_day=-1)
    with time_machine.travel("2026-02-14T12:00:00+00:00", tick=False):
        admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
        text = admin.get(f"/admin/payment-terms/details/?id={terms.id}").text
    assert "Weekends and holidays count as other days" in text
    examples = re.findall(r"\d+ [A-Z][a-z]{2} 2026", text[text.index("Examples") :])
    assert examples == ["14 Feb 2026", "30 Apr 2026", "28 Feb 2026", "30 Apr 2026", "1 Mar 2026", "30 Apr 2026"]
