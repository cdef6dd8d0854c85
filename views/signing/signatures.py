"""Document signatures: every document that was sent to be signed, by whom it is signed, and what is to be done."""

from typing import Any

from flask import g, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import ColumnElement, case, or_, select
from sqlalchemy.orm import joinedload, selectinload

from customerhub.core.permissions import Permission
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.choice_rules import STAFF_ONLY
from customerhub.customers.signature_attention import (
    ASKED_STATUSES,
    UNSIGNED_STATUSES,
    WAITING_STATUSES,
    has_failed_request,
    is_waiting,
    needs_attention,
)
from customerhub.signing.access import find_settings
from models import Customer, Envelope, EnvelopeSigner, InvoiceProfile, SigningRequest, SigningSettings, User
from models.folding import contains_text
from models.signing_enums import EnvelopeStatus, SigningRequestState
from views.cells.customer_part_view import CustomerPartView
from views.cells.customers import CustomerFilter, customer_link
from views.cells.envelopes import describe_waiting, envelope_chip, list_signers, waiting_cell
from views.framework.choices import Source
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.labels import member_label
from views.framework.list_page import ListArgs
from views.framework.list_preferences import ListSettings
from views.framework.screen import ViewResponse
from views.http.actor import current_actor
from views.http.urls import path_to
from views.signing import record
from views.signing.download import DOWNLOAD
from views.signing.operations import OPERATIONS
from views.signing.sandbox import build_sandbox_banners, find_sandbox_url
from views.signing.timeline import build_entries

SCREEN = "signatures"
TAB = "profiles"
TIMELINE_TAB = "timeline"
LOAD_SIGNERS = selectinload(Envelope.signers)
LOAD_REQUESTS = selectinload(Envelope.requests)
LOAD_PROFILE = joinedload(Envelope.invoice_profile)
_UNFINISHED = (SigningRequestState.WAITING, SigningRequestState.WORKING, SigningRequestState.FAILED)


def select_last_error() -> Any:
    """The last error of what is to be asked of the signing service, as a column."""
    query = select(SigningRequest.last_error).where(
        SigningRequest.envelope_id == Envelope.id,
        SigningRequest.state.in_(_UNFINISHED),
        SigningRequest.last_error.is_not(None),
    )
    return query.order_by(SigningRequest.id.desc()).limit(1).correlate(Envelope).scalar_subquery()


def find_last_error(row: Envelope) -> str | None:
    """As `select_last_error`, of a row at hand."""
    errors = [each.last_error for each in row.requests if each.state in _UNFINISHED and each.last_error]
    return errors[-1] if errors else None


def name_environment(account_id: str | None) -> str | None:
    """Which signing service has a document: that of the settings, where these are still for its account."""
    if account_id is None:
        return None
    settings = _load_settings()
    if settings is None or settings.account_id != account_id:
        return f"Account {account_id}"
    return member_label(settings.environment)


def _load_settings() -> SigningSettings | None:
    if "signing_settings" not in g:
        g.signing_settings = find_settings(current_actor().organisation_id)
    settings: SigningSettings | None = g.signing_settings
    return settings


class WaitingForFilter(Filter):
    """Narrows the list by the names and addresses of those for whom a document waits."""

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        parts = (
            Filter(self.name, self.label, column).build_condition(operator, value)
            for column in (EnvelopeSigner.name, EnvelopeSigner.email)
        )
        signers = select(EnvelopeSigner.envelope_id).where(or_(*parts), EnvelopeSigner.status.in_(ASKED_STATUSES))
        return is_waiting() & Envelope.id.in_(signers)


class AttentionFilter(Filter):
    """Narrows the list to what was declined, has expired or failed."""

    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        condition = needs_attention(Envelope.organisation_id)
        return condition if value == "yes" else ~condition


class FailedFilter(Filter):
    def build_condition(self, operator: str, value: str) -> ColumnElement[bool]:
        return has_failed_request() if value == "yes" else ~has_failed_request()


class SignatureView(CustomerPartView):
    noun = "document signature"
    title = "Document signatures"
    intro = "NDAs that were sent to be signed, and for whose signature each of them waits."
    empty_text = "An NDA is sent to be signed when an invoice profile is saved without a file."
    customer_tab = TAB
    columns = (
        Column(
            "document",
            "Document",
            str,
            no_truncate=True,
            export=Exported(Related(Envelope.invoice_profile, InvoiceProfile.name), render="NDA of {}".format),
        ),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            export_text=lambda row: row.customer.name,
            export=Exported(Related(Envelope.customer, Customer.name)),
        ),
        Column(
            "profile",
            "Invoice profile",
            lambda row: row.invoice_profile.name,
            default_visible=False,
            export=Exported(Related(Envelope.invoice_profile, InvoiceProfile.name)),
        ),
        Column(
            "status",
            "Status",
            envelope_chip,
            sort=Envelope.status,
            export=Exported(Envelope.status, render=member_label),
        ),
        Column(
            "signers",
            "Signers",
            list_signers,
            no_truncate=True,
            collapsed_format="{}",
            collapse_below=1060,
            export_text=lambda row: " · ".join(list_signers(row)),
        ),
        Column(
            "waiting",
            "Waiting for",
            waiting_cell,
            sort=(case((Envelope.status.in_(WAITING_STATUSES), Envelope.sent_at)), Envelope.id),
            no_truncate=True,
            collapsed_format="waiting for {}",
            collapse_below=860,
            export_text=describe_waiting,
        ),
        Column(
            "sent_at",
            "Sent",
            lambda row: format_datetime(row.sent_at) or None,
            sort=(Envelope.sent_at, Envelope.id),
            collapsed_format="sent {}",
            export=Exported(Envelope.sent_at, kind=CellKind.MOMENT),
        ),
        Column(
            "ended_at",
            "Ended",
            lambda row: format_datetime(row.ended_at) or None,
            sort=(Envelope.ended_at, Envelope.id),
            collapsed_format="ended {}",
            export=Exported(Envelope.ended_at, kind=CellKind.MOMENT),
        ),
        Column(
            "last_error",
            "Last error",
            find_last_error,
            default_visible=False,
            export=Exported(select_last_error()),
        ),
        Column(
            "drift",
            "Drift",
            lambda row: row.drift,
            default_visible=False,
            export=Exported(Envelope.drift),
        ),
    )
    filters = (
        Filter("status", "Status", Envelope.status, "select", members=EnvelopeStatus, nullable=False),
        WaitingForFilter("waiting", "Waiting for", None, nullable=False),
        CustomerFilter("customer", "Customer", Envelope.customer_id, nullable=False),
        Filter("sent_at", "Sent", Envelope.sent_at, "date"),
        Filter("expires_on", "Expires", Envelope.expires_on, "date"),
        Filter("ended_at", "Ended", Envelope.ended_at, "date"),
        Filter("drift", "Drift", Envelope.drift),
        FailedFilter("failed", "Failed requests", None, "yes"),
        AttentionFilter("attention", "Needs attention", None, "yes"),
        Filter("requester", "Requested by", Envelope.requested_by_id, "select", source=Source(User, STAFF_ONLY)),
    )
    search_columns = (Envelope.remote_id,)
    search_hint = "Profile, signer, customer"
    default_order = (Envelope.id.desc(),)
    load_options = (
        joinedload(Envelope.customer).joinedload(Customer.status),
        LOAD_PROFILE,
        LOAD_SIGNERS,
        LOAD_REQUESTS,
    )
    details_load_options = (
        joinedload(Envelope.requested_by),
        joinedload(Envelope.document),
        joinedload(Envelope.signed_file),
        joinedload(Envelope.certificate_file),
    )
    operations = (*OPERATIONS, DOWNLOAD)
    view_permission = Permission.SIGNATURES_VIEW
    edit_permission = None

    # --- List ----------------------------------------------------------------------------------------------

    def build_own_search_condition(self, search: str) -> ColumnElement[bool]:
        """By the profile, by the signers, and by the signing service's id."""
        profiles = select(InvoiceProfile.id).where(contains_text(InvoiceProfile.name, search))
        signers = select(EnvelopeSigner.envelope_id).where(
            or_(contains_text(EnvelopeSigner.name, search), contains_text(EnvelopeSigner.email, search))
        )
        return or_(
            Envelope.invoice_profile_id.in_(profiles),
            Envelope.id.in_(signers),
            self.search_condition(search),
        )

    @expose("/")
    def index_view(self) -> ViewResponse:
        """The list; without a wish those that wait for a signature."""
        if not request.args:
            return redirect(self._tab_urls()["Waiting for signature"])
        return super().index_view()

    def _tab_urls(self) -> dict[str, str]:
        list_url = url_for(f"{SCREEN}.index_view")
        tabs = {
            "Waiting for signature": ListArgs(filters=(_build_status_filter(*WAITING_STATUSES),), sort="waiting"),
            "To be sent": ListArgs(filters=(_build_status_filter(EnvelopeStatus.CREATED),)),
            "Needs attention": ListArgs(filters=(("attention", "is", "yes"),)),
            "Completed": ListArgs(filters=(_build_status_filter(EnvelopeStatus.COMPLETED),)),
            "Not signed": ListArgs(filters=(_build_status_filter(*UNSIGNED_STATUSES, EnvelopeStatus.VOIDED),)),
        }
        return {label: list_url + args.query_string() for label, args in tabs.items()}

    def list_tabs(self, settings: ListSettings, args: ListArgs) -> list[dict[str, Any]]:
        current_url = url_for(f"{SCREEN}.index_view") + args.query_string()
        tabs = [
            {"label": label, "url": url, "active": url == current_url, "delete_url": None}
            for label, url in self._tab_urls().items()
        ]
        return tabs + settings.view_tabs(self.endpoint, args.query_string())[1:]

    def list_banners(self) -> list[dict[str, Any]]:
        return build_sandbox_banners(self.actor.organisation_id)

    # --- One document --------------------------------------------------------------------------------------

    def row_actions(self, row: Envelope) -> list[dict[str, Any]]:
        actions = super().row_actions(row)
        if row.signed_file_id is not None:
            url = url_for("files.download", file_id=row.signed_file_id)
            actions.insert(0, {"label": "Download signed PDF", "url": url, "icon": "download"})
        if sandbox_url := find_sandbox_url(row.organisation_id, row.remote_id):
            actions.append({"label": "Open in the signing sandbox", "url": sandbox_url, "icon": "edit"})
        return actions

    def fill_header(self, page: DetailsPage, row: Envelope) -> None:
        chip = envelope_chip(row)
        page.chips = [{"label": chip["chip"], "tone": chip["tone"]}]
        profiles_url = f"{path_to('customers.details_view', row.customer_id)}&tab=profiles"
        page.meta = [
            ("Customer", customer_link(row.customer)),
            ("Invoice profile", {"text": row.invoice_profile.name, "url": profiles_url}),
            ("Waiting for", describe_waiting(row)),
            ("Sent", format_datetime(row.sent_at) or None),
        ]

    def details_tabs(self, page: DetailsPage, row: Envelope, active: str) -> list[dict[str, Any]]:
        tabs = super().details_tabs(page, row, active)
        url = url_for(f"{SCREEN}.details_view", id=row.id, tab=TIMELINE_TAB)
        tab = {"name": TIMELINE_TAB, "label": "Timeline", "active": active == TIMELINE_TAB, "url": url}
        return [tabs[0], tab, *tabs[1:]]

    def fill_details(self, page: DetailsPage, row: Envelope, tab: str) -> None:
        if tab == TIMELINE_TAB:
            page.timeline = build_entries(row)
            return
        page.banners += record.build_banners(row)
        page.tables += [record.build_signers_table(row), *record.build_requests_tables(row)]
        page.sections = [
            {
                "title": "Document",
                "items": record.list_facts(row, name_environment(row.account_id), _load_settings()),
            },
            {"title": "Files", "items": record.list_files(row)},
        ]


def _build_status_filter(*statuses: EnvelopeStatus) -> tuple[str, str, str]:
    return "status", "is", ",".join(each.value for each in statuses)
