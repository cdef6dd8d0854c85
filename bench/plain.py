"""The baseline: a plain Flask-Admin over the same tables, as well tuned as its options allow, with its own templates.

It knows no sign-in, no permissions, no history and no saved views; it lists, searches and edits customers.
"""

from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_admin.theme import Bootstrap4Theme
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, func, literal_column, text
from sqlalchemy.orm import joinedload, registry, relationship, selectinload

ORGANISATION = 1
TO_ONE = {
    "category": "catalog_item", "region": "catalog_item", "segment": "catalog_item", "channel": "catalog_item",
    "subscription_type": "catalog_item", "status": "customer_status", "review_template": "notification_template",
    "responsible_manager": "hub_user", "service_manager": "hub_user", "account_manager": "hub_user",
    "dealer": "dealer", "group": "customer_group", "payment_method": "payment_method",
    "payment_terms": "payment_terms", "vat_rate": "vat_rate", "business_entity": "business_entity",
    "default_tariff": "tariff",
}  # fmt: skip
LINE_TO_ONE = {
    "commodity": "commodity",
    "location": "location",
    "department": "department",
    "billed_user": "billed_user",
}
PARTS = {
    "compliance_documents": ("compliance_document", ("certificate", "expiry_date", "reviewer_email", "template")),
    "billing_lines": ("billing_line", (*LINE_TO_ONE, "minimum_cost", "cost_per_unit", "active_from", "active_to")),
    "contacts": ("contact", ("name", "role", "email", "phone")),
    "addresses": ("address", ("kind", "lines", "postal_code", "city", "country")),
    "legal_entities": ("legal_entity", ("name", "registration_number", "vat_number", "address", "business_entity")),
    "invoice_profiles": ("invoice_profile", ("name", "email")),
}
PART_TO_ONE = {
    "billing_line": LINE_TO_ONE,
    "compliance_document": {"template": "notification_template"},
    "legal_entity": {"business_entity": "business_entity"},
}
LIST = ("name", "reference", "account_number", "region.name", "status.name", "risk", "stage", "account_manager.name",
        "start_date")  # fmt: skip
FORM = (
    "name", "reference", "account_number", "kind", "is_prospect", "customer_type", "category", "region", "departments",
    "email", "contact_number", "website", "start_date", "risk", "identity_number", "registration_number",
    "registration_date", "vat_number", "vat_registration_date", "year_end_day", "year_end_month",
    "credit_check_company", "total_spend", "credit_limit", "existing_relationship", "relationship_note",
    "review_start_date", "review_frequency", "reviewer_email", "review_template", "automatic_report", "status",
    "billing_cycle", "billing_day", "payment_method", "payment_terms", "vat_rate", "empty_or_low",
    "low_usage_minimum", "business_entity", "bill_length_mailed", "bill_length_downloaded", "bill_length_printed",
    "invoice_types", "subscription_type", "number_of_users", "default_tariff", "markup", "annual_increase_percent",
    "annual_increase_date", "responsible_manager", "service_manager", "account_manager", "dealer", "group", "segment",
    "channel", "promotional_emails", "portal_access",
)  # fmt: skip


def create_app(url: str) -> Flask:
    """The baseline over the database at `url`."""
    app = Flask("plain")
    app.config.update(SECRET_KEY="bench", SQLALCHEMY_DATABASE_URI=url)
    db = SQLAlchemy(app)
    admin = Admin(app, name="Plain", theme=Bootstrap4Theme())
    with app.app_context():
        classes = _classes(db.engine)
    admin.add_view(_customer_view(classes)(classes["customer"], db, endpoint="customer"))
    return app


def _classes(engine: Engine) -> dict[str, Any]:
    """A plain class for each table that the customer's list and form touch, as the database describes it."""
    metadata = MetaData()
    parts = [table for table, _ in PARTS.values()]
    wanted = {"customer", "account", "customer_department", "customer_invoice_type", "invoice_type", *parts,
              *TO_ONE.values(), *LINE_TO_ONE.values()}  # fmt: skip
    metadata.reflect(engine, only=sorted(wanted))
    classes: dict[str, Any] = {}
    for name in wanted - {"customer_department", "customer_invoice_type"}:
        label = {"dealer": "code"}.get(name, "name")
        classes[name] = type(
            name.title().replace("_", ""), (), {"__str__": lambda self, a=label: str(getattr(self, a, ""))}
        )
    mapper = registry(metadata=metadata)
    for name, made in classes.items():
        mapper.map_imperatively(made, metadata.tables[name], properties=_properties(name, classes, metadata))
    return classes


def _properties(name: str, classes: dict[str, Any], metadata: MetaData) -> dict[str, Any]:
    tables = metadata.tables
    table = tables[name]

    def to_one(relations: dict[str, str]) -> dict[str, Any]:
        return {
            key: relationship(classes[target], primaryjoin=table.c[f"{key}_id"] == tables[target].c.id,
                              foreign_keys=[table.c[f"{key}_id"]], viewonly=False, overlaps="*")
            for key, target in relations.items()
        }  # fmt: skip

    if name == "customer":
        made = to_one(TO_ONE)
        for key, (part, _) in PARTS.items():
            made[key] = relationship(
                classes[part], primaryjoin=table.c.id == tables[part].c.customer_id, foreign_keys=[tables[part].c.customer_id],
                back_populates="customer", cascade="all, delete-orphan", order_by=tables[part].c.id, overlaps="*",
            )  # fmt: skip
        for key, link, other in (("departments", "customer_department", "department"),
                                 ("invoice_types", "customer_invoice_type", "invoice_type")):  # fmt: skip
            made[key] = relationship(
                classes[other], secondary=tables[link], primaryjoin=table.c.id == tables[link].c.customer_id,
                secondaryjoin=tables[other].c.id == tables[link].c[f"{other}_id"],
                foreign_keys=[tables[link].c.customer_id, tables[link].c[f"{other}_id"]], overlaps="*",
            )  # fmt: skip
        return made
    if name in {part for part, _ in PARTS.values()}:
        made = to_one(PART_TO_ONE.get(name, {}))
        key = next(key for key, (part, _) in PARTS.items() if part == name)
        made["customer"] = relationship(
            classes["customer"], primaryjoin=table.c.customer_id == tables["customer"].c.id,
            foreign_keys=[table.c.customer_id], back_populates=key, overlaps="*",
        )  # fmt: skip
        return made
    return {}


def _ajax(classes: dict[str, Any], relations: dict[str, str]) -> dict[str, Any]:
    return {key: {"fields": ("code" if target == "dealer" else "name",)} for key, target in relations.items()}


def _customer_view(classes: dict[str, Any]) -> type[ModelView]:
    customer = classes["customer"]

    class CustomerView(ModelView):
        column_list = LIST
        column_sortable_list = (("name", "sort_name"), "reference", "account_number", "start_date")
        column_default_sort = "sort_name"
        column_searchable_list = ("search_text",)
        column_auto_select_related = False
        column_select_related_list = (customer.region, customer.status, customer.account_manager)
        can_view_details = True
        page_size = 20
        form_columns = FORM
        form_ajax_refs = {
            **_ajax(classes, TO_ONE),
            "departments": {"fields": ("name",)},
            "invoice_types": {"fields": ("name",)},
        }
        inline_models = tuple(
            (
                classes[part],
                {"form_columns": ("id", *fields), "form_ajax_refs": _ajax(classes, PART_TO_ONE.get(part, {}))},
            )
            for part, fields in PARTS.values()
        )

        def get_query(self) -> Any:
            return self.session.session.query(customer).filter(customer.organisation_id == ORGANISATION)

        def get_count_query(self) -> Any:
            return (
                self.session.session.query(func.count("*"))
                .select_from(customer)
                .filter(customer.organisation_id == ORGANISATION)
            )

        def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
            found = _found(customer, search, self.session.session.get_bind().dialect.name)
            return query.filter(found), count_query.filter(found), joins, count_joins

        def get_one(self, id: Any) -> Any:
            parts = [selectinload(getattr(customer, key)) for key in PARTS]
            lines = [
                selectinload(customer.billing_lines).joinedload(getattr(classes["billing_line"], key))
                for key in LINE_TO_ONE
            ]
            ones = [joinedload(getattr(customer, key)) for key in TO_ONE]
            return self.session.session.get(customer, int(id), options=[*parts, *lines, *ones])

    return CustomerView


def _found(customer: Any, search: str, dialect: str) -> Any:
    words = search.lower().split()
    if dialect != "sqlite":
        return customer.search_text.contains(words[0], autoescape=True)
    match = text("SELECT rowid FROM customer_search WHERE customer_search MATCH :words").bindparams(
        words=f'"{words[0]}"'
    )
    return customer.id.in_(match.columns(literal_column("rowid")))
