// Boxes that suggest while you type: SmartSearch (form[data-suggest]) and lookup fields ([data-lookup]).

const TYPING_PAUSE = 140; // ms
const SLOW_ANSWER = 300; // ms, after which people are told that the search is still on
const NOT_CHOSEN = 'Choose one from the list, or clear the box';
const initialised = new WeakSet();
let serial = 0;

// What moves the page waits for the pointer to be lifted: a button that moved away under it would not be clicked.
let isPointerDown = false;
addEventListener('pointerdown', () => { isPointerDown = true; }, true);
for (const kind of ['pointerup', 'pointercancel']) addEventListener(kind, () => { isPointerDown = false; }, true);
function onceLifted(action) {
  if (isPointerDown) addEventListener('pointerup', () => setTimeout(action), { once: true, capture: true }); else action();
}

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function dot(colour) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const circle = document.createElementNS('http://www.w3.org/2000/svg', 'circle');
  svg.setAttribute('viewBox', '0 0 8 8');
  svg.setAttribute('class', 'dot');
  svg.setAttribute('aria-hidden', 'true');
  for (const [name, value] of [['cx', 4], ['cy', 4], ['r', 4], ['fill', colour]]) circle.setAttribute(name, value);
  svg.append(circle);
  return svg;
}

// query() is what is searched for now, load(query, signal) promises what is found, draw(item) gives the row's contents;
// pick(item) is called with the chosen one, onLeave(items) when the focus goes, with what was found for the text in the
// box. Items with a `group` stand below its name; `isFirstActive` has the first one chosen by the Enter key.
// What was found for one text cannot be chosen once another stands in the box: `items` is empty from the first letter
// typed until the answer to the last, and an answer that another search has overtaken is dropped.
function combobox(input, { query, load, draw, pick, minimum, isFirstActive, onLeave, onEnter, onEscape }) {
  const list = element('ul', '', 'options');
  list.id = `options-${++serial}`;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Suggestions');
  list.hidden = true;
  input.after(list);
  input.setAttribute('role', 'combobox');
  input.setAttribute('aria-autocomplete', 'list');
  input.setAttribute('aria-expanded', 'false');
  input.setAttribute('aria-controls', list.id);
  let items = [], activeIndex = -1, timer = 0, slowTimer = 0, request = null;

  const rows = () => list.querySelectorAll('[role="option"]');
  const isIdle = () => !items.length && !timer && !request;
  function positionList() {
    const box = input.getBoundingClientRect();
    list.style.width = `${innerWidth < 900 ? box.width : Math.max(box.width, 320)}px`;
    const below = innerHeight - box.bottom > Math.min(list.scrollHeight, 320) + 12 || box.top < 240;
    list.style.top = below ? `${box.bottom + 4}px` : 'auto';
    list.style.bottom = below ? 'auto' : `${innerHeight - box.top + 4}px`;
    list.style.left = `${Math.max(8, Math.min(box.left, innerWidth - list.offsetWidth - 8))}px`;
  }
  function openList() { list.hidden = false; input.setAttribute('aria-expanded', 'true'); positionList(); }
  function dropResults() {
    clearTimeout(timer);
    clearTimeout(slowTimer);
    request?.abort();
    timer = 0;
    request = null;
    items = [];
    markActive(-1);
    list.setAttribute('aria-busy', 'true');
    rows().forEach((row) => row.setAttribute('aria-disabled', 'true'));
  }
  function closeList() {
    dropResults();
    list.hidden = true;
    input.setAttribute('aria-expanded', 'false');
  }
  function markActive(index) {
    activeIndex = index;
    rows().forEach((row, n) => row.setAttribute('aria-selected', String(n === activeIndex)));
    const row = rows()[activeIndex];
    if (row) { input.setAttribute('aria-activedescendant', row.id); row.scrollIntoView({ block: 'nearest' }); } else input.removeAttribute('aria-activedescendant');
  }
  function showMessage(text) {
    const line = element('li', text, 'said');
    line.setAttribute('role', 'status');
    list.replaceChildren(line);
    openList();
  }
  function showResults(results, text) {
    const groups = [...new Set(results.map((item) => item.group))];
    items = groups.flatMap((name) => results.filter((item) => item.group === name)); // in the order of what is shown
    if (!items.length) { showMessage(text ? `No results for “${text}”` : 'No options available'); return; }
    list.replaceChildren(...arrangeGroups(items.map((item, n) => {
      const row = element('li');
      row.id = `${list.id}-${n}`;
      row.setAttribute('role', 'option');
      row.setAttribute('aria-selected', 'false');
      row.append(...draw(item));
      row.addEventListener('pointermove', () => { if (items[n] === item && activeIndex !== n) markActive(n); });
      row.addEventListener('click', () => { if (items[n] === item) choose(item); });
      return row;
    })));
    openList();
    markActive(isFirstActive ? 0 : -1);
  }
  function arrangeGroups(options) {
    const groups = new Map();
    options.forEach((option, n) => {
      const name = items[n].group ?? '';
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(option);
    });
    return [...groups].flatMap(([name, members]) => {
      if (!name) return members;
      const group = element('li', '', 'option-group');
      group.setAttribute('role', 'group');
      group.setAttribute('aria-label', name);
      const head = element('p', name, 'option-head');
      head.setAttribute('aria-hidden', 'true');
      const rest = element('ul');
      rest.setAttribute('role', 'presentation');
      rest.append(...members);
      group.append(head, rest);
      return [group];
    });
  }
  function choose(item) { closeList(); pick(item); }
  async function search() {
    dropResults();
    const text = query(), own = new AbortController();
    request = own;
    const tellWaiting = () => showMessage('Searching…');
    if (!list.hidden && !rows().length) tellWaiting(); else slowTimer = setTimeout(tellWaiting, SLOW_ANSWER);
    try {
      const results = await load(text, own.signal);
      if (request === own) showResults(results, text);
    } catch {
      if (request === own) showMessage('Search failed. Please try again.');
    }
    if (request !== own) return;
    clearTimeout(slowTimer);
    request = null;
    list.removeAttribute('aria-busy');
  }
  input.addEventListener('input', () => {
    dropResults();
    if (query().length < minimum) closeList(); else timer = setTimeout(search, TYPING_PAUSE);
  });
  list.addEventListener('mousedown', (event) => event.preventDefault()); // the focus stays in the box
  input.addEventListener('click', () => { if (isIdle() && query().length >= minimum) search(); });
  input.addEventListener('blur', () => { const found = items; closeList(); onLeave?.(found); });
  input.addEventListener('keydown', (event) => {
    if (event.isComposing) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (items.length) markActive((activeIndex + (event.key === 'ArrowDown' ? 1 : activeIndex < 0 ? 0 : -1) + items.length) % items.length);
      else if (isIdle() && (query() || minimum === 0)) search();
    } else if (event.key === 'Enter' && items[activeIndex]) {
      event.preventDefault();
      choose(items[activeIndex]);
    } else if (event.key === 'Enter') {
      onEnter?.(event);
    } else if (event.key === 'Escape' && !list.hidden) {
      event.preventDefault();
      event.stopPropagation();
      closeList();
    } else if (event.key === 'Escape') {
      onEscape?.(event);
    }
  });
  addEventListener('resize', () => { if (!list.hidden) positionList(); });
  document.addEventListener('scroll', (event) => { if (!list.hidden && event.target !== list) positionList(); }, true);
}

async function loadJson(address, parameters, signal) {
  const url = new URL(address, location.href);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const response = await fetch(url, { signal, headers: { Accept: 'application/json' } });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

// `text` in pieces, those marked that are words of `query`, whatever their case and accents. Each letter is one, so that
// places in both are the same.
const fold = (text) => [...text].map((letter) => (letter.length > 1 ? '\ufffd' : letter.normalize('NFD').toLowerCase()[0])).join('');
function markWords(text, query, className) {
  const line = element('span', '', className);
  const letters = [...text], folded = fold(text), isMarked = letters.map(() => false);
  for (const word of fold(query).split(/\s+/).filter(Boolean)) {
    for (let at = folded.indexOf(word); at >= 0; at = folded.indexOf(word, at + 1)) isMarked.fill(true, at, at + word.length);
  }
  for (let from = 0, to = 1; from < letters.length; from = to, to += 1) {
    while (to < letters.length && isMarked[to] === isMarked[from]) to += 1;
    const piece = letters.slice(from, to).join('');
    line.append(isMarked[from] ? element('mark', piece) : piece);
  }
  return line;
}

function drawFound(item, query) {
  const text = element('span');
  text.append(markWords(item.label, query));
  if (item.sub) text.append(markWords(item.sub, query, 'sub'));
  return [...(item.colour ? [dot(item.colour)] : []), text, ...(item.kind ? [element('span', item.kind, 'kind')] : [])];
}

// Other scripts ask for such a box by an event: their own import of this file would be another copy of it, as the
// addresses of scripts change with their content.
document.addEventListener('combobox', ({ target, detail }) => combobox(target, {
  query: () => target.value.trim(),
  draw: (item) => drawFound(item, target.value),
  ...detail,
}));

function smartSearch(form) {
  const input = form.querySelector('input[name="q"]');
  combobox(input, {
    minimum: 2,
    query: () => input.value.trim(),
    load: (text, signal) => loadJson(form.dataset.suggest, { q: text }, signal),
    draw: (item) => drawFound(item, input.value),
    pick: (item) => { location.href = item.url; },
  });
}

// The id that is sent is always that of the text in the box: of text that nobody has chosen yet it is none, and such
// text is not sent but pointed out, unless the field only says for whom a preview is shown.
function lookup(box) {
  const [hidden, input] = box.querySelectorAll('input');
  const isSent = !box.closest('[data-preview]');
  const note = element('span', NOT_CHOSEN, 'field-error');
  note.setAttribute('role', 'alert');
  let chosen = { id: hidden.value, label: hidden.value ? input.value.trim() : '' };
  let announcedId = hidden.value, isAnnouncing = false;
  const typed = () => input.value.trim();
  const isUnchosen = () => typed() !== '' && typed() !== chosen.label;

  function update(isPointedOut) {
    hidden.value = typed() === chosen.label ? chosen.id : '';
    input.setCustomValidity(isSent && isUnchosen() ? NOT_CHOSEN : '');
    if (isPointedOut && isSent && isUnchosen()) {
      box.after(note);
      input.setAttribute('aria-invalid', 'true');
    } else if (note.isConnected) {
      note.remove();
      input.removeAttribute('aria-invalid');
    }
  }
  function announce() {
    if (announcedId === hidden.value) return;
    announcedId = hidden.value;
    isAnnouncing = true;
    for (const field of [hidden, input]) field.dispatchEvent(new Event('change', { bubbles: true }));
    isAnnouncing = false;
  }
  function set(id, text) {
    chosen = { id: String(id), label: text.trim() };
    input.value = text;
    update();
    announce();
  }
  combobox(input, {
    minimum: 0,
    query: () => (isUnchosen() ? typed() : ''),
    load: (text, signal) => loadJson(box.dataset.lookup, { query: text, limit: 20 }, signal),
    draw: ([, text]) => [element('span', text)],
    pick: ([id, text]) => set(id, text),
    onLeave: (found) => {
      const text = typed().toLowerCase();
      const same = isUnchosen() ? found.filter(([, label]) => label.trim().toLowerCase() === text) : [];
      if (!text) set('', ''); else if (same.length === 1) set(...same[0]); else { announce(); onceLifted(() => update(true)); }
    },
    onEnter: (event) => { if (isUnchosen()) event.preventDefault(); },
    onEscape: (event) => {
      if (!isUnchosen()) return;
      event.preventDefault();
      event.stopPropagation();
      set(chosen.id, chosen.label);
    },
  });
  input.addEventListener('input', () => update());
  // Default values are filled in from outside.
  hidden.addEventListener('change', () => { if (!isAnnouncing) { announcedId = hidden.value; set(hidden.value, input.value); } });
  box.querySelector('.lookup-clear')?.addEventListener('click', () => { set('', ''); input.focus(); });
}

function initialise(target) {
  const box = target.closest?.('form[data-suggest], [data-lookup]');
  if (!box || initialised.has(box)) return;
  initialised.add(box);
  if (box.dataset.suggest) smartSearch(box); else lookup(box);
}
document.addEventListener('focusin', (event) => initialise(event.target));
document.addEventListener('pointerdown', (event) => initialise(event.target), true);
if (document.activeElement) initialise(document.activeElement);
