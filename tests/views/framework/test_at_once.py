"""Several people who press the button at the same moment: one of them wins, the others are told, nothing is doubled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import models
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_bare_customer, new_customer_values
from tests.support.two_organisations import TwoOrganisations

PEOPLE = 5


def open_browsers(organisations: TwoOrganisations) -> list[Browser]:
    return [Browser(organisations.app, organisations.own.users[Role.MANAGER]) for _ in range(PEOPLE)]


def run_together(calls: Sequence[Callable[[], Any]]) -> list[int]:
    """The answers' status codes, of calls that begin together."""
    db.session.commit()
    gate = Barrier(len(calls))

    def run_call(one: Callable[[], Any]) -> int:
        gate.wait(20)
        return int(one().status_code)

    with ThreadPoolExecutor(len(calls)) as pool:
        codes = list(pool.map(run_call, calls))
    db.session.expire_all()
    return codes


def build_post(browser: Browser, url: str, data: Any) -> Callable[[], Any]:
    """A post that leaves the test's own session alone."""
    return lambda: browser.client.post(url, data={"csrf_token": browser.token, **data}, buffered=True)


def test_one_of_those_who_save_the_same_record_wins(organisations: TwoOrganisations):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    people = open_browsers(organisations)
    mark = last_change_id()
    forms = [each.read_form(url) | {"name": f"Name {n}"} for n, each in enumerate(people)]
    codes = run_together([build_post(each, url, form) for each, form in zip(people, forms, strict=True)])
    assert sorted(codes)[0] == 303
    assert set(sorted(codes)[1:]) <= {409, 422}
    assert [entry.table_name for entry in changes_since(mark)] == ["customer"]


def test_everybody_who_adds_a_customer_gets_a_number_of_their_own(organisations: TwoOrganisations):
    url = "/admin/customers/new/"
    new = [new_customer_values(organisations) for _ in range(PEOPLE)]
    codes = run_together(
        [
            build_post(each, url, each.read_form(url) | one)
            for each, one in zip(open_browsers(organisations), new, strict=True)
        ]
    )
    assert codes == [303] * PEOPLE
    customers = db.session.query(models.Customer).filter(
        models.Customer.reference.in_([one["reference"] for one in new])
    )
    assert len({row.account_number for row in customers}) == PEOPLE


def test_a_reference_is_given_once(organisations: TwoOrganisations):
    url, people = "/admin/customers/new/", open_browsers(organisations)
    new = new_customer_values(organisations) | {"reference": "ONCE"}
    codes = run_together([build_post(each, url, each.read_form(url) | new) for each in people])
    assert sorted(codes) == [303, *[422] * (PEOPLE - 1)]
    assert db.session.query(models.Customer).filter_by(reference="ONCE").count() == 1


def test_a_name_is_given_once(organisations: TwoOrganisations):
    people = [Browser(organisations.app, organisations.own.users[Role.ADMIN]) for _ in range(PEOPLE)]
    url = "/admin/departments/new/"
    codes = run_together([build_post(each, url, each.read_form(url) | {"name": "Once"}) for each in people])
    assert sorted(codes) == [303, *[422] * (PEOPLE - 1)]


def test_a_customer_is_deleted_once(organisations: TwoOrganisations):
    key = make_bare_customer(organisations).id
    url = f"/admin/customers/operation/delete/?id={key}"
    mark = last_change_id()
    codes = run_together([build_post(each, url, {}) for each in open_browsers(organisations)])
    assert codes.count(303) == 1
    assert set(codes) <= {200, 303, 404, 409}
    assert [entry.table_name for entry in changes_since(mark)].count("customer") == 1
    assert db.session.get(models.Customer, key) is None


def test_columns_chosen_in_several_windows(organisations: TwoOrganisations):
    url = "/admin/list/customers/columns"
    codes = run_together(
        [build_post(each, url, {"column": ["name", "email"]}) for each in open_browsers(organisations)]
    )
    assert codes == [303] * PEOPLE
    list_preference = db.session.get_one(models.ListPreference, (organisations.own.users[Role.MANAGER], "customers"))
    assert list_preference.columns == ["name", "email"]


def test_rows_added_to_one_customer_are_all_there(organisations: TwoOrganisations):
    """Each adds a contact of their own; none of them changes what another one saw."""
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    people = open_browsers(organisations)
    forms = [each.read_form(url) | {"contacts-1-name": f"Contact {n}"} for n, each in enumerate(people)]
    codes = run_together([build_post(each, url, form) for each, form in zip(people, forms, strict=True)])
    assert codes == [303] * PEOPLE
    names = {row.name for row in db.session.get_one(models.Customer, organisations.own.customers[0]).contacts}
    assert names == {"Kim", *(f"Contact {number}" for number in range(PEOPLE))}


def test_somebody_links_a_row_while_another_deletes_it(organisations: TwoOrganisations):
    """Whichever comes first: no customer is left with a group that is gone."""
    group = make.CustomerGroupFactory(organisation=db.session.get_one(models.Organisation, organisations.own.id)).id
    db.session.commit()
    first, second = open_browsers(organisations)[:2]
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    form = first.read_form(url)
    codes = run_together(
        [
            build_post(first, url, form | {"group_id": str(group)}),
            build_post(second, f"/admin/groups/operation/delete/?id={group}", {}),
        ]
    )
    assert set(codes) <= {200, 303, 409, 422}
    linked = db.session.get_one(models.Customer, organisations.own.customers[0]).group_id == group
    assert linked == (db.session.get(models.CustomerGroup, group) is not None)
