"""Finding a row for a field while typing: one's own, those that may be chosen, and no more than fit."""

import pytest

import models
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.world import World

MANAGERS = "/admin/customers/ajax/lookup/?name=customer.account_manager_id"
CUSTOMERS = "/admin/users/ajax/lookup/?name=hub_user.customer_id"


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def labels(browser: Browser, url: str) -> list[str]:
    answer = browser.get(url)
    assert answer.status_code == 200
    return [label for _, label in answer.json]


def test_people_are_found_by_name_and_email_and_customers_by_what_they_are_known_by(world: World, admin: Browser):
    make.UserFactory(organisation=owner(world), name="Zoë Zander", email="z.zander@hub.example", role=Role.AGENT)
    db.session.commit()
    for typed in ("zander", "ZAN", "z.zander@hub", "zoë"):
        assert labels(admin, f"{MANAGERS}&query={typed}") == ["Zoë Zander"], typed
    for typed in ("REF-1", "ref-1 OUR", "customer ref-1"):
        assert labels(admin, f"{CUSTOMERS}&query={typed}") == ["Our Telecom customer 1"], typed
    assert labels(admin, f"{MANAGERS}&query=nobody") == []


def test_only_staff_are_offered_as_managers(world: World, admin: Browser):
    found = labels(admin, f"{MANAGERS}&limit=20")
    assert {"The admin", "The manager", "The agent"} <= set(found)
    assert not {"The partner", "The customer"} & set(found)


def test_who_is_switched_off_is_neither_offered_nor_in_the_way_of_others(world: World, admin: Browser):
    for number in range(15):
        make.UserFactory(organisation=owner(world), name=f"AAA {number:02d}", role=Role.AGENT, active=False)
    make.UserFactory(organisation=owner(world), name="AAA last", role=Role.AGENT)
    db.session.commit()
    assert labels(admin, f"{MANAGERS}&query=aaa&limit=5") == ["AAA last"]


def test_who_is_switched_off_cannot_be_chosen_by_id_either(world: World, admin: Browser):
    gone = make.UserFactory(organisation=owner(world), role=Role.AGENT, active=False).id
    db.session.commit()
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    assert admin.submit(url, account_manager_id=str(gone)).status_code == 422


@pytest.mark.parametrize(
    ("limit", "most"), [("1", 1), ("20", 20), ("1000000", 20), ("-5", 1), ("0", 1), ("x", 10), ("１", 1)]
)
def test_there_are_at_most_twenty(world: World, admin: Browser, limit: str, most: int):
    for _ in range(25):
        make.UserFactory(organisation=owner(world), role=Role.AGENT)
    db.session.commit()
    assert len(labels(admin, f"{MANAGERS}&limit={limit}")) == most


@pytest.mark.parametrize("typed", ["%25", "_", "\\", "'", "%F0%9F%9A%80", "x" * 5000, "%20", '"*', "(", "a OR b"])
def test_every_sign_is_taken_literally(world: World, admin: Browser, typed: str):
    for url in (MANAGERS, CUSTOMERS):
        found = labels(admin, f"{url}&query={typed}")
        assert found == [] or typed == "%20"


@pytest.mark.parametrize("name", ["", "customer.name", "hub_user.password_hash", "customer.region_id", "nobody", "%27"])
def test_another_field_is_not_there(world: World, admin: Browser, name: str):
    assert admin.get(f"/admin/customers/ajax/lookup/?name={name}&query=a").status_code == 404


def test_a_field_of_another_screen_is_not_there(world: World, admin: Browser):
    assert admin.get("/admin/customers/ajax/lookup/?name=hub_user.customer_id").status_code == 404
    assert admin.get("/admin/departments/ajax/lookup/?name=customer.account_manager_id").status_code == 404


def test_who_may_not_edit_looks_nothing_up(world: World, agent: Browser):
    assert agent.get(f"{CUSTOMERS}&query=our").status_code == 403
    assert agent.get("/admin/default-values/ajax/lookup/?name=customer.account_manager_id").status_code == 404
