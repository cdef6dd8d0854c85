"""A document that is being signed is voided by another address of its profile only when somebody has agreed to it."""

from collections.abc import Sequence
from typing import Any, Final

from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor, Permission
from customerhub.customers.signature_replacements import Person, Replacement, ReplacementNotAgreed
from views.framework.edit_page import EditMixin, EditPage
from views.framework.formatting import format_datetime
from views.framework.questions import Question
from views.http import form_tokens
from views.http.urls import path_to

QUESTION: Final = Question("_replaced", ("_replace", "Save and replace NDA"))
TEXT: Final = (
    "Another email address voids an NDA that waits for signatures. If this is intended, save and replace the NDA."
)


class ReplacementQuestionMixin(EditMixin):
    """The part of the customers' screen that asks."""

    def _save(
        self, form: Form, row: Any, page: EditPage, duplicate: form_tokens.DuplicateSubmission | None
    ) -> Response | None:
        QUESTION.keep_agreed(page)
        return super()._save(form, row, page, duplicate)

    def show_refusal(self, form: Form, page: EditPage, error: HubError) -> None:
        if not isinstance(error, ReplacementNotAgreed):
            super().show_refusal(form, page, error)
            return
        page.banners += [_build_banner(each, self.actor) for each in error.replacements]
        QUESTION.ask_about(page, [each.key for each in error.replacements], TEXT)


def _build_banner(replacement: Replacement, actor: Actor) -> dict[str, Any]:
    """What is voided and who has signed it, and who is asked instead, with a link to look at it."""
    banner: dict[str, Any] = {"kind": "warning", "text": describe_replacement(replacement)}
    if actor.has_permission(Permission.SIGNATURES_VIEW):
        banner["link"] = {
            "label": "Open document",
            "url": path_to("signatures.details_view", replacement.envelope_id),
        }
    return banner


def describe_replacement(replacement: Replacement) -> str:
    """All of it, in sentences."""
    people, name = _name_people(replacement.signers), replacement.profile_name
    if replacement.sent_at is None:
        sentences = [f"{name}: the NDA for {people} is about to be sent. It will be voided."]
    else:
        sent = format_datetime(replacement.sent_at)
        sentences = [f"{name}: the NDA that was sent to {people} on {sent} will be voided."]
        if replacement.signed:
            has = "have" if len(replacement.signed) > 1 else "has"
            sentences.append(f"{' and '.join(replacement.signed)} {has} signed it already.")
        else:
            sentences.append("Nobody has signed it yet.")
    if replacement.new_signers:
        sentences.append(f"{_name_people(replacement.new_signers)} will be asked to sign a new one.")
    else:
        sentences.append(f"No new one can be sent: {replacement.obstacle}.")
    return " ".join(sentences)


def _name_people(people: Sequence[Person]) -> str:
    return " and ".join(f"{name} ({email})" for name, email in people)
