// The table of an operation with fields of each row: a column that is pasted fills the rows downwards, and the keys move
// as in a spreadsheet.

const table = document.querySelector('.row-forms');
const rows = [...table.tBodies[0].rows];
const inputAt = (row, column) => rows[row]?.cells[column]?.querySelector('input:not([type="hidden"]), select');
const placeOf = (input) => {
  const cell = input.closest('td');
  return [rows.indexOf(cell.parentElement), cell.cellIndex];
};

if (!document.querySelector('[data-errors]')) {
  [...table.querySelectorAll('tbody input:not([type="hidden"])')].find((input) => !input.value)?.focus();
}

// What a spreadsheet copies: lines of cells with tabs between them; a cell with a quotation mark stands in such marks.
function parseCells(text) {
  const unquote = (cell) => (/^".*"$/.test(cell) ? cell.slice(1, -1).replaceAll('""', '"') : cell).trim();
  const lines = text.replace(/\r\n?/g, '\n').replace(/\n+$/, '').split('\n');
  return lines.map((line) => line.split('\t').map(unquote));
}

function fill(input, text) {
  input.value = text;
  for (const kind of ['input', 'change']) input.dispatchEvent(new Event(kind, { bubbles: true }));
}

table.addEventListener('paste', (event) => {
  const lines = parseCells(event.clipboardData.getData('text/plain'));
  if (!event.target.matches('input') || (lines.length === 1 && lines[0].length === 1)) return;
  event.preventDefault();
  const [firstRow, firstColumn] = placeOf(event.target);
  let filled = 0;
  let left = 0;
  lines.forEach((line, down) => line.forEach((text, across) => {
    const input = inputAt(firstRow + down, firstColumn + across);
    if (input) { fill(input, text); filled += 1; } else left += 1;
  }));
  const notes = [`${filled} values pasted.`, left ? `${left} had no field and were left out.` : ''];
  document.querySelector('[data-pasted]').textContent = notes.join(' ').trim();
});

// Enter and the arrows move within the column, from the last row on to the button; Ctrl+Enter sends.
table.addEventListener('keydown', (event) => {
  const step = { Enter: 1, ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.isComposing || event.altKey || event.metaKey || !event.target.matches('input')) return;
  event.preventDefault();
  if (event.ctrlKey) {
    if (event.key === 'Enter') event.target.form.requestSubmit(event.target.form.querySelector('[name="run"]'));
    return;
  }
  const [row, column] = placeOf(event.target);
  let next = row + step;
  while (rows[next] && !inputAt(next, column)) next += step;
  const input = inputAt(next, column);
  if (input) { input.focus(); input.select?.(); } else if (event.key === 'Enter') event.target.form.querySelector('[name="run"]').focus();
});
