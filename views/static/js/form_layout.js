// The layout of a form: rows are dragged, moved by their buttons, or sent to another section, and shown in a preview.

const form = document.querySelector('.layout-editor');
const preview = document.querySelector('[data-preview-now]');
const canEdit = !form.querySelector('.layout-sections').disabled;
const listOf = (name) => form.querySelector(`[data-section-name="${name}"] ol`);
const sectionOf = (row) => row.closest('[data-section-name]').dataset.sectionName;

// What moved is told to the form's guard against leaving it unsaved.
const noteUnsaved = () => form.dispatchEvent(new Event('input', { bubbles: true }));
function noteChange(row) {
  row.querySelector('[data-section]').value = sectionOf(row);
  noteUnsaved();
}
if (form.dataset.changed !== undefined) noteUnsaved();

// The preview is sent from a form of its own: this one is neither busy nor left.
preview.addEventListener('click', (event) => {
  event.preventDefault();
  const dialog = document.querySelector('.layout-preview');
  const sender = Object.assign(document.createElement('form'), { method: 'post', action: preview.formAction, target: 'form-preview', hidden: true });
  for (const [name, value] of new FormData(form)) sender.append(Object.assign(document.createElement('textarea'), { name, value }));
  document.body.append(sender);
  sender.submit();
  sender.remove();
  dialog.showModal();
});

function moveRow(row, step) {
  const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
  if (!other) return;
  if (step < 0) other.before(row); else other.after(row);
  noteChange(row);
}

form.addEventListener('click', (event) => {
  const button = event.target.closest('[data-move]');
  if (!button) return;
  event.preventDefault();
  moveRow(button.closest('[data-row]'), Number(button.dataset.move));
  button.focus();
});

form.addEventListener('change', (event) => {
  const row = event.target.closest('[data-row]');
  if (!row) return;
  const shown = row.querySelector('[data-shown]'), required = row.querySelector('[data-required]');
  if (event.target === shown && !shown.checked && required) required.checked = false; // nobody can fill what is hidden
  if (event.target === required && required.checked) shown.checked = true;
  row.classList.toggle('is-hidden', !shown.checked);
  if (event.target.matches('[data-section]')) {
    listOf(event.target.value).append(row);
    event.target.focus();
    row.scrollIntoView({ block: 'nearest' });
  }
  noteChange(row);
});

let dragged = null;
if (canEdit) {
  form.querySelectorAll('[data-row]').forEach((row) => { row.draggable = true; });
  form.addEventListener('dragstart', (event) => {
    dragged = event.target.closest?.('[data-row]');
    if (!dragged) return;
    dragged.classList.add('dragged');
    event.dataTransfer.effectAllowed = 'move';
  });
  form.addEventListener('dragover', (event) => {
    const section = event.target.closest('[data-section-name]');
    if (!dragged || !section || (dragged.dataset.table !== undefined && section.dataset.sectionName === 'core')) return;
    event.preventDefault();
    const over = event.target.closest('[data-row]');
    if (over === dragged) return;
    if (!over) { if (!section.contains(dragged)) section.querySelector('ol').append(dragged); return; }
    const box = over.getBoundingClientRect();
    if (event.clientY < box.top + box.height / 2) over.before(dragged); else over.after(dragged);
  });
  form.addEventListener('dragend', () => {
    if (!dragged) return;
    dragged.classList.remove('dragged');
    noteChange(dragged);
    dragged = null;
  });
}
