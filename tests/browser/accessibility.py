"""What axe-core finds on open pages, in their menus and tabs, in both colour schemes, on a desk and on a phone.

Rules about structure are run once a page. How it looks is judged in every state, but only what differs: elements whose
ancestors are alike in name, class and state look alike, on whatever page, so one of them is judged for all.
"""

from collections import defaultdict
from typing import Literal, cast

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE, DESKTOP = 390, 1440

# What depends on colours and on the room there is; the others are about structure.
_LOOKS = ("color-contrast", "link-in-text-block", "target-size")
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# Of the rules that are good practice only, those that may be serious.
_GOOD_PRACTICE = ("accesskeys", "aria-dialog-name", "aria-text", "aria-treeitem-name", "label-title-only", "tabindex")
_OPTIONS = {"resultTypes": ["violations"], "iframes": False}  # what is in frames are mails, which answer to no script
_RULES = {
    "looks": {**_OPTIONS, "runOnly": {"type": "rule", "values": _LOOKS}},
    "structure": {
        **_OPTIONS,
        "runOnly": {"type": "tag", "values": _TAGS},
        "rules": {
            **{rule: {"enabled": False} for rule in _LOOKS},
            **{rule: {"enabled": True} for rule in _GOOD_PRACTICE},
        },
    },
}

# `seen` are looks that were judged before. Answers what is wrong, and the looks that were judged for the first time;
# null where axe is needed and not there.
_CHECK = """async ([rules, isWhole, hasMenus, seen]) => {
    const known = new Set(seen), found = [], looks = new WeakMap();
    const frame = () => new Promise(requestAnimationFrame);
    const states = ["role", "type", "disabled", "aria-current", "aria-selected", "aria-pressed", "aria-disabled",
        "aria-expanded", "aria-invalid"];
    const getLook = (element) => {
        if (element === document.documentElement) return 0;
        if (!looks.has(element)) {
            const state = states.map((name) => element.getAttribute(name)).join();
            let hash = getLook(element.parentElement);
            for (const letter of `>${element.localName}.${element.getAttribute("class")}[${state}]`)
                hash = (hash * 31 + letter.codePointAt(0)) | 0;
            looks.set(element, hash);
        }
        return looks.get(element);
    };
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
    const listBelow = (element) => [...element.querySelectorAll("*")];
    const isNew = (element) => !known.has(getLook(element));
    const keep = (elements) => elements.forEach((element) => known.add(getLook(element)));
    const isJudged = (element) => element.matches("a, button, input, select, textarea, summary")
        || [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const run = async (context, kind, where) => {
        for (const { id, impact, nodes } of (await axe.run(context, rules[kind])).violations) {
            if (impact !== "serious" && impact !== "critical") continue;
            for (const { html, failureSummary } of nodes)
                found.push(`${where}${id}: ${html.slice(0, 200)} ${failureSummary}`);
        }
    };
    const judge = async (root, shown, where) => {
        const first = new Map();
        for (const element of shown.filter(isNew).filter(isJudged))
            if (!first.has(getLook(element))) first.set(getLook(element), element);
        if (isWhole) await run(root, "structure", where);
        if (first.size) await run({ include: [...first.values()] }, "looks", where);
        keep(shown);
    };
    const insideOf = (menu) => listBelow(menu).filter((element) => element.closest("summary")?.parentElement !== menu);
    const listMenus = (root) => [...root.querySelectorAll("details:not([open])")]
        .filter((menu) => isShown(menu.querySelector("summary")) && insideOf(menu).some(isNew));
    const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
    const listTabs = () => [...document.querySelectorAll('[role="tab"][aria-selected="false"]')]
        .filter((tab) => isShown(tab) && listBelow(panelOf(tab)).some(isNew));
    const openMenus = async (root, path) => {
        for (const menu of listMenus(root)) {
            const inside = insideOf(menu), summary = menu.querySelector("summary");
            if (!inside.some(isNew)) continue;
            summary.click();
            await frame();
            await frame();
            if (!menu.open) throw new Error(`${path}${summary.textContent} did not open`);
            const name = `${path}${(summary.innerText || summary.textContent).trim()} > `;
            await judge(menu, inside.filter(isShown), name);
            await openMenus(menu, name);
            keep(inside);
            summary.click();
            await frame();
        }
    };
    const openTabs = async () => {
        const selected = document.querySelector('[role="tab"][aria-selected="true"]');
        for (const tab of listTabs()) {
            tab.click();
            await frame();
            const name = `${tab.textContent.trim()} > `, inside = listBelow(panelOf(tab));
            await judge(panelOf(tab), inside.filter(isShown), name);
            await openMenus(panelOf(tab), name);
            keep(inside);
        }
        selected?.click();
    };
    const opener = document.querySelector("[data-drawer-open]"), drawer = document.querySelector("[data-drawer-panel]");
    const hasDrawer = () => opener && isShown(opener) && listBelow(drawer).some(isNew);
    const openDrawer = async () => {
        if (!hasDrawer()) return;
        const settle = () => Promise.all(drawer.getAnimations().map((animation) => animation.finished));
        opener.click();
        await settle();
        await judge(drawer, listBelow(drawer), "Menu > ");
        drawer.querySelector("[data-drawer-close]").click();
        await settle();
    };
    const shown = listBelow(document.body).filter(isShown);
    const isNeeded = isWhole || shown.some((element) => isNew(element) && isJudged(element))
        || (hasMenus && (listMenus(document.body).length || listTabs().length || hasDrawer()));
    if (!isNeeded) return [found, []];
    if (!window.axe) return null;
    await judge(document, shown, "");
    if (hasMenus) {
        await openDrawer();
        await openMenus(document.body, "");
        await openTabs();
    }
    const before = new Set(seen);
    return [found, [...known].filter((each) => !before.has(each))];
}"""


class AccessibilityCheck:
    """Judges open pages one after another; what looks as on an earlier one is not judged again."""

    def __init__(self) -> None:
        self._script = Axe().axe_script
        self._seen: defaultdict[int, list[int]] = defaultdict(list)

    def check(self, page: Page, *, has_menus: bool = True) -> None:
        """Nothing is wrong with the page as it is shown, with its menus and its tabs, in both colour schemes; its
        structure is judged on the desk. Where something is open that would close by opening a menu, none is opened.
        """
        faults = self.find_faults(page, has_menus=has_menus)
        assert not faults, "\n".join(faults)

    def find_faults(self, page: Page, *, has_menus: bool = True) -> list[str]:
        """What is wrong with the page, a line each."""
        assert page.viewport_size is not None
        width = page.viewport_size["width"]
        seen = self._seen[width]
        found, new_looks = self._judge(page, "dark", [width > PHONE, has_menus, seen])
        if new_looks:
            found += self._judge(page, "light", [False, has_menus, seen])[0]
        self._seen[width] = seen + new_looks
        return [f"{page.url} at {width} pixels, {fault}" for fault in found]

    def _judge(self, page: Page, scheme: Literal["light", "dark"], asked: list[object]) -> tuple[list[str], list[int]]:
        """What is wrong in one colour scheme, and what was seen for the first time."""
        page.emulate_media(color_scheme=scheme)
        answer = page.evaluate(_CHECK, [_RULES, *asked])
        if answer is None:
            page.evaluate(self._script)
            answer = page.evaluate(_CHECK, [_RULES, *asked])
        found, new_looks = cast(tuple[list[str], list[int]], tuple(answer))
        return [f"{scheme}: {fault}" for fault in found], new_looks
