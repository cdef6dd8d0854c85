"""Filtering and sorting by custom fields: what comes out is what Python would say, and an index is read."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text

from customerhub.core.permissions import Actor
from customerhub.custom_fields.queries import (
    build_condition,
    build_key_finder,
    build_sort_expression,
    get_compared_column,
)
from customerhub.custom_fields.values import write_values
from models import Customer
from models.base import db
from models.custom_fields import VALUE_TABLES, build_text_key
from models.enums import CustomFieldKind, CustomFieldOwner
from tests.support import factories as make
from tests.support.custom_fields import add_field, list_values
from tests.support.two_organisations import TwoOrganisations, own_organisation

K, OWNER = CustomFieldKind, CustomFieldOwner.CUSTOMER
COUNT = 9


def fill(organisations: TwoOrganisations, definition: Any) -> dict[int, Any]:
    """Some customers with the first value, some with the second, some with none; their values by id."""
    organisation = own_organisation(organisations)
    ids = [make.CustomerFactory(organisation=organisation).id for _ in range(COUNT)]
    choices = [*reversed(list_values(definition)), None]
    values = {key: choices[place % 3] for place, key in enumerate(ids)}
    write_values(OWNER, organisation.id, {definition: [each for each in values.items() if each[1] is not None]})
    return values


@pytest.mark.parametrize("kind", K)
def test_a_page_of_a_sorted_list_is_the_same_by_index_and_by_sorting(
    organisations: TwoOrganisations, admin: Actor, kind: CustomFieldKind
):
    definition = add_field(admin, kind)
    values = fill(organisations, definition)
    first, second = list_values(definition)
    query = select(Customer).where(Customer.organisation_id == organisations.own.id, Customer.id.in_(values))
    find_keys = build_key_finder(definition, Customer)
    order = build_sort_expression(definition, Customer)
    for is_descending in (False, True):
        ranks = {first: 0, second: 1}
        expected = sorted(
            values,
            key=lambda key: (
                values[key] is None,
                (-1 if is_descending else 1) * ranks.get(values[key], 0),
                -key if is_descending else key,
            ),
        )
        keys = [order.desc() if is_descending else order, Customer.id.desc() if is_descending else Customer.id]
        by_sorting = query.with_only_columns(Customer.id).order_by(order.is_(None), *keys)
        assert list(db.session.scalars(by_sorting)) == expected
        for offset, limit in ((0, COUNT), (0, 2), (2, 3), (4, 4), (7, 5), (COUNT, 3)):
            assert find_keys(query, offset, limit, is_descending) == expected[offset : offset + limit]


def test_conditions_are_about_one_field_and_its_blanks(organisations: TwoOrganisations, admin: Actor):
    definition, other = add_field(admin, K.NUMBER, "One"), add_field(admin, K.NUMBER, "Other")
    values = fill(organisations, definition)
    write_values(OWNER, organisations.own.id, {other: [(key, Decimal("-2.5")) for key in values]})
    column = get_compared_column(definition)
    first, _ = list_values(definition)

    def list_ids(*conditions: Any, **options: Any) -> set[int]:
        condition = build_condition(definition, Customer, *conditions, **options)
        return set(db.session.scalars(select(Customer.id).where(Customer.id.in_(values), condition)))

    for way in ({"is_common": False}, {"is_common": True}):
        assert list_ids(**way) == {key for key, value in values.items() if value}
        assert list_ids(**way, is_negated=True) == {key for key, value in values.items() if value is None}
        is_first = column == first
        assert list_ids(is_first, **way) == {key for key, value in values.items() if value == first}
        assert list_ids(is_first, **way, is_negated=True) == {key for key, value in values.items() if value != first}


# --- Indexes -------------------------------------------------------------------------------------------------------


def explain(query: Any) -> str:
    """How the database would run `query`, were its tables large."""
    bind = db.session.get_bind()
    sql = str(query.compile(bind, compile_kwargs={"literal_binds": True}))
    if bind.dialect.name == "sqlite":
        return "\n".join(str(row[-1]) for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
    db.session.execute(text("SET LOCAL enable_seqscan = off"))
    db.session.execute(text("SET LOCAL enable_bitmapscan = off"))
    return "\n".join(row[0] for row in db.session.execute(text(f"EXPLAIN {sql}")))


@pytest.mark.parametrize("kind", K)
def test_filters_and_orders_read_the_index_of_their_kind(
    organisations: TwoOrganisations, admin: Actor, kind: CustomFieldKind
):
    definition = add_field(admin, kind)
    column = get_compared_column(definition)
    value = list_values(definition)[0]
    value = build_text_key(value) if column.name == "text_key" else value
    index = f"ix_{VALUE_TABLES[OWNER].name}_{column.name}"
    query = select(Customer.id).where(build_condition(definition, Customer, column == value))
    assert index in explain(query)


@pytest.mark.parametrize("kind", [K.TEXT, K.NUMBER, K.DATE])
def test_a_sorted_page_is_read_in_the_order_of_the_index(
    organisations: TwoOrganisations, admin: Actor, kind: CustomFieldKind
):
    from customerhub.custom_fields.queries import _split_by_value

    definition = add_field(admin, kind)
    query = select(Customer).where(Customer.organisation_id == organisations.own.id)
    part = _split_by_value(definition, Customer, query, is_descending=False)[0]
    plan = explain(part.limit(21))
    assert f"ix_{VALUE_TABLES[OWNER].name}_{get_compared_column(definition).name}" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan
