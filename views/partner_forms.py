"""The forms that partners fill in."""

from collections.abc import Callable
from typing import Any

from wtforms import BooleanField, DateField, Form, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional

from customerhub.approvals.tasks import LONGEST_COMMENT
from customerhub.errors import HubError, Invalid
from models import Customer
from models.enums import CustomerKind, CustomerType
from views.fields import ChoiceField, CodeField
from views.forms import clean_input, no_control_characters
from views.places import PLACES
from views.showing import label_for, shown
from views.words import word

NEEDED = "This is needed"


def line(label: str, longest: int, *, needed: bool = False, **options: Any) -> StringField:
    check = DataRequired(NEEDED) if needed else Optional()
    longer = Length(max=longest, message=f"{longest} characters are the most")
    options.setdefault("render_kw", {"maxlength": longest})
    return StringField(label, [check, longer, no_control_characters], filters=[clean_input], **options)


def _talk(label: str, *, needed: bool = False) -> TextAreaField:
    check = DataRequired(NEEDED) if needed else Optional()
    longer = Length(max=LONGEST_COMMENT, message=f"{LONGEST_COMMENT} characters are the most")
    return TextAreaField(label, [check, longer, no_control_characters], filters=[clean_input])


class AnswerForm(Form):
    answer = _talk("Your answer", needed=True)


class _Registration(Form):
    """What every registration asks, with a box to tick once there may be such a customer already."""

    def ask(self) -> None:
        """Have the box shown."""
        self.sure.asked = True

    def __iter__(self) -> Any:
        asked = getattr(self.sure, "asked", False) or self.sure.data
        return (field for field in super().__iter__() if field is not self.sure or asked)


def _form(name: str, number: str, number_label: str, more: Callable[[], dict[str, Any]]) -> Any:
    """A form that asks for a name, this number, `more`, whom to ask and where it is. Fields stand as they are made."""
    made: dict[str, Any] = {
        "name": line("Name", 200, needed=True),
        number: line(number_label, 40, needed=True),
    }
    made |= more()
    made |= {
        "contact_name": line("Whom to ask", 200, needed=True),
        "email": line("Email", 254),
        "contact_number": line("Phone", 60),
        "address": line("Street and number", 200),
        "postal_code": line("Postal code", 20),
        "city": line("City", 120),
        "country": CodeField("Country", named=PLACES["country"], blank=True),
        "comment": _talk("Anything we should know"),
        "sure": BooleanField("It is another one", description="I have checked: this customer is not registered yet."),
    }
    return type(name, (_Registration,), made)


def _of_companies() -> dict[str, Any]:
    return {
        "registration_date": DateField("Registration date", [Optional()]),
        "customer_type": ChoiceField("Legal form", members=CustomerType, blank=True),
        "vat_number": line("VAT number", 40),
        "website": line("Website", 300),
    }


REGISTRATION: dict[CustomerKind, Any] = {
    CustomerKind.COMPANY: _form("CompanyForm", "registration_number", "Registration number", _of_companies),
    CustomerKind.CONSUMER: _form("ConsumerForm", "identity_number", "Identity number", dict),
}


def _update_form(name: str, more: Callable[[], dict[str, Any]]) -> Any:
    """The particulars as they are, to be written over."""
    made: dict[str, Any] = {"name": line("Name", 200, needed=True)}
    made |= more()
    made |= {
        "email": line("Email", 500),
        "contact_number": line("Phone", 60),
        "website": line("Website", 300),
    }
    return type(name, (Form,), made | {"comment": _talk("Why")})


def _changed_of_companies() -> dict[str, Any]:
    return {
        "customer_type": ChoiceField("Legal form", members=CustomerType, blank=True),
        "registration_number": line("Registration number", 40),
        "registration_date": DateField("Registration date", [Optional()]),
        "vat_number": line("VAT number", 40),
        "vat_registration_date": DateField("VAT registration date", [Optional()]),
    }


UPDATE: dict[CustomerKind, Any] = {
    CustomerKind.COMPANY: _update_form("CompanyUpdate", _changed_of_companies),
    CustomerKind.CONSUMER: _update_form("ConsumerUpdate", lambda: {"identity_number": line("Identity number", 40)}),
}
# Where the form of a registration asks for what goes into the first contact and address.
PLACES_OF = {
    "contacts.0.name": "contact_name", "contacts.0.email": "email", "contacts.0.phone": "contact_number",
    "addresses.0.lines": "address", "addresses.0.postal_code": "postal_code", "addresses.0.city": "city",
    "addresses.0.country": "country",
}  # fmt: skip
LABELS = {"customer_type": "Legal form", "contact_number": "Phone"}  # as the forms call them


def label(name: str) -> str:
    return LABELS.get(name) or label_for(Customer, name)


def particulars_of(customer: Customer) -> list[tuple[str, Any]]:
    """(label, value) of what the forms ask for."""
    names = [name for name in UPDATE[customer.kind]()._fields if name != "comment"]
    return [("Kind", word(customer.kind)), *((label(name), shown(customer, name)) for name in names)]


def placed(error: HubError) -> HubError:
    """A refusal, told at the fields in which the form asks for it."""
    if not isinstance(error, Invalid):
        return error
    problems = [(PLACES_OF.get(name, name) if name else name, text) for name, text in error.problems]
    return Invalid(error.message, PLACES_OF.get(error.field or "", error.field), problems)
