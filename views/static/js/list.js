// Lists: ticking rows, opening a row by clicking it, choosing columns, finding a filter.

const bar = document.getElementById('bulk');
const ticks = () => [...document.querySelectorAll('[name="rowid"]')];
const alls = document.querySelectorAll('[data-tick-all]');
let last = null;

function count() {
  const every = ticks();
  const on = every.filter((tick) => tick.checked).length;
  const more = bar.querySelector('[data-all]');
  bar.querySelector('[data-count]').textContent = `${on} selected`;
  alls.forEach((all) => {
    all.checked = on > 0 && on === every.length;
    all.indeterminate = on > 0 && on < every.length;
  });
  if (more) {
    more.hidden = on < every.length;
    if (more.hidden) more.querySelector('input').checked = false;
  }
}

if (bar) {
  document.addEventListener('click', (event) => {
    if (!event.target.matches('[name="rowid"]')) return;
    const every = ticks();
    if (event.shiftKey && last) {
      const [from, to] = [every.indexOf(last), every.indexOf(event.target)].sort((a, b) => a - b);
      every.slice(from, to + 1).forEach((tick) => { tick.checked = event.target.checked; });
    }
    last = event.target;
    count();
  });
  alls.forEach((all) => all.addEventListener('change', () => { ticks().forEach((tick) => { tick.checked = all.checked; }); count(); }));
  bar.querySelector('[data-untick]')?.addEventListener('click', () => { ticks().forEach((tick) => { tick.checked = false; }); count(); });
  addEventListener('pageshow', count);
}

// A click anywhere on a row opens it; with a modifier, in a new tab. Selecting text does not.
document.querySelectorAll('tr[data-href]').forEach((row) => row.addEventListener('click', (event) => {
  if (event.target.closest('a, button, input, select, label, summary, details, .tick') || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) open(row.dataset.href, '_blank', 'noopener'); else location.href = row.dataset.href;
}));

document.querySelectorAll('[data-reorder]').forEach((form) => {
  const list = form.querySelector('ol');
  let held = null;
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
    held = event.target.closest('li');
    held.classList.add('dragged');
    event.dataTransfer.effectAllowed = 'move';
  });
  list.addEventListener('dragover', (event) => {
    const over = event.target.closest('li');
    if (!held || !over || over === held) return;
    event.preventDefault();
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(held); else over.after(held);
  });
  list.addEventListener('dragend', () => { held?.classList.remove('dragged'); held = null; });
});

document.querySelectorAll('[data-narrow]').forEach((box) => box.addEventListener('input', () => {
  const wanted = box.value.trim().toLowerCase();
  box.parentElement.querySelectorAll('details.filter').forEach((filter) => {
    filter.hidden = !filter.querySelector('summary').textContent.toLowerCase().includes(wanted);
  });
}));
// A filter that is opened is ready to be typed into.
document.querySelectorAll('details.filter').forEach((filter) => filter.addEventListener('toggle', () => {
  if (filter.open) filter.querySelector('[name="value"]')?.focus();
}));
