"""Portal users: the people who sign in for a customer, in a list and on the page of their customer."""

from typing import Any

from flask import abort, redirect, request, url_for
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from customerhub.customers.portal_users import FIRST_PERMISSIONS
from customerhub.permissions import Actor, Permission, scope
from customerhub.users.portal_accounts import save_portal_user
from models import Customer, User
from models.base import db
from models.enums import Role
from views.base import HubModelView
from views.columns import Column, Filter, moment
from views.customer_cells import customer_link
from views.editing import DetailsPage
from views.operation import Operation, OperationPage
from views.paths import path_to
from views.portal_user_operations import EDITS, OPERATIONS, links, permission_chips, state_cell


def tab_of(customer_id: int | None) -> str:
    """The address of a customer's portal users."""
    return path_to("customers.details_view", customer_id or 0) + "&tab=portal"


def _save(user: User, *, actor: Actor) -> User:
    return save_portal_user(user, links=links(), actor=actor)


class PortalUserView(HubModelView):
    noun = "portal user"
    title = "Portal users"
    intro = "Who signs in for a customer. The first one comes with the customer's email address."
    empty_text = "Save a customer with an email address, or add somebody who works there."
    columns = (
        Column("name", "Name", lambda row: row.name, sort=User.name),
        Column("customer", "Customer", lambda row: customer_link(row.customer), text=lambda row: row.customer.name),
        Column("email", "Email", lambda row: row.email, sort=User.email_key, whole=True, folds="{}"),
        Column("permissions", "May see", permission_chips, usual=False),
        Column("state", "State", state_cell),
        Column(
            "last_sign_in_at",
            "Last sign-in",
            lambda row: moment(row.last_sign_in_at),
            sort=User.last_sign_in_at,
            folds="signed in {}",
        ),
    )
    filters = (Filter("active", "Enabled", User.active, "yes"),)
    searched = (User.name, User.email)
    search_hint = "Search by name or email"
    usual_order = (User.name,)
    load = (joinedload(User.customer).joinedload(Customer.status),)
    fields = ("name", "email", "customer_id", "portal_permissions")
    field_args: dict[str, dict[str, Any]] = {
        "email": {"description": "They sign in with it. A new one gets a mail with a link to choose a password"},
        "customer_id": {"particular": True, "description": "Whose record they see"},
        "portal_permissions": {"description": "“Deny all” takes away whatever else is ticked"},
    }
    operations = OPERATIONS
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = EDITS
    save = staticmethod(_save)

    def rows(self) -> Select[Any]:
        return super().rows().where(User.role == Role.CUSTOMER)

    def new_row(self) -> User:
        return User(organisation_id=self.actor.organisation_id, role=Role.CUSTOMER)

    def first_values(self) -> dict[str, Any]:
        given = {"portal_permissions": [permission.value for permission in FIRST_PERMISSIONS]}
        owner = request.args.get("customer", "")
        return given | ({"customer_id": self._customer(owner).id} if owner else {})

    def _customer(self, key: str) -> Customer:
        known = key.isascii() and key.isdigit() and len(key) < 19
        found = db.session.scalar(scope(Customer, self.actor).where(Customer.id == int(key))) if known else None
        return found if found is not None else abort(404)

    def _edit_page(self, form: Any, row: Any) -> Any:
        page = super()._edit_page(form, row)
        owner = form["customer_id"].data
        page.cancel_url = tab_of(owner) if owner else page.cancel_url
        if row is not None:
            page.main = [name for name in self.fields if name != "customer_id"]
            page.subtitle = f"Signs in for {row.customer}"
        return page

    def fill_details(self, page: DetailsPage, row: User, _tab: str) -> None:
        last = moment(row.last_sign_in_at) or "Never"
        items = [("Name", row.name), ("Email", row.email), ("Customer", customer_link(row.customer)),
                 ("May see", permission_chips(row)), ("State", state_cell(row)), ("Last sign-in", last)]  # fmt: skip
        edit = url_for("portal-users.edit_view", id=row.id) if self.can_edit else None
        page.sections.append({"title": "Details", "items": items, "edit_url": edit})

    def _after_save(self, row: User) -> Any:
        answer = super()._after_save(row)
        return redirect(tab_of(row.customer_id), 303) if answer.location == self.url_of(row) else answer

    def _operation_page(self, operation: Operation, form: Any, can: list[Any], cannot: list[Any]) -> OperationPage:
        page = super()._operation_page(operation, form, can, cannot)
        rows = [*can, *(row for row, _ in cannot)]
        if len(rows) == 1:
            page.back_url = tab_of(rows[0].customer_id)
        return page
