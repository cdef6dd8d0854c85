"""What is chosen and shown belongs to what stands in the boxes, however late and in whatever order answers come."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Locator, Page, Request, Route, expect

from models.enums import Role
from tests.browser.conftest import OpenAs, PageFaults
from tests.browser.steps import field, fill_core, open_tab, save

NOT_CHOSEN = "Choose one from the list, or clear the box"


def fits(request: Request, pattern: str, parameters: dict[str, str]) -> bool:
    values = parse_qs(urlsplit(request.url).query)
    is_asked = all(values.get(name, [""]) == [value] for name, value in parameters.items())
    return is_asked and pattern.strip("*") in request.url


class HeldAnswers:
    """The questions of a page, each held until the test answers it."""

    def __init__(self, page: Page, pattern: str) -> None:
        self.page, self.pattern = page, pattern
        self.routes: list[Route] = []
        page.route(pattern, lambda route: self.routes.append(route))

    def wait_for(self, do: Callable[[], object], **parameters: str) -> Route:
        """The question with these parameters in its address that `do` brings about."""
        with self.page.expect_request(lambda request: fits(request, self.pattern, parameters)) as sent:
            do()
        while not (found := [route for route in self.routes if route.request == sent.value]):
            self.page.evaluate("() => null")  # lets what the browser has sent arrive here
        return found[0]

    def wait_for_count(self, count: int) -> Route:
        """The last of so many questions. A sent form leaves when the browser likes, not when it is clicked."""
        while len(self.routes) < count:
            self.page.wait_for_timeout(20)
        assert len(self.routes) == count
        return self.routes[-1]


def staff_page(open_as: OpenAs) -> tuple[Page, Locator, Locator]:
    """The form of a new customer, its box of a service manager, and what is sent of it."""
    page = open_as(Role.MANAGER)
    page.goto("/admin/customers/new/")
    fill_core(page, "Late Answers", "LATE1")
    open_tab(page, "Account team")
    return page, page.get_by_role("combobox", name="Service manager"), field(page, "service_manager_id")


def offered(page: Page) -> Locator:
    """What the list below a box offers."""
    return page.locator(".options [role='option']")


def focus_staff_box(page: Page) -> None:
    page.get_by_role("textbox", name="Service manager").focus()


def test_nobody_is_chosen_from_a_list_older_than_the_text(open_as: OpenAs) -> None:
    page, box, sent = staff_page(open_as)
    answers = HeldAnswers(page, "**/ajax/lookup/**")
    focus_staff_box(page)
    answers.wait_for(lambda: page.keyboard.press("ArrowDown"), query="").continue_()
    expect(page.get_by_role("option", name="Ada Admin")).to_be_visible()
    held = answers.wait_for(lambda: page.keyboard.type("aish"), query="aish")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".options .said")).to_have_text("Searching…")
    expect(offered(page)).to_have_count(0)
    expect(box).to_have_value("aish")
    expect(sent).to_have_value("")
    held.continue_()
    page.get_by_role("option", name="Aisha Agent").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("Aisha Agent")
    assert sent.input_value()


def test_an_old_list_is_greyed_and_a_click_on_it_chooses_nobody(open_as: OpenAs) -> None:
    page, box, sent = staff_page(open_as)
    focus_staff_box(page)
    page.keyboard.press("ArrowDown")
    first = offered(page).first
    first.wait_for()
    name = first.inner_text()
    page.clock.install(time=0)
    page.clock.pause_at(60_000)  # nothing that waits for a pause in typing is due from here on
    page.keyboard.type("x")
    expect(first).to_have_text(name)
    expect(first).to_have_attribute("aria-disabled", "true")
    place = first.bounding_box()
    assert place is not None
    page.mouse.click(place["x"] + 5, place["y"] + 5)
    expect(box).to_have_value("x")
    expect(sent).to_have_value("")
    expect(page.get_by_role("listbox")).to_have_attribute("aria-busy", "true")


def test_an_answer_that_was_overtaken_is_dropped(open_as: OpenAs) -> None:
    page, box, _sent = staff_page(open_as)
    answers = HeldAnswers(page, "**/ajax/lookup/**")
    focus_staff_box(page)
    first = answers.wait_for(lambda: page.keyboard.type("a"), query="a")
    second = answers.wait_for(lambda: page.keyboard.type("ish"), query="aish")
    second.fulfill(json=[[7, "Aisha Agent"]])
    expect(offered(page)).to_have_text(["Aisha Agent"])
    first.fulfill(json=[[1, "Ada Admin"]])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(box).to_have_value("Aisha Agent")


def test_an_answer_opens_no_list_once_the_box_was_left(open_as: OpenAs) -> None:
    page, box, _sent = staff_page(open_as)
    answers = HeldAnswers(page, "**/ajax/lookup/**")
    focus_staff_box(page)
    held = answers.wait_for(lambda: page.keyboard.type("aish"), query="aish")
    page.keyboard.press("Tab")
    held.fulfill(json=[[7, "Aisha Agent"]])
    expect(page.get_by_text(NOT_CHOSEN)).to_be_visible()
    expect(offered(page)).to_have_count(0)
    expect(box).to_have_value("aish")


def test_text_that_nobody_was_chosen_for_is_kept_and_not_sent(open_as: OpenAs) -> None:
    page, box, sent = staff_page(open_as)
    focus_staff_box(page)
    page.keyboard.type("aish")
    page.get_by_role("option", name="Aisha Agent").click()
    chosen = sent.input_value()
    box.fill("Aisha Else")
    expect(sent).to_have_value("")
    save(page)
    expect(page.get_by_text(NOT_CHOSEN)).to_be_visible()
    expect(box).to_be_focused()
    expect(box).to_have_value("Aisha Else")
    assert page.url.endswith("/admin/customers/new/#people")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(box).to_have_value("Aisha Agent")
    expect(sent).to_have_value(chosen)
    expect(page.get_by_text(NOT_CHOSEN)).to_have_count(0)
    box.fill("aisha agent ")
    page.get_by_role("option", name="Aisha Agent").wait_for()
    page.keyboard.press("Tab")
    expect(box).to_have_value("Aisha Agent")
    expect(sent).to_have_value(chosen)
    box.fill("")
    page.keyboard.press("Tab")
    expect(sent).to_have_value("")


def test_what_is_filled_in_from_outside_stays_together(open_as: OpenAs) -> None:
    """The box went back to what it held when it was first used, and kept the id of somebody else."""
    page, _box, _sent = staff_page(open_as)
    page.get_by_role("textbox", name="Account manager").focus()
    box, sent = page.get_by_role("combobox", name="Account manager"), field(page, "account_manager_id")
    page.route(
        "**/default-values/**",
        lambda route: route.fulfill(json={"account_manager_id": {"value": "2", "text": "Max Manager", "usual": ""}}),
    )
    page.get_by_role("button", name="Load default values").click()
    expect(box).to_have_value("Max Manager")
    box.focus()
    page.keyboard.press("Tab")
    expect(box).to_have_value("Max Manager")
    expect(sent).to_have_value("2")


def test_a_search_that_fails_says_so_and_is_repeated(open_as: OpenAs, faults: PageFaults) -> None:
    faults.allow("net::ERR_FAILED")
    faults.allow("status of 503")
    page, _box, _sent = staff_page(open_as)
    answers = HeldAnswers(page, "**/ajax/lookup/**")
    focus_staff_box(page)
    answers.wait_for(lambda: page.keyboard.type("aish"), query="aish").abort()
    for answer in ({"status": 503, "body": "Away"}, {"body": "<title>Sign in</title>"}, {"json": [[1, "Aisha Agent"]]}):
        expect(page.locator(".options .said")).to_have_text("Search failed. Please try again.")
        answers.wait_for(lambda: page.keyboard.press("ArrowDown"), query="aish").fulfill(**answer)
    expect(offered(page)).to_have_text(["Aisha Agent"])


def test_smart_search_opens_what_was_typed(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/")
    answers = HeldAnswers(page, "**/suggest?**")
    page.keyboard.press("/")
    answers.wait_for(lambda: page.keyboard.type("alpen"), q="alpen").continue_()
    page.get_by_role("option", name="Alpenblick").first.wait_for()
    held = answers.wait_for(lambda: page.keyboard.type(" nobody"), q="alpen nobody")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/customers/?search=alpen+nobody")
    assert held.request.failure, "nobody waits for its answer any more"


def test_smart_search_offers_what_fits_the_text(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/")
    answers = HeldAnswers(page, "**/suggest?**")
    page.keyboard.press("/")
    first = answers.wait_for(lambda: page.keyboard.type("alp"), q="alp")
    page.keyboard.press("Control+A")
    second = answers.wait_for(lambda: page.keyboard.type("aurora"), q="aurora")
    second.continue_()
    page.get_by_role("option", name="Aurora").first.wait_for()
    first.fulfill(json=[{"label": "Alpenblick", "url": "/admin/customers/"}])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Aurora")


def test_what_follows_a_form_shows_the_last_entries(open_as: OpenAs) -> None:
    page = open_as(Role.AGENT)
    page.goto("/admin/customers/new/")
    status = open_tab(page, "Review").get_by_role("status")
    answers = HeldAnswers(page, "**/review-dates/")
    field(page, "review_start_date").fill("2090-01-31")
    frequency = field(page, "review_frequency")
    first = answers.wait_for(lambda: frequency.select_option("1"))
    answers.wait_for(lambda: frequency.select_option("2")).fulfill(json={"lines": ["Every second month"]})
    expect(status).to_have_text("Every second month")
    with page.expect_response("**/review-dates/"):
        first.fulfill(json={"lines": ["Every month"]})
    expect(status).to_have_text("Every second month")


def test_a_preview_that_comes_late_hides_no_newer_one(open_as: OpenAs) -> None:
    page = open_as(Role.ADMIN)
    answers = HeldAnswers(page, "**/templates/preview/")
    page.goto("/admin/templates/new/", wait_until="domcontentloaded")  # loaded only when the preview is answered
    answers.wait_for_count(1)  # of the empty form
    page.get_by_label("Purpose").select_option("review due")
    first = answers.wait_for_count(2)
    page.get_by_role("button", name="Update preview").click()
    answers.wait_for_count(3).fulfill(content_type="text/html", body="<p>newest</p>")
    frame = page.locator("iframe[name^=preview]")
    expect(frame).to_have_count(1)
    first.abort()
    expect(frame.content_frame.get_by_text("newest")).to_be_visible()


def test_what_was_typed_before_the_script_came_narrows_what_stands_below(open_as: OpenAs):
    page = open_as(Role.ADMIN)
    scripts = HeldAnswers(page, "**/js/list.js*")
    script = scripts.wait_for(lambda: page.goto("/admin/set-up/", wait_until="commit"))
    page.get_by_label("Find a set-up screen").fill("vat")
    script.continue_()
    expect(page.locator(".setup-entry:visible")).to_have_count(1)
