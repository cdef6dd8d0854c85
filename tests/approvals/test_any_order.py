"""Whatever is done in whatever order, by whomever: the hub agrees with a slow and simple account of the rules.

The account knows no table of moves, no tasks and no database: of each customer it keeps a stage, its numbers, who has
which request open, and what the history must have counted.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from customerhub.approvals import blacklist, decisions, moves, particulars, stages, tasks
from customerhub.customers.records import save_customer, save_record
from customerhub.errors import HubError
from customerhub.permissions import Actor
from models import ApprovalTask, BlacklistEntry, Customer, OutboxMessage
from models.base import db
from models.enums import CustomerKind, Role, TaskKind, TaskState
from models.keys import number_key
from tests.approvals.account import Account, Request, key
from tests.approvals.conftest import Office, acting, make_office, moved, prospect
from tests.people import make_user

PEOPLE = ("admin", "manager", "second", "agent", "other_agent", "partner", "visitor", "stranger")
DECIDERS = {"admin", "manager", "second", "visitor"}
STAFF = DECIDERS | {"agent", "other_agent"}
NUMBERS = ("HRB 1", "hrb-1", "HRB 2", "H.R.B. 3", "HRB 4")
REASON = "Because"
SITES = ("https://a.example.com", "https://b.example.com")


class Approvals(RuleBasedStateMachine):
    customers = Bundle("customers")
    office: Office
    people: dict[str, Actor]

    def __init__(self) -> None:
        super().__init__()
        db.session.rollback()
        self.office = make_office(f"Telecom {next(_numbers)}")
        organisation = self.office.organisation
        elsewhere = make_office(f"Telecom {next(_numbers)}")
        visitor = make_user(elsewhere.organisation, Role.ADMIN, platform=True)
        self.people = {name: getattr(self.office, name) for name in ("admin", "manager", "agent", "other_agent")}
        self.people |= {
            "partner": self.office.partner, "stranger": elsewhere.admin,
            "second": Actor.of(make_user(organisation, Role.MANAGER)), "visitor": Actor(visitor, organisation.id),
        }  # fmt: skip
        db.session.commit()
        self.accounts: dict[int, Account] = {}
        self.listed: list[dict[str, Any]] = []  # entries of the blacklist that hold

    # --- Doing it ----------------------------------------------------------------------------------------------

    def attempt(self, who: str, allowed: bool, act: Any) -> bool:
        """Do `act` as `who`; that it is allowed or refused must be as expected."""
        actor = self.people[who]
        try:
            with acting(actor):
                act(actor)
                db.session.commit()
                refusal = None
        except HubError as error:
            db.session.rollback()
            refusal = error.message
        assert (refusal is None) is allowed, f"{who} was told: {refusal}"
        return allowed

    def is_listed(self, customer: int) -> bool:
        account = self.accounts[customer]
        own = {name: key(number) for name, number in account.numbers.items()}
        return any(
            entry["customer"] == customer or any(own[name] and own[name] == entry[name] for name in own)
            for entry in self.listed
        )

    def may_decide(self, who: str, request: Request, kind: str) -> bool:
        if who not in STAFF or who in request.askers:
            return False
        return who in DECIDERS or (request.owner == who and "blacklist" not in kind)

    def task(self, customer: int, kind: str) -> ApprovalTask:
        found = tasks.find_latest(db.session.get_one(Customer, customer), TaskKind(kind))
        assert found is not None
        return found

    def is_taken(self, field: str, number: str, customer: int | None = None) -> bool:
        return any(key(a.numbers[field]) == key(number) for k, a in self.accounts.items() if k != customer)

    # --- Customers ---------------------------------------------------------------------------------------------

    @rule(target=customers, who=st.sampled_from(["partner", "agent", "manager"]))
    def make(self, who):
        made = prospect(self.office, registration_number=f"P {len(self.accounts)}")
        numbers = {"identity_number": None, "registration_number": made.registration_number}
        actor = self.people[who]
        with acting(actor):
            save_record(made, actor=actor)
            db.session.commit()
        account = self.accounts[made.id] = Account(made.name, numbers)
        if who == "partner":
            account.onboarding = account.requests["onboarding"] = Request(who)
        else:
            account.stage = "Billing"
        return made.id

    @rule(customer=customers, who=st.sampled_from(PEOPLE), name=st.sampled_from(["One", "Two"]))
    def rename(self, customer, who, name):
        account = self.accounts[customer]

        def act(actor):
            row = db.session.get_one(Customer, customer)
            row.name = name
            save_customer(row, actor=actor)

        if self.attempt(who, who in STAFF, act) and account.name != name:
            account.name = name
            self.fact_changed(customer, who)

    @rule(customer=customers, who=st.sampled_from(["agent", "manager", "partner"]), number=st.sampled_from(NUMBERS),
          field=st.sampled_from(["identity_number", "registration_number"]))  # fmt: skip
    def renumber(self, customer, who, number, field):
        account = self.accounts[customer]

        def act(actor):
            row = db.session.get_one(Customer, customer)
            setattr(row, field, number)
            save_customer(row, actor=actor)

        was_listed = self.is_listed(customer)
        if self.attempt(who, who in STAFF and not self.is_taken(field, number, customer), act):
            changed = account.numbers[field] != number
            account.numbers[field] = number
            self.stays_listed(customer, was_listed)
            if changed:
                self.fact_changed(customer, who)

    @rule(customer=customers, who=st.sampled_from(["agent", "manager"]), kind=st.sampled_from(list(CustomerKind)))
    def change_kind(self, customer, who, kind):
        account = self.accounts[customer]

        def act(actor):
            row = db.session.get_one(Customer, customer)
            row.kind = kind
            row.website = row.website or "https://www.example.com"
            save_customer(row, actor=actor)

        assert self.attempt(who, True, act)
        account.website = account.website or "https://www.example.com"
        if account.kind != kind.value:
            account.kind = kind.value
            self.fact_changed(customer, who)

    def stays_listed(self, customer: int, was_listed: bool) -> None:
        if was_listed and not self.is_listed(customer):
            own = {name: key(number) for name, number in self.accounts[customer].numbers.items()}
            self.listed.append({"customer": customer, **own})

    def fact_changed(self, customer: int, who: str) -> None:
        account = self.accounts[customer]
        if account.stage == "Passed Credit Ref":
            account.stage, account.moves = "New", account.moves + 1
        elif account.stage == "Billing":
            request = account.requests.setdefault("re-check", Request(who))
            request.others.add(who)
            if request.owner == who:
                request.owner = None

    # --- Moves -------------------------------------------------------------------------------------------------

    @rule(customer=customers, who=st.sampled_from(PEOPLE), move=st.sampled_from(stages.MOVES),
          comment=st.sampled_from([None, " ", REASON]), reference=st.sampled_from([None, "B"]))  # fmt: skip
    def move(self, customer, who, move, comment, reference):
        account = self.accounts[customer]
        allowed = self.move_allowed(customer, who, move.name, comment, reference)

        def act(actor):
            row = db.session.get_one(Customer, customer)
            moves.move_customer(row, move, comment=comment, billing_reference=reference, actor=actor)

        if self.attempt(who, allowed, act):
            account.billing_reference |= reference is not None
            self.moved(account, move.name)

    def move_allowed(self, customer, who, name, comment, reference) -> bool:
        account = self.accounts[customer]
        ways = {
            "pass": {"New", "Referred"}, "refer": {"New", "Failed Credit Ref"}, "fail": {"New", "Referred"},
            "bill": {"Passed Credit Ref"},
        }  # fmt: skip
        if account.stage not in ways[name] or who not in STAFF:
            return False
        assert account.onboarding is not None
        if not self.may_decide(who, account.onboarding, "onboarding"):
            return False
        if name in ("refer", "fail"):
            return comment == REASON
        return not self.is_listed(customer) and (name == "pass" or account.billing_reference or bool(reference))

    def moved(self, account: Account, name: str) -> None:
        after = {"pass": "Passed Credit Ref", "refer": "Referred", "fail": "Failed Credit Ref", "bill": "Billing"}
        account.stage, account.moves = after[name], account.moves + 1
        if name in ("fail", "bill"):
            account.requests.pop("onboarding")
        else:
            assert account.onboarding is not None
            account.requests["onboarding"] = account.onboarding

    # --- Requests ----------------------------------------------------------------------------------------------

    @rule(customer=customers, who=st.sampled_from(PEOPLE))
    def ask_for_blacklisting(self, customer, who):
        allowed = who in STAFF and not self.is_listed(customer) and "blacklist" not in self.accounts[customer].requests
        row = lambda: db.session.get_one(Customer, customer)  # noqa: E731
        if self.attempt(who, allowed, lambda a: blacklist.request_blacklisting(row(), reason=REASON, actor=a)):
            self.accounts[customer].requests["blacklist"] = Request(who)

    @rule(customer=customers, who=st.sampled_from(PEOPLE))
    def ask_for_removal(self, customer, who):
        requests = self.accounts[customer].requests
        allowed = who in STAFF and self.is_listed(customer) and "blacklist removal" not in requests
        row = lambda: db.session.get_one(Customer, customer)  # noqa: E731
        if self.attempt(who, allowed, lambda a: blacklist.request_removal(row(), reason=REASON, actor=a)):
            requests["blacklist removal"] = Request(who)

    @rule(customer=customers, who=st.sampled_from(["partner", "agent", "stranger"]),
          name=st.sampled_from([None, "Three"]), site=st.sampled_from(SITES))  # fmt: skip
    def propose(self, customer, who, name, site):
        account = self.accounts[customer]
        values = {"website": site} | ({"name": name} if name else {})
        known = {"website": account.website, "name": account.name}
        wanted = {each: value for each, value in values.items() if known[each] != value}
        allowed = who != "stranger" and bool(wanted) and "particulars update" not in account.requests
        row = lambda: db.session.get_one(Customer, customer)  # noqa: E731
        if self.attempt(who, allowed, lambda a: particulars.propose_update(row(), values=values, actor=a)):
            seen = {each: known[each] for each in wanted}
            account.requests["particulars update"] = Request(who, values={"seen": seen, "wanted": wanted})

    KINDS = st.sampled_from([kind.value for kind in TaskKind])

    @rule(customer=customers, who=st.sampled_from(PEOPLE), kind=KINDS)
    def claim(self, customer, who, kind):
        request = self.accounts[customer].requests.get(kind)
        if request is None:
            return
        allowed = who in STAFF and request.owner is None and who not in request.askers
        allowed = allowed and (who in DECIDERS or "blacklist" not in kind)
        if self.attempt(who, allowed, lambda a: tasks.claim_task(self.task(customer, kind), actor=a)):
            request.owner = who

    @rule(customer=customers, who=st.sampled_from(PEOPLE), kind=KINDS)
    def release(self, customer, who, kind):
        request = self.accounts[customer].requests.get(kind)
        if request is None:
            return
        allowed = who in STAFF and request.owner is not None and (request.owner == who or who in DECIDERS)
        if self.attempt(who, allowed, lambda a: tasks.release_task(self.task(customer, kind), actor=a)):
            request.owner = None

    @rule(customer=customers, who=st.sampled_from(PEOPLE), kind=KINDS,
          to=st.sampled_from([None, "agent", "other_agent", "manager", "partner", "stranger"]))  # fmt: skip
    def assign(self, customer, who, kind, to):
        request = self.accounts[customer].requests.get(kind)
        if request is None:
            return
        assignee = self.people[to].id if to else None
        allowed = who in DECIDERS and to not in ("partner", "stranger")
        refused: dict[int, str] = {}

        def act(actor):
            refused.update(tasks.assign_tasks([self.task(customer, kind)], assignee_id=assignee, actor=actor))

        if self.attempt(who, allowed, act):
            fits = to is None or (to not in request.askers and (to in DECIDERS or "blacklist" not in kind))
            assert bool(refused) is not fits
            request.owner = to if fits else request.owner

    @rule(customer=customers, who=st.sampled_from(PEOPLE), kind=KINDS)
    def approve(self, customer, who, kind):
        account = self.accounts[customer]
        request = account.requests.get(kind)
        if request is None:
            return
        name = "bill" if account.stage == "Passed Credit Ref" else "pass"
        allowed = self.may_decide(who, request, kind)
        told: dict[str, Any] = {}
        if kind == "onboarding":
            allowed, told = self.move_allowed(customer, who, name, None, "B"), {"billing_reference": "B"}
        elif kind == "re-check":
            allowed = allowed and not self.is_listed(customer)
        elif kind == "particulars update":
            now = {"website": account.website, "name": account.name}
            allowed = allowed and all(now[each] == seen for each, seen in request.values["seen"].items())
        if self.attempt(who, allowed, lambda a: decisions.approve_task(self.task(customer, kind), actor=a, **told)):
            if kind == "onboarding":
                account.billing_reference = True
                self.moved(account, name)
            else:
                account.requests.pop(kind)
                self.applied(customer, kind, request, who)

    def applied(self, customer: int, kind: str, request: Request, who: str) -> None:
        account = self.accounts[customer]
        own = {name: key(number) for name, number in account.numbers.items()}
        if kind == "blacklist":
            self.listed.append({"customer": customer, **own})
        elif kind == "blacklist removal":
            self.listed = [
                entry for entry in self.listed
                if entry["customer"] != customer and not any(own[name] and own[name] == entry[name] for name in own)
            ]  # fmt: skip
        elif kind == "particulars update":
            wanted = request.values["wanted"]
            account.website = wanted.get("website", account.website)
            if "name" in wanted:
                account.name = wanted["name"]
                for person in (who, request.asker):
                    self.fact_changed(customer, person)

    @rule(customer=customers, who=st.sampled_from(PEOPLE), kind=KINDS, comment=st.sampled_from(["", REASON]))
    def decline(self, customer, who, kind, comment):
        account = self.accounts[customer]
        request = account.requests.get(kind)
        if request is None:
            return
        allowed = self.may_decide(who, request, kind) and comment == REASON
        if kind == "onboarding":
            allowed = self.move_allowed(customer, who, "fail", comment, None)
        row = lambda: self.task(customer, kind)  # noqa: E731
        if self.attempt(who, allowed, lambda a: decisions.decline_task(row(), comment=comment, actor=a)):
            if kind == "onboarding":
                self.moved(account, "fail")
            else:
                account.requests.pop(kind)

    @rule(customer=customers, who=st.sampled_from(PEOPLE), kind=KINDS)
    def withdraw(self, customer, who, kind):
        request = self.accounts[customer].requests.get(kind)
        if request is None:
            return
        allowed = kind not in ("onboarding", "re-check") and (who == request.asker or who in DECIDERS)
        if self.attempt(who, allowed, lambda a: tasks.withdraw_task(self.task(customer, kind), actor=a)):
            self.accounts[customer].requests.pop(kind)

    # --- What must be true at any time -------------------------------------------------------------------------

    @invariant()
    def agrees(self):
        db.session.rollback()
        names = {actor.id: name for name, actor in self.people.items()}
        rows = db.session.scalars(select(Customer).where(Customer.organisation_id == self.office.id))
        for row in rows:
            account = self.accounts[row.id]
            assert (row.stage.value, row.name, row.website) == (account.stage, account.name, account.website)
            assert len(moved(row)) == account.moves
            query = select(ApprovalTask).where(ApprovalTask.customer_id == row.id, ApprovalTask.state == TaskState.OPEN)
            found = {task.kind.value: task for task in db.session.scalars(query)}
            assert found.keys() == account.requests.keys()
            for kind, task in found.items():
                request = account.requests[kind]
                assert {names[person] for person in tasks.askers(task)} == request.askers
                assert names.get(task.assignee_id) == request.owner
                assert task.assignee_id not in tasks.askers(task)
            open_onboarding = "onboarding" in account.requests
            assert open_onboarding is (account.stage in ("New", "Referred", "Passed Credit Ref"))
        entries = select(BlacklistEntry).where(
            BlacklistEntry.organisation_id == self.office.id, BlacklistEntry.removed_at.is_(None)
        )
        assert len(db.session.scalars(entries).all()) == len(self.listed)

    @invariant()
    def each_mail_has_its_own_reason(self):
        mails = db.session.scalars(select(OutboxMessage.reason_key)).all()
        assert len(mails) == len(set(mails))

    def teardown(self):
        for row in db.session.scalars(select(Customer).where(Customer.organisation_id == self.office.id)):
            assert bool(blacklist.entries_of(row, as_of=blacklist.today(self.office.id))) is self.is_listed(row.id)
            assert number_key(row.registration_number) == key(row.registration_number)
        db.session.rollback()


_numbers = iter(range(1, 10**9))


@pytest.mark.slow
def test_any_order(app, session):
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Approvals, settings=settings(max_examples=30, stateful_step_count=40, suppress_health_check=checks,
                                     phases=[Phase.explicit, Phase.generate])
    )  # fmt: skip
