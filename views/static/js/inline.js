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

function fieldsOf(row) {
  return [...row.querySelectorAll('input:not([type="hidden"], .sr, [data-select]), select, textarea')];
}

function addRow(list, prepare) {
  const number = Number(list.dataset.next);
  list.dataset.next = String(number + 1);
  const template = document.createElement('template');
  template.innerHTML = list.querySelector(':scope > template').innerHTML.replaceAll('__n__', String(number));
  const row = template.content.firstElementChild;
  list.querySelector('[data-rows]').append(row);
  prepare?.(row, `${list.dataset.inline}-${number}-`);
  if (list.dataset.differs) chooseUnused(list, row);
  row.dispatchEvent(new Event('change', { bubbles: true }));
  list.closest('form')?.dispatchEvent(new Event('input'));
  return row;
}

// Rows with values that somebody else knows: [{column: {value, text}}], asked for by an event of the list.
function fillRow(row, prefix, cells) {
  for (const [name, { value, text }] of Object.entries(cells)) {
    const field = [...row.querySelectorAll('input, select, textarea')].find((each) => each.name === prefix + name);
    if (!field) continue;
    field.value = value;
    const box = field.closest('.lookup')?.querySelector('input.input');
    if (box) box.value = text;
  }
}
document.addEventListener('fill', ({ target: list, detail: rows }) => {
  list.querySelectorAll('[data-rows] > [data-row][data-new]').forEach((row) => row.remove());
  for (const cells of rows) addRow(list, (row, prefix) => fillRow(row, prefix, cells));
});

// A row of what was ticked in the list beside the rows, with the values that go with it.
function addPicked(list, choice) {
  const { picker } = choice.closest('[data-picker]').dataset;
  return addRow(list, (row, prefix) => {
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
}

const listPicked = (picker) => [...picker.querySelectorAll('[data-pick]:checked')];
const listSelected = (list) => [...list.querySelectorAll('[data-rows] [data-select]:checked')];
function updateButtons(list) {
  const picker = list.querySelector('[data-picker]');
  if (picker) picker.querySelector('[data-pick-add]').disabled = listPicked(picker).length === 0;
  const remove = list.querySelector('[data-remove-selected]');
  if (remove) remove.disabled = listSelected(list).length === 0;
}

function openFolded(row, isOpen) {
  row.classList.toggle('open', isOpen);
  row.querySelector('[data-more]')?.setAttribute('aria-expanded', String(isOpen));
}

document.addEventListener('click', (event) => {
  const add = event.target.closest('[data-add]');
  if (add) fieldsOf(addRow(add.closest('[data-inline]')))[0]?.focus();
  const more = event.target.closest('[data-more]');
  if (more) openFolded(more.closest('[data-row]'), more.getAttribute('aria-expanded') !== 'true');
  const list = event.target.closest('[data-inline]');
  if (event.target.closest('[data-pick-add]')) {
    const rows = listPicked(list).map((choice) => {
      choice.checked = false;
      return addPicked(list, choice);
    });
    fieldsOf(rows[0])[1]?.focus();
    updateButtons(list);
  }
  if (event.target.closest('[data-remove-selected]')) {
    for (const box of listSelected(list)) {
      box.checked = false;
      const remove = box.closest('[data-row]').querySelector('.remove input');
      remove.checked = true;
      remove.dispatchEvent(new Event('change', { bubbles: true }));
    }
    updateButtons(list);
    list.querySelector('[data-pick-search]')?.focus();
  }
});
document.addEventListener('change', (event) => {
  if (event.target.matches('[data-pick], [data-select]')) updateButtons(event.target.closest('[data-inline]'));
});
document.addEventListener('reveal', (event) => {
  if (event.target.closest('.folded')) openFolded(event.target.closest('[data-row]'), true);
});
addEventListener('pageshow', () => document.querySelectorAll('[data-inline]').forEach(updateButtons));

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
  event.target.closest('.picker').querySelector('li:not([hidden]) [data-pick]:not(:checked)')?.click();
});
