"""HMAC keys: by which the signing service signs its events. They go in and are never shown."""

from typing import Any

from flask import request
from wtforms import Form

from customerhub.signing.settings import MASK, save_key
from models import SigningKey
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.screen import ViewResponse
from views.setup.setup_view import SetupView, active_column, active_filter, name_column
from views.signing.secret_field import SecretField, forget_entered


class SigningKeyView(SetupView):
    noun = "HMAC key"
    title = "HMAC keys"
    intro = "By which DocuSign signs its events. To replace one, add a second and then make the first inactive."
    empty_text = "Without a key, events of DocuSign are refused."
    columns = (name_column(SigningKey), active_column(SigningKey))
    filters = (active_filter(SigningKey),)
    search_columns = (SigningKey.name,)
    default_order = (SigningKey.name,)
    fields = ("name", "active")
    has_bulk_edit = False

    def extend_form_class(self, form_class: type[Form]) -> type[Form]:
        """With the key, which is no field like others: what is stored is not what is shown."""
        secret = SecretField(
            "HMAC key",
            description="As DocuSign shows it under Connect > Connect Keys. Stored encrypted, never shown again.",
            render_kw={"rows": 2, "spellcheck": "false"},
        )
        return type("SigningKeyForm", (super().extend_form_class(form_class),), {"secret": secret})

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page = super()._edit_page(form, row)
        page.main = ("name", "secret", "active")
        return page

    def save_entered(self, row: Any) -> SigningKey:
        return save_key(row, secret=vars(row).pop("entered_secret", None), actor=self.actor)

    def _render_form(self, page: EditPage) -> ViewResponse:
        if request.method == "POST":
            forget_entered(page.form["secret"])
        return super()._render_form(page)

    def fill_details(self, page: DetailsPage, row: SigningKey, tab: str) -> None:
        super().fill_details(page, row, tab)
        page.sections[0]["items"].insert(1, ("HMAC key", MASK))
