"""Two people save the same record: the second is told, both keep what they typed, and saving again works."""

from typing import Any

import pytest

import models
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.watching import changes_since, last_change, told
from tests.world import World


@pytest.fixture
def first(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.AGENT])


@pytest.fixture
def second(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.MANAGER])


def url_of(world: World) -> str:
    return f"/admin/customers/edit/?id={world.ours.customers[0]}"


def customer(world: World) -> models.Customer:
    return db.session.get_one(models.Customer, world.ours.customers[0])


def meets(world: World, first: Browser, second: Browser, theirs: dict[str, Any], mine: dict[str, Any]) -> Any:
    """The second opens the form, the first saves `theirs`, then the second saves `mine`: what the second is shown."""
    form = second.form(url_of(world))
    assert first.submit(url_of(world), **theirs).status_code == 303
    mark = last_change()
    answer = second.post(url_of(world), form | mine)
    assert answer.status_code == 409
    assert changes_since(mark) == []
    assert "The agent saved this record" in answer.text
    return answer


def saves_again(world: World, browser: Browser, answer: Any, **changes: Any) -> None:
    """The second presses Save on the page that told of the conflict."""
    again = browser.post(url_of(world), form_of(answer.text) | changes)
    assert again.status_code == 303, again.text


def test_what_only_one_of_them_changed_is_kept_of_both(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"website": "first.example"}, {"contact_number": "0815"})
    assert "https://first.example" in answer.text
    saves_again(world, second, answer)
    assert (customer(world).website, customer(world).contact_number) == ("https://first.example", "0815")


def test_what_both_changed_is_shown_of_both_and_the_last_wins(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"name": "First GmbH"}, {"name": "Second GmbH"})
    assert "First GmbH" in answer.text
    assert form_of(answer.text)["name"] == ["Second GmbH"]
    mark = last_change()
    saves_again(world, second, answer)
    assert told(changes_since(mark)) == [("changed", "customer", {"name": ["First GmbH", "Second GmbH"]})]


def test_the_same_change_twice_loses_nothing(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"name": "Same"}, {"name": "Same", "contact_number": "0815"})
    saves_again(world, second, answer)
    assert (customer(world).name, customer(world).contact_number) == ("Same", "0815")


def test_choices_dates_amounts_and_ticks_are_merged_too(world: World, first: Browser, second: Browser):
    terms = make.PaymentTermsFactory(organisation=owner(world))
    db.session.commit()
    theirs = {"risk": "High", "start_date": "2020-02-29", "credit_limit": "1,500.00", "payment_terms_id": str(terms.id),
              "correspondence_modes": ["email", "post"], "promotional_emails": "y", "billing_day": "15"}  # fmt: skip
    answer = meets(world, first, second, theirs, {"contact_number": "0815"})
    saves_again(world, second, answer)
    kept = customer(world)
    assert (kept.risk.value, str(kept.start_date), str(kept.credit_limit)) == ("High", "2020-02-29", "1500.00")
    assert (kept.payment_terms_id, kept.correspondence_modes) == (terms.id, ["email", "post"])
    assert (kept.promotional_emails, kept.billing_day, kept.contact_number) == (True, 15, "0815")


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def test_several_that_were_chosen_are_not_put_back(world: World, first: Browser, second: Browser):
    """Departments are kept in a table of their own: the version of the record does not tell that they changed."""
    extra = make.DepartmentFactory(organisation=owner(world), name="Extra")
    db.session.commit()
    both = [str(customer(world).departments[0].id), str(extra.id)]
    answer = meets(world, first, second, {"departments": both}, {"contact_number": "0815"})
    saves_again(world, second, answer)
    assert {department.name for department in customer(world).departments} == {"Sales", "Extra"}
    assert customer(world).contact_number == "0815"


def test_a_third_is_told_again(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"website": "first.example"}, {"contact_number": "0815"})
    form = form_of(answer.text)
    assert first.submit(url_of(world), reference="AGAIN").status_code == 303
    answer = second.post(url_of(world), form)
    assert answer.status_code == 409
    saves_again(world, second, answer)
    kept = customer(world)
    assert (kept.reference, kept.website, kept.contact_number) == ("AGAIN", "https://first.example", "0815")


def test_what_is_wrong_is_told_beside_the_conflict(world: World, first: Browser, second: Browser):
    answer = meets(
        world, first, second, {"website": "first.example"}, {"year_end_day": "abc", "contact_number": "0815"}
    )
    form = form_of(answer.text)
    assert (form["website"], form["year_end_day"], form["contact_number"]) == (
        ["https://first.example"],
        ["abc"],
        ["0815"],
    )
    saves_again(world, second, answer, year_end_day="")
    assert customer(world).contact_number == "0815"


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "junk",
    [DEEP, f'{{"name": {DEEP}', "", "[]", "{", "null", '{"name": 7}', '{"contacts": []}', '{"contacts": {"1": 3}}'],
)
def test_without_knowing_what_was_there_both_are_shown(world: World, first: Browser, second: Browser, junk: str):
    """Whatever a browser makes of the field that remembers: nothing is lost and nothing breaks."""
    mine = {"original": junk, "contact_number": "0815", "contacts-0-phone": "1"}
    answer = meets(world, first, second, {"website": "first.example", "contacts-0-email": "kim@x.example"}, mine)
    assert "https://first.example" in answer.text
    saves_again(world, second, answer, website="https://first.example")
    assert (customer(world).website, customer(world).contact_number) == ("https://first.example", "0815")


@pytest.mark.parametrize("version", ["", "0", "999", "abc", "１", "-1", "9" * 30, None])
def test_a_version_that_was_never_there_counts_as_an_old_one(world: World, second: Browser, version: Any):
    form = second.form(url_of(world))
    mark = last_change()
    assert second.post(url_of(world), form | {"version": version, "contact_number": "0815"}).status_code == 409
    assert changes_since(mark) == []


# --- Inline rows -------------------------------------------------------------------------------------------


def contacts(world: World) -> list[tuple[str, str | None, str | None]]:
    return [(contact.name, contact.email, contact.phone) for contact in customer(world).contacts]


def test_cells_of_one_row_are_merged(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-email": "kim@x.example"}, {"contacts-0-phone": "0815"})
    assert "kim@x.example" in answer.text
    saves_again(world, second, answer)
    assert contacts(world) == [("Kim", "kim@x.example", "0815")]


def test_a_row_that_one_left_alone_is_not_put_back(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-name": "Kim Novak"}, {"contact_number": "0815"})
    saves_again(world, second, answer)
    assert contacts(world) == [("Kim Novak", None, None)]
    assert customer(world).contact_number == "0815"


def test_a_cell_that_both_changed_is_shown_of_both(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-name": "First"}, {"contacts-0-name": "Second"})
    assert ">First<" in answer.text
    saves_again(world, second, answer)
    assert contacts(world) == [("Second", None, None)]


def test_a_row_that_somebody_added_stays(world: World, first: Browser, second: Browser):
    form = second.form(url_of(world))
    assert first.submit(url_of(world), **{"contacts-1-name": "Added"}).status_code == 303
    assert second.post(url_of(world), form | {"contacts-1-name": "Mine"}).status_code == 303
    assert [name for name, _, _ in contacts(world)] == ["Kim", "Added", "Mine"]


def test_a_row_that_somebody_added_is_shown_beside_a_conflict(world: World, first: Browser, second: Browser):
    theirs = {"contacts-1-name": "Added", "website": "first.example"}
    answer = meets(world, first, second, theirs, {"contacts-1-name": "Mine"})
    saves_again(world, second, answer)
    assert sorted(name for name, _, _ in contacts(world)) == ["Added", "Kim", "Mine"]


def test_a_row_that_somebody_removed_stays_removed(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"del-contacts-0": "1"}, {"contact_number": "0815"})
    assert "Contact Kim" in answer.text
    saves_again(world, second, answer)
    assert (contacts(world), customer(world).contact_number) == ([], "0815")


def test_what_was_typed_into_a_removed_row_is_not_lost(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"del-contacts-0": "1"}, {"contacts-0-phone": "0815"})
    saves_again(world, second, answer)
    assert contacts(world) == [("Kim", None, "0815")]


def test_what_both_removed_is_removed(world: World, first: Browser, second: Browser):
    form = second.form(url_of(world))
    assert first.submit(url_of(world), **{"del-contacts-0": "1"}).status_code == 303
    assert second.post(url_of(world), form | {"del-contacts-0": "1"}).status_code == 303
    assert contacts(world) == []


def test_a_row_that_one_changed_and_the_other_removed_is_shown(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-phone": "0815"}, {"del-contacts-0": "1"})
    assert "Contact Kim" in answer.text
    saves_again(world, second, answer)
    assert contacts(world) == []


def test_two_rates_of_one_tariff(world: World):
    admins = [Browser(world.app, key) for key in (world.ours.users[Role.ADMIN], world.platform_user)]
    tariff = db.session.get_one(models.TariffRate, world.ours.row(models.TariffRate)).tariff_id
    url = f"/admin/tariffs/edit/?id={tariff}"
    form = admins[1].form(url)
    assert admins[0].submit(url, **{"rates-0-destination": "London"}).status_code == 303
    answer = admins[1].post(url, form | {"rates-0-price_per_minute": "0.5"})
    assert answer.status_code == 409
    assert admins[1].post(url, form_of(answer.text)).status_code == 303
    rate = db.session.query(models.TariffRate).filter_by(tariff_id=tariff).one()
    assert (rate.destination, str(rate.price_per_minute)) == ("London", "0.500000")


def test_a_record_that_is_gone_is_said_to_be(world: World, second: Browser):
    unused = make.CustomerGroupFactory(organisation=owner(world))
    db.session.commit()
    url = f"/admin/groups/edit/?id={unused.id}"
    form = second.form(url)
    assert second.post(f"/admin/groups/operation/delete/?id={unused.id}").status_code == 303
    assert second.post(url, form | {"name": "Mine"}).status_code == 404
