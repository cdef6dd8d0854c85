// Placeholders of message templates: suggested while "{{" is typed, put in by a click, by keyboard alone too.
// [data-placeholders] has what there is, as JSON: {purpose: [[name, meaning], …]}.

const UNCHOSEN = 'Choose a purpose first: each has its own placeholders';
let serial = 0;
let last = null; // the field that was written in last

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

// Where the caret stands on the screen: the text before it is laid out once more, in a box like the field.
function caret(field, at) {
  const copy = element('div'), style = getComputedStyle(field), box = field.getBoundingClientRect();
  for (const name of ['font', 'letterSpacing', 'padding', 'border', 'boxSizing', 'lineHeight', 'tabSize', 'textIndent']) copy.style[name] = style[name];
  Object.assign(copy.style, { position: 'fixed', visibility: 'hidden', left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, whiteSpace: field.tagName === 'TEXTAREA' ? 'pre-wrap' : 'pre', overflowWrap: 'break-word' });
  copy.textContent = field.value.slice(0, at);
  const mark = element('span', '', '.');
  copy.append(mark);
  document.body.append(copy);
  const spot = mark.getBoundingClientRect();
  copy.remove();
  const top = Math.min(Math.max(spot.top - field.scrollTop, box.top), box.bottom - spot.height);
  return { left: Math.min(spot.left - field.scrollLeft, box.right), top, bottom: top + spot.height };
}

// Puts `text` in place of what lies between two places; the browser's Undo takes it back.
function put(field, text, from, to) {
  field.focus();
  field.setSelectionRange(from, to);
  if (!document.execCommand('insertText', false, text)) {
    field.setRangeText(text, from, to, 'end');
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

function suggest(field) {
  const all = JSON.parse(field.dataset.placeholders);
  const known = () => all[field.form.elements.purpose.value] ?? [];
  const list = element('ul', 'options placeholders');
  const told = element('span', 'sr');
  list.id = `placeholders-${++serial}`;
  list.hidden = true;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Placeholders');
  told.setAttribute('role', 'status');
  field.after(list, told);
  field.setAttribute('aria-autocomplete', 'list');
  field.setAttribute('aria-haspopup', 'listbox');
  field.setAttribute('aria-controls', list.id);
  let items = [], at = 0, from = 0, to = 0, shutAt = -1;

  function shut() {
    list.hidden = true;
    items = [];
    told.textContent = '';
    field.removeAttribute('aria-activedescendant');
  }
  function mark(index) {
    at = index;
    [...list.children].forEach((row, n) => row.setAttribute('aria-selected', String(n === at)));
    field.setAttribute('aria-activedescendant', list.children[at].id);
    list.children[at].scrollIntoView({ block: 'nearest' });
  }
  function place() {
    const spot = caret(field, from);
    const below = innerHeight - spot.bottom > Math.min(list.scrollHeight, 320) + 12 || spot.top < 240;
    list.style.top = below ? `${spot.bottom + 4}px` : 'auto';
    list.style.bottom = below ? 'auto' : `${innerHeight - spot.top + 4}px`;
    list.style.left = `${Math.max(8, Math.min(spot.left, innerWidth - list.offsetWidth - 8))}px`;
  }
  function pick(index) {
    const [name] = items[index];
    shut();
    put(field, `{{${name}}}`, from, to);
  }
  function say(text) {
    items = [];
    const row = element('li', 'said', text);
    list.replaceChildren(row);
    list.hidden = false;
    told.textContent = text;
    place();
  }
  function open(found) {
    items = found;
    list.replaceChildren(...items.map(([name, meaning], n) => {
      const row = element('li');
      row.id = `${list.id}-${n}`;
      row.setAttribute('role', 'option');
      row.append(element('code', '', `{{${name}}}`), element('span', 'sub', meaning));
      row.addEventListener('pointermove', () => { if (at !== n) mark(n); });
      row.addEventListener('pointerdown', (event) => event.preventDefault());
      row.addEventListener('click', () => pick(n));
      return row;
    }));
    list.hidden = false;
    told.textContent = `${items.length} ${items.length === 1 ? 'placeholder' : 'placeholders'}. Arrow keys choose, Enter inserts.`;
    mark(0);
    place();
  }
  // Suggests for what stands between the last "{{" and the caret, as long as that can be the beginning of a name.
  function look() {
    const here = field.selectionStart;
    const begun = here === field.selectionEnd && /\{\{\s*([\w ]{0,40})$/.exec(field.value.slice(0, here));
    if (!begun) { shutAt = -1; shut(); return; }
    from = begun.index;
    if (from === shutAt) return;
    to = here + /^(?:\w*\s*\}\}|)/.exec(field.value.slice(here))[0].length;
    const typed = begun[1].trim().toLowerCase();
    const rank = ([name, meaning]) => (name.startsWith(typed) ? 0 : name.includes(typed) ? 1 : meaning.toLowerCase().includes(typed) ? 2 : 3);
    const found = known().filter((item) => rank(item) < 3).sort((one, other) => rank(one) - rank(other));
    if (found.length) open(found); else say(known().length ? `There is no placeholder for “${typed}”` : UNCHOSEN);
  }

  field.addEventListener('input', look);
  field.addEventListener('click', look);
  field.addEventListener('focus', () => { last = field; });
  field.addEventListener('blur', shut);
  field.addEventListener('keyup', (event) => { if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) look(); });
  field.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    if (event.key === 'Escape') { shutAt = from; shut(); event.stopPropagation(); event.preventDefault(); return; }
    if (!items.length) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') mark((at + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length);
    else if (event.key === 'Enter' || event.key === 'Tab') pick(at);
    else return;
    event.preventDefault();
  });
  addEventListener('resize', () => { if (!list.hidden) place(); });
  document.addEventListener('scroll', (event) => { if (!list.hidden && event.target !== list) place(); }, true);

  const button = element('button', 'btn btn-quiet insert', 'Insert placeholder');
  button.type = 'button';
  button.addEventListener('click', () => {
    [from, to] = [field.selectionStart, field.selectionEnd];
    field.focus();
    field.setSelectionRange(from, to);
    if (known().length) open(known()); else say(UNCHOSEN);
  });
  field.closest('.field').querySelector('.label').after(button);
}

const fields = [...document.querySelectorAll('[data-placeholders]')];
fields.forEach(suggest);

// The tables of placeholders: a click puts one where the caret was last, if it may stand there.
document.querySelectorAll('.form-table td:first-child').forEach((cell) => {
  const source = cell.textContent.trim();
  if (!fields.length || !/^\{\{\w+\}\}$/.test(source)) return;
  const button = element('button', 'btn btn-quiet insert', source);
  button.type = 'button';
  button.setAttribute('aria-label', `Insert ${source}`);
  button.addEventListener('click', () => {
    const allows = (field) => field && (JSON.parse(field.dataset.placeholders)[field.form.elements.purpose.value] ?? []).some(([name]) => `{{${name}}}` === source);
    const field = allows(last) ? last : fields.at(-1);
    put(field, source, field.selectionStart, field.selectionEnd);
  });
  cell.replaceChildren(button);
});
