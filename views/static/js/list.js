// Lists: opening a row by clicking it, choosing columns, finding and changing a filter.

// A click anywhere on a row opens it; with a modifier, in a new tab. Selecting text does not.
document.querySelectorAll('tr[data-href]').forEach((row) => row.addEventListener('click', (event) => {
  if (event.target.closest('a, button, input, select, label, summary, details, .tick') || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) open(row.dataset.href, '_blank', 'noopener'); else location.href = row.dataset.href;
}));

function letRowsBeMoved(form) {
  const list = form.querySelector('ol');
  let draggedRow = null;
  form.addEventListener('click', (event) => {
    const button = event.target.closest('[data-move]');
    if (!button) return;
    const row = button.closest('li');
    const other = button.dataset.move === '-1' ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return;
    if (button.dataset.move === '-1') other.before(row); else other.after(row);
    button.focus();
  });
  list.querySelectorAll('li').forEach((row) => { row.draggable = true; });
  list.addEventListener('dragstart', (event) => {
    draggedRow = event.target.closest('li');
    draggedRow.classList.add('dragged');
    event.dataTransfer.effectAllowed = 'move';
  });
  list.addEventListener('dragover', (event) => {
    const over = event.target.closest('li');
    if (!draggedRow || !over || over === draggedRow) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(draggedRow); else over.after(draggedRow);
  });
  list.addEventListener('dragend', () => { draggedRow?.classList.remove('dragged'); draggedRow = null; });
}

// A search box above what it narrows: filters, or the options of one.
const narrowedParts = (box) => [...box.parentElement.querySelectorAll(box.dataset.narrow || 'details.filter')];
function narrow(box) {
  const query = box.value.trim().toLowerCase();
  narrowedParts(box).forEach((part) => {
    part.hidden = !(part.querySelector('summary') || part).textContent.toLowerCase().includes(query);
  });
}
document.addEventListener('input', (event) => {
  const box = event.target.closest('[data-narrow]');
  if (box) narrow(box);
});
document.querySelectorAll('[data-narrow]').forEach((box) => { if (box.value) narrow(box); }); // typed before this ran

document.addEventListener('keydown', (event) => { // which narrows already, and sends nothing; the first link is opened
  const box = event.key === 'Enter' && event.target.closest('[data-narrow]');
  if (!box) return;
  event.preventDefault();
  narrowedParts(box).find((part) => !part.hidden)?.querySelector('a')?.click();
});

// A filter shows what its condition asks for.
function showFilterValues(form) {
  const operator = form.elements.op.value;
  form.querySelectorAll('[data-operators]').forEach((part) => { part.hidden = !part.dataset.operators.split(' ').includes(operator); });
}
document.addEventListener('change', (event) => {
  if (event.target.matches('.filter-form [name="op"]')) showFilterValues(event.target.form);
});

function prepare(part) {
  if (part.matches('.filter-form')) showFilterValues(part);
  if (part.matches('[data-reorder]')) letRowsBeMoved(part);
}
document.querySelectorAll('.filter-form, [data-reorder]').forEach(prepare);

// What stands in a menu with a source comes when somebody is about to open it, from a page that browsers without scripts
// open instead.
const arriving = new Map();
async function fetchPart({ source, part }) {
  const response = await fetch(source).catch(() => null);
  return response?.ok ? new DOMParser().parseFromString(await response.text(), 'text/html').querySelector(part) : null;
}
function bring(menu) {
  if (arriving.has(menu)) return arriving.get(menu);
  const coming = fetchPart(menu.dataset).then((part) => {
    if (!part) {
      arriving.delete(menu);
      if (menu.open) location.href = menu.dataset.source; // signed out, perhaps: that page says so
      return;
    }
    (menu.querySelector(':scope > .menu-panel') ?? menu).append(part);
    prepare(part);
    menu.dispatchEvent(new CustomEvent('grown', { bubbles: true }));
  });
  arriving.set(menu, coming);
  return coming;
}
document.addEventListener('pointerover', (event) => {
  const menu = event.target.closest?.('details.menu[data-source] > summary')?.parentElement;
  if (menu) bring(menu);
});
document.addEventListener('toggle', async (event) => {
  const menu = event.target;
  if (!menu.open) return;
  if (menu.dataset.source) await bring(menu);
  const boxes = menu.querySelector('.filter-form, .filter-list, .columns-form')?.querySelectorAll('[data-narrow], [name="value"], [name="span"], [name="op"]') ?? [];
  const shown = [...boxes].filter((box) => box.getClientRects().length);
  const box = shown.find((each) => each.name !== 'op') ?? shown[0];
  if (menu.open && box && !menu.contains(document.activeElement?.closest('input, select'))) box.focus();
}, true);
