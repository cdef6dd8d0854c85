// Brings a part of the page up to date: data-refresh is the pause in seconds. Nothing happens while nobody looks, so
// that a page left open does not keep its session alive for ever.

const part = document.querySelector('[data-refresh]');
const SLOWEST = 60; // seconds, where the server does not answer
const IDLE_LIMIT = 15 * 60; // seconds without a hand on mouse or keyboard
let pause = Number(part?.dataset.refresh);
let lastInput = Date.now();

async function refresh() {
  if (document.hidden || Date.now() - lastInput > IDLE_LIMIT * 1000) return;
  try {
    const response = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
    if (!response.ok || response.redirected) throw new Error(String(response.status));
    const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').querySelector('[data-refresh]');
    if (!fresh) throw new Error('another page');
    const selection = getSelection();
    if (selection.isCollapsed || !part.contains(selection.anchorNode)) replaceContents(fresh);
    pause = Number(fresh.dataset.refresh);
  } catch {
    pause = Math.min(pause * 2, SLOWEST);
  }
}

function replaceContents(fresh) {
  const focusedId = part.contains(document.activeElement) ? document.activeElement.id : '';
  part.replaceChildren(...fresh.childNodes);
  if (focusedId) document.getElementById(focusedId)?.focus({ preventScroll: true });
}

async function refreshLater() {
  await refresh();
  setTimeout(refreshLater, pause * 1000);
}
if (part) {
  setTimeout(refreshLater, pause * 1000);
  for (const kind of ['pointermove', 'pointerdown', 'keydown', 'scroll', 'visibilitychange']) {
    document.addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true });
  }
  document.addEventListener('visibilitychange', refresh);
}
