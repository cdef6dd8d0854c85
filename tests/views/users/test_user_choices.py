"""The form of an account offers the roles and grants that can be given, and its operations what can be done."""

import re

import pytest

import models
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.contract_pages import list_options, page_text
from tests.support.two_organisations import TwoOrganisations

USERS = "/admin/users/"


def has_box(page: str, name: str) -> bool:
    return f'name="{name}"' in page


@pytest.mark.parametrize("path", ["new/", "edit/?id={agent}", "edit/?id={admin}"])
def test_the_grant_platform_is_offered_by_those_who_can_give_it(
    organisations: TwoOrganisations, admin: Browser, path: str
):
    url = USERS + path.format(agent=organisations.own.users[Role.AGENT], admin=organisations.own.users[Role.ADMIN])
    page = admin.get(url).text
    assert has_box(page, "data_protection")
    assert not has_box(page, "platform")
    owner = Browser(organisations.app, organisations.platform_user)
    assert has_box(owner.get(url).text, "platform")


def test_a_grant_that_was_ticked_on_an_older_page_is_refused_beside_it(organisations: TwoOrganisations, admin: Browser):
    url = f"{USERS}edit/?id={organisations.own.users[Role.AGENT]}"
    answer = admin.submit(url, platform="y")
    assert answer.status_code == 422
    assert has_box(answer.text, "platform")
    assert "Only users with this grant can assign it" in answer.text


def test_grants_are_shown_for_the_roles_that_can_hold_them(organisations: TwoOrganisations, admin: Browser):
    page = admin.get(f"{USERS}new/").text
    shown_when = re.search(r'data-field="data_protection" data-show-when="role=([^"]*)"', page)
    assert shown_when is not None
    for role in Role:
        values = {"name": "Kim", "email": f"kim.{role.value}@hub.example", "role": role.value, "data_protection": "y"}
        values |= {"dealer_id": str(organisations.own.row_id(models.Dealer))} if role is Role.PARTNER else {}
        values |= {"customer_id": str(organisations.own.customers[0])} if role is Role.CUSTOMER else {}
        is_accepted = admin.submit(f"{USERS}new/", **values).status_code == 303
        assert is_accepted is (role.value in shown_when[1].split("|")), role


def test_nobody_is_offered_a_role_that_takes_their_own_admin_role_away(organisations: TwoOrganisations, admin: Browser):
    users = organisations.own.users
    assert list_options(admin.get(f"{USERS}edit/?id={users[Role.ADMIN]}").text, "role") == ["admin"]
    assert list_options(admin.get(f"{USERS}edit/?id={users[Role.AGENT]}").text, "role") == [each.value for each in Role]
    answer = admin.submit(f"{USERS}edit/?id={users[Role.ADMIN]}", role="agent")
    assert answer.status_code == 422
    assert "You cannot remove your own admin role" in answer.text


def test_an_account_with_the_grant_platform_is_offered_to_its_like_only(
    organisations: TwoOrganisations, admin: Browser
):
    details, edit = (f"{USERS}{page}/?id={organisations.platform_user}" for page in ("details", "edit"))
    page = admin.get(details).text
    assert "/operation/" not in page
    assert f"users/edit/?id={organisations.platform_user}" not in page
    assert "Only users with the grant “platform” can change" in page_text(admin.get(edit).text)
    answer = admin.get(f"{USERS}operation/sign-out/?id={organisations.platform_user}")
    assert "Only users with the grant “platform” can change" in page_text(answer.text)
    owner = Browser(organisations.app, organisations.platform_user)
    assert f"users/edit/?id={organisations.platform_user}" in owner.get(details).text


def test_nobody_is_offered_to_lock_themselves_out(organisations: TwoOrganisations, admin: Browser):
    own = organisations.own.users[Role.ADMIN]
    page = admin.get(f"{USERS}details/?id={own}").text
    assert "operation/deactivate" not in page
    assert "operation/delete" not in page
    page = admin.get(f"{USERS}details/?id={organisations.own.users[Role.AGENT]}").text
    assert "operation/deactivate" in page
    assert "operation/delete" in page
    assert db.session.get_one(models.User, own).active
