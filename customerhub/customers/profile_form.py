"""The columns in which the form of a customer asks for its invoice profiles, as the hub brings them."""

from collections.abc import Mapping
from typing import Any, Final

from customerhub.form_layouts.layouts import CORE, FormDescription, Section
from models.enums import CustomFieldOwner

_ALWAYS = "Always required"


def _is_asked(_name: str, values: Mapping[str, Any]) -> bool:
    """Of a new profile: one that there is waits for its signatures, or had them."""
    return values.get("status") is None


PROFILE_FORM: Final = FormDescription(
    owner=CustomFieldOwner.INVOICE_PROFILE,
    sections=(Section(CORE, "Columns", ("name", "email", "nda_file_id")),),
    custom_section=CORE,
    needed=dict.fromkeys(("name", "email"), _ALWAYS),
    requirable=frozenset({"nda_file_id"}),
    always_required=frozenset({"name", "email"}),
    deciding=("status",),
    is_asked=_is_asked,
)
