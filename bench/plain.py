"""The baseline: a plain Flask-Admin over the same tables, tuned with what it offers, and with its own templates.

It has no sign-in, no permissions, no history and no saved views; it lists, searches and edits customers. Tuned means:
joined columns are loaded with the list, search goes through the same index, the form names its columns, looks up every
reference by AJAX and loads its rows and what they refer to in a fixed number of queries.
"""

from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_admin.theme import Bootstrap4Theme
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, MetaData, column, func, select, table
from sqlalchemy.orm import joinedload, registry, relationship, selectinload

Classes = dict[str, Any]  # table name → class

TO_ONE = {
    "category": "catalog_item",
    "region": "catalog_item",
    "segment": "catalog_item",
    "channel": "catalog_item",
    "subscription_type": "catalog_item",
    "status": "customer_status",
    "review_template": "notification_template",
    "responsible_manager": "hub_user",
    "service_manager": "hub_user",
    "account_manager": "hub_user",
    "dealer": "dealer",
    "group": "customer_group",
    "payment_method": "payment_method",
    "payment_terms": "payment_terms",
    "vat_rate": "vat_rate",
    "business_entity": "business_entity",
    "default_tariff": "tariff",
}
LINE_TO_ONE = {name: name for name in ("commodity", "location", "department", "billed_user")}
PART_TO_ONE = {
    "billing_line": LINE_TO_ONE,
    "compliance_document": {"template": "notification_template"},
    "legal_entity": {"business_entity": "business_entity"},
}
PARTS = {
    "compliance_documents": ("compliance_document", ("certificate", "expiry_date", "reviewer_email", "template")),
    "billing_lines": ("billing_line", (*LINE_TO_ONE, "minimum_cost", "cost_per_unit", "active_from", "active_to")),
    "contacts": ("contact", ("name", "role", "email", "phone")),
    "addresses": ("address", ("kind", "lines", "postal_code", "city", "country")),
    "legal_entities": ("legal_entity", ("name", "registration_number", "vat_number", "address", "business_entity")),
    "invoice_profiles": ("invoice_profile", ("name", "email")),
}
LINKS = {
    "departments": ("customer_department", "department"),
    "invoice_types": ("customer_invoice_type", "invoice_type"),
    "tags": ("customer_tag", "tag"),
}
LIST = (
    "name",
    "reference",
    "account_number",
    "region.name",
    "status.name",
    "risk",
    "stage",
    "account_manager.name",
    "start_date",
)
FORM = (
    "name",
    "reference",
    "account_number",
    "kind",
    "is_prospect",
    "customer_type",
    "category",
    "region",
    "departments",
    "email",
    "contact_number",
    "website",
    "start_date",
    "risk",
    "identity_number",
    "registration_number",
    "registration_date",
    "vat_number",
    "vat_registration_date",
    "year_end_day",
    "year_end_month",
    "credit_check_company",
    "total_spend",
    "credit_limit",
    "existing_relationship",
    "relationship_note",
    "review_start_date",
    "review_frequency",
    "reviewer_email",
    "review_template",
    "automatic_report",
    "status",
    "billing_cycle",
    "billing_day",
    "payment_method",
    "payment_terms",
    "vat_rate",
    "empty_or_low",
    "low_usage_minimum",
    "business_entity",
    "bill_length_mailed",
    "bill_length_downloaded",
    "bill_length_printed",
    "invoice_types",
    "subscription_type",
    "number_of_users",
    "default_tariff",
    "markup",
    "annual_increase_profile",
    "annual_increase_percent",
    "annual_increase_date",
    "responsible_manager",
    "service_manager",
    "account_manager",
    "dealer",
    "group",
    "segment",
    "channel",
    "promotional_emails",
    "portal_access",
)


def create_app(url: str, organisation_id: int) -> tuple[Flask, Engine]:
    """The baseline over the database at `url`, for the customers of one organisation; and its engine."""
    app = Flask("plain")
    app.config.update(SECRET_KEY="bench", SQLALCHEMY_DATABASE_URI=url)
    db = SQLAlchemy(app)
    admin = Admin(app, name="Plain", theme=Bootstrap4Theme())
    with app.app_context():
        engine = db.engine
    classes = _classes(engine)
    view = _customer_view(classes, organisation_id)
    admin.add_view(view(classes["customer"], db, endpoint="customer"))
    return app, engine


def _classes(engine: Engine) -> Classes:
    """A plain class for each table that the customer's list and form touch, as the database describes it."""
    metadata = MetaData()
    links = {link for link, _ in LINKS.values()}
    wanted = {
        "customer",
        *links,
        *(target for _, target in LINKS.values()),
        *(part for part, _ in PARTS.values()),
        *TO_ONE.values(),
        *LINE_TO_ONE.values(),
    }
    metadata.reflect(engine, only=sorted(wanted))
    classes = {name: _class(name) for name in wanted - links}
    mapper = registry(metadata=metadata)
    for name, made in classes.items():
        mapper.map_imperatively(made, metadata.tables[name], properties=_relations(name, classes, metadata))
    return classes


def _class(table_name: str) -> Any:
    label = "code" if table_name == "dealer" else "name"
    return type(table_name, (), {"__str__": lambda self: str(getattr(self, label, ""))})


def _relations(name: str, classes: Classes, metadata: MetaData) -> dict[str, Any]:
    if name == "customer":
        return (
            _to_one(name, TO_ONE, classes, metadata)
            | _part_relations(classes, metadata)
            | _link_relations(classes, metadata)
        )
    owners = {part: key for key, (part, _) in PARTS.items()}
    if name not in owners:
        return {}
    own, customer = metadata.tables[name], metadata.tables["customer"]
    back = relationship(
        classes["customer"],
        primaryjoin=own.c.customer_id == customer.c.id,
        foreign_keys=[own.c.customer_id],
        back_populates=owners[name],
        overlaps="*",
    )
    return {**_to_one(name, PART_TO_ONE.get(name, {}), classes, metadata), "customer": back}


def _to_one(name: str, relations: dict[str, str], classes: Classes, metadata: MetaData) -> dict[str, Any]:
    own = metadata.tables[name]
    return {
        key: relationship(
            classes[target],
            primaryjoin=own.c[f"{key}_id"] == metadata.tables[target].c.id,
            foreign_keys=[own.c[f"{key}_id"]],
            overlaps="*",
        )
        for key, target in relations.items()
    }


def _part_relations(classes: Classes, metadata: MetaData) -> dict[str, Any]:
    customer = metadata.tables["customer"]
    relations = {}
    for key, (part, _) in PARTS.items():
        other = metadata.tables[part]
        relations[key] = relationship(
            classes[part],
            primaryjoin=customer.c.id == other.c.customer_id,
            foreign_keys=[other.c.customer_id],
            back_populates="customer",
            cascade="all, delete-orphan",
            order_by=other.c.id,
            overlaps="*",
        )
    return relations


def _link_relations(classes: Classes, metadata: MetaData) -> dict[str, Any]:
    customer = metadata.tables["customer"]
    relations = {}
    for key, (link_name, target) in LINKS.items():
        link, other = metadata.tables[link_name], metadata.tables[target]
        relations[key] = relationship(
            classes[target],
            secondary=link,
            primaryjoin=customer.c.id == link.c.customer_id,
            secondaryjoin=other.c.id == link.c[f"{target}_id"],
            foreign_keys=[link.c.customer_id, link.c[f"{target}_id"]],
            overlaps="*",
        )
    return relations


def _ajax_references(relations: dict[str, str]) -> dict[str, Any]:
    return {key: {"fields": ("code" if target == "dealer" else "name",)} for key, target in relations.items()}


def _inline_models(classes: Classes) -> tuple[Any, ...]:
    return tuple(
        (
            classes[part],
            {"form_columns": ("id", *fields), "form_ajax_refs": _ajax_references(PART_TO_ONE.get(part, {}))},
        )
        for part, fields in PARTS.values()
    )


def _form_load_options(classes: Classes) -> list[Any]:
    customer, line = classes["customer"], classes["billing_line"]
    lines = selectinload(customer.billing_lines).options(*(joinedload(getattr(line, key)) for key in LINE_TO_ONE))
    others = [selectinload(getattr(customer, key)) for key in PARTS if key != "billing_lines"]
    return [lines, *others, *(joinedload(getattr(customer, key)) for key in TO_ONE)]


def _customer_view(classes: Classes, organisation_id: int) -> type[ModelView]:
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
        column_details_list = (*FORM, *PARTS)
        form_columns = FORM
        form_ajax_refs = _ajax_references({**TO_ONE, **{key: target for key, (_, target) in LINKS.items()}})
        inline_models = _inline_models(classes)

        def get_query(self) -> Any:
            return self.session.session.query(customer).filter(customer.organisation_id == organisation_id)

        def get_count_query(self) -> Any:
            count = self.session.session.query(func.count("*")).select_from(customer)
            return count.filter(customer.organisation_id == organisation_id)

        def _apply_search(self, query: Any, count_query: Any, joins: Any, count_joins: Any, search: str) -> Any:
            found = _search_condition(customer, search, self.session.session.get_bind().dialect.name)
            return query.filter(found), count_query.filter(found), joins, count_joins

        def get_one(self, id: Any) -> Any:
            return self.session.session.get(customer, int(id), options=_form_load_options(classes))

    return CustomerView


def _search_condition(customer: Any, search: str, dialect: str) -> Any:
    if dialect != "sqlite":
        return customer.search_text.contains(search.lower(), autoescape=True)
    index = table("customer_search", column("rowid"), column("search_text"))
    return customer.id.in_(select(index.c.rowid).where(index.c.search_text.op("MATCH")(f'"{search.lower()}"')))
