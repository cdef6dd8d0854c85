"""How much hangs on a customer: asked for once, before its record is shown."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Date,
    Select,
    String,
    bindparam,
    cast,
    func,
    inspect,
    literal,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.orm.attributes import set_committed_value

from customerhub.customers.alerts import is_active_on
from models import (
    Account,
    Address,
    Alert,
    ApprovalTask,
    Attachment,
    BillingLine,
    CallMarkup,
    ComplianceDocument,
    Contact,
    Contract,
    Customer,
    CustomerCase,
    CustomerOrder,
    InvoiceProfile,
    LegalEntity,
    MergedCustomer,
    Tag,
    User,
)
from models.base import db
from models.enums import ContractStatus, OrderStatus, TagColour
from models.keys import fold_text
from views.contracts.customer_tab import TalliesByStatus
from views.framework.field_columns import build_member_sort
from views.framework.formatting import get_today

COUNTED = (
    Account,
    InvoiceProfile,
    BillingLine,
    CallMarkup,
    ComplianceDocument,
    User,
    ApprovalTask,
    Contact,
    Address,
    LegalEntity,
    Attachment,
    CustomerCase,
)
STATUSES: dict[Any, Any] = {Contract: ContractStatus, CustomerOrder: OrderStatus}
TAGS = "tags"
NAMED_LISTS = ("departments", "invoice_types", TAGS)


@dataclass(frozen=True)
class RecordFacts:
    """Numbers of rows by their class, and of contracts and orders by status, with their connections; the names of what
    the customer is linked with, by the list.
    """

    counts: dict[Any, int]
    names: dict[str, list[str]]
    contracts: TalliesByStatus
    orders: TalliesByStatus
    tags: list[tuple[str, TagColour]]

    @property
    def contract_count(self) -> int:
        return sum(count for count, _ in self.contracts.values())


def load_facts(customer: Customer) -> RecordFacts:
    """What hangs on `customer`. Lists of its record that are empty count as loaded from here on."""
    counts: dict[Any, int] = {}
    names: dict[str, list[str]] = {each: [] for each in NAMED_LISTS}
    tallies: dict[Any, TalliesByStatus] = {model: {} for model in STATUSES}
    models_by_table = {model.__tablename__: model for model in (*COUNTED, Alert, MergedCustomer, *STATUSES)}
    values = {"customer_id": customer.id, "today": get_today()}
    tags = []
    for kind, text, count, connections in db.session.execute(_build_statement(), values):
        model = models_by_table.get(kind)
        if kind == TAGS:
            tags.append((text, list(TagColour)[count]))
        if model is None:
            names[kind].append(text)
        elif model in STATUSES:
            tallies[model][STATUSES[model](text)] = count, int(connections)
        else:
            counts[model] = count
    for relation in inspect(Customer).relationships:
        if relation.uselist and counts.get(relation.mapper.class_) == 0:
            set_committed_value(customer, relation.key, [])
    sorted_names = {key: sorted(each, key=fold_text) for key, each in names.items()}
    sorted_tags = sorted(tags, key=lambda tag: fold_text(tag[0]))
    return RecordFacts(counts, sorted_names, tallies[Contract], tallies[CustomerOrder], sorted_tags)


@cache
def _build_statement() -> CompoundSelect[Any]:
    """(table, status, number of rows, connections) of a `customer_id`, with the alerts that hold `today`; and
    (list, name, 0, 0) of each row of its NAMED_LISTS, of a tag with the place of its colour.
    """
    key, today = bindparam("customer_id", type_=Customer.id.type), bindparam("today", type_=Date())
    return union_all(
        *(_count_rows(model, model.customer_id == key) for model in COUNTED),
        _count_rows(Alert, Alert.customer_id == key, is_active_on(today)),
        _count_rows(MergedCustomer, MergedCustomer.into_id == key),
        *(
            select(literal(model.__tablename__), cast(model.status, String), func.count(), func.sum(model.connections))
            .where(model.customer_id == key)
            .group_by(model.status)
            for model in STATUSES
        ),
        *(_select_names(name, key) for name in NAMED_LISTS),
    )


def _count_rows(model: Any, *conditions: Any) -> Select[Any]:
    query = select(literal(model.__tablename__), cast(null(), String), func.count(), literal_column("0"))
    return query.select_from(model).where(*conditions)


def _select_names(list_name: str, customer_id: Any) -> Select[Any]:
    relation = inspect(Customer).relationships[list_name]
    links: Any = relation.secondary
    number = build_member_sort(Tag.colour, TagColour) if list_name == TAGS else literal_column("0")
    query = select(literal(list_name), relation.mapper.class_.name, number, literal_column("0"))
    return query.join(links, relation.secondaryjoin).where(links.c.customer_id == customer_id)
