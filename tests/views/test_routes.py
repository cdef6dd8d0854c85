"""Every address of the hub is known here, with who may use it, and is called as each of them and as a stranger.

The generated screens are in test_screens_by_role.py; this file has all the others, and fails on an address that is in
neither.
"""

import re

import pytest
from flask import Flask

from models.enums import Role
from tests.support import activity_visits, own_visits, staff_visits
from tests.support.browser_client import Browser
from tests.support.screen_operations import ADMINS, MANAGERS, NOBODY, STAFF
from tests.support.screen_table import SCREENS
from tests.support.two_organisations import TwoOrganisations
from tests.views.test_screens_by_role import COMMON_VIEWS, PEOPLE

SIGNED_IN = frozenset(PEOPLE) - {"stranger"}
EVERYBODY = frozenset(PEOPLE)
PLATFORM = frozenset({"platform"})
CUSTOMER = frozenset({"customer"})

ROUTES: dict[tuple[str, str], tuple[frozenset[str], staff_visits.Call]] = {
    ("home.start", "GET"): (EVERYBODY, staff_visits.opens_start_page),
    ("home.home", "GET"): (STAFF, staff_visits.opens_page("/admin/", "Latest customers")),
    ("home.switch_organisation", "POST"): (frozenset({"platform"}), staff_visits.switches_organisation),
    ("search.results", "GET"): (
        STAFF,
        staff_visits.redirects_to("/admin/search/?q=REF-0", "/admin/customers/details/"),
    ),
    ("search.suggest", "GET"): (STAFF, staff_visits.suggests_customers),
    ("quick_search.index", "GET"): (STAFF, staff_visits.opens_page("/admin/quick-search/", "Names and numbers")),
    ("quick_search.find", "GET"): (
        STAFF,
        staff_visits.redirects_to("/admin/quick-search/find?risk~is=Low", "/admin/customers/?f=risk"),
    ),
    ("palette.list_entries", "GET"): (STAFF, staff_visits.opens_page("/admin/palette/", "Add customer")),
    ("palette.shortcuts", "GET"): (STAFF, staff_visits.opens_page("/admin/palette/shortcuts", "In a list")),
    ("setup.index", "GET"): (STAFF, staff_visits.opens_page("/admin/set-up/", "Default values")),
    ("form-layouts.index", "GET"): (
        STAFF,
        staff_visits.redirects_to("/admin/set-up/forms/", "/admin/set-up/forms/customers/"),
    ),
    ("form-layouts.edit", "GET"): (
        STAFF,
        staff_visits.opens_page("/admin/set-up/forms/customers/", "Above the tabs"),
    ),
    ("form-layouts.edit", "POST"): (frozenset({"admin", "platform"}), staff_visits.hides_a_field),
    ("form-layouts.preview", "GET"): (
        STAFF,
        staff_visits.opens_page("/admin/set-up/forms/customers/preview", "Preview of the form"),
    ),
    ("form-layouts.preview", "POST"): (STAFF, staff_visits.previews_a_form),
    ("preferences.columns_page", "GET"): (
        STAFF,
        staff_visits.opens_page("/admin/list/customers/columns", "Find a column"),
    ),
    ("preferences.choose_columns", "POST"): (STAFF, staff_visits.chooses_columns),
    ("preferences.filters_page", "GET"): (
        STAFF,
        staff_visits.opens_page("/admin/list/customers/filters", "Find a filter"),
    ),
    ("preferences.choose_filters", "POST"): (STAFF, staff_visits.chooses_filters),
    ("export_choice.choose", "GET"): (STAFF, staff_visits.opens_page("/admin/list/customers/export", "Export to CSV")),
    ("export_choice.choose_for_ticked", "POST"): (STAFF, staff_visits.exports_ticked_rows),
    ("export_choice.save_preset", "POST"): (STAFF, staff_visits.saves_a_preset),
    ("saved_views.save", "POST"): (STAFF, staff_visits.saves_a_view),
    ("saved_views.change", "POST"): (STAFF, staff_visits.renames_a_view),
    ("saved_views.stop_sharing", "POST"): (STAFF, staff_visits.stops_sharing_a_view),
    ("saved_views.delete", "POST"): (STAFF, staff_visits.deletes_a_view),
    ("files.download", "GET"): (STAFF | {"customer"}, staff_visits.downloads_a_file),
    ("partner.home", "GET"): (frozenset({"partner"}), staff_visits.opens_page("/partner/", "Your customers")),
    ("partner.register_view", "GET"): (
        frozenset({"partner"}),
        staff_visits.opens_page("/partner/register/company/", "Contact person"),
    ),
    ("partner.register_view", "POST"): (frozenset({"partner"}), own_visits.registers_a_customer),
    ("partner.details", "GET"): (frozenset({"partner"}), own_visits.follows_a_customer),
    ("partner.details", "POST"): (frozenset({"partner"}), own_visits.answers_a_question),
    ("partner.update", "GET"): (frozenset({"partner"}), own_visits.opens_update_form),
    ("partner.update", "POST"): (frozenset({"partner"}), own_visits.requests_an_update),
    ("partner.new_contract", "GET"): (frozenset({"partner"}), own_visits.opens_contract_form),
    ("partner.new_contract", "POST"): (frozenset({"partner"}), own_visits.adds_a_contract),
    ("work.index", "GET"): (STAFF, staff_visits.opens_page("/admin/work/", "What is waiting for you")),
    ("work.see_work", "POST"): (STAFF, activity_visits.opens_the_bell),
    ("notes.due_follow_ups", "GET"): (STAFF, staff_visits.redirects_to("/admin/notes/due/", "/admin/notes/?f=follow")),
    ("notes.my_follow_ups", "GET"): (STAFF, staff_visits.redirects_to("/admin/notes/mine/", "/admin/notes/?f=follow")),
    ("notes.list_colleagues", "GET"): (STAFF, activity_visits.suggests_colleagues),
    ("notes.change_follow_up", "POST"): (STAFF, activity_visits.completes_a_follow_up),
    ("notes.open_mention", "POST"): (STAFF, activity_visits.opens_a_mention),
    ("attachments.upload", "POST"): (STAFF, activity_visits.attaches_a_file),
    ("cases.my_cases", "GET"): (STAFF, staff_visits.redirects_to("/admin/cases/mine/", "/admin/cases/?f=status")),
    ("cases.write_case_note", "POST"): (STAFF, activity_visits.writes_in_a_case),
    ("portal.list_cases", "GET"): (CUSTOMER, staff_visits.opens_page("/portal/cases/", "Your cases")),
    ("portal.open_case", "GET"): (CUSTOMER, staff_visits.opens_page("/portal/cases/new/", "What can we do for you?")),
    ("portal.open_case", "POST"): (CUSTOMER, activity_visits.opens_a_case),
    ("portal.show_case", "GET"): (CUSTOMER, activity_visits.reads_a_case),
    ("portal.show_case", "POST"): (CUSTOMER, activity_visits.replies_in_a_case),
    ("tasks.my_tasks", "GET"): (STAFF, staff_visits.redirects_to("/admin/tasks/mine/", "/admin/tasks/?f=state")),
    ("tasks.choose_layout", "POST"): (STAFF, staff_visits.chooses_a_board),
    ("portal.home", "GET"): (frozenset({"customer"}), staff_visits.opens_page("/portal/", "Our Telecom customer 0")),
    ("customers.peek", "GET"): (STAFF, staff_visits.peeks_at_a_customer),
    ("customers.review_dates", "POST"): (STAFF, staff_visits.returns_review_dates),
    ("customers.portal_plan", "POST"): (STAFF, staff_visits.returns_portal_plan),
    ("customers.default_values", "GET"): (STAFF, staff_visits.returns_default_values),
    ("customers.save_default_values", "POST"): (MANAGERS, staff_visits.saves_default_values),
    ("outbox.message_view", "GET"): (MANAGERS, staff_visits.reads_a_message),
    ("outbox_trial.trial", "GET"): (ADMINS, staff_visits.opens_page("/admin/outbox/test/", "Send a test email")),
    ("outbox_trial.trial", "POST"): (ADMINS, staff_visits.checks_the_mail_server),
    ("templates.preview_view", "GET"): (STAFF, staff_visits.previews_a_template),
    ("templates.preview_view", "POST"): (STAFF, staff_visits.previews_unsaved_text),
    ("templates.documents_view", "GET"): (STAFF, staff_visits.lists_documents),
    ("exports.cancel_view", "POST"): (STAFF, staff_visits.cancels_an_export),
    ("exports.download", "GET"): (STAFF, staff_visits.downloads_an_export),
    ("esignature.open_view", "GET"): (
        STAFF,
        staff_visits.redirects_to("/admin/esignature/open/", "/admin/esignature/details/"),
    ),
    ("esignature.connection_view", "GET"): (ADMINS, staff_visits.follows_a_connection_test),
    ("operation-runs.cancel_view", "POST"): (STAFF, staff_visits.cancels_a_run),
    ("operation-runs.undo_view", "POST"): (STAFF, staff_visits.undoes_a_run),
    ("operation-runs.results_view", "GET"): (STAFF, staff_visits.downloads_results),
    ("imports.upload", "GET"): (STAFF, staff_visits.opens_page("/admin/imports/upload/", "Download")),
    ("imports.upload", "POST"): (STAFF, staff_visits.uploads_a_workbook),
    ("imports.template", "GET"): (STAFF, staff_visits.downloads_the_template),
    ("imports.confirm_view", "POST"): (STAFF, staff_visits.confirms_an_import),
    ("imports.cancel_view", "POST"): (STAFF, staff_visits.cancels_an_import),
    ("imports.errors_view", "GET"): (STAFF, staff_visits.downloads_refused_rows),
    ("schedule.index", "GET"): (PLATFORM, staff_visits.opens_page("/admin/schedule/", "jobs.mail.sweep")),
    ("schedule.run", "POST"): (PLATFORM, staff_visits.runs_a_job),
    ("schedule.list_jobs", "GET"): (PLATFORM, staff_visits.lists_failed_jobs),
    ("schedule.show_job", "GET"): (PLATFORM, staff_visits.opens_a_job),
    ("schedule.choose", "POST"): (PLATFORM, staff_visits.chooses_jobs),
    ("schedule.operation_page", "GET"): (PLATFORM, staff_visits.opens_discarding),
    ("schedule.operation_page", "POST"): (PLATFORM, staff_visits.discards_a_job),
    ("profile.edit_profile", "GET"): (SIGNED_IN, staff_visits.opens_page("/profile/", "You sign in with")),
    ("profile.edit_profile", "POST"): (SIGNED_IN, own_visits.renames_oneself),
    ("profile.change_password", "GET"): (SIGNED_IN, staff_visits.opens_page("/profile/password", "Current password")),
    ("profile.change_password", "POST"): (SIGNED_IN, own_visits.changes_the_password),
    ("profile.sign_out_everywhere", "GET"): (
        SIGNED_IN,
        staff_visits.opens_page("/profile/sign-out-everywhere", "all other devices"),
    ),
    ("profile.sign_out_everywhere", "POST"): (SIGNED_IN, own_visits.signs_out_everywhere),
    ("sign_in.sign_in", "GET"): (frozenset({"stranger"}), staff_visits.opens_page("/sign-in", 'name="password"')),
    ("sign_in.sign_in", "POST"): (EVERYBODY, own_visits.signs_in),
    ("sign_in.sign_out", "POST"): (EVERYBODY, own_visits.signs_out),
    ("sign_in.forgot_password", "GET"): (EVERYBODY, staff_visits.opens_page("/forgotten", 'name="email"')),
    ("sign_in.forgot_password", "POST"): (EVERYBODY, own_visits.requests_a_link),
    ("sign_in.set_password", "GET"): (EVERYBODY, own_visits.opens_a_link),
    ("sign_in.set_password", "POST"): (EVERYBODY, own_visits.sets_a_password),
    ("health.healthz", "GET"): (EVERYBODY, staff_visits.opens_page("/healthz", '"status":"ok"')),
    ("health.readyz", "GET"): (EVERYBODY, staff_visits.opens_page("/readyz", '"status":"ready"')),
    ("webhooks.receive_docusign_event", "POST"): (EVERYBODY, own_visits.sends_an_event),
    ("static", "GET"): (EVERYBODY, own_visits.opens_static_file),
    ("flask_admin_index.index", "GET"): (NOBODY, staff_visits.opens_page("/admin/flask-admin/", "Flask-Admin")),
    ("flask_admin_index.static", "GET"): (EVERYBODY, own_visits.opens_flask_admin_static_file),
}


# Run on the operation's own page, each in test_an_operation_is_run_by_those_who_may.
OPERATION = {("operation_view", "GET"), ("operation_view", "POST")}


def list_routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (rule.endpoint, method) for rule in app.url_map.iter_rules() for method in rule.methods - {"HEAD", "OPTIONS"}
    }


def test_every_address_is_in_a_table(organisations: TwoOrganisations):
    covered_routes = {
        (f"{screen}.{view}", method) for screen in SCREENS for view, method in COMMON_VIEWS.keys() | OPERATION
    }
    # Screens that nothing can be done on have the page for operations all the same; it answers 404 there.
    assert list_routes(organisations.app) == ROUTES.keys() | covered_routes


@pytest.mark.parametrize("route", ROUTES, ids=[f"{endpoint}-{method}" for endpoint, method in ROUTES])
def test_an_address_does_for_each_what_they_may_and_nothing_else(
    organisations: TwoOrganisations, route: tuple[str, str]
):
    allowed, call = ROUTES[route]
    user_ids = {role.value: organisations.own.users[role] for role in Role} | {
        "platform": organisations.platform_user,
        "stranger": None,
    }
    for person in PEOPLE:
        visit = staff_visits.Visit(organisations, Browser(organisations.app, user_ids[person]), person)
        answer, happened = call(visit)
        where = f"{person} at {route}: {answer.status_code} {answer.location or ''}"
        assert happened == (person in allowed), where
        if person in allowed:
            assert answer.status_code < 400, where
        elif person == "stranger" and allowed:
            assert re.match("/sign-in", answer.location or ""), where
        elif route != ("sign_in.sign_in", "GET"):  # who is signed in is led to their start page
            assert answer.status_code in (403, 404), where


def test_an_operation_that_a_screen_does_not_have_is_not_there(organisations: TwoOrganisations):
    admin = Browser(organisations.app, organisations.platform_user)
    for endpoint, screen in SCREENS.items():
        for name in {"delete", "assign", "drop", "../delete", "run"} - screen.operations.keys():
            path = f"/admin/{endpoint}/operation/{name}/?id={screen.row_of(organisations.own)}"
            assert (admin.get(path).status_code, admin.post(path).status_code) == (404, 404), path
