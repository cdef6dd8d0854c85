// Resting on a link with data-peek shows a summary: {title, sub, items: [[label, value]]}.

const summaries = new Map();
let card = null, timer = 0, activeLink = null;

const node = (tag, text, className) => Object.assign(document.createElement(tag), { textContent: text ?? '', className: className ?? '' });

function hideCard() {
  clearTimeout(timer);
  activeLink?.removeAttribute('aria-describedby');
  card?.remove();
  card = activeLink = null;
}

async function showCard(link) {
  const address = link.dataset.peek;
  if (!summaries.has(address)) {
    const response = await fetch(address, { headers: { Accept: 'application/json' } }).catch(() => null);
    if (!response?.ok) return;
    summaries.set(address, await response.json());
  }
  if (activeLink !== link) return;
  const { title, sub, items } = summaries.get(address);
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
  card.addEventListener('pointerleave', hideCard);
}

function showLater(link, wait) {
  if (link === activeLink) return;
  hideCard();
  activeLink = link;
  timer = setTimeout(() => showCard(link), wait);
}

document.addEventListener('pointerover', (event) => {
  if (event.pointerType === 'touch') return;
  const link = event.target.closest?.('[data-peek]');
  if (link) showLater(link, 350); else if (activeLink && !card?.contains(event.target)) hideCard();
});
document.addEventListener('focusin', (event) => {
  const link = event.target.closest?.('[data-peek]');
  if (link?.matches(':focus-visible')) showLater(link, 500); else hideCard();
});
document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hideCard(); });
addEventListener('scroll', hideCard, { passive: true, capture: true });
