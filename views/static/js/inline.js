// Lists inside a form: adding, removing and taking back rows, and picking from the list beside them.

// What differs from row to row cannot be chosen twice, and where everything is chosen there is nothing to add.
function offerUnused(list) {
  const present = [...list.querySelectorAll('[data-rows] > [data-row]')].filter((row) => !row.querySelector('.remove input').checked);
  const fields = present.map((row) => row.querySelector(`select[name$="-${list.dataset.differs}"]`));
  const used = fields.map((field) => field.value);
  for (const field of fields) {
    for (const option of field.options) option.disabled = !option.selected && option.value !== '' && used.includes(option.value);
  }
  const values = [...(fields[0]?.options ?? [])].map((option) => option.value).filter(Boolean);
  const add = list.querySelector('[data-add]');
  add.disabled = values.length > 0 && values.every((value) => used.includes(value));
  add.title = add.disabled ? 'All choices are used' : '';
}

function chooseUnused(list, row) {
  const field = row.querySelector(`select[name$="-${list.dataset.differs}"]`);
  const others = [...list.querySelectorAll(`[data-rows] select[name$="-${list.dataset.differs}"]`)].filter((each) => each !== field);
  const unused = [...field.options].find((option) => !others.some((other) => other.value === option.value));
  if (unused) field.value = unused.value;
}

function addRow(list, prepare) {
  const number = Number(list.dataset.next);
  list.dataset.next = String(number + 1);
  const template = document.createElement('template');
  template.innerHTML = list.querySelector(':scope > template').innerHTML.replaceAll('__n__', String(number));
  const row = template.content.firstElementChild;
  list.querySelector('[data-rows]').append(row);
  const prefix = `${list.dataset.inline}-${number}-`;
  prepare?.(row, prefix);
  if (list.dataset.differs) chooseUnused(list, row);
  const fields = [...row.querySelectorAll('input:not([type="hidden"]):not(.sr), select, textarea')];
  const first = prepare ? fields[1] : fields[0];
  (first ?? fields[0])?.focus();
  row.dispatchEvent(new Event('change', { bubbles: true }));
  list.closest('form')?.dispatchEvent(new Event('input'));
}

document.addEventListener('click', (event) => {
  const button = event.target.closest('[data-add]');
  if (button) addRow(button.closest('[data-inline]'));
  const choice = event.target.closest('[data-pick]');
  if (!choice) return;
  const list = choice.closest('[data-inline]');
  const { picker } = choice.closest('[data-picker]').dataset;
  addRow(list, (row, prefix) => {
    const field = [...row.querySelectorAll('input, select')].find((each) => each.name === prefix + picker);
    if (!field) return;
    for (const [name, value] of Object.entries(JSON.parse(choice.dataset.pickValues))) {
      const other = [...row.querySelectorAll('input')].find((each) => each.name === prefix + name);
      if (other) other.value = value.replaceAll(',', '');
    }
    field.value = choice.dataset.pick;
    const text = field.closest('.lookup')?.querySelector('input.input');
    if (!text) return;
    field.setAttribute('value', choice.dataset.pick);
    text.value = choice.querySelector('[data-pick-label]').textContent;
  });
});

// A new row goes at once. A saved one is greyed until the form is sent, and can be taken back.
document.addEventListener('change', (event) => {
  const box = event.target.closest('.remove input');
  if (!box) return;
  const row = box.closest('[data-row]');
  const list = row.closest('[data-inline]');
  if (row.dataset.new !== undefined) {
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (neighbour?.querySelector('.remove input') ?? list.querySelector('[data-add]'))?.focus();
    list.closest('form')?.dispatchEvent(new Event('input'));
    return;
  }
  row.querySelectorAll('[required], [data-was-required]').forEach((field) => {
    if (box.checked) field.dataset.wasRequired = '1';
    field.required = !box.checked;
  });
});

const offerUnusedEverywhere = () => document.querySelectorAll('[data-differs]').forEach(offerUnused);
document.addEventListener('change', offerUnusedEverywhere);
offerUnusedEverywhere();

document.addEventListener('input', (event) => {
  if (!event.target.matches('[data-pick-search]')) return;
  const query = event.target.value.trim().toLowerCase();
  const box = event.target.closest('.picker');
  let matches = 0;
  box.querySelectorAll('li').forEach((item) => {
    item.hidden = !item.textContent.toLowerCase().includes(query);
    if (!item.hidden) matches += 1;
  });
  box.querySelector('[data-pick-none]').hidden = matches > 0;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !event.target.matches('[data-pick-search]')) return;
  event.preventDefault();
  event.target.closest('.picker').querySelector('li:not([hidden]) [data-pick]')?.click();
});
