"""What people do with customers and their stages in any order, beside a slow and simple account of the rules."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, rule

from customerhub.approvals import stages, tasks, transitions
from customerhub.core.errors import HubError
from customerhub.core.permissions import Actor
from customerhub.customers.records import save_customer, save_record
from models import ApprovalTask, Customer
from models.base import db
from models.enums import CustomerKind, Role, TaskKind
from tests.customerhub.approvals.account import ExpectedCustomer, Request, bare_number_key
from tests.customerhub.approvals.conftest import ApprovalOrg, acting, build_prospect, make_approval_org
from tests.support.people import make_user

PEOPLE = ("admin", "manager", "second", "agent", "other_agent", "partner", "visitor", "stranger")
DECIDERS = {"admin", "manager", "second", "visitor"}
STAFF = DECIDERS | {"agent", "other_agent"}
NUMBERS = ("HRB 1", "hrb-1", "HRB 2", "H.R.B. 3", "HRB 4")
REASON = "Because"
_numbers = iter(range(1, 10**9))
CUSTOMERS = Bundle("customers")


class CustomerRules(RuleBasedStateMachine):
    """What people do with customers and their stages, and what must come of it."""

    approval_org: ApprovalOrg
    people: dict[str, Actor]

    def __init__(self) -> None:
        super().__init__()
        db.session.rollback()
        self.approval_org = make_approval_org(f"Telecom {next(_numbers)}")
        organisation = self.approval_org.organisation
        elsewhere = make_approval_org(f"Telecom {next(_numbers)}")
        visitor = make_user(elsewhere.organisation, Role.ADMIN, platform=True)
        self.people = {name: getattr(self.approval_org, name) for name in ("admin", "manager", "agent", "other_agent")}
        self.people |= {
            "partner": self.approval_org.partner,
            "stranger": elsewhere.admin,
            "second": Actor.from_user(make_user(organisation, Role.MANAGER)),
            "visitor": Actor(visitor, organisation.id),
        }
        self.person_names = {actor.id: name for name, actor in self.people.items()}
        db.session.commit()
        self.expected_customers: dict[int, ExpectedCustomer] = {}
        self.blacklist_entries: list[dict[str, Any]] = []  # entries of the blacklist that hold

    # --- Doing it ----------------------------------------------------------------------------------------------

    def attempt(self, person: str, allowed: bool, action: Any) -> bool:
        """Do `act` as `who`; that it is allowed or refused must be as expected."""
        actor = self.people[person]
        try:
            with acting(actor):
                action(actor)
                db.session.commit()
                refusal = None
        except HubError as error:
            db.session.rollback()
            refusal = error.message
        assert (refusal is None) is allowed, f"{person} was told: {refusal}"
        return allowed

    def is_blacklisted(self, customer: int) -> bool:
        account = self.expected_customers[customer]
        own = {name: bare_number_key(number) for name, number in account.numbers.items()}
        return any(
            entry["customer"] == customer or any(own[name] and own[name] == entry[name] for name in own)
            for entry in self.blacklist_entries
        )

    def may_decide(self, who: str, request: Request, kind: str) -> bool:
        if who not in STAFF or who in request.requesters:
            return False
        return who in DECIDERS or (request.assignee == who and "blacklist" not in kind)

    def task_of(self, customer: int, kind: str) -> ApprovalTask:
        found = tasks.find_latest_task(db.session.get_one(Customer, customer), TaskKind(kind))
        assert found is not None
        return found

    def is_taken(self, field: str, number: str, customer: int | None = None) -> bool:
        return any(
            bare_number_key(a.numbers[field]) == bare_number_key(number)
            for k, a in self.expected_customers.items()
            if k != customer
        )

    # --- Customers ---------------------------------------------------------------------------------------------

    @rule(target=CUSTOMERS, who=st.sampled_from(["partner", "agent", "manager"]))
    def make_customer(self, who):
        customer = build_prospect(self.approval_org, registration_number=f"P {len(self.expected_customers)}")
        numbers = {"identity_number": None, "registration_number": customer.registration_number}
        actor = self.people[who]
        with acting(actor):
            save_record(customer, actor=actor)
            db.session.commit()
        account = self.expected_customers[customer.id] = ExpectedCustomer(customer.name, numbers)
        if who == "partner":
            account.onboarding = account.requests["onboarding"] = Request(who)
        else:
            account.stage = "Billing"
        return customer.id

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE), name=st.sampled_from(["One", "Two"]))
    def rename(self, customer, who, name):
        account = self.expected_customers[customer]

        def act(actor):
            row = db.session.get_one(Customer, customer)
            row.name = name
            save_customer(row, actor=actor)

        if self.attempt(who, who in STAFF, act) and account.name != name:
            account.name = name
            self.apply_fact_change(customer, who)

    @rule(
        customer=CUSTOMERS,
        who=st.sampled_from(["agent", "manager", "partner"]),
        number=st.sampled_from(NUMBERS),
        field=st.sampled_from(["identity_number", "registration_number"]),
    )
    def renumber(self, customer, who, number, field):
        account = self.expected_customers[customer]

        def act(actor):
            row = db.session.get_one(Customer, customer)
            setattr(row, field, number)
            save_customer(row, actor=actor)

        was_listed = self.is_blacklisted(customer)
        if self.attempt(who, who in STAFF and not self.is_taken(field, number, customer), act):
            changed = account.numbers[field] != number
            account.numbers[field] = number
            self.check_stays_blacklisted(customer, was_listed)
            if changed:
                self.apply_fact_change(customer, who)

    @rule(customer=CUSTOMERS, who=st.sampled_from(["agent", "manager"]), kind=st.sampled_from(list(CustomerKind)))
    def change_kind(self, customer, who, kind):
        account = self.expected_customers[customer]

        def act(actor):
            row = db.session.get_one(Customer, customer)
            row.kind = kind
            row.website = row.website or "https://www.example.com"
            save_customer(row, actor=actor)

        assert self.attempt(who, True, act)
        account.website = account.website or "https://www.example.com"
        if account.kind != kind.value:
            account.kind = kind.value
            self.apply_fact_change(customer, who)

    def check_stays_blacklisted(self, customer: int, was_blacklisted: bool) -> None:
        if was_blacklisted and not self.is_blacklisted(customer):
            own = {name: bare_number_key(number) for name, number in self.expected_customers[customer].numbers.items()}
            self.blacklist_entries.append({"customer": customer, **own})

    def apply_fact_change(self, customer: int, who: str) -> None:
        account = self.expected_customers[customer]
        if account.stage == "Passed Credit Ref":
            account.stage, account.moves = "New", account.moves + 1
        elif account.stage == "Billing":
            request = account.requests.setdefault("re-check", Request(who))
            request.joint_requesters.add(who)
            if request.assignee == who:
                request.assignee = None

    # --- Moves -------------------------------------------------------------------------------------------------

    @rule(
        customer=CUSTOMERS,
        who=st.sampled_from(PEOPLE),
        move=st.sampled_from(stages.STAGES.choices),
        comment=st.sampled_from([None, " ", REASON]),
        reference=st.sampled_from([None, "B"]),
    )
    def move(self, customer, who, move, comment, reference):
        account = self.expected_customers[customer]
        allowed = self.may_move(customer, who, move.name, comment, reference)

        def act(actor):
            row = db.session.get_one(Customer, customer)
            transitions.change_stage(row, move, comment=comment, billing_reference=reference, actor=actor)

        if self.attempt(who, allowed, act):
            account.billing_reference |= reference is not None
            self.apply_move(account, move.name)

    def may_move(self, customer, who, name, comment, reference) -> bool:
        account = self.expected_customers[customer]
        ways = {
            "pass": {"New", "Referred"},
            "refer": {"New", "Failed Credit Ref"},
            "fail": {"New", "Referred"},
            "bill": {"Passed Credit Ref"},
        }
        if account.stage not in ways[name] or who not in STAFF:
            return False
        assert account.onboarding is not None
        if not self.may_decide(who, account.onboarding, "onboarding"):
            return False
        if name in ("refer", "fail"):
            return comment == REASON
        return not self.is_blacklisted(customer) and (name == "pass" or account.billing_reference or bool(reference))

    def apply_move(self, account: ExpectedCustomer, name: str) -> None:
        after = {"pass": "Passed Credit Ref", "refer": "Referred", "fail": "Failed Credit Ref", "bill": "Billing"}
        account.stage, account.moves = after[name], account.moves + 1
        if name in ("fail", "bill"):
            account.requests.pop("onboarding")
        else:
            assert account.onboarding is not None
            account.requests["onboarding"] = account.onboarding
