"""Operations on all rows that a list has, beyond those of its page: named by the query of the list, done by a job."""

from dataclasses import dataclass, field
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask_admin import expose
from sqlalchemy import Select, func, select

from customerhub.core import operation_runs
from customerhub.core.references import pluralize
from models.base import db
from views.framework import list_page
from views.framework.operation import (
    MAX_ROWS,
    Operation,
    OperationPage,
    always_available,
    describe_rows,
    split_by_availability,
)
from views.framework.operation_forms import OperationForms, build_forms
from views.framework.operation_page import MAX_ADDRESS_LENGTH
from views.framework.operation_runs import RunMixin
from views.framework.screen import ViewResponse
from views.http import form_tokens

CHECKED_ROWS = 2000  # rows that the page asks about before anything is done
LISTED_ROWS = 20
ADDRESS_TOO_LONG = "This list has too many filters for an operation on all of it. Remove some of them"


@dataclass
class Matching:
    """The rows of a list, `total` in all: of those that were asked about, the ones that can be processed and not."""

    query: Select[Any]
    total: int
    can: list[Any] = field(default_factory=list)
    cannot: list[tuple[Any, str]] = field(default_factory=list)

    @property
    def checked_count(self) -> int:
        return len(self.can) + len(self.cannot)

    @property
    def possible_count(self) -> int:
        """How many rows can be processed, as far as is known."""
        return self.total - len(self.cannot)


class MatchingMixin(RunMixin):
    """The operations of a HubModelView on all rows of its list."""

    @expose("/action/", methods=("POST",))
    def action_view(self) -> ViewResponse:
        """From the list to the page of the operation: on its ticked rows, or on all it has. What fits on a page of
        ticked rows is shown there, row by row.
        """
        if request.form.get("all") != "1":
            return super().action_view()
        operation = self._get_operation(request.form.get("action", ""))
        ids, _ = self.list_row_ids(self.parse_left_list(), MAX_ROWS + 1)
        back = request.form.get("back")
        if 0 < len(ids) <= MAX_ROWS:
            return redirect(self.operation_url(operation.name, ids, back), 303)
        url = url_for(f"{self.endpoint}.operation_view", operation=operation.name, all=1, back=back or "?")
        problem = operation.find_limit_reason(self.noun) if ids else f"The list has no {pluralize(self.noun)} any more"
        if problem is None and len(url) > MAX_ADDRESS_LENGTH:
            problem = ADDRESS_TOO_LONG
        if problem is not None:
            flash(f"{problem}.", "warning")
            return redirect(self._list_url(), 303)
        return redirect(url, 303)

    @expose("/available/")
    def available_view(self) -> Any:
        """As of ticked rows; of all that the list has, which operations are done to any number of rows."""
        if request.args.get("all") != "1":
            return super().available_view()
        ids, _ = self.list_row_ids(self.parse_left_list(), MAX_ROWS + 1)
        if len(ids) <= MAX_ROWS:
            return self._describe_available(self._selected_rows([str(key) for key in ids]))
        reasons = [(each.name, each.find_limit_reason(self.noun)) for each in self.bulk_operations()]
        return [{"name": name, "count": 0 if reason else None, "reason": reason or ""} for name, reason in reasons]

    @expose("/operation/<operation>/", methods=("GET", "POST"))
    def operation_view(self, operation: str) -> ViewResponse:
        if request.args.get("all") != "1":
            return super().operation_view(operation)
        chosen = self._get_operation(operation)
        if not chosen.bulk:
            abort(404)
        is_submission = request.method == "POST" and "preview" not in request.form
        duplicate = form_tokens.claim_token() if is_submission else None
        if duplicate is not None and duplicate.is_same:
            return duplicate.redirect_again(self._list_url())
        matching = self._find_matching(chosen)
        problem = chosen.find_limit_reason(self.noun) if matching.total else "The list has no rows any more"
        if problem is not None:
            flash(f"{problem}.", "warning")
            return redirect(self._list_url(), 303)
        return self._show_matching(chosen, matching, duplicate, is_submission=is_submission)

    def _show_matching(
        self,
        operation: Operation,
        matching: Matching,
        duplicate: form_tokens.DuplicateSubmission | None,
        *,
        is_submission: bool,
    ) -> ViewResponse:
        g.crumb = operation.label
        shown_rows = matching.can[:LISTED_ROWS]
        forms = build_forms(operation, shown_rows or [row for row, _ in matching.cannot], shown_rows, self.actor)
        page = self._build_matching_page(operation, forms, matching)
        if duplicate is not None:
            page.errors.append(form_tokens.SAVED_WITH_OTHER_ENTRIES)
        elif is_submission and request.form.get("total") != str(matching.total):
            what = describe_rows([], self.noun, matching.total)
            page.errors.append(f"The list has changed: it has {what} now. Review it again")
        elif is_submission and matching.can and forms.validate():
            rows = matching.query.with_only_columns(self.model.id, self.model.version, maintain_column_froms=True)
            run = operation_runs.start_run(self._describe_run(operation, page), rows, actor=self.actor)
            return self.lead_to_run(run, is_waiting=True)
        if operation.preview and shown_rows:
            page.refreshes_preview = forms.form is not None
            page.preview = operation.preview(shown_rows, forms.preview_values, self.actor)
            for table in page.preview:
                table["text"] = f"The first {len(shown_rows)} of {matching.total:,}"
        return self.render("screens/operation.html", page=page), 422 if is_submission else 200

    def _find_matching(self, operation: Operation) -> Matching:
        """All rows of the list that was left, of which the first are asked about where that takes asking."""
        args = self.parse_left_list()
        order = list_page.order_of(args, self.columns, self.default_order, self.model)
        query, filter_errors = self.filtered_query(args)
        list_page.flash_filter_errors(filter_errors)
        ids = query.with_only_columns(self.model.id, maintain_column_froms=True)
        total = db.session.scalar(select(func.count()).select_from(ids.subquery())) or 0
        is_asked = operation.unavailable_reasons is not None or operation.unavailable_reason is not always_available
        matching = Matching(query.order_by(*order), total)
        first_ids = db.session.scalars(ids.order_by(*order).limit(CHECKED_ROWS if is_asked else LISTED_ROWS)).all()
        for start in range(0, len(first_ids), MAX_ROWS):
            can, cannot = split_by_availability(
                operation, self.load_run_rows(first_ids[start : start + MAX_ROWS]), self.actor
            )
            matching.can += can
            matching.cannot += cannot
        return matching

    def _build_matching_page(self, operation: Operation, forms: OperationForms, matching: Matching) -> OperationPage:
        shown = matching.can[:LISTED_ROWS]
        page = self._build_operation_page(operation, forms, shown, matching.cannot[:LISTED_ROWS])
        page.title = operation.format_title(describe_rows([], self.noun, matching.total))
        page.button = operation.format_button(describe_rows([], self.noun, matching.possible_count))
        page.back_url = self._list_url()
        page.hidden_fields = [("total", str(matching.total))]
        page.counts = {"can": matching.possible_count, "cannot": len(matching.cannot)}
        page.note = (
            f"All {pluralize(self.noun)} of the list as it is now. They are processed in the background: the next page "
            "shows the progress, and what could not be done."
        )
        if len(matching.cannot) > 0 and matching.checked_count < matching.total:
            page.note += f" So far the first {matching.checked_count:,} were checked; the others are checked later."
        return page
