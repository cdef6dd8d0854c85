"""Portal users that come with an import: one an address, only once it is saved."""

import json
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_record
from customerhub.users.links import get_one_time_links
from jobs import imports
from models import Customer, History, ImportRow, OutboxMessage, User
from models.base import db
from models.enums import Role, TransferState
from seed.synthesize import synthesize
from tests.customerhub.customers.conftest import make_import_org
from tests.support.imports import (
    confirm_import,
    get_customer,
    get_import,
    import_and_save,
    import_now,
    list_customers,
    tally_counts,
    upload_and_check,
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
    token_of,
)
from tests.support.statements import record_statements
from tests.support.workbooks import build_workbook, valid_row

ACCOUNT_EXISTS = "{} already has an account, so no portal user was created. Add another address under Portal users."


# --- Saved -------------------------------------------------------------------------------------------------------


def test_each_new_customer_gets_its_own_user_and_mail(app, import_org, small_chunks):
    import_now(build_workbook([valid_row(number) for number in range(1, 6)]), import_org)
    links = get_one_time_links()
    for imported_customer in list_customers(import_org):
        user = single_user(imported_customer)
        assert (user.email, user.name) == (imported_customer.email, imported_customer.name)
        [mail] = list_mails(user.email)
        assert (mail.customer_id, links.read(token_of(mail))) == (imported_customer.id, user)
        assert (imported_customer.portal_access, imported_customer.portal_invited_at) == (True, user.created_at)
        assert user.link_until == user.created_at + timedelta(hours=72)
    assert (len(list_portal_users()), len(list_mails())) == (5, 5)


def test_one_made_by_an_import_is_like_one_made_on_the_form(import_org):
    import_now(build_workbook([valid_row(1)]), import_org)
    form_customer = build_prospect(import_org, 2, email="typed@x.example", contacts=None)
    form_customer.name, form_customer.contacts[0].email = "Customer 1", "other@x.example"
    save_and_commit(form_customer, import_org)
    imported, other = list_portal_users()
    different = {"id", "email", "email_key", "customer_id", "created_at", "link_until"}
    for column in User.__table__.columns:
        if column.name not in different:
            assert getattr(imported, column.name) == getattr(other, column.name), column.name
    entries = [
        db.session.scalars(select(History).where(History.table_name == "hub_user", History.row_id == each.id)).one()
        for each in (imported, other)
    ]
    assert entries[0].changes.keys() == entries[1].changes.keys()


def test_of_several_with_one_address_the_first_row_gets_it(import_org, small_chunks):
    addresses = {
        2: "ACCOUNTS1@customer.example",
        4: "accounts3@customer.example, b@x.example",
        5: "accounts1@customer.example",
    }
    rows = [
        valid_row(number, **({"email": addresses[number]} if number in addresses else {})) for number in range(1, 6)
    ]
    result = import_now(build_workbook(rows), import_org)
    assert result.is_saved
    assert [(user.email, user.customer.reference) for user in list_portal_users()] == [
        ("accounts1@customer.example", "REF1"),
        ("accounts3@customer.example", "REF3"),
    ]
    assert [(notice.row, notice.text) for notice in result.notices] == [
        (3, ACCOUNT_EXISTS.format("ACCOUNTS1@customer.example")),
        (5, ACCOUNT_EXISTS.format("accounts3@customer.example")),
        (6, ACCOUNT_EXISTS.format("accounts1@customer.example")),
    ]
    assert result.as_dict()["notices"][0] == {"row": 3, "text": ACCOUNT_EXISTS.format("ACCOUNTS1@customer.example")}
    assert len(list_mails()) == 2
    assert [imported_customer.portal_invited_at is not None for imported_customer in list_customers(import_org)] == [
        True
    ] * 5


def test_an_address_with_an_account_anywhere_is_noted_on_its_row(import_org):
    other = make_import_org(db.session, "Secret Telecom")
    owner = make_user(other.organisation, Role.MANAGER, email="Boss@secret.example", name="Secret Boss")
    db.session.commit()
    before = db.session.execute(select(User.__table__).where(User.id == owner.id)).one()
    rows = [valid_row(1), valid_row(2, email="boss@secret.example"), valid_row(3, email="boss@SECRET.example")]
    import_id = import_and_save(build_workbook(rows), import_org)
    checked_import = get_import(import_id, import_org)
    assert checked_import.state is TransferState.DONE
    assert checked_import.problem == (
        "No portal user was created for some customers because their email address already has an account. Rows: 3, 4."
    )
    assert row_reasons(import_id) == {
        "REF1": [],
        "REF2": [ACCOUNT_EXISTS.format("boss@secret.example")],
        "REF3": [ACCOUNT_EXISTS.format("boss@secret.example")],
    }
    assert "Secret" not in json.dumps([checked_import.problem, row_reasons(import_id)])
    assert db.session.execute(select(User.__table__).where(User.id == owner.id)).one() == before
    assert [user.email for user in list_portal_users()] == ["accounts1@customer.example"]


def test_many_rows_without_a_user_are_summarised(import_org):
    make_user(import_org.organisation, Role.AGENT, email="all@x.example")
    db.session.commit()
    import_id = import_and_save(
        build_workbook([valid_row(number, email="all@x.example") for number in range(1, 41)]), import_org
    )
    problem = get_import(import_id, import_org).problem
    assert problem.endswith(f"Rows: {', '.join(map(str, range(2, 22)))} and 20 more.")


def test_a_changed_row_makes_one_where_the_customer_has_none(import_org):
    first, second, third = (
        build_prospect(import_org, number, reference=f"REF{number}", email=email)
        for number, email in ((1, None), (2, "known@x.example"), (3, None))
    )
    for each in (first, second, third):
        save_and_commit(each, import_org)
    existing_user = single_user(second)
    result = import_now(build_workbook([valid_row(1), valid_row(2), valid_row(3, email="known@x.example")]), import_org)
    assert tally_counts(result) == (0, 3, 0, 0)
    assert [(notice.row, notice.text) for notice in result.notices] == [(4, ACCOUNT_EXISTS.format("known@x.example"))]
    new_user = single_user(get_customer("REF1", import_org))
    assert (new_user.email, new_user.name) == ("accounts1@customer.example", "Kim Contact")
    assert list_users(second) == [existing_user]
    assert list_users(third) == []
    assert [each.portal_access for each in list_customers(import_org)] == [True, True, True]
    customer_entries = db.session.scalars(
        select(History).where(History.customer_id == first.id, History.table_name == "customer")
    )
    assert [entry.changes["portal_access"] for entry in customer_entries if "portal_access" in entry.changes] == [
        [False, True]
    ]


# --- Not saved ---------------------------------------------------------------------------------------------------


def test_checking_previewing_and_trying_make_nothing_and_send_nothing(import_org):
    rows = [valid_row(1), valid_row(2, email="not an address")]
    assert not import_now(build_workbook(rows[:1]), import_org, dry_run=True).is_saved
    assert not import_now(build_workbook(rows), import_org).is_saved
    import_id = upload_and_check(build_workbook(rows), import_org)
    imports.check(import_id)
    assert (list_portal_users(), list_mails(), list_customers(import_org)) == ([], [], [])


def test_a_row_in_error_makes_none(import_org):
    import_id = import_and_save(build_workbook([valid_row(1), valid_row(2, risk="x")]), import_org, good_rows_only=True)
    assert [user.email for user in list_portal_users()] == ["accounts1@customer.example"]
    assert [mail.recipient for mail in list_mails()] == ["accounts1@customer.example"]
    assert get_import(import_id, import_org).problem is None


def test_a_save_that_is_refused_at_the_end_makes_none(import_org):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    import_now(build_workbook([valid_row(1, name="Somebody was faster")]), import_org)
    confirm_import(import_id, import_org)
    imports.save(import_id)
    assert get_import(import_id, import_org).state is TransferState.READY
    assert (len(list_portal_users()), len(list_mails())) == (1, 1)


def test_the_same_file_again_makes_none(import_org):
    rows = [valid_row(1), valid_row(2)]
    import_now(build_workbook(rows), import_org)
    assert tally_counts(import_now(build_workbook(rows), import_org)) == (0, 0, 2, 0)
    assert (len(list_portal_users()), len(list_mails())) == (2, 2)


ADDRESSES = ("a@x.example", "A@x.example", "b@x.example", "c@x.example", "staff@x.example")
SEVERAL_FILES = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=2)
ROWS = st.tuples(st.sampled_from(["R1", "R2", "R3", "R4"]), SEVERAL_FILES)


def delete_imported_customers():
    db.session.rollback()
    quietly = history.bulk_options() | {"synchronize_session": False}
    db.session.execute(delete(OutboxMessage))
    db.session.execute(delete(User).where(User.role == Role.CUSTOMER), execution_options=quietly)
    db.session.execute(delete(Customer), execution_options=quietly)
    db.session.commit()


# --- Any files ---------------------------------------------------------------------------------------------------


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(ROWS, min_size=1, max_size=4, unique_by=lambda row: row[0]), min_size=1, max_size=3))
def test_whatever_is_imported_each_customer_has_its_first_address_or_nobody(import_org, files):
    """Against a simple account of who has which address."""
    if not db.session.scalar(select(User.id).where(User.email == "staff@x.example")):
        make_user(import_org.organisation, Role.AGENT, email="staff@x.example")
        db.session.commit()
    delete_imported_customers()
    owners = {"staff@x.example": None}
    used_addresses = set()
    for rows in files:
        reported_addresses = set()
        for number, (reference, emails) in enumerate(rows, 2):
            if reference not in used_addresses:
                used_addresses.add(reference)
                if emails[0].lower() in owners:
                    reported_addresses.add(number)
                else:
                    owners[emails[0].lower()] = reference
        cells = [valid_row(1, reference=reference, email=", ".join(emails)) for reference, emails in rows]
        result = import_now(build_workbook(cells), import_org)
        assert {notice.row for notice in result.notices} == reported_addresses
    references_by_email = {user.email.lower(): user.customer.reference for user in list_portal_users()}
    assert references_by_email == {email: owner for email, owner in owners.items() if owner}
    assert sorted(mail.recipient.lower() for mail in list_mails()) == sorted(references_by_email)


# --- How much it takes -------------------------------------------------------------------------------------------


def test_many_users_take_few_statements(import_org):
    with record_statements() as statements:
        import_now(build_workbook([valid_row(number) for number in range(2000)]), import_org)
    assert len(list_portal_users()) == len(list_mails()) == 2000
    assert len([statement for statement in statements if "hub_user" in statement or "outbox" in statement]) < 20
    assert db.session.query(ImportRow).count() == 0


def test_made_up_customers_have_none_and_get_none(import_org):
    with history.act_as(Actor(None, import_org.id), "test"):
        synthesize(import_org.organisation, 3, lambda _done: None)
        for imported_customer in list_customers(import_org):
            imported_customer.website = "https://www.example.com"
            save_record(imported_customer, actor=Actor(None, import_org.id))
        db.session.commit()
    assert (len(list_customers(import_org)), list_portal_users(), list_mails()) == (3, [], [])
