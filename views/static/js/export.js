// The export of a list: presets tick columns, and the rows that are ticked in the list go along.

const tickedRows = () => [...document.querySelectorAll('table.list [name="rowid"]:checked')];

function updateForm(form) {
  const ticked = [...form.querySelectorAll('[name="column"]:checked')].map((box) => box.value).sort().join();
  form.querySelectorAll('[data-columns]').forEach((preset) => {
    if (JSON.parse(preset.dataset.columns).sort().join() === ticked) preset.setAttribute('aria-current', 'true');
    else preset.removeAttribute('aria-current');
  });
  form.querySelectorAll('[data-file]').forEach((button) => { button.disabled = !ticked; });
}

// In the menu of a list the rows that are ticked there are offered; a page of its own has them from its address.
function offerTickedRows(form) {
  const count = tickedRows().length;
  form.querySelector('[data-rows]').hidden = count === 0;
  form.querySelector('[data-all]').hidden = count > 0;
  form.querySelector('[data-count]').textContent = count;
  form.elements.rows.value = count && !document.querySelector('#bulk [data-all]')?.checked ? 'ticked' : 'all';
}
for (const kind of ['toggle', 'grown']) {
  document.addEventListener(kind, ({ target: menu }) => {
    const form = menu.open && menu.matches('.export-menu') && menu.querySelector('.export-form');
    if (form) offerTickedRows(form);
  }, true);
}
document.addEventListener('formdata', ({ target: form, formData }) => {
  if (form.closest('.export-menu')) for (const box of tickedRows()) formData.append('id', box.value);
});

document.addEventListener('click', (event) => {
  const preset = event.target.closest('.export-form [data-columns]');
  if (!preset || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const form = preset.closest('form');
  const names = JSON.parse(preset.dataset.columns);
  form.querySelectorAll('[name="column"]').forEach((box) => { box.checked = names.includes(box.value); });
  updateForm(form);
});
document.addEventListener('change', (event) => {
  if (event.target.matches('.export-form [name="column"]')) updateForm(event.target.form);
});
document.addEventListener('keydown', (event) => { // Enter in the name saves, and exports nothing
  if (event.key !== 'Enter' || !event.target.matches('.export-form [name="name"]')) return;
  event.preventDefault();
  event.target.form.querySelector('[data-save]').click();
});
document.addEventListener('submit', (event) => { // the file comes, and the list stays
  const menu = event.submitter?.matches('.export-form [data-file]') && event.target.closest('.export-menu');
  if (menu) setTimeout(() => { menu.open = false; });
});
