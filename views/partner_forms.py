"""The forms that partners fill in."""

from collections.abc import Callable
from typing import Any

from wtforms import BooleanField, DateField, Form, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from customerhub.approvals.tasks import LONGEST_COMMENT
from models import Customer
from models.enums import CustomerKind, CustomerType
from views.fields import ChoiceField, CodeField
from views.forms import clean_input
from views.places import PLACES
from views.showing import label_for, shown
from views.words import word

NEEDED = "This is needed"


def _text(label: str, longest: int, *, needed: bool = False, **options: Any) -> StringField:
    check = InputRequired(NEEDED) if needed else Optional()
    longer = Length(max=longest, message=f"{longest} characters are the most")
    return StringField(label, [check, longer], filters=[clean_input], **options)


def _talk(label: str, **options: Any) -> TextAreaField:
    return TextAreaField(label, [Optional(), Length(max=LONGEST_COMMENT)], filters=[clean_input], **options)


class AnswerForm(Form):
    answer = _talk("Your answer")


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
    made: dict[str, Any] = {"name": _text("Name", 200, needed=True), number: _text(number_label, 40, needed=True)}
    made |= more()
    made |= {
        "contact_name": _text("Contact: name", 200, needed=True),
        "email": _text("Email", 254),
        "contact_number": _text("Phone", 60),
        "address": _text("Street and number", 200),
        "postal_code": _text("Postal code", 20),
        "city": _text("City", 120),
        "country": CodeField("Country", named=PLACES["country"], blank=True),
        "comment": _talk("Anything we should know"),
        "sure": BooleanField("It is another one", description="I have checked: this customer is not registered yet."),
    }
    return type(name, (_Registration,), made)


def _of_companies() -> dict[str, Any]:
    return {
        "registration_date": DateField("Registration date", [Optional()]),
        "customer_type": ChoiceField("Legal form", members=CustomerType, blank=True),
        "vat_number": _text("VAT number", 40),
        "website": _text("Website", 300),
    }


REGISTRATION: dict[CustomerKind, Any] = {
    CustomerKind.COMPANY: _form("CompanyForm", "registration_number", "Registration number", _of_companies),
    CustomerKind.CONSUMER: _form("ConsumerForm", "identity_number", "Identity number", dict),
}


class UpdateForm(Form):
    """The particulars as they are, to be written over."""

    name = _text("Name", 200, needed=True)
    customer_type = ChoiceField("Legal form", members=CustomerType, blank=True)
    identity_number = _text("Identity number", 40)
    registration_number = _text("Registration number", 40)
    registration_date = DateField("Registration date", [Optional()])
    vat_number = _text("VAT number", 40)
    vat_registration_date = DateField("VAT registration date", [Optional()])
    email = _text("Email", 500)
    contact_number = _text("Phone", 60)
    website = _text("Website", 300)
    comment = _talk("Why")


def label(name: str) -> str:
    return label_for(Customer, name)


def told(customer: Customer, name: str) -> Any:
    return word(customer.kind) if name == "kind" else shown(customer, name)
