// Resting on a link with data-peek shows a summary: {title, sub, items: [[label, value]]}.

const known = new Map();
let card = null, timer = 0, over = null;

const node = (tag, text, className) => Object.assign(document.createElement(tag), { textContent: text ?? '', className: className ?? '' });

function hide() {
  clearTimeout(timer);
  over?.removeAttribute('aria-describedby');
  card?.remove();
  card = over = null;
}

async function show(link) {
  const address = link.dataset.peek;
  if (!known.has(address)) {
    const answer = await fetch(address, { headers: { Accept: 'application/json' } }).catch(() => null);
    if (!answer?.ok) return;
    known.set(address, await answer.json());
  }
  if (over !== link) return;
  const { title, sub, items } = known.get(address);
  card = node('div', '', 'peek');
  card.id = 'peek';
  card.setAttribute('role', 'tooltip');
  card.append(node('strong', title));
  if (sub) card.append(node('span', sub, 'sub'));
  const list = node('dl', '', 'items');
  for (const [label, value] of items ?? []) {
    const row = node('div');
    row.append(node('dt', label), node('dd', value));
    list.append(row);
  }
  card.append(list);
  document.body.append(card);
  const at = link.getBoundingClientRect();
  const below = at.bottom + card.offsetHeight + 10 < innerHeight;
  card.style.left = `${Math.max(8, Math.min(at.left, innerWidth - card.offsetWidth - 8))}px`;
  card.style.top = `${below ? at.bottom + 6 : Math.max(8, at.top - card.offsetHeight - 6)}px`;
  link.setAttribute('aria-describedby', 'peek');
  card.addEventListener('pointerleave', hide);
}

function begin(link, wait) {
  if (link === over) return;
  hide();
  over = link;
  timer = setTimeout(() => show(link), wait);
}

document.addEventListener('pointerover', (event) => {
  if (event.pointerType === 'touch') return;
  const link = event.target.closest?.('[data-peek]');
  if (link) begin(link, 350); else if (over && !card?.contains(event.target)) hide();
});
document.addEventListener('focusin', (event) => {
  const link = event.target.closest?.('[data-peek]');
  if (link?.matches(':focus-visible')) begin(link, 500); else hide();
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });
addEventListener('scroll', hide, { passive: true, capture: true });
