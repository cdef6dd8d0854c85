// Forms: unsaved changes, sending once, showing a password, conditional fields, days, previews, dropping a file.

const forms = document.querySelectorAll('form[data-guard]');
const changedForms = new WeakSet();
let isLeaving = false;

forms.forEach((form) => {
  for (const kind of ['input', 'change']) form.addEventListener(kind, (event) => { if (event.target.name || event.target === form) changedForms.add(form); });
});
addEventListener('beforeunload', (event) => {
  if (!isLeaving && [...forms].some((form) => changedForms.has(form))) event.preventDefault();
});

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (form.method !== 'post') return;
  if (form.dataset.busy) { event.preventDefault(); return; }
  setTimeout(() => {
    if (event.defaultPrevented || event.submitter?.formTarget === '_blank') return;
    form.dataset.busy = '1';
    isLeaving = true;
    event.submitter?.setAttribute('aria-busy', 'true');
  });
});
addEventListener('pageshow', () => {
  isLeaving = false;
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
  const field = fieldToCorrect(target);
  reveal(field);
  setTimeout(() => {
    if (!field.matches('input, select, textarea, button')) field.tabIndex = -1;
    field.focus();
    field.scrollIntoView({ block: 'center' });
  });
});

// What is to be corrected in a group of boxes or a list: the first that is wrong, else the first there is to fill in.
function fieldToCorrect(target) {
  const FIELDS = 'input:not([type="hidden"], .sr), select, textarea';
  if (target.matches(FIELDS)) return target;
  const first = (selector) => target.querySelector(selector);
  return first('[aria-invalid="true"]') ?? (target.matches('[data-inline]') ? first(`[data-rows] :is(${FIELDS})`) ?? first('[data-add]') : first(FIELDS)) ?? target;
}

// Opens whatever a field stands in that is closed or hidden; tabs.js follows the event.
function reveal(field) {
  for (let part = field; part; part = part.parentElement) {
    if (part.matches('details')) part.open = true;
    if (part.matches('.field[data-show-when]')) { part.dataset.revealed = ''; part.hidden = false; }
  }
  field.dispatchEvent(new Event('reveal', { bubbles: true }));
}
// The browser objects to nothing that cannot be seen: otherwise nothing would be sent, without a word.
document.addEventListener('invalid', (event) => reveal(event.target), true);

document.addEventListener('click', (event) => {
  const toggle = event.target.closest('[data-reveal]');
  if (toggle) {
    const input = document.getElementById(toggle.dataset.reveal);
    const isHidden = input.type === 'password';
    input.type = isHidden ? 'text' : 'password';
    toggle.setAttribute('aria-pressed', String(isHidden));
    const use = toggle.querySelector('use');
    use.setAttribute('href', use.getAttribute('href').replace(/#.*/, isHidden ? '#eye-off' : '#eye'));
  }
  const demo = event.target.closest('[data-fill-email]');
  if (demo) {
    const fields = document.querySelectorAll('.sign form input:not([type="hidden"]):not([type="checkbox"])');
    if (fields[0]) fields[0].value = demo.dataset.fillEmail;
    if (fields[1]) fields[1].value = demo.dataset.fillPassword;
    document.querySelector('.sign form button:not([type])')?.focus();
  }
});

// data-show-when="kind=company|partner": shown while the field `kind` has one of these values, or to be corrected.
// data-required-when: the mark of a field that is required then.
const valueOf = (form, name) => {
  const field = form.elements[name];
  if (!field) return '';
  return field.type === 'checkbox' ? (field.checked ? 'y' : '') : field.value;
};
const isMet = (form, condition) => {
  const [name, values] = condition.split('=');
  return values.split('|').includes(valueOf(form, name));
};
function updateConditionalFields(form) {
  form.querySelectorAll('[data-required-when]').forEach((mark) => { mark.hidden = !isMet(form, mark.dataset.requiredWhen); });
  form.querySelectorAll('[data-show-when]').forEach((box) => {
    if (!box.classList.contains('field')) return;
    const isShown = isMet(form, box.dataset.showWhen) || box.classList.contains('invalid') || box.dataset.revealed !== undefined;
    box.hidden = !isShown;
    box.querySelectorAll('[required], [data-was-required]').forEach((input) => {
      if (!isShown && input.required) input.dataset.wasRequired = '1';
      input.required = isShown && (input.required || input.dataset.wasRequired === '1');
    });
  });
}
document.querySelectorAll('form:has([data-show-when], [data-required-when])').forEach((form) => {
  updateConditionalFields(form);
  form.addEventListener('change', () => updateConditionalFields(form));
});

// data-days-of="month": a list of days offers those that the month in the field named so has, 29 for February.
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
document.querySelectorAll('[data-days-of]').forEach((days) => {
  const month = days.form.elements[days.dataset.daysOf];
  const offerDays = () => {
    const last = DAYS[month.value - 1] ?? 31;
    for (const option of days.options) option.hidden = option.disabled = Number(option.value) > last;
    if (Number(days.value) > last) days.value = String(last);
  };
  offerDays();
  month.addEventListener('change', offerDays);
});

const debounce = (action, wait) => { let timer; return (...args) => { clearTimeout(timer); timer = setTimeout(() => action(...args), wait); }; };
// Of several answers on their way only that to the last question counts; for the others, and for failures, it is null.
const lastAnswer = (ask) => { let number = 0; return async () => { const own = ++number; const answer = await ask().catch(() => null); return own === number ? { answer } : null; }; };
const dataWithoutFiles = (form) => {
  const data = new FormData(form);
  for (const [name, value] of [...data]) if (value instanceof File) data.delete(name);
  return data;
};

// A block that shows what the values mean, as they change: POSTs the form, gets {lines: [text]}.
document.querySelectorAll('[data-live]').forEach((block) => {
  const form = block.closest('form');
  const ask = lastAnswer(async () => {
    const response = await fetch(block.dataset.live, { method: 'POST', body: dataWithoutFiles(form) });
    return response.ok ? response.json() : null;
  });
  const update = debounce(async () => {
    const lines = (await ask())?.answer?.lines;
    if (lines) block.querySelector('ul').replaceChildren(...lines.map((line) => Object.assign(document.createElement('li'), { textContent: line })));
  }, 250);
  (block.closest('.tab-panel') ?? form).addEventListener('change', update);
  if (block.dataset.follows) form.elements[block.dataset.follows].addEventListener('change', update);
});

// The preview of an operation follows its form: POST with preview=1 answers the same page, of which one part is taken.
document.querySelectorAll('form[data-refresh]').forEach((form) => {
  const part = form.querySelector('[data-swap]');
  const ask = lastAnswer(async () => {
    const data = dataWithoutFiles(form);
    data.append('preview', '1');
    const response = await fetch(location.href, { method: 'POST', body: data });
    return response.ok ? response.text() : null;
  });
  form.addEventListener('change', debounce(async () => {
    part.setAttribute('aria-busy', 'true');
    const last = await ask();
    if (!last) return;
    const page = last.answer && new DOMParser().parseFromString(last.answer, 'text/html');
    const fresh = page?.querySelector(`[data-swap="${part.dataset.swap}"]`);
    if (fresh) part.replaceChildren(...fresh.childNodes);
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
