"""What is measured: addresses of screens, for a database of a certain size."""

from dataclasses import dataclass

from sqlalchemy import select

from bench.data import BUSY, BenchDatabase
from models import Customer, CustomerStatus, CustomFieldChoice, Organisation
from models.base import db
from seed.demo import NAME

LIST = "/admin/customers/"


@dataclass(frozen=True)
class CaseData:
    """What the addresses need to know about a database."""

    organisation: int
    size: int
    status: int
    rare_status: int
    busy_customer: int
    middle_customer: int
    reference: str
    choice: int = 0

    @property
    def page(self) -> int:
        """The page in the middle of the list, counted from nought: page 5,000 of 200,000 customers."""
        return self.size // 40 - 1


@dataclass(frozen=True)
class Case:
    """One screen. `path` and `plain`, its counterpart of the baseline, are format strings over a CaseData."""

    name: str
    path: str
    plain: str | None = None
    is_form: bool = False


CASES = (
    Case("list, first page", LIST, "/admin/customer/"),
    Case("list, page in the middle (5,000)", LIST + "?page={page}", "/admin/customer/?page={page}"),
    Case("search, fragment of a name", LIST + "?search=jord", "/admin/customer/?search=jord"),
    Case("search, fragment of its second word", LIST + "?search=logist", "/admin/customer/?search=logist"),
    Case("search, reference", LIST + "?search={reference}", "/admin/customer/?search={reference}"),
    Case("filter by status", LIST + "?f=status:is:{status}"),
    Case("sort by name, descending", LIST + "?sort=name&desc=1", "/admin/customer/?sort=0&desc=1"),
    Case("customer page", LIST + "details/?id={middle_customer}", "/admin/customer/details/?id={middle_customer}"),
    Case(
        "form with 50 inline rows",
        LIST + "edit/?id={busy_customer}",
        "/admin/customer/edit/?id={busy_customer}",
        is_form=True,
    ),
)
QUEUE = "/admin/tasks/?f=state:is:open"
DONE = "/admin/tasks/?f=state:not:open&sort=created_at&desc=1"
MORE_CASES = (
    Case("queue, all open", QUEUE),
    Case("queue, mine", QUEUE + "&f=assignee:is:1"),
    Case("queue, unassigned", QUEUE + "&f=assignee:blank:"),
    Case("queue, done", DONE),
    Case("queue, done, page in the middle", DONE + "&page={page}"),
    Case("queue, search a fragment", QUEUE + "&search=logist"),
    Case("queue, sorted by creation", QUEUE + "&sort=created_at"),
    Case("search, all match", LIST + "?search=office"),
    Case("search, two words", LIST + "?search=amber+logistics"),
    Case("search, one customer's number", LIST + "?search=zenith+{middle_customer}"),
    Case("search, no match", LIST + "?search=qzxv"),
    Case("search, one letter", LIST + "?search=z"),
    Case("search, two letters", LIST + "?search=ze"),
    Case("search, deep page", LIST + "?search=logistics&page=3"),
    Case("search under a filter", LIST + "?search=logistics&f=status:is:{rare_status}"),
    Case("filter by a rare status", LIST + "?f=status:is:{rare_status}"),
    Case("filter, deep page", LIST + "?f=status:is:{status}&page={page}"),
    Case("filter by risk and region", LIST + "?f=risk:is:High&f=region:is:1"),
    Case("sort by start", LIST + "?sort=start_date&desc=1"),
    Case("filter by a custom choice", LIST + "?f=custom_service_level:is:{choice}"),
    Case("filter by a custom amount", LIST + "?f=custom_it_budget:from:99900"),
    Case("filter by a custom text", LIST + "?f=custom_nickname:starts:Text+499"),
    Case("sort by a custom number", LIST + "?sort=custom_sites"),
    Case("sort by a custom number, middle", LIST + "?sort=custom_sites&page={page}"),
    Case("sort by a custom choice", LIST + "?sort=custom_service_level&desc=1"),
    Case("count exactly", LIST + "?exact=1"),
    Case("history of a customer", LIST + "details/?id={middle_customer}&tab=history"),
    Case("form of a new customer", LIST + "new/"),
    Case("start page", "/admin/"),
    Case("suggestions while typing", "/admin/search/suggest?q=logist"),
    Case("summary on hovering", LIST + "peek/?id={middle_customer}"),
)


def load_case_data(database: BenchDatabase) -> CaseData:
    """Look up what the cases need."""
    with database.app.app_context():
        organisation = db.session.scalars(select(Organisation.id).where(Organisation.name == NAME)).one()
        customers_query = select(Customer).where(Customer.organisation_id == organisation)
        statuses = db.session.scalars(
            select(CustomerStatus.id)
            .where(CustomerStatus.organisation_id == organisation)
            .order_by(CustomerStatus.position)
        ).all()
        middle = db.session.scalars(customers_query.order_by(Customer.id).offset(database.size // 2).limit(1)).one()
        return CaseData(
            organisation=organisation,
            size=database.size,
            status=statuses[0],
            rare_status=statuses[2],
            busy_customer=db.session.scalars(customers_query.where(Customer.name == BUSY)).one().id,
            middle_customer=middle.id,
            reference=middle.reference or "",
            choice=db.session.scalars(select(CustomFieldChoice.id).order_by(CustomFieldChoice.id).limit(1)).one(),
        )


def path_of(pattern: str, case_data: CaseData) -> str:
    return pattern.format(**vars(case_data), page=case_data.page)
