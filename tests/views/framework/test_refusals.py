"""What is said of a row that was refused names the field where nothing else does."""

import pytest

from customerhub.core import history
from customerhub.core.errors import Conflict, HubError, Invalid
from customerhub.core.permissions import Actor
from customerhub.customers.form_layout import CUSTOMER_FORM
from customerhub.form_layouts.required import REQUIRED_TEXT
from models import Contract, Customer
from models.base import db
from models.enums import Role
from tests.support.browser_client import Browser
from tests.support.bulk_edit import edit, edit_url, make_customers, newest_run, outcomes_of, read
from tests.support.contract_pages import page_text
from tests.support.form_layouts import arrange
from tests.support.two_organisations import TwoOrganisations
from views.framework.refusals import describe_refusal, name_problem

MERGE = "/admin/customers/operation/merge/"


def require(organisations: TwoOrganisations, *names: str) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        arrange(CUSTOMER_FORM, Actor(None, organisations.own.id), required=names)
        db.session.commit()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Invalid(REQUIRED_TEXT, "vat_number"), f"VAT number: {REQUIRED_TEXT}"),
        (
            Invalid.from_problems([("segment_id", REQUIRED_TEXT), ("website", REQUIRED_TEXT), ("name", "Too long")]),
            f"Segment, Website: {REQUIRED_TEXT}",
        ),
        (
            Invalid(REQUIRED_TEXT, "invoice_profiles.1.nda_file_id"),
            f"Invoice profiles, row 2, Client NDA: {REQUIRED_TEXT}",
        ),
        (Invalid("Required", "unheard_of"), "Unheard of: Required"),
        (Invalid("Required"), "Required"),
        (Invalid("Enter a name", "name"), "Enter a name"),
        (Conflict("This number is taken", "vat_number"), "This number is taken"),
    ],
)
def test_a_refusal_names_what_its_sentence_does_not(organisations: TwoOrganisations, error: HubError, text: str):
    assert describe_refusal(error, Customer) == text


def test_only_sentences_without_their_field_get_its_name(organisations: TwoOrganisations):
    assert name_problem(Contract, "contract_risk", REQUIRED_TEXT) == f"Contract risk: {REQUIRED_TEXT}"
    assert name_problem(Contract, "contract_risk", "Choose one") == "Choose one"
    assert name_problem(Contract, None, "Required") == "Required"


def test_bulk_edit_its_preview_and_undo_name_it(organisations: TwoOrganisations, agent: Browser):
    keys = make_customers(organisations, 2)
    edit(agent, keys, website="https://a.example")
    run = newest_run()
    require(organisations, "website")
    clear = {"chosen_field": ["website"], "clear-website": "y", "preview": "1"}
    preview = agent.post(edit_url(keys), clear)
    assert f"Cannot be saved: Website: {REQUIRED_TEXT}" in page_text(preview.text)
    agent.post(f"/admin/operation-runs/undo/?id={run.id}")
    assert newest_run().id != run.id
    assert {text for _, text in outcomes_of(newest_run()).values()} == {f"Website: {REQUIRED_TEXT}"}
    assert read(keys, "website") == ["https://a.example"] * 2


def test_assignment_names_it(organisations: TwoOrganisations, manager: Browser):
    keys = make_customers(organisations, 2, account_manager_id=organisations.own.users[Role.MANAGER])
    require(organisations, "account_manager_id")
    url = "/admin/customers/operation/assign/?" + "&".join(f"id={key}" for key in keys)
    answer = manager.submit(url, manager_id="none")
    assert f"Account manager: {REQUIRED_TEXT}" in page_text(answer.text)
    assert read(keys, "account_manager_id") == [organisations.own.users[Role.MANAGER]] * 2


def test_a_merge_names_it(organisations: TwoOrganisations, manager: Browser):
    first, second = make_customers(organisations, 1, website="https://a.example"), make_customers(organisations, 1)
    require(organisations, "website")
    url = f"{MERGE}?id={first[0]}&id={second[0]}"
    answer = manager.post(url, manager.read_form(url) | {"survivor": "first", "field_website": "second"})
    assert f"Website: {REQUIRED_TEXT}" in page_text(answer.text)
    assert read([*first, *second], "website") == ["https://a.example", None]
