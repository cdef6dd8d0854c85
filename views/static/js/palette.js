// The command palette (Ctrl+K): pages, records, and what can be done here, by the keyboard alone. Loaded after combo.js.

const { palette: entriesUrl, suggest: suggestUrl } = document.body.dataset;
const RECORD_LETTERS = 2; // so many are typed before records are searched for
const MOST_SHOWN = 7; // of each group, until more is typed
let entries = null; // pages and actions, fetched once a page
let dialog = null;

const fetchJson = async (url, signal) => {
  const response = await fetch(url, { signal, headers: { Accept: 'application/json' } });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
};

// What this page offers: the actions and tabs of a record, the neighbours, what can be done to ticked rows.
function listHere() {
  const links = [...document.querySelectorAll('main .page-actions a[href], main .tabs a[href], .neighbours:not([hidden]) a[href]')];
  const buttons = document.querySelector('.list [name="rowid"]:checked') ? [...document.querySelectorAll('#bulk [name="action"]:not([disabled])')] : [];
  const found = new Map();
  for (const part of [...links, ...buttons]) {
    const text = [...part.childNodes].filter((node) => !node.classList?.contains('count')).map((node) => node.textContent).join('');
    const name = text.trim().replace(/\s+/g, ' ') || part.querySelector('[aria-label]')?.getAttribute('aria-label');
    if (name && !found.has(name)) found.set(name, { group: 'This page', label: name, sub: part.closest('#bulk') ? 'Selected rows' : '', run: () => part.click() });
  }
  return [...found.values()];
}

function matches(entry, words) {
  const text = `${entry.label} ${entry.sub}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function limitGroups(found, most) {
  const counts = {};
  return found.filter(({ group }) => (counts[group] = (counts[group] ?? 0) + 1) <= most);
}

async function load(text, signal) {
  entries ??= await fetchJson(entriesUrl, signal);
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const local = [...listHere(), ...entries].filter((entry) => matches(entry, words));
  const begins = (entry) => entry.label.toLowerCase().startsWith(words[0] ?? '');
  const sorted = words.length ? [...local.filter(begins), ...local.filter((entry) => !begins(entry))] : local;
  const records = text.length < RECORD_LETTERS ? [] : await fetchJson(`${suggestUrl}?${new URLSearchParams({ q: text })}`, signal);
  return [...limitGroups(sorted, MOST_SHOWN), ...records];
}

function build() {
  dialog = document.createElement('dialog');
  dialog.className = 'palette';
  dialog.setAttribute('aria-label', 'Command palette');
  dialog.innerHTML = '<div class="palette-box"><input class="input" type="text" autocomplete="off" spellcheck="false" '
    + 'aria-label="Pages, records and actions" placeholder="Go to a page, find a record or do something"></div>'
    + '<div class="palette-foot"><span class="hint"><kbd>↑</kbd><kbd>↓</kbd> choose, <kbd>Enter</kbd> open</span>'
    + '<button type="button" class="btn btn-quiet" data-close-palette>Close</button></div>';
  document.body.append(dialog);
  const input = dialog.querySelector('input');
  dialog.querySelector('[data-close-palette]').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    dialog.close();
  }, true);
  input.dispatchEvent(new CustomEvent('combobox', {
    bubbles: true,
    detail: {
      minimum: 0,
      isFirstActive: true,
      load,
      pick: (item) => { dialog.close(); if (item.run) item.run(); else location.href = item.url; },
    },
  }));
}

function openPalette() {
  if (document.querySelector('dialog[open]')) return;
  if (!dialog) build();
  document.querySelectorAll('details.menu[open]').forEach((menu) => { menu.open = false; });
  dialog.showModal();
  const input = dialog.querySelector('input');
  input.value = '';
  input.focus();
  input.click(); // shows what there is before anything is typed
}

document.addEventListener('keydown', (event) => {
  if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  event.preventDefault();
  if (dialog?.open) dialog.close(); else openPalette();
});
document.addEventListener('click', (event) => { if (event.target.closest?.('[data-open-palette]')) openPalette(); });
