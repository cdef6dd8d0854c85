"""The rows that are edited with a customer: added, changed and removed, and never somebody else's."""

from typing import Any

import models
from models.base import db
from models.enums import AddressKind
from tests import factories as make
from tests.browsing import Browser
from tests.views.watching import changes_since, contents, last_change, told
from tests.world import World

LISTS = ("contacts", "addresses", "compliance_documents", "billing_lines", "invoice_profiles", "legal_entities")


def url_of(world: World, number: int = 0) -> str:
    return f"/admin/customers/edit/?id={world.ours.customers[number]}"


def customer(world: World, number: int = 0) -> models.Customer:
    return db.session.get_one(models.Customer, world.ours.customers[number])


def names(world: World) -> list[str]:
    return [contact.name for contact in customer(world).contacts]


def test_rows_are_added_changed_and_removed_in_one_go(world: World, admin: Browser):
    make.ContactFactory(organisation=owner(world), customer_id=world.ours.customers[0], name="Second")
    db.session.commit()
    mark = last_change()
    answer = admin.submit(
        url_of(world),
        **{
            "contacts-0-name": "Kim Novak",
            "del-contacts-1": "1",
            "contacts-7-name": "New",
            "contacts-7-role": "technical",
        },
    )
    assert answer.status_code == 303
    assert names(world) == ["Kim Novak", "New"]
    assert sorted((entry.action, entry.title) for entry in changes_since(mark)) == [
        ("changed", "Kim Novak"), ("created", "New"), ("deleted", "Second")
    ]  # fmt: skip


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def test_saving_untouched_changes_nothing(world: World, admin: Browser):
    mark = last_change()
    before = contents()
    assert admin.submit(url_of(world)).status_code == 303
    assert told(changes_since(mark)) == []
    assert contents() == before


def test_a_row_left_empty_is_no_row(world: World, admin: Browser):
    blank = {"contacts-3-name": " ", "contacts-3-role": "general", "billing_lines-4-minimum_cost": "",
             "addresses-5-kind": "registered"}  # fmt: skip
    assert admin.submit(url_of(world), **blank).status_code == 303
    assert [len(getattr(customer(world), name)) for name in LISTS] == [1] * 6


def test_a_row_half_filled_in_is_told_at_its_cell_and_kept_as_typed(world: World, admin: Browser):
    mark = last_change()
    answer = admin.submit(url_of(world), **{"contacts-3-email": "kim@x.example", "contacts-3-phone": "0815"})
    assert answer.status_code == 422
    assert 'value="kim@x.example"' in answer.text
    assert "This is needed" in answer.text
    assert changes_since(mark) == []


def test_every_cell_that_the_business_refuses_is_marked(world: World, admin: Browser):
    mark = last_change()
    answer = admin.submit(
        url_of(world),
        **{"contacts-0-email": "nobody", "addresses-0-country": "XX", "billing_lines-0-minimum_cost": "-1",
           "invoice_profiles-0-email": "nobody", "compliance_documents-0-reviewer_email": "nobody"},
    )  # fmt: skip
    assert answer.status_code == 422
    assert answer.text.count("“nobody” is not an email address") >= 3
    assert "is not a country" in answer.text
    assert "A cost is 0 or more" in answer.text
    assert 'value="nobody"' in answer.text
    assert changes_since(mark) == []


def test_a_row_of_another_customer_is_refused_and_not_copied(world: World, admin: Browser):
    foreign = {
        name: [getattr(customer(world, 1), name)[0].id, getattr(theirs(world), name)[0].id] for name in LISTS
    }  # fmt: skip
    form, mark = admin.form(url_of(world)), last_change()
    for name, ids in foreign.items():
        for key in [*ids, 10**9]:
            for number in ("0", "9"):
                posted = form | {f"{name}-{number}-id": str(key), f"{name}-{number}-name": "Mine now"}
                answer = admin.post(url_of(world), posted)
                assert answer.status_code == 422, (name, key)
                assert "gone or is not yours" in answer.text
    assert changes_since(mark) == []


def theirs(world: World) -> models.Customer:
    return db.session.get_one(models.Customer, world.theirs.customers[0])


def test_removing_a_row_of_another_customer_removes_nothing(world: World, admin: Browser):
    form = admin.form(url_of(world))
    for name in LISTS:
        for foreign in (customer(world, 1), theirs(world)):
            key = getattr(foreign, name)[0].id
            mark = last_change()
            admin.post(url_of(world), form | {f"{name}-9-id": str(key), f"del-{name}-9": "1"})
            assert changes_since(mark) == []


def test_a_row_posted_on_the_form_of_a_new_customer_is_refused(world: World, admin: Browser):
    form = admin.form("/admin/customers/new/")
    region = str(customer(world).region_id)
    department = str(customer(world).departments[0].id)
    filled = form | {
        "name": "New", "reference": "N", "email": "n@x.example", "start_date": "2025-01-01", "risk": "Low",
        "region_id": region, "departments": department, "contacts-0-id": str(customer(world).contacts[0].id),
        "contacts-0-name": "Mine now",
    }  # fmt: skip
    mark = last_change()
    assert admin.post("/admin/customers/new/", filled).status_code == 422
    assert changes_since(mark) == []


def test_numbers_that_are_none_are_not_rows(world: World, admin: Browser):
    junk = ("-1", "1e1", "01", "１", "²", "9" * 5000, "1.5", "__n__", "", " 7", "0x1", "null")
    mark = last_change()
    answer = admin.submit(url_of(world), **{f"contacts-{number}-name": "Junk" for number in junk})
    assert answer.status_code == 303
    assert changes_since(mark) == []


def test_too_many_rows_are_refused_whole(world: World, admin: Browser):
    mark = last_change()
    answer = admin.submit(url_of(world), **{f"contacts-{number}-name": "Kim" for number in range(1, 2001)})
    assert answer.status_code == 422
    assert "At most 2000 rows" in answer.text
    assert changes_since(mark) == []


def test_many_rows_are_saved(world: World, admin: Browser):
    answer = admin.submit(url_of(world), **{f"contacts-{number}-name": f"Kim {number}" for number in range(1, 300)})
    assert answer.status_code == 303
    assert names(world) == ["Kim", *(f"Kim {number}" for number in range(1, 300))]


def test_the_same_row_twice_is_one_row(world: World, admin: Browser):
    form = admin.form(url_of(world))
    twice = {f"contacts-5-{field}": form[f"contacts-0-{field}"] for field in ("id", "version", "name", "role")}
    admin.post(url_of(world), form | twice | {"contacts-5-name": "Twice"})
    assert names(world) == ["Twice"]


def test_a_removed_row_makes_room_for_another_in_its_place(world: World, admin: Browser):
    """There is one address of each kind, and one profile with each name."""
    before = customer(world, 1)
    kind, name = before.addresses[0].kind, before.invoice_profiles[0].name
    answer = admin.submit(
        url_of(world, 1),
        **{"del-addresses-0": "1", "addresses-1-kind": kind.value, "addresses-1-lines": "9 New Street",
           "del-invoice_profiles-0": "1", "invoice_profiles-1-name": name, "invoice_profiles-1-email": "new@x.example"},
    )  # fmt: skip
    assert answer.status_code == 303
    assert [address.lines for address in customer(world, 1).addresses] == ["9 New Street"]
    assert [profile.email for profile in customer(world, 1).invoice_profiles] == ["new@x.example"]


def test_a_profile_with_contracts_is_not_removed_and_the_form_says_why(world: World, admin: Browser):
    profile = customer(world).invoice_profiles[0]
    make.ContractFactory(
        organisation=owner(world), customer_id=world.ours.customers[0], invoice_profile_id=profile.id
    )  # the second one
    db.session.commit()
    mark, name = last_change(), profile.name
    answer = admin.submit(url_of(world), **{"del-invoice_profiles-0": "1", "website": "www.new.example"})
    assert answer.status_code == 422
    assert f"The profile {name} has 2 contracts and stays" in answer.text
    assert 'value="www.new.example"' in answer.text
    assert changes_since(mark) == []
    assert [each.name for each in customer(world).invoice_profiles] == [name]


def test_a_double_is_told_at_its_cell(world: World, admin: Browser):
    kind = customer(world).addresses[0].kind.value
    answer = admin.submit(url_of(world), **{"addresses-1-kind": kind, "addresses-1-lines": "9 New Street"})
    assert answer.status_code == 422
    assert "There is already an address of this kind" in answer.text
    assert "9 New Street" in answer.text
    assert {address.kind for address in customer(world).addresses} == {AddressKind.MAILING}


def test_a_refused_form_removes_nothing(world: World, admin: Browser):
    mark = last_change()
    answer = admin.submit(url_of(world), email="nobody", **{"del-contacts-0": "1"})
    assert answer.status_code == 422
    assert 'name="del-contacts-0" value="1" checked' in answer.text
    assert changes_since(mark) == []


def test_the_only_contact_of_a_prospect_stays(world: World, admin: Browser):
    prospect: dict[str, Any] = {"is_prospect": "y", "registration_number": "R 1"}
    answer = admin.submit(url_of(world), **prospect, **{"del-contacts-0": "1"})
    assert answer.status_code == 422
    assert "A prospect needs one contact" in answer.text
    assert names(world) == ["Kim"]


def test_rates_of_a_tariff_are_rows_too(world: World, admin: Browser):
    tariff = db.session.get_one(models.TariffRate, world.ours.row(models.TariffRate)).tariff_id
    foreign = db.session.get_one(models.TariffRate, world.theirs.row(models.TariffRate))
    url = f"/admin/tariffs/edit/?id={tariff}"
    new = {"rates-1-prefix": "+49 30", "rates-1-price_per_minute": "0.0185", "rates-1-valid_from": "2025-01-01"}
    assert admin.submit(url, **new).status_code == 303
    rates = db.session.query(models.TariffRate).filter_by(tariff_id=tariff)
    assert sorted((rate.prefix, str(rate.price_per_minute)) for rate in rates)[-1] == ("4930", "0.018500")
    mark = last_change()
    again = {name.replace("-1-", "-9-"): value for name, value in new.items()}
    assert admin.submit(url, **again).status_code == 422
    assert admin.submit(url, **again, **{"rates-9-id": str(foreign.id)}).status_code == 422
    assert changes_since(mark) == []
