"""The rows that are edited with a customer: added, changed and removed, and never somebody else's."""

from typing import Any

import models
from models.base import db
from models.enums import AddressKind
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, database_contents, describe_changes, last_change_id
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation

LISTS = ("contacts", "addresses", "compliance_documents", "billing_lines", "invoice_profiles", "legal_entities")


def edit_url(organisations: TwoOrganisations, number: int = 0) -> str:
    return f"/admin/customers/edit/?id={organisations.own.customers[number]}"


def contact_names(organisations: TwoOrganisations) -> list[str]:
    return [contact.name for contact in get_customer(organisations).contacts]


def test_rows_are_added_changed_and_removed_in_one_go(organisations: TwoOrganisations, admin: Browser):
    make.ContactFactory(
        organisation=own_organisation(organisations), customer_id=organisations.own.customers[0], name="Second"
    )
    db.session.commit()
    mark = last_change_id()
    answer = admin.submit(
        edit_url(organisations),
        **{
            "contacts-0-name": "Kim Novak",
            "del-contacts-1": "1",
            "contacts-7-name": "New",
            "contacts-7-role": "technical",
        },
    )
    assert answer.status_code == 303
    assert contact_names(organisations) == ["Kim Novak", "New"]
    assert sorted((entry.action, entry.title) for entry in changes_since(mark)) == [
        ("changed", "Kim Novak"),
        ("created", "New"),
        ("deleted", "Second"),
    ]


def test_saving_untouched_changes_nothing(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    before = database_contents()
    assert admin.submit(edit_url(organisations)).status_code == 303
    assert describe_changes(changes_since(mark)) == []
    assert database_contents() == before


def test_a_row_left_empty_is_no_row(organisations: TwoOrganisations, admin: Browser):
    blank = {
        "contacts-3-name": " ",
        "contacts-3-role": "general",
        "billing_lines-4-minimum_cost": "",
        "addresses-5-kind": "registered",
    }
    assert admin.submit(edit_url(organisations), **blank).status_code == 303
    assert [len(getattr(get_customer(organisations), name)) for name in LISTS] == [1] * 6


def test_a_half_filled_row_is_shown_at_its_cell_and_kept_as_typed(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    answer = admin.submit(edit_url(organisations), **{"contacts-3-email": "kim@x.example", "contacts-3-phone": "0815"})
    assert answer.status_code == 422
    assert 'value="kim@x.example"' in answer.text
    assert "Required" in answer.text
    assert changes_since(mark) == []


def test_every_cell_that_the_business_refuses_is_marked(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    answer = admin.submit(
        edit_url(organisations),
        **{
            "contacts-0-email": "nobody",
            "addresses-0-country": "XX",
            "billing_lines-0-minimum_cost": "-1",
            "invoice_profiles-0-email": "nobody",
            "compliance_documents-0-reviewer_email": "nobody",
        },
    )
    assert answer.status_code == 422
    assert answer.text.count("“nobody” is not an email address") >= 3
    assert "is not a country" in answer.text
    assert "Enter 0 or more" in answer.text
    assert 'value="nobody"' in answer.text
    assert changes_since(mark) == []


def test_a_row_of_another_customer_is_refused_and_not_copied(organisations: TwoOrganisations, admin: Browser):
    foreign = {
        name: [
            getattr(get_customer(organisations, 1), name)[0].id,
            getattr(foreign_customer(organisations), name)[0].id,
        ]
        for name in LISTS
    }
    form, mark = admin.read_form(edit_url(organisations)), last_change_id()
    for name, ids in foreign.items():
        for key in [*ids, 10**9]:
            for number in ("0", "9"):
                posted = form | {f"{name}-{number}-id": str(key), f"{name}-{number}-name": "Mine now"}
                answer = admin.post(edit_url(organisations), posted)
                assert answer.status_code == 422, (name, key)
                assert "in this list no longer exists" in answer.text
    assert changes_since(mark) == []


def foreign_customer(organisations: TwoOrganisations) -> models.Customer:
    return db.session.get_one(models.Customer, organisations.foreign.customers[0])


def test_removing_a_row_of_another_customer_removes_nothing(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form(edit_url(organisations))
    for name in LISTS:
        for foreign in (get_customer(organisations, 1), foreign_customer(organisations)):
            key = getattr(foreign, name)[0].id
            mark = last_change_id()
            admin.post(edit_url(organisations), form | {f"{name}-9-id": str(key), f"del-{name}-9": "1"})
            assert changes_since(mark) == []


def test_a_row_posted_on_the_form_of_a_new_customer_is_refused(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form("/admin/customers/new/")
    region = str(get_customer(organisations).region_id)
    department = str(get_customer(organisations).departments[0].id)
    filled = form | {
        "name": "New",
        "reference": "N",
        "email": "n@x.example",
        "start_date": "2025-01-01",
        "risk": "Low",
        "region_id": region,
        "departments": department,
        "contacts-0-id": str(get_customer(organisations).contacts[0].id),
        "contacts-0-name": "Mine now",
    }
    mark = last_change_id()
    assert admin.post("/admin/customers/new/", filled).status_code == 422
    assert changes_since(mark) == []


def test_numbers_that_are_none_are_not_rows(organisations: TwoOrganisations, admin: Browser):
    junk = ("-1", "1e1", "01", "１", "²", "9" * 5000, "1.5", "__n__", "", " 7", "0x1", "null")
    mark = last_change_id()
    answer = admin.submit(edit_url(organisations), **{f"contacts-{number}-name": "Junk" for number in junk})
    assert answer.status_code == 303
    assert changes_since(mark) == []


def test_too_many_rows_are_refused_whole(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    answer = admin.submit(edit_url(organisations), **{f"contacts-{number}-name": "Kim" for number in range(1, 2001)})
    assert answer.status_code == 422
    assert "At most 2000 rows" in answer.text
    assert changes_since(mark) == []


def test_many_rows_are_saved(organisations: TwoOrganisations, admin: Browser):
    answer = admin.submit(
        edit_url(organisations), **{f"contacts-{number}-name": f"Kim {number}" for number in range(1, 300)}
    )
    assert answer.status_code == 303
    assert contact_names(organisations) == ["Kim", *(f"Kim {number}" for number in range(1, 300))]


def test_the_same_row_twice_is_one_row(organisations: TwoOrganisations, admin: Browser):
    form = admin.read_form(edit_url(organisations))
    twice = {f"contacts-5-{field}": form[f"contacts-0-{field}"] for field in ("id", "version", "name", "role")}
    admin.post(edit_url(organisations), form | twice | {"contacts-5-name": "Twice"})
    assert contact_names(organisations) == ["Twice"]


def test_a_removed_row_makes_room_for_another_in_its_place(organisations: TwoOrganisations, admin: Browser):
    """There is one address of each kind, and one profile with each name."""
    before = get_customer(organisations, 1)
    kind, name = before.addresses[0].kind, before.invoice_profiles[0].name
    answer = admin.submit(
        edit_url(organisations, 1),
        **{
            "del-addresses-0": "1",
            "addresses-1-kind": kind.value,
            "addresses-1-lines": "9 New Street",
            "del-invoice_profiles-0": "1",
            "invoice_profiles-1-name": name,
            "invoice_profiles-1-email": "new@x.example",
        },
    )
    assert answer.status_code == 303
    assert [address.lines for address in get_customer(organisations, 1).addresses] == ["9 New Street"]
    assert [profile.email for profile in get_customer(organisations, 1).invoice_profiles] == ["new@x.example"]


def test_a_profile_with_contracts_is_not_removed_and_the_form_says_why(organisations: TwoOrganisations, admin: Browser):
    profile = get_customer(organisations).invoice_profiles[0]
    make.ContractFactory(
        organisation=own_organisation(organisations),
        customer_id=organisations.own.customers[0],
        invoice_profile_id=profile.id,
    )  # the second one
    db.session.commit()
    mark, name = last_change_id(), profile.name
    answer = admin.submit(edit_url(organisations), **{"del-invoice_profiles-0": "1", "website": "www.new.example"})
    assert answer.status_code == 422
    assert f"The profile {name} has 2 contracts and cannot be deleted" in answer.text
    assert 'value="www.new.example"' in answer.text
    assert changes_since(mark) == []
    assert [each.name for each in get_customer(organisations).invoice_profiles] == [name]


def test_a_double_is_shown_at_its_cell(organisations: TwoOrganisations, admin: Browser):
    kind = get_customer(organisations).addresses[0].kind.value
    answer = admin.submit(edit_url(organisations), **{"addresses-1-kind": kind, "addresses-1-lines": "9 New Street"})
    assert answer.status_code == 422
    assert "An address of this type already exists" in answer.text
    assert "9 New Street" in answer.text
    assert {address.kind for address in get_customer(organisations).addresses} == {AddressKind.MAILING}


def test_a_refused_form_removes_nothing(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    answer = admin.submit(edit_url(organisations), email="nobody", **{"del-contacts-0": "1"})
    assert answer.status_code == 422
    assert 'name="del-contacts-0" value="1" checked' in answer.text
    assert changes_since(mark) == []


def test_the_only_contact_of_a_prospect_stays(organisations: TwoOrganisations, admin: Browser):
    prospect: dict[str, Any] = {"is_prospect": "y", "registration_number": "R 1"}
    answer = admin.submit(edit_url(organisations), **prospect, **{"del-contacts-0": "1"})
    assert answer.status_code == 422
    assert "A prospect needs one contact" in answer.text
    assert contact_names(organisations) == ["Kim"]


def test_rates_of_a_tariff_are_rows_too(organisations: TwoOrganisations, admin: Browser):
    tariff = db.session.get_one(models.TariffRate, organisations.own.row_id(models.TariffRate)).tariff_id
    foreign = db.session.get_one(models.TariffRate, organisations.foreign.row_id(models.TariffRate))
    url = f"/admin/tariffs/edit/?id={tariff}"
    new = {"rates-1-prefix": "+49 30", "rates-1-price_per_minute": "0.0185", "rates-1-valid_from": "2025-01-01"}
    assert admin.submit(url, **new).status_code == 303
    rates = db.session.query(models.TariffRate).filter_by(tariff_id=tariff)
    assert sorted((rate.prefix, str(rate.price_per_minute)) for rate in rates)[-1] == ("4930", "0.018500")
    mark = last_change_id()
    again = {name.replace("-1-", "-9-"): value for name, value in new.items()}
    assert admin.submit(url, **again).status_code == 422
    assert admin.submit(url, **again, **{"rates-9-id": str(foreign.id)}).status_code == 422
    assert changes_since(mark) == []
