"""What becomes of portal users when the import that created them is reverted."""

from sqlalchemy import select

from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.users import invitations
from customerhub.users import sign_in as user_sign_in
from customerhub.users.links import get_one_time_links
from models import History
from models.base import db
from models.enums import OutboxState, Role, TransferState
from tests.support.imports import (
    get_customer,
    get_import,
    import_and_save,
    import_now,
    list_customers,
    revert_import,
    tally_counts,
)
from tests.support.people import make_user
from tests.support.portal_users import (
    build_prospect,
    list_mails,
    list_portal_users,
    list_users,
    row_reasons,
    save_and_commit,
    single_user,
)
from tests.support.workbooks import build_workbook, valid_row

PHRASE = "a quite different phrase"


def accept_invitation(user):
    """Follow the link, choose a password, sign in."""
    with history.act_as(Actor.from_user(user), "screen set-password"):
        user_sign_in.set_password(user, PHRASE)
        user_sign_in.record_sign_in(user, password=PHRASE, at=clock.get_now())
        db.session.commit()


def test_a_revert_takes_the_users_and_their_mails_back(import_org, small_chunks):
    import_id = import_and_save(build_workbook([valid_row(number) for number in range(1, 6)]), import_org)
    with history.act_as(import_org.actor, "test"):
        list_mails()[0].state = OutboxState.SENT
        db.session.commit()
    user_ids = [user.id for user in list_portal_users()]
    revert_import(import_id, import_org)
    assert (list_customers(import_org), list_portal_users(), list_mails()) == ([], [], [])
    done = get_import(import_id, import_org)
    assert (done.state, done.problem) == (
        TransferState.REVERTED,
        "Portal users already emailed: 1. Their link no longer works",
    )
    user_entries = db.session.scalars(
        select(History).where(History.table_name == "hub_user", History.row_id.in_(user_ids))
    )
    assert sorted((entry.row_id, entry.action) for entry in user_entries) == sorted(
        (key, action) for key in user_ids for action in ("created", "deleted")
    )
    assert tally_counts(import_now(build_workbook([valid_row(1)]), import_org)) == (1, 0, 0, 0)
    assert len(list_portal_users()) == 1


def test_who_has_signed_in_stays_with_their_customer(app, import_org):
    import_id = import_and_save(build_workbook([valid_row(1), valid_row(2), valid_row(3)]), import_org)
    first, second, _ = list_portal_users()
    accept_invitation(first)
    with history.act_as(import_org.actor, "screen"):
        invitations.renew_link(second, links=get_one_time_links(), actor=import_org.actor)
        db.session.commit()
    revert_import(import_id, import_org)
    assert [remaining_customer.reference for remaining_customer in list_customers(import_org)] == ["REF1", "REF2"]
    assert [user.id for user in list_portal_users()] == [first.id, second.id]
    assert row_reasons(import_id) == {
        "REF1": ["Its portal user has signed in since the import, so both are kept"],
        "REF2": ["Its portal user was changed since the import, so it is kept"],
        "REF3": [],
    }
    assert (
        get_import(import_id, import_org).problem
        == "Changed or linked since the import, so not reverted: 2. See the rows"
    )
    assert get_customer("REF1", import_org).portal_access is True
    assert user_sign_in.authenticate(first.email, PHRASE, accepts_demo=False) is first


def test_a_changed_customer_is_as_before_without_the_user_that_the_import_made(import_org):
    both = [build_prospect(import_org, number, reference=f"REF{number}") for number in (1, 2)]
    existing_customer = build_prospect(import_org, 3, reference="REF3")
    for each in (*both, existing_customer):
        save_and_commit(each, import_org)
    make_user(import_org.organisation, Role.AGENT, email="accounts3@customer.example")
    db.session.commit()
    import_id = import_and_save(build_workbook([valid_row(number) for number in (1, 2, 3)]), import_org)
    assert len(row_reasons(import_id)["REF3"]) == 1
    accept_invitation(single_user(get_customer("REF2", import_org)))
    revert_import(import_id, import_org)
    one, two, three = list_customers(import_org)
    for each in (one, three):
        assert (each.email, each.portal_access, each.portal_invited_at) == (None, False, None)
        assert list_users(each) == []
    assert (two.email, two.portal_access) == (None, True)
    assert two.portal_invited_at is not None
    assert single_user(two).email == "accounts2@customer.example"
    assert row_reasons(import_id) == {
        "REF1": [],
        "REF2": ["Its portal user has signed in since the import, so both are kept"],
        "REF3": [],
    }
    assert [mail.customer_id for mail in list_mails()] == [two.id]
    one.email = "accounts1@customer.example"
    save_and_commit(one, import_org)
    assert single_user(one).email == "accounts1@customer.example"


def test_who_keeps_the_email_address_keeps_the_user_that_came_with_it(import_org):
    for number in (1, 2, 3):
        save_and_commit(build_prospect(import_org, number, reference=f"REF{number}"), import_org)
    import_id = import_and_save(build_workbook([valid_row(number) for number in (1, 2, 3)]), import_org)
    one, two, three = list_customers(import_org)
    one.email = "other@customer.example"
    save_and_commit(one, import_org)
    two.is_prospect = False  # and needs an email address from now on
    save_and_commit(two, import_org)
    revert_import(import_id, import_org)
    assert [(each.email, each.portal_access) for each in (one, two, three)] == [
        ("other@customer.example", True),
        ("accounts2@customer.example", True),
        (None, False),
    ]
    assert [single_user(each).email for each in (one, two)] == [
        f"accounts{number}@customer.example" for number in (1, 2)
    ]
    assert all(each.portal_invited_at for each in (one, two))
    assert list_users(three) == []
    assert [mail.customer_id for mail in list_mails()] == [one.id, two.id]
    assert "Changed since the import, so not reverted" in row_reasons(import_id)["REF1"]


def test_a_revert_leaves_the_users_that_were_there_before(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    before = single_user(get_customer("REF1", import_org))
    import_id = import_and_save(build_workbook([valid_row(1, name="Renamed")]), import_org)
    revert_import(import_id, import_org)
    existing_customer = get_customer("REF1", import_org)
    assert (existing_customer.name, existing_customer.portal_access, list_users(existing_customer)) == (
        "Customer 1",
        True,
        [before],
    )
    assert len(list_mails()) == 1
