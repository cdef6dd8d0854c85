"""The operations on document signatures."""

from collections.abc import Callable, Sequence
from typing import Any

from wtforms import Form, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from customerhub.core.permissions import Actor, Permission
from customerhub.customers.signature_attention import list_failed_requests
from customerhub.signing import operations
from models import Envelope
from models.signing_enums import SignerStatus
from views.cells.envelopes import signer_chip
from views.framework.forms import clean_input, email_field
from views.framework.labels import capitalize_first
from views.framework.operation import Operation, refusal_check
from views.framework.row_fields import ExplicitRowField

_SIGNER_COLUMNS = [{"label": label} for label in ("Document", "Signer", "Address", "Status")]


class VoidForm(Form):
    reason = TextAreaField(
        "Reason",
        [InputRequired("Enter a reason: the signers read it"), Length(max=operations.MAX_REASON_LENGTH)],
        filters=[clean_input],
        description="The signers read it in an email of the signing service.",
    )


class LeaveForm(Form):
    reason = TextAreaField(
        "Reason",
        [Optional(), Length(max=operations.MAX_REASON_LENGTH)],
        filters=[clean_input],
        description="Kept in the history.",
    )


def build_address_form(rows: Sequence[Envelope], _actor: Actor) -> type[Form]:
    """Asks which signer of the document gets which address."""
    signers = operations.list_correctable_signers(rows[0]) if rows else []
    fields = {
        "position": ExplicitRowField("Signer", choices=[(each.position, str(each)) for each in signers]),
        "email": email_field("New email address", "Enter an email address"),
        "name": StringField(
            "New name",
            [Optional(), Length(max=200)],
            filters=[clean_input],
            description="Leave blank to keep the name",
        ),
    }
    return type("AddressForm", (Form,), fields)


def _begin_with_first_signer(rows: Sequence[Envelope], _actor: Actor) -> dict[str, Any]:
    signers = operations.list_correctable_signers(rows[0]) if rows else []
    return {"position": signers[0].position} if len(signers) == 1 else {}


def _build_signers_table(title: str, is_meant: Callable[[Any], bool]) -> Callable[..., list[dict[str, Any]]]:
    """A preview of those signers who are told of it."""

    def preview(rows: Sequence[Envelope], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
        cells = [
            [str(row), signer.name, signer.email, signer_chip(signer)]
            for row in rows
            for signer in row.signers
            if is_meant(signer)
        ]
        return [{"title": title, "columns": _SIGNER_COLUMNS, "rows": cells, "empty": "Nobody"}]

    return preview


def _preview_new_signers(rows: Sequence[Envelope], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    cells = [
        [str(row), name, email] for row in rows for name, email in operations.list_future_signers(row.invoice_profile)
    ]
    columns = [{"label": label} for label in ("Document", "Signer", "Address")]
    return [{"title": "Will be asked to sign", "columns": columns, "rows": cells}]


def _preview_failed(rows: Sequence[Envelope], _values: dict[str, Any], _actor: Actor) -> list[dict[str, Any]]:
    cells = [
        [str(row), capitalize_first(request.kind.value), request.last_error]
        for row in rows
        for request in list_failed_requests(row)
    ]
    columns = [{"label": "Document"}, {"label": "Request"}, {"label": "Last error", "whole": True}]
    return [{"title": "Will be tried again", "columns": columns, "rows": cells}]


def _is_unsigned(signer: Any) -> bool:
    return signer.status is not SignerStatus.SIGNED


OPERATIONS = (
    Operation(
        name="resend",
        label="Resend",
        past_tense="resent",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.resend_envelope,
        unavailable_reason=refusal_check(operations.check_open),
        preview=_build_signers_table("Will be asked again", _is_unsigned),
        explanation="Everybody who has not signed is emailed again, and the days until the expiry count from today.",
        icon="send",
    ),
    Operation(
        name="correct-address",
        label="Correct address",
        past_tense="corrected",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.correct_address,
        unavailable_reason=refusal_check(operations.check_correctable),
        form=build_address_form,
        initial_values=_begin_with_first_signer,
        explanation="The document is sent to the new address. The address of the invoice profile stays as it is.",
        icon="edit",
        bulk=False,
    ),
    Operation(
        name="check",
        label="Check now",
        past_tense="checked",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.check_now,
        unavailable_reason=refusal_check(operations.check_sent),
        explanation="The status is read again from the signing service within a minute.",
        icon="refresh",
    ),
    Operation(
        name="try-again",
        label="Try again",
        past_tense="tried again",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.try_again,
        unavailable_reason=refusal_check(operations.check_retryable),
        preview=_preview_failed,
        explanation="What the signing service refused or did not answer is asked again.",
        icon="undo",
    ),
    Operation(
        name="send-again",
        label="Send again",
        past_tense="sent again",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.send_again,
        unavailable_reason=refusal_check(operations.check_sendable),
        preview=_preview_new_signers,
        explanation="The NDA is made anew from the present template and sent to all signers. A document that is still "
        "open is voided.",
        icon="mail",
    ),
    Operation(
        name="leave",
        label="Leave as it is",
        past_tense="left as it is",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.leave_as_is,
        unavailable_reason=refusal_check(operations.check_leavable),
        form=LeaveForm,
        explanation="The document is taken from what needs attention, for everybody. It can still be sent again, "
        "and its invoice profile stays as it is.",
        icon="ok",
    ),
    Operation(
        name="void",
        label="Void",
        past_tense="voided",
        permission=Permission.SIGNATURES_EDIT,
        run=operations.void_envelope,
        unavailable_reason=refusal_check(operations.check_voidable),
        form=VoidForm,
        preview=_build_signers_table("Can no longer sign", _is_unsigned),
        explanation="Nobody can sign the document any more, and the invoice profile becomes NDA Declined.",
        icon="stop",
        danger=True,
    ),
)
