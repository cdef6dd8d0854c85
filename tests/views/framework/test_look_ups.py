"""Finding a row for a field while typing: one's own, those that may be chosen, and no more than fit."""

import pytest

from models import Customer
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.two_organisations import TwoOrganisations, own_organisation

MANAGERS = "/admin/customers/ajax/lookup/?name=customer.account_manager_id"
CUSTOMERS = "/admin/users/ajax/lookup/?name=hub_user.customer_id"


def lookup_labels(browser: Browser, url: str) -> list[str]:
    answer = browser.get(url)
    assert answer.status_code == 200
    return [label for _, label in answer.json]


def test_people_are_found_by_name_and_email_and_customers_by_what_they_are_known_by(
    organisations: TwoOrganisations, admin: Browser
):
    make.UserFactory(
        organisation=own_organisation(organisations), name="Zoë Zander", email="z.zander@hub.example", role=Role.AGENT
    )
    db.session.commit()
    for search_text in ("zander", "ZAN", "z.zander@hub", "zoë"):
        assert lookup_labels(admin, f"{MANAGERS}&query={search_text}") == ["Zoë Zander"], search_text
    for search_text in ("REF-1", "ref-1 OUR", "customer ref-1"):
        assert lookup_labels(admin, f"{CUSTOMERS}&query={search_text}") == ["Our Telecom customer 1"], search_text
    assert lookup_labels(admin, f"{MANAGERS}&query=nobody") == []


def test_only_staff_are_offered_as_managers(organisations: TwoOrganisations, admin: Browser):
    manager_labels = lookup_labels(admin, f"{MANAGERS}&limit=20")
    assert {"The admin", "The manager", "The agent"} <= set(manager_labels)
    assert not {"The partner", "The customer"} & set(manager_labels)


def test_who_is_switched_off_is_neither_offered_nor_in_the_way_of_others(
    organisations: TwoOrganisations, admin: Browser
):
    for number in range(15):
        make.UserFactory(
            organisation=own_organisation(organisations), name=f"AAA {number:02d}", role=Role.AGENT, active=False
        )
    make.UserFactory(organisation=own_organisation(organisations), name="AAA last", role=Role.AGENT)
    db.session.commit()
    assert lookup_labels(admin, f"{MANAGERS}&query=aaa&limit=5") == ["AAA last"]


def test_who_is_switched_off_cannot_be_chosen_by_id_either(organisations: TwoOrganisations, admin: Browser):
    inactive_user_id = make.UserFactory(organisation=own_organisation(organisations), role=Role.AGENT, active=False).id
    db.session.commit()
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    assert admin.submit(url, account_manager_id=str(inactive_user_id)).status_code == 422


@pytest.mark.parametrize(
    ("limit", "most"), [("1", 1), ("20", 20), ("1000000", 20), ("-5", 1), ("0", 1), ("x", 10), ("１", 1)]
)
def test_there_are_at_most_twenty(organisations: TwoOrganisations, admin: Browser, limit: str, most: int):
    for _ in range(25):
        make.UserFactory(organisation=own_organisation(organisations), role=Role.AGENT)
    db.session.commit()
    assert len(lookup_labels(admin, f"{MANAGERS}&limit={limit}")) == most


@pytest.mark.parametrize("search_text", ["%25", "_", "\\", "'", "%F0%9F%9A%80", "x" * 5000, "%20", '"*', "(", "a OR b"])
def test_every_sign_is_taken_literally(organisations: TwoOrganisations, admin: Browser, search_text: str):
    for url in (MANAGERS, CUSTOMERS):
        matching_labels = lookup_labels(admin, f"{url}&query={search_text}")
        assert matching_labels == [] or search_text == "%20"


@pytest.mark.parametrize("name", ["", "customer.name", "hub_user.password_hash", "customer.region_id", "nobody", "%27"])
def test_another_field_is_not_there(organisations: TwoOrganisations, admin: Browser, name: str):
    assert admin.get(f"/admin/customers/ajax/lookup/?name={name}&query=a").status_code == 404


def test_a_field_of_another_screen_is_not_there(organisations: TwoOrganisations, admin: Browser):
    assert admin.get("/admin/customers/ajax/lookup/?name=hub_user.customer_id").status_code == 404
    assert admin.get("/admin/departments/ajax/lookup/?name=customer.account_manager_id").status_code == 404


def test_who_may_not_edit_looks_nothing_up(organisations: TwoOrganisations, agent: Browser):
    assert agent.get(f"{CUSTOMERS}&query=our").status_code == 403
    assert agent.get("/admin/default-values/ajax/lookup/?name=customer.account_manager_id").status_code == 404


@pytest.mark.parametrize(
    ("posted", "expected"),
    [
        ({"": "", "-text": "nobody I know"}, "refused"),  # with the script: typed, and nobody chosen
        ({"": "agent", "-text": "The manager"}, "agent"),  # another script chose by id alone
        ({"": "agent", "-text": "The agent", "-shown": "The agent"}, "agent"),
        ({"": "agent", "-text": "the MANAGER ", "-shown": "The agent"}, "manager"),  # without the script
        ({"": "agent", "-text": "The", "-shown": "The agent"}, "refused"),
        ({"": "agent", "-text": "The partner", "-shown": "The agent"}, "refused"),
        ({"": "agent", "-text": " ", "-shown": "The agent"}, None),
        ({"": "", "-text": "The manager", "-shown": ""}, "manager"),
    ],
)
def test_what_is_saved_is_what_stands_in_the_box(
    organisations: TwoOrganisations, admin: Browser, posted: dict[str, str], expected: str | None
):
    """Without the script, text that was typed over a name was dropped without a word and the old name stayed."""
    key, own = organisations.own.customers[0], organisations.own.users
    url = f"/admin/customers/edit/?id={key}"
    assert admin.submit(url, account_manager_id=str(own[Role.AGENT])).status_code == 303
    values = {part: str(own[Role(value)]) if value in list(Role) else value for part, value in posted.items()}
    answer = admin.submit(url, **{f"account_manager_id{part}": value for part, value in values.items()})
    saved = db.session.get_one(Customer, key).account_manager_id
    if expected == "refused":
        assert answer.status_code == 422
        assert "Choose one from the list, or clear the box" in answer.text
        assert parse_form(answer.text)["account_manager_id-text"] == [posted["-text"]]
        assert parse_form(answer.text)["account_manager_id"] == [""]
        assert saved == own[Role.AGENT]
    else:
        assert answer.status_code == 303
        assert saved == (own[Role(expected)] if expected else None)
