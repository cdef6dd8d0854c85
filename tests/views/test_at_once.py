"""Several people who press the button at the same moment: one of them wins, the others are told, nothing is doubled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import models
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import bare_customer, new_customer
from tests.views.watching import changes_since, last_change
from tests.world import World

PEOPLE = 5


def browsers(world: World) -> list[Browser]:
    return [Browser(world.app, world.ours.users[Role.MANAGER]) for _ in range(PEOPLE)]


def at_once(calls: Sequence[Callable[[], Any]]) -> list[int]:
    """The answers' status codes, of calls that begin together."""
    db.session.commit()
    gate = Barrier(len(calls))

    def call(one: Callable[[], Any]) -> int:
        gate.wait(20)
        return int(one().status_code)

    with ThreadPoolExecutor(len(calls)) as pool:
        codes = list(pool.map(call, calls))
    db.session.expire_all()
    return codes


def posting(browser: Browser, url: str, data: Any) -> Callable[[], Any]:
    """A post that leaves the test's own session alone."""
    return lambda: browser.client.post(url, data={"csrf_token": browser.token, **data}, buffered=True)


def test_one_of_those_who_save_the_same_record_wins(world: World):
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    people = browsers(world)
    mark = last_change()
    forms = [each.form(url) | {"name": f"Name {n}"} for n, each in enumerate(people)]
    codes = at_once([posting(each, url, form) for each, form in zip(people, forms, strict=True)])
    assert sorted(codes)[0] == 303
    assert set(sorted(codes)[1:]) <= {409, 422}
    assert [entry.table_name for entry in changes_since(mark)] == ["customer"]


def test_everybody_who_adds_a_customer_gets_a_number_of_their_own(world: World):
    url = "/admin/customers/new/"
    new = [new_customer(world) for _ in range(PEOPLE)]
    codes = at_once([posting(each, url, each.form(url) | one) for each, one in zip(browsers(world), new, strict=True)])
    assert codes == [303] * PEOPLE
    made = db.session.query(models.Customer).filter(models.Customer.reference.in_([one["reference"] for one in new]))
    assert len({row.account_number for row in made}) == PEOPLE


def test_a_reference_is_given_once(world: World):
    url, people = "/admin/customers/new/", browsers(world)
    new = new_customer(world) | {"reference": "ONCE"}
    codes = at_once([posting(each, url, each.form(url) | new) for each in people])
    assert sorted(codes) == [303, *[422] * (PEOPLE - 1)]
    assert db.session.query(models.Customer).filter_by(reference="ONCE").count() == 1


def test_a_name_is_given_once(world: World):
    people = [Browser(world.app, world.ours.users[Role.ADMIN]) for _ in range(PEOPLE)]
    url = "/admin/departments/new/"
    codes = at_once([posting(each, url, each.form(url) | {"name": "Once"}) for each in people])
    assert sorted(codes) == [303, *[422] * (PEOPLE - 1)]


def test_a_customer_is_deleted_once(world: World):
    key = bare_customer(world).id
    url = f"/admin/customers/operation/delete/?id={key}"
    mark = last_change()
    codes = at_once([posting(each, url, {}) for each in browsers(world)])
    assert codes.count(303) == 1
    assert set(codes) <= {200, 303, 404, 409}
    assert [entry.table_name for entry in changes_since(mark)].count("customer") == 1
    assert db.session.get(models.Customer, key) is None


def test_columns_chosen_in_several_windows(world: World):
    url = "/admin/list/customers/columns"
    codes = at_once([posting(each, url, {"column": ["name", "email"]}) for each in browsers(world)])
    assert codes == [303] * PEOPLE
    kept = db.session.get_one(models.ListPreference, (world.ours.users[Role.MANAGER], "customers"))
    assert kept.columns == ["name", "email"]


def test_rows_added_to_one_customer_are_all_there(world: World):
    """Each adds a contact of their own; none of them changes what another one saw."""
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    people = browsers(world)
    forms = [each.form(url) | {"contacts-1-name": f"Contact {n}"} for n, each in enumerate(people)]
    codes = at_once([posting(each, url, form) for each, form in zip(people, forms, strict=True)])
    assert codes == [303] * PEOPLE
    names = {row.name for row in db.session.get_one(models.Customer, world.ours.customers[0]).contacts}
    assert names == {"Kim", *(f"Contact {number}" for number in range(PEOPLE))}


def test_somebody_links_a_row_while_another_deletes_it(world: World):
    """Whichever comes first: no customer is left with a group that is gone."""
    group = make.CustomerGroupFactory(organisation=db.session.get_one(models.Organisation, world.ours.id)).id
    db.session.commit()
    first, second = browsers(world)[:2]
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    form = first.form(url)
    codes = at_once(
        [
            posting(first, url, form | {"group_id": str(group)}),
            posting(second, f"/admin/groups/operation/delete/?id={group}", {}),
        ]
    )
    assert set(codes) <= {200, 303, 409, 422}
    linked = db.session.get_one(models.Customer, world.ours.customers[0]).group_id == group
    assert linked == (db.session.get(models.CustomerGroup, group) is not None)
