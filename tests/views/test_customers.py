"""Adding and changing customers on their form, from a prospect's few words to the full particulars."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

import models
from customerhub import history
from customerhub.customers.statuses import put_in_status
from customerhub.permissions import Actor
from models.base import db
from models.enums import Role, StatusBehaviour
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.screen_table import new_customer
from tests.views.watching import changes_since, last_change
from tests.world import World

NEW = "/admin/customers/new/"
PROSPECT = {"name": "Maybe Ltd", "is_prospect": "y", "registration_number": "HRB 9", "contacts-0-name": "Kim Novak"}


def customer(name: str) -> models.Customer | None:
    return db.session.scalar(select(models.Customer).where(models.Customer.name == name))


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def add(browser: Browser, values: dict[str, Any], **more: Any) -> Any:
    return browser.post(NEW, browser.form(NEW) | values | more)


def test_a_customer_is_added_with_number_account_and_status(world: World, agent: Browser):
    answer = add(agent, new_customer(world), name="Königlich Essen")
    assert answer.status_code == 303
    made = customer("Königlich Essen")
    assert made is not None
    assert answer.location == f"/admin/customers/details/?id={made.id}"
    assert made.account_number.isdigit()
    assert [account.number for account in made.accounts] == [made.account_number]
    assert made.status.behaviour is StatusBehaviour.BILL
    assert "Königlich Essen was added." in agent.get(answer.location).text


def test_a_prospect_needs_a_name_a_number_and_a_contact(world: World, agent: Browser):
    form = {name: value for name, value in agent.form(NEW).items() if name not in ("start_date", "region_id")}
    assert agent.post(NEW, form | PROSPECT | {"departments": []}).status_code == 303
    made = customer("Maybe Ltd")
    assert made is not None
    assert (made.is_prospect, made.registration_key, made.reference) == (True, "HRB9", None)
    for left_out in ("name", "registration_number", "contacts-0-name"):
        mark = last_change()
        answer = agent.post(NEW, form | PROSPECT | {left_out: "", "departments": []})
        assert answer.status_code == 422, left_out
        assert changes_since(mark) == []


def test_what_is_missing_of_the_full_particulars_is_listed(world: World, agent: Browser):
    mark = last_change()
    answer = agent.post(NEW, dict.fromkeys(agent.form(NEW), "") | {"name": "Incomplete", "kind": "company"})
    assert answer.status_code == 422
    for words in ("A reference is needed", "An email address is needed", "Choose a region", "A start date is needed",
                  "Choose a risk", "Choose at least one department"):  # fmt: skip
        assert words in answer.text
    assert form_of(answer.text)["name"] == ["Incomplete"]
    assert changes_since(mark) == []


@pytest.mark.parametrize("url", [NEW, "edit"])
def test_all_that_is_wrong_is_told_at_once(world: World, agent: Browser, url: str):
    """What cannot be read, what a rule refuses, what another customer has: each beside its field."""
    url = NEW if url == NEW else f"/admin/customers/edit/?id={world.ours.customers[0]}"
    wrong = {"start_date": "30.02.2025", "email": "nobody", "website": "nowhere", "contacts-0-name": "",
             "contacts-0-email": "kim@", "credit_limit": "much"}  # fmt: skip
    mark = last_change()
    answer = agent.post(url, agent.form(url) | new_customer(world) | wrong)
    assert answer.status_code == 422
    for words in ("Not a valid date value", "“nobody” is not an email address", "“kim@” is not an email address",
                  "is not an amount", "website"):  # fmt: skip
        assert words in answer.text, words
    typed = form_of(answer.text)
    assert {name: typed[name] for name in wrong} == {name: [value] for name, value in wrong.items()}
    assert changes_since(mark) == []


def test_a_prospect_that_becomes_a_customer_is_asked_for_the_rest(world: World, agent: Browser):
    add(agent, PROSPECT, departments=[], start_date="", region_id="")
    made = customer("Maybe Ltd")
    assert made is not None
    url = f"/admin/customers/edit/?id={made.id}"
    answer = agent.post(url, {key: value for key, value in agent.form(url).items() if key != "is_prospect"})
    assert answer.status_code == 422
    assert "A reference is needed" in answer.text
    full = {key: value for key, value in new_customer(world).items() if key != "name"}
    form = {key: value for key, value in agent.form(url).items() if key != "is_prospect"}
    assert agent.post(url, form | full).status_code == 303
    assert customer("Maybe Ltd").is_prospect is False  # type: ignore[union-attr]


@pytest.mark.parametrize(("typed", "taken"), [("", False), ("ACC-77", False), ("900000", True)])
def test_an_account_number_is_made_typed_or_refused(world: World, agent: Browser, typed: str, taken: bool):
    known = db.session.get_one(models.Customer, world.ours.customers[0])
    typed = known.account_number if taken else typed
    answer = add(agent, new_customer(world), name="Numbered", account_number=typed)
    if taken:
        assert answer.status_code == 422
        assert "Another customer has this account number" in answer.text
        assert customer("Numbered") is None
    else:
        made = customer("Numbered")
        assert made is not None
        assert made.account_number == (typed or made.account_number) != ""


@pytest.mark.parametrize(
    ("field", "kept", "typed"),
    [("reference", "ALFKI", "alfki "), ("registration_number", "HRB 12", "hrb-12"),
     ("vat_number", "DE 136695976", "de136695976"), ("identity_number", "ID 1", "id1")],
)  # fmt: skip
def test_a_number_that_another_customer_has_is_told_at_its_field(
    world: World, agent: Browser, field: str, kept: str, typed: str
):
    assert add(agent, new_customer(world), **{field: kept}).status_code == 303
    mark = last_change()
    answer = add(agent, new_customer(world), **{field: typed})
    assert answer.status_code == 422
    assert "Another customer has this" in answer.text
    assert changes_since(mark) == []


def test_saving_and_adding_another_or_going_on(world: World, agent: Browser):
    assert add(agent, new_customer(world), _add_another="1").location == NEW
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    assert agent.submit(url, _continue="1", website="www.example.com").location == url


def test_what_cannot_be_set_on_the_form_is_not_set(world: World, agent: Browser):
    """Neither what the business derives nor what other actions do."""
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    before = db.session.get_one(models.Customer, world.ours.customers[0])
    kept = (before.stage, before.organisation_id, before.sort_name, before.promotional_set_by_id)
    mark = last_change()
    sneaky = {
        "stage": "Billing", "organisation_id": str(world.theirs.id), "sort_name": "zzz", "id": "999", "balance": "1",
        "promotional_set_by_id": "1", "accounts-0-balance": "1000000", "created_at": "2000-01-01",
        "invoice_profiles-0-status": "Profile Completed", "contacts-0-customer_id": str(world.theirs.customers[0]),
    }  # fmt: skip
    assert agent.submit(url, **sneaky).status_code == 303
    after = db.session.get_one(models.Customer, world.ours.customers[0])
    assert (after.stage, after.organisation_id, after.sort_name, after.promotional_set_by_id) == kept
    assert changes_since(mark) == []


def test_promotional_emails_say_since_when_and_by_whom(world: World, agent: Browser, admin: Browser):
    key = world.ours.customers[0]
    assert agent.submit(f"/admin/customers/edit/?id={key}", promotional_emails="y").status_code == 303
    kept = db.session.get_one(models.Customer, key)
    assert kept.promotional_set_by_id == world.ours.users[Role.AGENT]
    since = kept.promotional_set_at
    assert since is not None
    assert "by The agent" in agent.get(f"/admin/customers/details/?id={key}").text
    form = admin.form(f"/admin/customers/edit/?id={key}")
    form.pop("promotional_emails")
    assert admin.post(f"/admin/customers/edit/?id={key}", form).status_code == 303
    kept = db.session.get_one(models.Customer, key)
    assert (kept.promotional_emails, kept.promotional_set_by_id) == (False, world.ours.users[Role.ADMIN])
    assert kept.promotional_set_at is not None
    assert kept.promotional_set_at > since
    page = agent.get(f"/admin/customers/details/?id={key}").text
    assert "by The admin" in page
    assert "by The agent" not in page


def statuses(world: World) -> dict[str, models.CustomerStatus]:
    found = select(models.CustomerStatus).where(models.CustomerStatus.organisation_id == world.ours.id)
    return {status.name: status for status in db.session.scalars(found)}


def offered(page: str) -> list[str]:
    """The statuses that the form offers."""
    box = re.search(r'<select [^>]*name="status_id".*?</select>', page, re.DOTALL)
    assert box is not None
    return [name for name in re.findall(r"<option[^>]*>([^<]*)", box[0]) if name]


def test_the_form_offers_the_statuses_that_editing_may_lead_to(world: World, agent: Browser):
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    kept = db.session.get_one(models.Customer, world.ours.customers[0])
    known = statuses(world)
    for present, names in (("Active", ["Active", "Active - Do Not Bill"]), ("Final Bill", ["Final Bill"]),
                           ("Dropped", ["Dropped"])):  # fmt: skip
        with history.acting(Actor(None, world.ours.id), "test"):
            put_in_status(kept, known[present])
            db.session.commit()
        assert offered(agent.get(url).text) == names
        assert agent.submit(url, website="www.example.com").status_code == 303
        assert kept.status_id == known[present].id
    assert offered(agent.get(NEW).text) == ["Active", "Active - Do Not Bill"]


@pytest.mark.parametrize("name", ["Dropped", "Final Bill"])
def test_nobody_drops_a_customer_by_its_form(world: World, admin: Browser, name: str):
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    mark = last_change()
    wanted = str(statuses(world)[name].id)
    assert admin.submit(url, status_id=wanted).status_code == 422
    assert add(admin, new_customer(world), status_id=wanted).status_code == 422
    assert changes_since(mark) == []


def test_a_status_that_came_by_an_operation_is_told_by_its_name(world: World, agent: Browser):
    """Somebody who has the form open meanwhile is shown what the customer is in now."""
    url = f"/admin/customers/edit/?id={world.ours.customers[0]}"
    form = agent.form(url)
    kept = db.session.get_one(models.Customer, world.ours.customers[0])
    with history.acting(Actor(None, world.ours.id), "test"):
        put_in_status(kept, statuses(world)["Dropped"])
        db.session.commit()
    answer = agent.post(url, form | {"website": "www.example.com"})
    assert answer.status_code == 409
    assert offered(answer.text) == ["Dropped"]
    assert agent.post(url, form_of(answer.text)).status_code == 303
    db.session.refresh(kept)
    assert (kept.status.name, kept.website) == ("Dropped", "https://www.example.com")


def test_the_nda_of_a_completed_profile_is_not_taken_off(world: World, agent: Browser):
    key = world.ours.customers[0]
    profile = db.session.get_one(models.Customer, key).invoice_profiles[0]
    with history.acting(Actor(None, world.ours.id), "test"):
        profile.nda_file_id = make.StoredFileFactory(organisation=owner(world)).id
        profile.status = models.enums.ProfileStatus.COMPLETED
        db.session.commit()
    answer = agent.submit(f"/admin/customers/edit/?id={key}", **{"invoice_profiles-0-nda_file_id-remove": "1"})
    assert answer.status_code == 422
    assert "The NDA of a completed profile stays" in answer.text


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
def test_portal_users_lead_to_their_page_among_the_portal_users(
    world: World, as_role: Callable[[Role], Browser], role: Role
):
    browser = as_role(role)
    page = browser.get(f"/admin/customers/details/?id={world.ours.customers[0]}&tab=portal").text
    url = f"/admin/portal-users/details/?id={world.ours.users[Role.CUSTOMER]}"
    assert f'<a href="{url}">The customer</a>' in page
    assert "/admin/users/" not in page.replace('href="/admin/users/"', "")  # but for the menu
    assert "The customer" in browser.get(url).text


def test_default_values_fill_the_form(world: World, agent: Browser):
    segment = make.CatalogItemFactory(organisation=owner(world), type=models.enums.CatalogType.SEGMENT)
    values = {
        "billing_day": 15,
        "risk": "High",
        "segment_id": segment.id,
        "billing_cycle": "quarterly",
        "name": "Sneaky",
    }
    chosen = make.DefaultValueSetFactory(organisation=owner(world), values=values)
    foreign = make.DefaultValueSetFactory(organisation=db.session.get_one(models.Organisation, world.theirs.id))
    db.session.commit()
    form = agent.form(f"{NEW}?defaults={chosen.id}")
    assert (form["billing_day"], form["risk"], form["segment_id"]) == (["15"], ["High"], [str(segment.id)])
    assert (form["billing_cycle"], form["name"]) == (["quarterly"], [""])
    for other in (foreign.id, 10**9, "abc", "-1", 2**70):
        assert agent.form(f"{NEW}?defaults={other}") | {"form_token": []} == agent.form(NEW) | {"form_token": []}


def test_default_values_of_rows_that_are_gone_are_left_blank(world: World, agent: Browser):
    values = {"region_id": 10**9, "account_manager_id": 10**9, "status_id": world.theirs.row(models.CustomerStatus)}
    chosen = make.DefaultValueSetFactory(organisation=owner(world), values=values)
    db.session.commit()
    url = f"{NEW}?defaults={chosen.id}"
    form = agent.form(url)
    assert form["region_id"] == [""]
    answer = agent.post(
        url, form | new_customer(world) | {"name": "Defaulted", "status_id": "", "account_manager_id": ""}
    )
    assert answer.status_code == 303
    assert customer("Defaulted").organisation_id == world.ours.id  # type: ignore[union-attr]


def test_the_next_reviews_are_told_while_typing(world: World, agent: Browser):
    url = "/admin/customers/review-dates/"
    lines = agent.post(url, {"review_start_date": "2190-01-31", "review_frequency": "1"}).json["lines"]
    assert [line[:6].strip() for line in lines] == ["31 Jan", "28 Feb", "31 Mar"]
    for start, frequency in (("", ""), ("9999-12-31", "3"), ("0001-01-01", "3"), ("x", "y"), ("2025-01-01", "9" * 5000),
                             ("2025-01-01", "0"), ("\x00", "\x00"), ("2025-01-01", "-1")):  # fmt: skip
        answer = agent.post(url, {"review_start_date": start, "review_frequency": frequency})
        assert answer.status_code == 200
        assert isinstance(answer.json["lines"], list)


def test_every_tab_of_a_record_opens(world: World, agent: Browser):
    url = f"/admin/customers/details/?id={world.ours.customers[0]}"
    for tab in (
        "",
        "profiles",
        "billing-lines",
        "compliance",
        "reviews",
        "tasks",
        "portal",
        "messages",
        "history",
        "nobody",
        "<script>",
        "%F0%9F%9A%80",
    ):
        answer = agent.get(f"{url}&tab={tab}")
        assert answer.status_code == 200
        assert "Our Telecom customer 0" in answer.text


def test_a_bare_prospect_opens_everywhere(world: World, agent: Browser):
    """Everything that may be blank is blank."""
    status = world.ours.row(models.CustomerStatus)
    made = make.CustomerFactory(
        organisation=owner(world), name="Bare", is_prospect=True, identity_number="ID 1", reference=None, email=None,
        start_date=None, risk=None, region_id=None, status_id=status, departments=[], contacts=[], accounts=[],
    )  # fmt: skip
    db.session.commit()
    for tab in ("", "profiles", "billing-lines", "compliance", "reviews", "tasks", "portal", "messages", "history"):
        assert agent.get(f"/admin/customers/details/?id={made.id}&tab={tab}").status_code == 200
    for url in (
        f"/admin/customers/peek/?id={made.id}",
        f"/admin/customers/edit/?id={made.id}",
        "/admin/customers/",
        "/admin/",
    ):
        assert agent.get(url).status_code == 200
    assert agent.get("/admin/customers/export/csv/").status_code == 200


@pytest.mark.parametrize(("month", "day", "shown"), [("2", "29", "29 February"), ("12", "31", "31 December")])
def test_the_end_of_the_year(world: World, agent: Browser, month: str, day: str, shown: str):
    key = world.ours.customers[0]
    assert agent.submit(f"/admin/customers/edit/?id={key}", year_end_day=day, year_end_month=month).status_code == 303
    assert shown in agent.get(f"/admin/customers/details/?id={key}").text
    for wrong in (("31", "2"), ("31", "13"), ("0", "1"), ("31", "0"), ("-1", "-1"), ("31", "")):
        answer = agent.submit(f"/admin/customers/edit/?id={key}", year_end_day=wrong[0], year_end_month=wrong[1])
        assert answer.status_code == 422
