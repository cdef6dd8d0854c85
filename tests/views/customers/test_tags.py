"""Tags where people meet them: form, record, list, filter, operations, export, set-up."""

import csv
import re
from typing import Any

import pytest

from models import Customer, Tag
from models.base import db
from models.enums import Role, TagColour
from tests.support.browser_client import Browser
from tests.support.bulk_edit import edit, make_customers
from tests.support.factories import TagFactory
from tests.support.lists import list_row_ids
from tests.support.two_browsers import save_again, save_conflicting_edits
from tests.support.two_organisations import TwoOrganisations, get_customer, own_organisation


@pytest.fixture
def tags(organisations: TwoOrganisations) -> list[Tag]:
    own = own_organisation(organisations)
    made = [
        TagFactory(organisation=own, name="Fair", colour=TagColour.TEAL),
        TagFactory(organisation=own, name="<b>Key</b>", colour=TagColour.VIOLET),
    ]
    db.session.commit()
    return made


def names_of(key: int) -> list[str]:
    db.session.expire_all()
    return [tag.name for tag in db.session.get_one(Customer, key).tags]


def operate(browser: Browser, name: str, keys: list[int], **values: Any) -> Any:
    query = "&".join(f"id={key}" for key in keys)
    return browser.post(f"/admin/customers/operation/{name}/?{query}", {"run": "1", **values})


def test_tags_are_chosen_and_made_in_the_form_and_shown(
    organisations: TwoOrganisations, admin: Browser, tags: list[Tag]
):
    (key,) = make_customers(organisations, 1)
    url = f"/admin/customers/edit/?id={key}"
    entered = {"tags": [str(tags[1].id)], "tags-new": "Newest, fair,, "}
    assert admin.submit(url, **entered).status_code == 303
    assert sorted(names_of(key)) == ["<b>Key</b>", "Fair", "Newest"]
    record = admin.get(f"/admin/customers/details/?id={key}").text
    (header,) = re.findall(r"<h1>.*?</h1>", record)
    assert re.findall(r'<span class="chip chip-(violet|teal|grey)">(.*?)</span>', header) == [
        ("violet", "&lt;b&gt;Key&lt;/b&gt;"),
        ("teal", "Fair"),
        ("grey", "Newest"),
    ]
    assert admin.read_form(url)["tags"] == [str(tag.id) for tag in db.session.get_one(Customer, key).tags]


def test_a_tag_out_of_use_is_refused_in_the_box_and_a_name_with_a_comma_is_one(
    organisations: TwoOrganisations, admin: Browser, tags: list[Tag]
):
    (key,) = make_customers(organisations, 1)
    url = f"/admin/customers/edit/?id={key}"
    own = own_organisation(organisations)
    TagFactory(organisation=own, name="Fair, spring")
    TagFactory(organisation=own, name="<i>Old</i>", active=False)
    db.session.commit()
    refused = admin.submit(url, **{"tags-new": "<i>OLD</i>", "name": "Other name"})
    assert refused.status_code == 422
    assert "“&lt;i&gt;Old&lt;/i&gt;” is no longer in use" in refused.text
    assert admin.submit(url, **{"tags-new": "Fair, spring"}).status_code == 303
    assert names_of(key) == ["Fair, spring"]
    assert db.session.query(Tag).filter_by(name="spring").first() is None


def test_who_may_not_make_tags_has_no_box_for_them(organisations: TwoOrganisations, agent: Browser, tags: list[Tag]):
    (key,) = make_customers(organisations, 1)
    url = f"/admin/customers/edit/?id={key}"
    assert "tags-new" not in agent.get(url).text
    assert agent.submit(url, **{"tags-new": "Fair"}).status_code == 303  # which there is
    assert names_of(key) == ["Fair"]
    refused = agent.submit(url, **{"tags-new": "Smuggled", "name": "Other name"})
    assert refused.status_code == 422
    assert names_of(key) == ["Fair"]
    assert db.session.query(Tag).filter_by(name="Smuggled").first() is None


def test_lists_show_filter_and_sort_by_tags(organisations: TwoOrganisations, agent: Browser, tags: list[Tag]):
    first, second, third = make_customers(organisations, 3)
    for key, chosen in ((first, tags), (second, tags[:1])):
        operate(agent, "add-tags", [key], tags=[str(tag.id) for tag in chosen])
    assert {first, second} == set(list_row_ids(agent, "customers", f"f=tags:is:{tags[0].id}"))
    assert {first} == set(list_row_ids(agent, "customers", f"f=tags:is:{tags[1].id}"))
    empty = list_row_ids(agent, "customers", "f=tags:blank:")
    assert third in empty
    assert not {first, second} & set(empty)
    agent.post("/admin/list/customers/columns", {"column": ["name", "tags"]})
    page = agent.get(f"/admin/customers/?f=tags:is:{tags[0].id}&sort=tags").text
    assert page.count('chip-teal">Fair<') + page.count('chip-teal" >Fair<') == 2
    exported = agent.get(f"/admin/customers/export/csv/?f=tags:is:{tags[1].id}")
    name = db.session.get_one(Customer, first).name
    assert list(csv.reader(exported.text.lstrip("\ufeff").splitlines())) == [
        ["Name", "Tags"],
        [name, "<b>Key</b>, Fair"],
    ]


def test_operations_add_and_remove_and_bulk_edit_replaces(
    organisations: TwoOrganisations, agent: Browser, tags: list[Tag]
):
    keys = make_customers(organisations, 2)
    fair, other = (str(tag.id) for tag in tags)
    assert operate(agent, "add-tags", keys).status_code == 422
    operate(agent, "add-tags", keys, tags=[fair])
    operate(agent, "add-tags", keys[:1], tags=[other])
    assert [len(names_of(key)) for key in keys] == [2, 1]
    operate(agent, "remove-tags", keys, tags=[fair])
    assert [names_of(key) for key in keys] == [["<b>Key</b>"], []]
    edit(agent, keys, tags=[fair])
    assert [names_of(key) for key in keys] == [["Fair"], ["Fair"]]
    edit(agent, keys, **{"clear-tags": "y"})
    assert [names_of(key) for key in keys] == [[], []]
    foreign = str(organisations.foreign.row_id(Tag))
    assert operate(agent, "add-tags", keys, tags=[foreign]).status_code == 422


def test_the_result_says_who_had_the_tag_already(organisations: TwoOrganisations, agent: Browser, tags: list[Tag]):
    keys = make_customers(organisations, 3)
    fair = str(tags[0].id)
    operate(agent, "add-tags", keys[:1], tags=[fair])
    page = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", operate(agent, "add-tags", keys, tags=[fair]).text))
    assert "2 customers changed" in page
    assert "1 customer not changed" in page
    assert page.count("Already has the tag “Fair”") == 1
    again = operate(agent, "add-tags", keys[:1], tags=[fair])
    assert "Already has the tag “Fair”" in again.text
    assert "1 customer changed" not in again.text
    nothing = operate(agent, "remove-tags", keys, tags=[str(tags[1].id)]).text
    assert nothing.count("Does not have the tag “&lt;b&gt;Key&lt;/b&gt;”") == 3


def test_two_who_change_only_tags_meet(
    organisations: TwoOrganisations, first_browser: Browser, second_browser: Browser, tags: list[Tag]
):
    fair, other = (str(tag.id) for tag in tags)
    answer = save_conflicting_edits(organisations, first_browser, second_browser, {"tags": [fair]}, {"tags": [other]})
    assert "Fair" in answer.text
    assert names_of(get_customer(organisations).id) == ["Fair"], "the second is asked first"
    save_again(organisations, second_browser, answer)
    assert names_of(get_customer(organisations).id) == ["<b>Key</b>"]


def test_the_search_box_suggests_the_list_of_a_tag(organisations: TwoOrganisations, agent: Browser, tags: list[Tag]):
    (key,) = make_customers(organisations, 1)
    operate(agent, "add-tags", [key], tags=[str(tags[1].id)])
    (found,) = agent.get("/admin/search/suggest?q=%3CB%3Ekey").json
    assert (found["group"], found["label"], found["sub"]) == ("Tags", "<b>Key</b>", "Customers with this tag")
    assert list_row_ids(agent, "customers", found["url"].partition("?")[2]) == [key]
    assert [each["label"] for each in agent.get("/admin/search/suggest?q=FA").json] == ["Fair"]
    assert agent.get("/admin/search/suggest?q=ai").json == [], "two letters are a beginning"
    assert agent.get("/admin/search/?q=fair").location == f"/admin/customers/?f=tags%3Ais%3A{tags[0].id}"
    foreign = Browser(organisations.app, organisations.foreign.users[Role.AGENT])
    assert foreign.get("/admin/search/suggest?q=fair").json == []


def test_a_filter_by_a_deleted_tag_names_no_number(organisations: TwoOrganisations, admin: Browser, tags: list[Tag]):
    gone, kept = tags[0].id, tags[1].id
    assert admin.submit(f"/admin/tags/operation/delete/?id={gone}").status_code in (200, 303)
    for value, text in (
        (gone, "Tags is deleted tag"),
        (f"{gone},{kept}", "Tags is any of deleted tag, &lt;b&gt;Key&lt;/b&gt;"),
    ):
        page = admin.get(f"/admin/customers/?f=tags:is:{value}").text
        assert text in page
        assert f"Tags is {gone}" not in page


def test_undo_says_what_was_deleted_in_the_meantime(organisations: TwoOrganisations, admin: Browser, tags: list[Tag]):
    keys = make_customers(organisations, 2)
    operate(admin, "add-tags", keys, tags=[str(tag.id) for tag in tags])
    run_id = edit(admin, keys, **{"clear-tags": "y"}).location.rpartition("=")[2]
    admin.submit(f"/admin/tags/operation/delete/?id={tags[0].id}")
    answer = admin.post(f"/admin/operation-runs/undo/?id={run_id}", {})
    page = admin.get(answer.location).text
    assert "2 customers: without 1 tag deleted in the meantime" in page
    assert [names_of(key) for key in keys] == [["<b>Key</b>"]] * 2


def test_a_long_name_takes_several_lines(organisations: TwoOrganisations, admin: Browser):
    name = "Customers of the former regional branch in the north " * 2
    TagFactory(organisation=own_organisation(organisations), name=name.strip())
    db.session.commit()
    assert f'<span class="chip chip-grey chip-long">{name.strip()}</span>' in admin.get("/admin/tags/").text


def test_deleting_a_tag_says_how_many_have_it(organisations: TwoOrganisations, admin: Browser, tags: list[Tag]):
    keys = make_customers(organisations, 3)
    operate(admin, "add-tags", keys, tags=[str(tags[0].id)])
    url = f"/admin/tags/operation/delete/?id={tags[0].id}"
    page = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", admin.get(url).text))
    assert "Customers that lose the tag" in page
    assert re.search(r"Fair\s+3\b", page)
    assert admin.submit(url).status_code in (200, 303)
    assert [names_of(key) for key in keys] == [[], [], []]
    history = admin.get(f"/admin/customers/details/?id={keys[0]}&tab=history").text
    assert "was deleted" in history
    assert "Fair" in history


def test_the_colours_can_be_read_in_light_and_dark():
    """At least 4.5 to 1, as the style sheet has them."""
    from pathlib import Path

    from customerhub.mail.letterhead import calculate_contrast

    sheet = Path("views/static/hub.css").read_text()
    light, dark = sheet.split("@media (prefers-color-scheme: dark)")[:2]
    for scheme in (light, dark.split("/* ---- Base")[0]):
        tokens = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", scheme))
        for colour in set(TagColour) - {TagColour.GREY}:
            assert f".chip-{colour} " in sheet
            assert calculate_contrast(tokens[colour], tokens[f"{colour}-soft"]) >= 4.5, colour
        assert calculate_contrast(tokens["ink-2"], tokens["grey-soft"]) >= 4.5
