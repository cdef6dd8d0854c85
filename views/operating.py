"""The pages of operations: from the ticked rows to what will happen, and on to the result of each."""

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, g, redirect, request, url_for
from flask_admin import expose
from werkzeug.wrappers import Response
from wtforms import Form

from customerhub.errors import Invalid
from models.base import db
from views import once
from views.fields import LookupField
from views.filling import fields_of, submitted, tell
from views.operation import LIMIT, Operation, OperationPage, run_each, run_together, sort_out

Answer = str | Response | tuple[str, int]
TOO_MANY = f"An operation takes {LIMIT} rows at a time. Tick fewer."
MEANWHILE = "Somebody changed it after you opened this page. Look at it again"


class Operating:
    """The operations of a HubModelView."""

    def all_operations(self: Any) -> list[Operation]:
        """The operations that the actor may run at all."""
        return [operation for operation in self.operations if self.actor.may(operation.permission)]

    def possible_operations(self: Any, row: Any) -> list[Operation]:
        """The operations that the actor may run and that can be done to `row` now."""
        return [operation for operation in self.all_operations() if sort_out(operation, [row], self.actor)[0]]

    def operation_url(self: Any, operation: str, ids: Sequence[Any]) -> str:
        return url_for(f"{self.endpoint}.operation_view", operation=operation, id=list(ids))

    def operation_lookups(self: Any) -> dict[str, Any]:
        """The rows that the look-up fields of the actor's operations choose from, by the field's look-up name."""
        forms = [each.form for each in self.all_operations() if isinstance(each.form, type)]
        fields = (unbound for form in forms for _, unbound in fields_of(form, LookupField))
        return {unbound.kwargs["lookup"]: unbound.kwargs["source"] for unbound in fields}

    @expose("/action/", methods=("POST",))
    def action_view(self: Any) -> Answer:
        """From the ticked rows of the list to the page of the operation."""
        ids = request.form.getlist("rowid")
        if not ids or len(ids) > LIMIT:
            flash(TOO_MANY if ids else "Tick the rows first.", "warning")
            return redirect(url_for(f"{self.endpoint}.index_view"))
        operation = self._operation(request.form.get("action", ""))
        return redirect(self.operation_url(operation.name, ids), 303)

    @expose("/operation/<operation>/", methods=("GET", "POST"))
    def operation_view(self: Any, operation: str) -> Answer:
        """What will happen, the form, the preview; on POST it is done and each row's result is shown."""
        chosen = self._operation(operation)
        wanted = request.method == "POST" and "preview" not in request.form
        sent = once.claim() if wanted else None
        if sent is not None and sent.is_same:
            return sent.lead_on(url_for(f"{self.endpoint}.index_view"))
        rows = self._chosen_rows(request.args.getlist("id"))
        can, cannot = sort_out(chosen, rows, self.actor)
        can, changed = _unchanged(chosen, can)
        cannot += changed
        g.crumb = chosen.label
        form = _form(chosen, can or rows, self.actor)
        page = self._operation_page(chosen, form, can, cannot)
        if sent is not None:
            page.errors.append(once.OTHERWISE)
        elif wanted and can and not (changed and chosen.together) and (form is None or form.validate()):
            answer = self._run(chosen, can, form, page)
            if answer is not None:
                return answer
        if chosen.preview and can:
            page.refresh = form is not None
            page.preview = chosen.preview(can, _values(form), self.actor)
        status = 200 if not wanted else 422 if can and sent is None else 409
        return self.render("operation.html", page=page), status

    def _operation(self: Any, wanted: str) -> Operation:
        found: Operation | None = next((each for each in self.operations if each.name == wanted), None)
        if found is None:
            abort(404)
        if not self.actor.may(found.permission):
            abort(403)
        return found

    def _chosen_rows(self: Any, ids: Sequence[str]) -> list[Any]:
        """The rows with these ids, in their order; 404 where one of them is not the actor's to know of.

        Raises Invalid where they are more than LIMIT.
        """
        if len(ids) > LIMIT:
            raise Invalid(TOO_MANY)
        if not ids or not all(text.isascii() and text.isdigit() and len(text) < 19 for text in ids):
            abort(404)
        keys = list(dict.fromkeys(int(text) for text in ids))
        found = db.session.scalars(self.rows().where(self.model.id.in_(keys)).options(*self.load)).unique().all()
        if len(found) != len(keys):
            abort(404)
        by_key = {row.id: row for row in found}
        return [by_key[key] for key in keys]

    def _operation_page(
        self: Any, operation: Operation, form: Form | None, can: list[Any], cannot: list[tuple[Any, str]]
    ) -> OperationPage:
        rows = [*can, *(row for row, _ in cannot)]
        title = operation.title(can or rows, self.noun)
        return OperationPage(
            title=title,
            explain=operation.explain,
            form=form,
            subjects={
                "can": [{"label": str(row), "url": self.url_of(row)} for row in can],
                "cannot": [{"label": str(row), "url": self.url_of(row), "why": why} for row, why in cannot],
            },
            button=title,
            danger=operation.danger,
            back_url=self.url_of(rows[0]) if len(rows) == 1 else url_for(f"{self.endpoint}.index_view"),
            keep=[("seen", f"{row.id}:{operation.seen(row)}") for row in rows],
        )

    def _run(self: Any, operation: Operation, rows: list[Any], form: Form | None, page: OperationPage) -> Answer | None:
        """Run it; None where what was typed is refused and the page is to be shown again."""
        run = run_together if operation.together else run_each
        index = url_for(f"{self.endpoint}.index_view")
        back = index if operation.removes else page.back_url or index
        results = run(operation, rows, _values(form), self.actor, self.url_of)
        leads_to = operation.leads_to if len(results) == 1 and results[0]["ok"] else None
        if leads_to is not None:
            back = leads_to(results[0]["made"])
        if any(result["ok"] for result in results):
            once.lead_to(back)
            db.session.commit()
        else:
            db.session.rollback()
        left_out = [{**row, "ok": False, "text": row["why"]} for row in page.subjects["cannot"]]
        if len(results) == 1 and not left_out:
            if results[0]["ok"]:
                if leads_to is None:
                    flash(f"Done: {page.button}", "success")
                return redirect(back, 303)
            if form is not None:
                page.errors += tell(form, results[0]["error"])
                return None
        page.results = [*results, *left_out]
        page.back_url = index
        return self.render("operation.html", page=page)


def _form(operation: Operation, rows: Sequence[Any], actor: Any) -> Form | None:
    """The form of an operation on these rows: as it was posted, or as it begins."""
    if operation.form is None:
        return None
    kind = operation.form if isinstance(operation.form, type) else operation.form(rows, actor)
    return kind(submitted([kind]), data=operation.first(rows, actor) if operation.first else None)


def _values(form: Form | None) -> dict[str, Any]:
    return {} if form is None else {name: value for name, value in form.data.items() if name != "csrf_token"}


def _unchanged(operation: Operation, rows: Sequence[Any]) -> tuple[list[Any], list[tuple[Any, str]]]:
    """The rows that are as the posted page showed them, and (row, why not) of the others."""
    seen = dict(text.split(":", 1) for text in request.form.getlist("seen") if ":" in text)
    same, changed = [], []
    for row in rows:
        if seen.get(str(row.id), operation.seen(row)) == operation.seen(row):
            same.append(row)
        else:
            changed.append((row, MEANWHILE))
    return same, changed
