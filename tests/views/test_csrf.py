"""Nothing that changes anything works without the token of a page that this browser was shown."""

import pytest

from tests.browsing import MARK, Browser
from tests.views.watching import contents
from tests.world import World


@pytest.fixture
def other(world: World) -> Browser:
    """Another browser, with a token of its own."""
    browser = Browser(world.app)
    with browser.client.session_transaction() as kept:
        kept["csrf_token"] = "1" * 40
    return browser


def posts(world: World) -> list[str]:
    """An address for every route that takes a POST."""
    adapter = world.app.url_map.bind("localhost")
    found = []
    for rule in world.app.url_map.iter_rules():
        if "POST" in rule.methods:
            values = {"operation": "delete", "export_type": "csv", "screen": "customers", "view_id": 1, "token": "a",
                      "customer_id": world.ours.customers[0], "kind": "company"}  # fmt: skip
            url = adapter.build(rule.endpoint, {name: values[name] for name in rule.arguments})
            found.append(f"{url}?id={world.ours.customers[0]}")
    return found


def test_every_post_needs_its_token(world: World):
    """As the most powerful person there is, so that nothing else stands in the way."""
    person = Browser(world.app, world.platform_user)
    before = contents()
    wrong = [
        (url, token)
        for url in posts(world)
        for token in (None, "", "abc", MARK)
        if person.client.post(url, data={"csrf_token": token} if token is not None else {}).status_code != 400
    ]
    assert wrong == []
    assert contents() == before


def test_the_token_of_another_browser_is_none(world: World, other: Browser):
    from itsdangerous import URLSafeTimedSerializer

    person = Browser(world.app, world.platform_user)
    theirs = URLSafeTimedSerializer(world.app.secret_key, salt="wtf-csrf-token").dumps("1" * 40)
    forged = URLSafeTimedSerializer("another key", salt="wtf-csrf-token").dumps(MARK)
    for token in (theirs, forged):
        answer = person.client.post("/admin/customers/new/", data={"csrf_token": token})
        assert answer.status_code == 400
        assert "Nothing was changed" in answer.text


def test_reading_needs_none_and_changes_nothing(world: World):
    person = Browser(world.app, world.platform_user)
    before = contents()
    for url in posts(world):
        for method in (person.client.head, person.client.options):
            assert method(url).status_code < 500
    assert contents() == before
