"""Tags: given, taken away, found, imported, merged, and deleted without losing what the history knows."""

import re
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from customerhub.core import history
from customerhub.core.errors import Conflict, Invalid, NotAllowed, StillLinked
from customerhub.core.permissions import Actor
from customerhub.customers import tags as tag_operations
from customerhub.customers.default_values import encode_values, read_values
from customerhub.customers.importing.custom_columns import load_columns
from customerhub.customers.merging import merge_customers
from customerhub.customers.records import save_customer
from customerhub.customers.tags import (
    add_tags_to_many,
    count_customers,
    delete_tag,
    find_or_build_tags,
    remove_tags_of_many,
)
from customerhub.setup.rows import save_row
from models import CallMarkup, Customer, History, Tag, customer_tag
from models.base import db
from models.enums import Role, RowOutcome, TagColour
from tests.customerhub.conftest import actor_of
from tests.customerhub.customers.conftest import ImportOrg
from tests.support.factories import DepartmentFactory, TagFactory
from tests.support.imports import get_customer, import_and_save, list_rows, revert_import, upload_and_check
from tests.support.screen_rows import make_bare_customer
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, own_organisation
from tests.support.workbooks import build_workbook, valid_row


@pytest.fixture
def tags(organisations: TwoOrganisations, admin: Actor) -> list[Tag]:
    own = own_organisation(organisations)
    return [TagFactory(organisation=own, name=name) for name in ("Fair", "Key account", "شريك")]


def names_of(customer: Customer) -> list[str]:
    db.session.expire_all()
    return [tag.name for tag in customer.tags]


def newest_changes(customer: Customer) -> Any:
    query = select(History.changes).where(History.customer_id == customer.id, History.table_name == "customer")
    return db.session.scalars(query.order_by(History.id.desc())).first()


def ids_of(tags: list[Tag]) -> list[int]:
    return [tag.id for tag in tags]


def test_tags_are_added_and_removed_beside_others(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    customer = make_bare_customer(organisations)
    version = customer.version
    assert add_tags_to_many([customer], tag_ids=ids_of(tags[:2]), actor=admin) == {}
    assert add_tags_to_many([customer], tag_ids=ids_of(tags[1:]), actor=admin) == {}
    assert names_of(customer) == ["Fair", "Key account", "شريك"]
    remove_tags_of_many([customer], tag_ids=ids_of(tags[:1]), actor=admin)
    assert names_of(customer) == ["Key account", "شريك"]
    assert newest_changes(customer) == {"tags": ["Fair, Key account, شريك", "Key account, شريك"]}
    assert customer.version == version + 3


def test_who_has_or_lacks_the_tag_already_is_left_as_it_is_with_the_reason(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag]
):
    having, other = make_bare_customer(organisations, tags=tags[:1]), make_bare_customer(organisations)
    versions = [having.version, other.version]
    entries = db.session.query(History).count()
    refusals = add_tags_to_many([having, other], tag_ids=ids_of(tags[:1]), actor=admin)
    assert {key: error.message for key, error in refusals.items()} == {having.id: "Already has the tag “Fair”"}
    assert [names_of(each) for each in (having, other)] == [["Fair"], ["Fair"]]
    assert [having.version, other.version] == [versions[0], versions[1] + 1]
    assert db.session.query(History).count() == entries + 1
    refusals = remove_tags_of_many([having, other], tag_ids=ids_of(tags[1:2]), actor=admin)
    assert {error.message for error in refusals.values()} == {"Does not have the tag “Key account”"}
    assert len(refusals) == 2
    refusals = add_tags_to_many([having], tag_ids=ids_of(tags[:1] * 2), actor=admin)
    assert [error.message for error in refusals.values()] == ["Already has the tag “Fair”"]
    assert add_tags_to_many([having], tag_ids=ids_of(tags), actor=admin) == {}
    refusals = remove_tags_of_many([other], tag_ids=ids_of(tags[1:]), actor=admin)
    assert [error.message for error in refusals.values()] == ["Has none of these tags"]


def test_who_changed_a_customer_meanwhile_is_not_overwritten(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag]
):
    customers = [make_bare_customer(organisations) for _ in range(2)]
    db.session.commit()
    assert [customer.version for customer in customers]  # read
    changed = update(Customer).where(Customer.id == customers[0].id).values(version=Customer.version + 1)
    db.session.connection().execute(changed.execution_options(synchronize_session=False))
    refusals = add_tags_to_many(customers, tag_ids=ids_of(tags[:1]), actor=admin)
    assert list(refusals) == [customers[0].id]
    with pytest.raises(Conflict):
        add_tags_to_many(customers[:1], tag_ids=ids_of(tags[:1]), actor=admin)


def test_a_portal_user_and_another_organisation_may_not(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    customer = make_bare_customer(organisations)
    with pytest.raises(NotAllowed):
        add_tags_to_many([customer], tag_ids=ids_of(tags[:1]), actor=actor_of(organisations, Role.CUSTOMER))
    foreign = db.session.get_one(Customer, organisations.foreign.customers[0])
    refusals = add_tags_to_many([foreign], tag_ids=ids_of(tags[:1]), actor=admin)
    assert list(refusals) == [foreign.id]


def test_a_change_of_tags_or_departments_alone_raises_the_version(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag]
):
    customer = make_bare_customer(organisations)
    db.session.flush()
    for name, rows in (("tags", tags[:2]), ("tags", tags[1:]), ("departments", [])):
        db.session.expire_all()
        version, entries = customer.version, db.session.query(History).filter_by(table_name="customer").count()
        if name == "departments":
            rows = [DepartmentFactory(organisation=own_organisation(organisations))]
        setattr(customer, name, rows)
        save_customer(customer, actor=admin)
        assert customer.version == version + 1, name
        assert db.session.query(History).filter_by(table_name="customer").count() == entries + 1
        assert list(newest_changes(customer)) == [name]


@pytest.mark.parametrize("name", ["Fair, spring", "a;b", ","])
def test_a_name_with_a_separator_is_refused_and_one_of_old_is_kept(
    organisations: TwoOrganisations, admin: Actor, name: str
):
    with pytest.raises(Invalid, match="cannot contain a comma or semicolon"):
        save_row(Tag(name=name, colour=TagColour.GREY), actor=admin)
    old = TagFactory(organisation=own_organisation(organisations), name=name)
    db.session.flush()
    old.colour = TagColour.TEAL
    save_row(old, actor=admin)
    old.name = f"{name} 2"
    with pytest.raises(Invalid, match="cannot contain a comma or semicolon"):
        save_row(old, actor=admin)


def test_a_tag_of_another_organisation_is_refused_by_the_database(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag]
):
    foreign = organisations.foreign.row_id(Tag)
    customer = make_bare_customer(organisations)
    row = {"customer_id": customer.id, "tag_id": foreign, "organisation_id": organisations.own.id}
    with pytest.raises(IntegrityError):
        db.session.connection().execute(insert(customer_tag), row)
    db.session.rollback()


def test_deleting_keeps_what_the_history_knows(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    customers = [make_bare_customer(organisations, tags=tags[:2]) for _ in range(2)]
    bystander = make_bare_customer(organisations, tags=tags[1:])
    assert count_customers(tags[0]) == 2
    delete_tag(tags[0], actor=admin)
    db.session.commit()
    assert [names_of(each) for each in (*customers, bystander)] == [["Key account"]] * 2 + [["Key account", "شريك"]]
    for customer in customers:
        assert newest_changes(customer) == {"tags": ["Fair, Key account", "Key account"]}
    entry = db.session.scalars(select(History).where(History.table_name == "tag").order_by(History.id.desc())).first()
    assert entry is not None
    assert (entry.action, entry.title) == ("deleted", "Fair")


def test_a_tag_of_very_many_is_taken_away_first(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tag_operations, "MAX_REMOVED", 1)
    for _ in range(2):
        make_bare_customer(organisations, tags=tags[:1])
    with pytest.raises(StillLinked, match="2 customers have Fair"):
        delete_tag(tags[0], actor=admin)
    assert count_customers(tags[0]) == 2


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT])
def test_only_administrators_make_and_delete_tags(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag], role: Role
):
    actor = actor_of(organisations, role)
    assert find_or_build_tags("key ACCOUNT, ", actor=actor) == [tags[1]]
    with pytest.raises(NotAllowed):
        find_or_build_tags("New", actor=actor)
    with pytest.raises(NotAllowed):
        delete_tag(tags[0], actor=actor)


@pytest.mark.parametrize("name", ["x" * 121, "a\x00b"])
def test_an_odd_name_is_refused(admin: Actor, name: str):
    with pytest.raises(Invalid):
        find_or_build_tags(name, actor=admin)


def test_a_tag_out_of_use_is_not_given_anew_by_its_name(admin: Actor, tags: list[Tag]):
    tags[0].active = False
    db.session.flush()
    with pytest.raises(Invalid, match="“Fair” is no longer in use") as refusal:
        find_or_build_tags("Key account, FAIR", actor=admin)
    assert [field for field, _ in refusal.value.problems] == ["tags"]
    assert find_or_build_tags("fair", held_ids={tags[0].id}, actor=admin) == [tags[0]], "who has it keeps it"


def test_the_longest_name_that_there_is_counts(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    TagFactory(organisation=own_organisation(organisations), name="Fair, spring")
    db.session.flush()
    found = find_or_build_tags(" fair, spring, Fair ,New,,nEW", actor=admin)
    assert [tag.name for tag in found] == ["Fair", "Fair, spring", "New"]
    assert find_or_build_tags("", actor=admin) == []


def test_a_tag_that_was_deleted_meanwhile_is_told(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    customers = [make_bare_customer(organisations) for _ in range(2)]
    tag_ids = [tag.id for tag in tags[:2]]
    delete_tag(tags[0], actor=admin)
    db.session.flush()
    for change in (add_tags_to_many, remove_tags_of_many):
        with pytest.raises(Invalid, match="deleted"):
            change(customers, tag_ids=tag_ids, actor=admin)
        with pytest.raises(Invalid, match="deleted"):
            change(customers, tag_ids=[organisations.foreign.row_id(Tag)], actor=admin)
    assert [names_of(each) for each in customers] == [[], []]


def test_many_customers_look_their_tags_up_once(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    customers = [make_bare_customer(organisations) for _ in range(4)]
    tag_ids = [tag.id for tag in tags]
    db.session.commit()
    db.session.expire_all()
    with record_statements() as statements:
        assert add_tags_to_many(customers, tag_ids=tag_ids, actor=admin) == {}
    lookups = [each for each in statements if re.search(r"FROM tag\s+WHERE", each)]
    assert len(lookups) == 1, lookups
    assert [names_of(each) for each in customers] == [["Fair", "Key account", "شريك"]] * 4
    foreign = db.session.get_one(Customer, organisations.foreign.customers[0])
    refusals = remove_tags_of_many([customers[0], foreign, *customers[1:]], tag_ids=tag_ids[:1], actor=admin)
    assert list(refusals) == [foreign.id]
    assert [names_of(each) for each in customers] == [["Key account", "شريك"]] * 4


def test_a_tag_is_locked_before_its_customers_are_counted(
    organisations: TwoOrganisations, admin: Actor, tags: list[Tag]
):
    customer = make_bare_customer(organisations, tags=tags[:1])
    db.session.commit()
    with record_statements() as statements:
        delete_tag(tags[0], actor=admin)
    about_customers = [number for number, each in enumerate(statements) if "FROM customer_tag" in each]
    locks = [number for number, each in enumerate(statements) if re.search(r"^SELECT tag\.id\s+FROM tag", each)]
    assert locks, statements
    assert locks[0] < about_customers[0]
    if db.engine.dialect.name == "postgresql":
        assert statements[locks[0]].endswith("FOR UPDATE")
    db.session.commit()
    assert names_of(customer) == []


def test_merging_unites_them(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    survivor = make_bare_customer(organisations, tags=tags[:2])
    other = make_bare_customer(organisations, tags=tags[1:])
    merge_customers(survivor, other, actor=admin)
    db.session.commit()
    assert names_of(survivor) == ["Fair", "Key account", "شريك"]


def test_a_set_of_default_values_holds_those_in_use(organisations: TwoOrganisations, admin: Actor, tags: list[Tag]):
    kept = encode_values({"tags": tags})
    tags[1].active = False
    db.session.flush()
    foreign = organisations.foreign.row_id(Tag)
    found = read_values({"tags": [*kept["tags"], foreign, "x"]}, organisations.own.id)
    assert found == {"tags": [tags[0].id, tags[2].id]}


# --- Import ------------------------------------------------------------------------------------------------------


@pytest.fixture
def tagged_org(import_org: ImportOrg) -> ImportOrg:
    with history.act_as(import_org.actor, "test"):
        for name in ("Fair", "Key account", "Fair, spring"):
            TagFactory(organisation=import_org.organisation, name=name)
        db.session.commit()
    return import_org


def build(*tags: str | None) -> Any:
    rows = [valid_row(number) | {"tags": text} for number, text in enumerate(tags, 1)]
    return build_workbook(rows, headers=(*valid_row(), "tags"))


def tags_of(reference: str, org: ImportOrg) -> list[str]:
    return sorted(tag.name for tag in get_customer(reference, org).tags)


def test_an_import_gives_replaces_and_takes_back_tags(tagged_org: ImportOrg):
    import_and_save(build("key ACCOUNT; Fair, spring", None), tagged_org)
    assert tags_of("REF1", tagged_org) == ["Fair, spring", "Key account"]
    assert tags_of("REF2", tagged_org) == []
    import_id = import_and_save(build("Fair", None), tagged_org)
    assert tags_of("REF1", tagged_org) == ["Fair"]
    first, second = list_rows(import_id)
    assert first.changes == {"tags": ["Fair, spring, Key account", "Fair"]}
    assert second.outcome is RowOutcome.UNCHANGED
    revert_import(import_id, tagged_org)
    assert tags_of("REF1", tagged_org) == ["Fair, spring", "Key account"]


def test_new_customers_go_with_their_tags_and_markups(tagged_org: ImportOrg):
    rows = [valid_row(1) | {"tags": "Fair, Key account", "markupMobile": 12}, valid_row(2)]
    import_id = import_and_save(build_workbook(rows, headers=(*valid_row(), "tags", "markupMobile")), tagged_org)
    assert tags_of("REF1", tagged_org) == ["Fair", "Key account"]
    revert_import(import_id, tagged_org)
    assert [row.errors for row in list_rows(import_id)] == [None, None]
    assert [db.session.query(each).count() for each in (Customer, CallMarkup, customer_tag)] == [0, 0, 0]


def test_an_import_refuses_unknown_tags_and_says_what_there_is(tagged_org: ImportOrg, import_org: ImportOrg):
    (row,) = list_rows(upload_and_check(build("Fair, Nonsense"), tagged_org))
    assert row.outcome is RowOutcome.ERROR
    assert row.errors == [{"column": "tags", "reason": "“Nonsense” is not a tag: Fair, Fair, spring, Key account"}]


def test_an_inactive_tag_that_a_customer_has_stays_beside_others(tagged_org: ImportOrg):
    import_and_save(build("Fair", None), tagged_org)
    with history.act_as(tagged_org.actor, "test"):
        db.session.scalars(select(Tag).where(Tag.name == "Fair")).one().active = False
        db.session.commit()
    import_id = import_and_save(build("Fair, Key account", "Key account, Fair"), tagged_org, good_rows_only=True)
    assert tags_of("REF1", tagged_org) == ["Fair", "Key account"]
    assert [(each["column"], each["reason"][:28]) for each in list_rows(import_id)[1].errors or []] == [
        ("tags", "“Fair” is no longer in use: ")
    ]


def test_without_tags_there_is_no_column_for_them(import_org: ImportOrg, tagged_org: ImportOrg):
    assert load_columns(tagged_org.id).headers[-1] == "tags"
    with history.act_as(import_org.actor, "test"):
        for tag in db.session.scalars(select(Tag)).all():
            delete_tag(tag, actor=tagged_org.actor)
        db.session.commit()
    assert "tags" not in load_columns(import_org.id).headers
