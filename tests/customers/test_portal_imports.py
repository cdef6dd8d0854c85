"""Portal users that come with an import: one an address, only when it is saved, and gone again with a revert."""

import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select

from customerhub import clock, history
from customerhub.customers.importing import checking
from customerhub.customers.records import save_record
from customerhub.permissions import Actor
from customerhub.users import accounts
from customerhub.users import sign_in as signing
from customerhub.users.links import OneTimeLinks
from jobs import imports
from models import Customer, History, ImportRow, OutboxMessage, User
from models.base import db
from models.enums import OutboxState, Role, TransferState
from seed.synthesize import synthesize
from tests.customers.conftest import make_house
from tests.customers.importing import (
    checked,
    confirm,
    counts,
    customer,
    customers,
    import_now,
    reverted,
    rows_of,
    saved,
    the_import,
)
from tests.customers.portal import mails, portal_users, prospect, save, the_user_of, token_in, users_of
from tests.customers.workbooks import good_row, written
from tests.people import make_user

PHRASE = "a quite different phrase"
TAKEN = "{} already has an account, so no portal user was made. Add another address under Portal users."


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(checking, "CHUNK", 2)


def come(user):
    """Follow the link, choose a password, sign in."""
    with history.acting(Actor.of(user), "screen set-password"):
        signing.set_password(user, PHRASE)
        signing.note_sign_in(user, password=PHRASE, at=clock.now())
        db.session.commit()


def reasons(import_id):
    """What each row tells, by its reference."""
    return {row.reference: [error["reason"] for error in row.errors or []] for row in rows_of(import_id)}


# --- Saved -------------------------------------------------------------------------------------------------------


def test_each_new_customer_gets_its_own_user_and_mail(app, house, small_chunks):
    import_now(written([good_row(number) for number in range(1, 6)]), house)
    links = OneTimeLinks.of(app.config["HUB"])
    for made in customers(house):
        user = the_user_of(made)
        assert (user.email, user.name) == (made.email, made.name)
        [mail] = mails(user.email)
        assert (mail.customer_id, links.read(token_in(mail))) == (made.id, user)
        assert (made.portal_access, made.portal_invited_at) == (True, user.created_at)
        assert user.link_until == user.created_at + timedelta(hours=72)
    assert (len(portal_users()), len(mails())) == (5, 5)


def test_one_made_by_an_import_is_like_one_made_on_the_form(house):
    import_now(written([good_row(1)]), house)
    typed = prospect(house, 2, email="typed@x.example", contacts=None)
    typed.name, typed.contacts[0].email = "Customer 1", "other@x.example"
    save(typed, house)
    imported, other = portal_users()
    different = {"id", "email", "email_key", "customer_id", "created_at", "link_until"}
    for column in User.__table__.columns:
        if column.name not in different:
            assert getattr(imported, column.name) == getattr(other, column.name), column.name
    entries = [
        db.session.scalars(select(History).where(History.table_name == "hub_user", History.row_id == each.id)).one()
        for each in (imported, other)
    ]
    assert entries[0].changes.keys() == entries[1].changes.keys()


def test_of_several_with_one_address_the_first_row_gets_it(house, small_chunks):
    addresses = {2: "ACCOUNTS1@customer.example", 4: "accounts3@customer.example, b@x.example",
                 5: "accounts1@customer.example"}  # fmt: skip
    rows = [good_row(number, **({"email": addresses[number]} if number in addresses else {})) for number in range(1, 6)]
    result = import_now(written(rows), house)
    assert result.saved
    assert [(user.email, user.customer.reference) for user in portal_users()] == [
        ("accounts1@customer.example", "REF1"), ("accounts3@customer.example", "REF3"),
    ]  # fmt: skip
    assert [(notice.row, notice.text) for notice in result.notices] == [
        (3, TAKEN.format("ACCOUNTS1@customer.example")),
        (5, TAKEN.format("accounts3@customer.example")),
        (6, TAKEN.format("accounts1@customer.example")),
    ]
    assert result.as_dict()["notices"][0] == {"row": 3, "text": TAKEN.format("ACCOUNTS1@customer.example")}
    assert len(mails()) == 2
    assert [made.portal_invited_at is not None for made in customers(house)] == [True] * 5


def test_an_address_with_an_account_anywhere_is_told_on_its_row(house):
    other = make_house(db.session, "Secret Telecom")
    owner = make_user(other.organisation, Role.MANAGER, email="Boss@secret.example", name="Secret Boss")
    db.session.commit()
    before = db.session.execute(select(User.__table__).where(User.id == owner.id)).one()
    rows = [good_row(1), good_row(2, email="boss@secret.example"), good_row(3, email="boss@SECRET.example")]
    import_id = saved(written(rows), house)
    told = the_import(import_id, house)
    assert told.state is TransferState.DONE
    assert told.problem == (
        "Some customers got no portal user, because their email address already has an account. Rows: 3, 4."
    )
    assert reasons(import_id) == {
        "REF1": [], "REF2": [TAKEN.format("boss@secret.example")], "REF3": [TAKEN.format("boss@secret.example")]
    }  # fmt: skip
    assert "Secret" not in json.dumps([told.problem, reasons(import_id)])
    assert db.session.execute(select(User.__table__).where(User.id == owner.id)).one() == before
    assert [user.email for user in portal_users()] == ["accounts1@customer.example"]


def test_many_rows_without_a_user_are_told_in_short(house):
    make_user(house.organisation, Role.AGENT, email="all@x.example")
    db.session.commit()
    import_id = saved(written([good_row(number, email="all@x.example") for number in range(1, 41)]), house)
    problem = the_import(import_id, house).problem
    assert problem.endswith(f"Rows: {', '.join(map(str, range(2, 22)))} and 20 more.")


def test_a_changed_row_makes_one_where_the_customer_has_none(house):
    first, second, third = (
        prospect(house, number, reference=f"REF{number}", email=email)
        for number, email in ((1, None), (2, "known@x.example"), (3, None))
    )
    for each in (first, second, third):
        save(each, house)
    known = the_user_of(second)
    result = import_now(written([good_row(1), good_row(2), good_row(3, email="known@x.example")]), house)
    assert counts(result) == (0, 3, 0, 0)
    assert [(notice.row, notice.text) for notice in result.notices] == [(4, TAKEN.format("known@x.example"))]
    made = the_user_of(customer("REF1", house))
    assert (made.email, made.name) == ("accounts1@customer.example", "Kim Contact")
    assert users_of(second) == [known]
    assert users_of(third) == []
    assert [each.portal_access for each in customers(house)] == [True, True, True]
    told = db.session.scalars(select(History).where(History.customer_id == first.id, History.table_name == "customer"))
    assert [entry.changes["portal_access"] for entry in told if "portal_access" in entry.changes] == [[False, True]]


# --- Not saved ---------------------------------------------------------------------------------------------------


def test_checking_previewing_and_trying_make_nothing_and_send_nothing(house):
    rows = [good_row(1), good_row(2, email="not an address")]
    assert not import_now(written(rows[:1]), house, dry_run=True).saved
    assert not import_now(written(rows), house).saved
    import_id = checked(written(rows), house)
    imports.check(import_id)
    assert (portal_users(), mails(), customers(house)) == ([], [], [])


def test_a_row_in_error_makes_none(house):
    import_id = saved(written([good_row(1), good_row(2, risk="x")]), house, good_rows_only=True)
    assert [user.email for user in portal_users()] == ["accounts1@customer.example"]
    assert [mail.recipient for mail in mails()] == ["accounts1@customer.example"]
    assert the_import(import_id, house).problem is None


def test_a_save_that_is_refused_at_the_end_makes_none(house):
    import_id = checked(written([good_row(1)]), house)
    import_now(written([good_row(1, name="Somebody was faster")]), house)
    confirm(import_id, house)
    imports.save(import_id)
    assert the_import(import_id, house).state is TransferState.READY
    assert (len(portal_users()), len(mails())) == (1, 1)


def test_the_same_file_again_makes_none(house):
    rows = [good_row(1), good_row(2)]
    import_now(written(rows), house)
    assert counts(import_now(written(rows), house)) == (0, 0, 2, 0)
    assert (len(portal_users()), len(mails())) == (2, 2)


# --- Any files ---------------------------------------------------------------------------------------------------

ADDRESSES = ("a@x.example", "A@x.example", "b@x.example", "c@x.example", "staff@x.example")
SEVERAL = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2)
ROWS = st.tuples(st.sampled_from(["R1", "R2", "R3", "R4"]), SEVERAL)


def forget():
    db.session.rollback()
    quietly = history.recorded() | {"synchronize_session": False}
    db.session.execute(delete(OutboxMessage))
    db.session.execute(delete(User).where(User.role == Role.CUSTOMER), execution_options=quietly)
    db.session.execute(delete(Customer), execution_options=quietly)
    db.session.commit()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(ROWS, min_size=1, max_size=4, unique_by=lambda row: row[0]), min_size=1, max_size=3))
def test_whatever_is_imported_each_customer_has_its_first_address_or_nobody(house, files):
    """Against a simple account of who has which address."""
    if not db.session.scalar(select(User.id).where(User.email == "staff@x.example")):
        make_user(house.organisation, Role.AGENT, email="staff@x.example")
        db.session.commit()
    forget()
    owners = {"staff@x.example": None}
    seen = set()
    for rows in files:
        told = set()
        for number, (reference, emails) in enumerate(rows, 2):
            if reference not in seen:
                seen.add(reference)
                if emails[0].lower() in owners:
                    told.add(number)
                else:
                    owners[emails[0].lower()] = reference
        cells = [good_row(1, reference=reference, email=", ".join(emails)) for reference, emails in rows]
        result = import_now(written(cells), house)
        assert {notice.row for notice in result.notices} == told
    found = {user.email.lower(): user.customer.reference for user in portal_users()}
    assert found == {email: owner for email, owner in owners.items() if owner}
    assert sorted(mail.recipient.lower() for mail in mails()) == sorted(found)


# --- Reverted ----------------------------------------------------------------------------------------------------


def test_a_revert_takes_the_users_and_their_mails_back(house, small_chunks):
    import_id = saved(written([good_row(number) for number in range(1, 6)]), house)
    with history.acting(house.actor, "test"):
        mails()[0].state = OutboxState.SENT
        db.session.commit()
    user_ids = [user.id for user in portal_users()]
    reverted(import_id, house)
    assert (customers(house), portal_users(), mails()) == ([], [], [])
    done = the_import(import_id, house)
    assert (done.state, done.problem) == (
        TransferState.REVERTED, "Portal users who had their mail already: 1. Its link no longer works",
    )  # fmt: skip
    told = db.session.scalars(select(History).where(History.table_name == "hub_user", History.row_id.in_(user_ids)))
    assert sorted((entry.row_id, entry.action) for entry in told) == sorted(
        (key, action) for key in user_ids for action in ("created", "deleted")
    )
    assert counts(import_now(written([good_row(1)]), house)) == (1, 0, 0, 0)
    assert len(portal_users()) == 1


def test_who_has_signed_in_stays_with_their_customer(app, house):
    import_id = saved(written([good_row(1), good_row(2), good_row(3)]), house)
    first, second, _ = portal_users()
    come(first)
    with history.acting(house.actor, "screen"):
        accounts.renew_link(second, links=OneTimeLinks.of(app.config["HUB"]), actor=house.actor)
        db.session.commit()
    reverted(import_id, house)
    assert [made.reference for made in customers(house)] == ["REF1", "REF2"]
    assert [user.id for user in portal_users()] == [first.id, second.id]
    assert reasons(import_id) == {
        "REF1": ["Its portal user has signed in since, so both stay"],
        "REF2": ["Its portal user was changed since the import and stays"],
        "REF3": [],
    }
    assert the_import(import_id, house).problem == "Changed or linked since, so they stay as they are: 2. See the rows"
    assert customer("REF1", house).portal_access is True
    assert signing.authenticate(first.email, PHRASE) is first


def test_a_changed_customer_is_as_before_without_the_user_that_the_import_made(house):
    both = [prospect(house, number, reference=f"REF{number}") for number in (1, 2)]
    taken = prospect(house, 3, reference="REF3")
    for each in (*both, taken):
        save(each, house)
    make_user(house.organisation, Role.AGENT, email="accounts3@customer.example")
    db.session.commit()
    import_id = saved(written([good_row(number) for number in (1, 2, 3)]), house)
    assert len(reasons(import_id)["REF3"]) == 1
    come(the_user_of(customer("REF2", house)))
    reverted(import_id, house)
    one, two, three = customers(house)
    for each in (one, three):
        assert (each.email, each.portal_access, each.portal_invited_at) == (None, False, None)
        assert users_of(each) == []
    assert (two.email, two.portal_access) == (None, True)
    assert two.portal_invited_at is not None
    assert the_user_of(two).email == "accounts2@customer.example"
    assert reasons(import_id) == {
        "REF1": [], "REF2": ["Its portal user has signed in since, so both stay"], "REF3": []
    }  # fmt: skip
    assert [mail.customer_id for mail in mails()] == [two.id]
    one.email = "accounts1@customer.example"
    save(one, house)
    assert the_user_of(one).email == "accounts1@customer.example"


def test_who_keeps_the_email_address_keeps_the_user_that_came_with_it(house):
    for number in (1, 2, 3):
        save(prospect(house, number, reference=f"REF{number}"), house)
    import_id = saved(written([good_row(number) for number in (1, 2, 3)]), house)
    one, two, three = customers(house)
    one.email = "other@customer.example"
    save(one, house)
    two.is_prospect = False  # and needs an email address from now on
    save(two, house)
    reverted(import_id, house)
    assert [(each.email, each.portal_access) for each in (one, two, three)] == [
        ("other@customer.example", True), ("accounts2@customer.example", True), (None, False),
    ]  # fmt: skip
    assert [the_user_of(each).email for each in (one, two)] == [
        f"accounts{number}@customer.example" for number in (1, 2)
    ]
    assert all(each.portal_invited_at for each in (one, two))
    assert users_of(three) == []
    assert [mail.customer_id for mail in mails()] == [one.id, two.id]
    assert "Changed since the import, so it stays as it is" in reasons(import_id)["REF1"]


def test_a_revert_leaves_the_users_that_were_there_before(house):
    import_now(written([good_row(1)]), house)
    before = the_user_of(customer("REF1", house))
    import_id = saved(written([good_row(1, name="Renamed")]), house)
    reverted(import_id, house)
    made = customer("REF1", house)
    assert (made.name, made.portal_access, users_of(made)) == ("Customer 1", True, [before])
    assert len(mails()) == 1


# --- How much it takes -------------------------------------------------------------------------------------------


def test_many_users_take_few_statements(house):
    statements = []

    def note(_connection, _cursor, statement, _parameters, _context, _many):
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        import_now(written([good_row(number) for number in range(2000)]), house)
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert len(portal_users()) == len(mails()) == 2000
    assert len([statement for statement in statements if "hub_user" in statement or "outbox" in statement]) < 20
    assert db.session.query(ImportRow).count() == 0


def test_made_up_customers_have_none_and_get_none(house):
    with history.acting(Actor(None, house.id), "test"):
        synthesize(house.organisation, 3, lambda _done: None)
        for made in customers(house):
            made.website = "https://www.example.com"
            save_record(made, actor=Actor(None, house.id))
        db.session.commit()
    assert (len(customers(house)), portal_users(), mails()) == (3, [], [])
