"""Questions that a form asks before it saves: it is saved when somebody has seen what they are about and agrees.

What was agreed is kept while the form is corrected, and is about what was shown alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from flask import request

from views.framework.edit_page import EditPage


@dataclass(frozen=True)
class Question:
    """`name` begins the names of its hidden fields. `submit` is the (name, label) of the button that agrees."""

    name: str
    submit: tuple[str, str]

    def list_agreed(self) -> set[str]:
        """The keys of what somebody has agreed to, by this request or by an earlier one of the same form."""
        agreed_keys = set(request.form.getlist(f"{self.name}_agreed"))
        if self.submit[0] in request.form:
            agreed_keys.update(request.form.getlist(self.name))
        return agreed_keys

    def keep_agreed(self, page: EditPage) -> None:
        """Have the form remember what was agreed."""
        page.hidden_fields += [(f"{self.name}_agreed", key) for key in sorted(self.list_agreed())]

    def ask_about(self, page: EditPage, keys: Iterable[str], text: str) -> None:
        """Have the form ask about `keys`, with a button that agrees."""
        page.hidden_fields += [(self.name, key) for key in keys]
        page.errors.append(text)
        page.more_submits = [self.submit]
