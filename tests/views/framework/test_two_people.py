"""Two people save the same record."""

from typing import Any

import pytest

from models.base import db
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.row_changes import changes_since, describe_changes, last_change_id
from tests.support.two_browsers import edit_url, save_again, save_conflicting_edits
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation


def test_what_only_one_of_them_changed_is_kept_of_both(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"website": "first.example"}, {"contact_number": "0815"}
    )
    assert "https://first.example" in answer.text
    save_again(organisations, second_browser, answer)
    assert (get_customer(organisations).website, get_customer(organisations).contact_number) == (
        "https://first.example",
        "0815",
    )


def test_what_both_changed_is_shown_of_both_and_the_last_wins(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"name": "First GmbH"}, {"name": "Second GmbH"}
    )
    assert "First GmbH" in answer.text
    assert parse_form(answer.text)["name"] == ["Second GmbH"]
    mark = last_change_id()
    save_again(organisations, second_browser, answer)
    assert describe_changes(changes_since(mark)) == [("changed", "customer", {"name": ["First GmbH", "Second GmbH"]})]


def test_the_same_change_twice_loses_nothing(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"name": "Same"}, {"name": "Same", "contact_number": "0815"}
    )
    save_again(organisations, second_browser, answer)
    assert (get_customer(organisations).name, get_customer(organisations).contact_number) == ("Same", "0815")


def test_choices_dates_amounts_and_ticks_are_merged_too(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    terms = make.PaymentTermsFactory(organisation=own_organisation(organisations))
    db.session.commit()
    first_changes = {
        "risk": "High",
        "start_date": "2020-02-29",
        "credit_limit": "1,500.00",
        "payment_terms_id": str(terms.id),
        "correspondence_modes": ["email", "post"],
        "promotional_emails": "y",
        "billing_day": "15",
    }
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, first_changes, {"contact_number": "0815"}
    )
    save_again(organisations, second_browser, answer)
    saved_customer = get_customer(organisations)
    assert (saved_customer.risk.value, str(saved_customer.start_date), str(saved_customer.credit_limit)) == (
        "High",
        "2020-02-29",
        "1500.00",
    )
    assert (saved_customer.payment_terms_id, saved_customer.correspondence_modes) == (terms.id, ["email", "post"])
    assert (saved_customer.promotional_emails, saved_customer.billing_day, saved_customer.contact_number) == (
        True,
        15,
        "0815",
    )


def test_several_that_were_chosen_are_not_put_back(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    """Departments are kept in a table of their own: the version of the record does not tell that they changed."""
    extra = make.DepartmentFactory(organisation=own_organisation(organisations), name="Extra")
    db.session.commit()
    both = [str(get_customer(organisations).departments[0].id), str(extra.id)]
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"departments": both}, {"contact_number": "0815"}
    )
    save_again(organisations, second_browser, answer)
    assert {department.name for department in get_customer(organisations).departments} == {"Sales", "Extra"}
    assert get_customer(organisations).contact_number == "0815"


def test_a_third_one_is_warned_again(organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"website": "first.example"}, {"contact_number": "0815"}
    )
    form = parse_form(answer.text)
    assert first_browser.submit(edit_url(organisations), reference="AGAIN").status_code == 303
    answer = second_browser.post(edit_url(organisations), form)
    assert answer.status_code == 409
    save_again(organisations, second_browser, answer)
    saved_customer = get_customer(organisations)
    assert (saved_customer.reference, saved_customer.website, saved_customer.contact_number) == (
        "AGAIN",
        "https://first.example",
        "0815",
    )


def test_errors_are_shown_beside_the_conflict(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations,
        first_browser,
        second_browser,
        {"website": "first.example"},
        {"number_of_users": "abc", "contact_number": "0815"},
    )
    form = parse_form(answer.text)
    assert (form["website"], form["number_of_users"], form["contact_number"]) == (
        ["https://first.example"],
        ["abc"],
        ["0815"],
    )
    save_again(organisations, second_browser, answer, number_of_users="")
    assert get_customer(organisations).contact_number == "0815"


DEEP_JSON = "[" * 100_000


@pytest.mark.parametrize(
    "junk",
    [
        DEEP_JSON,
        f'{{"name": {DEEP_JSON}',
        "",
        "[]",
        "{",
        "null",
        '{"name": 7}',
        '{"contacts": []}',
        '{"contacts": {"1": 3}}',
    ],
)
def test_without_knowing_what_was_there_both_are_shown(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser, junk: str
):
    """Whatever a browser makes of the field that remembers: nothing is lost and nothing breaks."""
    second_changes = {"original": junk, "contact_number": "0815", "contacts-0-phone": "1"}
    answer = save_conflicting_edits(
        organisations,
        first_browser,
        second_browser,
        {"website": "first.example", "contacts-0-email": "kim@x.example"},
        second_changes,
    )
    assert "https://first.example" in answer.text
    save_again(organisations, second_browser, answer, website="https://first.example")
    assert (get_customer(organisations).website, get_customer(organisations).contact_number) == (
        "https://first.example",
        "0815",
    )


@pytest.mark.parametrize("version", ["", "0", "999", "abc", "１", "-1", "9" * 30, None])
def test_a_version_that_was_never_there_counts_as_an_old_one(
    organisations: TwoOrganisations, second_browser: Browser, version: Any
):
    form = second_browser.read_form(edit_url(organisations))
    mark = last_change_id()
    assert (
        second_browser.post(edit_url(organisations), form | {"version": version, "contact_number": "0815"}).status_code
        == 409
    )
    assert changes_since(mark) == []
