"""Users on their screen: who may make whom what, and that nobody locks themselves or everybody out."""

from typing import Any

import pytest
from sqlalchemy import select

import models
from customerhub import history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role
from tests import factories as make
from tests.browsing import Browser
from tests.views.watching import changes_since, last_change
from tests.world import World

NEW = "/admin/users/new/"
KIM = {"name": "Kim Novak", "email": "kim@hub.example", "role": "agent", "active": "y"}


def kim() -> models.User | None:
    return db.session.scalar(select(models.User).where(models.User.email_key == "kim@hub.example"))


def url_of(world: World, role: Role) -> str:
    return f"/admin/users/edit/?id={world.ours.users[role]}"


def user(world: World, role: Role) -> models.User:
    return db.session.get_one(models.User, world.ours.users[role])


def add(browser: Browser, **more: Any) -> Any:
    return browser.post(NEW, browser.form(NEW) | KIM | more)


def test_a_user_is_added_without_a_password(world: World, admin: Browser):
    assert add(admin).status_code == 303
    made = kim()
    assert made is not None
    assert (made.organisation_id, made.role, made.password_hash) == (world.ours.id, Role.AGENT, None)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"email": "nobody"}, "is not an email address"),
        ({"email": ""}, "This is needed"),
        ({"name": "\u200b"}, "A name is needed"),
        ({"role": "king"}, "Choose one from the list"),
        ({"role": "partner"}, "A partner needs a dealer"),
        ({"role": "customer"}, "A portal user needs a customer"),
        ({"role": "customer", "portal_permissions": ["everything"]}, "everything"),
        ({"platform": "y"}, "Only somebody who has this grant may give it"),
        ({"role": "partner", "data_protection": "y"}, "Only staff can have this grant"),
    ],
)
def test_a_user_that_cannot_be_is_refused(world: World, admin: Browser, more: dict[str, Any], said: str):
    mark = last_change()
    answer = add(admin, **more)
    assert answer.status_code == 422
    assert said in answer.text
    assert changes_since(mark) == []


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_an_address_that_has_an_account_anywhere_is_refused(world: World, admin: Browser, side: str):
    taken = db.session.get_one(models.User, getattr(world, side).users[Role.MANAGER]).email.upper()
    mark = last_change()
    answer = add(admin, email=taken)
    assert answer.status_code == 422
    assert "This email address already has an account" in answer.text
    assert changes_since(mark) == []


def test_the_link_to_set_a_password_is_mailed(world: World, admin: Browser):
    add(admin)
    made = kim()
    assert made is not None
    page = admin.get(f"/admin/users/operation/invite/?id={made.id}").text
    assert "for 72 hours, or for 2 where it replaces a password" in page
    assert admin.post(f"/admin/users/operation/invite/?id={made.id}").status_code == 303
    (mail,) = db.session.scalars(select(models.OutboxMessage).where(models.OutboxMessage.recipient == made.email))
    assert "/set-password/" in mail.text_body
    again = admin.post(f"/admin/users/operation/invite/?id={made.id}")
    assert f"A link was sent to {made.email} a moment ago. Wait five minutes to send another" in again.text
    assert db.session.query(models.OutboxMessage).filter_by(recipient=made.email).count() == 1


def test_what_a_role_does_not_have_goes_with_the_role(world: World, admin: Browser):
    assert admin.submit(url_of(world, Role.CUSTOMER), role="agent").status_code == 303
    kept = user(world, Role.CUSTOMER)
    assert (kept.role, kept.customer_id, kept.portal_permissions) == (Role.AGENT, None, [])
    assert admin.submit(url_of(world, Role.PARTNER), role="manager").status_code == 303
    assert user(world, Role.PARTNER).dealer_id is None


def test_nobody_takes_their_own_rights_away(world: World, admin: Browser):
    mark = last_change()
    form = admin.form(url_of(world, Role.ADMIN))
    assert admin.post(url_of(world, Role.ADMIN), form | {"role": "agent"}).status_code == 422
    without = {name: value for name, value in form.items() if name != "active"}
    assert admin.post(url_of(world, Role.ADMIN), without).status_code == 422
    key = world.ours.users[Role.ADMIN]
    for name in ("delete", "deactivate"):
        answer = admin.post(f"/admin/users/operation/{name}/?id={key}")
        assert "cannot" in answer.text
    assert changes_since(mark) == []


def test_the_last_administrator_stays(world: World, admin: Browser):
    """The platform's person is one too, so there are two; the first may go, the second may not."""
    person = Browser(world.app, world.platform_user)
    other = world.ours.users[Role.ADMIN]
    assert person.post(f"/admin/users/operation/deactivate/?id={other}").status_code == 303
    mark = last_change()
    assert person.submit(f"/admin/users/edit/?id={world.platform_user}", role="manager").status_code == 422
    assert changes_since(mark) == []


def test_an_admin_without_the_grant_does_not_touch_who_has_it(world: World, admin: Browser):
    mark = last_change()
    assert admin.submit(f"/admin/users/edit/?id={world.platform_user}", name="Mine").status_code == 422
    for name in ("invite", "sign-out", "deactivate", "delete"):
        answer = admin.post(f"/admin/users/operation/{name}/?id={world.platform_user}")
        assert answer.status_code in (200, 409), name
        assert "grant" in answer.text, name
    assert changes_since(mark) == []
    assert db.session.get_one(models.User, world.platform_user).sign_in_epoch == 0


def test_a_person_who_is_switched_off_is_out_at_once(world: World, admin: Browser, agent: Browser):
    assert agent.get("/admin/customers/").status_code == 200
    assert admin.post(f"/admin/users/operation/deactivate/?id={world.ours.users[Role.AGENT]}").status_code == 303
    assert agent.get("/admin/customers/").status_code in (302, 303)
    mark = last_change()
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    assert agent.post(url, {"name": "Mine", "version": "1"}).status_code in (302, 303)
    assert changes_since(mark) == []


def test_a_new_role_holds_at_once(world: World, admin: Browser, agent: Browser):
    assert agent.get("/admin/users/").status_code == 403
    assert admin.submit(url_of(world, Role.AGENT), role="manager").status_code == 303
    assert agent.get("/admin/users/").status_code == 200


def test_a_user_who_is_named_somewhere_is_not_deleted(world: World, admin: Browser):
    key = world.ours.users[Role.AGENT]
    answer = admin.post(f"/admin/users/operation/delete/?id={key}")
    assert "is named in 3 customers, 1 review and 1 task comment. Switch the account off instead." in answer.text
    assert db.session.get(models.User, key) is not None


def test_no_page_shows_a_password(world: World, admin: Browser):
    secret = "$argon2id$v=19$secret"
    with history.acting(Actor(None, world.ours.id), "test"):
        user(world, Role.AGENT).password_hash = secret
        db.session.commit()
    key = world.ours.users[Role.AGENT]
    for page in ("", f"details/?id={key}", f"edit/?id={key}", f"details/?id={key}&tab=history", "export/csv/"):
        assert "argon2" not in admin.get(f"/admin/users/{page}").text
    assert "password" not in str(admin.form(url_of(world, Role.AGENT)))
    assert (
        admin.submit(url_of(world, Role.AGENT), password_hash="x", sign_in_epoch="9", email_key="x").status_code == 303
    )
    kept = user(world, Role.AGENT)
    assert (kept.password_hash, kept.sign_in_epoch, kept.email_key) == (secret, 0, kept.email.lower())


def test_the_portal_user_of_a_customer_is_shown_on_its_record(world: World, admin: Browser):
    key = world.ours.customers[1]
    made = make.UserFactory(
        organisation=db.session.get_one(models.Organisation, world.ours.id),
        role=Role.CUSTOMER,
        customer_id=key,
        name="Pia Portal",
    )
    db.session.commit()
    assert made.name in admin.get(f"/admin/customers/details/?id={key}&tab=portal").text
    assert made.name not in admin.get(f"/admin/customers/details/?id={world.ours.customers[0]}&tab=portal").text
