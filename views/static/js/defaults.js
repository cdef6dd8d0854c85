// "Load default values" fills what nobody has typed into yet, and leaves the rest of the form alone.

const chooser = document.querySelector('form[data-fill]');
const form = document.querySelector('form.edit');
const typed = new Set();
const filled = new Map();
let filling = false;

for (const kind of ['input', 'change']) form?.addEventListener(kind, ({ target }) => { if (!filling && target !== form && target.name) typed.add(target.name.replace(/-text$/, '')); });

function isFree(name, usual) {
  const { value } = form.elements[name];
  return !value || filled.get(name) === value || (value === usual && !typed.has(name));
}

function fill(name, { value, text }) {
  const field = form.elements[name];
  field.value = value;
  const box = field.closest('.lookup');
  if (box) {
    field.setAttribute('value', value);
    box.querySelector('input.input').value = text;
  }
  filled.set(name, field.value);
  field.dispatchEvent(new Event('change', { bubbles: true }));
}

chooser?.addEventListener('submit', async (event) => {
  event.preventDefault();
  const says = chooser.querySelector('[role="status"]');
  const address = `${chooser.dataset.fill}?${new URLSearchParams(new FormData(chooser))}`;
  const answer = await fetch(address, { headers: { Accept: 'application/json' } }).catch(() => null);
  if (!answer?.ok) { says.textContent = 'Could not load them just now. Please try again.'; return; }
  let count = 0, kept = 0;
  filling = true;
  for (const [name, given] of Object.entries(await answer.json())) {
    if (!form.elements[name] || form.elements[name].value === given.value) continue;
    if (isFree(name, given.usual)) { fill(name, given); count += 1; } else kept += 1;
  }
  filling = false;
  const told = count === 1 ? '1 field filled' : `${count} fields filled`;
  says.textContent = kept ? `${told}, ${kept} kept as you typed` : told;
});
