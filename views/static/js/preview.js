// The preview of a mail follows the form around it: [data-preview] is where it is shown, in a frame.

const TYPING_PAUSE = 500; // ms

document.querySelectorAll('[data-preview]').forEach((box) => {
  const form = box.closest('form');
  const customer = box.querySelector('[name="preview_customer"]');
  const documents = box.querySelector('[data-documents]');
  let frame = box.querySelector('iframe'), number = 0, timer = 0;

  // What is typed goes to a new frame each time: so the browser's Back leads out of this page, not through previews.
  function showPreview() {
    clearTimeout(timer);
    const old = frame, own = Object.assign(old.cloneNode(), { name: `preview-${++number}`, className: 'coming' });
    frame = own;
    frame.removeAttribute('src');
    const data = [...new FormData(form)].filter(([, value]) => typeof value === 'string');
    if (form.method === 'get') frame.src = `${box.dataset.preview}?${new URLSearchParams(data)}`;
    old.after(frame);
    own.addEventListener('load', () => {
      if (own !== frame) return; // a later preview is on its way, or was quicker
      box.querySelectorAll('iframe').forEach((each) => { if (each !== own) each.remove(); });
      own.className = '';
      box.removeAttribute('aria-busy');
    });
    box.setAttribute('aria-busy', 'true');
    if (form.method === 'get') return;
    const sender = Object.assign(document.createElement('form'), { method: 'post', action: box.dataset.preview, target: frame.name, hidden: true });
    for (const [name, value] of data) sender.append(Object.assign(document.createElement('textarea'), { name, value }));
    document.body.append(sender);
    sender.submit();
    sender.remove();
  }
  const showLater = () => { clearTimeout(timer); timer = setTimeout(showPreview, TYPING_PAUSE); };

  async function listDocuments() {
    const select = documents.querySelector('select');
    select.replaceChildren(select.options[0]);
    select.value = '';
    select.disabled = true;
    const customerId = customer.value;
    if (!customerId) return;
    const response = await fetch(`${documents.dataset.documents}?preview_customer=${customerId}`).catch(() => null);
    const options = response?.ok ? await response.json().catch(() => []) : [];
    if (customer.value !== customerId || select.options.length > 1) return; // of another customer, or there already
    for (const [id, name] of options) select.append(new Option(name, id));
    select.disabled = options.length < 2;
  }

  box.addEventListener('change', (event) => {
    event.stopPropagation(); // whom a preview is for is nothing that could be left unsaved
    if (event.target === customer && documents) listDocuments();
    if (event.target === customer || event.target.name === 'preview_document') showPreview();
  });
  box.addEventListener('input', (event) => event.stopPropagation());
  box.querySelector('[data-preview-now]').addEventListener('click', (event) => { event.preventDefault(); showPreview(); });
  // While a placeholder is being chosen the text is not yet what it is to be.
  form.addEventListener('input', (event) => { if (['subject', 'body'].includes(event.target.name) && !event.target.hasAttribute('aria-activedescendant')) showLater(); });
  form.addEventListener('change', (event) => { if (event.target.name === 'purpose') showPreview(); });
  if (customer?.value && documents) listDocuments();
  if (form.method === 'post' && (!frame.hasAttribute('src') || document.querySelector('[data-errors]'))) showPreview();
});
