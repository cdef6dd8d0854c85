"""Users on their screen: who may make whom what, and that nobody locks themselves or everybody out."""

from typing import Any

import pytest
from sqlalchemy import select

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.two_organisations import TwoOrganisations

NEW = "/admin/users/new/"
KIM = {"name": "Kim Novak", "email": "kim@hub.example", "role": "agent", "active": "y"}


def find_kim() -> models.User | None:
    return db.session.scalar(select(models.User).where(models.User.email_key == "kim@hub.example"))


def edit_url(organisations: TwoOrganisations, role: Role) -> str:
    return f"/admin/users/edit/?id={organisations.own.users[role]}"


def get_user(organisations: TwoOrganisations, role: Role) -> models.User:
    return db.session.get_one(models.User, organisations.own.users[role])


def add_user(browser: Browser, **more: Any) -> Any:
    return browser.post(NEW, browser.read_form(NEW) | KIM | more)


def test_a_user_is_added_without_a_password(organisations: TwoOrganisations, admin: Browser):
    assert add_user(admin).status_code == 303
    new_user = find_kim()
    assert new_user is not None
    assert (new_user.organisation_id, new_user.role, new_user.password_hash) == (organisations.own.id, Role.AGENT, None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"email": "nobody"}, "is not an email address"),
        ({"email": ""}, "Required"),
        ({"name": "\u200b"}, "Enter a name"),
        ({"role": "king"}, "Choose one from the list"),
        ({"role": "partner"}, "Select a dealer for the partner"),
        ({"role": "customer"}, "Select a customer for the portal user"),
        ({"role": "customer", "portal_permissions": ["everything"]}, "everything"),
        ({"platform": "y"}, "Only users with this grant can assign it"),
        ({"role": "partner", "data_protection": "y"}, "Only staff can have this grant"),
    ],
)
def test_a_user_that_cannot_be_is_refused(
    organisations: TwoOrganisations, admin: Browser, changes: dict[str, Any], message: str
):
    mark = last_change_id()
    answer = add_user(admin, **changes)
    assert answer.status_code == 422
    assert message in answer.text
    assert changes_since(mark) == []


@pytest.mark.parametrize("side", ["own", "foreign"])
def test_an_address_that_has_an_account_anywhere_is_refused(organisations: TwoOrganisations, admin: Browser, side: str):
    existing_email = db.session.get_one(models.User, getattr(organisations, side).users[Role.MANAGER]).email.upper()
    mark = last_change_id()
    answer = add_user(admin, email=existing_email)
    assert answer.status_code == 422
    assert "This email address already has an account" in answer.text
    assert changes_since(mark) == []


def test_the_link_to_set_a_password_is_mailed(organisations: TwoOrganisations, admin: Browser):
    add_user(admin)
    new_user = find_kim()
    assert new_user is not None
    page = admin.get(f"/admin/users/operation/invite/?id={new_user.id}").text
    assert "for 72 hours, or 2 hours for a password reset" in page
    assert admin.post(f"/admin/users/operation/invite/?id={new_user.id}").status_code == 303
    (mail,) = db.session.scalars(select(models.OutboxMessage).where(models.OutboxMessage.recipient == new_user.email))
    assert "/set-password/" in mail.text_body
    again = admin.post(f"/admin/users/operation/invite/?id={new_user.id}")
    assert f"A link was sent to {new_user.email} a moment ago. Wait five minutes to send another" in again.text
    assert db.session.query(models.OutboxMessage).filter_by(recipient=new_user.email).count() == 1


def test_what_a_role_does_not_have_goes_with_the_role(organisations: TwoOrganisations, admin: Browser):
    assert admin.submit(edit_url(organisations, Role.CUSTOMER), role="agent").status_code == 303
    saved_user = get_user(organisations, Role.CUSTOMER)
    assert (saved_user.role, saved_user.customer_id, saved_user.portal_permissions) == (Role.AGENT, None, [])
    assert admin.submit(edit_url(organisations, Role.PARTNER), role="manager").status_code == 303
    assert get_user(organisations, Role.PARTNER).dealer_id is None


def test_nobody_takes_their_own_rights_away(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    form = admin.read_form(edit_url(organisations, Role.ADMIN))
    assert admin.post(edit_url(organisations, Role.ADMIN), form | {"role": "agent"}).status_code == 422
    without = {name: value for name, value in form.items() if name != "active"}
    assert admin.post(edit_url(organisations, Role.ADMIN), without).status_code == 422
    key = organisations.own.users[Role.ADMIN]
    for name in ("delete", "deactivate"):
        answer = admin.post(f"/admin/users/operation/{name}/?id={key}")
        assert "cannot" in answer.text
    assert changes_since(mark) == []


def test_the_last_administrator_stays(organisations: TwoOrganisations, admin: Browser):
    """The platform's person is one too, so there are two; the first may go, the second may not."""
    person = Browser(organisations.app, organisations.platform_user)
    other = organisations.own.users[Role.ADMIN]
    assert person.post(f"/admin/users/operation/deactivate/?id={other}").status_code == 303
    mark = last_change_id()
    assert person.submit(f"/admin/users/edit/?id={organisations.platform_user}", role="manager").status_code == 422
    assert changes_since(mark) == []


def test_an_admin_without_the_grant_does_not_touch_who_has_it(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    assert admin.submit(f"/admin/users/edit/?id={organisations.platform_user}", name="Mine").status_code == 422
    for name in ("invite", "sign-out", "deactivate", "delete"):
        answer = admin.post(f"/admin/users/operation/{name}/?id={organisations.platform_user}")
        assert answer.status_code in (200, 409), name
        assert "grant" in answer.text, name
    assert changes_since(mark) == []
    assert db.session.get_one(models.User, organisations.platform_user).sign_in_epoch == 0


def test_a_person_who_is_switched_off_is_out_at_once(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    assert agent.get("/admin/customers/").status_code == 200
    assert admin.post(f"/admin/users/operation/deactivate/?id={organisations.own.users[Role.AGENT]}").status_code == 303
    assert agent.get("/admin/customers/").status_code in (302, 303)
    mark = last_change_id()
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    assert agent.post(url, {"name": "Mine", "version": "1"}).status_code in (302, 303)
    assert changes_since(mark) == []


def test_a_new_role_holds_at_once(organisations: TwoOrganisations, admin: Browser, agent: Browser):
    assert agent.get("/admin/users/").status_code == 403
    assert admin.submit(edit_url(organisations, Role.AGENT), role="manager").status_code == 303
    assert agent.get("/admin/users/").status_code == 200


def test_a_user_who_is_named_somewhere_is_not_deleted(organisations: TwoOrganisations, admin: Browser):
    key = organisations.own.users[Role.AGENT]
    answer = admin.post(f"/admin/users/operation/delete/?id={key}")
    reason = "is used in 3 customers, 1 review, 1 task comment and 1 task file. Deactivate the account instead."
    assert reason in answer.text
    assert db.session.get(models.User, key) is not None


def test_no_page_shows_a_password(organisations: TwoOrganisations, admin: Browser):
    secret = "$argon2id$v=19$secret"
    with history.act_as(Actor(None, organisations.own.id), "test"):
        get_user(organisations, Role.AGENT).password_hash = secret
        db.session.commit()
    key = organisations.own.users[Role.AGENT]
    for page in ("", f"details/?id={key}", f"edit/?id={key}", f"details/?id={key}&tab=history", "export/csv/"):
        assert "argon2" not in admin.get(f"/admin/users/{page}").text
    assert "password" not in str(admin.read_form(edit_url(organisations, Role.AGENT)))
    assert (
        admin.submit(
            edit_url(organisations, Role.AGENT), password_hash="x", sign_in_epoch="9", email_key="x"
        ).status_code
        == 303
    )
    saved_user = get_user(organisations, Role.AGENT)
    assert (saved_user.password_hash, saved_user.sign_in_epoch, saved_user.email_key) == (
        secret,
        0,
        saved_user.email.lower(),
    )


def test_the_portal_user_of_a_customer_is_shown_on_its_record(organisations: TwoOrganisations, admin: Browser):
    key = organisations.own.customers[1]
    portal_user = make.UserFactory(
        organisation=db.session.get_one(models.Organisation, organisations.own.id),
        role=Role.CUSTOMER,
        customer_id=key,
        name="Pia Portal",
    )
    db.session.commit()
    assert portal_user.name in admin.get(f"/admin/customers/details/?id={key}&tab=portal").text
    assert (
        portal_user.name
        not in admin.get(f"/admin/customers/details/?id={organisations.own.customers[0]}&tab=portal").text
    )
