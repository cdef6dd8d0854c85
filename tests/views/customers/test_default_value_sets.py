"""Default values on the form of a customer: loaded, marked, and saved from it."""

import json
import re
from html import unescape
from typing import Any

import models
from customerhub.core import history
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import CustomFieldKind, FieldRequirement
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.custom_fields import add_field
from tests.support.customer_pages import NEW
from tests.support.screen_rows import new_customer_values
from tests.support.two_organisations import TwoOrganisations, own_organisation

SAVE = "/admin/customers/save-default-values/"


def make_set(organisations: TwoOrganisations, **values: Any) -> models.DefaultValueSet:
    value_set = make.DefaultValueSetFactory(organisation=own_organisation(organisations), name="Offices", values=values)
    db.session.commit()
    return value_set


def make_line_set(organisations: TwoOrganisations) -> models.DefaultValueSet:
    own = organisations.own
    return make_set(
        organisations,
        billing_day=15,
        departments=[own.row_id(models.Department)],
        billing_lines=[{"commodity_id": own.row_id(models.Commodity), "cost_per_unit": "1.25"}],
    )


def list_marked(page: str) -> list[str]:
    """The labels of what is marked as filled by a set."""
    star = r'(?:<span class="req"[^>]*>\*</span>)?'
    found = re.findall(rf'<(?:label|span|h3)[^>]*>([^<]*){star}<span class="filled-mark"', page)
    return [unescape(each) for each in found]


ENTERED = {
    CustomFieldKind.TEXT: "Äpfel",
    CustomFieldKind.LINK: "https://a.example",
    CustomFieldKind.NUMBER: "-7.25",
    CustomFieldKind.AMOUNT: "1234.50",
    CustomFieldKind.DATE: "24 Dec 2027",
    CustomFieldKind.YES_NO: "no",
}


def read_values(page: str) -> dict[str, Any]:
    """What the first step gives along to the second."""
    found = re.search(r'name="values" value="([^"]*)"', page)
    assert found is not None
    return {"values": unescape(found[1])}


def test_a_set_fills_lists_too_and_what_it_filled_is_marked(organisations: TwoOrganisations, agent: Browser):
    value_set = make_line_set(organisations)
    url = f"{NEW}?defaults={value_set.id}"
    form = agent.read_form(url)
    assert form["departments"] == [str(organisations.own.row_id(models.Department))]
    assert form["billing_lines-0-cost_per_unit"] == ["1.25"]
    assert sorted(list_marked(agent.get(url).text)) == ["Billing day", "Billing lines", "Departments"]
    assert list_marked(agent.get(NEW).text) == []


def test_a_refused_form_still_marks_what_was_not_changed(organisations: TwoOrganisations, agent: Browser):
    value_set = make_line_set(organisations)
    form = agent.read_form(f"{NEW}?defaults={value_set.id}")
    answer = agent.post(NEW, form | {"billing_day": "20"})
    assert answer.status_code == 422
    assert sorted(list_marked(answer.text)) == ["Billing lines", "Departments"]


def test_a_customer_is_saved_with_the_rows_of_a_set(organisations: TwoOrganisations, agent: Browser):
    value_set = make_line_set(organisations)
    form = agent.read_form(f"{NEW}?defaults={value_set.id}")
    own_values = new_customer_values(organisations) | {"name": "Prefilled"}
    own_values.pop("departments", None)
    assert agent.post(NEW, form | own_values).status_code == 303
    customer = db.session.query(models.Customer).filter_by(name="Prefilled").one()
    assert [each.commodity_id for each in customer.billing_lines] == [organisations.own.row_id(models.Commodity)]
    assert len(customer.departments) == 1


def test_what_the_script_fills_in(organisations: TwoOrganisations, agent: Browser):
    value_set = make_line_set(organisations)
    filled = agent.get(f"/admin/customers/default-values/?defaults={value_set.id}").json
    (row,) = filled["billing_lines"]["rows"]
    assert row["cost_per_unit"] == {"value": "1.25", "text": ""}
    assert filled["departments"]["value"] == [str(organisations.own.row_id(models.Department))]
    assert filled["departments"]["usual"] == []


def test_the_form_is_saved_as_a_set(organisations: TwoOrganisations, manager: Browser):
    """First what it holds is shown, ticked where it is not what an empty form holds; then a set is made of it."""
    commodity_id = organisations.own.row_id(models.Commodity)
    form = manager.read_form(NEW) | {
        "name": "Only this one",
        "email": "only@this.example",
        "risk": "High",
        "credit_limit": "1500",
        "billing_lines-0-commodity_id": str(commodity_id),
        "billing_lines-0-minimum_cost": "7",
    }
    page = manager.post(SAVE, form)
    assert page.status_code == 200
    ticked = re.findall(r'name="field" value="(\w+)" checked', page.text)
    assert {"risk", "credit_limit", "billing_lines"} <= set(ticked)
    assert not {"name", "email", "billing_day", "start_date"} & set(ticked)
    assert "Only this one" not in page.text
    assert db.session.query(models.DefaultValueSet).filter_by(name="High ones").count() == 0
    answer = manager.post(SAVE, read_values(page.text) | {"name": "High ones", "field": ["risk", "billing_lines"]})
    assert answer.status_code == 303
    value_set = db.session.query(models.DefaultValueSet).filter_by(name="High ones").one()
    assert value_set.values["risk"] == "High"
    assert value_set.values["billing_lines"][0]["commodity_id"] == commodity_id
    assert set(value_set.values) == {"risk", "billing_lines"}
    details = manager.get(answer.location).text
    assert "Billing lines" in details
    assert "7.00" in details


def test_a_set_is_replaced_or_the_reason_why_not_is_told(organisations: TwoOrganisations, manager: Browser):
    value_set = make_set(organisations, billing_day=15)
    step = {"values": json.dumps({"risk": "Low"}), "field": "risk"}
    refused = manager.post(SAVE, step | {"name": "offices"})
    assert refused.status_code == 422
    assert "already in use" in refused.text
    assert 'value="risk" checked' in refused.text
    assert manager.post(SAVE, step | {"replaced": str(value_set.id)}).status_code == 303
    db.session.refresh(value_set)
    assert (value_set.name, value_set.values) == ("Offices", {"risk": "Low"})
    foreign_id = organisations.foreign.row_id(models.DefaultValueSet)
    assert manager.post(SAVE, step | {"replaced": str(foreign_id)}).status_code == 404


def test_an_agent_loads_sets_and_saves_none(organisations: TwoOrganisations, agent: Browser):
    assert "Save as default values" not in agent.get(NEW).text
    assert agent.post(SAVE, agent.read_form(NEW)).status_code == 403


def test_a_saved_customer_can_be_the_model_of_a_set(organisations: TwoOrganisations, manager: Browser):
    form = manager.read_form(f"/admin/customers/edit/?id={organisations.own.customers[0]}")
    page = manager.post(SAVE, form).text
    ticked = set(re.findall(r'name="field" value="(\w+)" checked', page))
    assert {"departments", "billing_lines", "call_markups"} <= ticked


def test_junk_in_the_second_step(organisations: TwoOrganisations, manager: Browser):
    for text in ("[]", "7", '"x"', '{"risk": {"a": 1}}', '{"billing_lines": [[[]]]}', "null"):
        assert manager.post(SAVE, {"values": text, "field": "risk", "name": "Junk"}).status_code == 422
    assert manager.post(SAVE, {"values": "{", "field": "risk"}).status_code == 400
    assert db.session.query(models.DefaultValueSet).filter_by(name="Junk").count() == 0


def test_the_screen_of_a_set_keeps_what_it_has_no_box_for(organisations: TwoOrganisations, admin: Browser):
    value_set = make_line_set(organisations)
    url = f"/admin/default-values/edit/?id={value_set.id}"
    assert admin.post(url, admin.read_form(url) | {"name": "Renamed", "billing_day": "20"}).status_code == 303
    db.session.refresh(value_set)
    assert (value_set.name, value_set.values["billing_day"]) == ("Renamed", 20)
    assert len(value_set.values["billing_lines"]) == 1


def test_custom_fields_are_saved_filled_marked_and_edited(
    organisations: TwoOrganisations, manager: Browser, admin: Browser
):
    """One of each kind; a required one is not required of a set."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        actor = Actor(None, organisations.own.id)
        fields = [add_field(actor, kind, requirement=FieldRequirement.REQUIRED) for kind in CustomFieldKind]
        db.session.commit()
    entered = {each.name: ENTERED.get(each.kind) or str(each.choices[1].id) for each in fields}
    page = manager.post(SAVE, manager.read_form(NEW) | entered)
    ticked = [name for name in entered if re.search(rf'value="{name}" checked', page.text)]
    assert ticked == list(entered)
    answer = manager.post(SAVE, read_values(page.text) | {"name": "Own fields", "field": list(entered)})
    assert answer.status_code == 303
    value_set = db.session.query(models.DefaultValueSet).filter_by(name="Own fields").one()
    form = manager.read_form(f"{NEW}?defaults={value_set.id}")
    assert {name: form[name] for name in entered} == {name: [text] for name, text in entered.items()}
    assert sorted(list_marked(manager.get(f"{NEW}?defaults={value_set.id}").text)) == sorted(
        each.label for each in fields
    )
    filled = manager.get(f"/admin/customers/default-values/?defaults={value_set.id}").json
    assert {name: filled[name]["value"] for name in entered} == entered
    url = f"/admin/default-values/edit/?id={value_set.id}"
    assert admin.submit(url, **{fields[0].name: "Other text", fields[-1].name: ""}).status_code == 303
    record = admin.get(f"/admin/default-values/details/?id={value_set.id}").text
    assert "Other text" in record
    assert fields[-1].name not in db.session.get_one(models.DefaultValueSet, value_set.id).values
