// Keyboard shortcuts. views/system/palette.py lists them for people.

const isSingleKeyOn = document.body.dataset.singleKeys !== 'off';
const firstShown = (selector) => [...document.querySelectorAll(selector)].find((each) => each.checkVisibility({ visibilityProperty: true }));

function isTyping(target) {
  const field = target.closest?.('input, textarea, select, [contenteditable], [role="listbox"]');
  return Boolean(field) && !field.matches('[type="checkbox"], [type="radio"], [type="button"], [type="submit"]');
}

// --- Lists ---

const rows = () => [...document.querySelectorAll('table.list tr[data-href]')];
const linkOf = (row) => row.querySelector('td:not(.tick) a') ?? row.querySelector('a, input');
let lastRow = null;

function focusRow(row) {
  if (!row) return false;
  lastRow = row;
  linkOf(row).focus();
  row.scrollIntoView({ block: 'nearest' });
  return true;
}

function step(by) {
  const all = rows();
  if (all.length) {
    const here = all.indexOf(document.activeElement.closest('tr'));
    return focusRow(all[here < 0 ? Math.max(all.indexOf(lastRow), 0) : Math.min(Math.max(here + by, 0), all.length - 1)]);
  }
  return press(`.neighbours:not([hidden]) a[rel="${by > 0 ? 'next' : 'prev'}"][href]`);
}

function tick() {
  const row = document.activeElement.closest('tr') ?? lastRow;
  const box = row?.querySelector('[name="rowid"]');
  if (!box) return false;
  box.click();
  return focusRow(row);
}

// --- Everywhere ---

function press(selector) {
  const target = document.querySelector(selector);
  target?.click();
  return Boolean(target);
}

function focus(selector) {
  const target = firstShown(selector);
  target?.focus();
  target?.select?.();
  return Boolean(target);
}

function openActions() {
  const menu = firstShown('main .page-actions details.menu > summary');
  menu?.click();
  menu?.parentElement.querySelector('.menu-item')?.focus();
  return Boolean(menu);
}

function goToSearch() {
  if (!firstShown('[data-hotkey="/"]')) press('[data-drawer-open]'); // on a phone it is in the drawer
  return focus('[data-hotkey="/"]');
}

const keys = {
  '/': goToSearch,
  '?': showShortcuts,
  a: openActions,
  b: () => focus('#bulk [name="action"]:not([disabled]), #bulk summary'),
  e: () => press('main .page-actions [data-key="edit"]'),
  f: () => focus('main .list-search input'),
  j: () => step(1),
  k: () => step(-1),
  l: () => focusRow(rows().includes(lastRow) ? lastRow : rows()[0]),
  n: () => press('main .page-actions [data-key="new"]'),
  u: () => press('.crumbs li:nth-last-child(2) a'),
  x: tick,
};

// Saves the form that one is in, else the one of the page: what its main button does, unless that is dangerous.
function save() {
  const form = document.activeElement.closest('main form.edit, main form.operation') ?? document.querySelector('main form.edit, main form.operation');
  const button = form?.querySelector('.form-foot button.btn-primary:not([disabled])');
  button?.click();
  return Boolean(button);
}

document.addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || document.querySelector('dialog[open]')) return;
  const isSaving = (event.ctrlKey || event.metaKey) && (event.key === 'Enter' || (event.key.toLowerCase() === 's' && !event.shiftKey));
  if (isSaving) {
    if (save()) event.preventDefault();
    return;
  }
  if (!isSingleKeyOn || event.ctrlKey || event.metaKey || isTyping(event.target) || document.querySelector('details.menu[open]')) return;
  if (Object.hasOwn(keys, event.key) && keys[event.key]()) event.preventDefault();
});

document.addEventListener('focusin', (event) => { lastRow = event.target.closest('table.list tr[data-href]') ?? lastRow; });

// --- The list of shortcuts ---

let dialog = null;

async function fetchShortcuts() {
  const response = await fetch(document.body.dataset.shortcuts).catch(() => null);
  const part = response?.ok && new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('.shortcuts');
  if (!part) { location.href = document.body.dataset.shortcuts; return; }
  dialog = document.createElement('dialog');
  dialog.className = 'shortcut-dialog';
  part.querySelector('h1').id = 'shortcuts-title';
  dialog.setAttribute('aria-labelledby', 'shortcuts-title');
  const close = Object.assign(document.createElement('button'), { type: 'button', className: 'btn', textContent: 'Close', autofocus: true });
  close.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.append(part, close);
  document.body.append(dialog);
  dialog.showModal();
}

function showShortcuts() {
  if (dialog) dialog.showModal(); else fetchShortcuts();
  return true;
}
