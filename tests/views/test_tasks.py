"""The queue of approval tasks: who has what, what they can do with it, and what they are told."""

import csv
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import models
from customerhub import clock, history
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role, Stage, TaskKind, TaskState
from tests import factories as make
from tests.browsing import Browser
from tests.views.screen_table import UPDATE, a_task, bare_customer
from tests.views.watching import changes_since, last_change
from tests.world import World

HOME = "/admin/tasks/"


@pytest.fixture
def manager(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.MANAGER])


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def operation(name: str, *tasks: models.ApprovalTask | int) -> str:
    keys = (task if isinstance(task, int) else task.id for task in tasks)
    return f"{HOME}operation/{name}/?" + "&".join(f"id={key}" for key in keys)


def again(key: int) -> models.ApprovalTask:
    return db.session.get_one(models.ApprovalTask, key)


def onboarding(world: World, stage: Stage = Stage.NEW, **values: Any) -> models.ApprovalTask:
    """Onboarding of a new customer in a stage, that the system asked for."""
    customer = bare_customer(world)
    customer.stage = stage
    return make.ApprovalTaskFactory(
        organisation=owner(world), customer_id=customer.id, subject=customer.name, **values
    )  # fmt: skip


def change(world: World, row: Any, **values: Any) -> None:
    with history.acting(Actor(None, world.ours.id), "test"):
        for name, value in values.items():
            setattr(row, name, value)
        db.session.commit()


def names_on(page: str) -> list[str]:
    """The tasks on a page of the list, by the names in their first column."""
    return re.findall(r'href="/admin/tasks/details/\?id=(\d+)"', page)


def opened(browser: Browser, label: str) -> list[int]:
    """The ids behind one of the tabs."""
    page = browser.get(f"{HOME}?f=state:is:open").text
    link = re.search(rf'<a href="([^"]+)"[^>]*>{label}</a>', page)
    assert link is not None, label
    found = browser.get(link[1].replace("&amp;", "&"))
    assert found.status_code == 200
    return sorted({int(key) for key in names_on(found.text)})


# --- The list ----------------------------------------------------------------------------------------------


def test_the_tabs_tell_whose_the_tasks_are(world: World, agent: Browser):
    known = world.ours.row(models.ApprovalTask)
    mine = onboarding(world, assignee_id=world.ours.users[Role.AGENT]).id
    theirs = onboarding(world, assignee_id=world.ours.users[Role.MANAGER]).id
    free = onboarding(world).id
    done = onboarding(world, state=TaskState.APPROVED, assignee_id=world.ours.users[Role.AGENT]).id
    assert opened(agent, "My tasks") == [mine]
    assert opened(agent, "Unassigned") == [known, free]
    assert opened(agent, "All open") == [known, mine, theirs, free]
    assert opened(agent, "Done") == [done]
    assert agent.get(HOME).location == f"{HOME}?f=state%3Ais%3Aopen"
    assert agent.get(f"{HOME}mine/").location.startswith(HOME)


def test_the_menu_counts_what_waits(world: World, agent: Browser):
    def counts() -> list[str]:
        found = re.findall(r'<span>(My tasks|All tasks)</span>(?:<span class="count">([^<]+)<)?',
                           agent.get("/admin/").text)  # fmt: skip
        assert [label for label, _ in found] == ["My tasks", "All tasks"]
        return [count for _, count in found]

    assert counts() == ["", "1"]
    for _ in range(3):
        onboarding(world, assignee_id=world.ours.users[Role.AGENT])
    onboarding(world, state=TaskState.DECLINED)
    assert counts() == ["3", "1"]
    for _ in range(97):
        onboarding(world, assignee_id=world.ours.users[Role.AGENT])
    assert counts() == ["99+", "1"]


def test_tasks_are_found_by_their_customers(world: World, agent: Browser):
    wanted = onboarding(world)
    onboarding(world)
    change(world, wanted.customer, reference="FIND-ME", email="ursula@needle.example")
    for typed in (wanted.customer.name, "find-me", "needle", wanted.customer.account_number):
        page = agent.get(f"{HOME}?f=state:is:open&search={typed}").text
        assert [int(key) for key in dict.fromkeys(names_on(page))] == [wanted.id], typed
    assert "Nothing matches" in agent.get(f"{HOME}?search=nobody").text


def test_what_is_overdue_says_so(world: World, agent: Browser):
    today = clock.today(owner(world).timezone)
    late = onboarding(world, due_on=today - timedelta(days=2))
    done = onboarding(world, due_on=today - timedelta(days=2), state=TaskState.APPROVED)
    due = onboarding(world, due_on=today)
    assert "2 days late" in agent.get(f"{HOME}?search={late.subject}").text
    for other in (done, due):
        assert " late<" not in agent.get(f"{HOME}?search={other.subject}").text
    first = names_on(agent.get(f"{HOME}?f=state:is:open").text)[0]
    assert int(first) == late.id, "what is due first comes first"


def test_days_are_those_of_the_organisation(world: World, agent: Browser):
    change(world, owner(world), timezone="Pacific/Kiritimati")
    made = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)  # half past two in the night of 1 February there
    task = onboarding(world, created_at=made, decided_at=made + timedelta(hours=23), state=TaskState.APPROVED)
    comment = make.TaskCommentFactory(organisation=owner(world), task_id=task.id, created_at=made, text="Look")
    listed = agent.get(f"{HOME}?search={task.subject}").text
    assert re.findall(r">([^<>]*(?:Jan|Feb) 2026)<", listed) == ["since 1 Feb 2026", "1 Feb 2026"]
    assert listed.count(">1 day<") == 1
    page = agent.get(f"{HOME}details/?id={task.id}").text
    assert (page.count("1 Feb 2026"), "31 Jan 2026" in page, comment.text in page) == (2, False, True)
    page = agent.get(f"/admin/customers/details/?id={task.customer_id}&tab=tasks").text
    assert ("1 Feb 2026" in page, "31 Jan 2026" in page) == (True, False)


def test_what_has_no_column_where_there_is_little_room_stands_under_the_name(world: World, agent: Browser):
    task = onboarding(world, Stage.PASSED, due_on=None)
    change(world, task.customer, credit_reference="CR <1>", estimated_monthly_revenue=Decimal("1234.5"))
    page = agent.get(f"{HOME}?f=state:is:open&search={task.subject}").text
    folded = re.search(r'<span class="sub folded">(.*?)</td>', page, re.S)
    assert folded is not None
    told = [
        re.sub(r"<[^>]+>", "", part) for part in re.findall(r'<span class="(?:early|later)">(.*?)</span>', folded[1])
    ]
    created = task.created_at.strftime("%-d %b %Y")
    number = task.customer.account_number
    assert told == [number, "Company", "CR &lt;1&gt;", "1,234.50 a month", f"since {created}", "Passed Credit Ref"]
    for column in ("account_number", "type", "references", "revenue"):
        assert f'name="column" value="{column}" checked' in page
    assert page.count('<td class="early"') == 4
    assert page.count('<td class="num later"') == 1


def test_the_queue_is_exported_as_it_is_narrowed(world: World, agent: Browser):
    late = onboarding(world, assignee_id=world.ours.users[Role.AGENT], due_on=date(2026, 1, 31))
    onboarding(world)
    change(world, late.customer, estimated_monthly_revenue=Decimal("1234.50"))
    mine = f"f=state:is:open&f=assignee:is:{agent.user_id}"
    rows = list(csv.DictReader(agent.get(f"{HOME}export/csv/?{mine}").text.lstrip("\ufeff").splitlines()))
    assert [row["Name"] for row in rows] == [late.subject]
    assert (rows[0]["Request"], rows[0]["Stage"], rows[0]["Assignee"]) == ("Onboarding", "New", "The agent")
    assert rows[0]["Due"], "the day, not how late it is"
    assert "late" not in rows[0]["Due"]
    assert rows[0]["Per month"] == "1,234.50"


# --- Working on them ---------------------------------------------------------------------------------------


def test_a_task_is_claimed_once_and_given_back(world: World, agent: Browser, manager: Browser):
    key = onboarding(world).id
    form, other = agent.form(operation("claim", key)), manager.form(operation("claim", key))
    assert agent.post(operation("claim", key), form).status_code == 303
    answer = manager.post(operation("claim", key), other)
    assert answer.status_code == 409
    assert "Already taken by The agent" in answer.text
    assert again(key).assignee_id == agent.user_id
    assert agent.submit(operation("release", key)).status_code == 303
    assert again(key).assignee_id is None


def test_many_are_assigned_at_once_with_one_mail(world: World, manager: Browser):
    tasks = [onboarding(world) for _ in range(3)]
    keys = [task.id for task in tasks]
    asked_by_agent = onboarding(world, requester_id=world.ours.users[Role.AGENT]).id
    closed = onboarding(world, state=TaskState.APPROVED).id
    before = db.session.query(models.OutboxMessage).count()
    answer = manager.submit(operation("assign", *keys, asked_by_agent, closed),
                            assignee_id=str(world.ours.users[Role.AGENT]))  # fmt: skip
    assert answer.status_code == 200
    assert "3 done" in answer.text
    assert "2 not done" in answer.text
    assert "nobody decides their own request" in answer.text
    assert "This was approved already" in answer.text
    assert [again(key).assignee_id for key in keys] == [world.ours.users[Role.AGENT]] * 3
    assert again(asked_by_agent).assignee_id is None
    assert db.session.query(models.OutboxMessage).count() == before + 1


def test_each_row_of_many_gets_its_answer(world: World, agent: Browser):
    mine = a_task(assignee_id=Role.AGENT, **UPDATE)(world)
    stale = a_task(assignee_id=Role.AGENT, kind=TaskKind.PARTICULARS, proposal={"website": ["old", "new"]})(world)
    free = a_task(**UPDATE)(world)
    keys = [mine.id, stale.id, free.id]
    answer = agent.submit(operation("approve", *keys))
    assert answer.status_code == 200
    assert "1 done" in answer.text
    assert "2 not done" in answer.text
    assert "The record has changed" in answer.text
    assert "Claim the task first, or ask a manager to decide it" in answer.text
    assert [again(key).state for key in keys] == [TaskState.APPROVED, TaskState.OPEN, TaskState.OPEN]
    assert again(keys[0]).customer.website == "https://new.example"


def test_onboarding_is_brought_to_the_end_on_the_task(world: World, agent: Browser):
    key = onboarding(world, assignee_id=world.ours.users[Role.AGENT]).id
    assert "New becomes Passed Credit Ref" in agent.get(operation("approve", key)).text
    entered = {"credit_reference": " CR 1 ", "estimated_monthly_revenue": "99.90", "comment": "All good"}
    assert agent.submit(operation("approve", key), **entered).status_code == 303
    task = again(key)
    assert (task.customer.stage, task.state) == (Stage.PASSED, TaskState.OPEN)
    assert (task.customer.credit_reference, task.customer.estimated_monthly_revenue) == ("CR 1", Decimal("99.90"))
    mark = last_change()
    answer = agent.submit(operation("approve", key))
    assert answer.status_code == 422
    assert 'id="billing_reference-error"' in answer.text
    assert changes_since(mark) == []
    assert agent.submit(operation("approve", key), billing_reference="B 1").status_code == 303
    assert (again(key).customer.stage, again(key).state) == (Stage.BILLING, TaskState.APPROVED)


def test_declining_says_why_and_fails_the_credit_check(world: World, agent: Browser):
    key = onboarding(world, assignee_id=world.ours.users[Role.AGENT]).id
    answer = agent.submit(operation("decline", key))
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert agent.submit(operation("decline", key), comment="Debts").status_code == 303
    assert (again(key).customer.stage, again(key).state) == (Stage.FAILED, TaskState.DECLINED)
    page = agent.get(f"{HOME}details/?id={key}").text
    for told in ("Declined", "Decided by", "The agent", "Debts"):
        assert told in page


def test_a_page_that_is_out_of_date_decides_nothing(world: World, agent: Browser, manager: Browser):
    key = a_task(assignee_id=Role.AGENT, **UPDATE)(world).id
    form = agent.form(operation("approve", key))
    assert manager.submit(operation("due", key), due_on="2031-01-01").status_code == 303
    answer = agent.post(operation("approve", key), form)
    assert answer.status_code == 409
    assert "Somebody changed it after you opened this page" in answer.text
    assert again(key).state is TaskState.OPEN
    assert manager.submit(operation("decline", key), comment="No").status_code == 303
    answer = agent.post(operation("approve", key), form)
    assert answer.status_code == 409
    assert "This was declined already" in answer.text


def test_nobody_decides_their_own_request(world: World, manager: Browser):
    key = a_task(requester_id=Role.MANAGER, assignee_id=Role.MANAGER, **UPDATE)(world).id
    other = onboarding(world, requester_id=world.ours.users[Role.MANAGER])
    mark = last_change()
    for name in ("approve", "decline"):
        page = manager.get(operation(name, key)).text
        assert "nobody decides their own request" in page
        assert manager.post(operation(name, key), {"comment": "Why not"}).status_code == 409
    assert "nobody decides their own request" in manager.get(operation("claim", other)).text
    assert changes_since(mark) == []
    assert manager.submit(operation("withdraw", key), comment="Mistaken").status_code == 303
    assert again(key).state is TaskState.WITHDRAWN


def test_an_agent_does_not_decide_what_is_not_theirs(world: World, agent: Browser, manager: Browser):
    free, others = a_task(**UPDATE)(world).id, a_task(assignee_id=Role.MANAGER, **UPDATE)(world).id
    listing = {"kind": TaskKind.BLACKLIST, "proposal": {"reason": "Never paid"}}
    blacklisting = a_task(assignee_id=Role.AGENT, requester_id=Role.PARTNER, **listing)(world).id
    for key in (free, others, blacklisting):
        for name in ("approve", "decline"):
            assert agent.post(operation(name, key), {"comment": "Yes"}).status_code == 409, (key, name)
        assert again(key).state is TaskState.OPEN
    assert "A manager decides about the blacklist" in agent.get(operation("approve", blacklisting)).text
    assert agent.post(operation("release", others)).status_code == 409
    for name, entered in (("assign", {"assignee_id": str(agent.user_id)}), ("due", {"due_on": "2031-01-01"})):
        assert agent.get(operation(name, free)).status_code == 403
        assert agent.post(operation(name, free), entered).status_code == 403
    assert manager.submit(operation("approve", blacklisting)).status_code == 303
    entry = db.session.query(models.BlacklistEntry).filter_by(customer_id=again(blacklisting).customer_id).one()
    assert entry.reason == "Never paid"
    page = manager.get(f"/admin/customers/details/?id={entry.customer_id}").text
    assert "Blacklisted: not to be approved" in page


def test_comments_are_kept_with_who_and_when(world: World, agent: Browser):
    key = onboarding(world).id
    answer = agent.submit(operation("comment", key), comment=" ")
    assert answer.status_code == 422
    assert agent.submit(operation("comment", key), comment="Line one\nLine <b>two</b>").status_code == 303
    page = agent.get(f"{HOME}details/?id={key}").text
    assert "Line one<br>Line &lt;b&gt;two&lt;/b&gt;" in page
    assert "The agent" in page


def test_the_due_date_may_be_set_and_taken_away(world: World, manager: Browser):
    key = onboarding(world).id
    for entered, kept in (("2031-02-28", date(2031, 2, 28)), ("", None)):
        assert manager.submit(operation("due", key), due_on=entered).status_code == 303
        assert again(key).due_on == kept
    for wrong in ("2031-02-30", "soon"):
        assert manager.submit(operation("due", key), due_on=wrong).status_code == 422
    assert manager.get(HOME, follow_redirects=True).status_code == 200


# --- What the pages show -----------------------------------------------------------------------------------


def test_particulars_are_shown_old_and_new(world: World, manager: Browser):
    proposal = {"website": ["https://old.example", "https://new.example"], "contact_number": ["0815", None],
                "customer_type": [None, "private limited"], "registration_date": ["2020-02-29", None]}  # fmt: skip
    task = a_task(kind=TaskKind.PARTICULARS, proposal=proposal)(world)
    customer = task.customer
    change(world, customer, website="https://old.example", contact_number="0815")
    cells = cells_on(manager.get(f"{HOME}details/?id={task.id}").text)
    assert cells[:6] == ["Website", "https://old.example", "https://new.example", "Contact number", "0815", "(blank)"]
    assert cells[6:12] == ["Customer type", "(blank)", "Private limited", "Registration date", "29 Feb 2020", "(blank)"]
    page = manager.get(operation("approve", task)).text
    assert "Website: https://old.example becomes https://new.example; Contact number: 0815 becomes blank" in page
    change(world, customer, website="https://meanwhile.example")
    assert "can only be declined" in manager.get(f"{HOME}details/?id={task.id}").text


def test_a_number_that_is_asked_for_and_blacklisted_is_warned_of(world: World, manager: Browser):
    make.BlacklistEntryFactory(organisation=owner(world), registration_number="HRB 666", reason="Never paid")
    task = a_task(kind=TaskKind.PARTICULARS, proposal={"registration_number": [None, "hrb-666"]})(world)
    other = a_task(kind=TaskKind.PARTICULARS, proposal={"registration_number": [None, "HRB 667"]})(world)
    assert "This number is blacklisted: Never paid" in manager.get(f"{HOME}details/?id={task.id}").text
    assert "blacklisted" not in manager.get(f"{HOME}details/?id={other.id}").text.replace("Blacklist", "")


def cells_on(page: str) -> list[str]:
    return [re.sub(r"<[^>]+>", "", cell).strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", page, re.S)]


def test_a_re_check_shows_what_was_changed_and_by_whom(world: World, agent: Browser, admin: Browser, manager: Browser):
    key = world.ours.customers[0]
    kept = db.session.get_one(models.Customer, key)
    change(world, kept, stage=Stage.BILLING, registration_number=None)
    before, url = kept.name, f"/admin/customers/edit/?id={key}"
    assert agent.submit(url, name="Renamed GmbH").status_code == 303
    assert admin.submit(url, name="Renamed AG", kind="consumer", identity_number="ID 7").status_code == 303
    task = db.session.query(models.ApprovalTask).filter_by(customer_id=key, kind=TaskKind.RECHECK).one()
    page = manager.get(f"{HOME}details/?id={task.id}").text
    assert cells_on(page)[:9] == [
        "Name", before, "Renamed AG", "Kind", "Company", "Consumer", "Identity number", "(blank)", "ID 7",
    ]  # fmt: skip
    assert "The agent, The admin" in page


def test_the_approval_asks_for_what_its_rows_need(world: World, manager: Browser):
    new, passed = onboarding(world), onboarding(world, Stage.PASSED)
    update = a_task(**UPDATE)(world)
    credit, billing = "credit_reference", "billing_reference"
    for tasks, asked in (([new], {credit}), ([passed], {billing}), ([new, passed], {credit, billing}),
                         ([update], set()), ([update, passed], {billing})):  # fmt: skip
        fields = manager.form(operation("approve", *tasks)).keys()
        assert fields & {credit, billing} == asked
        assert ("estimated_monthly_revenue" in fields) == bool(asked)


def test_the_next_step_stands_out(world: World, agent: Browser):
    free, mine = onboarding(world), onboarding(world, assignee_id=world.ours.users[Role.AGENT])
    for task, step in ((free, "Claim"), (mine, "Approve")):
        page = agent.get(f"{HOME}details/?id={task.id}").text
        primary = re.findall(r'class="btn btn-primary" href="[^"]*">(?:<svg.*?</svg>)?([^<]+)', page)
        assert primary == [step]


def actions_on(page: str) -> set[str]:
    return set(re.findall(r"/operation/([a-z]+)/", page))


def test_only_what_can_be_decided_is_offered(world: World, agent: Browser):
    passed = onboarding(world, Stage.PASSED, assignee_id=world.ours.users[Role.AGENT])
    key = passed.customer_id
    assert actions_on(agent.get(f"{HOME}details/?id={passed.id}").text) >= {"approve", "release"}
    assert "decline" not in actions_on(agent.get(f"{HOME}details/?id={passed.id}").text)
    assert "only from New or Referred it can move to Failed" in agent.get(operation("decline", passed)).text
    mark = last_change()
    assert agent.post(operation("decline", passed), {"comment": "No"}).status_code == 409
    assert changes_since(mark) == []
    assert "bill" in actions_on(agent.get(f"/admin/customers/details/?id={key}").text)
    url = f"/admin/customers/operation/bill/?id={key}"
    for change_of, told in (({"assignee_id": None}, "Claim the task first, or ask a manager to decide it"),
                            ({"requester_id": agent.user_id}, "nobody decides their own request")):  # fmt: skip
        change(world, passed, **change_of)
        assert "bill" not in actions_on(agent.get(f"/admin/customers/details/?id={key}").text)
        assert told in agent.get(url).text


def test_the_record_of_a_customer_tells_of_its_tasks(world: World, agent: Browser):
    task = onboarding(world)
    change(world, task.customer, stage=Stage.REFERRED)
    page = agent.get(f"/admin/customers/details/?id={task.customer_id}&tab=tasks").text
    assert f"/admin/tasks/details/?id={task.id}" in page
    page = agent.get(f"/admin/customers/details/?id={task.customer_id}").text
    assert 'aria-current="step">Referred' in page
