"""What is done around the set-up of signing: a first NDA, a look at it, and sending what has waited for the set-up."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, exists, func

from customerhub.core.database import save_changes
from customerhub.core.errors import Invalid, NotFound, WrongState
from customerhub.core.operation_runs import RunRequest, start_run
from customerhub.core.pdf import Document
from customerhub.core.permissions import Actor, Permission, require_access, require_permission, select_visible
from customerhub.customers.signature_requests import list_obstacles
from customerhub.mail.nda_template import STARTING_TEXT
from customerhub.setup.rows import save_organisation
from customerhub.signing import nda
from customerhub.signing.operations import request_profile_signatures
from models import Customer, Envelope, InvoiceProfile, ListExport, OperationRun, Organisation, SigningSettings
from models.base import db
from models.enums import ProfileStatus

PREVIEW: Final = "nda-preview"  # what a ListExport is of that is a preview of the NDA
CONNECTION_TEST: Final = "esignature-test"  # what an OperationRun is of that tests the connection
MAX_SENT: Final = 200  # NDAs that are sent at a time
NOTHING_WAITS: Final = "No invoice profile of this customer waits for its NDA"
NO_TEMPLATE: Final = "There is no NDA template"


def insert_starting_text(organisation: Organisation, *, actor: Actor) -> None:
    """Give an organisation an NDA template to begin with. Raises WrongState where it has one."""
    check_without_template(organisation, actor)
    organisation.nda_template = STARTING_TEXT
    save_organisation(organisation, actor=actor)


def check_without_template(organisation: Organisation, _actor: Actor) -> None:
    """Raises WrongState where the organisation has an NDA template."""
    if (organisation.nda_template or "").strip():
        raise WrongState("There is an NDA template already")


def check_with_template(organisation: Organisation, actor: Actor) -> None:
    """Raises WrongState where the organisation has no NDA template, or is another one than that at work."""
    if organisation.id != actor.organisation_id:
        raise WrongState("Switch to this organisation first")
    if not (organisation.nda_template or "").strip():
        raise WrongState(NO_TEMPLATE)


def request_preview(organisation: Organisation, *, profile_id: int | None, actor: Actor) -> ListExport:
    """Ask for the NDA of an invoice profile as PDF, to be made by a job. Nothing is sent to anybody.

    Raises Invalid without a profile, WrongState without a template.
    """
    require_permission(actor, Permission.CUSTOMERS_VIEW)
    check_with_template(organisation, actor)
    profile = find_profile(profile_id, actor) if profile_id is not None else None
    if profile is None:
        raise Invalid("Choose an invoice profile", "profile_id")
    assert actor.id is not None
    export = ListExport(
        organisation_id=organisation.id,
        user_id=actor.id,
        screen=PREVIEW,
        title=f"Preview of the NDA of {profile.name[:80]}",
        format="pdf",
        query={"profile": profile.id},
    )
    with save_changes():
        db.session.add(export)
    return export


def find_profile(profile_id: int, actor: Actor) -> InvoiceProfile | None:
    """The invoice profile with this id, if `actor` may know of it."""
    return db.session.scalars(select_visible(InvoiceProfile, actor).where(InvoiceProfile.id == profile_id)).first()


def prepare_preview(export: ListExport, actor: Actor) -> Document:
    """What `export` asks for, ready to be typeset. Raises NotFound where it is gone, WrongState without a template."""
    organisation = db.session.get_one(Organisation, export.organisation_id)
    check_with_template(organisation, actor)
    profile = find_profile(export.query["profile"], actor)
    if profile is None:
        raise NotFound("This invoice profile no longer exists")
    return nda.build_preview(organisation, db.session.get_one(Customer, profile.customer_id), profile)


def request_connection_test(settings: SigningSettings, *, actor: Actor) -> OperationRun:
    """Ask a worker whether the signing service takes these settings."""
    require_permission(actor, Permission.SETUP_EDIT)
    require_access(actor, settings)
    request = RunRequest(
        screen=CONNECTION_TEST,
        operation="test",
        title="Test connection",
        noun="connection",
        past_tense="tested",
        address="",
        entries=(),
    )
    return start_run(request, [(settings.id, settings.version)], actor=actor)


# --- What has waited ---------------------------------------------------------------------------------------------


def _select_waiting(actor: Actor) -> Select[Any]:
    """Pending profiles without a document: none was asked for, or none could take the place of one that was voided."""
    has_envelope = exists().where(Envelope.invoice_profile_id == InvoiceProfile.id, Envelope.is_current)
    return select_visible(InvoiceProfile, actor).where(
        InvoiceProfile.status == ProfileStatus.NDA_PENDING, ~has_envelope
    )


def count_waiting_profiles(actor: Actor) -> int:
    """How many invoice profiles wait for an NDA that was never sent."""
    query = _select_waiting(actor).with_only_columns(func.count(InvoiceProfile.id), maintain_column_froms=True)
    return db.session.scalar(query) or 0


def list_waiting_profiles(actor: Actor) -> list[InvoiceProfile]:
    """The first of them, as many as are sent at a time."""
    return list(db.session.scalars(_select_waiting(actor).order_by(InvoiceProfile.id).limit(MAX_SENT)))


def send_waiting(settings: SigningSettings, *, actor: Actor) -> int:
    """Send the NDAs of the profiles that wait for one, MAX_SENT at the most; how many. Raises WrongState where set-up
    is missing, or nobody waits.
    """
    require_permission(actor, Permission.SIGNATURES_EDIT)
    require_access(actor, settings)
    check_sendable(settings, actor)
    profiles = list_waiting_profiles(actor)
    for profile in profiles:
        request_profile_signatures(profile, actor=actor)
    return len(profiles)


def check_sendable(_settings: SigningSettings, actor: Actor) -> None:
    """Raises WrongState where no NDA can be sent, or none waits."""
    obstacle = _describe_obstacles(actor.organisation_id)
    if obstacle is not None:
        raise WrongState(obstacle)
    if not count_waiting_profiles(actor):
        raise WrongState("No invoice profile waits for its NDA")


def _describe_obstacles(organisation_id: int) -> str | None:
    return ". ".join(each.text for each in list_obstacles(organisation_id)) or None


def list_waiting_profiles_of(customer: Customer, actor: Actor) -> list[InvoiceProfile]:
    """The profiles of a customer that wait for an NDA that was never sent."""
    query = _select_waiting(actor).where(InvoiceProfile.customer_id == customer.id)
    return list(db.session.scalars(query.order_by(InvoiceProfile.id)))


def find_sending_obstacles(customers: Sequence[Customer], actor: Actor) -> dict[int, str]:
    """Why no NDA of these customers can be sent, by the id of each of which that is so."""
    ids = [each.id for each in customers]
    query = _select_waiting(actor).with_only_columns(InvoiceProfile.customer_id).distinct()
    waiting_ids = set(db.session.scalars(query.where(InvoiceProfile.customer_id.in_(ids))))
    obstacle = _describe_obstacles(actor.organisation_id) if waiting_ids else None
    reasons = {key: obstacle if key in waiting_ids else NOTHING_WAITS for key in ids}
    return {key: reason for key, reason in reasons.items() if reason is not None}


def send_profile(customer: Customer, *, profile_id: int, actor: Actor) -> Envelope:
    """Send the NDA of one profile of `customer` that waits for it. Raises WrongState where it does not, or set-up is
    missing: what was sent meanwhile is not sent twice.
    """
    require_permission(actor, Permission.SIGNATURES_EDIT)
    require_access(actor, customer)
    profile = next((each for each in list_waiting_profiles_of(customer, actor) if each.id == profile_id), None)
    if profile is None:
        raise WrongState("This invoice profile does not wait for its NDA any more")
    return request_profile_signatures(profile, actor=actor)
