"""The text of an organisation's NDA: what can be filled in, a text to begin with, and checking on save."""

from collections.abc import Mapping
from typing import Final

from customerhub.mail.templates import list_text_problems

MAX_LENGTH: Final = 100_000  # characters of a template
PLACEHOLDERS: Final[Mapping[str, str]] = {
    "organisation": "The name of your organisation",
    "organisation_registered_name": "The registered name of the business entity that bills the customer",
    "organisation_address": "Its address",
    "organisation_registration_number": "Its registration number",
    "signatory": "Who signs for your organisation",
    "client": "The name of the invoice profile",
    "client_email": "The email address of the invoice profile",
    "customer": "The customer's name",
    "account_number": "The customer's account number",
    "customer_registration_number": "The customer's registration number",
    "customer_address": "The customer's registered address, else its mailing address",
    "today": "The day on which the NDA is sent",
}
STARTING_TEXT: Final = """This agreement is made on {{today}} between **{{organisation_registered_name}}**, \
{{organisation_address}}, and **{{customer}}**, {{customer_address}}, for its invoice profile {{client}}.

**1. Confidential information**
Each party keeps confidential what it learns of the other's business, customers, prices and technology in connection \
with the services, and uses it for these services only.

**2. Exceptions**
This does not apply to information that
- is or becomes public without a breach of this agreement
- the receiving party already knew, or developed by itself
- must be disclosed by law; the other party is informed beforehand where that is allowed

**3. Duration**
These obligations begin on signature and continue for three years after the last contract between the parties has ended.
"""


def list_template_problems(source: str | None) -> list[str]:
    """What is wrong with the text of an NDA template, each with its place."""
    if source and len(source) > MAX_LENGTH:
        return [f"The template has {len(source):,} characters; the maximum is {MAX_LENGTH:,}"]
    return list_text_problems(PLACEHOLDERS, "body", source or "")
