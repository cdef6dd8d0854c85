// Brings a part of the page up to date: data-refresh is the pause in seconds. Nothing happens while nobody looks, so
// that a page left open does not keep its session alive for ever.

const part = document.querySelector('[data-refresh]');
const SLOWEST = 60; // seconds, where the server does not answer
const PATIENCE = 15 * 60; // seconds without a hand on mouse or keyboard
let pause = Number(part?.dataset.refresh);
let touched = Date.now();

async function refresh() {
  if (document.hidden || Date.now() - touched > PATIENCE * 1000) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('[data-refresh]');
    if (!fresh) throw new Error('another page');
    const marked = getSelection();
    if (marked.isCollapsed || !part.contains(marked.anchorNode)) replace(fresh);
    pause = Number(fresh.dataset.refresh);
  } catch {
    pause = Math.min(pause * 2, SLOWEST);
  }
}

function replace(fresh) {
  const held = part.contains(document.activeElement) ? document.activeElement.id : '';
  part.replaceChildren(...fresh.childNodes);
  if (held) document.getElementById(held)?.focus({ preventScroll: true });
}

async function run() {
  await refresh();
  setTimeout(run, pause * 1000);
}
if (part) {
  setTimeout(run, pause * 1000);
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'visibilitychange']) {
    document.addEventListener(kind, () => { touched = Date.now(); }, { passive: true });
  }
  document.addEventListener('visibilitychange', refresh);
}
