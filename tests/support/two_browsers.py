"""Edits of the same customer from two browsers."""

from typing import Any

from tests.support.browser_client import Browser, parse_form
from tests.support.row_changes import changes_since, last_change_id
from tests.support.two_organisations import TwoOrganisations


def edit_url(organisations: TwoOrganisations) -> str:
    return f"/admin/customers/edit/?id={organisations.own.customers[0]}"


def save_conflicting_edits(
    organisations: TwoOrganisations,
    first_browser: Browser,
    second_browser: Browser,
    first_changes: dict[str, Any],
    second_changes: dict[str, Any],
) -> Any:
    """The second opens the form, the first saves `theirs`, then the second saves `mine`: what the second is shown."""
    form = second_browser.read_form(edit_url(organisations))
    assert first_browser.submit(edit_url(organisations), **first_changes).status_code == 303
    mark = last_change_id()
    answer = second_browser.post(edit_url(organisations), form | second_changes)
    assert answer.status_code == 409
    assert changes_since(mark) == []
    assert "The agent saved this record" in answer.text
    return answer


def save_again(organisations: TwoOrganisations, browser: Browser, answer: Any, **changes: Any) -> None:
    """The second presses Save on the page that shows the conflict."""
    again = browser.post(edit_url(organisations), parse_form(answer.text) | changes)
    assert again.status_code == 303, again.text
