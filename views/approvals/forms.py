"""What the operations on approval tasks and stages ask for."""

from typing import Any

from wtforms import BooleanField, Form, StringField, TextAreaField
from wtforms.validators import Length, Optional, ValidationError

from customerhub.approvals import tasks, transitions
from models import Customer, TaskFile
from models.base import column_length
from views.framework.date_field import DateField
from views.framework.fields import AmountField, UploadField
from views.framework.forms import RequiredMarker, clean_input

COMMENT_HINT = "The requester, including a partner, will see this comment."


def comment_field(label: str = "Comment", *, required: bool = False, hint: str = COMMENT_HINT) -> Any:
    validators = [Optional(), Length(max=tasks.LONGEST_COMMENT), *([RequiredMarker()] if required else [])]
    return TextAreaField(label, validators, filters=[clean_input], description=hint)


def _reference_field(label: str, *validators: Any) -> Any:
    return StringField(
        label,
        [*(validators or [Optional()]), Length(max=transitions.LONGEST_REFERENCE)],
        filters=[clean_input],
        render_kw={"required": False},
    )


def _revenue_field() -> Any:
    return AmountField("Estimated monthly revenue", [Optional()], decimals=2, limit=transitions.MOST_REVENUE)


def _require_text(message: str) -> Any:
    """Refuses a blank field; the page says so in place of the browser."""

    def check(_form: Form, field: Any) -> None:
        if not field.data:
            raise ValidationError(message)

    return check


class CreditForm(Form):
    """What belongs to a customer that passes the credit check."""

    credit_reference = _reference_field("Credit reference")
    estimated_monthly_revenue = _revenue_field()


class BillingForm(Form):
    """What belongs to a customer that goes live."""

    billing_reference = _reference_field("Billing reference")
    estimated_monthly_revenue = _revenue_field()


class FirstBillingForm(Form):
    """As `BillingForm`, of a customer that has no billing reference yet: it cannot go live without."""

    billing_reference = _reference_field(
        "Billing reference", RequiredMarker(), _require_text("Enter a billing reference")
    )
    estimated_monthly_revenue = _revenue_field()


def find_billing_form(customer: Customer) -> type[Form]:
    """What is asked for each customer that goes live."""
    return BillingForm if customer.billing_reference else FirstBillingForm


class CommentForm(Form):
    comment = comment_field()


class CreditDecisionForm(CommentForm):
    """What is asked once where one credit check is decided."""

    report = UploadField("Credit report", description="Kept with the task, for staff only.")


class ReasonForm(Form):
    comment = comment_field("Reason", required=True)


class RequiredCommentForm(Form):
    comment = comment_field(required=True)


class QuestionForm(Form):
    question = comment_field("Question", required=True, hint="The requester is notified by email and can answer.")


class AnswerForm(Form):
    answer = comment_field("Your answer", required=True, hint="The assignee is notified by email.")


class FileForm(Form):
    file = UploadField("File", [_require_text("Choose a file")])
    note = StringField("Note", [Optional(), Length(max=column_length(TaskFile.note))], filters=[clean_input])


class DueForm(Form):
    due_on = DateField("Due on", [Optional()], render_kw={"data-show-when": "no_due_date="})
    no_due_date = BooleanField("No due date")

    def validate(self, extra_validators: Any = None) -> bool:
        """Blank is no answer: of several tasks it would take away what each has."""
        is_valid = super().validate(extra_validators)
        if self.due_on.data is None and not self.due_on.errors and not self.no_due_date.data:
            self.due_on.errors = ["Enter a date, or choose “No due date”"]
            return False
        return bool(is_valid)
