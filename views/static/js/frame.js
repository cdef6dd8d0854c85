// The frame of every page: menus, the drawer on a phone, flashes.

const menus = () => document.querySelectorAll('details.menu[open]');

// An open menu is placed against the window, so that no scrolling table cuts it off.
function place(menu) {
  const panel = menu.querySelector('.menu-panel');
  const at = menu.querySelector('summary').getBoundingClientRect();
  panel.classList.add('placed');
  const { offsetWidth: width, offsetHeight: height } = panel;
  const endAligned = getComputedStyle(panel).direction === 'rtl' || at.left + at.width / 2 > innerWidth / 2;
  const left = endAligned ? at.right - width : at.left;
  const below = at.bottom + 5 + height <= innerHeight || at.top < height;
  panel.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
  panel.style.top = `${below ? Math.min(at.bottom + 5, Math.max(8, innerHeight - height - 8)) : at.top - 5 - height}px`;
}

function close(menu, refocus) {
  menu.open = false;
  if (refocus) menu.querySelector('summary').focus();
}

document.addEventListener('toggle', (event) => {
  const menu = event.target;
  if (!menu.matches?.('details.menu')) {
    const outer = menu.closest?.('details.menu[open]');
    if (outer) place(outer);
    return;
  }
  if (!menu.open) return;
  for (const other of menus()) if (other !== menu && !other.contains(menu)) close(other);
  place(menu);
  menu.querySelector('.menu-panel input[type="search"], .menu-form input.input')?.focus();
}, true);

document.addEventListener('grown', (event) => { // something came into an open menu
  const menu = event.target.closest('details.menu[open]');
  if (menu) place(menu);
});

// A press beside an open menu closes it, and that is all it does: what lies beneath is neither followed nor changed. The
// button of another menu opens that one.
let isClosing = false;
document.addEventListener('pointerdown', (event) => {
  const open = [...menus()];
  const isBeside = open.length > 0 && !open.some((menu) => menu.contains(event.target));
  isClosing = isBeside && !event.target.closest('details.menu > summary');
  if (isBeside) open.forEach((menu) => close(menu));
}, true);
for (const kind of ['mousedown', 'click', 'auxclick', 'dblclick']) {
  document.addEventListener(kind, (event) => {
    if (!isClosing || event.detail === 0) return; // by the keyboard there is no beside
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}
document.addEventListener('click', (event) => {
  for (const menu of menus()) if (!menu.contains(event.target)) close(menu);
});
// Pressing the mouse on text in a menu gives the focus to what holds the menu and may have it, such as main: that is no
// leaving of the menu.
document.addEventListener('focusin', (event) => {
  for (const menu of menus()) if (!menu.contains(event.target) && !event.target.contains(menu)) close(menu);
});
addEventListener('resize', () => menus().forEach(place));
document.addEventListener('scroll', (event) => {
  if (event.target.closest?.('.menu-panel')) return;
  menus().forEach(place);
}, true);

document.addEventListener('keydown', (event) => {
  const menu = event.target.closest?.('details.menu[open]') ?? menus()[0];
  if (event.key === 'Escape' && menu) {
    event.preventDefault();
    close(menu, true);
  } else if (menu && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
    const entries = [...menu.querySelectorAll('.menu-item:not([disabled])')].filter((entry) => entry.offsetParent !== null || entry.getClientRects().length);
    const here = entries.indexOf(document.activeElement);
    if (!entries.length || (here < 0 && document.activeElement !== menu.querySelector('summary'))) return;
    event.preventDefault();
    const step = event.key === 'ArrowDown' ? 1 : -1;
    entries[(here + step + entries.length) % entries.length].focus();
  } else if (event.key === 'Escape' && drawer?.classList.contains('open')) {
    shut();
  }
});

// The menu on a phone. Without this script its button is a link to #menu, which :target opens.
const drawer = document.querySelector('[data-drawer-panel]');
const opener = document.querySelector('[data-drawer-open]');
function show() {
  drawer.classList.add('open');
  opener.setAttribute('aria-expanded', 'true');
  drawer.querySelector('[data-drawer-close], a, input').focus();
}
function shut() {
  drawer.classList.remove('open');
  opener.setAttribute('aria-expanded', 'false');
  if (opener.getClientRects().length) opener.focus();
}
if (drawer && opener) {
  opener.setAttribute('role', 'button');
  opener.setAttribute('aria-expanded', 'false');
  opener.addEventListener('click', (event) => { event.preventDefault(); show(); });
  document.querySelectorAll('[data-drawer-close]').forEach((closer) => closer.addEventListener('click', (event) => {
    event.preventDefault();
    if (location.hash === '#menu') location.hash = '';
    shut();
  }));
}

document.addEventListener('click', (event) => {
  event.target.closest('[data-close]')?.closest('[data-toast]')?.remove();
});
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-submit-on-change]')) event.target.form.requestSubmit();
});

// Tabs that do not fit on one line move into a menu at its end. Without this script they wrap.
function moveOverflowingTabs(bar) {
  const tabs = bar.allTabs ?? (bar.allTabs = [...bar.querySelectorAll(':scope > .tab')]);
  let more = bar.querySelector('.tab-more');
  if (!more) {
    more = document.createElement('details');
    more.className = 'menu tab-more';
    more.innerHTML = '<summary class="tab-add">More</summary><div class="menu-panel"></div>';
    const icon = document.querySelector('.icon')?.cloneNode(true);
    icon?.firstElementChild.setAttribute('href', icon.firstElementChild.getAttribute('href').replace(/#.*/, '#down'));
    icon?.removeAttribute('role');
    icon?.removeAttribute('aria-label');
    if (icon) more.firstElementChild.append(icon);
    tabs.at(-1).after(more);
    bar.classList.add('one-line');
  }
  tabs.forEach((tab) => more.before(tab));
  more.hidden = true;
  if (bar.scrollWidth <= bar.clientWidth) return;
  more.hidden = false;
  for (const tab of tabs.toReversed()) {
    if (bar.scrollWidth <= bar.clientWidth) break;
    if (!tab.classList.contains('active')) more.lastElementChild.prepend(tab);
  }
}
document.querySelectorAll('[data-overflow]').forEach((bar) => {
  if (bar.querySelector(':scope > .tab')) new ResizeObserver(() => moveOverflowingTabs(bar)).observe(bar);
});

// A table that does not scroll needs no tab stop.
const tableObserver = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const scrolls = target.scrollWidth > target.clientWidth + 1;
    if (target.dataset.fit !== undefined) target.classList.toggle('fits', !scrolls);
    if (scrolls) target.tabIndex = 0; else target.removeAttribute('tabindex');
  }
});
document.querySelectorAll('.table-wrap').forEach((wrap) => tableObserver.observe(wrap));

// Switches that stay as they were left.
for (const box of document.querySelectorAll('input[data-keep]')) {
  try {
    box.checked = localStorage.getItem(box.dataset.keep) === 'on';
    box.addEventListener('change', () => localStorage.setItem(box.dataset.keep, box.checked ? 'on' : 'off'));
  } catch { /* a browser that keeps nothing */ }
}

// What one person looked at is not the next one's to see.
if (document.body.classList.contains('bare')) {
  for (const key of Object.keys(sessionStorage)) if (key.startsWith('list:')) sessionStorage.removeItem(key);
}
