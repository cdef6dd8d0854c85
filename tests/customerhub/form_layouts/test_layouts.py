"""The layout of a form: what is made of the default by what was chosen, saved once at a time, and told."""

from typing import Any

import pytest
from sqlalchemy import select

from customerhub.core.errors import Conflict, Invalid, NotAllowed
from customerhub.core.permissions import Actor
from customerhub.custom_fields.fields import save_field
from customerhub.customers.form_layout import CUSTOMER_FORM, DETAILED, build_ready_draft
from customerhub.form_layouts.layouts import CORE, LayoutDraft, build_layout, find_layout
from customerhub.form_layouts.saving import get_version, save_layout
from models import Customer, CustomField, FormLayout, History
from models.base import db
from models.enums import CustomFieldOwner, FieldRequirement, Role
from tests.customerhub.conftest import actor_of
from tests.support.custom_fields import add_field
from tests.support.two_organisations import TwoOrganisations


def save(actor: Actor, draft: LayoutDraft | None, version: int | None = None) -> FormLayout:
    known = get_version(CUSTOMER_FORM, actor.organisation_id) if version is None else version
    return save_layout(CUSTOMER_FORM, draft, version=known, actor=actor)


def draft_of(actor: Actor, **changes: Any) -> LayoutDraft:
    """The layout in force with some of it changed."""
    draft = find_layout(CUSTOMER_FORM, actor.organisation_id).draft
    return LayoutDraft(
        changes.get("places", draft.places),
        frozenset(changes.get("hidden", draft.hidden)),
        frozenset(changes.get("required", draft.required)),
    )


def newest_entry() -> History:
    query = select(History).where(History.table_name == "form_layout").order_by(History.id.desc())
    return db.session.scalars(query).first()


def test_the_default_has_every_field_once_and_only_columns_that_may_be_blank_can_be_required():
    layout = build_layout(CUSTOMER_FORM, ())
    names = [name for section in layout.sections for name in section.fields]
    assert len(names) == len(set(names))
    assert layout.core[:3] == ("region_id", "departments", "name")
    assert "more" not in [name for name, _, _ in layout.tabs]  # as long as there is nothing on it
    known = {column.key: column for column in Customer.__table__.columns}
    assert set(names) >= CUSTOMER_FORM.requirable
    assert all(known[name].nullable for name in CUSTOMER_FORM.requirable)
    assert set(names) >= CUSTOMER_FORM.needed.keys() | CUSTOMER_FORM.lists | CUSTOMER_FORM.parents.keys()


def test_what_is_chosen_is_in_force_here_and_not_elsewhere(organisations: TwoOrganisations, admin: Actor):
    save(admin, build_ready_draft(DETAILED))
    layout = find_layout(CUSTOMER_FORM, admin.organisation_id)
    assert layout.core[:5] == ("name", "segment_id", "status_id", "channel_id", "responsible_manager_id")
    assert layout.required == {"segment_id", "channel_id", "responsible_manager_id"}
    assert find_layout(CUSTOMER_FORM, organisations.foreign.id) == build_layout(CUSTOMER_FORM, ())


def test_a_hidden_field_takes_along_what_is_asked_only_beside_it(admin: Actor):
    save(admin, draft_of(admin, hidden={"existing_relationship", "year_end_month", "review_frequency"}))
    layout = find_layout(CUSTOMER_FORM, admin.organisation_id)
    assert layout.hidden == {
        *("existing_relationship", "relationship_note", "year_end_month", "year_end_day"),
        *("review_frequency", "review_start_date"),
    }
    assert layout.find_section("relationship_note") is None


def test_a_field_that_follows_another_moves_with_it(admin: Actor):
    places = dict(find_layout(CUSTOMER_FORM, admin.organisation_id).draft.places)
    places["financial"] = tuple(name for name in places["financial"] if name != "year_end_month")
    save(admin, draft_of(admin, places=places | {"review": ("year_end_month", *places["review"])}))
    tabs = {name: fields for name, _, fields in find_layout(CUSTOMER_FORM, admin.organisation_id).tabs}
    assert tabs["review"][:2] == ("year_end_month", "year_end_day")
    assert not {"year_end_month", "year_end_day"} & set(tabs["financial"])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"hidden": {"name"}}, "name"),
        ({"hidden": {"contacts"}}, "contacts"),
        ({"hidden": {"website"}, "required": {"website"}}, "website"),
        ({"required": {"departments"}}, "departments"),
        ({"required": {"relationship_note"}}, "relationship_note"),
        ({"places": {CORE: ("name", "billing_lines")}}, "billing_lines"),
        ({"places": {CORE: ("name", "password_hash")}}, "password_hash"),
    ],
)
def test_what_the_hub_needs_stays(admin: Actor, changes: dict[str, Any], field: str):
    with pytest.raises(Invalid) as refusal:
        save(admin, draft_of(admin, **changes))
    assert [name for name, _ in refusal.value.problems] == [field]
    db.session.rollback()
    assert get_version(CUSTOMER_FORM, admin.organisation_id) == 0


def test_custom_fields_are_placed_and_hidden_but_not_where_they_are_required(admin: Actor):
    first, second = add_field(admin, name="Class", tab="billing"), add_field(admin, name="Level")
    layout = find_layout(CUSTOMER_FORM, admin.organisation_id)
    assert (layout.find_section(first.name), layout.find_section(second.name)) == ("billing", "more")
    places = dict(layout.draft.places) | {"more": (), CORE: (*layout.core, second.name)}
    save(admin, draft_of(admin, places=places, hidden={first.name}))
    layout = find_layout(CUSTOMER_FORM, admin.organisation_id)
    assert layout.core[-1] == second.name
    assert layout.hidden == {first.name}
    third = add_field(admin, name="New one", tab="billing")  # came since: at the end of its usual tab
    assert {name: fields for name, _, fields in find_layout(CUSTOMER_FORM, admin.organisation_id).tabs}["billing"][
        -1
    ] == third.name
    row = db.session.get_one(CustomField, first.id)
    row.requirement = FieldRequirement.REQUIRED
    save_field(row, actor=admin)
    assert not find_layout(CUSTOMER_FORM, admin.organisation_id).hidden, "nobody could fill it in"
    with pytest.raises(Invalid, match="cannot be hidden"):
        save(admin, draft_of(admin, hidden={first.name}))


def test_two_who_save_at_once_do_not_overwrite_each_other(admin: Actor):
    saved = save(admin, draft_of(admin, hidden={"website"}), version=0)
    for stale in (0, saved.version + 1):
        with pytest.raises(Conflict):
            save(admin, draft_of(admin, hidden={"markup"}), version=stale)
    db.session.refresh(saved)
    assert saved.hidden == ["website"]


def test_the_history_says_what_was_hidden_required_and_moved(admin: Actor):
    layout = find_layout(CUSTOMER_FORM, admin.organisation_id)
    financial = dict(layout.draft.places)["financial"]
    places = dict(layout.draft.places) | {
        "financial": (financial[-1], *(name for name in financial[:-1] if name != "total_spend")),
        CORE: (*layout.core, "total_spend"),
    }
    save(admin, draft_of(admin, places=places, hidden={"website"}, required={"vat_number"}))
    save(admin, None)
    entry = newest_entry()
    assert (entry.title, entry.actor_id) == ("Form of customers", admin.id)
    assert entry.changes["hidden"] == ["website", ""]
    assert entry.changes["required"] == ["vat_number", ""]
    assert entry.changes["total_spend"] == ["Above the tabs, position 10", "Financial, position 4"]
    assert (
        {"hidden", "required", "total_spend"}
        < entry.changes.keys()
        <= {
            *("hidden", "required", "total_spend", "relationship_note", "existing_relationship", "year_end_month"),
            *("year_end_day", "credit_check_company", "credit_limit"),
        }
    )
    assert find_layout(CUSTOMER_FORM, admin.organisation_id) == build_layout(CUSTOMER_FORM, ())


@pytest.mark.parametrize("role", [Role.MANAGER, Role.AGENT, Role.PARTNER])
def test_only_administrators_save_a_layout(organisations: TwoOrganisations, admin: Actor, role: Role):
    with pytest.raises(NotAllowed):
        save(actor_of(organisations, role), draft_of(admin, hidden={"website"}))


def test_other_forms_of_the_organisation_stay(admin: Actor):
    save(admin, draft_of(admin, hidden={"website"}))
    query = select(FormLayout.owner).where(FormLayout.organisation_id == admin.organisation_id)
    assert set(db.session.scalars(query)) == {CustomFieldOwner.CUSTOMER, CustomFieldOwner.INVOICE_PROFILE}
