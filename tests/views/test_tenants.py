"""Another organisation does not exist: not in a list, not by its id, not in a choice, a file, an export or a search."""

import io
import re
from itertools import cycle
from typing import Any

import pytest
from sqlalchemy import select, update

import models
from customerhub.core import history, storage
from customerhub.core.permissions import Actor
from models.base import db
from models.enums import Role, Stage, TransferState
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, database_contents, describe_changes, last_change_id
from tests.support.screen_table import SCREENS
from tests.support.two_organisations import TwoOrganisations, own_organisation

INVALID_IDS = [
    "",
    "0",
    "-1",
    "1.0",
    "1e3",
    "abc",
    "１",
    "²",
    "1 2",
    "+1",
    "0x1",
    "1'--",
    "99999999999999999999",
    str(2**63),
    str(2**70),
    "9" * 5000,
    "1%00",
    "null",
    "%F0%9F%9A%80",
]


def page_without_tokens(answer: Any) -> str:
    """A page without its CSRF tokens."""
    return re.sub(r'name="csrf_token" value="[^"]*"', "", answer.text)


def test_a_foreign_id_answers_as_one_that_is_not_there(organisations: TwoOrganisations, admin: Browser):
    db.session.commit()
    before = database_contents()
    for endpoint, screen in SCREENS.items():
        home, foreign = f"/admin/{endpoint}", screen.row_of(organisations.foreign)
        readable = [f"{home}/details/?id=", f"{home}/details/?tab=history&id="]
        writable = [f"{home}/edit/?id=", *(f"{home}/operation/{act}/?id=" for act in screen.operations)]
        for url in readable + writable:
            answer, missing = admin.get(f"{url}{foreign}"), admin.get(f"{url}{10**9}")
            assert answer.status_code == missing.status_code == 404, url
            assert page_without_tokens(answer) == page_without_tokens(missing), f"{url}: the two can be told apart"
        for url in writable:
            assert admin.post(f"{url}{foreign}", {"name": "Ours now", "version": "1"}).status_code == 404, url
    assert database_contents() == before


@pytest.mark.slow
def test_what_is_no_id_is_not_there(organisations: TwoOrganisations, admin: Browser):
    few = ["-1", "１", str(2**70)]
    for endpoint, screen in SCREENS.items():
        others = ["edit/?id=", *(f"operation/{act}/?id=" for act in screen.operations)]
        pages = [f"details/?id={text}" for text in INVALID_IDS] + [f"{page}{text}" for page in others for text in few]
        for url in (f"/admin/{endpoint}/{page}" for page in pages):
            assert admin.get(url).status_code in (400, 404), url


def test_no_address_with_a_number_in_its_path_or_query_fails_on_a_large_one(
    organisations: TwoOrganisations, admin: Browser
):
    for text in INVALID_IDS:
        for url in (
            f"/admin/customers/peek/?id={text}",
            f"/admin/outbox/message/?id={text}",
            f"/admin/exports/file/?id={text}",
            f"/admin/imports/errors/?id={text}",
            f"/files/{text}",
            f"/admin/customers/new/?defaults={text}",
            f"/admin/customers/default-values/?defaults={text}",
            f"/admin/customers/?f=group:is:{text}",
            f"/admin/tasks/?f=assignee:is:{text}",
            f"/admin/templates/preview/?id={text}",
            f"/admin/templates/documents/?preview_customer={text}",
        ):
            assert admin.get(url).status_code in (200, 400, 404, 308), url
        for url in (
            f"/admin/list/views/9{text}/delete",
            f"/admin/exports/cancel/?id={text}",
            f"/admin/imports/cancel/?id={text}",
            f"/admin/imports/confirm/?id={text}",
        ):
            assert admin.post(url).status_code in (400, 404, 405, 308), url


def test_lists_and_exports_hold_nothing_foreign(organisations: TwoOrganisations, admin: Browser):
    for endpoint, screen in SCREENS.items():
        for page in ("", "?search=e", "?search=their", "export/csv/", "export/csv/?search=their"):
            text = admin.get(f"/admin/{endpoint}/{page}").text
            assert "Their Telecom" not in text, (endpoint, page)
            assert f'/{endpoint}/details/?id={screen.row_of(organisations.foreign)}"' not in text, (endpoint, page)


def test_counts_are_of_ones_own(organisations: TwoOrganisations, admin: Browser):
    for endpoint, screen in SCREENS.items():
        own = models.Organisation.id if endpoint == "organisations" else screen.model.organisation_id
        own_flags = [own == organisations.own.id]
        if endpoint == "exports":
            own_flags.append(models.ListExport.user_id == organisations.own.users[Role.ADMIN])
        if endpoint == "portal-users":
            own_flags.append(models.User.role == Role.CUSTOMER)
        count = db.session.query(screen.model).filter(*own_flags).count()
        assert f">{count:,} " in admin.get(f"/admin/{endpoint}/?exact=1").text, endpoint


def test_look_ups_offer_ones_own(organisations: TwoOrganisations, admin: Browser):
    # Live prospects, so that those of both organisations might enter a contract.
    live = {"stage": Stage.BILLING, "is_prospect": True, "registration_number": models.Customer.name}
    db.session.execute(update(models.Customer).values(live), execution_options=history.bulk_options())
    db.session.commit()
    for endpoint, screen in SCREENS.items():
        if screen.lookup_url:
            url = f"/admin/{endpoint}/ajax/lookup/?name={screen.lookup_url}&limit=20&query="
            answer = admin.get(url)
            model = models.User if "manager" in screen.lookup_url else models.Customer
            own = set(db.session.scalars(select(model.id).where(model.organisation_id == organisations.own.id)))
            assert answer.json
            assert {int(key) for key, _ in answer.json} <= own
            assert "Their" not in answer.text
            assert admin.get(f"{url}Their").json == []


# --- Ids of another organisation in a form -----------------------------------------------------------------

CHOICES = {
    "region_id": "catalog_item",
    "status_id": "customer_status",
    "payment_method_id": "payment_method",
    "payment_terms_id": "payment_terms",
    "vat_rate_id": "vat_rate",
    "business_entity_id": "business_entity",
    "default_tariff_id": "tariff",
    "review_template_id": "notification_template",
    "dealer_id": "dealer",
    "group_id": "customer_group",
    "account_manager_id": "hub_user",
    "responsible_manager_id": "hub_user",
    "service_manager_id": "hub_user",
    "departments": "department",
    "invoice_types": "invoice_type",
    "contacts-0-id": "contact",
    "billing_lines-0-commodity_id": "commodity",
    "billing_lines-0-location_id": "location",
    "billing_lines-0-department_id": "department",
    "billing_lines-0-billed_user_id": "billed_user",
    "billing_lines-0-id": "billing_line",
    "compliance_documents-0-template_id": "notification_template",
    "compliance_documents-0-id": "compliance_document",
    "legal_entities-0-business_entity_id": "business_entity",
    "addresses-0-id": "address",
    "invoice_profiles-0-id": "invoice_profile",
    "legal_entities-0-id": "legal_entity",
}


@pytest.mark.slow
def test_a_foreign_choice_on_the_form_of_a_customer_is_refused(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    form = admin.read_form(url)
    assert CHOICES.keys() <= form.keys()
    mark = last_change_id()
    missing = cycle((str(10**9), "abc", str(2**70)))
    for field, table in CHOICES.items():
        for wrong in (str(organisations.foreign.rows[table]), next(missing)):
            answer = admin.post(url, form | {field: wrong})
            assert answer.status_code == 422, (field, wrong)
    assert describe_changes(changes_since(mark)) == []


OTHER_FORMS = (
    ("groups", "parent_id", "customer", {}),
    ("users", "dealer_id", "dealer", {"role": "partner"}),
    ("users", "customer_id", "customer", {"role": "customer"}),
    ("products", "vat_rate_id", "vat_rate", {}),
    ("payment-methods", "default_terms_id", "payment_terms", {}),
    ("default-values", "region_id", "catalog_item", {}),
    ("default-values", "account_manager_id", "hub_user", {}),
    ("contracts", "invoice_profile_id", "invoice_profile", {}),
    ("contracts", "business_entity_id", "business_entity", {}),
    ("orders", "contract_id", "contract", {}),
)


def test_a_foreign_choice_on_another_form_is_refused(organisations: TwoOrganisations, admin: Browser):
    mark = last_change_id()
    for endpoint, field, table, also in OTHER_FORMS:
        url = f"/admin/{endpoint}/edit/?id={SCREENS[endpoint].row_of(organisations.own)}"
        form = admin.read_form(url)
        for wrong in (str(organisations.foreign.rows[table]), str(10**9), "abc", str(2**70)):
            assert admin.post(url, form | also | {field: wrong}).status_code == 422, (endpoint, field, wrong)
    assert describe_changes(changes_since(mark)) == []


def test_a_catalog_entry_of_another_list_is_refused(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/edit/?id={organisations.own.customers[0]}"
    segment = make.CatalogItemFactory(
        organisation=own_organisation(organisations), type=models.enums.CatalogType.SEGMENT
    )
    db.session.commit()
    answer = admin.submit(url, region_id=str(segment.id))
    assert answer.status_code == 422
    assert db.session.get_one(models.Customer, organisations.own.customers[0]).region_id != segment.id


def test_an_inactive_choice_can_stay_but_not_be_taken(organisations: TwoOrganisations, admin: Browser):
    first, second = (f"/admin/customers/edit/?id={key}" for key in organisations.own.customers[:2])
    old = make.PaymentTermsFactory(organisation=own_organisation(organisations), active=True)
    db.session.commit()
    assert admin.submit(first, payment_terms_id=str(old.id)).status_code == 303
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.PaymentTerms, old.id).active = False
        for department in db.session.scalars(select(models.Department)):
            department.active = department.name == "Sales"
        db.session.commit()
    assert f'value="{old.id}" selected>{old.name} (inactive)' in admin.get(first).text
    assert admin.submit(first, website="www.example.com").status_code == 303
    assert admin.submit(second, payment_terms_id=str(old.id)).status_code == 422
    inactive = db.session.scalar(select(models.Department.id).where(models.Department.active.is_(False)))
    assert admin.submit(second, departments=[str(inactive)]).status_code == 422


# --- Files, operations, the organisation itself ------------------------------------------------------------


def test_a_file_of_another_organisation_is_not_there(organisations: TwoOrganisations, admin: Browser):
    actor = Actor(None, organisations.foreign.id)
    with history.act_as(actor, "test"):
        file = storage.store_file(
            io.BytesIO(b"theirs"), "a.txt", None, organisation_id=organisations.foreign.id, actor=actor
        )
        db.session.get_one(models.Customer, organisations.foreign.customers[0]).compliance_documents[
            0
        ].file_id = file.id
        db.session.commit()
    assert admin.get(f"/files/{file.id}").status_code == 404
    assert (
        Browser(organisations.app, organisations.foreign.users[Role.ADMIN]).get(f"/files/{file.id}").data == b"theirs"
    )


def test_an_operation_with_one_foreign_row_among_others_does_nothing(organisations: TwoOrganisations, admin: Browser):
    mixed = f"id={organisations.own.customers[0]}&id={organisations.foreign.customers[0]}"
    agent = str(organisations.own.users[Role.MANAGER])
    before = database_contents()
    assert admin.get(f"/admin/customers/operation/assign/?{mixed}").status_code == 404
    assert admin.post(f"/admin/customers/operation/assign/?{mixed}", {"manager_id": agent}).status_code == 404
    assert database_contents() == before


def test_tasks_of_two_organisations_are_not_decided_together(organisations: TwoOrganisations, admin: Browser):
    table = models.ApprovalTask
    mixed = f"id={organisations.own.row_id(table)}&id={organisations.foreign.row_id(table)}"
    before = database_contents()
    for name, entered in (("assign", {"assignee_id": ""}), ("approve", {}), ("decline", {"comment": "No"})):
        assert admin.get(f"/admin/tasks/operation/{name}/?{mixed}").status_code == 404
        assert admin.post(f"/admin/tasks/operation/{name}/?{mixed}", entered).status_code == 404
    own = f"/admin/tasks/operation/assign/?id={organisations.own.row_id(table)}"
    for wrong in (organisations.foreign.users[Role.AGENT], organisations.own.users[Role.PARTNER], 10**9, "abc"):
        assert admin.post(own, {"assignee_id": str(wrong)}).status_code == 422
    assert database_contents() == before


def test_customers_of_two_organisations_are_not_merged(organisations: TwoOrganisations, admin: Browser):
    own_customer_id, foreign_customer_id = organisations.own.customers[0], organisations.foreign.customers[0]
    before = database_contents()
    for ids in (
        f"id={own_customer_id}&id={foreign_customer_id}",
        f"id={foreign_customer_id}&id={own_customer_id}",
        f"id={foreign_customer_id}",
    ):
        url = f"/admin/customers/operation/merge/?{ids}"
        assert admin.get(url).status_code == 404
        assert admin.post(url, {"survivor": "first", "other_id": str(own_customer_id)}).status_code == 404
    answer = admin.post(
        f"/admin/customers/operation/merge/?id={own_customer_id}", {"other_id": str(foreign_customer_id)}
    )
    assert answer.status_code == 422
    assert "Their Telecom" not in answer.text
    assert admin.get("/admin/customers/ajax/lookup/?name=merge.other_id&query=Their&limit=20").json == []
    assert database_contents() == before


def test_the_redirect_of_a_merged_customer_is_ones_own(organisations: TwoOrganisations, admin: Browser):
    foreign_redirect = db.session.get_one(models.MergedCustomer, organisations.foreign.row_id(models.MergedCustomer))
    for page in ("details", "edit", "peek", "operation/assign"):
        assert admin.get(f"/admin/customers/{page}/?id={foreign_redirect.old_id}").status_code == 404, page


def test_somebody_foreign_cannot_be_assigned(organisations: TwoOrganisations, admin: Browser):
    url = f"/admin/customers/operation/assign/?id={organisations.own.customers[0]}"
    before = database_contents()
    for wrong in (organisations.foreign.users[Role.AGENT], organisations.own.users[Role.PARTNER], 10**9):
        assert admin.post(url, {"manager_id": str(wrong)}).status_code == 422
    assert database_contents() == before


def test_imports_and_exports_of_others_are_not_there(organisations: TwoOrganisations, admin: Browser):
    colleague = make.ListExportFactory(
        organisation=own_organisation(organisations), user_id=organisations.own.users[Role.AGENT]
    )
    foreign_import = make.CustomerImportFactory(
        organisation=db.session.get_one(models.Organisation, organisations.foreign.id), state=TransferState.READY
    )
    db.session.commit()
    for url in (
        f"/admin/exports/details/?id={colleague.id}",
        f"/admin/exports/file/?id={colleague.id}",
        f"/admin/imports/errors/?id={foreign_import.id}",
        f"/admin/imports/details/?id={foreign_import.id}&as=json",
    ):
        assert admin.get(url).status_code == 404, url
    for url in (
        f"/admin/exports/cancel/?id={colleague.id}",
        f"/admin/imports/cancel/?id={foreign_import.id}",
        f"/admin/imports/confirm/?id={foreign_import.id}&seen=1",
    ):
        assert admin.post(url).status_code == 404, url
    assert db.session.get_one(models.CustomerImport, foreign_import.id).state is TransferState.READY


def test_only_the_grant_platform_changes_the_organisation(organisations: TwoOrganisations, admin: Browser):
    for organisation in (organisations.foreign.id, organisations.own.id, 10**9, "abc", "１", ""):
        assert admin.post("/admin/organisation/", {"organisation": str(organisation)}).status_code == 404
    with admin.client.session_transaction() as http_session:
        http_session["organisation_id"] = organisations.foreign.id
    assert "Their Telecom customer 0" not in admin.get("/admin/customers/").text
