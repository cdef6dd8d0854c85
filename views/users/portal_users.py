"""Portal users: in a list and on the page of their customer."""

from typing import Any

from flask import abort, redirect, request, url_for
from sqlalchemy import Select
from sqlalchemy.orm import joinedload

from customerhub.core.permissions import Actor, Permission, select_visible
from customerhub.core.spreadsheets import CellKind
from customerhub.customers.portal_users import FIRST_PERMISSIONS
from customerhub.users.links import get_one_time_links
from customerhub.users.portal_accounts import save_portal_user
from models import Customer, User
from models.base import db
from models.enums import Role
from views.cells.customers import customer_link
from views.framework.columns import Column
from views.framework.edit_page import DetailsPage, EditPage
from views.framework.exported import Exported, Related
from views.framework.filters import Filter
from views.framework.formatting import format_datetime
from views.framework.model_view import HubModelView
from views.framework.operation import Operation, OperationPage
from views.http.urls import parse_id, path_to
from views.users.portal_user_operations import EDIT_PERMISSION, OPERATIONS, permission_chips, state_cell


def portal_tab_url(customer_id: int | None) -> str:
    """The address of a customer's portal users."""
    return path_to("customers.details_view", customer_id or 0) + "&tab=portal"


def _save(user: User, *, actor: Actor) -> User:
    return save_portal_user(user, links=get_one_time_links(), actor=actor)


class PortalUserView(HubModelView):
    noun = "portal user"
    title = "Portal users"
    intro = "Portal accounts of customers. The first one is created from the customer's email address."
    empty_text = "Save a customer with an email address or add a portal user."
    columns = (
        Column(
            "name",
            "Name",
            lambda row: row.name,
            sort=User.name,
            export=Exported(User.name),
        ),
        Column(
            "customer",
            "Customer",
            lambda row: customer_link(row.customer),
            export_text=lambda row: row.customer.name,
            export=Exported(Related(User.customer, Customer.name)),
        ),
        Column(
            "email",
            "Email",
            lambda row: row.email,
            sort=User.email_key,
            no_truncate=True,
            collapsed_format="{}",
            export=Exported(User.email),
        ),
        Column("permissions", "Portal permissions", permission_chips, default_visible=False),
        Column("state", "State", state_cell),
        Column(
            "last_sign_in_at",
            "Last sign-in",
            lambda row: format_datetime(row.last_sign_in_at),
            sort=User.last_sign_in_at,
            collapsed_format="signed in {}",
            export=Exported(User.last_sign_in_at, kind=CellKind.MOMENT),
        ),
    )
    filters = (Filter("active", "Enabled", User.active, "yes"),)
    search_columns = (User.name, User.email)
    search_hint = "Search by name or email"
    default_order = (User.name,)
    load_options = (joinedload(User.customer).joinedload(Customer.status),)
    fields = ("name", "email", "customer_id", "portal_permissions")
    field_args: dict[str, dict[str, Any]] = {
        "email": {"description": "Used to sign in. New portal users are emailed a link to choose a password"},
        "customer_id": {"marked_required": True, "description": "Sees this customer's record"},
        "portal_permissions": {"description": "“Deny all” overrides all other permissions"},
    }
    operations = OPERATIONS
    view_permission = Permission.CUSTOMERS_VIEW
    edit_permission = EDIT_PERMISSION
    save = staticmethod(_save)

    def base_query(self) -> Select[Any]:
        return super().base_query().where(User.role == Role.CUSTOMER)

    def new_row(self) -> User:
        return User(organisation_id=self.actor.organisation_id, role=Role.CUSTOMER)

    def initial_values(self) -> dict[str, Any]:
        defaults = {"portal_permissions": [permission.value for permission in FIRST_PERMISSIONS]}
        customer_key = request.args.get("customer", "")
        return defaults | ({"customer_id": self._get_customer(customer_key).id} if customer_key else {})

    def _get_customer(self, key: str) -> Customer:
        customer_id = parse_id(key)
        if customer_id is None:
            abort(404)
        return db.session.scalar(select_visible(Customer, self.actor).where(Customer.id == customer_id)) or abort(404)

    def _edit_page(self, form: Any, row: Any) -> EditPage:
        page = super()._edit_page(form, row)
        customer_id = form["customer_id"].data
        page.cancel_url = portal_tab_url(customer_id) if customer_id else page.cancel_url
        if row is not None:
            page.main = [name for name in self.fields if name != "customer_id"]
            page.subtitle = f"Portal user of {row.customer}"
        return page

    def fill_details(self, page: DetailsPage, row: User, _tab: str) -> None:
        last = format_datetime(row.last_sign_in_at) or "Never"
        items = [
            ("Name", row.name),
            ("Email", row.email),
            ("Customer", customer_link(row.customer)),
            ("Portal permissions", permission_chips(row)),
            ("State", state_cell(row)),
            ("Last sign-in", last),
        ]
        edit = url_for("portal-users.edit_view", id=row.id) if self.can_edit else None
        page.sections.append({"title": "Details", "items": items, "edit_url": edit})

    def _after_save(self, row: User) -> Any:
        response = super()._after_save(row)
        return redirect(portal_tab_url(row.customer_id), 303) if response.location == self.url_of(row) else response

    def _build_operation_page(
        self, operation: Operation, form: Any, can: list[Any], cannot: list[Any]
    ) -> OperationPage:
        page = super()._build_operation_page(operation, form, can, cannot)
        rows = [*can, *(row for row, _ in cannot)]
        if len(rows) == 1:
            page.back_url = portal_tab_url(rows[0].customer_id)
        return page
