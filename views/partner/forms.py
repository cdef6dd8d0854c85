"""The forms that partners fill in."""

from collections.abc import Callable
from typing import Any

from wtforms import BooleanField, Form, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from customerhub.approvals.tasks import LONGEST_COMMENT
from customerhub.core.errors import HubError, Invalid
from models import Customer
from models.enums import CustomerKind, CustomerType
from views.framework.custom_form_fields import build_custom_field
from views.framework.custom_values import list_fields
from views.framework.date_field import DateField
from views.framework.display import display_value, label_for
from views.framework.fields import ChoiceField, CodeField
from views.framework.forms import check_control_characters, clean_input
from views.framework.labels import member_label
from views.framework.locales import CODE_LISTS

REQUIRED_TEXT = "Required"


def text_field(label: str, max_length: int, *, required: bool = False, **options: Any) -> StringField:
    presence = DataRequired(REQUIRED_TEXT) if required else Optional()
    length = Length(max=max_length, message=f"Enter at most {max_length} characters")
    options.setdefault("render_kw", {"maxlength": max_length})
    return StringField(label, [presence, length, check_control_characters], filters=[clean_input], **options)


def _comment_field(label: str, *, required: bool = False) -> TextAreaField:
    presence = DataRequired(REQUIRED_TEXT) if required else Optional()
    length = Length(max=LONGEST_COMMENT, message=f"Enter at most {LONGEST_COMMENT} characters")
    return TextAreaField(label, [presence, length, check_control_characters], filters=[clean_input])


class AnswerForm(Form):
    answer = _comment_field("Your answer", required=True)


class _RegistrationForm(Form):
    """What every registration asks, with a box to tick once there may be such a customer already."""

    def show_confirmation(self) -> None:
        """Have the box shown."""
        self.sure.asked = True

    def __iter__(self) -> Any:
        is_confirmation_shown = getattr(self.sure, "asked", False) or self.sure.data
        return (field for field in super().__iter__() if field is not self.sure or is_confirmation_shown)


def _build_registration_form(name: str, number: str, number_label: str, more: Callable[[], dict[str, Any]]) -> Any:
    """A form with a name, this number, `more`, a contact person and an address. Fields are in the order of creation."""
    fields: dict[str, Any] = {
        "name": text_field("Name", 200, required=True),
        number: text_field(number_label, 40, required=True),
    }
    fields |= more()
    fields |= {
        "contact_name": text_field("Contact person", 200, required=True),
        "email": text_field("Email", 254),
        "contact_number": text_field("Phone", 60),
        "address": text_field("Street and number", 200),
        "postal_code": text_field("Postal code", 20),
        "city": text_field("City", 120),
        "country": CodeField("Country", code_names=CODE_LISTS["country"], blank=True),
        "comment": _comment_field("Additional information"),
        "sure": BooleanField("Different customer", description="I have checked: this customer is not registered yet."),
    }
    return type(name, (_RegistrationForm,), fields)


def _company_fields() -> dict[str, Any]:
    return {
        "registration_date": DateField("Registration date", [Optional()]),
        "customer_type": ChoiceField("Legal form", members=CustomerType, blank=True),
        "vat_number": text_field("VAT number", 40),
        "website": text_field("Website", 300),
    }


REGISTRATION: dict[CustomerKind, Any] = {
    CustomerKind.COMPANY: _build_registration_form(
        "CompanyForm", "registration_number", "Registration number", _company_fields
    ),
    CustomerKind.CONSUMER: _build_registration_form("ConsumerForm", "identity_number", "Identity number", dict),
}


def find_registration_form(kind: CustomerKind) -> Any:
    """The form of a registration, with the custom fields of the organisation that are required of prospects too."""
    fields = [each for each in list_fields(Customer) if each.is_required(of_prospect=True)]
    own_form = REGISTRATION[kind]
    return type(own_form.__name__, (own_form,), {each.name: build_custom_field(each) for each in fields})


def _build_update_form(name: str, more: Callable[[], dict[str, Any]]) -> Any:
    """The particulars as they are, to be written over."""
    fields: dict[str, Any] = {"name": text_field("Name", 200, required=True)}
    fields |= more()
    fields |= {
        "email": text_field("Email", 500),
        "contact_number": text_field("Phone", 60),
        "website": text_field("Website", 300),
    }
    return type(name, (Form,), fields | {"comment": _comment_field("Reason")})


def _company_update_fields() -> dict[str, Any]:
    return {
        "customer_type": ChoiceField("Legal form", members=CustomerType, blank=True),
        "registration_number": text_field("Registration number", 40),
        "registration_date": DateField("Registration date", [Optional()]),
        "vat_number": text_field("VAT number", 40),
        "vat_registration_date": DateField("VAT registration date", [Optional()]),
    }


UPDATE: dict[CustomerKind, Any] = {
    CustomerKind.COMPANY: _build_update_form("CompanyUpdate", _company_update_fields),
    CustomerKind.CONSUMER: _build_update_form(
        "ConsumerUpdate", lambda: {"identity_number": text_field("Identity number", 40)}
    ),
}
# Where the form of a registration asks for what goes into the first contact and address.
FORM_FIELDS = {
    "contacts.0.name": "contact_name",
    "contacts.0.email": "email",
    "contacts.0.phone": "contact_number",
    "addresses.0.lines": "address",
    "addresses.0.postal_code": "postal_code",
    "addresses.0.city": "city",
    "addresses.0.country": "country",
}
LABELS = {"customer_type": "Legal form", "contact_number": "Phone"}  # as the forms call them


def field_label(name: str) -> str:
    return LABELS.get(name) or label_for(Customer, name)


def list_particulars(customer: Customer) -> list[tuple[str, Any]]:
    """(label, value) of what the forms ask for."""
    names = [name for name in UPDATE[customer.kind]()._fields if name != "comment"]
    return [
        ("Kind", member_label(customer.kind)),
        *((field_label(name), display_value(customer, name)) for name in names),
    ]


def map_to_form_fields(error: HubError) -> HubError:
    """A refusal with the names of the form's fields."""
    if not isinstance(error, Invalid):
        return error
    problems = [(FORM_FIELDS.get(name, name) if name else name, text) for name, text in error.problems]
    return Invalid(error.message, FORM_FIELDS.get(error.field or "", error.field), problems)
