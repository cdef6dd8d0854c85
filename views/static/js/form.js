// Forms: unsaved changes, sending once, showing a password, conditional fields, previews, dropping a file.

const forms = document.querySelectorAll('form[data-guard]');
const changed = new WeakSet();
let leaving = false;

forms.forEach((form) => {
  for (const kind of ['input', 'change']) form.addEventListener(kind, (event) => { if (event.target.name || event.target === form) changed.add(form); });
});
addEventListener('beforeunload', (event) => {
  if (!leaving && [...forms].some((form) => changed.has(form))) event.preventDefault();
});

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method !== 'post') return;
  if (form.dataset.busy) { event.preventDefault(); return; }
  setTimeout(() => {
    if (event.defaultPrevented) return;
    form.dataset.busy = '1';
    leaving = true;
    event.submitter?.setAttribute('aria-busy', 'true');
  });
});
addEventListener('pageshow', () => {
  leaving = false;
  document.querySelectorAll('form[data-busy]').forEach((form) => delete form.dataset.busy);
  document.querySelectorAll('[aria-busy]').forEach((button) => button.removeAttribute('aria-busy'));
});

const summary = document.querySelector('[data-errors]');
summary?.focus();
// An address that names a tab has the browser go there once the page is complete.
if (summary) addEventListener('load', () => setTimeout(() => { if (document.activeElement === document.body) summary.focus(); }));
summary?.addEventListener('click', (event) => {
  const target = event.target.closest('a[href^="#"]') && document.getElementById(event.target.hash.slice(1));
  if (!target) return;
  event.preventDefault();
  setTimeout(() => {
    const field = target.matches('input, select, textarea') ? target : target.querySelector('[aria-invalid="true"], input:not([type="hidden"]), select, textarea');
    (field ?? target).focus();
    (field ?? target).scrollIntoView({ block: 'center' });
  });
});

document.addEventListener('click', (event) => {
  const eye = event.target.closest('[data-reveal]');
  if (eye) {
    const input = document.getElementById(eye.dataset.reveal);
    const shown = input.type === 'password';
    input.type = shown ? 'text' : 'password';
    eye.setAttribute('aria-pressed', String(shown));
    const use = eye.querySelector('use');
    use.setAttribute('href', use.getAttribute('href').replace(/#.*/, shown ? '#eye-off' : '#eye'));
  }
  const demo = event.target.closest('[data-fill-email]');
  if (demo) {
    const fields = document.querySelectorAll('.sign form input:not([type="hidden"]):not([type="checkbox"])');
    if (fields[0]) fields[0].value = demo.dataset.fillEmail;
    if (fields[1]) fields[1].value = demo.dataset.fillPassword;
    document.querySelector('.sign form button:not([type])')?.focus();
  }
});

// data-show-when="kind=company|partner": shown while the field `kind` has one of these values.
const valueOf = (form, name) => {
  const field = form.elements[name];
  if (!field) return '';
  return field.type === 'checkbox' ? (field.checked ? 'y' : '') : field.value;
};
function conditions(form) {
  form.querySelectorAll('[data-show-when]').forEach((box) => {
    if (!box.classList.contains('field')) return;
    const [name, wanted] = box.dataset.showWhen.split('=');
    const shown = wanted.split('|').includes(valueOf(form, name));
    box.hidden = !shown;
    box.querySelectorAll('[required], [data-was-required]').forEach((input) => {
      if (!shown && input.required) input.dataset.wasRequired = '1';
      input.required = shown && (input.required || input.dataset.wasRequired === '1');
    });
  });
}
document.querySelectorAll('form:has([data-show-when])').forEach((form) => {
  conditions(form);
  form.addEventListener('change', () => conditions(form));
});

const later = (act, wait) => { let timer; return (...given) => { clearTimeout(timer); timer = setTimeout(() => act(...given), wait); }; };
const texts = (form) => {
  const data = new FormData(form);
  for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
  return data;
};

// A block that shows what the values mean, as they change: POSTs the form, gets {lines: [text]}.
document.querySelectorAll('[data-live]').forEach((block) => {
  const form = block.closest('form');
  const follow = later(async () => {
    const answer = await fetch(block.dataset.live, { method: 'POST', body: texts(form) }).catch(() => null);
    if (!answer?.ok) return;
    const { lines } = await answer.json();
    block.querySelector('ul').replaceChildren(...lines.map((line) => Object.assign(document.createElement('li'), { textContent: line })));
  }, 250);
  block.closest('.tab-panel')?.addEventListener('change', follow);
  if (block.dataset.follows) form.elements[block.dataset.follows].addEventListener('change', follow);
});

// The preview of an operation follows its form: POST with preview=1 answers the same page, of which one part is taken.
document.querySelectorAll('form[data-refresh]').forEach((form) => {
  const part = form.querySelector('[data-swap]');
  form.addEventListener('change', later(async () => {
    const data = texts(form);
    data.append('preview', '1');
    part.setAttribute('aria-busy', 'true');
    const answer = await fetch(location.href, { method: 'POST', body: data }).catch(() => null);
    if (answer?.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      const fresh = page.querySelector(`[data-swap="${part.dataset.swap}"]`);
      if (fresh) part.replaceChildren(...fresh.childNodes);
    }
    part.removeAttribute('aria-busy');
  }, 300));
});

document.querySelectorAll('[data-drop]').forEach((zone) => {
  const input = zone.querySelector('input[type="file"]');
  for (const kind of ['dragenter', 'dragover']) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add('over'); });
  for (const kind of ['dragleave', 'drop']) zone.addEventListener(kind, () => zone.classList.remove('over'));
  zone.addEventListener('drop', (event) => {
    event.preventDefault();
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  });
});
