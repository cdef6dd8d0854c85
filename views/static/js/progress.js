// Follows long work: asks every moment how far it is and loads the result when it is over.

const block = document.querySelector('[data-poll]');
const number = new Intl.NumberFormat(document.documentElement.lang || undefined);
const QUICKEST = 250, REGULAR = 1200, SLOWEST = 20000; // ms: short work is over before the usual pause
let wait = QUICKEST;

function showState(state) {
  const bar = block.querySelector('progress');
  if (state.total) { bar.max = state.total; bar.value = state.done ?? 0; } else bar.removeAttribute('value');
  block.querySelector('[data-done]').textContent = number.format(state.done ?? 0) + (state.total ? ` of ${number.format(state.total)}` : '');
  block.querySelector('[data-rate]').textContent = state.rate_text ?? '';
  block.querySelector('[data-left]').textContent = state.left_text ?? '';
  const chip = document.querySelector('[data-state] .chip');
  if (chip && state.state === 'running') { chip.textContent = 'Running'; chip.className = 'chip chip-blue'; }
  const share = state.total ? `${Math.floor(100 * (state.done ?? 0) / state.total)} % · ` : '';
  document.title = share + document.title.replace(/^\d+ % · /, '');
  showProblems(state.problems ?? []);
}

function showProblems(list) {
  const box = document.querySelector('[data-problems]');
  box.hidden = !list.length;
  const icon = box.dataset.icon;
  box.querySelector('ul').replaceChildren(...list.map(([where, text, url]) => {
    const row = document.createElement('li');
    row.className = 'bad';
    const body = document.createElement('div');
    const sub = document.createElement('span');
    sub.className = 'sub';
    sub.textContent = text;
    body.append(url ? Object.assign(document.createElement('a'), { href: url, textContent: where }) : where, sub);
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    use.setAttribute('href', icon);
    svg.append(use);
    row.append(svg, body);
    return row;
  }));
}

async function poll() {
  try {
    const response = await fetch(block.dataset.poll, { headers: { Accept: 'application/json' }, cache: 'no-store' });
    if (!response.ok) throw new Error(String(response.status));
    const state = await response.json();
    if (['done', 'failed', 'cancelled'].includes(state.state)) { location.reload(); return; }
    showState(state);
    wait = Math.min(wait * 1.5, REGULAR);
  } catch {
    block.querySelector('[data-left]').textContent = 'Connection lost. Retrying; processing continues in the background.';
    wait = Math.min(Math.max(wait, REGULAR) * 2, SLOWEST);
  }
  setTimeout(poll, document.hidden ? Math.max(wait, 6000) : wait);
}
if (block) setTimeout(poll, wait);
