"""Whatever is done in whatever order, by whomever: the hub agrees with a slow and simple account of the rules.

The account knows no table of moves, no tasks and no database: of each customer it keeps a stage, its numbers, who has
which request open, and what the history must have counted.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from customerhub.approvals import assignment, blacklist, tasks
from customerhub.core.organisation_dates import organisation_today
from customerhub.customers import approval_decisions, change_requests
from models import ApprovalTask, BlacklistEntry, Customer, OutboxMessage
from models.base import db
from models.enums import TaskKind, TaskState
from models.keys import number_key
from tests.customerhub.approvals.account import Request, bare_number_key
from tests.customerhub.approvals.conftest import stage_entries
from tests.customerhub.approvals.customer_rules import CUSTOMERS, DECIDERS, PEOPLE, REASON, STAFF, CustomerRules

SITES = ("https://a.example.com", "https://b.example.com")


def get_row(customer: int) -> Customer:
    return db.session.get_one(Customer, customer)


class ApprovalMachine(CustomerRules):
    """The same with requests and their tasks, and with what must be true at any time."""

    # --- Requests ----------------------------------------------------------------------------------------------

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE))
    def ask_for_blacklisting(self, customer, who):
        allowed = (
            who in STAFF
            and not self.is_blacklisted(customer)
            and "blacklist" not in self.expected_customers[customer].requests
        )
        if self.attempt(
            who, allowed, lambda a: blacklist.request_blacklisting(get_row(customer), reason=REASON, actor=a)
        ):
            self.expected_customers[customer].requests["blacklist"] = Request(who)

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE))
    def ask_for_removal(self, customer, who):
        requests = self.expected_customers[customer].requests
        allowed = who in STAFF and self.is_blacklisted(customer) and "blacklist removal" not in requests
        if self.attempt(who, allowed, lambda a: blacklist.request_removal(get_row(customer), reason=REASON, actor=a)):
            requests["blacklist removal"] = Request(who)

    @rule(
        customer=CUSTOMERS,
        who=st.sampled_from(["partner", "agent", "stranger"]),
        name=st.sampled_from([None, "Three"]),
        site=st.sampled_from(SITES),
    )
    def propose(self, customer, who, name, site):
        account = self.expected_customers[customer]
        values = {"website": site} | ({"name": name} if name else {})
        current_values = {"website": account.website, "name": account.name}
        proposed_values = {each: value for each, value in values.items() if current_values[each] != value}
        allowed = who != "stranger" and bool(proposed_values) and "particulars update" not in account.requests
        if self.attempt(
            who, allowed, lambda a: change_requests.propose_update(get_row(customer), values=values, actor=a)
        ):
            previous_values = {each: current_values[each] for each in proposed_values}
            account.requests["particulars update"] = Request(
                who, values={"seen": previous_values, "wanted": proposed_values}
            )

    KINDS = st.sampled_from([kind.value for kind in TaskKind])

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE), kind=KINDS)
    def claim(self, customer, who, kind):
        request = self.expected_customers[customer].requests.get(kind)
        if request is None:
            return
        allowed = who in STAFF and request.assignee is None and who not in request.requesters
        allowed = allowed and (who in DECIDERS or "blacklist" not in kind)
        if self.attempt(who, allowed, lambda a: assignment.claim_task(self.task_of(customer, kind), actor=a)):
            request.assignee = who

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE), kind=KINDS)
    def release(self, customer, who, kind):
        request = self.expected_customers[customer].requests.get(kind)
        if request is None:
            return
        allowed = who in STAFF and request.assignee is not None and (request.assignee == who or who in DECIDERS)
        if self.attempt(who, allowed, lambda a: assignment.release_task(self.task_of(customer, kind), actor=a)):
            request.assignee = None

    @rule(
        customer=CUSTOMERS,
        who=st.sampled_from(PEOPLE),
        kind=KINDS,
        to=st.sampled_from([None, "agent", "other_agent", "manager", "partner", "stranger"]),
    )
    def assign(self, customer, who, kind, to):
        request = self.expected_customers[customer].requests.get(kind)
        if request is None:
            return
        assignee = self.people[to].id if to else None
        allowed = who in DECIDERS and to not in ("partner", "stranger")
        refusals: dict[int, str] = {}

        def act(actor):
            refusals.update(assignment.assign_tasks([self.task_of(customer, kind)], assignee_id=assignee, actor=actor))

        if self.attempt(who, allowed, act):
            fits = to is None or (to not in request.requesters and (to in DECIDERS or "blacklist" not in kind))
            assert bool(refusals) is not fits
            request.assignee = to if fits else request.assignee

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE), kind=KINDS)
    def approve(self, customer, who, kind):
        account = self.expected_customers[customer]
        request = account.requests.get(kind)
        if request is None:
            return
        name = "bill" if account.stage == "Passed Credit Ref" else "pass"
        allowed = self.may_decide(who, request, kind)
        details: dict[str, Any] = {}
        if kind == "onboarding":
            allowed, details = self.may_move(customer, who, name, None, "B"), {"billing_reference": "B"}
        elif kind == "re-check":
            allowed = allowed and not self.is_blacklisted(customer)
        elif kind == "particulars update":
            now = {"website": account.website, "name": account.name}
            allowed = allowed and all(now[each] == previous for each, previous in request.values["seen"].items())
        if self.attempt(
            who, allowed, lambda a: approval_decisions.approve_task(self.task_of(customer, kind), actor=a, **details)
        ):
            if kind == "onboarding":
                account.billing_reference = True
                self.apply_move(account, name)
            else:
                account.requests.pop(kind)
                self.apply_approval(customer, kind, request, who)

    def apply_approval(self, customer: int, kind: str, request: Request, who: str) -> None:
        account = self.expected_customers[customer]
        own = {name: bare_number_key(number) for name, number in account.numbers.items()}
        if kind == "blacklist":
            self.blacklist_entries.append({"customer": customer, **own})
        elif kind == "blacklist removal":
            self.blacklist_entries = [
                entry
                for entry in self.blacklist_entries
                if entry["customer"] != customer and not any(own[name] and own[name] == entry[name] for name in own)
            ]
        elif kind == "particulars update":
            proposed_values = request.values["wanted"]
            account.website = proposed_values.get("website", account.website)
            if "name" in proposed_values:
                account.name = proposed_values["name"]
                for person in (who, request.requester):
                    self.apply_fact_change(customer, person)

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE), kind=KINDS, comment=st.sampled_from(["", REASON]))
    def decline(self, customer, who, kind, comment):
        account = self.expected_customers[customer]
        request = account.requests.get(kind)
        if request is None:
            return
        allowed = self.may_decide(who, request, kind) and comment == REASON
        if kind == "onboarding":
            allowed = self.may_move(customer, who, "fail", comment, None)
        if self.attempt(
            who,
            allowed,
            lambda a: approval_decisions.decline_task(self.task_of(customer, kind), comment=comment, actor=a),
        ):
            if kind == "onboarding":
                self.apply_move(account, "fail")
            else:
                account.requests.pop(kind)

    @rule(customer=CUSTOMERS, who=st.sampled_from(PEOPLE), kind=KINDS)
    def withdraw(self, customer, who, kind):
        request = self.expected_customers[customer].requests.get(kind)
        if request is None:
            return
        allowed = kind not in ("onboarding", "re-check") and (who == request.requester or who in DECIDERS)
        if self.attempt(who, allowed, lambda a: tasks.withdraw_task(self.task_of(customer, kind), actor=a)):
            self.expected_customers[customer].requests.pop(kind)

    # --- What must be true at any time -------------------------------------------------------------------------

    @invariant()
    def check_against_database(self):
        db.session.rollback()
        names = self.person_names
        rows = db.session.scalars(select(Customer).where(Customer.organisation_id == self.approval_org.id))
        for row in rows:
            account = self.expected_customers[row.id]
            assert (row.stage.value, row.name, row.website) == (account.stage, account.name, account.website)
            assert len(stage_entries(row)) == account.moves
            query = select(ApprovalTask).where(ApprovalTask.customer_id == row.id, ApprovalTask.state == TaskState.OPEN)
            open_tasks = {task.kind.value: task for task in db.session.scalars(query)}
            assert open_tasks.keys() == account.requests.keys()
            for kind, task in open_tasks.items():
                request = account.requests[kind]
                assert {names[person] for person in tasks.list_requesters(task)} == request.requesters
                assert names.get(task.assignee_id) == request.assignee
                assert task.assignee_id not in tasks.list_requesters(task)
            open_onboarding = "onboarding" in account.requests
            assert open_onboarding is (account.stage in ("New", "Referred", "Passed Credit Ref"))
        entries = select(BlacklistEntry).where(
            BlacklistEntry.organisation_id == self.approval_org.id, BlacklistEntry.removed_at.is_(None)
        )
        assert len(db.session.scalars(entries).all()) == len(self.blacklist_entries)

    @invariant()
    def check_mail_reasons(self):
        mails = db.session.scalars(select(OutboxMessage.reason_key)).all()
        assert len(mails) == len(set(mails))

    def teardown(self):
        for row in db.session.scalars(select(Customer).where(Customer.organisation_id == self.approval_org.id)):
            assert bool(
                blacklist.list_entries(row, as_of=organisation_today(self.approval_org.id))
            ) is self.is_blacklisted(row.id)
            assert number_key(row.registration_number) == bare_number_key(row.registration_number)
        db.session.rollback()


@pytest.mark.slow
def test_any_order(app, session):
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        ApprovalMachine,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            suppress_health_check=checks,
            phases=[Phase.explicit, Phase.generate],
        ),
    )
