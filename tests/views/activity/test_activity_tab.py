"""The tabs Activity, Attachments, Cases and Alerts of a customer, and the bell."""

import io
import re
from datetime import timedelta

import pytest

import models
from customerhub.core import clock
from customerhub.core.organisation_dates import organisation_today
from models.base import db
from models.enums import Role
from tests.support import factories as make
from tests.support.browser_client import Browser
from tests.support.screen_rows import make_bare_customer, make_note
from tests.support.statements import record_statements
from tests.support.two_organisations import TwoOrganisations, change_row, own_organisation

HOSTILE = "<script>alert(1)</script> https://hub.example/?a=<b>&c=\"d'), @The manager\njavascript:alert(2)"
MOST_STATEMENTS = 16  # of a tab with everything, the bell among it; the overview: test_record_statements.py


@pytest.fixture
def customer(organisations: TwoOrganisations) -> models.Customer:
    return make_bare_customer(organisations, name="Alpine <b>Networks</b>")


def tab_url(customer_id: int, tab: str = "activity", more: str = "") -> str:
    return f"/admin/customers/details/?id={customer_id}&tab={tab}{more}"


def post_note(browser: Browser, customer_id: int, **values: str) -> models.Note:
    page = browser.get(tab_url(customer_id)).text
    form = page.split('class="composer"')[1].split("</form>")[0]
    entries = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = browser.post(f"/admin/notes/new/?customer_id={customer_id}", entries | values)
    assert answer.status_code == 303, answer.text
    note = db.session.query(models.Note).filter_by(customer_id=customer_id).order_by(models.Note.id.desc()).first()
    assert answer.location == f"{tab_url(customer_id)}#note-{note.id}"
    return note


def test_a_note_is_written_and_shown_as_text(
    organisations: TwoOrganisations, agent: Browser, customer: models.Customer
):
    key = customer.id
    note = post_note(agent, key, text=HOSTILE)
    page = agent.get(tab_url(key)).text
    entry = page.split(f'id="note-{note.id}"')[1].split("</li>")[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in entry
    assert '<a href="https://hub.example/?a=" rel="noopener noreferrer nofollow">' in entry
    assert '<span class="mention">@The manager</span>' in entry
    assert 'href="javascript' not in page
    assert "<script>alert" not in page


def test_a_note_that_is_sent_twice_is_written_once(agent: Browser, customer: models.Customer):
    key = customer.id
    page = agent.get(tab_url(key)).text
    token = re.search(r'name="form_token" value="([^"]+)"', page)
    assert token is not None
    entries = {"form_token": token[1], "customer_id": str(key), "text": "Once"}
    answers = [agent.post(f"/admin/notes/new/?customer_id={key}", entries) for _ in range(2)]
    assert answers[0].location == answers[1].location
    assert db.session.query(models.Note).filter_by(text="Once").count() == 1


def test_a_refused_note_is_shown_again_with_its_reason(agent: Browser, customer: models.Customer):
    answer = agent.post(
        f"/admin/notes/new/?customer_id={customer.id}",
        {"customer_id": str(customer.id), "text": "Kept text", "follow_up_on": "2001-01-01"},
    )
    assert answer.status_code == 422
    assert "Kept text" in answer.text
    assert "This date is in the past" in answer.text


def test_the_bell_leads_to_the_note_and_then_is_silent(
    organisations: TwoOrganisations, agent: Browser, customer: models.Customer
):
    note = post_note(agent, customer.id, text="@The manager <i>please</i>")
    manager = Browser(organisations.app, organisations.own.users[Role.MANAGER])
    page = manager.get("/admin/").text
    assert "The agent mentioned you: @The manager &lt;i&gt;please&lt;/i&gt;" in page
    mention = re.search(r'<button class="link" name="id" value="(\d+)">', page)
    assert mention is not None
    answer = manager.post("/admin/notes/mention/", {"id": mention[1]})
    assert answer.location == f"/admin/notes/details/?id={note.id}"
    assert "mentioned you" not in manager.get("/admin/").text
    assert agent.post("/admin/notes/mention/", {"id": mention[1]}).status_code == 404


def test_follow_ups_stand_above_the_feed_until_they_are_done(
    organisations: TwoOrganisations, agent: Browser, customer: models.Customer
):
    key, today = customer.id, organisation_today(organisations.own.id)
    late = make_note(customer_id=key, follow_up_on=today - timedelta(days=3), assignee_id=Role.AGENT)(organisations)
    change_row(organisations, late)
    page = agent.get(tab_url(key)).text
    assert "3 days late" in page.split('class="section open-follow-ups"')[1]
    assert '<span class="count">1<' in page.split("Follow-ups")[1].split("</a>")[0], "the menu counts it"
    answer = agent.post("/admin/notes/follow-up/", {"id": late.id})
    assert answer.location == f"{tab_url(key)}#note-{late.id}"
    page = agent.get(tab_url(key)).text
    assert "open-follow-ups" not in page
    assert "Followed up by The agent" in page
    agent.post("/admin/notes/follow-up/", {"id": late.id, "reopen": "1"})
    assert "open-follow-ups" in agent.get(tab_url(key)).text


def test_the_feed_is_narrowed_and_paged(organisations: TwoOrganisations, agent: Browser, customer: models.Customer):
    key = customer.id
    for number in range(35):
        make.NoteFactory(organisation=own_organisation(organisations), customer_id=key, text=f"Note number {number}.")
    change_row(organisations, customer)
    first, second = (agent.get(tab_url(key, more=f"&show=notes{page}")).text for page in ("", "&page=1"))
    shown = [re.findall(r"Note number (\d+)\.</div>", page) for page in (first, second)]
    assert shown[0] + shown[1] == [str(number) for number in range(34, -1, -1)]
    assert len(shown[0]) == 30
    assert f"{tab_url(key).replace('&', '&amp;')}&amp;show=notes&amp;page=1" in first
    assert "created the record" not in first
    assert "Nothing of this kind yet" in agent.get(tab_url(key, more="&show=mails")).text
    assert agent.get(tab_url(key, more="&show=nonsense&page=-4")).status_code == 200


@pytest.mark.parametrize("tab", ["activity", "attachments", "cases", "alerts"])
def test_a_tab_asks_no_more_for_much_than_for_little(
    organisations: TwoOrganisations, agent: Browser, customer: models.Customer, tab: str
):
    key = customer.id

    def count_statements() -> int:
        agent.get(tab_url(key, tab))
        with record_statements() as statements:
            agent.get(tab_url(key, tab))
        return len([each for each in statements if not each.startswith(("BEGIN", "SAVEPOINT"))])

    def add_rows(count: int) -> None:
        owned = {"organisation": own_organisation(organisations), "customer_id": key}
        for _ in range(count):
            user_id = make.UserFactory(organisation=own_organisation(organisations)).id
            note = make.NoteFactory(**owned, author_id=user_id)
            make.NoteMentionFactory(organisation=own_organisation(organisations), note_id=note.id, user_id=user_id)
            make.AttachmentFactory(**owned, uploaded_by_id=user_id)
            case = make.CustomerCaseFactory(**owned, assignee_id=user_id)
            make.CaseNoteFactory(organisation=own_organisation(organisations), case_id=case.id, user_id=user_id)
            make.OutboxMessageFactory(**owned)
            make.AlertFactory(**owned)
        change_row(organisations, customer)

    add_rows(2)
    few = count_statements()
    add_rows(10)
    many = count_statements()
    assert (many <= few, few <= MOST_STATEMENTS) == (True, True), (few, many)


def test_several_files_are_attached_at_once_and_downloaded(
    organisations: TwoOrganisations, agent: Browser, customer: models.Customer
):
    key = customer.id
    files = [(io.BytesIO(b"<script>alert(1)</script>"), "<b>Übersicht.html"), (io.BytesIO(b""), "empty.txt")]
    answer = agent.post(f"/admin/attachments/upload/?customer_id={key}", {"files": files, "description": "<i>Both</i>"})
    assert answer.location == tab_url(key, "attachments")
    page = agent.get(answer.location).text
    assert "empty.txt was not attached. The file is empty." in page
    assert "bÜbersicht.html" in page
    assert "&lt;i&gt;Both&lt;/i&gt;" in page
    row = db.session.query(models.Attachment).filter_by(customer_id=key).one()
    download = agent.get(f"/files/{row.file_id}")
    assert download.headers["Content-Type"] == "application/octet-stream"
    assert download.headers["Content-Disposition"].startswith("attachment;")
    assert "%C3%9Cbersicht.html" in download.headers["Content-Disposition"]
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    for role in (Role.PARTNER, Role.CUSTOMER):
        assert Browser(organisations.app, organisations.own.users[role]).get(f"/files/{row.file_id}").status_code == 404
    stranger = Browser(organisations.app, organisations.foreign.users[Role.ADMIN])
    assert stranger.get(f"/files/{row.file_id}").status_code == 404


def test_deleting_leads_back_to_the_tab(organisations: TwoOrganisations, agent: Browser, customer: models.Customer):
    row = make.AttachmentFactory(organisation=own_organisation(organisations), customer_id=customer.id)
    note = make_note(customer_id=customer.id)(organisations)
    change_row(organisations, row)
    key = customer.id
    paths = {"attachments": f"/admin/attachments/operation/delete/?id={row.id}"}
    paths["activity"] = f"/admin/notes/operation/delete/?id={note.id}"
    for tab, path in paths.items():
        assert path.replace("&", "&amp;") in agent.get(tab_url(key, tab)).text
        assert agent.submit(path).location == tab_url(key, tab)


def test_a_contract_has_attachments_of_its_own(organisations: TwoOrganisations, agent: Browser):
    contract = db.session.get_one(models.Contract, organisations.own.row_id(models.Contract))
    key, customer_id = contract.id, contract.customer_id
    page = agent.get(f"/admin/contracts/details/?id={key}&tab=attachments").text
    address = f"/admin/attachments/upload/?customer_id={customer_id}&contract_id={key}"
    assert address.replace("&", "&amp;") in page
    answer = agent.post(address, {"files": (io.BytesIO(b"x"), "signed.txt")})
    assert answer.location == f"/admin/contracts/details/?id={key}&tab=attachments"
    assert "signed.txt" in agent.get(answer.location).text
    assert "signed.txt" in agent.get(tab_url(customer_id, "attachments")).text


def test_the_alerts_tab_has_what_was_and_offers_more(
    organisations: TwoOrganisations, agent: Browser, customer: models.Customer
):
    change_row(organisations, customer, registration_number="HRB 77 0")
    owner, key = own_organisation(organisations), customer.id
    make.AlertFactory(organisation=owner, customer_id=key, text="Ring <first>", closed_at=clock.get_now())
    make.BlacklistEntryFactory(
        organisation=owner,
        registration_number="hrb-770",
        reason="Never paid",
        removed_at=clock.get_now(),
        removal_reason="Paid all",
    )
    change_row(organisations, customer)
    page = agent.get(tab_url(key, "alerts")).text
    assert "Ring &lt;first&gt;" in page
    assert "Paid all" in page
    assert f"/admin/customers/operation/alert/?id={key}" in page
    assert f"/admin/customers/operation/blacklist/?id={key}" in page


@pytest.mark.parametrize(
    ("tab", "label"),
    [
        ("contracts", "Add contract"),
        ("profiles", "Add invoice profile"),
        ("billing-lines", "Add billing line"),
        ("compliance", "Add compliance document"),
        ("reviews", "Record review"),
        ("attachments", "Attach"),
        ("cases", "Add case"),
        ("alerts", "Raise alert"),
        ("portal", "Add portal user"),
    ],
)
def test_every_tab_offers_to_add_one(organisations: TwoOrganisations, agent: Browser, tab: str, label: str):
    customer = db.session.get_one(models.Customer, organisations.own.customers[2])
    change_row(organisations, customer, stage=models.enums.Stage.BILLING)
    assert label in agent.get(tab_url(customer.id, tab)).text.split('id="main"')[1].split("</header>", 1)[1]
