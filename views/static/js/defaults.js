// "Load default values" fills the fields that were not edited yet and leaves the others unchanged.

const chooser = document.querySelector('form[data-fill]');
const form = document.querySelector('form.edit');
const editedNames = new Set();
const filledValues = new Map();
let isFilling = false, isLoading = false;

// By its name alone: the box of a look-up has the name of what is sent as its id.
const fieldOf = (name) => form.querySelector(`[name="${CSS.escape(name)}"]`);
const boxOf = (field) => field.closest('.lookup')?.querySelector('input.input');

for (const kind of ['input', 'change']) form?.addEventListener(kind, ({ target }) => { if (!isFilling && target !== form && target.name) editedNames.add(target.name.replace(/-text$/, '')); });

function isUntouched(name, initial) {
  const field = fieldOf(name), { value } = field;
  if (!value) return !boxOf(field)?.value.trim();
  return filledValues.get(name) === value || (value === initial && !editedNames.has(name));
}

function fillField(name, { value, text }) {
  const field = fieldOf(name), box = boxOf(field);
  field.value = value;
  if (box) box.value = text;
  filledValues.set(name, field.value);
  field.dispatchEvent(new Event('change', { bubbles: true }));
}

chooser?.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (isLoading) return; // what was asked for first would be filled in last
  isLoading = true;
  const status = chooser.querySelector('[role="status"]');
  const address = `${chooser.dataset.fill}?${new URLSearchParams(new FormData(chooser))}`;
  const response = await fetch(address, { headers: { Accept: 'application/json' } }).catch(() => null);
  isLoading = false;
  if (!response?.ok) { status.textContent = 'Default values could not be loaded. Please try again.'; return; }
  let count = 0, kept = 0;
  isFilling = true;
  for (const [name, preset] of Object.entries(await response.json())) {
    if (!fieldOf(name) || fieldOf(name).value === preset.value) continue;
    if (isUntouched(name, preset.usual)) { fillField(name, preset); count += 1; } else kept += 1;
  }
  isFilling = false;
  const summary = count === 1 ? '1 field filled' : `${count} fields filled`;
  status.textContent = kept ? `${summary}, ${kept} kept as entered` : summary;
});
