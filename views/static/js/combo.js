// Boxes that suggest while you type: SmartSearch ([data-suggest]) and lookup fields ([data-lookup]).

const WAIT = 140;
const made = new WeakSet();
let serial = 0;

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

// address(query) gives the URL, draw(item) the row's contents, pick(item) is called with the chosen one.
function combobox(input, { address, draw, pick, minimum, onLeave }) {
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
  let items = [], at = -1, timer = 0, asked = null;

  const rows = () => list.querySelectorAll('[role="option"]');
  function position() {
    const box = input.getBoundingClientRect();
    list.style.width = `${innerWidth < 900 ? box.width : Math.max(box.width, 320)}px`;
    const below = innerHeight - box.bottom > Math.min(list.scrollHeight, 320) + 12 || box.top < 240;
    list.style.top = below ? `${box.bottom + 4}px` : 'auto';
    list.style.bottom = below ? 'auto' : `${innerHeight - box.top + 4}px`;
    list.style.left = `${Math.max(8, Math.min(box.left, innerWidth - list.offsetWidth - 8))}px`;
  }
  function open() { list.hidden = false; input.setAttribute('aria-expanded', 'true'); position(); }
  function shut() {
    clearTimeout(timer);
    asked?.abort();
    list.hidden = true;
    at = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  }
  function mark(index) {
    at = index;
    rows().forEach((row, n) => row.setAttribute('aria-selected', String(n === at)));
    const row = rows()[at];
    if (row) { input.setAttribute('aria-activedescendant', row.id); row.scrollIntoView({ block: 'nearest' }); } else input.removeAttribute('aria-activedescendant');
  }
  function say(text) {
    const line = element('li', text, 'said');
    line.setAttribute('role', 'status');
    list.replaceChildren(line);
    open();
  }
  function fill(found, query) {
    items = found;
    if (!items.length) { say(query ? `Nothing found for “${query}”` : 'Nothing to choose from yet'); return; }
    list.replaceChildren(...items.map((item, n) => {
      const row = element('li');
      row.id = `${list.id}-${n}`;
      row.setAttribute('role', 'option');
      row.setAttribute('aria-selected', 'false');
      row.append(...draw(item));
      row.addEventListener('pointermove', () => { if (at !== n) mark(n); });
      row.addEventListener('mousedown', (event) => event.preventDefault());
      row.addEventListener('click', () => { shut(); pick(item); });
      return row;
    }));
    open();
    mark(-1);
  }
  async function ask(query) {
    asked?.abort();
    asked = new AbortController();
    try {
      const answer = await fetch(address(query), { signal: asked.signal, headers: { Accept: 'application/json' } });
      if (!answer.ok) throw new Error(String(answer.status));
      fill(await answer.json(), query);
    } catch (error) {
      if (error.name !== 'AbortError') say('Could not search just now. Please try again.');
    }
  }
  function later(query) {
    clearTimeout(timer);
    if (query.length < minimum) { shut(); return; }
    timer = setTimeout(() => ask(query), WAIT);
  }
  input.addEventListener('input', () => later(input.value.trim()));
  input.addEventListener('click', () => { if (list.hidden && minimum === 0) ask(''); });
  input.addEventListener('blur', () => { shut(); onLeave?.(); });
  input.addEventListener('keydown', (event) => {
    const open = !list.hidden;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) { if (minimum === 0 || input.value.trim()) ask(minimum === 0 ? '' : input.value.trim()); return; }
      const size = rows().length;
      if (size) mark((at + (event.key === 'ArrowDown' ? 1 : at < 0 ? 0 : -1) + size) % size);
    } else if (event.key === 'Enter' && open && items[at]) {
      event.preventDefault();
      const item = items[at];
      shut();
      pick(item);
    } else if (event.key === 'Escape' && open) {
      event.preventDefault();
      event.stopPropagation();
      shut();
    }
  });
  addEventListener('resize', () => { if (!list.hidden) position(); });
  document.addEventListener('scroll', (event) => { if (!list.hidden && event.target !== list) position(); }, true);
}

function smartSearch(form) {
  const input = form.querySelector('input[name="q"]');
  combobox(input, {
    minimum: 2,
    address: (query) => `${form.dataset.suggest}${form.dataset.suggest.includes('?') ? '&' : '?'}q=${encodeURIComponent(query)}`,
    draw: (item) => {
      const text = element('span');
      text.append(element('span', item.label));
      if (item.sub) text.append(element('span', item.sub, 'sub'));
      return [...(item.colour ? [dot(item.colour)] : []), text, ...(item.kind ? [element('span', item.kind, 'kind')] : [])];
    },
    pick: (item) => { location.href = item.url; },
  });
}

function lookup(box) {
  const [hidden, input] = box.querySelectorAll('input');
  let label = input.value;
  const set = (id, text) => {
    hidden.setAttribute('value', id);
    hidden.value = id;
    input.value = label = text;
    hidden.dispatchEvent(new Event('change', { bubbles: true }));
    input.dispatchEvent(new Event('change', { bubbles: true }));
  };
  combobox(input, {
    minimum: 0,
    address: (query) => `${box.dataset.lookup}${box.dataset.lookup.includes('?') ? '&' : '?'}query=${encodeURIComponent(query)}&limit=20`,
    draw: ([, text]) => [element('span', text)],
    pick: ([id, text]) => set(String(id), text),
    onLeave: () => { if (!input.value.trim() && hidden.value) set('', ''); else if (input.value !== label) input.value = label; },
  });
  box.querySelector('.lookup-clear')?.addEventListener('click', () => { set('', ''); input.focus(); });
}

function start(target) {
  const box = target.closest?.('[data-suggest], [data-lookup]');
  if (!box || made.has(box)) return;
  made.add(box);
  if (box.dataset.suggest) smartSearch(box); else lookup(box);
}
document.addEventListener('focusin', (event) => start(event.target));
document.addEventListener('pointerdown', (event) => start(event.target), true);
if (document.activeElement) start(document.activeElement);
