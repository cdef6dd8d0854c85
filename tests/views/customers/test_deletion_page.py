"""Before customers are deleted from the list, the page says what that does not erase."""

from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations


def test_who_deletes_is_told_where_personal_data_stays(organisations: TwoOrganisations) -> None:
    admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
    page = admin.get(f"/admin/customers/operation/delete/?id={organisations.own.customers[0]}").text
    assert "Personal data stays in the history of changes and, for imported customers" in page
    assert "the rows and the workbook of the import" in page
