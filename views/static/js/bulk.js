// Lists: ticking rows, and what can be done to those that are ticked.

const bar = document.getElementById('bulk');
const checkboxes = () => [...document.querySelectorAll('[name="rowid"]')];
const selectAllBoxes = document.querySelectorAll('[data-tick-all]');
let lastClicked = null;

// All rows of the page are ticked and the list has more: it is offered to take all that match, which the box says that
// stands in the form for browsers without scripts. Ticking anything takes that back.
const matchingBox = bar?.querySelector('[data-all]');
const matchingButton = bar?.querySelector('[data-matching]');
const clearButton = bar?.querySelector('[data-untick]');
const takesMatching = () => Boolean(matchingBox?.checked);
matchingButton?.addEventListener('click', () => { matchingBox.checked = true; updateSelection(); clearButton.focus(); });

function updateSelection() {
  const all = checkboxes();
  const on = all.filter((tick) => tick.checked).length;
  const matching = matchingButton?.dataset.matching;
  if (matchingBox && on < all.length) matchingBox.checked = false;
  if (matchingButton) matchingButton.hidden = on < all.length || takesMatching();
  bar.querySelector('[data-count]').textContent = takesMatching() ? `All ${matching} selected` : `${on} selected`;
  if (clearButton) clearButton.classList.toggle('with-text', takesMatching());
  selectAllBoxes.forEach((box) => {
    box.checked = on > 0 && on === all.length;
    box.indeterminate = on > 0 && on < all.length;
  });
  clearTimeout(asking);
  if (on && bar.dataset.available) asking = setTimeout(askWhatCanBeDone, 120);
}

// In sight are the first actions that can be done to the rows that are ticked. The rest is in a menu, what cannot be
// done to any of them with the reason.
const mostInSight = matchMedia('(max-width: 640px)').matches ? 2 : 4;
const actions = [...(bar?.querySelectorAll('[name="action"]') ?? [])];
const [inSight, more] = bar ? [bar.querySelector('.bulk-buttons'), bar.querySelector('[data-more]')] : [];
let asking = null;
let asked = 0;

function arrangeActions(available, ticked) {
  const found = new Map(available.map((each) => [each.name, each]));
  const focused = document.activeElement;
  let room = mostInSight;
  for (const button of actions) {
    const answer = found.get(button.value);
    const { count, reason } = { count: answer?.count ?? ticked, reason: answer?.reason ?? '' };
    const isDangerous = button.classList.contains('btn-danger') || button.classList.contains('danger');
    const isInSight = count > 0 && room > 0;
    if (isInSight) room -= 1;
    button.disabled = count === 0;
    button.className = isInSight ? `btn${isDangerous ? ' btn-danger' : ''}` : `menu-item${isDangerous ? ' danger' : ''}`;
    button.querySelector('.sub')?.remove();
    const note = count === 0 ? reason : count < ticked ? `${count} of ${ticked}` : '';
    if (note) button.append(Object.assign(document.createElement('span'), { className: 'sub', textContent: note }));
    (isInSight ? inSight : more.querySelector('.menu-panel')).append(button);
  }
  more.hidden = !more.querySelector('button');
  if (more.open) more.dispatchEvent(new CustomEvent('grown', { bubbles: true }));
  if (focused !== document.activeElement) focused.focus();
}

async function askWhatCanBeDone() {
  const ids = checkboxes().filter((tick) => tick.checked).map((tick) => tick.value);
  const turn = ++asked;
  const rows = takesMatching() ? [['all', 1], ['back', bar.elements.back.value]] : ids.map((id) => ['id', id]);
  const url = `${bar.dataset.available}?${new URLSearchParams(rows)}`;
  const response = await fetch(url).catch(() => null);
  const available = response?.ok ? await response.json() : []; // nobody knows: the operation's page tells
  const ticked = takesMatching() ? Number(matchingButton.dataset.matching.replace(/\D/g, '')) : ids.length;
  if (turn === asked) arrangeActions(available, ticked); // else others are ticked by now
}
if (bar) arrangeActions([], Infinity); // all of them, until it is known

if (bar) {
  document.addEventListener('click', (event) => {
    if (!event.target.matches('[name="rowid"]')) return;
    const all = checkboxes();
    if (event.shiftKey && lastClicked) {
      const [from, to] = [all.indexOf(lastClicked), all.indexOf(event.target)].sort((a, b) => a - b);
      all.slice(from, to + 1).forEach((tick) => { tick.checked = event.target.checked; });
    }
    lastClicked = event.target;
    updateSelection();
  });
  selectAllBoxes.forEach((box) => box.addEventListener('change', () => { checkboxes().forEach((tick) => { tick.checked = box.checked; }); updateSelection(); }));
  bar.querySelector('[data-untick]')?.addEventListener('click', () => { checkboxes().forEach((tick) => { tick.checked = false; }); updateSelection(); });
  addEventListener('pageshow', updateSelection);
}

