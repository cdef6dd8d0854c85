"""Changing fields of many rows: nothing by a blank, everything by the rules of the form, and the way back."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import UniqueConstraint, update

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from customerhub.customers.records import BILLING_REFERENCE_KEPT
from models.base import db, get_table
from models.enums import CustomFieldKind, Risk, Role, RunOutcome, Stage, TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser, parse_form
from tests.support.bulk_edit import change, edit, edit_url, make_customers, newest_run, outcomes_of, read
from tests.support.custom_fields import add_field
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import make_live_customer
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, own_organisation
from views.admin import list_screens
from views.framework.bulk_edit import CHANGED_SINCE
from views.framework.bulk_edit_forms import VALUE_REQUIRED


@pytest.fixture
def agent(organisations: TwoOrganisations) -> Browser:
    return Browser(organisations.app, organisations.own.users[Role.AGENT])


# --- What is offered -------------------------------------------------------------------------------------------


def test_no_field_that_is_unique_is_offered_for_all_rows_alike(organisations: TwoOrganisations):
    """A value that all rows get and only one may have can never be saved."""
    offered: dict[str, set[str]] = {}
    with organisations.app.test_request_context():
        for screen in list_screens(organisations.app):
            if not screen.has_bulk_edit:
                continue
            *common, own = screen.group_bulk_fields()
            if own[0] != f"Of each {screen.noun}":
                common.append(own)
            names = {name for _, several in common for name in several}
            assert names, screen.endpoint
            offered[screen.endpoint] = names
            keys = {f"{name}_key" for name in names} | {f"{name.removesuffix('_number')}_key" for name in names}
            for constraint in get_table(screen.model).constraints:
                if isinstance(constraint, UniqueConstraint):
                    unique = set(constraint.columns.keys()) - {"organisation_id"}
                    assert not unique <= names | keys, (screen.endpoint, constraint)
    assert {"customers", "contracts", "orders", "products", "departments"} <= offered.keys()
    assert {"default-values", "users", "organisations"}.isdisjoint(offered)
    assert {"risk", "departments", "account_manager_id", "email", "portal_access"} <= offered["customers"]
    assert {"customer_id", "invoice_profile_id"}.isdisjoint(offered["contracts"])


def test_fields_are_added_to_the_page_one_by_one(organisations: TwoOrganisations, agent: Browser):
    keys = organisations.own.customers
    mark = last_change_id()
    page = agent.get(edit_url(keys)).text
    assert 'name="risk"' not in page
    assert "Choose a field first" in page
    page = agent.post(edit_url(keys), {"preview": "add", "add_field": "risk"}).text
    assert 'name="risk"' in page
    assert 'name="clear-risk"' in page
    more = {"chosen_field": "risk", "risk": "High", "preview": "add", "add_field": "credit_reference"}
    page = agent.post(edit_url(keys), more).text
    assert f'name="row-{keys[0]}-credit_reference"' in page
    assert '<option value="High" selected>' in page
    page = agent.post(edit_url(keys), more | {"preview": "remove:risk"}).text
    assert 'name="risk"' not in page
    assert changes_since(mark) == []


def test_a_field_begins_empty_whatever_the_rows_and_the_column_hold(organisations: TwoOrganisations, agent: Browser):
    keys = organisations.own.customers
    names = ["risk", "billing_cycle", "existing_relationship", "account_manager_id", "region_id", "billing_day"]
    page = agent.post(edit_url(keys), {"chosen_field": names, "preview": "1"})
    form = {name: values for name, values in parse_form(page.text).items() if name in names}
    assert {name: values for name, values in form.items() if values not in ([""], [])} == {}
    assert 'name="clear-billing_cycle"' not in page.text
    assert 'name="clear-billing_day"' not in page.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"risk": ""}, VALUE_REQUIRED),
        ({"billing_cycle": ""}, "Enter the new value"),
        ({"departments": []}, VALUE_REQUIRED),
        ({"start_date": "31 February"}, "is not a date"),
        ({"region_id": "999999"}, "Choose one from the list"),
        ({}, "Choose one or more fields to change"),
    ],
)
def test_a_blank_is_no_answer(organisations: TwoOrganisations, agent: Browser, values: Any, message: str):
    mark = last_change_id()
    answer = edit(agent, organisations.own.customers, **values)
    assert answer.status_code == 422
    assert message in answer.text
    assert changes_since(mark) == []


# --- The preview -----------------------------------------------------------------------------------------------


def test_before_and_after_are_shown_with_what_the_rules_refuse(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 22, risk=Risk.LOW)
    change(organisations, keys[1], risk=Risk.HIGH)
    mark = last_change_id()
    page = agent.post(edit_url(keys), {"chosen_field": "risk", "risk": "High", "preview": "1"}).text
    assert "Before and after" in page
    assert "The first 20 of 22" in page
    assert page.count("No change") == 1
    page = agent.post(edit_url(keys), {"chosen_field": "risk", "clear-risk": "y", "preview": "1"}).text
    assert page.count("Cannot be saved: Choose a risk: Low, Medium or High") == 20
    assert changes_since(mark) == []
    assert read(keys[:2], "risk") == [Risk.LOW, Risk.HIGH]


# --- Doing it --------------------------------------------------------------------------------------------------


def test_each_row_is_changed_by_the_rules_of_the_form(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 3, risk=Risk.LOW)
    make.ContactFactory(organisation=own_organisation(organisations), customer_id=keys[2])
    change(organisations, keys[2], is_prospect=True, registration_number="R 77")
    answer = edit(agent, keys, **{"clear-risk": "y"})
    run = newest_run()
    assert answer.location == f"/admin/operation-runs/details/?id={run.id}"
    refusal = (RunOutcome.REFUSED, "Choose a risk: Low, Medium or High")
    assert outcomes_of(run) == {keys[0]: refusal, keys[1]: refusal, keys[2]: (RunOutcome.DONE, None)}
    page = agent.get(answer.location).text
    assert "1 customer changed, 2 customers not changed" in page
    assert "Choose a risk: Low, Medium or High" in page
    assert read(keys, "risk") == [Risk.LOW, Risk.LOW, None]


def test_what_follows_from_a_change_follows_in_bulk_too(organisations: TwoOrganisations, agent: Browser):
    """A fact of the credit check sends back who has passed it: nothing bypasses the save of the form."""
    (key,) = make_customers(organisations, 1)
    change(organisations, key, stage=Stage.PASSED)
    others = make_customers(organisations, 1)
    edit(agent, [key, *others], kind="consumer")
    assert read([key], "stage") == [Stage.NEW]
    assert {entry.source for entry in changes_since(0)[-3:]} == {f"bulk operation {newest_run().id}"}


def test_rows_that_hold_it_already_are_left_alone(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 2, risk=Risk.HIGH)
    mark = last_change_id()
    answer = edit(agent, keys, risk="High")
    assert changes_since(mark) == []
    assert "2 customers already as entered" in agent.get(answer.location).text


def test_several_departments_and_a_clearing_at_once(organisations: TwoOrganisations, agent: Browser):
    organisation = own_organisation(organisations)
    first, second = (make.DepartmentFactory(organisation=organisation).id for _ in range(2))
    keys = make_customers(organisations, 2, website="https://a.example")
    edit(agent, keys, departments=[str(first), str(second)], **{"clear-website": "y"})
    assert [{each.id for each in several} for several in read(keys, "departments")] == [{first, second}] * 2
    assert read(keys, "website") == [None, None]


def test_values_of_one_customer_are_asked_for_each(organisations: TwoOrganisations, agent: Browser):
    live, other = make_live_customer(organisations, name="Live Ltd").id, make_customers(organisations, 1)[0]
    change(organisations, live, billing_reference="B 1")
    keys = [live, other]
    values = {
        f"row-{live}-billing_reference": "",
        f"row-{other}-billing_reference": " B 2 ",
        f"row-{live}-estimated_monthly_revenue": "10",
        f"row-{other}-estimated_monthly_revenue": "1,250.50",
    }
    edit(agent, keys, **values)
    assert outcomes_of(newest_run())[live] == (RunOutcome.REFUSED, BILLING_REFERENCE_KEPT)
    assert read(keys, "billing_reference") == ["B 1", "B 2"]
    assert read([other], "estimated_monthly_revenue") == [Decimal("1250.50")]


def test_a_row_that_was_changed_meanwhile_is_not_overwritten(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 2, risk=Risk.LOW)
    seen = [f"{key}:{version}" for key, version in zip(keys, read(keys, "version"), strict=True)]
    change(organisations, keys[0], risk=Risk.MEDIUM)
    agent.post(edit_url(keys), {"chosen_field": "risk", "risk": "High", "seen": seen, "run": "1"})
    assert read(keys, "risk") == [Risk.MEDIUM, Risk.HIGH]
    outcome, message = outcomes_of(newest_run())[keys[0]]
    assert outcome is RunOutcome.REFUSED
    assert "Changed by another user" in (message or "")


def test_a_double_click_does_it_once(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 2, risk=Risk.LOW)
    form = {"chosen_field": "risk", "risk": "High", "run": "1", "form_token": "t" * 32}
    answers = [agent.post(edit_url(keys), form) for _ in range(2)]
    assert answers[0].location == answers[1].location
    assert db.session.query(models.OperationRun).filter_by(state=TransferState.DONE).count() == 1


def test_who_may_not_edit_changes_nothing(organisations: TwoOrganisations, agent: Browser):
    mark = last_change_id()
    foreign = organisations.foreign.customers[0]
    assert edit(agent, [organisations.own.customers[0], foreign], risk="High").status_code == 404
    department = organisations.own.row_id(models.Department)
    assert edit(agent, [department], "departments", active="n").status_code == 403
    partner = Browser(organisations.app, organisations.own.users[Role.PARTNER])
    assert edit(partner, organisations.own.customers, risk="High").status_code in (403, 404)
    assert changes_since(mark) == []


def test_set_up_rows_are_switched_off_together(organisations: TwoOrganisations):
    admin = Browser(organisations.app, organisations.own.users[Role.ADMIN])
    keys = [make.DepartmentFactory(organisation=own_organisation(organisations)).id for _ in range(2)]
    db.session.commit()
    edit(admin, keys, "departments", active="n")
    assert [db.session.get_one(models.Department, key).active for key in keys] == [False, False]


def test_the_statements_do_not_grow_with_the_rows_where_no_rule_needs_it(organisations: TwoOrganisations):
    agent = Browser(organisations.app, organisations.own.users[Role.AGENT])
    counts = []
    for size in (4, 24):
        keys = make_customers(organisations, size, risk=Risk.LOW, website=None)
        with record_statements() as statements:
            edit(agent, keys, risk="High", website="https://b.example")
        counts.append(len(statements))
        assert read(keys, "risk") == [Risk.HIGH] * size
    assert counts[0] == counts[1]


# --- Undo ------------------------------------------------------------------------------------------------------


def undo(browser: Browser, run_id: int) -> Any:
    return browser.post(f"/admin/operation-runs/undo/?id={run_id}")


def test_undo_restores_who_was_not_changed_since(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 3, risk=Risk.LOW, website="https://a.example", credit_limit=Decimal("10.50"))
    manager = organisations.own.users[Role.MANAGER]
    before = [list(each) for each in read(keys, "departments")]
    department = make.DepartmentFactory(organisation=own_organisation(organisations)).id
    edit(
        agent,
        keys,
        risk="High",
        departments=[str(department)],
        account_manager_id=str(manager),
        start_date="2031-05-01",
        credit_limit="99",
        **{"clear-website": "y"},
    )
    run = newest_run()
    assert "Undo 3 customers" in agent.get(f"/admin/operation-runs/details/?id={run.id}").text
    change(organisations, keys[1], contact_number="+49 30 1")
    answer = undo(agent, run.id)
    page = agent.get(answer.location).text
    assert "2 customers restored, 1 customer not restored" in page
    assert read(keys, "risk") == [Risk.LOW, Risk.HIGH, Risk.LOW]
    assert read(keys, "website") == ["https://a.example", None, "https://a.example"]
    assert read(keys, "credit_limit") == [Decimal("10.50"), Decimal(99), Decimal("10.50")]
    assert read([keys[0]], "account_manager_id") != [manager]
    assert [each.id for each in read([keys[0]], "departments")[0]] == [each.id for each in before[0]]
    entry = changes_since(0)[-1]
    assert entry.source == f"undo of bulk operation {run.id}"
    assert entry.changes["risk"] == ["High", "Low"]


def test_custom_fields_are_edited_and_restored(organisations: TwoOrganisations, agent: Browser):
    """Of every kind, for three rows of which one has values already."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        definitions = [add_field(Actor(None, organisations.own.id), kind) for kind in CustomFieldKind]
        db.session.commit()
    names = {each.kind: each.name for each in definitions}
    gold = next(each for each in definitions if each.kind is CustomFieldKind.CHOICE).choices[0]
    keys = make_customers(organisations, 3)
    held = {names[CustomFieldKind.TEXT]: "held", names[CustomFieldKind.NUMBER]: Decimal(5)}
    change(organisations, keys[0], **held)
    before = {name: read(keys, name) for name in names.values()}
    entries = {
        names[CustomFieldKind.TEXT]: "typed",
        names[CustomFieldKind.AMOUNT]: "1,250.50",
        names[CustomFieldKind.DATE]: "31 Jan 2030",
        names[CustomFieldKind.CHOICE]: str(gold.id),
        names[CustomFieldKind.YES_NO]: "yes",
        names[CustomFieldKind.LINK]: "https://a.example/x",
        f"clear-{names[CustomFieldKind.NUMBER]}": "y",
    }
    assert "3 customers changed" in agent.get(edit(agent, keys, **entries).location).text
    assert read(keys, names[CustomFieldKind.TEXT]) == ["typed"] * 3
    assert read(keys, names[CustomFieldKind.NUMBER]) == [None] * 3
    assert read(keys, names[CustomFieldKind.AMOUNT]) == [Decimal("1250.50")] * 3
    assert read(keys, names[CustomFieldKind.DATE]) == [date(2030, 1, 31)] * 3
    assert len({repr(value) for value in read(keys, names[CustomFieldKind.CHOICE])}) == 1
    undo(agent, newest_run().id)
    assert {name: read(keys, name) for name in names.values()} == before


def test_a_refused_row_keeps_its_custom_value(organisations: TwoOrganisations, agent: Browser):
    """What was set on a row that the rules refuse is not written with the others."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        name = add_field(Actor(None, organisations.own.id)).name
    keys = make_customers(organisations, 3)
    table = get_table(models.Customer)
    db.session.execute(update(table).where(table.c.id == keys[1]).values(website="no website"))  # by no rule of ours
    db.session.commit()
    edit(agent, keys, **{name: "typed", "credit_limit": "5"})
    assert [outcome for outcome, _ in outcomes_of(newest_run()).values()].count(RunOutcome.REFUSED) == 1
    assert read(keys, name) == ["typed", None, "typed"]
    assert read(keys, "credit_limit") == [Decimal(5), None, Decimal(5)]


def test_undo_is_done_once(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 2, risk=Risk.LOW)
    edit(agent, keys, risk="High")
    run_id = newest_run().id
    first = undo(agent, run_id)
    mark = last_change_id()
    assert undo(agent, run_id).location == first.location
    assert changes_since(mark) == []
    assert "Undo 2" not in agent.get(f"/admin/operation-runs/details/?id={run_id}").text
    assert "Undo" not in agent.get(first.location).text.split("<main")[1].split("Undo: ")[0]


def test_undo_keeps_to_the_rules(organisations: TwoOrganisations, agent: Browser):
    """What was there before may no longer be allowed: a department that is gone, or a rule that has come."""
    organisation = own_organisation(organisations)
    gone = make.DepartmentFactory(organisation=organisation)
    keys = make_customers(organisations, 2)
    change(organisations, keys[0], departments=[gone])
    edit(agent, keys, departments=[str(make.DepartmentFactory(organisation=organisation).id)])
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.delete(db.session.get_one(models.Department, gone.id))
        db.session.commit()
    undo(agent, newest_run().id)
    outcomes = outcomes_of(newest_run())
    assert outcomes[keys[0]] == (RunOutcome.REFUSED, "Choose at least one department")
    assert outcomes[keys[1]][0] is RunOutcome.DONE


def test_nobody_undoes_what_others_did(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 2, risk=Risk.LOW)
    edit(agent, keys, risk="High")
    run_id = newest_run().id
    for role in (Role.MANAGER, Role.PARTNER):
        other = Browser(organisations.app, organisations.own.users[role])
        assert undo(other, run_id).status_code in (403, 404)
    assert read(keys, "risk") == [Risk.HIGH, Risk.HIGH]


def test_a_value_that_was_changed_is_not_restored_even_in_a_list(organisations: TwoOrganisations, agent: Browser):
    """Which departments a customer has is no column of it: its version does not tell."""
    organisation = own_organisation(organisations)
    first, second = (make.DepartmentFactory(organisation=organisation) for _ in range(2))
    keys = make_customers(organisations, 2)
    edit(agent, keys, departments=[str(first.id)])
    change(organisations, keys[0], departments=[second])
    undo(agent, newest_run().id)
    assert outcomes_of(newest_run())[keys[0]] == (RunOutcome.REFUSED, CHANGED_SINCE)
    assert [each.id for each in read([keys[0]], "departments")[0]] == [second.id]
