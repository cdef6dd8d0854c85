"""Two people change the inline rows of one record."""

import models
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.two_browsers import edit_url, save_again, save_conflicting_edits
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation


def contact_values(organisations: TwoOrganisations) -> list[tuple[str, str | None, str | None]]:
    return [(contact.name, contact.email, contact.phone) for contact in get_customer(organisations).contacts]


def test_cells_of_one_row_are_merged(organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser):
    answer = save_conflicting_edits(
        organisations,
        first_browser,
        second_browser,
        {"contacts-0-email": "kim@x.example"},
        {"contacts-0-phone": "0815"},
    )
    assert "kim@x.example" in answer.text
    save_again(organisations, second_browser, answer)
    assert contact_values(organisations) == [("Kim", "kim@x.example", "0815")]


def test_a_row_that_one_left_alone_is_not_put_back(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"contacts-0-name": "Kim Novak"}, {"contact_number": "0815"}
    )
    save_again(organisations, second_browser, answer)
    assert contact_values(organisations) == [("Kim Novak", None, None)]
    assert get_customer(organisations).contact_number == "0815"


def test_a_cell_that_both_changed_is_shown_of_both(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"contacts-0-name": "First"}, {"contacts-0-name": "Second"}
    )
    assert ">First<" in answer.text
    save_again(organisations, second_browser, answer)
    assert contact_values(organisations) == [("Second", None, None)]


def test_a_row_that_somebody_added_stays(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    form = second_browser.read_form(edit_url(organisations))
    assert first_browser.submit(edit_url(organisations), **{"contacts-1-name": "Added"}).status_code == 303
    assert second_browser.post(edit_url(organisations), form | {"contacts-1-name": "Mine"}).status_code == 303
    assert [name for name, _, _ in contact_values(organisations)] == ["Kim", "Added", "Mine"]


def test_a_row_that_somebody_added_is_shown_beside_a_conflict(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    first_changes = {"contacts-1-name": "Added", "website": "first.example"}
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, first_changes, {"contacts-1-name": "Mine"}
    )
    save_again(organisations, second_browser, answer)
    assert sorted(name for name, _, _ in contact_values(organisations)) == ["Added", "Kim", "Mine"]


def test_a_row_that_somebody_removed_stays_removed(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"del-contacts-0": "1"}, {"contact_number": "0815"}
    )
    assert "Contact Kim" in answer.text
    save_again(organisations, second_browser, answer)
    assert (contact_values(organisations), get_customer(organisations).contact_number) == ([], "0815")


def test_what_was_typed_into_a_removed_row_is_not_lost(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"del-contacts-0": "1"}, {"contacts-0-phone": "0815"}
    )
    save_again(organisations, second_browser, answer)
    assert contact_values(organisations) == [("Kim", None, "0815")]


def test_what_both_removed_is_removed(organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser):
    form = second_browser.read_form(edit_url(organisations))
    assert first_browser.submit(edit_url(organisations), **{"del-contacts-0": "1"}).status_code == 303
    assert second_browser.post(edit_url(organisations), form | {"del-contacts-0": "1"}).status_code == 303
    assert contact_values(organisations) == []


def test_a_row_that_one_changed_and_the_other_removed_is_shown(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser
):
    answer = save_conflicting_edits(
        organisations, first_browser, second_browser, {"contacts-0-phone": "0815"}, {"del-contacts-0": "1"}
    )
    assert "Contact Kim" in answer.text
    save_again(organisations, second_browser, answer)
    assert contact_values(organisations) == []


def test_two_rates_of_one_tariff(organisations: TwoOrganisations):
    admins = [
        Browser(organisations.app, key) for key in (organisations.own.users[Role.ADMIN], organisations.platform_user)
    ]
    tariff = db.session.get_one(models.TariffRate, organisations.own.row_id(models.TariffRate)).tariff_id
    url = f"/admin/tariffs/edit/?id={tariff}"
    form = admins[1].read_form(url)
    assert admins[0].submit(url, **{"rates-0-destination": "London"}).status_code == 303
    answer = admins[1].post(url, form | {"rates-0-price_per_minute": "0.5"})
    assert answer.status_code == 409
    assert admins[1].post(url, parse_form(answer.text)).status_code == 303
    rate = db.session.query(models.TariffRate).filter_by(tariff_id=tariff).one()
    assert (rate.destination, str(rate.price_per_minute)) == ("London", "0.500000")


def test_a_record_that_is_gone_is_said_to_be(organisations: TwoOrganisations, second_browser: Browser):
    unused = make.CustomerGroupFactory(organisation=own_organisation(organisations))
    db.session.commit()
    url = f"/admin/groups/edit/?id={unused.id}"
    form = second_browser.read_form(url)
    assert second_browser.post(f"/admin/groups/operation/delete/?id={unused.id}").status_code == 303
    assert second_browser.post(url, form | {"name": "Mine"}).status_code == 404
