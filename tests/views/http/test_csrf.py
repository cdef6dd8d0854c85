"""Nothing that changes anything works without the token of a page that this browser was shown."""

import pytest

from tests.support.browser_client import TEST_TOKEN, Browser
from tests.support.row_changes import database_contents
from tests.support.two_organisations import TwoOrganisations


@pytest.fixture
def other_browser(organisations: TwoOrganisations) -> Browser:
    """Another browser, with a token of its own."""
    browser = Browser(organisations.app)
    with browser.client.session_transaction() as http_session:
        http_session["csrf_token"] = "1" * 40
    return browser


def list_post_addresses(organisations: TwoOrganisations) -> list[str]:
    """An address for every route that takes a POST from a browser. Other programs sign what they send."""
    adapter = organisations.app.url_map.bind("localhost")
    addresses = []
    for rule in organisations.app.url_map.iter_rules():
        if "POST" in rule.methods and not rule.endpoint.startswith("webhooks."):
            values = {
                "operation": "delete",
                "export_type": "csv",
                "screen": "customers",
                "view_id": 1,
                "case_id": 1,
                "token": "a",
                "customer_id": organisations.own.customers[0],
                "kind": "company",
                "name": "customers",
            }
            url = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
            addresses.append(f"{url}?id={organisations.own.customers[0]}")
    return addresses


@pytest.mark.slow
def test_every_post_needs_its_token(organisations: TwoOrganisations):
    """As the most powerful person there is, so that nothing else stands in the way."""
    person = Browser(organisations.app, organisations.platform_user)
    before = database_contents()
    wrong = [
        (url, token)
        for url in list_post_addresses(organisations)
        for token in (None, "", "abc", TEST_TOKEN)
        if person.client.post(url, data={"csrf_token": token} if token is not None else {}).status_code != 400
    ]
    assert wrong == []
    assert database_contents() == before


def test_the_token_of_another_browser_is_none(organisations: TwoOrganisations, other_browser: Browser):
    from itsdangerous import URLSafeTimedSerializer

    person = Browser(organisations.app, organisations.platform_user)
    foreign_token = URLSafeTimedSerializer(organisations.app.secret_key, salt="wtf-csrf-token").dumps("1" * 40)
    forged = URLSafeTimedSerializer("another key", salt="wtf-csrf-token").dumps(TEST_TOKEN)
    for token in (foreign_token, forged):
        answer = person.client.post("/admin/customers/new/", data={"csrf_token": token})
        assert answer.status_code == 400
        assert "Nothing was changed" in answer.text


@pytest.mark.slow
def test_reading_needs_none_and_changes_nothing(organisations: TwoOrganisations):
    person = Browser(organisations.app, organisations.platform_user)
    before = database_contents()
    for url in list_post_addresses(organisations):
        for method in (person.client.head, person.client.options):
            assert method(url).status_code < 500
    assert database_contents() == before
