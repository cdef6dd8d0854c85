"""A field for a secret: what is stored is never shown, only that there is something."""

from typing import Any

from wtforms import Field, TextAreaField

from customerhub.signing.settings import MASK

ENTER_AGAIN = "Enter it again: what was entered is not shown"


class SecretField(TextAreaField):
    """The mask where a secret is stored, which keeps it when it is sent back. What is entered goes to the attribute
    `entered_…` of the row, never to the column.
    """

    def process_data(self, value: Any) -> None:
        self.data = MASK if value else ""

    def populate_obj(self, obj: Any, name: str) -> None:
        setattr(obj, f"entered_{name}", self.data)

    def display_text(self) -> str:
        """What the comparison of two people's entries shows."""
        return MASK if self.data else ""


def forget_entered(field: Field) -> None:
    """Before a refused form is shown again: without what was entered, of which the person is told."""
    text = (field.data or "").strip()
    if text and text != MASK:
        field.data = ""
        field.errors = [*field.errors, ENTER_AGAIN]
