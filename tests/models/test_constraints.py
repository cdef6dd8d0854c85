"""The database itself refuses what must not be: other organisations' rows, doubles, values out of bounds."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Enum, Table, UniqueConstraint, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from customerhub.core import clock, history
from customerhub.core.permissions import Actor
from customerhub.customers.deletion import DETAIL_TABLES
from models import Department, Organisation
from models.base import Base, db
from models.enums import Role
from tests.support.factories import FACTORIES
from tests.support.two_organisations import TwoOrganisations

# What the values of custom fields refuse is in tests/customerhub/custom_fields/test_values.py.
TABLES = {table.name: table for table in Base.metadata.sorted_tables if not table.info.get("holds_custom_values")}
FOREIGN_KEYS = [(table, key) for table in TABLES.values() for key in table.foreign_key_constraints]
TENANT_FOREIGN_KEYS = [(table, key) for table, key in FOREIGN_KEYS if len(key.elements) == 2]
ENUMS = [(table, column) for table in TABLES.values() for column in table.columns if isinstance(column.type, Enum)]
VOCABULARIES = {f"ck_{table.name}_{column.type.name}" for table, column in ENUMS}
CHECKS = {
    str(constraint.name)
    for table in TABLES.values()
    for constraint in table.constraints
    if isinstance(constraint, CheckConstraint)
}
UNIQUES = [
    (table, constraint)
    for table in TABLES.values()
    for constraint in table.constraints
    if isinstance(constraint, UniqueConstraint) and "id" not in constraint.columns
]

# References that need no organisation: their rows are one's own, reached through an owner that has one.
OWN_COLUMNS = {"import_row.import_id", "operation_run_row.run_id", "saved_view.user_id", "list_preference.user_id"}
# Who acted may have been a visitor from another organisation.
VISITORS = {
    "customer_import.user_id",
    "customer_import.acting_user_id",
    "list_export.user_id",
    "operation_run.user_id",
    "customer.promotional_set_by_id",
    "approval_task.requester_id",
    "approval_task.assignee_id",
    "approval_task.decided_by_id",
    "task_comment.user_id",
    "task_file.user_id",
    "review.done_by_id",
    "envelope.requested_by_id",
    "signing_request.requested_by_id",
    "note.author_id",
    "note.assignee_id",
    "note.done_by_id",
    "attachment.uploaded_by_id",
    "customer_case.requester_id",
    "case_note.user_id",
    "work_visit.user_id",
}

# What goes with its customer where somebody has decided so; until then it counts as a link.
COUNTED = {"alert", "merged_customer"}

# What each check of the database refuses, by its name.
BAD_VALUES: dict[str, dict[str, Any]] = {
    "ck_envelope_remote_id": {"remote_id": None},
    "ck_signing_settings_expiry_days": {"expiry_days": 0},
    "ck_signing_settings_reminder_days": {"reminder_days": -1},
    "ck_address_country": {"country": "D"},
    "ck_attachment_name": {"name": ""},
    "ck_case_note_text": {"text": ""},
    "ck_customer_case_closed": {"closed_at": clock.get_now()},
    "ck_customer_case_subject": {"subject": ""},
    "ck_note_follow_up": {"done_at": clock.get_now()},
    "ck_note_text": {"text": ""},
    "ck_approval_task_customer": {"customer_id": None},
    "ck_approval_task_decided": {"decided_at": clock.get_now()},
    "ck_billing_line_active": {"active_from": date(2025, 2, 1), "active_to": date(2025, 1, 31)},
    "ck_billing_line_costs": {"cost_per_unit": -1},
    "ck_blacklist_entry_who": {"customer_id": None, "identity_key": None, "registration_key": None},
    "ck_business_entity_brand_colour": {"brand_colour": "red"},
    "ck_call_markup_percent": {"percent": -101},
    "ck_commodity_defaults": {"default_minimum_cost": -1},
    "ck_contract_connections": {"connections": -1},
    "ck_contract_dates": {"end_date": date(1999, 12, 31)},
    "ck_contract_name": {"name": ""},
    "ck_contract_value": {"value": -1},
    "ck_custom_field_key": {"key": ""},
    "ck_custom_field_name": {"name": ""},
    "ck_customer_annual_increase": {"annual_increase_profile": "fixed"},
    "ck_customer_billing_day": {"billing_day": 32},
    "ck_customer_credit_limit": {"credit_limit": -1},
    "ck_customer_estimated_monthly_revenue": {"estimated_monthly_revenue": -1},
    "ck_customer_full_particulars": {"risk": None},
    "ck_customer_import_done_rows": {"done_rows": -1},
    "ck_customer_name": {"name": ""},
    "ck_customer_number_of_users": {"number_of_users": -1},
    "ck_customer_order_connections": {"connections": 0},
    "ck_customer_order_delivered": {"delivered_on": date(2025, 1, 31)},
    "ck_customer_prospect_number": {"is_prospect": True},
    "ck_customer_review_frequency": {"review_frequency": 13},
    "ck_customer_status_colour": {"colour": "green"},
    "ck_customer_total_spend": {"total_spend": -1},
    "ck_customer_year_end": {"year_end_day": 30, "year_end_month": 2},
    "ck_hub_user_customer_has_record": {"role": Role.CUSTOMER},
    "ck_hub_user_partner_has_dealer": {"role": Role.PARTNER},
    "ck_list_export_format": {"format": "exe"},
    "ck_operation_run_done_rows": {"done_rows": 1},
    "ck_operation_run_outcomes": {"refused_rows": 1},
    "ck_organisation_country": {"country": "D"},
    "ck_organisation_currency": {"currency": "EU"},
    "ck_organisation_review_grace_days": {"review_grace_days": 366},
    "ck_organisation_task_days": {"task_days": 366},
    "ck_payment_terms_days": {"days": 366},
    "ck_payment_terms_fixed_day": {"fixed_day": 0},
    "ck_product_price": {"price": -1},
    "ck_reminder_days_before": {"days_before": -1},
    "ck_reminder_document": {"document_id": 1},
    "ck_stored_file_size": {"size": -1},
    "ck_tariff_fallback_markup": {"fallback_markup": -1},
    "ck_tariff_rate_price_per_minute": {"price_per_minute": -1},
    "ck_vat_rate_percent": {"percent": 101},
}


def refusal_text(statement: Any) -> str:
    """What the database says when it refuses `statement`; blank where it does not."""
    try:
        with db.session.begin_nested() as savepoint:
            db.session.connection().execute(statement)
            savepoint.rollback()
    except IntegrityError as error:
        return str(error.orig)
    return ""


def update_statement(table: Table, organisations: TwoOrganisations, *where: Any, **values: Any) -> Any:
    """A statement that changes one of our rows."""
    if table.name == "organisation":
        where = (*where, table.c.id == organisations.own.id)
    elif "organisation_id" in table.c:
        where = (*where, table.c.organisation_id == organisations.own.id)
    if "id" not in table.c:
        return update(table).where(*where, table.c.customer_id == organisations.own.customers[0]).values(values)
    one = db.session.scalar(select(func.min(table.c.id)).where(*where))
    assert one is not None, f"there is no row of {table.name} to try it on"
    return update(table).where(table.c.id == one).values(values)


def row_condition(table: Table, column: str) -> tuple[Any, ...]:
    """Which rows may have a value in `column` at all."""
    roles = {"dealer_id": Role.PARTNER, "customer_id": Role.CUSTOMER}
    return (table.c.role == roles[column],) if table.name == "hub_user" else ()


def companion_values(table: Table) -> dict[str, Any]:
    """What else has to change in a row that is given to another owner, or doubled: of some there is one main one."""
    return {"account": {"is_main": False}, "envelope": {"is_current": False}}.get(table.name, {})


def referring_column(key: Any) -> str:
    return next(element.parent.name for element in key.elements if element.parent.name != "organisation_id")


def test_every_reference_carries_its_organisation():
    loose = {
        f"{table.name}.{key.elements[0].parent.name}"
        for table, key in FOREIGN_KEYS
        if len(key.elements) == 1 and key.elements[0].target_fullname != "organisation.id"
    }
    assert loose == OWN_COLUMNS | VISITORS
    for table, key in TENANT_FOREIGN_KEYS:
        columns = {element.parent.name: element.column.name for element in key.elements}
        assert columns.pop("organisation_id") == "organisation_id", (table.name, key.name)
        assert list(columns.values()) == ["id"], (table.name, key.name)


def test_a_reference_into_another_organisation_is_refused(organisations: TwoOrganisations):
    sides = [db.session.get_one(Organisation, side.id) for side in (organisations.own, organisations.foreign)]
    accepted_rows, refused_rows = [], []
    for table, key in TENANT_FOREIGN_KEYS:
        column = referring_column(key)
        own_id, foreign_id = (FACTORIES[key.referred_table.name](organisation=side).id for side in sides)
        where, more = row_condition(table, column), companion_values(table)
        if (
            "foreign key"
            not in refusal_text(update_statement(table, organisations, *where, **more, **{column: foreign_id})).lower()
        ):
            accepted_rows.append(f"{table.name}.{column}")
        if refusal_text(update_statement(table, organisations, *where, **more, **{column: own_id})):
            refused_rows.append(f"{table.name}.{column}")
    assert accepted_rows == []
    assert refused_rows == []


def test_a_reference_to_nothing_is_refused(organisations: TwoOrganisations):
    accepted = []
    for table, key in TENANT_FOREIGN_KEYS:
        column = referring_column(key)
        statement = update_statement(
            table, organisations, *row_condition(table, column), **companion_values(table), **{column: 10**9}
        )
        if "foreign key" not in refusal_text(statement).lower():
            accepted.append(f"{table.name}.{column}")
    assert accepted == []


def test_a_row_cannot_be_moved_to_another_organisation(organisations: TwoOrganisations):
    """Whatever refers to it, and what it refers to, would stay behind."""
    message = refusal_text(
        update_statement(TABLES["location"], organisations, organisation_id=organisations.foreign.id)
    )
    assert "foreign key" in message.lower()


def test_the_number_of_a_deleted_row_is_never_given_again(organisations: TwoOrganisations):
    """Whoever got it would show the history of the deleted one as its own."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        deleted_row = Department(organisation_id=organisations.own.id, name="Gone")
        db.session.add(deleted_row)
        db.session.flush()
        number = deleted_row.id
        db.session.delete(deleted_row)
        db.session.flush()
        new = Department(organisation_id=organisations.own.id, name="New")
        db.session.add(new)
        db.session.flush()
    assert new.id > number


def test_a_word_outside_of_a_vocabulary_is_refused(organisations: TwoOrganisations):
    for table, column in ENUMS:
        message = refusal_text(update_statement(table, organisations, **{column.name: func.lower("Junk")}))
        # Where the meaning of another column hangs on it, that check may come first.
        assert f"ck_{table.name}_" in message, f"{table.name}.{column.name}"


@pytest.mark.parametrize("table", [pytest.param(table, id=table.name) for table in TABLES.values() if "id" in table.c])
def test_doubles_are_refused(organisations: TwoOrganisations, table: Table):
    uniques = [constraint for other, constraint in UNIQUES if other is table]
    for constraint in uniques:
        others = {column.name for other in uniques for column in other.columns} - {c.name for c in constraint.columns}
        message = refusal_text(duplicate_statement(table, organisations, constraint, others))
        column_names = ", ".join(f"{table.name}.{column.name}" for column in constraint.columns)
        assert f'"{constraint.name}"' in message or message == f"UNIQUE constraint failed: {column_names}"


def duplicate_statement(
    table: Table, organisations: TwoOrganisations, constraint: UniqueConstraint, others: set[str]
) -> Any:
    """A statement that adds a row with the same values in `constraint`, and different ones in `others`."""
    filled: dict[str, Any] = {
        column.name: "K" for column in constraint.columns if column.name.endswith("_key") and column.nullable
    }
    if "shared_with_id" in constraint.columns:
        filled["shared_with_id"] = organisations.own.id
    if filled:
        db.session.connection().execute(update_statement(table, organisations, **filled))
    own_rows = (table.c.organisation_id == organisations.own.id,) if "organisation_id" in table.c else ()
    first = select(table).where(*own_rows).order_by(table.c.id).limit(1)
    row = dict(db.session.connection().execute(first).mappings().one())
    row["id"] = 10**6
    varied = {name: f"{row[name]}!" for name in others if isinstance(row[name], str) and name not in ("type", "kind")}
    ids = {name for name in others if name.endswith("_id") and isinstance(row[name], int)} - {"organisation_id"}
    varied |= {name: row[name] + 10**6 for name in ids}
    return insert(table).values(row | varied | companion_values(table))


def test_a_customer_has_one_main_account(organisations: TwoOrganisations):
    table = TABLES["account"]
    owner = {"organisation_id": organisations.own.id, "customer_id": organisations.own.customers[0], "balance": 0}
    add = insert(table).values(owner | {"created_at": clock.get_now(), "number": "SECOND"})
    assert refusal_text(add.values(is_main=False)) == ""
    assert "account" in refusal_text(add.values(is_main=True))


def test_only_the_details_of_a_record_go_with_it():
    """Whatever else refers to a customer keeps it, also from those who look at nothing before they delete."""
    going = {
        table.name
        for table, key in TENANT_FOREIGN_KEYS
        if key.referred_table.name == "customer" and key.ondelete == "CASCADE"
    }
    assert going <= set(DETAIL_TABLES) | COUNTED


def test_values_out_of_bounds_are_refused(organisations: TwoOrganisations):
    """Each check is tried, and each is met by the rows that there are."""
    assert BAD_VALUES.keys() == CHECKS - VOCABULARIES
    for name, values in BAD_VALUES.items():
        table = max((t for t in TABLES.values() if name.startswith(f"ck_{t.name}_")), key=lambda t: len(t.name))
        message = refusal_text(update_statement(table, organisations, **values))
        assert f'"{name}"' in message or message == f"CHECK constraint failed: {name}", name


def test_every_vocabulary_has_its_check():
    assert VOCABULARIES <= CHECKS
