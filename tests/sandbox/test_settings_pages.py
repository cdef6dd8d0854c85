"""The pages about the sandbox itself, and the one on which consent is given."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sandbox.account import CREDENTIALS_FILE
from tests.sandbox.site import BASE_URI, Site, Visitor, read_text

BACK = "http://127.0.0.1:8000/admin/?id=1"
WEBHOOK = "http://127.0.0.1:9/webhooks/here"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("sandbox")) as site:
        yield site


@pytest.fixture
def fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("fresh")) as site:
        yield site


@pytest.fixture
def visitor(site: Site) -> Visitor:
    return site.open_browser()


def read_credentials(site: Site) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((site.service.folder / CREDENTIALS_FILE).read_text())
    return values


# --- Set-up --------------------------------------------------------------------------------------------------


def test_the_set_up_shows_what_the_file_says(site: Site, visitor: Visitor) -> None:
    page, known = visitor.get("/setup").text, read_credentials(site)
    for name in ("oauth_host", "base_uri", "account_id", "user_id", "integration_key"):
        assert f'value="{known[name]}"' in page, name
    assert str(known["private_key"]).strip() in page
    for key in known["hmac_keys"]:
        assert f'value="{key}"' in page


def test_keys_are_added_and_retired_but_for_the_last_one(fresh_site: Site) -> None:
    site, visitor = fresh_site, fresh_site.open_browser()
    first = list(read_credentials(site)["hmac_keys"])
    visitor.submit("/setup/keys", {}, page="/setup")
    assert len(read_credentials(site)["hmac_keys"]) == 3
    for _ in range(3):
        for key_id in (1, 2, 3):
            answer = visitor.submit(f"/setup/keys/{key_id}/retire", {}, page="/setup")
            assert answer.status_code == 200
    [left] = read_credentials(site)["hmac_keys"]
    assert left not in first
    assert "Retire" not in read_text(answer)
    assert visitor.submit("/setup/keys/99/retire", {}, page="/setup").status_code == 200


# --- Consent -------------------------------------------------------------------------------------------------


def consent_address(site: Site, **changes: str) -> str:
    values = {
        "response_type": "code",
        "scope": "signature+impersonation",
        "client_id": str(read_credentials(site)["integration_key"]),
        "redirect_uri": "http%3A%2F%2F127.0.0.1%3A8000%2Fadmin%2F%3Fid%3D1",
        "state": "xyz",
    } | changes
    return "/oauth/auth?" + "&".join(f"{name}={value}" for name, value in values.items())


def test_consent_is_given_where_it_is_missing(site: Site, visitor: Visitor) -> None:
    assert "Consent is missing" in read_text(visitor.submit("/setup/consent", {"given": "no"}, page="/setup"))
    address = consent_address(site)
    assert "Afterwards you return to 127.0.0.1:8000." in visitor.read(address)
    for answer, expected, sentence in (
        ("deny", {"error": ["access_denied"], "state": ["xyz"], "id": ["1"]}, "Consent is missing"),
        ("allow", {"state": ["xyz"], "id": ["1"]}, "The integration key may act for Sandbox Sender."),
    ):
        token = visitor.take_token(address)
        redirected = visitor.client.post(address, base_url=BASE_URI, data={"csrf_token": token, "answer": answer})
        target = urlsplit(redirected.location)
        assert f"{target.scheme}://{target.netloc}{target.path}" == "http://127.0.0.1:8000/admin/"
        values = parse_qs(target.query)
        code = values.pop("code", None)
        assert values == expected
        assert (code is not None) is (answer == "allow")
        assert sentence in visitor.read("/setup")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"client_id": "somebody"}, "The client_id is not the integration key of this sandbox."),
        ({"response_type": "token"}, "The response_type is expected to be code."),
        ({"scope": "signature"}, "The scope is expected to be: signature impersonation."),
        ({"redirect_uri": ""}, "The redirect_uri is not an address."),
        ({"redirect_uri": "javascript:alert(1)"}, "The redirect_uri is not an address."),
        ({"redirect_uri": "https://a.example@evil.example/"}, "The redirect_uri is not an address."),
    ],
)
def test_a_wrong_question_is_not_asked(site: Site, visitor: Visitor, changes: dict[str, str], problem: str) -> None:
    answer = visitor.get(consent_address(site, **changes))
    assert answer.status_code == 400
    assert problem in read_text(answer)
    assert "Allow" not in answer.text


# --- Events --------------------------------------------------------------------------------------------------


def test_events_are_shown_with_what_came_of_them(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create(subject="Told", webhook=WEBHOOK, events=["envelope-sent"])
    with site.service.store.write() as db:
        db.execute(
            "UPDATE connect_event SET state = 'given up', signing = 'wrong', attempt_count = 11,"
            " answer = '401 UNAUTHORIZED' WHERE envelope_id = ?",
            (envelope_id,),
        )
    text = visitor.read("/events")
    assert f"envelope-sent wrong signature Told 401 UNAUTHORIZED, after 11 attempts {WEBHOOK} given up" in text
    [path] = re.findall(r'action="(/events/\d+/send)"', visitor.get("/events").text)
    assert visitor.submit(path, {}, page="/events").status_code == 200
    with site.service.store.read() as db:
        row = db.execute("SELECT state, attempt_count FROM connect_event WHERE envelope_id = ?", (envelope_id,))
        assert tuple(row.fetchone()) == ("waiting", 0)
    assert visitor.submit("/events/99999/send", {}, page="/events").status_code == 200


def test_without_events_it_says_where_they_come_from(fresh_site: Site) -> None:
    assert "No events yet." in fresh_site.open_browser().read("/events")


# --- Behaviour -----------------------------------------------------------------------------------------------


def test_rules_are_added_and_removed(site: Site, visitor: Visitor) -> None:
    assert "Rules in force None." in visitor.read("/behaviour")
    form = {"fault": "slow", "operation": "create", "next": "3", "probability": "0,5", "seconds": "1.5"}
    text = read_text(visitor.submit("/behaviour", form, page="/behaviour"))
    assert "answers after some seconds create the next 3, probability 0.5 1.5 0" in text
    form = {"fault": "drop", "operation": "create", "next": "", "probability": "1", "seconds": "2"}
    text = read_text(visitor.submit("/behaviour", form, page="/behaviour"))
    assert "is never sent everywhere always – 0" in text
    assert [rule["operation"] for rule in site.service.behaviour.describe_rules()["rules"]] == ["create", "any"]
    assert "Rules in force None." in read_text(visitor.submit("/behaviour/clear", {}, page="/behaviour"))


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"fault": "explode"}, "Fault is one of"),
        ({"fault": "slow", "operation": "dance"}, "Operation is any or one of"),
        ({"fault": "slow", "operation": "any", "probability": "often"}, "Probability is expected to be a number."),
        ({"fault": "slow", "operation": "any", "probability": "2"}, "Probability is expected to be a number from 0"),
        ({"fault": "slow", "operation": "any", "seconds": "1e9"}, "Seconds is expected to be a number from 0 to 300."),
        ({"fault": "slow", "operation": "any", "next": "nan"}, "Next is expected to be a number from 0"),
    ],
)
def test_a_wrong_rule_is_refused_with_what_was_entered(
    site: Site, visitor: Visitor, form: dict[str, str], problem: str
) -> None:
    answer = visitor.submit("/behaviour", form, page="/behaviour")
    assert answer.status_code == 400
    assert problem in read_text(answer)
    assert site.service.behaviour.describe_rules()["rules"] == []
    for name in ("probability", "seconds", "next"):
        if name in form:
            assert f'value="{form[name]}"' in answer.text, "nothing is to be entered twice"
