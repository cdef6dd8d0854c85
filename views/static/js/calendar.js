// The calendar of a date box: opened by its button or the Down key, used with mouse or keyboard.

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const FIRST_YEAR = 1900, LAST_YEAR = 2199;
let dialog = null, input = null, focused = null;

const day = (year, month, date) => new Date(year, month, date, 12); // at noon, which every day has
const isSame = (one, other) => Boolean(one && other) && one.toDateString() === other.toDateString();
const two = (number) => String(number).padStart(2, '0');
const clamp = (date) => (date.getFullYear() < FIRST_YEAR ? day(FIRST_YEAR, 0, 1) : date.getFullYear() > LAST_YEAR ? day(LAST_YEAR, 11, 31) : date);

// pattern: dd/mm/yyyy, dd.mm.yyyy, mm/dd/yyyy, yyyy-mm-dd or d mmm yyyy
function write(date, pattern) {
  const parts = { yyyy: date.getFullYear(), mmm: MONTHS[date.getMonth()].slice(0, 3), mm: two(date.getMonth() + 1), dd: two(date.getDate()), d: date.getDate() };
  return pattern.replace(/yyyy|mmm|mm|dd|d/g, (part) => parts[part]);
}

function read(text, pattern) {
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/.exec(text.trim());
  const figures = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})$/.exec(text.trim());
  const words = /^(\d{1,2})\.? +([a-z]{3})[a-z]*\.?,? +(\d{4})$/i.exec(text.trim());
  let found = null;
  if (iso) found = day(+iso[1], iso[2] - 1, +iso[3]);
  else if (words) found = day(+words[3], MONTHS.findIndex((name) => name.slice(0, 3).toLowerCase() === words[2].toLowerCase()), +words[1]);
  else if (figures) found = pattern.startsWith('mm') ? day(+figures[3], figures[1] - 1, +figures[2]) : day(+figures[3], figures[2] - 1, +figures[1]);
  return found && !Number.isNaN(found.getTime()) ? clamp(found) : null;
}

function moveMonths(date, months) {
  const last = day(date.getFullYear(), date.getMonth() + months + 1, 0);
  return clamp(day(last.getFullYear(), last.getMonth(), Math.min(date.getDate(), last.getDate())));
}

function build() {
  dialog = document.createElement('div');
  dialog.className = 'calendar';
  dialog.setAttribute('role', 'dialog');
  dialog.setAttribute('aria-modal', 'true');
  dialog.innerHTML = `<div class="calendar-head">
    <button type="button" class="btn btn-quiet" data-months="-12" aria-label="Previous year">«</button><button type="button" class="btn btn-quiet" data-months="-1" aria-label="Previous month">‹</button>
    <strong aria-live="polite"></strong>
    <button type="button" class="btn btn-quiet" data-months="1" aria-label="Next month">›</button><button type="button" class="btn btn-quiet" data-months="12" aria-label="Next year">»</button></div>
    <table role="grid"><thead><tr></tr></thead><tbody></tbody></table>
    <div class="calendar-foot"><button type="button" class="btn btn-quiet" data-today>Today</button><button type="button" class="btn btn-quiet" data-clear>Clear</button></div>`;
  dialog.addEventListener('click', onClick);
  dialog.addEventListener('keydown', onKey);
}

function draw() {
  const firstDay = input.dataset.date.startsWith('mm') ? 0 : 1; // the week begins on Sunday where the month comes first
  const chosen = read(input.value, input.dataset.date);
  dialog.querySelector('strong').textContent = `${MONTHS[focused.getMonth()]} ${focused.getFullYear()}`;
  dialog.querySelector('thead tr').innerHTML = DAYS.map((_, n) => DAYS[(n + firstDay) % 7]).map((name) => `<th scope="col" abbr="${name}">${name.slice(0, 2)}</th>`).join('');
  const first = day(focused.getFullYear(), focused.getMonth(), 1);
  const offset = (first.getDay() - firstDay + 7) % 7;
  const weeks = Math.ceil((offset + day(focused.getFullYear(), focused.getMonth() + 1, 0).getDate()) / 7);
  const cell = (n) => {
    const date = day(focused.getFullYear(), focused.getMonth(), n - offset + 1);
    if (date.getMonth() !== focused.getMonth()) return '<td></td>';
    const classes = isSame(date, day(...today())) ? ' class="today"' : '';
    return `<td aria-selected="${isSame(date, chosen)}"><button type="button" data-day="${date.getDate()}" tabindex="${isSame(date, focused) ? 0 : -1}"${classes} aria-label="${DAYS[date.getDay()]}, ${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}">${date.getDate()}</button></td>`;
  };
  dialog.querySelector('tbody').innerHTML = Array.from({ length: weeks }, (_, week) => `<tr>${Array.from({ length: 7 }, (__, n) => cell(week * 7 + n)).join('')}</tr>`).join('');
}
const today = () => { const now = new Date(); return [now.getFullYear(), now.getMonth(), now.getDate()]; };

function place() {
  const at = input.closest('.date-box').getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = dialog;
  const below = at.bottom + 5 + height <= innerHeight || at.top < height;
  dialog.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  dialog.style.top = `${below ? Math.min(at.bottom + 5, Math.max(8, innerHeight - height - 8)) : at.top - 5 - height}px`;
}

function open(box) {
  if (box.disabled || box.readOnly) return;
  if (!dialog) build();
  input = box;
  focused = read(box.value, box.dataset.date) ?? day(...today());
  dialog.setAttribute('aria-label', `Choose ${box.getAttribute('aria-label') || box.labels?.[0]?.textContent.replace('*', '').trim() || 'a date'}`);
  (box.closest('.menu-panel') ?? document.body).append(dialog); // within a menu, which would close else
  draw();
  place();
  focusDay();
}
const focusDay = () => dialog.querySelector('[tabindex="0"]').focus();

function shut(refocus) {
  dialog?.remove();
  if (refocus) input?.focus();
  input = null;
}

function choose(text) {
  const box = input;
  box.value = text;
  shut(true);
  for (const kind of ['input', 'change']) box.dispatchEvent(new Event(kind, { bubbles: true }));
}

function onClick(event) {
  const button = event.target.closest('button');
  if (!button) return;
  event.stopPropagation();
  if (button.dataset.day) choose(write(day(focused.getFullYear(), focused.getMonth(), +button.dataset.day), input.dataset.date));
  else if (button.dataset.today !== undefined) choose(write(day(...today()), input.dataset.date));
  else if (button.dataset.clear !== undefined) choose('');
  else { focused = moveMonths(focused, +button.dataset.months); draw(); place(); }
}

function onKey(event) {
  if (event.key === 'Escape') { event.preventDefault(); event.stopPropagation(); shut(true); return; }
  if (event.key === 'Tab') { keepFocus(event); return; }
  if (!event.target.dataset.day) return;
  const weekday = (focused.getDay() + (input.dataset.date.startsWith('mm') ? 0 : 6)) % 7;
  const days = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7, Home: -weekday, End: 6 - weekday }[event.key];
  const months = { PageUp: -1, PageDown: 1 }[event.key];
  if (days === undefined && months === undefined) return;
  event.preventDefault();
  event.stopPropagation();
  focused = months ? moveMonths(focused, months * (event.shiftKey ? 12 : 1)) : clamp(day(focused.getFullYear(), focused.getMonth(), focused.getDate() + days));
  draw();
  focusDay();
}

// Tab goes round within the calendar.
function keepFocus(event) {
  const stops = [...dialog.querySelectorAll('button:not([tabindex="-1"])')];
  const edge = event.shiftKey ? stops[0] : stops.at(-1);
  if (event.target !== edge) return;
  event.preventDefault();
  (event.shiftKey ? stops.at(-1) : stops[0]).focus();
}

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('[data-calendar]');
  if (button) {
    event.preventDefault();
    const box = button.closest('.date-box').querySelector('input');
    if (box === input) shut(true); else open(box);
  } else if (input && !dialog.contains(event.target)) shut();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'ArrowDown' || !event.target.matches?.('input[data-date]')) return;
  event.preventDefault();
  open(event.target);
});
document.addEventListener('focusin', (event) => { if (input && !dialog.contains(event.target) && !input.closest('.date-box').contains(event.target)) shut(); });
addEventListener('resize', () => { if (input) place(); });
document.addEventListener('scroll', () => { if (input) place(); }, true);
