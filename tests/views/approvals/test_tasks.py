"""The queue of approval tasks: its list, and the actions on its tasks."""

import csv
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import models
from customerhub.core import clock
from models.base import db
from models.enums import Role, Stage, TaskKind, TaskState
from tests.support import factories as make
from tests.support.approval_tasks import HOME, make_onboarding, operation_url
from tests.support.browser_client import Browser
from tests.support.row_changes import changes_since, last_change_id
from tests.support.screen_rows import UPDATE_VALUES, make_task
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation


def reload_task(key: int) -> models.ApprovalTask:
    return db.session.get_one(models.ApprovalTask, key)


def list_task_names(page: str) -> list[str]:
    """The tasks on a page of the list, by the names in their first column."""
    return re.findall(r'href="/admin/tasks/details/\?id=(\d+)"', page)


def list_tab_ids(browser: Browser, label: str) -> list[int]:
    """The ids behind one of the tabs."""
    page = browser.get(f"{HOME}?f=state:is:open").text
    link = re.search(rf'<a href="([^"]+)"[^>]*>{label}</a>', page)
    assert link is not None, label
    response = browser.get(link[1].replace("&amp;", "&"))
    assert response.status_code == 200
    return sorted({int(key) for key in list_task_names(response.text)})


# --- The list ----------------------------------------------------------------------------------------------


def test_the_tabs_show_whose_the_tasks_are(organisations: TwoOrganisations, agent: Browser):
    existing_task_id = organisations.own.row_id(models.ApprovalTask)
    own_task_id = make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT]).id
    foreign_task_id = make_onboarding(organisations, assignee_id=organisations.own.users[Role.MANAGER]).id
    free = make_onboarding(organisations).id
    done = make_onboarding(organisations, state=TaskState.APPROVED, assignee_id=organisations.own.users[Role.AGENT]).id
    assert list_tab_ids(agent, "My tasks") == [own_task_id]
    assert list_tab_ids(agent, "Unassigned") == [existing_task_id, free]
    assert list_tab_ids(agent, "All open") == [existing_task_id, own_task_id, foreign_task_id, free]
    assert list_tab_ids(agent, "Done") == [done]
    assert agent.get(HOME).location == f"{HOME}?f=state%3Ais%3Aopen"
    assert agent.get(f"{HOME}mine/").location.startswith(HOME)


def test_the_menu_counts_what_waits(organisations: TwoOrganisations, agent: Browser):
    def counts() -> list[str]:
        found = re.findall(
            r'<span>(My tasks|All tasks)</span>(?:<span class="count">([^<]+)<)?', agent.get("/admin/").text
        )
        assert [label for label, _ in found] == ["My tasks", "All tasks"]
        return [count for _, count in found]

    assert counts() == ["", "1"]
    for _ in range(3):
        make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT])
    make_onboarding(organisations, state=TaskState.DECLINED)
    assert counts() == ["3", "4"]
    for _ in range(97):
        make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT])
    assert counts() == ["99+", "99+"]


def test_tasks_are_found_by_their_customers(organisations: TwoOrganisations, agent: Browser):
    searched_task = make_onboarding(organisations)
    make_onboarding(organisations)
    change_row(organisations, searched_task.customer, reference="FIND-ME", email="ursula@needle.example")
    for search_text in (searched_task.customer.name, "find-me", "needle", searched_task.customer.account_number):
        page = agent.get(f"{HOME}?f=state:is:open&search={search_text}").text
        assert [int(key) for key in dict.fromkeys(list_task_names(page))] == [searched_task.id], search_text
    assert "No results" in agent.get(f"{HOME}?search=nobody").text


def test_what_is_overdue_says_so(organisations: TwoOrganisations, agent: Browser):
    today = clock.get_today(own_organisation(organisations).timezone)
    late = make_onboarding(organisations, due_on=today - timedelta(days=2))
    done = make_onboarding(organisations, due_on=today - timedelta(days=2), state=TaskState.APPROVED)
    due = make_onboarding(organisations, due_on=today)
    assert "2 days late" in agent.get(f"{HOME}?search={late.subject}").text
    for other in (done, due):
        assert " late<" not in agent.get(f"{HOME}?search={other.subject}").text
    first = list_task_names(agent.get(f"{HOME}?f=state:is:open").text)[0]
    assert int(first) == late.id, "what is due first comes first"


def test_days_are_those_of_the_organisation(organisations: TwoOrganisations, agent: Browser):
    change_row(organisations, own_organisation(organisations), timezone="Pacific/Kiritimati")
    created_at = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)  # half past two in the night of 1 February there
    task = make_onboarding(
        organisations, created_at=created_at, decided_at=created_at + timedelta(hours=23), state=TaskState.APPROVED
    )
    comment = make.TaskCommentFactory(
        organisation=own_organisation(organisations), task_id=task.id, created_at=created_at, text="Look"
    )
    list_page = agent.get(f"{HOME}?search={task.subject}").text
    assert re.findall(r">([^<>]*(?:Jan|Feb) 2026)<", list_page) == ["since 1 Feb 2026", "1 Feb 2026"]
    assert list_page.count(">1 day<") == 1
    page = agent.get(f"{HOME}details/?id={task.id}").text
    assert (page.count("1 Feb 2026"), "31 Jan 2026" in page, comment.text in page) == (2, False, True)
    page = agent.get(f"/admin/customers/details/?id={task.customer_id}&tab=tasks").text
    assert ("1 Feb 2026" in page, "31 Jan 2026" in page) == (True, False)


def test_what_has_no_column_where_there_is_little_room_stands_under_the_name(
    organisations: TwoOrganisations, agent: Browser
):
    task = make_onboarding(organisations, Stage.PASSED, due_on=None)
    change_row(organisations, task.customer, credit_reference="CR <1>", estimated_monthly_revenue=Decimal("1234.5"))
    page = agent.get(f"{HOME}?f=state:is:open&search={task.subject}").text
    folded = re.search(r'<span class="sub folded">(.*?)</td>', page, re.S)
    assert folded is not None
    list_texts = [
        re.sub(r"<[^>]+>", "", part)
        for part in re.findall(r'<span class="(?:early|below-\d+)">(.*?)</span>', folded[1])
    ]
    created = task.created_at.strftime("%-d %b %Y")
    number = task.customer.account_number
    assert list_texts == [
        "Onboarding",
        "Credit check passed",
        number,
        "Company",
        "CR &lt;1&gt;",
        "1,234.50 a month",
        f"since {created}",
    ]
    picker = agent.get("/admin/list/tasks/columns").text
    for column in ("account_number", "type", "credit_reference", "revenue"):
        assert f'name="column" value="{column}" checked' in picker
    assert page.count('<td class="early"') == 3
    assert page.count('<td class="num below-860"') == 1


def test_the_queue_is_exported_as_it_is_narrowed(organisations: TwoOrganisations, agent: Browser):
    late = make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT], due_on=date(2026, 1, 31))
    make_onboarding(organisations)
    change_row(organisations, late.customer, estimated_monthly_revenue=Decimal("1234.50"))
    own_tasks_query = f"f=state:is:open&f=assignee:is:{agent.user_id}"
    rows = list(csv.DictReader(agent.get(f"{HOME}export/csv/?{own_tasks_query}").text.lstrip("\ufeff").splitlines()))
    assert [row["Name"] for row in rows] == [late.subject]
    assert (rows[0]["Request"], rows[0]["Stage"], rows[0]["Assignee"]) == ("Onboarding", "New", "The agent")
    assert rows[0]["Due"], "the day, not how late it is"
    assert "late" not in rows[0]["Due"]
    assert rows[0]["Est. monthly revenue"] == "1,234.50"


# --- Working on them ---------------------------------------------------------------------------------------


def test_a_task_is_claimed_once_and_given_back(organisations: TwoOrganisations, agent: Browser, manager: Browser):
    key = make_onboarding(organisations).id
    form, other = agent.read_form(operation_url("claim", key)), manager.read_form(operation_url("claim", key))
    assert agent.post(operation_url("claim", key), form).status_code == 303
    answer = manager.post(operation_url("claim", key), other)
    assert answer.status_code == 409
    assert "Already assigned to The agent" in answer.text
    assert reload_task(key).assignee_id == agent.user_id
    assert agent.submit(operation_url("release", key)).status_code == 303
    assert reload_task(key).assignee_id is None


def test_many_are_assigned_at_once_with_one_mail(organisations: TwoOrganisations, manager: Browser):
    tasks = [make_onboarding(organisations) for _ in range(3)]
    keys = [task.id for task in tasks]
    asked_by_agent = make_onboarding(organisations, requester_id=organisations.own.users[Role.AGENT]).id
    closed = make_onboarding(organisations, state=TaskState.APPROVED).id
    before = db.session.query(models.OutboxMessage).count()
    answer = manager.submit(
        operation_url("assign", *keys, asked_by_agent, closed), assignee_id=str(organisations.own.users[Role.AGENT])
    )
    assert answer.status_code == 200
    assert "3 tasks assigned" in answer.text
    assert "2 tasks not assigned" in answer.text
    assert "is a requester and cannot decide this request" in answer.text
    assert "Already approved" in answer.text
    assert [reload_task(key).assignee_id for key in keys] == [organisations.own.users[Role.AGENT]] * 3
    assert reload_task(asked_by_agent).assignee_id is None
    assert db.session.query(models.OutboxMessage).count() == before + 1


def test_each_row_of_many_gets_its_answer(organisations: TwoOrganisations, agent: Browser):
    own_task = make_task(assignee_id=Role.AGENT, **UPDATE_VALUES)(organisations)
    stale = make_task(assignee_id=Role.AGENT, kind=TaskKind.PARTICULARS, proposal={"website": ["old", "new"]})(
        organisations
    )
    free = make_task(**UPDATE_VALUES)(organisations)
    keys = [own_task.id, stale.id, free.id]
    answer = agent.submit(operation_url("approve", *keys))
    assert answer.status_code == 200
    assert "1 task approved" in answer.text
    assert "2 tasks not approved" in answer.text
    assert "The record has changed" in answer.text
    assert "Claim the task first, or ask a manager to decide it" in answer.text
    assert [reload_task(key).state for key in keys] == [TaskState.APPROVED, TaskState.OPEN, TaskState.OPEN]
    assert reload_task(keys[0]).customer.website == "https://new.example"


def test_onboarding_is_brought_to_the_end_on_the_task(organisations: TwoOrganisations, agent: Browser):
    key = make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT]).id
    assert "New becomes Credit check passed" in agent.get(operation_url("approve", key)).text
    entered = {"credit_reference": " CR 1 ", "estimated_monthly_revenue": "99.90", "comment": "All good"}
    assert agent.submit(operation_url("approve", key), **entered).status_code == 303
    task = reload_task(key)
    assert (task.customer.stage, task.state) == (Stage.PASSED, TaskState.OPEN)
    assert (task.customer.credit_reference, task.customer.estimated_monthly_revenue) == ("CR 1", Decimal("99.90"))
    mark = last_change_id()
    answer = agent.submit(operation_url("approve", key))
    assert answer.status_code == 422
    assert 'id="billing_reference-error"' in answer.text
    assert changes_since(mark) == []
    assert agent.submit(operation_url("approve", key), billing_reference="B 1").status_code == 303
    assert (reload_task(key).customer.stage, reload_task(key).state) == (Stage.BILLING, TaskState.APPROVED)


def test_declining_says_why_and_fails_the_credit_check(organisations: TwoOrganisations, agent: Browser):
    key = make_onboarding(organisations, assignee_id=organisations.own.users[Role.AGENT]).id
    answer = agent.submit(operation_url("decline", key))
    assert answer.status_code == 422
    assert "Enter a reason" in answer.text
    assert agent.submit(operation_url("decline", key), comment="Debts").status_code == 303
    assert (reload_task(key).customer.stage, reload_task(key).state) == (Stage.FAILED, TaskState.DECLINED)
    page = agent.get(f"{HOME}details/?id={key}").text
    for expected_text in ("Declined", "Decided by", "The agent", "Debts"):
        assert expected_text in page


def test_a_page_that_is_out_of_date_decides_nothing(organisations: TwoOrganisations, agent: Browser, manager: Browser):
    key = make_task(assignee_id=Role.AGENT, **UPDATE_VALUES)(organisations).id
    form = agent.read_form(operation_url("approve", key))
    assert manager.submit(operation_url("due", key), due_on="2031-01-01").status_code == 303
    answer = agent.post(operation_url("approve", key), form)
    assert answer.status_code == 409
    assert "Changed by another user after you opened this page" in answer.text
    assert reload_task(key).state is TaskState.OPEN
    assert manager.submit(operation_url("decline", key), comment="No").status_code == 303
    answer = agent.post(operation_url("approve", key), form)
    assert answer.status_code == 409
    assert "Already declined" in answer.text


def test_nobody_decides_their_own_request(organisations: TwoOrganisations, manager: Browser):
    key = make_task(requester_id=Role.MANAGER, assignee_id=Role.MANAGER, **UPDATE_VALUES)(organisations).id
    other = make_onboarding(organisations, requester_id=organisations.own.users[Role.MANAGER])
    mark = last_change_id()
    for name in ("approve", "decline"):
        page = manager.get(operation_url(name, key)).text
        assert "cannot decide your own request" in page
        assert manager.post(operation_url(name, key), {"comment": "Why not"}).status_code == 409
    assert "cannot decide your own request" in manager.get(operation_url("claim", other)).text
    assert changes_since(mark) == []
    assert manager.submit(operation_url("withdraw", key), comment="Mistaken").status_code == 303
    assert reload_task(key).state is TaskState.WITHDRAWN


def test_an_agent_does_not_decide_what_is_not_theirs(organisations: TwoOrganisations, agent: Browser, manager: Browser):
    free, others = (
        make_task(**UPDATE_VALUES)(organisations).id,
        make_task(assignee_id=Role.MANAGER, **UPDATE_VALUES)(organisations).id,
    )
    listing = {"kind": TaskKind.BLACKLIST, "proposal": {"reason": "Never paid"}}
    blacklisting = make_task(assignee_id=Role.AGENT, requester_id=Role.PARTNER, **listing)(organisations).id
    for key in (free, others, blacklisting):
        for name in ("approve", "decline"):
            assert agent.post(operation_url(name, key), {"comment": "Yes"}).status_code == 409, (key, name)
        assert reload_task(key).state is TaskState.OPEN
    assert "Only managers can decide blacklist requests" in agent.get(operation_url("approve", blacklisting)).text
    assert agent.post(operation_url("release", others)).status_code == 409
    for name, entered in (("assign", {"assignee_id": str(agent.user_id)}), ("due", {"due_on": "2031-01-01"})):
        assert agent.get(operation_url(name, free)).status_code == 403
        assert agent.post(operation_url(name, free), entered).status_code == 403
    assert manager.submit(operation_url("approve", blacklisting)).status_code == 303
    entry = db.session.query(models.BlacklistEntry).filter_by(customer_id=reload_task(blacklisting).customer_id).one()
    assert entry.reason == "Never paid"
    page = manager.get(f"/admin/customers/details/?id={entry.customer_id}").text
    assert "Blacklisted: not to be approved" in page


def test_comments_are_kept_with_who_and_when(organisations: TwoOrganisations, agent: Browser):
    key = make_onboarding(organisations).id
    answer = agent.submit(operation_url("comment", key), comment=" ")
    assert answer.status_code == 422
    assert agent.submit(operation_url("comment", key), comment="Line one\nLine <b>two</b>").status_code == 303
    page = agent.get(f"{HOME}details/?id={key}").text
    assert "Line one<br>Line &lt;b&gt;two&lt;/b&gt;" in page
    assert "The agent" in page


def test_the_due_date_may_be_set_and_taken_away(organisations: TwoOrganisations, manager: Browser):
    key = make_onboarding(organisations).id
    for entered, stored_date in (
        ({"due_on": "2031-02-28"}, date(2031, 2, 28)),
        ({"no_due_date": "y"}, None),
        ({"due_on": "2031-02-28"}, date(2031, 2, 28)),
    ):
        assert manager.submit(operation_url("due", key), **entered).status_code == 303
        assert reload_task(key).due_on == stored_date
    for wrong in ("2031-02-30", "soon"):
        assert manager.submit(operation_url("due", key), due_on=wrong).status_code == 422
    assert manager.get(HOME, follow_redirects=True).status_code == 200
