// Brings a part of the page up to date: data-refresh is the pause in seconds. Nothing happens while nobody looks.

const part = document.querySelector('[data-refresh]');
const SLOWEST = 60; // seconds, where the server does not answer
let pause = Number(part?.dataset.refresh);

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, cache: 'no-store' });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html').querySelector('[data-refresh]');
    if (!fresh) throw new Error('another page');
    if (!part.contains(document.activeElement) || !String(getSelection())) replace(fresh);
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
  document.addEventListener('visibilitychange', refresh);
}
