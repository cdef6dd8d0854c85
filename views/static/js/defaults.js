// Default values: loading a set fills what was not edited yet and marks it; saving the form as one opens in a dialog.

const chooser = document.querySelector('form[data-fill]');
const form = document.querySelector('form.edit');
const editedNames = new Set();
const filledValues = new Map();
let isFilling = false, isLoading = false;

// By its name alone: the box of a look-up has the name of what is sent as its id.
const fieldsOf = (name) => [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
const boxOf = (field) => field.closest('.lookup')?.querySelector('input.input');
const listOf = (name) => form.querySelector(`[data-inline="${CSS.escape(name)}"]`);
const rowsOf = (list) => [...list.querySelectorAll('[data-rows] > [data-row]')];
const isSame = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function valueOf(name) {
  const fields = fieldsOf(name);
  if (fields[0]?.type !== 'checkbox') return fields[0]?.value;
  if (fields.length === 1 && fields[0].getAttribute('role') === 'switch') return fields[0].checked ? fields[0].value : '';
  return fields.filter((field) => field.checked).map((field) => field.value);
}

function isUntouched(name, initial) {
  const value = valueOf(name);
  if (value === '' && fieldsOf(name)[0].type !== 'checkbox') return !boxOf(fieldsOf(name)[0])?.value.trim();
  return isSame(filledValues.get(name), value) || ((isSame(value, initial) || value.length === 0) && !editedNames.has(name));
}

function fillField(name, { value, text }) {
  const [field, ...others] = fieldsOf(name);
  if (field.type === 'checkbox') for (const each of [field, ...others]) each.checked = Array.isArray(value) ? value.includes(each.value) : Boolean(value);
  else field.value = value;
  const box = boxOf(field);
  if (box) box.value = text;
  filledValues.set(name, valueOf(name));
  field.dispatchEvent(new Event('change', { bubbles: true }));
}

// Rows that a set brought make way for those of another, as long as nobody changed them.
function fillList(list, { rows }) {
  if (rowsOf(list).some((row) => !row.matches('[data-filled]'))) return false;
  list.dispatchEvent(new CustomEvent('fill', { bubbles: true, detail: rows }));
  for (const row of rowsOf(list)) row.dataset.filled = '';
  return true;
}

const labelOf = (element) => element?.querySelector('.label, .block-head h3');
function mark(element, setName) {
  const label = labelOf(element);
  if (!label || label.querySelector('.filled-mark')) return;
  label.append(Object.assign(document.createElement('span'), { className: 'filled-mark', title: `From the default values ${setName}`, textContent: 'Default' }));
}

function onEdit({ target }) {
  if (isFilling || target === form) return;
  if (target.name) editedNames.add(target.name.replace(/-text$/, ''));
  const part = target.closest('[data-inline]') ?? target.closest('.field');
  target.closest('[data-row]')?.removeAttribute('data-filled');
  labelOf(part)?.querySelector('.filled-mark')?.remove();
}
for (const kind of ['input', 'change']) form?.addEventListener(kind, onEdit);

function fillAll(presets, setName) {
  let count = 0, kept = 0;
  for (const [name, preset] of Object.entries(presets)) {
    const list = preset.rows && listOf(name);
    if (!list && (!fieldsOf(name).length || isSame(valueOf(name), preset.value))) continue;
    if (list ? !fillList(list, preset) : !isUntouched(name, preset.usual)) { kept += 1; continue; }
    if (!list) fillField(name, preset);
    mark(list ?? fieldsOf(name)[0].closest('.field'), setName);
    count += 1;
  }
  return [count, kept];
}

chooser?.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (isLoading) return; // what was asked for first would be filled in last
  isLoading = true;
  const status = chooser.querySelector('[role="status"]');
  const select = chooser.elements.defaults;
  const address = `${chooser.dataset.fill}?${new URLSearchParams(new FormData(chooser))}`;
  const response = await fetch(address, { headers: { Accept: 'application/json' } }).catch(() => null);
  isLoading = false;
  if (!response?.ok) { status.textContent = 'Default values could not be loaded. Please try again.'; return; }
  isFilling = true;
  const [count, kept] = fillAll(await response.json(), select.selectedOptions[0].textContent);
  isFilling = false;
  form.elements.defaults.value = select.value;
  const summary = count === 1 ? '1 field filled' : `${count} fields filled`;
  status.textContent = kept ? `${summary}, ${kept} kept as entered` : summary;
});

// Without this script both steps of saving a set are pages of their own, in another tab: nothing typed is lost.
function show(dialog, page) {
  const content = page.querySelector('.defaults-form');
  if (!content) return false;
  dialog.replaceChildren(page.querySelector('h1'), content);
  content.querySelector('.form-foot')?.append(Object.assign(document.createElement('button'), { type: 'button', className: 'btn', textContent: 'Cancel', onclick: () => dialog.close() }));
  return true;
}
async function post(url, data) {
  const response = await fetch(url, { method: 'POST', body: data }).catch(() => null);
  if (!response || (!response.ok && response.status !== 422)) return null;
  return { isSaved: response.redirected, page: new DOMParser().parseFromString(await response.text(), 'text/html') };
}
document.querySelector('[data-save-defaults]')?.addEventListener('click', async (event) => {
  event.preventDefault();
  const button = event.currentTarget;
  const data = new FormData(form);
  for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
  const answer = await post(button.formAction, data);
  const dialog = Object.assign(document.createElement('dialog'), { className: 'dialog' });
  if (!answer || !show(dialog, answer.page)) { form.requestSubmit(button); return; }
  document.body.append(dialog);
  dialog.setAttribute('aria-label', 'Save as default values');
  dialog.addEventListener('close', () => { dialog.remove(); button.focus(); });
  dialog.addEventListener('submit', async (submission) => {
    submission.preventDefault();
    submission.stopPropagation();
    const result = await post(submission.target.action, new FormData(submission.target));
    if (result && !result.isSaved) { show(dialog, result.page); return; }
    dialog.close();
    const status = button.closest('.load-default').querySelector('[data-saved]');
    status.textContent = result ? 'Default values saved' : 'Default values could not be saved. Please try again.';
  });
  dialog.showModal();
});
