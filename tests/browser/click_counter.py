"""Counts what a person does to get somewhere: clicks, keys, and values that are chosen or typed."""

from typing import cast

from playwright.sync_api import Locator, Page

# What is counted outlives the pages that one comes through, and counts only what the browser itself has sent. It is
# counted on its way back from the element: a press that meets another element than it was meant for, because the page
# moved just then, is held back before, and pressed again.
_SCRIPT = """
for (const [kind, name] of [['pointerdown', 'clicks'], ['keydown', 'keys']]) {
  addEventListener(kind, (event) => {
    if (!event.isTrusted || event.repeat) return;
    sessionStorage.setItem(`counted:${name}`, Number(sessionStorage.getItem(`counted:${name}`) ?? 0) + 1);
  }, name === 'keys');
}
"""


class ClickCounter:
    """What was clicked and pressed on `page` since the counter was made, on whatever pages.

    Values are typed by `type`, which counts none of their letters; `choose` takes two clicks, as a list that is opened
    does.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.chosen = 0
        page.add_init_script(_SCRIPT)

    def type(self, text: str, locator: Locator | None = None) -> None:
        """Type a value where the cursor is, or into a field that has to be clicked first."""
        if locator is not None:
            locator.click()
        self.page.keyboard.insert_text(text)

    def choose(self, locator: Locator, label: str) -> None:
        locator.select_option(label=label)
        self.chosen += 2

    @property
    def clicks(self) -> int:
        return self._read("clicks") + self.chosen

    @property
    def keys(self) -> int:
        return self._read("keys")

    def _read(self, name: str) -> int:
        return cast(int, self.page.evaluate(f"Number(sessionStorage.getItem('counted:{name}') ?? 0)"))
