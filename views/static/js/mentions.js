// Mentions: after an @ the colleagues whose name or address goes on like that, below the text that is being written.
// The keys are those of every list: arrows, Enter or Tab to choose, Escape to go on writing.

const TYPING_PAUSE = 140; // ms
const MENTION = /(?:^|[^\p{L}\p{N}_@.])@([\p{L}\p{N}.'_-]*(?: [\p{L}\p{N}.'_-]+)?)$/u;
let serial = 0;

function element(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

function suggestColleagues(area, address) {
  const list = element('ul', '', 'options');
  list.id = `colleagues-${++serial}`;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Colleagues');
  list.hidden = true;
  area.after(list);
  area.setAttribute('aria-autocomplete', 'list');
  area.setAttribute('aria-controls', list.id);
  let items = [], active = -1, timer = 0, request = null;

  const typed = () => MENTION.exec(area.value.slice(0, area.selectionStart))?.[1];
  function close() {
    clearTimeout(timer);
    request?.abort();
    items = [];
    list.hidden = true;
    area.removeAttribute('aria-activedescendant');
  }
  function mark(index) {
    active = index;
    [...list.children].forEach((row, n) => row.setAttribute('aria-selected', String(n === active)));
    const row = list.children[active];
    if (row) { area.setAttribute('aria-activedescendant', row.id); row.scrollIntoView({ block: 'nearest' }); }
  }
  function choose(item) {
    const end = area.selectionStart, start = end - typed().length;
    close();
    area.setRangeText(`${item.word} `, start, end, 'end');
    area.focus();
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }
  function show(found) {
    items = found;
    if (!items.length) { close(); return; }
    list.replaceChildren(...items.map((item, n) => {
      const row = element('li', '');
      row.id = `${list.id}-${n}`;
      row.setAttribute('role', 'option');
      row.append(element('span', item.name), element('span', item.email, 'sub'));
      row.addEventListener('pointerdown', (event) => { event.preventDefault(); choose(item); });
      return row;
    }));
    const box = area.getBoundingClientRect();
    list.style.width = `${Math.min(box.width, 360)}px`;
    list.style.left = `${box.left}px`;
    list.style.top = `${box.bottom + 4}px`;
    list.hidden = false;
    mark(0);
  }
  async function search() {
    const text = typed();
    if (text === undefined) { close(); return; }
    request?.abort();
    const own = request = new AbortController();
    try {
      const response = await fetch(`${address}?query=${encodeURIComponent(text)}`, { signal: own.signal });
      if (response.ok && request === own) show(await response.json());
    } catch { /* typing went on, or the server is away: the name can still be typed */ }
  }
  area.addEventListener('input', () => {
    clearTimeout(timer);
    if (typed() === undefined) close(); else timer = setTimeout(search, TYPING_PAUSE);
  });
  area.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') mark((active + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length);
    else if (event.key === 'Enter' || event.key === 'Tab') choose(items[active]);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  area.addEventListener('blur', close);
  addEventListener('scroll', close, true);
}

for (const area of document.querySelectorAll('textarea[data-mentions]')) {
  suggestColleagues(area, area.dataset.mentions);
}
