"""The columns of a customer that follow from its others: keys for comparing, sorting and searching."""

from collections.abc import Mapping, Sequence
from typing import Any

from models.keys import exact_key, fold_text, list_spellings, number_key, phone_key
from models.searched import join_texts

SOURCE_COLUMNS = (
    "name",
    "reference",
    "account_number",
    "email",
    "contact_number",
    "identity_number",
    "registration_number",
    "vat_number",
)


def derive_columns(values: Mapping[str, Any], custom_texts: Sequence[str] | None = None) -> dict[str, Any]:
    """The columns of a customer that follow from its others. `values` maps column names to values.

    `custom_texts` are what is searched for in its custom fields. Without them that part of the text that is searched,
    which is its second line, stays as it is.
    """
    searched = (
        values.get("name"),
        values.get("reference"),
        values.get("account_number"),
        values.get("email"),
        values.get("contact_number"),
        *list_spellings(values.get("registration_number")),
        *list_spellings(values.get("vat_number")),
    )
    if custom_texts is None:
        custom_line = (values.get("search_text") or "").partition("\n")[2]
    else:
        custom_line = join_texts(*custom_texts)
    return {
        "sort_name": fold_text(values["name"]),
        "reference_key": exact_key(values.get("reference")),
        "identity_key": number_key(values.get("identity_number")),
        "registration_key": number_key(values.get("registration_number")),
        "vat_key": number_key(values.get("vat_number")),
        "phone_key": phone_key(values.get("contact_number")),
        "search_text": "\n".join(filter(None, (join_texts(*searched), custom_line))),
    }
