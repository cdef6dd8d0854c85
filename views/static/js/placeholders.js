// Placeholders of message templates: suggested while "{{" is typed, put in by a click, by keyboard alone too.
// [data-placeholders] has what there is, as JSON: {purpose: [[name, meaning], …]}.

const NO_PURPOSE = 'Choose a purpose first. The placeholders depend on it';
let serial = 0;
let lastField = null; // the field that had the focus last

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

// Where the caret stands on the screen: the text before it is laid out once more, in a box like the field.
function caretPosition(field, index) {
  const copy = element('div'), style = getComputedStyle(field), box = field.getBoundingClientRect();
  for (const name of ['font', 'letterSpacing', 'padding', 'border', 'boxSizing', 'lineHeight', 'tabSize', 'textIndent']) copy.style[name] = style[name];
  Object.assign(copy.style, { position: 'fixed', visibility: 'hidden', left: `${box.left}px`, top: `${box.top}px`, width: `${box.width}px`, whiteSpace: field.tagName === 'TEXTAREA' ? 'pre-wrap' : 'pre', overflowWrap: 'break-word' });
  copy.textContent = field.value.slice(0, index);
  const mark = element('span', '', '.');
  copy.append(mark);
  document.body.append(copy);
  const spot = mark.getBoundingClientRect();
  copy.remove();
  const top = Math.min(Math.max(spot.top - field.scrollTop, box.top), box.bottom - spot.height);
  return { left: Math.min(spot.left - field.scrollLeft, box.right), top, bottom: top + spot.height };
}

// Puts `text` in place of what lies between two places; the browser's Undo takes it back.
function insertText(field, text, from, to) {
  field.focus();
  field.setSelectionRange(from, to);
  if (!document.execCommand('insertText', false, text)) {
    field.setRangeText(text, from, to, 'end');
    field.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

function suggest(field) {
  const all = JSON.parse(field.dataset.placeholders);
  const placeholders = () => all[field.form.elements.purpose.value] ?? [];
  const list = element('ul', 'options placeholders');
  const status = element('span', 'sr');
  list.id = `placeholders-${++serial}`;
  list.hidden = true;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', 'Placeholders');
  status.setAttribute('role', 'status');
  field.after(list, status);
  field.setAttribute('aria-autocomplete', 'list');
  field.setAttribute('aria-haspopup', 'listbox');
  field.setAttribute('aria-controls', list.id);
  let items = [], activeIndex = 0, from = 0, to = 0, dismissedAt = -1;

  function closeList() {
    list.hidden = true;
    items = [];
    status.textContent = '';
    field.removeAttribute('aria-activedescendant');
  }
  function markActive(index) {
    activeIndex = index;
    [...list.children].forEach((row, n) => row.setAttribute('aria-selected', String(n === activeIndex)));
    field.setAttribute('aria-activedescendant', list.children[activeIndex].id);
    list.children[activeIndex].scrollIntoView({ block: 'nearest' });
  }
  function positionList() {
    const spot = caretPosition(field, from);
    const below = innerHeight - spot.bottom > Math.min(list.scrollHeight, 320) + 12 || spot.top < 240;
    list.style.top = below ? `${spot.bottom + 4}px` : 'auto';
    list.style.bottom = below ? 'auto' : `${innerHeight - spot.top + 4}px`;
    list.style.left = `${Math.max(8, Math.min(spot.left, innerWidth - list.offsetWidth - 8))}px`;
  }
  function pick(index) {
    const [name] = items[index];
    closeList();
    insertText(field, `{{${name}}}`, from, to);
  }
  function showMessage(text) {
    items = [];
    const row = element('li', 'said', text);
    list.replaceChildren(row);
    list.hidden = false;
    status.textContent = text;
    positionList();
  }
  function openList(matches) {
    items = matches;
    list.replaceChildren(...items.map(([name, meaning], n) => {
      const row = element('li');
      row.id = `${list.id}-${n}`;
      row.setAttribute('role', 'option');
      row.append(element('code', '', `{{${name}}}`), element('span', 'sub', meaning));
      row.addEventListener('pointermove', () => { if (activeIndex !== n) markActive(n); });
      row.addEventListener('pointerdown', (event) => event.preventDefault());
      row.addEventListener('click', () => pick(n));
      return row;
    }));
    list.hidden = false;
    status.textContent = `${items.length} ${items.length === 1 ? 'placeholder' : 'placeholders'}. Use the arrow keys to select and Enter to insert.`;
    markActive(0);
    positionList();
  }
  // Suggests for what stands between the last "{{" and the caret, as long as that can be the beginning of a name.
  function suggestAtCaret() {
    const here = field.selectionStart;
    const prefix = here === field.selectionEnd && /\{\{\s*([\w ]{0,40})$/.exec(field.value.slice(0, here));
    if (!prefix) { dismissedAt = -1; closeList(); return; }
    from = prefix.index;
    if (from === dismissedAt) return;
    to = here + /^(?:\w*\s*\}\}|)/.exec(field.value.slice(here))[0].length;
    const typed = prefix[1].trim().toLowerCase();
    const rank = ([name, meaning]) => (name.startsWith(typed) ? 0 : name.includes(typed) ? 1 : meaning.toLowerCase().includes(typed) ? 2 : 3);
    const matches = placeholders().filter((item) => rank(item) < 3).sort((one, other) => rank(one) - rank(other));
    if (matches.length) openList(matches); else showMessage(placeholders().length ? `There is no placeholder for “${typed}”` : NO_PURPOSE);
  }

  field.addEventListener('input', suggestAtCaret);
  field.addEventListener('click', suggestAtCaret);
  field.addEventListener('focus', () => { lastField = field; });
  field.addEventListener('blur', closeList);
  field.addEventListener('keyup', (event) => { if (['ArrowLeft', 'ArrowRight', 'Home', 'End'].includes(event.key)) suggestAtCaret(); });
  field.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    if (event.key === 'Escape') { dismissedAt = from; closeList(); event.stopPropagation(); event.preventDefault(); return; }
    if (!items.length) return;
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') markActive((activeIndex + (event.key === 'ArrowDown' ? 1 : -1) + items.length) % items.length);
    else if (event.key === 'Enter' || event.key === 'Tab') pick(activeIndex);
    else return;
    event.preventDefault();
  });
  addEventListener('resize', () => { if (!list.hidden) positionList(); });
  document.addEventListener('scroll', (event) => { if (!list.hidden && event.target !== list) positionList(); }, true);

  const button = element('button', 'btn btn-quiet insert', 'Insert placeholder');
  button.type = 'button';
  button.addEventListener('click', () => {
    [from, to] = [field.selectionStart, field.selectionEnd];
    field.focus();
    field.setSelectionRange(from, to);
    if (placeholders().length) openList(placeholders()); else showMessage(NO_PURPOSE);
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
    const field = allows(lastField) ? lastField : fields.at(-1);
    insertText(field, source, field.selectionStart, field.selectionEnd);
  });
  cell.replaceChildren(button);
});
