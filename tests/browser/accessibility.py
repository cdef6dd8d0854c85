"""What axe-core finds on open pages, in their menus and tabs, in both colour schemes, on a desk and on a phone.

Only what differs is judged, because a browser takes half a second for a whole page: elements that are alike in name,
class and state, as are those around them, on the same surface, look alike on whatever page. One of them is judged for
all: its colours once in each colour scheme, its room once at each width. Rules about structure are run on a page with
an element that is new in these, its attributes, or in whether it has a text and a label.
"""

import json
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE, DESKTOP = 390, 1440

_COLOURS = ("color-contrast", "link-in-text-block")
_ROOM = ("target-size",)
_TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
# Of the rules that are good practice only, those that may be serious.
_GOOD_PRACTICE = ("accesskeys", "aria-dialog-name", "aria-text", "aria-treeitem-name", "label-title-only", "tabindex")
_OPTIONS = {"resultTypes": ["violations"], "iframes": False}  # what is in frames are mails, which answer to no script
_RULES = {
    "colours": {**_OPTIONS, "runOnly": {"type": "rule", "values": _COLOURS}},
    "looks": {**_OPTIONS, "runOnly": {"type": "rule", "values": (*_COLOURS, *_ROOM)}},
    "structure": {
        **_OPTIONS,
        "runOnly": {"type": "tag", "values": _TAGS},
        "rules": {rule: {"enabled": rule in _GOOD_PRACTICE} for rule in (*_COLOURS, *_ROOM, *_GOOD_PRACTICE)},
    },
}

# `aspects` says for each kind of rules in which state it is judged; `seen` is what was judged before, as JSON. Answers
# what is wrong, and what was judged for the first time; null where axe is needed and not there.
_CHECK = """async ([rules, aspects, hasMenus, seen]) => {
    const known = new Set(JSON.parse(seen)), judged = [], found = [], looks = new WeakMap();
    const frame = () => new Promise(requestAnimationFrame);
    const states = ["role", "type", "disabled", "aria-current", "aria-selected", "aria-pressed", "aria-disabled",
        "aria-expanded", "aria-invalid"];
    const surfaces = "dialog, .menu-panel, .side, .card, .banner, .toast, .live, .board-column, .bulk, .peek, "
        + ".calendar, body";
    const extend = (hash, text) => {
        for (let at = 0; at < text.length; at += 1) hash = (hash * 31 + text.charCodeAt(at)) | 0;
        return hash;
    };
    const describeState = (element) => {
        const state = states.map((name) => element.getAttribute(name)).join();
        return `>${element.localName}.${element.getAttribute("class")}[${state}]`;
    };
    const getLook = (element) => {
        if (!looks.has(element)) {
            let hash = extend(0, element.closest(surfaces).className), at = element;
            for (let level = 0; at && level < 4; level += 1) {
                hash = extend(hash, describeState(at));
                at = at.parentElement;
            }
            looks.set(element, hash);
        }
        return looks.get(element);
    };
    const idCounts = new Map();
    for (const { id } of document.querySelectorAll("[id]")) idCounts.set(id, (idCounts.get(id) ?? 0) + 1);
    const describe = (element) => [
        element.getAttributeNames().sort().join(),
        element.labels?.length > 0,
        element.textContent.trim() === "",
        document.getElementById(element.getAttribute("aria-labelledby")) !== null,
        element.id && idCounts.get(element.id),
    ].join("|");
    const getKey = (element, kind) =>
        extend(getLook(element), kind === "structure" ? describe(element) : `${kind} ${aspects[kind]}`);
    const isNewOf = (kind) => (element) => !known.has(getKey(element, kind));
    const kinds = ["colours", "room"].filter((kind) => kind in aspects);
    const isNew = (element) => kinds.some((kind) => isNewOf(kind)(element));
    const isUnknown = (element) => isNew(element) || ("structure" in aspects && isNewOf("structure")(element));
    const keepKey = (key) => {
        if (known.has(key)) return;
        known.add(key);
        judged.push(key);
    };
    const keepAll = (elements) => {
        keep(elements);
        if ("structure" in aspects) for (const element of elements) keepKey(getKey(element, "structure"));
    };
    const keep = (elements) => elements.forEach((element) => kinds.forEach((kind) => keepKey(getKey(element, kind))));
    const isShown = (element) => element.checkVisibility({ visibilityProperty: true });
    const listBelow = (element) => [...element.querySelectorAll("*")];
    const isJudged = (element) => element.matches("a, button, input, select, textarea, summary")
        || [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    const run = async (context, kind, where) => {
        for (const { id, impact, nodes } of (await axe.run(context, rules[kind])).violations) {
            if (impact !== "serious" && impact !== "critical") continue;
            for (const { html, failureSummary } of nodes)
                found.push(`${where}${id}: ${html.slice(0, 200)} ${failureSummary}`);
        }
    };
    const hasNewStructure = (elements) => "structure" in aspects && elements.some(isNewOf("structure"));
    const judge = async (root, shown, where) => {
        if (hasNewStructure(shown)) {
            await run(root, "structure", where);
            for (const element of shown) keepKey(getKey(element, "structure"));
        }
        const first = new Map();
        for (const element of shown.filter(isJudged).filter(isNew))
            if (!first.has(getLook(element))) first.set(getLook(element), element);
        if (first.size) await run({ include: [...first.values()] }, kinds.length > 1 ? "looks" : "colours", where);
        keep(shown);
    };
    const insideOf = (menu) => listBelow(menu).filter((element) => element.closest("summary")?.parentElement !== menu);
    const listMenus = (root) => [...root.querySelectorAll("details:not([open])")]
        .filter((menu) => isShown(menu.querySelector("summary")) && insideOf(menu).some(isUnknown));
    const panelOf = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
    const listTabs = () => [...document.querySelectorAll('[role="tab"][aria-selected="false"]')]
        .filter((tab) => isShown(tab) && listBelow(panelOf(tab)).some(isUnknown));
    const openMenus = async (root, path) => {
        for (const menu of listMenus(root)) {
            const inside = insideOf(menu), summary = menu.querySelector("summary");
            if (!inside.some(isUnknown)) continue;
            summary.click();
            await frame();
            await frame();
            if (!menu.open) throw new Error(`${path}${summary.textContent} did not open`);
            const name = `${path}${(summary.innerText || summary.textContent).trim()} > `;
            await judge(menu, inside.filter(isShown), name);
            await openMenus(menu, name);
            keepAll(inside);
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
            keepAll(inside);
        }
        selected?.click();
    };
    const opener = document.querySelector("[data-drawer-open]"), drawer = document.querySelector("[data-drawer-panel]");
    const hasDrawer = () => opener && isShown(opener) && listBelow(drawer).some(isNew);
    const openDrawer = async () => {
        if (!hasDrawer()) return;
        const settle = async () => {
            await frame();
            await frame();
            await Promise.all(drawer.getAnimations().map((animation) => animation.finished));
        };
        opener.click();
        await settle();
        await judge(drawer, listBelow(drawer), "Menu > ");
        drawer.querySelector("[data-drawer-close]").click();
        await settle();
    };
    const shown = listBelow(document.body).filter(isShown);
    const isNeeded = hasNewStructure(shown) || shown.some((element) => isJudged(element) && isNew(element))
        || (hasMenus && (listMenus(document.body).length || listTabs().length || hasDrawer()));
    if (!isNeeded) return [found, JSON.stringify(judged)];
    if (!window.axe) return null;
    await judge(document, shown, "");
    if (hasMenus) {
        await openDrawer();
        await openMenus(document.body, "");
        await openTabs();
    }
    return [found, JSON.stringify(judged)];
}"""


class AccessibilityCheck:
    """Judges open pages one after another; what looks as on an earlier one is not judged again."""

    def __init__(self) -> None:
        self._script = Axe().axe_script
        self._seen: list[int] = []

    def check(self, page: Page, *, has_menus: bool = True) -> None:
        """Nothing is wrong with the page as it is shown, with its menus and its tabs, in both colour schemes.
        Where something is open that would close by opening a menu, none is opened.
        """
        faults = self.find_faults(page, has_menus=has_menus)
        assert not faults, "\n".join(faults)

    def find_faults(self, page: Page, *, has_menus: bool = True) -> list[str]:
        """What is wrong with the page, a line each."""
        page.wait_for_load_state()
        assert page.viewport_size is not None
        width = page.viewport_size["width"]
        faults = []
        schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            aspects = {"colours": scheme}
            if scheme == schemes[0]:
                aspects |= {"room": str(width), "structure": ""}
            found, judged = self._judge(page, [_RULES, aspects, has_menus, json.dumps(self._seen)])
            self._seen += judged
            faults += [f"{page.url} at {width} pixels, {scheme}: {fault}" for fault in found]
            if not judged:
                break  # what is not new in one scheme is not in the other either
        return faults

    def _judge(self, page: Page, asked: list[object]) -> tuple[list[str], list[int]]:
        """What is wrong, and what was judged for the first time."""
        answer = page.evaluate(_CHECK, asked)
        if answer is None:
            page.evaluate(self._script)
            answer = page.evaluate(_CHECK, asked)
        found, judged = answer
        return found, json.loads(judged)
