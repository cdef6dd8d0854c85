"""Two people save the same record: the second is told, both keep what they typed, and saving again works."""

from typing import Any

import pytest

import models
from models.base import db
from models.enums import Role, Stage, TaskKind, TaskState
from tests import factories as make
from tests.browsing import Browser, form_of
from tests.views.screen_table import UPDATE, a_task, bare_customer
from tests.views.test_at_once import at_once, posting
from tests.views.watching import changes_since, last_change, told
from tests.world import World


@pytest.fixture
def first(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.AGENT])


@pytest.fixture
def second(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.MANAGER])


def url_of(world: World) -> str:
    return f"/admin/customers/edit/?id={world.ours.customers[0]}"


def customer(world: World) -> models.Customer:
    return db.session.get_one(models.Customer, world.ours.customers[0])


def meets(world: World, first: Browser, second: Browser, theirs: dict[str, Any], mine: dict[str, Any]) -> Any:
    """The second opens the form, the first saves `theirs`, then the second saves `mine`: what the second is shown."""
    form = second.form(url_of(world))
    assert first.submit(url_of(world), **theirs).status_code == 303
    mark = last_change()
    answer = second.post(url_of(world), form | mine)
    assert answer.status_code == 409
    assert changes_since(mark) == []
    assert "The agent saved this record" in answer.text
    return answer


def saves_again(world: World, browser: Browser, answer: Any, **changes: Any) -> None:
    """The second presses Save on the page that told of the conflict."""
    again = browser.post(url_of(world), form_of(answer.text) | changes)
    assert again.status_code == 303, again.text


def test_what_only_one_of_them_changed_is_kept_of_both(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"website": "first.example"}, {"contact_number": "0815"})
    assert "https://first.example" in answer.text
    saves_again(world, second, answer)
    assert (customer(world).website, customer(world).contact_number) == ("https://first.example", "0815")


def test_what_both_changed_is_shown_of_both_and_the_last_wins(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"name": "First GmbH"}, {"name": "Second GmbH"})
    assert "First GmbH" in answer.text
    assert form_of(answer.text)["name"] == ["Second GmbH"]
    mark = last_change()
    saves_again(world, second, answer)
    assert told(changes_since(mark)) == [("changed", "customer", {"name": ["First GmbH", "Second GmbH"]})]


def test_the_same_change_twice_loses_nothing(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"name": "Same"}, {"name": "Same", "contact_number": "0815"})
    saves_again(world, second, answer)
    assert (customer(world).name, customer(world).contact_number) == ("Same", "0815")


def test_choices_dates_amounts_and_ticks_are_merged_too(world: World, first: Browser, second: Browser):
    terms = make.PaymentTermsFactory(organisation=owner(world))
    db.session.commit()
    theirs = {"risk": "High", "start_date": "2020-02-29", "credit_limit": "1,500.00", "payment_terms_id": str(terms.id),
              "correspondence_modes": ["email", "post"], "promotional_emails": "y", "billing_day": "15"}  # fmt: skip
    answer = meets(world, first, second, theirs, {"contact_number": "0815"})
    saves_again(world, second, answer)
    kept = customer(world)
    assert (kept.risk.value, str(kept.start_date), str(kept.credit_limit)) == ("High", "2020-02-29", "1500.00")
    assert (kept.payment_terms_id, kept.correspondence_modes) == (terms.id, ["email", "post"])
    assert (kept.promotional_emails, kept.billing_day, kept.contact_number) == (True, 15, "0815")


def owner(world: World) -> models.Organisation:
    return db.session.get_one(models.Organisation, world.ours.id)


def test_several_that_were_chosen_are_not_put_back(world: World, first: Browser, second: Browser):
    """Departments are kept in a table of their own: the version of the record does not tell that they changed."""
    extra = make.DepartmentFactory(organisation=owner(world), name="Extra")
    db.session.commit()
    both = [str(customer(world).departments[0].id), str(extra.id)]
    answer = meets(world, first, second, {"departments": both}, {"contact_number": "0815"})
    saves_again(world, second, answer)
    assert {department.name for department in customer(world).departments} == {"Sales", "Extra"}
    assert customer(world).contact_number == "0815"


def test_a_third_is_told_again(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"website": "first.example"}, {"contact_number": "0815"})
    form = form_of(answer.text)
    assert first.submit(url_of(world), reference="AGAIN").status_code == 303
    answer = second.post(url_of(world), form)
    assert answer.status_code == 409
    saves_again(world, second, answer)
    kept = customer(world)
    assert (kept.reference, kept.website, kept.contact_number) == ("AGAIN", "https://first.example", "0815")


def test_what_is_wrong_is_told_beside_the_conflict(world: World, first: Browser, second: Browser):
    answer = meets(
        world, first, second, {"website": "first.example"}, {"year_end_day": "abc", "contact_number": "0815"}
    )
    form = form_of(answer.text)
    assert (form["website"], form["year_end_day"], form["contact_number"]) == (
        ["https://first.example"],
        ["abc"],
        ["0815"],
    )
    saves_again(world, second, answer, year_end_day="")
    assert customer(world).contact_number == "0815"


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "junk",
    [DEEP, f'{{"name": {DEEP}', "", "[]", "{", "null", '{"name": 7}', '{"contacts": []}', '{"contacts": {"1": 3}}'],
)
def test_without_knowing_what_was_there_both_are_shown(world: World, first: Browser, second: Browser, junk: str):
    """Whatever a browser makes of the field that remembers: nothing is lost and nothing breaks."""
    mine = {"original": junk, "contact_number": "0815", "contacts-0-phone": "1"}
    answer = meets(world, first, second, {"website": "first.example", "contacts-0-email": "kim@x.example"}, mine)
    assert "https://first.example" in answer.text
    saves_again(world, second, answer, website="https://first.example")
    assert (customer(world).website, customer(world).contact_number) == ("https://first.example", "0815")


@pytest.mark.parametrize("version", ["", "0", "999", "abc", "１", "-1", "9" * 30, None])
def test_a_version_that_was_never_there_counts_as_an_old_one(world: World, second: Browser, version: Any):
    form = second.form(url_of(world))
    mark = last_change()
    assert second.post(url_of(world), form | {"version": version, "contact_number": "0815"}).status_code == 409
    assert changes_since(mark) == []


# --- Inline rows -------------------------------------------------------------------------------------------


def contacts(world: World) -> list[tuple[str, str | None, str | None]]:
    return [(contact.name, contact.email, contact.phone) for contact in customer(world).contacts]


def test_cells_of_one_row_are_merged(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-email": "kim@x.example"}, {"contacts-0-phone": "0815"})
    assert "kim@x.example" in answer.text
    saves_again(world, second, answer)
    assert contacts(world) == [("Kim", "kim@x.example", "0815")]


def test_a_row_that_one_left_alone_is_not_put_back(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-name": "Kim Novak"}, {"contact_number": "0815"})
    saves_again(world, second, answer)
    assert contacts(world) == [("Kim Novak", None, None)]
    assert customer(world).contact_number == "0815"


def test_a_cell_that_both_changed_is_shown_of_both(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-name": "First"}, {"contacts-0-name": "Second"})
    assert ">First<" in answer.text
    saves_again(world, second, answer)
    assert contacts(world) == [("Second", None, None)]


def test_a_row_that_somebody_added_stays(world: World, first: Browser, second: Browser):
    form = second.form(url_of(world))
    assert first.submit(url_of(world), **{"contacts-1-name": "Added"}).status_code == 303
    assert second.post(url_of(world), form | {"contacts-1-name": "Mine"}).status_code == 303
    assert [name for name, _, _ in contacts(world)] == ["Kim", "Added", "Mine"]


def test_a_row_that_somebody_added_is_shown_beside_a_conflict(world: World, first: Browser, second: Browser):
    theirs = {"contacts-1-name": "Added", "website": "first.example"}
    answer = meets(world, first, second, theirs, {"contacts-1-name": "Mine"})
    saves_again(world, second, answer)
    assert sorted(name for name, _, _ in contacts(world)) == ["Added", "Kim", "Mine"]


def test_a_row_that_somebody_removed_stays_removed(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"del-contacts-0": "1"}, {"contact_number": "0815"})
    assert "Contact Kim" in answer.text
    saves_again(world, second, answer)
    assert (contacts(world), customer(world).contact_number) == ([], "0815")


def test_what_was_typed_into_a_removed_row_is_not_lost(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"del-contacts-0": "1"}, {"contacts-0-phone": "0815"})
    saves_again(world, second, answer)
    assert contacts(world) == [("Kim", None, "0815")]


def test_what_both_removed_is_removed(world: World, first: Browser, second: Browser):
    form = second.form(url_of(world))
    assert first.submit(url_of(world), **{"del-contacts-0": "1"}).status_code == 303
    assert second.post(url_of(world), form | {"del-contacts-0": "1"}).status_code == 303
    assert contacts(world) == []


def test_a_row_that_one_changed_and_the_other_removed_is_shown(world: World, first: Browser, second: Browser):
    answer = meets(world, first, second, {"contacts-0-phone": "0815"}, {"del-contacts-0": "1"})
    assert "Contact Kim" in answer.text
    saves_again(world, second, answer)
    assert contacts(world) == []


def test_two_rates_of_one_tariff(world: World):
    admins = [Browser(world.app, key) for key in (world.ours.users[Role.ADMIN], world.platform_user)]
    tariff = db.session.get_one(models.TariffRate, world.ours.row(models.TariffRate)).tariff_id
    url = f"/admin/tariffs/edit/?id={tariff}"
    form = admins[1].form(url)
    assert admins[0].submit(url, **{"rates-0-destination": "London"}).status_code == 303
    answer = admins[1].post(url, form | {"rates-0-price_per_minute": "0.5"})
    assert answer.status_code == 409
    assert admins[1].post(url, form_of(answer.text)).status_code == 303
    rate = db.session.query(models.TariffRate).filter_by(tariff_id=tariff).one()
    assert (rate.destination, str(rate.price_per_minute)) == ("London", "0.500000")


def test_a_record_that_is_gone_is_said_to_be(world: World, second: Browser):
    unused = make.CustomerGroupFactory(organisation=owner(world))
    db.session.commit()
    url = f"/admin/groups/edit/?id={unused.id}"
    form = second.form(url)
    assert second.post(f"/admin/groups/operation/delete/?id={unused.id}").status_code == 303
    assert second.post(url, form | {"name": "Mine"}).status_code == 404


# --- Approval tasks ----------------------------------------------------------------------------------------


@pytest.fixture
def third(world: World) -> Browser:
    return Browser(world.app, world.ours.users[Role.ADMIN])


TOLD = 200, 409, 422  # the results, the page with what has changed, or the form with what was refused
MEANWHILE = "Somebody changed it after you opened this page"


def url_for(name: str, key: int) -> str:
    return f"/admin/tasks/operation/{name}/?id={key}"


def onboarding(world: World, **values: Any) -> tuple[int, int]:
    """The keys of a task that the system asked for, and of its customer, which has a billing reference already."""
    key = bare_customer(world).id
    new = db.session.get_one(models.Customer, key)
    new.stage, new.billing_reference = Stage.NEW, "B 1"
    return make.ApprovalTaskFactory(organisation=owner(world), customer_id=key, **values).id, key


def stage_of(customer_id: int) -> Stage:
    return db.session.get_one(models.Customer, customer_id).stage


def task(key: int) -> models.ApprovalTask:
    return db.session.get_one(models.ApprovalTask, key)


@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_two_who_decide_one_step_do_not_make_two(world: World, second: Browser, third: Browser, decision: str):
    """Both have seen a new customer: what the second wants was not said of one that has passed."""
    key, owned = onboarding(world)
    form = third.form(url_for(decision, key)) | {"comment": "Seen"}
    assert second.submit(url_for("approve", key)).status_code == 303
    mark = last_change()
    answer = third.post(url_for(decision, key), form)
    assert (answer.status_code, changes_since(mark)) == (409, [])
    assert MEANWHILE in answer.text or "only from New or Referred" in answer.text
    assert (stage_of(owned), task(key).state) == (Stage.PASSED, TaskState.OPEN)
    assert third.submit(url_for("approve", key)).status_code == 303  # and now it was
    assert (stage_of(owned), task(key).state) == (Stage.BILLING, TaskState.APPROVED)


def test_nobody_approves_facts_that_they_have_not_seen(world: World, first: Browser, second: Browser):
    key, owned = onboarding(world)
    form = second.form(url_for("approve", key))
    assert first.submit(f"/admin/customers/edit/?id={owned}", registration_number="HRB 666").status_code == 303
    answer = second.post(url_for("approve", key), form)
    assert answer.status_code == 409
    assert MEANWHILE in answer.text
    assert stage_of(owned) is Stage.NEW
    assert second.submit(url_for("approve", key)).status_code == 303
    assert stage_of(owned) is Stage.PASSED


def test_of_two_who_decide_at_once_one_does(world: World, second: Browser, third: Browser):
    key, owned = onboarding(world)
    forms = [second.form(url_for("approve", key)), third.form(url_for("decline", key)) | {"comment": "Debts"}]
    urls = [url_for("approve", key), url_for("decline", key)]
    mark = last_change()
    codes = at_once([posting(*each) for each in zip((second, third), urls, forms, strict=True)])
    assert codes.count(303) == 1, codes
    assert set(codes) <= {303, *TOLD}
    stage = Stage.PASSED if codes[0] == 303 else Stage.FAILED
    moves = [entry for entry in changes_since(mark) if "stage" in entry.changes]
    assert [(entry.changes["stage"], entry.actor_name) for entry in moves] == [
        (["New", stage.value], "The manager" if codes[0] == 303 else "The admin")
    ]
    assert stage_of(owned) is stage


def test_one_claims_what_another_assigns(world: World, first: Browser, second: Browser):
    """Whoever comes second is told, and undoes nothing."""
    key, _ = onboarding(world)
    claim, assign = first.form(url_for("claim", key)), second.form(url_for("assign", key))
    assigned = assign | {"assignee_id": str(world.ours.users[Role.ADMIN])}
    assert first.post(url_for("claim", key), claim).status_code == 303
    answer = second.post(url_for("assign", key), assigned)
    assert answer.status_code == 409
    assert MEANWHILE in answer.text
    assert task(key).assignee_id == first.user_id
    key, _ = onboarding(world)
    claim = first.form(url_for("claim", key))
    given = {"assignee_id": str(world.ours.users[Role.ADMIN])}
    assert second.submit(url_for("assign", key), **given).status_code == 303
    answer = first.post(url_for("claim", key), claim)
    assert answer.status_code == 409
    assert "Already taken by The admin" in answer.text
    assert task(key).assignee_id == world.ours.users[Role.ADMIN]


def test_one_claims_and_another_assigns_at_once(world: World, first: Browser, second: Browser):
    key, _ = onboarding(world)
    given = second.form(url_for("assign", key)) | {"assignee_id": str(world.ours.users[Role.ADMIN])}
    urls, forms = [url_for("claim", key), url_for("assign", key)], [first.form(url_for("claim", key)), given]
    mark = last_change()
    codes = at_once([posting(*each) for each in zip((first, second), urls, forms, strict=True)])
    assert codes.count(303) == 1, codes
    assert set(codes) <= {303, *TOLD}
    winner = "The agent" if codes[0] == 303 else "The admin"
    assert told(changes_since(mark)) == [("changed", "approval_task", {"assignee": [None, winner]})]
    assert task(key).assignee.name == winner


def particulars(world: World, **proposed: list[Any]) -> tuple[int, int]:
    """The keys of a task that asks for these particulars, and of its customer."""
    asked = a_task(kind=TaskKind.PARTICULARS, proposal=proposed)(world)
    return asked.id, asked.customer_id


def test_a_record_is_edited_while_its_update_is_decided(world: World, first: Browser, second: Browser):
    key, owned = particulars(world, website=[None, "https://asked.example"])
    url = f"/admin/customers/edit/?id={owned}"
    form = second.form(url_for("approve", key))
    assert first.submit(url, website="edited.example").status_code == 303
    answer = second.post(url_for("approve", key), form)
    assert answer.status_code == 409
    assert MEANWHILE in answer.text
    answer = second.submit(url_for("approve", key))
    assert "The record has changed since this was asked for (website)" in answer.text
    kept = db.session.get_one(models.Customer, owned)
    assert (kept.website, task(key).state) == ("https://edited.example", TaskState.OPEN)


def test_an_update_is_approved_while_the_record_is_edited(world: World, first: Browser, second: Browser):
    key, owned = particulars(world, website=[None, "https://asked.example"])
    url = f"/admin/customers/edit/?id={owned}"
    form = first.form(url)
    assert second.submit(url_for("approve", key)).status_code == 303
    answer = first.post(url, form | {"website": "edited.example", "contact_number": "0815"})
    assert answer.status_code == 409
    assert "The manager saved this record" in answer.text
    assert "https://asked.example" in answer.text
    assert first.post(url, form_of(answer.text) | {"website": "https://asked.example"}).status_code == 303
    kept = db.session.get_one(models.Customer, owned)
    assert (kept.website, kept.contact_number) == ("https://asked.example", "0815")


def test_an_update_is_approved_and_the_record_edited_at_once(world: World, first: Browser, second: Browser):
    key, owned = particulars(world, website=[None, "https://asked.example"])
    urls = [f"/admin/customers/edit/?id={owned}", url_for("approve", key)]
    forms = [first.form(urls[0]) | {"website": "edited.example"}, second.form(urls[1])]
    codes = at_once([posting(*each) for each in zip((first, second), urls, forms, strict=True)])
    assert codes.count(303) == 1, codes
    assert set(codes) <= {303, *TOLD}
    kept = db.session.get_one(models.Customer, owned)
    approved = codes[1] == 303
    assert kept.website == ("https://asked.example" if approved else "https://edited.example")
    assert task(key).state is (TaskState.APPROVED if approved else TaskState.OPEN)


def test_a_claim_is_no_decision(world: World, first: Browser, third: Browser):
    """Whoever only takes a task need not have seen the last change of its customer."""
    key = a_task(**UPDATE)(world).id
    form = third.form(url_for("claim", key))
    url = f"/admin/customers/edit/?id={task(key).customer_id}"
    assert first.submit(url, contact_number="0815").status_code == 303
    assert third.post(url_for("claim", key), form).status_code == 303
