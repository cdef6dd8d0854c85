"""What goes wrong in a page is noticed, so that the other browser tests may rely on it."""

from playwright.sync_api import Page

from tests.browser.conftest import LiveServer, PageFaults


def test_the_first_page_loads_without_a_fault(page: Page, live_server: LiveServer, faults: PageFaults) -> None:
    answer = page.goto("/")
    assert answer is not None
    assert answer.ok
    assert page.url.startswith(live_server.url)
    assert faults.messages == []


def test_an_error_in_the_console_is_a_fault(page: Page, faults: PageFaults) -> None:
    page.goto("/")
    page.evaluate("console.warn('harmless'); console.error('broken gear')")
    assert [fault for fault in faults.unexpected_messages() if "broken gear" in fault]
    assert not [fault for fault in faults.unexpected_messages() if "harmless" in fault]
    faults.allow("broken gear")
    assert faults.unexpected_messages() == []


def test_an_exception_in_a_script_is_a_fault(page: Page, faults: PageFaults) -> None:
    page.goto("/")
    with page.expect_event("pageerror"):
        page.evaluate("setTimeout(() => { throw new Error('split pin') })")
    assert any("split pin" in fault for fault in faults.unexpected_messages())
    faults.allow("split pin")


def test_a_request_to_another_host_is_a_fault(page: Page, faults: PageFaults) -> None:
    page.goto("/")
    with page.expect_console_message(lambda message: "elsewhere.example" in message.text):
        page.evaluate("new Image().src = 'http://elsewhere.example/picture.png'")
    assert any("elsewhere.example" in fault for fault in faults.unexpected_messages())
    faults.allow("elsewhere.example")
    faults.allow("ERR_")


def test_a_missing_file_is_a_fault(page: Page, faults: PageFaults) -> None:
    page.goto("/")
    with page.expect_console_message(lambda message: "404" in message.text):
        page.evaluate("fetch('/static/no-such-file.js')")
    assert any("404" in fault for fault in faults.unexpected_messages())
    faults.allow("404")
